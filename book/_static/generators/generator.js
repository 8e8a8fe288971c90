/* A trained generator that draws in the page, at every value of its latent (scripts/generators.py writes
 * its weights). page.js loads this file and the weights when the fold of such a figure is opened. */
(function () {
"use strict";

// --- the network ---------------------------------------------------------------------------------------

// A written layer with its weights as numbers: whole ones from -127 to 127, a scale for each output.
function open({ kind, scale, bias, weights }) {
  const bytes = Int8Array.from(atob(weights), letter => letter.charCodeAt(0)), inner = bytes.length / scale.length;
  return { kind, bias, inner, w: Float32Array.from(bytes, (whole, k) => whole * scale[Math.floor(k / inner)]) };
}

function dense({ w, bias, inner }, x) {
  return Float32Array.from(bias, (sum, o) => {
    for (let i = 0; i < inner; i++) sum += w[o * inner + i] * x[i];
    return sum;
  });
}

// Transposed convolution, kernel 4, stride 2, padding 1: (channels, side, side) -> (out, 2 side, 2 side).
function up({ w, bias, inner }, x, side) {
  const twice = 2 * side, channels = inner / 16, y = new Float32Array(bias.length * twice * twice);
  bias.forEach((b, o) => {
    const map = y.subarray(o * twice * twice, (o + 1) * twice * twice).fill(b);
    for (let c = 0; c < channels; c++) {
      for (let r = 0; r < side; r++) {
        for (let q = 0; q < side; q++) {
          const value = x[(c * side + r) * side + q];
          if (value === 0) continue;  // half of them, after a ReLU
          for (let k = 0; k < 16; k++) {
            const row = 2 * r + (k >> 2) - 1, column = 2 * q + (k & 3) - 1;
            if (row < 0 || column < 0 || row >= twice || column >= twice) continue;
            map[row * twice + column] += value * w[o * inner + c * 16 + k];
          }
        }
      }
    }
  });
  return y;
}

// A generator: (latent, class) -> pixels from -1 to 1, row by row.
function network(model) {
  const layers = model.layers.map(open);
  return (z, label) => {
    let x = Float32Array.from({ length: model.nz + model.classes }, (_, k) => (k < model.nz ? z[k] : +(k - model.nz === label)));
    let side = model.side >> (layers.length - 1);
    layers.forEach((layer, k) => {
      x = layer.kind === "dense" ? dense(layer, x) : up(layer, x, side);
      if (layer.kind === "up") side *= 2;
      x = x.map(k + 1 < layers.length ? v => Math.max(0, v) : Math.tanh);
    });
    return x;
  };
}

// Standard normal numbers from a seed (mulberry32, Box and Muller).
function normals(seed, n) {
  let state = seed >>> 0;
  const uniform = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  return Float64Array.from({ length: n }, () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform()));
}

// The latent that is asked for: on the path from a to b, pulled toward the middle by tau, and then moved.
function latent({ a, b, t, tau, moves }, directions) {
  const angle = (t * Math.PI) / 2;
  return a.map((v, k) => tau * (Math.cos(angle) * v + Math.sin(angle) * b[k]) + moves.reduce((sum, m, j) => sum + m * directions[j][k], 0));
}

// --- the figure ----------------------------------------------------------------------------------------

function make(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value); else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

// Pixels from -1 (paper) to 1 (ink), as plots.py draws them: white on black.
function paint(canvas, x, side, left) {
  const pen = canvas.getContext("2d"), image = pen.createImageData(side, side);
  x.forEach((v, k) => image.data.set([...Array(3).fill(Math.round(127.5 * (v + 1))), 255], 4 * k));
  pen.putImageData(image, left, 0);
}

let mounted = 0;
function mount(root, name) {
  const model = window.gcGenerators[name], { side, classes, nz, directions } = model, G = network(model);
  const id = `gc-generator-${mounted++}`, moves = directions.map(() => 0);
  let seed = 1, now = { label: 7, t: 0, tau: 1, moves }, asked = 0;
  const large = make("canvas", { width: side, height: side, role: "img", class: "gc-generator-large" });
  const row = make("canvas", { width: (side + 1) * classes - 1, height: side, role: "img", class: "gc-generator-row" });
  const digits = make("div", { role: "group", "aria-label": "The digit that is asked for", class: "gc-generator-digits" });
  for (let k = 0; k < classes; k++) {
    digits.append(make("button", { type: "button", onclick: () => { now.label = k; show(); } }, String(k)));
  }
  const sliders = [];
  function slider(label, min, max, get, set) {
    const value = make("output", { for: `${id}-${sliders.length}` });
    const input = make("input", { id: `${id}-${sliders.length}`, type: "range", min, max, step: "any", oninput: () => { set(+input.value); show(); } });
    input.addEventListener("keydown", event => {  // a slider without steps jumps by a tenth: here by a fiftieth
      const way = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1 }[event.key];
      if (!way) return;
      event.preventDefault();
      input.value = +input.value + (way * (max - min)) / 50;
      set(+input.value);
      show();
    });
    sliders.push(() => {
      input.value = get();
      value.textContent = get().toFixed(2).replace("-", "−");
      input.setAttribute("aria-valuetext", value.textContent);
    });
    return make("div", { class: "gc-generator-slider" }, make("label", { for: input.id }, label), input, value);
  }
  const button = (label, press) => make("button", { type: "button", onclick: () => { press(); show(); } }, label);
  function draws() { Object.assign(now, { a: normals(seed, nz), b: normals(seed + 1, nz) }); }
  function reset() { now.moves.fill(0); Object.assign(now, { t: 0, tau: 1 }); }
  const controls = make("div", { class: "gc-generator-controls" },
    slider("Path from one latent to another", 0, 1, () => now.t, v => { now.t = v; }),
    slider("Truncation τ", 0, 2, () => now.tau, v => { now.tau = v; }),
    ...directions.map((_, j) => slider(`Direction ${j + 1} of the latent`, -6, 6, () => now.moves[j], v => { now.moves[j] = v; })),
    make("div", { class: "gc-generator-digits" },
      button("Two other latents", () => { seed += 2; draws(); }), button("Reset", reset)));
  root.classList.add("gc-generator");
  root.replaceChildren(digits, make("div", { class: "gc-generator-stage" }, large, controls),
    make("p", {}, "The same latent under each label:"), row);
  function draw() {
    asked = 0;
    const z = latent(now, directions);
    for (let k = 0; k < classes; k++) {
      const x = G(z, k);
      paint(row, x, side, k * (side + 1));
      if (k === now.label) paint(large, x, side, 0);
    }
    root.dataset.drawn = [now.label, now.t, now.tau, ...now.moves].join(" ");
  }
  function show() {
    [...digits.children].forEach((one, k) => one.setAttribute("aria-pressed", String(k === now.label)));
    large.setAttribute("aria-label", `The generator's answer to the request ${now.label}.`);
    row.setAttribute("aria-label", `Its answers to the requests 0 to ${classes - 1} from the same latent, from left to right.`);
    sliders.forEach(update => update());
    if (!asked) asked = requestAnimationFrame(draw);
  }
  draws();
  show();
}

window.gcGenerator = { network, normals, latent };
(window.gcEmbeds ??= {}).generator = mount;
})();
