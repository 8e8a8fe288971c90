// A curve that the reader draws, by mouse, touch or arrow keys, before the truth is laid over it
// (scripts/curves.py computes it; practice.js calls this in the fold of the question).
"use strict";
(() => {
  const SVG = "http://www.w3.org/2000/svg", WIDTH = 340, HEIGHT = 210, LEFT = 34, RIGHT = 8, TOP = 10, BOTTOM = 30;
  const draw = (tag, attributes, text = "") => {
    const element = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.textContent = text;
    return element;
  };
  const say = v => String(+v.toFixed(2)).replace("-", "−");

  // `form` is practice.js's: fields, a button, the place where it answers.
  window.gcCurve = ({ label, curve }, solved, form) => {
    const { low, high, top, right, fine, given, within } = curve, n = right.length;
    const mine = Array(n).fill(null);
    const across = (k, many) => LEFT + (k / (many - 1)) * (WIDTH - LEFT - RIGHT);
    const down = v => TOP + (1 - v / top) * (HEIGHT - TOP - BOTTOM), x = k => low + (k / (n - 1)) * (high - low);
    const line = (values, name) => draw("path", { class: name, d: values.map((v, k) => `${k ? "L" : "M"}${across(k, values.length).toFixed(1)} ${down(v).toFixed(1)}`).join("") });
    const board = draw("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "gc-curve", role: "group", "aria-label": `${label}: ${n} points, arrow keys move along and change the height` });
    for (const v of [0, top / 2, top]) {
      board.append(draw("line", { class: "gc-curve-grid", x1: LEFT, x2: WIDTH - RIGHT, y1: down(v), y2: down(v) }),
        draw("text", { x: LEFT - 5, y: down(v) + 4, "text-anchor": "end" }, say(v)));
    }
    for (const k of [0, (n - 1) / 2, n - 1]) board.append(draw("text", { x: across(k, n), y: HEIGHT - 14, "text-anchor": k ? (k === n - 1 ? "end" : "middle") : "start" }, say(x(k))));
    board.append(draw("text", { x: (LEFT + WIDTH) / 2 + 60, y: HEIGHT - 2, "text-anchor": "middle" }, curve.x));
    for (const [name, values] of Object.entries(given)) {
      const peak = values.indexOf(Math.max(...values));
      board.append(line(values, `gc-curve-given gc-curve-${name}`), draw("text", { class: `gc-curve-${name}`, x: across(peak, values.length), y: down(values[peak]) - 5, "text-anchor": "middle" }, name));
    }
    const own = draw("path", { class: "gc-curve-own" }), over = draw("g", {});
    board.append(own, over);
    const dots = right.map((_, k) => {
      const dot = draw("circle", { cx: across(k, n), r: 4, role: "slider", tabindex: k ? -1 : 0, "aria-label": `${curve.x} = ${say(x(k))}`, "aria-valuemin": 0, "aria-valuemax": top });
      dot.addEventListener("keydown", event => {
        const along = { ArrowLeft: -1, ArrowRight: 1 }[event.key], up = { ArrowUp: 1, ArrowDown: -1, PageUp: 5, PageDown: -5 }[event.key];
        if (!along && !up) return;
        event.preventDefault();
        if (up) put(k, (mine[k] ?? beside(k)) + (up * top) / 20);
        const next = dots[k + (along || 0)];
        if (along && next) { dot.setAttribute("tabindex", -1); next.setAttribute("tabindex", 0); next.focus(); }
      });
      return dot;
    });
    board.append(...dots);

    // Where nothing is drawn yet the curve is as high as at the nearest point that is.
    function beside(k) {
      for (let far = 0; far < n; far++) for (const at of [k - far, k + far]) if (mine[at] != null) return mine[at];
      return top / 2;
    }
    function show() {
      dots.forEach((dot, k) => {
        const v = beside(k);
        dot.setAttribute("cy", down(v));
        dot.setAttribute("aria-valuenow", v);
        dot.setAttribute("aria-valuetext", mine[k] == null ? `${say(v)}, not drawn` : say(v));
        dot.setAttribute("class", mine[k] == null ? "gc-curve-open" : "gc-curve-set");
      });
      own.setAttribute("d", line(right.map((_, k) => beside(k)), "").getAttribute("d"));
    }
    function put(k, v) {
      mine[k] = Math.min(top, Math.max(0, v));
      show();
    }
    let last = null;
    const where = event => {
      const box = board.getBoundingClientRect(), scale = WIDTH / box.width;
      const k = Math.round((((event.clientX - box.left) * scale - LEFT) / (WIDTH - LEFT - RIGHT)) * (n - 1));
      return [Math.min(n - 1, Math.max(0, k)), (1 - ((event.clientY - box.top) * scale - TOP) / (HEIGHT - TOP - BOTTOM)) * top];
    };
    board.addEventListener("pointerdown", event => {
      board.setPointerCapture(event.pointerId);
      last = where(event);
      put(...last);
    });
    board.addEventListener("pointermove", event => {
      if (!last) return;
      const [k, v] = where(event), [from, was] = last, steps = Math.abs(k - from);
      for (let s = 1; s <= steps; s++) put(from + Math.sign(k - from) * s, was + ((v - was) * s) / steps);
      if (!steps) put(k, v);
      last = [k, v];
    });
    for (const name of ["pointerup", "pointercancel"]) board.addEventListener(name, () => { last = null; });
    show();

    const grade = () => {
      if (mine.every(v => v == null)) return "Draw the curve first: drag along it, or move its points by the arrow keys.";
      const apart = right.map((v, k) => Math.abs(v - beside(k))), mean = apart.reduce((a, b) => a + b) / n, worst = apart.indexOf(Math.max(...apart));
      over.replaceChildren(line(fine, "gc-curve-truth"));
      board.dataset.off = mean;
      const at = `At ${curve.x} = ${say(x(worst))} you drew ${say(beside(worst))}; it is ${say(right[worst])}.`;
      return { right: mean <= within, words: `Dashed: the truth. You are ${say(mean)} off on average, on a scale from 0 to ${say(top)}. ${at}` };
    };
    return form(`Draw ${label}`, [board], grade, solved);
  };
})();
