/* A trained generator that draws in the page, at every value of its latent (scripts/generators.py writes
 * its weights). page.js loads this file and the weights when the fold of such a figure is opened. */
(function () {
"use strict";

// --- the network ---------------------------------------------------------------------------------------

// A written layer with its weights as numbers: whole ones from -127 to 127, a scale for each output.
function open({ scale, weights, ...rest }) {
  const bytes = Int8Array.from(atob(weights), letter => letter.charCodeAt(0)), inner = bytes.length / scale.length;
  return { ...rest, inner, w: Float32Array.from(bytes, (whole, k) => whole * scale[Math.floor(k / inner)]) };
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

// Convolution, as many borders as keep the side, with weights that the latent w scales: each input channel
// by its style; then the weights of each output have norm 1, where `fixed` says so.
function modulated({ w, inner, style }, x, latent, side, fixed) {
  const s = dense(style, latent), taps = inner / s.length, size = Math.sqrt(taps), half = size >> 1, area = side * side;
  const y = new Float32Array((w.length / inner) * area);
  for (let o = 0; o * inner < w.length; o++) {
    const map = y.subarray(o * area, (o + 1) * area);
    let power = 1e-8;
    for (let i = 0; i < inner; i++) {
      const c = Math.floor(i / taps), tap = w[o * inner + i] * s[c];
      const down = Math.floor((i % taps) / size) - half, right = (i % size) - half;
      const end = Math.min(side, side - down), last = Math.min(side, side - right), start = Math.max(0, -right);
      power += tap * tap;
      for (let r = Math.max(0, -down); r < end; r++) {
        const to = r * side, from = c * area + to + down * side + right;
        for (let q = start; q < last; q++) map[to + q] += tap * x[from + q];
      }
    }
    if (fixed) for (let k = 0; k < area; k++) map[k] /= Math.sqrt(power);
  }
  return y;
}

// (channels, side, side) -> (channels, 2 side, 2 side), bilinear: 3/4 of the pixel below, 1/4 of its neighbour.
function doubled(x, side) {
  const y = new Float32Array(4 * x.length), twice = 2 * side, area = side * side;
  const beside = Int32Array.from({ length: twice }, (_, k) => Math.min(side - 1, Math.max(0, (k >> 1) + (k % 2 ? 1 : -1))));
  for (let from = 0, to = 0; from < x.length; from += area) {
    for (let r = 0; r < twice; r++) {
      const row = from + (r >> 1) * side, other = from + beside[r] * side;
      for (let q = 0; q < twice; q++, to++) {
        const own = q >> 1, next = beside[q];
        y[to] = (9 * x[row + own] + 3 * x[row + next] + 3 * x[other + own] + x[other + next]) / 16;
      }
    }
  }
  return y;
}

const leaky = v => (v > 0 ? v : 0.2 * v);

// A style-based generator in two parts: latent -> w, and w -> pixels.
function styled(model) {
  const opened = layer => ({ ...open(layer), style: open(layer.style) });
  const map = model.map.map(open), layers = model.layers.map(opened), images = model.images.map(opened);
  const constant = open(model.constant).w, noise = model.layers.map(layer => open(layer.noise).w), gain = Math.sqrt(2 / 1.04);
  function mapping(z) {
    const length = Math.sqrt(z.reduce((sum, v) => sum + v * v, 0) / z.length + 1e-8);
    return map.reduce((x, layer, k) => dense(layer, k ? x.map(leaky) : x), Float32Array.from(z, v => v / length));
  }
  function synthesis(w) {
    let x = constant, image = null, side = model.side >> (layers.length - 1);
    layers.forEach((layer, k) => {
      if (k) [x, image, side] = [doubled(x, side), doubled(image, side), 2 * side];
      const area = side * side;
      x = modulated(layer, x, w, side, true);
      for (let i = 0; i < x.length; i++) x[i] = gain * leaky(x[i] + noise[k][i % area] + layer.bias[Math.floor(i / area)]);
      const own = modulated(images[k], x, w, side, false);
      image = image ? image.map((v, i) => v + own[i]) : own;
    });
    return image.map(Math.tanh);
  }
  return { mapping, synthesis };
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
// With a mapping it is w that is pulled, toward its mean, and moved.
function latent({ a, b, t, tau, moves }, directions, mapping = z => z, mean = []) {
  const angle = (t * Math.PI) / 2, w = mapping(a.map((v, k) => Math.cos(angle) * v + Math.sin(angle) * b[k]));
  return w.map((v, k) => tau * v + (1 - tau) * (mean[k] || 0) + moves.reduce((sum, m, j) => sum + m * directions[j][k], 0));
}

// --- the figure ----------------------------------------------------------------------------------------

// Pixels from -1 (paper) to 1 (ink), as plots.py draws them: white on black.
function paint(canvas, x, side, left) {
  const pen = canvas.getContext("2d"), image = pen.createImageData(side, side);
  x.forEach((v, k) => image.data.set([...Array(3).fill(Math.round(127.5 * (v + 1))), 255], 4 * k));
  pen.putImageData(image, left, 0);
}

let mounted = 0;
function mount(root, name) {
  const make = window.gcMake, model = window.gcGenerators[name], { side, classes, nz, directions, mean } = model;
  const styles = classes ? null : styled(model), G = styles ? styles.synthesis : network(model), many = classes || 10;
  const id = `gc-generator-${mounted++}`, moves = directions.map(() => 0);
  let seed = 1, now = { label: 7, t: 0, tau: 1, moves }, asked = 0, next = -1;
  const large = make("canvas", { width: side, height: side, role: "img", class: "gc-generator-large" });
  const row = make("canvas", { width: (side + 1) * many - 1, height: side, role: "img", class: "gc-generator-row" });
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
    slider(styles ? "Truncation ψ" : "Truncation τ", 0, 2, () => now.tau, v => { now.tau = v; }),
    ...directions.map((_, j) => slider(`Direction ${j + 1} of ${styles ? "w" : "the latent"}`, -6, 6, () => now.moves[j], v => { now.moves[j] = v; })),
    make("div", { class: "gc-generator-digits" },
      button("Two other latents", () => { seed += 2; draws(); }), button("Reset", reset)));
  root.classList.add("gc-generator");
  root.replaceChildren(...(styles ? [] : [digits]), make("div", { class: "gc-generator-stage" }, large, controls),
    make("p", {}, styles ? "Ten places on the path, from its start to its end:" : "The same latent under each label:"), row);
  const picture = (t, label) => G(latent({ ...now, t }, directions, styles?.mapping, mean), label);
  function draw() {  // the large picture at once, of the row as many as a frame has time for
    const until = performance.now() + 12;
    if (next < 0) paint(large, picture(now.t, now.label), side, 0);
    for (next = Math.max(0, next); next < many && performance.now() < until; next++) {
      paint(row, styles ? picture(next / 9) : picture(now.t, next), side, next * (side + 1));
    }
    asked = next < many ? requestAnimationFrame(draw) : 0;
    if (!asked) root.dataset.drawn = [now.label, now.t, now.tau, ...now.moves].join(" ");
  }
  function show() {
    [...digits.children].forEach((one, k) => one.setAttribute("aria-pressed", String(k === now.label)));
    large.setAttribute("aria-label", styles ? "The generator's picture." : `The generator's answer to the request ${now.label}.`);
    row.setAttribute("aria-label", styles ? "Its pictures at ten places on the path, from left to right."
      : `Its answers to the requests 0 to ${classes - 1} from the same latent, from left to right.`);
    sliders.forEach(update => update());
    next = -1;
    delete root.dataset.drawn;
    if (!asked) asked = requestAnimationFrame(draw);
  }
  draws();
  show();
}

window.gcGenerator = { network, styled, normals, latent };
(window.gcEmbeds ??= {}).generator = mount;
})();
