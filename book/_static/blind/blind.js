/* A blinded test: real or generated? The fold of such a test holds its pictures (scripts/embeds.py), the real
 * ones first; here they come one by one, in an order that differs by visit. Nothing is kept or sent. */
(function () {
"use strict";

// The numbers of right answers, of n, that a coin stays within in at least 95 of 100 tests, how often it does,
// and how often it gets more than that.
function coin(n) {
  const chance = [0.5 ** n];
  for (let k = 0; k < n; k++) chance.push((chance[k] * (n - k)) / (k + 1));
  let low = Math.floor(n / 2), inside = n % 2 ? 2 * chance[low] : chance[low];
  while (inside < 0.95) inside += 2 * chance[--low];
  return { low, high: n - low, inside, above: (1 - inside) / 2 };
}

function verdict(right, n) {
  const { low, high, inside, above } = coin(n);
  const words = `Who tosses a coin for each picture gets ${low} to ${high} right in ${Math.round(100 * inside)} of 100 tests, `;
  const rare = `and more than ${high} in ${Math.round(100 * above)} of 100.`;
  if (right > high) return `${words}${rare} You see a difference.`;
  if (right < low) return `${words}and fewer than ${low} in ${Math.round(100 * above)} of 100. You see a difference, and take it the wrong way round.`;
  return `${words}so yours could be a coin's.`;
}

function mount(root) {
  const bytes = Uint8Array.from(atob(root.closest("[data-pictures]").dataset.pictures), letter => letter.charCodeAt(0));
  const make = window.gcMake, n = 20, area = bytes.length / n, side = Math.sqrt(area);
  let order, said, expected;

  function paint(canvas, which) {
    const pen = canvas.getContext("2d"), image = pen.createImageData(side, side);
    bytes.subarray(which * area, (which + 1) * area).forEach((v, k) => image.data.set([v, v, v, 255], 4 * k));
    pen.putImageData(image, 0, 0);
    return canvas;
  }
  const canvas = attributes => make("canvas", { width: side, height: side, role: "img", ...attributes });

  function begin() {
    order = Array.from({ length: n }, (_, k) => k);
    for (let k = n - 1; k > 0; k--) {
      const other = Math.floor(Math.random() * (k + 1));
      [order[k], order[other]] = [order[other], order[k]];
    }
    said = [];
    ask();
  }

  // How many does the reader expect to get right?
  function first() {
    const box = make("input", { type: "number", min: 0, max: n, step: 1, required: "", inputmode: "numeric", id: "gc-blind-expected" });
    const form = make("form", { onsubmit: event => { event.preventDefault(); expected = +box.value; begin(); } },
      make("label", { for: box.id }, `Ten of the ${n} pictures are real, ten generated. How many will you get right? `), box,
      make("button", { type: "submit" }, "Begin"));
    root.replaceChildren(form);
  }

  function ask() {
    const where = make("p", { role: "status" }), picture = canvas({ class: "gc-blind-large" });
    const answer = real => () => { said.push(real); show(); };
    const buttons = [make("button", { type: "button", onclick: answer(true) }, "Real"), make("button", { type: "button", onclick: answer(false) }, "Generated")];
    const back = make("button", { type: "button", onclick: () => { said.pop(); show(); } }, "Back");
    const group = make("div", { role: "group", "aria-label": "What is this picture?", class: "gc-blind-answers" }, ...buttons, back);
    group.addEventListener("keydown", event => {
      const to = { ArrowLeft: 0, ArrowRight: 1 }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      buttons[to].focus();
    });
    function show() {
      root.dataset.answered = said.length;
      if (said.length === n) return tell();
      if (!said.length && document.activeElement === back) buttons[0].focus();
      back.disabled = !said.length;
      where.textContent = `Picture ${said.length + 1} of ${n}`;
      picture.setAttribute("aria-label", `Picture ${said.length + 1}: ${side} by ${side} pixels. Real or generated?`);
      paint(picture, order[said.length]);
    }
    root.replaceChildren(where, picture, group);
    show();
    buttons[0].focus();
  }

  function tell() {
    const answers = order.map((which, k) => ({ which, real: which < n / 2, said: said[k] })).sort((a, b) => a.which - b.which);
    const right = answers.filter(one => one.real === one.said).length;
    const missed = real => answers.filter(one => one.real === real && one.said !== real).length;
    const row = real => make("ul", { class: "gc-blind-row", "aria-label": real ? "The real ones" : "The generated ones" },
      ...answers.filter(one => one.real === real).map(one => make("li", {},
        paint(canvas({ "aria-label": `${real ? "Real" : "Generated"}, the digit ${one.which % 10}.` }), one.which),
        one.said === real ? "✓" : `✗ you: ${one.said ? "real" : "generated"}`)));
    const head = make("p", { tabindex: -1 }, make("strong", {}, `${right} of ${n} right; you expected ${expected}.`));
    root.dataset.right = right;
    root.replaceChildren(head, make("p", {}, verdict(right, n)),
      make("p", {}, `You took ${missed(false)} of the ten generated pictures for real, and ${missed(true)} of the ten real ones for generated.`),
      make("p", {}, "Real:"), row(true), make("p", {}, "Generated:"), row(false),
      make("button", { type: "button", onclick: () => { delete root.dataset.right; first(); root.querySelector("input").focus(); } }, "Again, in another order"));
    head.focus();
  }

  root.classList.add("gc-blind");
  first();
}

window.gcBlind = { coin, verdict };
(window.gcEmbeds ??= {}).blind = mount;
})();
