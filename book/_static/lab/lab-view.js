/* The lab's face: what draws GanLab (lab.js) and listens to the reader. It mounts on every element with
 * the attribute data-lab. Settings stand in the address (after #), so that a link carries them; those of
 * a lab in a chapter's fold (page.js mounts it) stand in that attribute, and the address is left alone. */
(function () {
"use strict";
const Lab = window.GanLab;
const BUDGET = 26;         // milliseconds of training a frame; a frame trains or draws, never both
const POINTS = 1000;       // samples that are scored
const SHOWN = 320;         // of these, drawn
const SLOW = 900;          // milliseconds a turn takes in slow motion
const TOLD = 10000;        // a screen reader hears of a run this often, and when something changes

// --- what can be set ---------------------------------------------------------------------------------

const LOSS_NAMES = {
  nonsaturating: "non-saturating", minimax: "minimax (saturating)", least_squares: "least squares",
  hinge: "hinge", wasserstein: "Wasserstein", relativistic: "relativistic",
};
const DATA_NAMES = {
  ring: "ring of 8", grid: "grid of 25", moons: "two moons", roll: "swiss roll", drawn: "draw your own",
};
const RATES = [3e-5, 1e-4, 3e-4, 1e-3, 2e-3, 3e-3, 1e-2, 3e-2];
const WEIGHTS = [0, 0.01, 0.03, 0.1, 0.3, 1, 3, 10];
// group, key, label, choices: a list of numbers, names by key, or what is typed, from and to
const FIELDS = [
  ["Data", "data", "Data", DATA_NAMES],
  ["Data", "std", "Spread of a ring's mode", [0.01, 0.02, 0.05, 0.1]],
  ["Data", "batch", "Batch", [16, 32, 64, 128]],
  ["Data", "seed", "Seed", { from: 0, to: 9999 }],
  ["Loss", "loss", "Loss", LOSS_NAMES],
  ["Loss", "r1", "R1, weight γ", WEIGHTS],
  ["Loss", "r2", "R2, weight γ", WEIGHTS],
  ["Loss", "gp", "Gradient penalty λ", WEIGHTS],
  ["Loss", "clip", "Clip D's weights at", [0, 0.01, 0.05, 0.1, 0.5]],
  ["Loss", "spectral", "Spectral norm in D", { false: "off", true: "on" }],
  ["Loss", "noise", "Instance noise", [0, 0.05, 0.1, 0.2, 0.3, 0.5]],
  ["Networks", "widthG", "Width of G", [4, 8, 16, 32, 64]],
  ["Networks", "widthD", "Width of D", [4, 8, 16, 32, 64]],
  ["Networks", "depth", "Hidden layers", [1, 2, 3, 4]],
  ["Networks", "ema", "Average of G (EMA)", [0, 0.9, 0.99, 0.999]],
  ["Turns", "nD", "D steps per G step", [1, 2, 3, 5, 10]],
  ["Turns", "head", "D's head start, steps", [0, 100, 500, 1000]],
  ["Turns", "steps", "Length of the run", [500, 1000, 1500, 2000, 3000, 5000, 10000]],
  ["Turns", "decay", "Rates fall", { none: "never", linear: "in the second half", cosine: "as a cosine" }],
  ["Optimizer", "lrG", "Rate of G", RATES],
  ["Optimizer", "lrD", "Rate of D", RATES],
  ["Optimizer", "beta1", "Adam's β₁", [0, 0.5, 0.9]],
  ["Optimizer", "beta2", "Adam's β₂", [0.9, 0.99, 0.999]],
  ["Optimizer", "optimizerG", "G learns by", { adam: "Adam", sgd: "gradient descent" }],
].map(([group, key, label, choices]) => ({ group, key, label, choices }));
const FIELD = Object.fromEntries(FIELDS.map(field => [field.key, field]));
const COMPARED = FIELDS.filter(({ key }) => key !== "data" && key !== "steps");  // by two runs
const WHOLE = ["batch", "seed", "widthG", "widthD", "depth", "nD", "head", "steps"];
const OFF_AT_0 = ["r1", "r2", "gp", "clip", "noise", "ema"];
const ANEW = ["data", "std", "batch", "seed", "widthG", "widthD", "depth", "head"];
const LAYERS = { surface: "D's surface", net: "G's warped grid", arrows: "where G is pushed", samples: "samples" };

// A setting as it came from a form or an address: a value that is allowed, or undefined.
function allowed(key, text) {
  const { choices } = FIELD[key] || {};
  if (!choices) return undefined;
  if (Array.isArray(choices) || "from" in choices) {
    const number = Number(text), [from, to] = Array.isArray(choices)
      ? [choices[0], choices[choices.length - 1]] : [choices.from, choices.to];
    if (String(text).trim() === "" || !(number >= from && number <= to)) return undefined;
    return WHOLE.includes(key) ? Math.round(number) : number;
  }
  if (!Object.hasOwn(choices, text)) return undefined;
  return key === "spectral" ? String(text) === "true" : String(text);
}

function said(key, value) {
  const { choices } = FIELD[key];
  if (!Array.isArray(choices) && !("from" in choices)) return choices[value];
  return value === 0 && OFF_AT_0.includes(key) ? "off" : String(value);
}

// --- the address -------------------------------------------------------------------------------------

const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const SIDE = 511, REACH = 1.7, MOST = 150;  // a drawn point: nine bits a coordinate, three letters

function packed(points) {
  return points.map(([x, y]) => {
    const [a, b] = [x, y].map(v => Math.round(((v + REACH) / (2 * REACH)) * SIDE));
    const bits = a * 512 + b;
    return DIGITS[bits >> 12] + DIGITS[(bits >> 6) & 63] + DIGITS[bits & 63];
  }).join("");
}
function unpacked(text) {
  const points = [];
  for (let k = 0; k + 2 < text.length && points.length < MOST; k += 3) {
    const [a, b, c] = [0, 1, 2].map(j => DIGITS.indexOf(text[k + j]));
    if (Math.min(a, b, c) < 0) break;
    const bits = (a << 12) + (b << 6) + c;
    points.push([bits >> 9, bits & 511].map(v => (v / SIDE) * 2 * REACH - REACH));
  }
  return points;
}

// { settings, vs: [key, value] or null, hidden layers } <-> "loss=hinge&r1=0.1&vs=r1:0"; what stands
// beside preset=NAME changes that preset.
function toAddress({ settings, vs, off }) {
  const parts = FIELDS.map(({ key }) => key).filter(key => settings[key] !== Lab.DEFAULTS[key])
    .map(key => `${key}=${settings[key]}`);
  if (settings.data === "drawn" && settings.points.length) parts.push(`points=${packed(settings.points)}`);
  if (vs) parts.push(`vs=${vs[0]}:${vs[1]}`);
  if (off.length) parts.push(`off=${off.join(",")}`);
  return parts.join("&") || "lab=start";
}
function fromAddress(text) {
  const asked = new URLSearchParams(text), name = asked.get("preset") || "";
  const preset = Object.hasOwn(Lab.PRESETS, name) ? Lab.PRESETS[name] : { settings: {}, vs: null };
  const settings = { ...Lab.DEFAULTS, ...preset.settings };
  for (const { key } of FIELDS) {
    const value = asked.has(key) ? allowed(key, asked.get(key)) : undefined;
    if (value !== undefined) settings[key] = value;
  }
  settings.points = settings.data === "drawn" ? unpacked(asked.get("points") || "") : [];
  const [key, value] = (asked.get("vs") || "").split(":");
  const other = COMPARED.includes(FIELD[key]) ? allowed(key, value ?? "") : undefined;
  const off = (asked.get("off") || "").split(",").filter(name => Object.hasOwn(LAYERS, name));
  return { settings, vs: other === undefined ? preset.vs : [key, other], off };
}

// --- small helpers -----------------------------------------------------------------------------------

function make(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}
const number = (x, digits) => (Number.isFinite(x) ? x.toFixed(digits).replace("-", "−") : "–");
const small = x => (!Number.isFinite(x) ? "–" : x !== 0 && Math.abs(x) < 0.01 ? x.toExponential(0).replaceAll("-", "−") : number(x, 2));
const count = n => String(n).replace(/\B(?=(\d{3})+$)/g, ",");
const percent = share => `${Math.round(100 * share)} %`;

function palette() {
  const dark = document.documentElement.dataset.theme === "dark";
  return dark
    ? { back: [20, 24, 30], real: "#56B4E9", fake: "#F58B4C", push: "#E9A3CB", D: "#2CC295", G: "#F58B4C",
        line: "rgba(255,255,255,.6)", soft: "#3a434f", ink: "#ced6dd", high: [0, 92, 145], low: [132, 92, 8] }
    : { back: [255, 255, 255], real: "#0072B2", fake: "#D55E00", push: "#B4508C", D: "#00805C", G: "#D55E00",
        line: "rgba(40,40,40,.65)", soft: "#d5dae0", ink: "#333", high: [128, 184, 216], low: [242, 207, 128] };
}

// A canvas as sharp as the screen, its context in CSS pixels.
function brush(canvas) {
  const scale = Math.min(window.devicePixelRatio || 1, 2);
  const width = canvas.clientWidth, height = canvas.clientHeight;
  if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
  }
  const pen = canvas.getContext("2d");
  pen.setTransform(scale, 0, 0, scale, 0, 0);
  pen.clearRect(0, 0, width, height);
  return [pen, width, height];
}

// --- one run: its state, its record, its pictures ------------------------------------------------------

// Numbers along a run, at most `most` of them: when full, neighbours are averaged.
function record(most) {
  return { most, size: 1, values: [], open: null, filled: 0 };
}
function note(log, row) {
  log.open = log.open ? log.open.map((v, k) => v + row[k]) : row;
  if (++log.filled < log.size) return;
  log.values.push(log.open.map(v => v / log.filled));
  log.open = null; log.filled = 0;
  if (log.values.length < log.most) return;
  const half = [];
  for (let k = 0; k + 1 < log.values.length; k += 2) half.push(log.values[k].map((v, j) => (v + log.values[k + 1][j]) / 2));
  log.values = half; log.size *= 2;
}

// The latents' polar grid, as polylines: circles and rays, out to 2.5 standard deviations.
const NET = (() => {
  const lines = [];
  for (let r = 0.4; r < 2.5; r += 0.4) lines.push([...Array(49).keys()].map(k => [r, (2 * Math.PI * k) / 48]));
  for (let k = 0; k < 20; k++) lines.push([...Array(14).keys()].map(j => [0.15 + 0.18 * j, (2 * Math.PI * k) / 20]));
  const points = lines.flat().flatMap(([r, a]) => [r * Math.cos(a), r * Math.sin(a)]);
  return { sizes: lines.map(line => line.length), points: Float64Array.from(points), n: points.length / 2 };
})();

function newRun(settings) {
  // D's surface is computed at grid x grid places: at fewer where that takes long.
  const state = Lab.create(settings), grid = settings.widthD > 32 ? 32 : 44;
  const run = {
    settings, state, losses: record(240), modes: record(120), every: Math.min(50, Math.max(5, Math.round(settings.steps / 100))),
    z: Lab.latents(1, POINTS), last: null, pushed: NaN, score: null,
    grid, tile: make("canvas", { width: grid, height: grid }),
    rooms: {
      z: Lab.look(state.G, POINTS), net: Lab.look(state.G, NET.n),
      grid: Lab.look(state.D, grid * grid), arrows: Lab.look(state.D, 32),
    },
  };
  retarget(run);
  return run;
}

function retarget(run) {
  run.state.target = Lab.targetOf(run.settings);
  run.real = Lab.sampleReal(run.state.target, Lab.stream(1, 3), SHOWN, new Float64Array(2 * SHOWN));
  const { extent } = run.state.target, { grid } = run, axis = k => ((k + 0.5) / grid) * 2 * extent - extent;
  run.places = new Float64Array(2 * grid * grid);
  for (let k = 0; k < grid * grid; k++) run.places.set([axis(k % grid), -axis(Math.floor(k / grid))], 2 * k);
  measure(run);
}

function measure(run) {
  const { state, settings, rooms } = run;
  run.x = Lab.samples(state, settings, run.z, POINTS, rooms.z);
  run.score = Lab.coverage(run.x, POINTS, state.target);
}

// How each of the first 28 samples is pushed by G's loss: the derivative, with its sign turned.
function pushes(run) {
  const n = 28, { state, settings } = run;
  const { f, slopes } = Lab.logits(state, run.x.subarray(0, 2 * 32), 32, run.rooms.arrows, true);
  const real = settings.loss === "relativistic" ? mean(Lab.logits(state, run.real.subarray(0, 64), 32)) : 0;
  const arrows = [];
  let total = 0;
  for (let i = 0; i < n; i++) {
    const strength = Lab.push(settings, f[i], real), u = strength * slopes[2 * i], v = strength * slopes[2 * i + 1];
    total += Math.hypot(u, v) / n;
    arrows.push([run.x[2 * i], run.x[2 * i + 1], u, v]);
  }
  run.pushed = total;
  return arrows;
}
const mean = values => values.reduce((a, b) => a + b, 0) / values.length;

function advance(run) {
  const { state, settings } = run;
  run.last = Lab.next(state, settings);
  Lab.turn(state, settings);
  noted(run);
}
function noted(run) {
  const { state } = run;
  if (run.last !== "G" || !state.finite) return;
  note(run.losses, [state.lossD, state.lossG]);
  if (state.step % run.every) return;
  measure(run);
  note(run.modes, [...run.score.share, ...run.score.fair]);
}

function drawBoard(run, canvas, off, pencil) {
  const [pen, size] = brush(canvas), { state } = run, { extent } = state.target, colors = palette();
  const at = v => ((v + extent) / (2 * extent)) * size, up = v => size - at(v), shows = name => !off.includes(name);
  pen.fillStyle = `rgb(${colors.back})`;
  pen.fillRect(0, 0, size, size);
  if (shows("surface")) surface(run, pen, size, colors);
  pen.fillStyle = colors.real;
  pen.globalAlpha = 0.75;
  for (let i = 0; i < SHOWN; i++) {
    pen.beginPath();
    pen.arc(at(run.real[2 * i]), up(run.real[2 * i + 1]), 1.9, 0, 7);
    pen.fill();
  }
  pen.strokeStyle = colors.fake;
  if (shows("net")) {
    const y = Lab.samples(state, run.settings, NET.points, NET.n, run.rooms.net);
    pen.lineWidth = 0.8;
    pen.globalAlpha = 0.5;
    pen.beginPath();
    let k = 0;
    for (const length of NET.sizes) {
      for (let j = 0; j < length; j++, k++) pen[j ? "lineTo" : "moveTo"](at(y[2 * k]), up(y[2 * k + 1]));
    }
    pen.stroke();
  }
  if (shows("samples")) {
    pen.globalAlpha = 0.9;
    pen.lineWidth = 1.3;
    pen.beginPath();
    for (let i = 0; i < SHOWN; i++) {
      const x = at(run.x[2 * i]), y = up(run.x[2 * i + 1]);
      pen.moveTo(x - 2, y - 2); pen.lineTo(x + 2, y + 2);
      pen.moveTo(x - 2, y + 2); pen.lineTo(x + 2, y - 2);
    }
    pen.stroke();
  }
  const arrows = pushes(run);
  if (shows("arrows")) {
    pen.globalAlpha = 1;
    pen.strokeStyle = pen.fillStyle = colors.push;
    pen.lineWidth = 1.6;
    for (const [x, y, u, v] of arrows) {
      const norm = Math.hypot(u, v), length = 34 * Math.tanh(1.2 * norm);
      if (!(length > 2)) continue;
      const dx = (u / norm) * length, dy = (-v / norm) * length, x0 = at(x), y0 = up(y);
      pen.beginPath();
      pen.moveTo(x0, y0); pen.lineTo(x0 + dx, y0 + dy);
      pen.stroke();
      const h = Math.min(6, length / 2) / length;
      pen.beginPath();
      pen.moveTo(x0 + 1.1 * dx, y0 + 1.1 * dy);
      pen.lineTo(x0 + dx * (1 - h) - dy * h * 0.6, y0 + dy * (1 - h) + dx * h * 0.6);
      pen.lineTo(x0 + dx * (1 - h) + dy * h * 0.6, y0 + dy * (1 - h) - dx * h * 0.6);
      pen.fill();
    }
  }
  pen.globalAlpha = 1;
  if (pencil) {
    pen.strokeStyle = colors.ink;
    pen.lineWidth = 1.5;
    pen.beginPath();
    pen.arc(at(pencil[0]), up(pencil[1]), 6, 0, 7);
    pen.stroke();
  }
}

// D's logit as color, white where it is 0, and the line where it can't tell.
function surface(run, pen, size, { back, high, low, line }) {
  const { grid } = run, f = Lab.logits(run.state, run.places, grid * grid, run.rooms.grid), image = new ImageData(grid, grid);
  let most = 0;
  for (const value of f) most = Math.max(most, Math.abs(value));
  run.limit = Math.max(run.settings.loss === "wasserstein" ? 1e-3 : 0.5, Math.min(most, run.settings.loss === "wasserstein" ? most : 4));
  for (let k = 0; k < f.length; k++) {
    const t = Math.max(-1, Math.min(1, f[k] / run.limit)), end = t > 0 ? high : low, share = Math.abs(t);
    for (let j = 0; j < 3; j++) image.data[4 * k + j] = back[j] + share * (end[j] - back[j]);
    image.data[4 * k + 3] = 255;
  }
  run.tile.getContext("2d").putImageData(image, 0, 0);
  pen.imageSmoothingQuality = "high";
  pen.drawImage(run.tile, 0, 0, size, size);
  // Marching squares: a cell's edges where the sign changes are joined, two by two.
  const cell = size / grid, between = (a, b) => a / (a - b);
  pen.strokeStyle = line;
  pen.lineWidth = 1;
  pen.beginPath();
  for (let r = 0; r + 1 < grid; r++) {
    for (let c = 0; c + 1 < grid; c++) {
      const k = r * grid + c, [a, b, d, e] = [f[k], f[k + 1], f[k + grid], f[k + grid + 1]], ends = [];
      if (a > 0 !== b > 0) ends.push([c + between(a, b), r]);
      if (b > 0 !== e > 0) ends.push([c + 1, r + between(b, e)]);
      if (d > 0 !== e > 0) ends.push([c + between(d, e), r + 1]);
      if (a > 0 !== d > 0) ends.push([c, r + between(a, d)]);
      for (let j = 0; j + 1 < ends.length; j += 2) {
        pen.moveTo((ends[j][0] + 0.5) * cell, (ends[j][1] + 0.5) * cell);
        pen.lineTo((ends[j + 1][0] + 0.5) * cell, (ends[j + 1][1] + 0.5) * cell);
      }
    }
  }
  pen.stroke();
}

const PLAIN = ["minimax", "nonsaturating"];  // losses whose untrained and perfect values are log 4, log 2

function drawLosses(run, canvas) {
  const [pen, width, height] = brush(canvas), colors = palette(), rows = run.losses.values;
  const plain = PLAIN.includes(run.settings.loss), all = rows.flat().filter(Number.isFinite).sort((a, b) => a - b);
  let low = all.length ? all[Math.floor(0.02 * all.length)] : 0, high = all.length ? all[Math.ceil(0.98 * all.length) - 1] : 1.5;
  if (plain) { low = Math.min(low, 0); high = Math.max(high, 1.5); }
  if (high - low < 1e-9) { low -= 0.5; high += 0.5; }
  const left = 34, x = k => left + ((k + 0.5) / Math.max(rows.length, 1)) * (width - left - 16);
  const y = v => 8 + (1 - (Math.min(Math.max(v, low), high) - low) / (high - low)) * (height - 16);
  pen.font = "11px sans-serif";
  pen.fillStyle = colors.ink;
  pen.textAlign = "right";
  pen.textBaseline = "middle";
  if (!plain || high > 2) pen.fillText(small(high), left - 5, 9);
  pen.fillText(plain && low > -0.01 ? "0" : small(low), left - 5, height - 9);
  pen.strokeStyle = colors.soft;
  pen.lineWidth = 1;
  pen.strokeRect(left + 0.5, 4.5, width - left - 16, height - 9);
  if (plain) {
    pen.setLineDash([2, 3]);
    for (const [value, label] of [[Math.log(4), "log 4"], [Math.log(2), "log 2"]]) {
      pen.beginPath(); pen.moveTo(left, y(value)); pen.lineTo(width - 16, y(value)); pen.stroke();
      if (high < 4) pen.fillText(label, left - 5, y(value));
    }
    pen.setLineDash([]);
  }
  pen.textAlign = "left";
  for (const [j, name, color] of [[0, "D", colors.D], [1, "G", colors.G]]) {
    pen.strokeStyle = pen.fillStyle = color;
    pen.lineWidth = 1.6;
    if (j) pen.setLineDash([5, 3]);
    pen.beginPath();
    rows.forEach((row, k) => pen[k ? "lineTo" : "moveTo"](x(k), y(row[j])));
    pen.stroke();
    pen.setLineDash([]);
    if (rows.length) pen.fillText(name, width - 12, y(rows[rows.length - 1][j]) + (j ? 4 : -4));
  }
}

// Chapter 3's barcode: a row for each mode, its tint the share of samples nearest to it, a dot where it
// is found.
function drawModes(run, canvas) {
  const [pen, width, height] = brush(canvas), colors = palette(), rows = run.modes.values, { of } = run.score;
  const left = 34, w = (width - left - 16) / Math.max(rows.length, 40), h = (height - 9) / of;
  rows.forEach((row, k) => {
    for (let j = 0; j < of; j++) {
      pen.globalAlpha = Math.min(1, (row[j] * of) / 4);
      pen.fillStyle = colors.fake;
      pen.fillRect(left + k * w, 4.5 + j * h, w + 0.5, h);
      if (row[of + j] < 0.5) continue;
      pen.globalAlpha = 1;
      pen.fillStyle = colors.ink;
      const r = Math.min(1.7, w / 2.2, h / 2.5);
      pen.fillRect(left + (k + 0.5) * w - r, 4.5 + (j + 0.5) * h - r, 2 * r, 2 * r);
    }
  });
  pen.globalAlpha = 1;
  pen.strokeStyle = colors.soft;
  pen.strokeRect(left + 0.5, 4.5, width - left - 16, height - 9);
  pen.font = "11px sans-serif";
  pen.fillStyle = colors.ink;
  pen.textAlign = "right";
  pen.textBaseline = "middle";
  pen.fillText("1", left - 5, 4.5 + h / 2);
  pen.fillText(String(of), left - 5, height - 4.5 - h / 2);
}

// --- the step, written out -----------------------------------------------------------------------------

// The lines of chapter 2's loop that differ from loss to loss, and the formula of the same thing.
const X = "<i>x</i>", GZ = "<i>G</i>(<i>z</i>)", F = of => `<i>f</i>(${of})`, E = inner => `𝔼[${inner}]`;
const CROSS = ["softplus(-D(real)).mean() + softplus(D(fake)).mean()", E(`−log <i>D</i>(${X})`) + " + " + E(`−log(1 − <i>D</i>(${GZ}))`)];
const WRITTEN = {
  minimax: { D: CROSS, G: ["-softplus(D(fake)).mean()", E(`log(1 − <i>D</i>(${GZ}))`)] },
  nonsaturating: { D: CROSS, G: ["softplus(-D(fake)).mean()", E(`−log <i>D</i>(${GZ})`)] },
  least_squares: {
    D: ["((D(real) - 1)**2).mean() / 2 + (D(fake)**2).mean() / 2", `½ ${E(`(${F(X)} − 1)²`)} + ½ ${E(`${F(GZ)}²`)}`],
    G: ["((D(fake) - 1)**2).mean() / 2", `½ ${E(`(${F(GZ)} − 1)²`)}`],
  },
  hinge: {
    D: ["relu(1 - D(real)).mean() + relu(1 + D(fake)).mean()", E(`max(0, 1 − ${F(X)})`) + " + " + E(`max(0, 1 + ${F(GZ)})`)],
    G: ["-D(fake).mean()", "−" + E(F(GZ))],
  },
  wasserstein: { D: ["D(fake).mean() - D(real).mean()", E(F(GZ)) + " − " + E(F(X))], G: ["-D(fake).mean()", "−" + E(F(GZ))] },
  relativistic: {
    D: ["softplus(D(fake) - D(real)).mean()", E(`softplus(${F(GZ)} − ${F(X)})`)],
    G: ["softplus(D(real) - D(fake)).mean()", E(`softplus(${F(X)} − ${F(GZ)})`)],
  },
};

function lines(player, s) {
  const pairs = s.loss === "relativistic", body = [];
  if (player === "D") {
    body.push(`real, fake = draw(${s.batch}), G(noise(${s.batch})).detach()`);
    if (s.noise) body.push(`real, fake = blur(real, ${s.noise}), blur(fake, ${s.noise})`);
    body.push(`loss = ${WRITTEN[s.loss].D[0]}`);
    if (s.r1) body.push(`loss = loss + ${s.r1} / 2 * r1_penalty(D, real)`);
    if (s.r2) body.push(`loss = loss + ${s.r2} / 2 * r2_penalty(D, fake)`);
    if (s.gp) body.push(`loss = loss + ${s.gp} * gradient_penalty(D, real, fake)`);
  } else {
    body.push(pairs ? `real, fake = draw(${s.batch}), G(noise(${s.batch}))` : `fake = G(noise(${s.batch}))`);
    if (s.noise) body.push(pairs ? `real, fake = blur(real, ${s.noise}), blur(fake, ${s.noise})` : `fake = blur(fake, ${s.noise})`);
    body.push(`loss = ${WRITTEN[s.loss].G[0]}`);
  }
  const name = player === "D" ? "adam_d" : s.optimizerG === "sgd" ? "sgd_g" : "adam_g";
  body.push(`${name}.zero_grad(); loss.backward(); ${name}.step()`);
  if (player === "D" && s.clip) body.push(`clip_weights_(D, ${s.clip})`);
  return body.join("\n");
}

function formula(player, s, state) {
  const terms = [WRITTEN[s.loss][player][1]], slope = of => `‖∇${F(of)}‖`;
  if (player === "D") {
    for (const [weight, of] of [[s.r1, X], [s.r2, GZ]]) if (weight) terms.push(`${weight}/2 ${E(slope(of) + "²")}`);
    if (s.gp) terms.push(`${s.gp} ${E(`(${slope("<i>x̂</i>")} − 1)²`)}`);
  }
  const value = player === "D" ? state.lossD : state.lossG;
  return `<i>L<sub>${player}</sub></i> = ${terms.join(" + ")} = <b>${small(value)}</b>`;
}

// --- the lab -------------------------------------------------------------------------------------------

let mounted = 0;
function mount(root, home) {
  const prefix = `gc-lab-${mounted++}`;
  const own = root.dataset.lab;  // settings of an embedded lab; empty: the page's own, in the address
  const still = window.matchMedia("(prefers-reduced-motion: reduce)");
  let now = fromAddress(own || (location.hash.includes("=") ? location.hash.slice(1) : ""));
  let runs = [], goal = 0, running = false, slow = false, pencil = null, asked = 0, turned = 0, told = 0;
  let due = 0, at = 0;  // while it runs: when the next drawing is due, and of which run
  let soon = 0;         // otherwise: the request for the next drawing, and the runs that wait for one
  const waiting = new Set();

  // - the parts -
  const panels = ["A", "B"].map(name => {
    const board = make("canvas", { class: "gc-lab-board", role: "img" });
    const losses = make("canvas", { class: "gc-lab-chart", role: "img" });
    const modes = make("canvas", { class: "gc-lab-chart gc-lab-modes", role: "img" });
    const title = make("p", { class: "gc-lab-title" }), score = make("dl", { class: "gc-lab-score" });
    const values = Object.fromEntries(["step", "modes", "good", "push"].map(key => [key, make("dd", { "data-value": key })]));
    const terms = { step: "Step", modes: "Modes found", good: "Good samples", push: "Push on G" };
    for (const [key, value] of Object.entries(values)) score.append(make("div", {}, make("dt", {}, terms[key]), value));
    const side = make("div", { class: "gc-lab-side" }, score,
      make("p", { class: "gc-lab-label" }, "Losses of D and G"), losses, make("p", { class: "gc-lab-label" }, "Share of each mode; dot: found"), modes);
    const panel = make("section", { class: "gc-lab-run", "aria-label": `Run ${name}` }, title, board, side);
    return { name, panel, title, board, losses, modes, values };
  });
  const button = (label, press, more) => make("button", { type: "button", class: "gc-lab-button", onclick: press, ...more }, label);
  const go = button("Run", () => (running ? halt("Paused.") : start()), { class: "gc-lab-button gc-lab-main", "aria-keyshortcuts": "r" });
  const stepD = button("One step of D", () => single("D"), { "aria-keyshortcuts": "d" });
  const stepG = button("One step of G", () => single("G"), { "aria-keyshortcuts": "g" });
  const slower = button("Slow motion", () => { slow = !slow; show(); if (slow && !running) start(); }, { "aria-pressed": "false" });
  const again = button("Reset", () => { reset(); tell("Reset."); });
  const link = button("Copy link", copy);
  const clear = button("Clear drawing", () => draw([]));
  const bar = make("div", { class: "gc-lab-bar", role: "group", "aria-label": "Training" }, go, stepD, stepG, slower, again, clear, link);
  const status = make("p", { class: "gc-lab-status", role: "status", "aria-live": "polite" });
  const presets = make("div", { class: "gc-lab-presets", role: "group", "aria-label": "Presets" });
  for (const [name, { title }] of Object.entries(Lab.PRESETS)) presets.append(button(title, () => preset(name), { "data-preset": name, "aria-pressed": "false" }));
  const turns = ["D", "G"].map(player => {
    const code = make("pre", {}), value = make("p", { class: "gc-lab-formula" });
    const who = player === "D" ? "The discriminator’s turn" : "The generator’s turn";
    return { player, code, value, card: make("div", { class: "gc-lab-turn", "data-player": player }, make("p", { class: "gc-lab-who" }, who), value, code) };
  });
  const layers = make("div", { class: "gc-lab-layers", role: "group", "aria-label": "What is drawn" });
  for (const [name, label] of Object.entries(LAYERS)) {
    const box = make("input", { type: "checkbox", "data-layer": name, onchange: () => { now.off = Object.keys(LAYERS).filter(key => !layers.querySelector(`[data-layer=${key}]`).checked); show(); keep(); } });
    layers.append(make("label", {}, box, " ", label));
  }
  const forms = settingsForm(), comparison = compareForm();
  const hint = make("p", { class: "gc-lab-hint" }, "Draw on the picture with the mouse or a finger. By keyboard: the arrow keys move the ring, Space puts a point.");
  const settable = make("div", { class: "gc-lab-settings" }, comparison.element, forms.element);
  root.replaceChildren(
    presets, bar, status, hint, make("div", { class: "gc-lab-stage" }, ...panels.map(({ panel }) => panel)), layers,
    make("div", { class: "gc-lab-turns" }, ...turns.map(({ card }) => card)),
    own ? make("details", {}, make("summary", {}, "All settings"), settable) : settable);
  root.classList.add("gc-lab");

  // - settings -
  function control(field, id, change) {
    const { choices, key } = field;
    if (!Array.isArray(choices) && "from" in choices) {
      return make("input", { id, type: "number", min: choices.from, max: choices.to, inputmode: "numeric", onchange: e => change(allowed(key, e.target.value)) });
    }
    const values = Array.isArray(choices) ? choices : Object.keys(choices);
    return make("select", { id, onchange: e => change(allowed(key, e.target.value)) }, ...values.map(value => make("option", { value }, said(key, value))));
  }
  // A value from an address that is on no list gets its own entry.
  function put(element, key, value) {
    if (element.tagName === "SELECT" && ![...element.options].some(option => option.value === String(value))) {
      element.append(make("option", { value }, said(key, value)));
    }
    element.value = String(value);
  }
  function settingsForm() {
    const element = make("div", { class: "gc-lab-fields" }), controls = {};
    for (const group of new Set(FIELDS.map(field => field.group))) {
      const set = make("fieldset", {}, make("legend", {}, group));
      for (const field of FIELDS.filter(one => one.group === group)) {
        const id = `${prefix}-${field.key}`;
        controls[field.key] = control(field, id, value => {
          if (value === undefined) return show();
          change({ [field.key]: value });
        });
        set.append(make("div", { class: "gc-lab-field" }, make("label", { for: id }, field.label), controls[field.key]));
      }
      element.append(set);
    }
    return { element, controls };
  }
  function compareForm() {
    const which = make("select", { id: `${prefix}-vs`, onchange: () => {
      const key = which.value;
      now.vs = key ? [key, others(key)[0]] : null;
      reset(); tell(key ? "A second run with one setting changed." : "One run.");
    } }, make("option", { value: "" }, "nothing: one run"), ...COMPARED.map(({ key, label }) => make("option", { value: key }, label)));
    const place = make("span", {});
    const element = make("div", { class: "gc-lab-compare" }, make("label", { for: which.id }, "Beside it, a second run that differs in"), which, place);
    return { element, which, place };
  }
  function others(key) {
    const { choices } = FIELD[key];
    if (key === "seed") return [(now.settings.seed + 1) % 10000];
    const values = Array.isArray(choices) ? choices : Object.keys(choices).map(value => allowed(key, value));
    return values.filter(value => value !== now.settings[key]);
  }

  function change(part) {
    Object.assign(now.settings, part);
    if (Object.keys(part).some(key => ANEW.includes(key))) { reset(); tell("Started anew with the changed setting."); return; }
    settle();
    show(); keep();
  }
  // Settings that act at once, in both runs.
  function settle() {
    versions().forEach((settings, k) => {
      if (!runs[k]) return;
      runs[k].settings = settings;
      runs[k].state.D.spectral = settings.spectral ? runs[k].state.spectral : null;
    });
    goal = Math.max(now.settings.steps, runs[0] ? runs[0].state.step : 0);
  }
  function versions() {
    const { settings, vs } = now;
    return vs ? [settings, { ...settings, [vs[0]]: vs[1] }] : [settings];
  }
  function reset() {
    runs = versions().map(settings => newRun({ ...settings }));
    goal = now.settings.steps;
    pencil = now.settings.data === "drawn" ? pencil || [0, 0] : null;
    show(); keep();
  }
  function preset(name) {
    halt();
    now = { settings: { ...Lab.DEFAULTS, ...Lab.PRESETS[name].settings }, vs: Lab.PRESETS[name].vs, off: now.off };
    reset();
    tell(`${Lab.PRESETS[name].title}. Ready.`);
  }
  function keep() {
    if (own) return;
    const address = "#" + toAddress(now);
    try { history.replaceState(null, "", address); } catch { location.hash = address; }
  }
  function copy() {
    keep();
    const address = (home || location.href).replace(/#.*|$/, `#${toAddress(now)}`), done = () => tell("The link is copied.");
    const fallback = () => tell(`The link: ${address}`);
    if (navigator.clipboard && window.isSecureContext) navigator.clipboard.writeText(address).then(done, fallback); else fallback();
  }

  // - running -
  const over = () => runs.every(({ state }) => state.step >= goal);
  const broken = () => runs.some(({ state }) => !state.finite);
  function start() {
    if (running) return;
    if (broken() || (over() && now.settings.decay !== "none")) reset();
    else if (over()) goal += now.settings.steps;
    running = true;
    turned = 0;
    tell("Running.");
    show(); ask();
  }
  function halt(word) {
    running = false;
    cancelAnimationFrame(asked);
    if (word) tell(word);
    show();
  }
  const ask = () => { asked = requestAnimationFrame(frame); };
  function frame() {
    if (!running || document.hidden) return;
    const time = performance.now(), drawing = time >= due;
    if (slow && time - turned > SLOW) { turned = time; runs.forEach(advance); due = 0; }
    else if (!slow && !drawing) train(time + BUDGET);
    if (broken()) {
      const { state } = runs.find(run => !run.state.finite);
      return halt(`At step ${count(state.step)} a loss was no longer finite. Reset, and try smaller rates or a penalty.`);
    }
    if (over()) return halt("The run is over.");
    if (drawing) {
      // One run's picture a frame, and so seldom that drawing takes a third of the time at most.
      at = (at + 1) % runs.length;
      numbers();
      picture(runs[at]);
      due = time + Math.max(3 * (performance.now() - time), (still.matches ? 1000 : 60) / runs.length);
      if (time - told > TOLD) tell("Running.");
    }
    ask();
  }
  // The run that is behind goes on, one player's step at a time, as long as another step fits in.
  function train(until) {
    let before = performance.now(), after = before;
    do {
      const behind = runs.reduce((a, b) => (b.state.step < a.state.step ? b : a));
      if (behind.state.step >= goal) return;
      advance(behind);
      if (!behind.state.finite) return;
      before = after;
      after = performance.now();
    } while (2 * after - before < until);
  }
  function single(player) {
    if (running) halt();
    if (broken()) reset();
    for (const run of runs) {
      run.last = player;
      (player === "D" ? Lab.dStep : Lab.gStep)(run.state, run.settings);
      noted(run);
      if (player === "G") measure(run);
    }
    if (broken()) tell("A loss is no longer finite. Reset, and try smaller rates or a penalty.");
    else tell(`One step of ${player}: its loss was ${runs.map(({ state }) => small(player === "D" ? state.lossD : state.lossG)).join(" and ")}.`);
    show();
  }

  // - showing -
  function tell(word) {
    told = performance.now();
    const scores = runs.map((run, k) => {
      const { score } = run, name = runs.length > 1 ? `${panels[k].name}: ` : "";
      return `${name}${score.modes} of ${score.of} modes, ${percent(score.good)} good`;
    });
    status.textContent = `${word} Step ${count(runs[0].state.step)}. ${scores.join("; ")}.`;
  }
  // Everything that changes with a step: the numbers at once, the pictures one run a frame.
  function paint() {
    numbers();
    runs.forEach(run => waiting.add(run));
    if (!soon) soon = requestAnimationFrame(nextPicture);
  }
  function nextPicture() {
    const [run] = waiting;
    waiting.delete(run);
    if (runs.includes(run)) picture(run);
    soon = waiting.size ? requestAnimationFrame(nextPicture) : 0;
  }
  function picture(run) {
    const k = runs.indexOf(run), { board, losses, modes, values } = panels[k];
    drawBoard(run, board, now.off, k === 0 ? pencil : null);
    drawLosses(run, losses);
    drawModes(run, modes);
    values.push.textContent = small(run.pushed);
  }
  function numbers() {
    runs.forEach((run, k) => {
      const { values } = panels[k], { state } = run;
      if (!running || slow) measure(run);
      values.step.textContent = `${count(state.step)} of ${count(goal)}`;
      values.modes.textContent = `${run.score.modes} of ${run.score.of}`;
      values.good.textContent = percent(run.score.good);
    });
    const [{ state, score, settings, last }, other] = runs;
    for (const { player, card, value } of turns) {
      card.classList.toggle("gc-lab-lit", last === player && (slow || !running));
      value.innerHTML = formula(player, settings, state);
    }
    Object.assign(root.dataset, { step: state.step, modes: score.modes, good: score.good.toFixed(3), running: String(running) });
    if (other) Object.assign(root.dataset, { stepB: other.state.step, modesB: other.score.modes, goodB: other.score.good.toFixed(3) });
    else ["stepB", "modesB", "goodB"].forEach(key => delete root.dataset[key]);
  }
  // Everything else, too.
  function show() {
    const { settings, vs, off } = now, two = runs.length > 1, drawing = settings.data === "drawn";
    root.classList.toggle("gc-lab-two", two);
    panels.forEach(({ panel, title, board, losses, modes, name }, k) => {
      panel.hidden = !runs[k];
      if (!runs[k]) return;
      title.textContent = two ? `${name} · ${FIELD[vs[0]].label}: ${said(vs[0], runs[k].settings[vs[0]])}` : "";
      const { score } = runs[k], pen = drawing && k === 0;
      board.setAttribute("aria-label", pen
        ? "Drawing board. Arrow keys move the pencil, Space puts a point."
        : `Run ${name}: real and generated points over the discriminator's surface. ${score.modes} of ${score.of} modes found.`);
      losses.setAttribute("aria-label", `Losses of run ${name} so far.`);
      modes.setAttribute("aria-label", `Shares of the ${score.of} modes in run ${name} so far.`);
      board.setAttribute("role", pen ? "application" : "img");
      board.classList.toggle("gc-lab-pad", pen);
      if (pen) board.tabIndex = 0; else board.removeAttribute("tabindex");
    });
    for (const [key, element] of Object.entries(forms.controls)) put(element, key, settings[key]);
    comparison.which.value = vs ? vs[0] : "";
    const field = vs && FIELD[vs[0]], id = `${prefix}-value`, had = document.activeElement && document.activeElement.id === id;
    comparison.place.replaceChildren();
    if (field) {
      const other = control(field, id, value => { if (value !== undefined) now.vs = [field.key, value]; reset(); tell("Started anew."); });
      put(other, field.key, vs[1]);
      comparison.place.append(make("label", { for: id }, "and has"), other);
      if (had) other.focus();
    }
    for (const name of Object.keys(LAYERS)) layers.querySelector(`[data-layer=${name}]`).checked = !off.includes(name);
    for (const { player, code } of turns) code.textContent = lines(player, settings);
    const address = toAddress({ ...now, off: [] });
    for (const chip of presets.children) {
      const { settings: theirs, vs: other } = Lab.PRESETS[chip.dataset.preset];
      chip.setAttribute("aria-pressed", String(address === toAddress({ settings: { ...Lab.DEFAULTS, ...theirs }, vs: other, off: [] })));
    }
    hint.hidden = clear.hidden = !drawing;
    go.textContent = running ? "Pause" : over() && settings.decay !== "none" ? "Run again" : "Run";
    slower.setAttribute("aria-pressed", String(slow));
    paint();
  }

  // - drawing data -
  function draw(points) {
    now.settings.points = points.slice(-MOST);
    settle();
    runs.forEach(retarget);
    show(); keep();
  }
  function pointAt(event) {
    const box = panels[0].board.getBoundingClientRect(), { extent } = runs[0].state.target;
    const scaled = (v, from, size) => Math.max(-1, Math.min(1, (2 * (v - from)) / size - 1)) * extent;
    return [scaled(event.clientX, box.left, box.width), -scaled(event.clientY, box.top, box.height)];
  }
  function dot(point) {
    const { points } = now.settings, before = points[points.length - 1];
    if (before && Math.hypot(point[0] - before[0], point[1] - before[1]) < 0.06) return;
    draw([...points, unpacked(packed([point]))[0]]);
  }
  const pad = panels[0].board;
  let pressed = false;
  pad.addEventListener("pointerdown", event => {
    if (!pencil) return;
    pressed = true;
    pad.setPointerCapture(event.pointerId);
    pencil = pointAt(event);
    dot(pencil);
  });
  pad.addEventListener("pointermove", event => { if (pressed && pencil) { pencil = pointAt(event); dot(pencil); } });
  for (const name of ["pointerup", "pointercancel"]) pad.addEventListener(name, () => { pressed = false; });
  pad.addEventListener("keydown", event => {
    const move = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
    if (!pencil || !(move || event.key === " ")) return;
    event.preventDefault();
    if (move) pencil = pencil.map((v, k) => Math.max(-1.6, Math.min(1.6, v + 0.1 * move[k]))); else dot(pencil);
    show();
  });

  // - the rest of the world -
  root.addEventListener("keydown", event => {
    if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|SELECT)$/.test(event.target.tagName)) return;
    const press = { r: go, d: stepD, g: stepG }[event.key];
    if (press) press.click();
  });
  document.addEventListener("visibilitychange", () => {
    if (!running) return;
    root.dataset.running = String(!document.hidden);
    cancelAnimationFrame(asked);
    if (!document.hidden) ask();
  });
  if (!own) window.addEventListener("hashchange", () => {
    if (!location.hash.includes("=")) return;
    halt();
    now = fromAddress(location.hash.slice(1));
    reset();
    tell("Settings from the address.");
  });
  const fold = root.closest("details");
  if (fold) fold.addEventListener("toggle", () => { if (running && !fold.open) halt("Paused."); });
  new MutationObserver(paint).observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
  new ResizeObserver(() => { if (!running) paint(); }).observe(root);

  runs = versions().map(settings => newRun({ ...settings }));
  goal = now.settings.steps;
  pencil = now.settings.data === "drawn" ? [0, 0] : null;
  show();
  tell("Ready.");
}

function all() {
  document.querySelectorAll("[data-lab]").forEach(root => mount(root));
}
(window.gcEmbeds ??= {}).lab = (root, settings, home) => { root.dataset.lab = settings; mount(root, home); };
if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", all); else all();
})();
