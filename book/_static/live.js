// Figures that are formulas, drawn in the page: what has a ring can be dragged, and follows the arrow
// keys; the sliders and buttons below do the same. scripts/live.py writes a figure's kind and where it
// starts into the page; this puts a drawing in place of its picture, which stays where no script runs.
(() => {
"use strict";

// --- formulas: tests/test_live.py compares each with the package's value ---------------------------

const sigmoid = (f) => 1 / (1 + Math.exp(-f));
const spread = (lo, hi, n) => Array.from({ length: n }, (_, i) => lo + (hi - lo) * i / (n - 1));
const sum = (all) => all.reduce((a, b) => a + b, 0);
const logNormal = (x, mean, std) => -0.5 * ((x - mean) / std) ** 2 - Math.log(std * Math.sqrt(2 * Math.PI));
const logAdd = (a, b) => Math.max(a, b) + Math.log1p(Math.exp(-Math.abs(a - b)));

// Chapter 1: half of the data around -2, half around 2.
const logP = (x) => logAdd(logNormal(x, -2, 0.5), logNormal(x, 2, 0.5)) - Math.LN2;
const bestD = (x, mean, width) => sigmoid(logP(x) - logNormal(x, mean, width));
const JSD_GRID = spread(-12, 12, 4801);
const P_ON_GRID = JSD_GRID.map(logP);
const jsd = (mean, width) => {
  const h = JSD_GRID[1] - JSD_GRID[0];
  return 0.5 * h * sum(JSD_GRID.map((x, i) => {
    const p = P_ON_GRID[i], q = logNormal(x, mean, width), m = logAdd(p, q) - Math.LN2;
    return (Math.exp(p) * (p - m) + Math.exp(q) * (q - m)) * (i % 4800 ? 1 : 0.5);
  }));
};

// Chapter 3: the Dirac-GANs of gancourse.dynamics. `quadrature` is [nodes, weights] of a standard normal.
const field = (game, t, p, { gamma = 1, quadrature } = {}) => {
  if (game === "noise") {
    const [nodes, weights] = quadrature;
    let v = 0, w = 0;
    nodes.forEach((n, i) => {
      const D = sigmoid(p * (t + n));
      v += weights[i] * p * D;
      w -= weights[i] * ((t + n) * D - n * sigmoid(-p * n));
    });
    return [v, w];
  }
  if (game.startsWith("wgan"))
    return [p, -t - (game === "wgan-gp" ? gamma * (Math.abs(p) - 1) * Math.sign(p) : 0)];
  const D = sigmoid(p * t);
  return [p * (game === "nonsaturating" ? 1 - D : D), -t * D - (game === "r1" ? gamma * p : 0)];
};
const simulate = (game, start, lr, steps, scheme, options) => {
  const path = [start], moves = scheme === "alternating" ? [[0, 1], [1, 0]] : [[1, 1]];
  let [t, p] = start;
  for (let k = 0; k < steps; k++) {
    for (const [g, d] of moves) {
      const [v, w] = field(game, t, p, options);
      t += lr * g * v;
      p += lr * d * w;
      if (game === "wgan-clip") p = Math.max(-1, Math.min(1, p));
    }
    path.push([t, p]);
  }
  return path;
};
// Eigenvalues of the field of minimax + R1 at the solution, as [real, imaginary]; and how much one
// simultaneous step of size h multiplies the slower of the two directions by.
const eigenvalues = (gamma) => {
  const inside = gamma * gamma - 1, root = Math.sqrt(Math.abs(inside)) / 2;
  return [1, -1].map((s) => inside < 0 ? [-gamma / 2, s * root] : [-gamma / 2 + s * root, 0]);
};
const factor = (gamma, h) => Math.max(...eigenvalues(gamma).map(([a, b]) => Math.hypot(1 + h * a, h * b)));
// Mean length of the gradient at points around -distance/2, spread 0.2, under D(x) = sigmoid(s x).
const meanGradient = (loss, s, distance, [nodes, weights]) => sum(nodes.map((n, i) => {
  const f = s * (-distance / 2 + 0.2 * n);
  return weights[i] * s * sigmoid(loss === "minimax" ? f : -f);
}));

// Chapter 4: shares 0.7 and 0.3 of earth at (-1, 0.6) and (1, 0.6), two holes of 0.5 at height -0.6. One
// number is free, what goes from the first pile to the first hole, and the cost is linear in it.
const masses = (first, second) => {
  const way = [-1, 1].map((pile) => [first, second].map((hole) => Math.hypot(pile - hole, 1.2)));
  const a = way[0][0] - way[0][1] - way[1][0] + way[1][1] < 0 ? 0.5 : 0.2;
  const plan = [[a, 0.7 - a], [0.5 - a, a - 0.2]];
  return { plan, cost: sum(plan.flatMap((row, i) => row.map((share, j) => share * way[i][j]))) };
};
// The best critic of equally many points on a line: places and heights, and the distance W1.
const critic = (real, fake) => {
  const all = [...real.map((x) => [x, 1]), ...fake.map((x) => [x, -1])].sort((a, b) => a[0] - b[0]);
  const places = [], heights = [];
  let net = 0, height = 0;
  all.forEach(([x, kind], i) => {
    if (i) height -= Math.sign(net) * (x - places[i - 1]);
    places.push(x);
    heights.push(height);
    net += kind;
  });
  const sorted = [real, fake].map((points) => [...points].sort((a, b) => a - b));
  return { places, heights, sorted, w1: sum(sorted[0].map((x, i) => Math.abs(x - sorted[1][i]))) / real.length };
};

// --- drawing: panels of one SVG, side by side on a desk and one below the other on a phone ------------

const REAL = "#0072B2", FAKE = "#E69F00", DISCRIMINATOR = "#009E73", GENERATOR = "#D55E00";
const NEUTRAL = "#767676", SCHEME = { simultaneous: "#444444", alternating: "#0B7A99" };
const LOSS = { minimax: ["minimax", NEUTRAL, "6 4"], nonsaturating: ["non-saturating", GENERATOR, ""] };
const SIZE = 12.5, LEFT = 56, RIGHT = 10, TOP = 26, BOTTOM = 40;  // px: of text, and around a panel
const [START, MIDDLE, END] = ["start", "middle", "end"].map((side) => ({ "text-anchor": side }));
const DOTTED = { dash: "2 3" }, THIN = { ...DOTTED, thick: 1 }, DARK = "#9a4400";

const LONG = { thick: "stroke-width", dash: "stroke-dasharray" };
const tag = (name, attributes, inside = "") =>
  `<${name}${Object.entries(attributes).map(([k, v]) => ` ${LONG[k] ?? k}="${v}"`).join("")}>${inside}</${name}>`;
const text = (x, y, words, more = {}) =>
  tag("text", { x, y, "font-size": SIZE, fill: "#333", ...more }, String(words).replace(/&/g, "&amp;").replace(/</g, "&lt;"));
const short = (value, digits = 2) => value.toFixed(digits).replace(/^-(?=0\.?0*$)/, "").replace("-", "−");

class Panel {
  constructor([x, y, width, height], options) {
    const left = x + LEFT, top = y + TOP;
    Object.assign(this, { inside: "", outside: "" }, options, { left, top, width: width - LEFT - RIGHT, height: height - TOP - BOTTOM });
    if (this.equal) {  // one unit is as long along both axes
      const [across, up] = [this.x, this.y].map(([lo, hi]) => hi - lo);
      const unit = Math.min(this.width / across, this.height / up);
      Object.assign(this, { width: unit * across, height: unit * up });
    }
    if (this.log) this.y = this.y.map(Math.log10);
  }
  X(x) { return (x - this.x[0]) / (this.x[1] - this.x[0]) * this.width; }
  Y(y) {
    const at = this.log ? Math.log10(Math.max(y, 1e-300)) : y;
    return (this.y[1] - at) / (this.y[1] - this.y[0]) * this.height;
  }
  at(px, py) {  // the values under a place of the SVG
    return [this.x[0] + (px - this.left) / this.width * (this.x[1] - this.x[0]),
      this.y[1] - (py - this.top) / this.height * (this.y[1] - this.y[0])];
  }
  line(points, stroke, more = {}) {
    const d = points.map(([x, y], i) => `${i ? "L" : "M"}${this.X(x).toFixed(1)} ${this.Y(y).toFixed(1)}`).join("");
    this.inside += tag("path", { d, stroke, fill: "none", thick: 2, "stroke-linejoin": "round", ...more });
  }
  area(points, color) {
    const ends = [[points[points.length - 1][0], 0], [points[0][0], 0]];
    this.line([...points, ...ends], "none", { fill: color, "fill-opacity": 0.3 });
  }
  dot(x, y, r, fill, more = {}) { this.inside += tag("circle", { cx: this.X(x), cy: this.Y(y), r, fill, ...more }); }
  box(x, y, r, fill) {
    this.inside += tag("rect", { x: this.X(x) - r, y: this.Y(y) - r, width: 2 * r, height: 2 * r, fill });
  }
  cross(x, y, r, stroke, turned) {
    const d = turned ? `M${-r} 0H${r}M0 ${-r}V${r}` : `M${-r} ${-r}L${r} ${r}M${-r} ${r}L${r} ${-r}`;
    this.inside += tag("path", { d, stroke, thick: 1.8, transform: `translate(${this.X(x)} ${this.Y(y)})` });
  }
  arrow(x, y, u, v, color, width = 1.4, head = 5) {  // in px of the panel; u, v its length
    const long = Math.hypot(u, v), transform = `translate(${x} ${y}) rotate(${Math.atan2(v, u) * 180 / Math.PI})`;
    this.inside += tag("g", { transform }, tag("path", { d: `M0 0H${long - head}`, stroke: color, thick: width })
      + tag("path", { d: `M${long} 0l${-head} ${head / 1.6}v${-head / 0.8}Z`, fill: color }));
  }
  label(x, y, words, fill, more = {}) {
    this.outside += text(this.left + this.X(x), this.top + this.Y(y), words, { fill, ...MIDDLE, ...more });
  }
  ticks(axis, many) {
    const [lo, hi] = this[axis], raw = (hi - lo) / many, ten = 10 ** Math.floor(Math.log10(raw));
    const step = axis === "y" && this.log ? 2 : ten * [1, 2, 5, 10].find((k) => k * ten >= raw - 1e-12);
    const [from, to] = [Math.ceil(lo / step - 1e-9), Math.floor(hi / step + 1e-9)];
    return spread(from, to, to - from + 1).map((k) => k * step);
  }
  draw() {
    const { left, top, width, height } = this, grey = { stroke: "#555", thick: 1 };
    let frame = tag("path", { d: `M${left} ${this.bare ? top + height : top}V${top + height}H${left + width}`, fill: "none", ...grey });
    const digits = (values) => values.every(Number.isInteger) ? 0 : 1;
    const xs = this.xticks ?? this.ticks("x", Math.max(2, width / 70));
    if (!this.noX) for (const value of xs) {
      const x = left + this.X(value);
      frame += tag("path", { d: `M${x} ${top + height}v4`, ...grey })
        + text(x, top + height + 17, short(value, digits(xs)), { ...MIDDLE, fill: "#555" });
    }
    const ys = this.yticks ?? this.ticks("y", Math.max(2, height / 45));
    if (!this.bare) for (const value of ys) {
      const y = top + this.Y(this.log ? 10 ** value : value);
      const words = this.log ? (value ? `1e${value}` : 1) : short(value, digits(ys));
      frame += tag("path", { d: `M${left} ${y}h-4`, ...grey }) + text(left - 7, y + 4, words, { ...END, fill: "#555" });
    }
    if (this.xlabel) frame += text(left + width / 2, top + height + 34, this.xlabel, MIDDLE);
    if (this.ylabel) frame += text(0, 0, this.ylabel, { ...MIDDLE, transform: `translate(${left - 44} ${top + height / 2}) rotate(-90)` });
    if (this.title) frame += text(left - 44, top - 11, this.title, { fill: "#222" });
    const plot = { x: left, y: top, width, height };
    return tag("svg", plot, this.inside) + frame + this.outside;
  }
}

// --- the figures -----------------------------------------------------------------------------------

const number = (name, min, max, step, value, more = {}) => ({ name, min, max, step, value, ...more });
const peak = (width) => Math.min(0.85, 0.4 / width);
const portrait = (panel, game, options, extent) => {
  const cell = panel.width / 13;
  for (const t of spread(-extent, extent, 13)) for (const p of spread(-extent, extent, 13)) {
    const [v, w] = field(game, t, p, options), size = Math.hypot(v, w);
    if (size < 1e-9) continue;
    const [u, down] = [v / size * cell * 0.62, -w / size * cell * 0.62];
    panel.arrow(panel.X(t) - u / 2, panel.Y(p) - down / 2, u, down, "#dd9fc1", 1.2, 4);
  }
};

const FIGURES = {
  game: {
    axes: () => [number("mean", -6, 8, 0.05, 0), number("width", 0.3, 3, 0.05, 0.5)],
    panels: () => [{ x: [-6, 8], y: [0, 0.95], height: 210, noX: true, ylabel: "density" },
      { x: [-6, 8], y: [-0.02, 1.05], height: 190, xlabel: "x", ylabel: "D*(x)", yticks: [0, 0.5, 1] }],
    stacked: true,
    draw([mean, width], [top, bottom]) {
      const divergence = jsd(mean, width), value = 2 * divergence - Math.log(4);
      const xs = spread(-6, 8, 281), p = xs.map((x) => [x, Math.exp(logP(x))]);
      const q = xs.map((x) => [x, Math.exp(logNormal(x, mean, width))]);
      for (const [points, color] of [[p, REAL], [q, FAKE]]) {
        top.area(points, color);
        top.line(points, color);
      }
      top.line(p.map(([x, y], i) => [x, (y + q[i][1]) / 2]), NEUTRAL, DOTTED);
      top.label(-2, 0.44, "p, real", REAL);
      top.label(mean + (mean > 6 ? -0.9 : 0.9), peak(width), "q, generated", DARK,
        mean > 6 ? END : START);
      top.title = `V(D*, G) = ${short(value, 3)},  JSD = ${short(divergence, 3)} of at most 0.693`;
      bottom.line([[-6, 0.5], [8, 0.5]], NEUTRAL, THIN);
      bottom.line(xs.map((x) => [x, bestD(x, mean, width)]), DISCRIMINATOR);
      return `Mean ${short(mean)}, width ${short(width)}: the divergence JSD is ${short(divergence, 3)} of at most 0.693, the game's value ${short(value, 3)}.`;
    },
    handles: ([mean, width]) => [{ panel: 0, x: mean, y: peak(width),
      label: "the generated bell", axes: [0, 1], up: -1,
      moved: (x, y) => [x, 0.4 / Math.max(y, 0.05)] }],
  },

  strength: {
    axes: () => [number("strength", 0.1, 8, 0.1, 1), number("distance", 0, 4, 0.05, 3)],
    panels: () => [{ x: [-2.8, 2.8], y: [-0.14, 1.15], height: 270, xlabel: "x", yticks: [0, 0.5, 1], share: 1.15 },
      { x: [0, 8], y: [1e-5, 30], log: true, height: 270, xlabel: "strength s", title: "gradient at generated points" }],
    draw([s, distance], [left, right], { quadrature }) {
      const xs = spread(-2.8, 2.8, 300);
      for (const [center, color] of [[distance / 2, REAL], [-distance / 2, FAKE]])
        left.area(xs.map((x) => [x, 0.75 * Math.exp(-0.5 * ((x - center) / 0.2) ** 2)]), color);
      left.label(distance / 2, -0.1, "real", REAL, START);
      left.label(-distance / 2, -0.1, "generated", DARK, END);
      left.line(xs.map((x) => [x, sigmoid(s * x)]), DISCRIMINATOR);
      left.label(2.75, 1.06, "D(x)", DISCRIMINATOR, END);
      const now = {};
      for (const [name, [words, color, dash]] of Object.entries(LOSS)) {
        right.line(spread(0.1, 8, 60).map((k) => [k, meanGradient(name, k, distance, quadrature)]), color, { dash });
        now[name] = meanGradient(name, s, distance, quadrature);
        right.dot(s, now[name], 5, color);
        right.label(7.9, meanGradient(name, 7.9, distance, quadrature) * (name === "minimax" ? 0.3 : 2.2),
          words, color, END);
      }
      return `Strength ${short(s, 1)}, distance ${short(distance)}: mean gradient ${now.minimax.toPrecision(2)} under the minimax loss, ${now.nonsaturating.toPrecision(2)} under the non-saturating one.`;
    },
    handles: ([s, distance], { quadrature }) => [
      { panel: 0, x: -distance / 2, y: 0.375, label: "the generated points", axes: [1], sign: -1, moved: (x) => [-2 * x] },
      { panel: 1, x: s, y: meanGradient("nonsaturating", s, distance, quadrature), label: "the strength", axes: [0], moved: (x) => [x] }],
  },

  dirac: {
    axes: ({ games }) => [{ name: "game", words: games.map(([name]) => name), value: 0 },
      { name: "scheme", words: Object.keys(SCHEME), value: 1 },
      number("start θ", -2.6, 2.6, 0.05, 1), number("start ψ", -2.6, 2.6, 0.05, 1)],
    panels: () => [{ x: [-2.6, 2.6], y: [-2.6, 2.6], equal: true, height: 350, xlabel: "generator θ", ylabel: "discriminator ψ" },
      { x: [0, 500], y: [0, 4], height: 350, xlabel: "step", ylabel: "distance from the solution" }],
    anywhere: true,
    draw([k, way, theta, psi], [left, right], options) {
      const [game, title] = options.games[k], scheme = Object.keys(SCHEME)[way];
      const path = simulate(game, [theta, psi], 0.2, 500, scheme, options);
      const radius = path.map(([t, p]) => Math.hypot(t, p)), end = radius[500];
      portrait(left, game, options, 2.4);
      left.line(path.filter(([t, p]) => Math.hypot(t, p) < 1e4), SCHEME[scheme], { thick: 1.4 });
      left.dot(...path[500], 5, SCHEME[scheme]);
      left.cross(0, 0, 6, "black", true);
      left.title = title;
      right.line(radius.map((r, i) => [i, Math.min(r, 1e4)]), SCHEME[scheme]);
      const there = end > 100 ? Math.round(end).toLocaleString("en") : end > 1e-3 ? short(end) : "below 0.001";
      right.title = `${there} at the end`;
      return `${title}, ${scheme} steps from (${short(theta)}, ${short(psi)}), at distance ${short(radius[0])}: after 500 steps the distance is ${there}.`;
    },
    handles: ([, , theta, psi]) => [{ panel: 0, x: theta, y: psi, label: "the start", axes: [2, 3], moved: (x, y) => [x, y] }],
  },

  disc: {
    axes: () => [number("gamma", 0, 3, 0.01, 0), number("h", 0.05, 2, 0.01, 0.5)],
    panels: () => [{ x: [-3, 0.6], y: [-1.45, 1.45], equal: true, height: 330, share: 1.25, xlabel: "real part of hλ", ylabel: "imaginary part" },
      { x: [-0.6, 0.6], y: [-0.6, 0.6], equal: true, height: 330, xlabel: "generator θ", ylabel: "discriminator ψ", title: "60 simultaneous steps" }],
    draw([gamma, h], [left, right]) {
      const unit = left.X(1) - left.X(0), grows = factor(gamma, h), stable = grows < 1;
      left.dot(-1, 0, unit, DISCRIMINATOR, { "fill-opacity": 0.13, stroke: DISCRIMINATOR });
      for (const ends of [[[-3, 0], [0.6, 0]], [[0, -1.45], [0, 1.45]]]) left.line(ends, NEUTRAL, { thick: 0.8 });
      for (const side of [0, 1])
        left.line(spread(0, 3, 601).map((g) => eigenvalues(g)[side].map((part) => h * part)), "#bbb", DOTTED);
      left.label(-1, -0.75, "stable", DISCRIMINATOR);
      const at = eigenvalues(gamma).map((l) => l.map((part) => h * part));
      for (const point of at) if (stable) left.dot(...point, 5.5, "black"); else left.cross(...point, 5, "black");
      left.title = `largest |1 + hλ| = ${short(grows, 3)}`;
      const path = simulate("r1", [0.2, 0.2], h, 60, "simultaneous", { gamma });
      right.line(path.filter((point) => Math.hypot(...point) < 1e3), SCHEME.simultaneous, { thick: 1 });
      for (const point of path.filter((p) => Math.hypot(...p) < 1)) right.dot(...point, 2.2, SCHEME.simultaneous);
      right.box(0.2, 0.2, 3.5, "#333");
      right.cross(0, 0, 6, "black", true);
      const where = at.map(([a, b]) => `${short(a)} ${b < 0 ? "−" : "+"} ${short(Math.abs(b))}i`).join(" and ");
      return `R1 weight ${short(gamma)}, learning rate ${short(h)}: hλ is ${where}, ${stable ? "inside" : "not inside"} the disc; each step multiplies distances by up to ${short(grows, 3)}.`;
    },
    handles: ([gamma, h]) => [{ panel: 0, x: h * eigenvalues(gamma)[1][0], y: h * eigenvalues(gamma)[1][1], label: "an eigenvalue", axes: [0, 1],
      moved: (x, y) => {  // hλ is given: |λ| = 1/2 off the real axis, the product of the two is 1/4 on it
        if (gamma < 1 || y < -0.04) return Math.abs(y) < 0.02 ? [Math.max(1, gamma), h] : [Math.min(1, -x / Math.hypot(x, y)), 2 * Math.hypot(x, y)];
        const size = Math.max(0.5, -x / h);
        return [size + 0.25 / size, h];
      } }],
  },

  masses: {
    axes: () => [number("first", -2, 2, 0.01, -2), number("second", -2, 2, 0.01, 1)],
    panels: () => [{ x: [-2.5, 2.5], y: [-1.3, 1.15], height: 270, share: 1.3, bare: true, xlabel: "x₁" },
      { x: [-2, 2], y: [0, 3.2], height: 270, xlabel: "position of first", title: "W1 against first" }],
    draw([first, second], [left, right]) {
      const { plan, cost } = masses(first, second), piles = [-1, 1], holes = [first, second], moved = [];
      plan.forEach((row, i) => row.forEach((share, j) => {
        if (share < 1e-9) return;
        const [x, y] = [left.X(piles[i]), left.Y(0.6)], [u, v] = [left.X(holes[j]) - x, left.Y(-0.6) - y];
        const near = 1 - 14 / Math.hypot(u, v);
        left.arrow(x, y, u * near, v * near, "#bbb", 16 * share, 12);
        const along = j ? 0.66 : 0.34, [px, py] = [left.left + x + along * u, left.top + y + along * v];
        left.outside += text(px, py + 4, short(share, 1), { ...MIDDLE, stroke: "#fff", thick: 5, "paint-order": "stroke" });
        moved.push(`${short(share, 1)} from pile ${i + 1} to the ${["first", "second"][j]} mass`);
      }));
      [0.7, 0.3].forEach((share, i) => {
        left.dot(piles[i], 0.6, 15 * Math.sqrt(share), REAL);
        left.label(piles[i], 0.85, `real ${share}`, REAL);
      });
      holes.forEach((hole, j) => {
        left.box(hole, -0.6, 9, FAKE);
        left.label(hole, j ? -1.2 : -0.97, ["first", "second"][j], DARK);
      });
      left.title = `W1 = ${short(cost)}`;
      right.line([[-2, Math.LN2], [2, Math.LN2]], NEUTRAL, THIN);
      right.label(1.95, Math.LN2 + 0.07, "JSD, always log 2", "#333", END);
      right.line(spread(-2, 2, 161).map((x) => [x, masses(x, second).cost]), NEUTRAL);
      right.box(first, cost, 5, FAKE);
      return `First at ${short(first)}, second at ${short(second)}: the plan carries ${moved.join(", ")}. W1 is ${short(cost)}, the JSD log 2.`;
    },
    handles: ([first, second]) => [
      { panel: 0, x: first, y: -0.6, label: "the first mass", axes: [0], moved: (x) => [x] },
      { panel: 0, x: second, y: -0.6, label: "the second mass", axes: [1], moved: (x) => [x] }],
  },

  critic: {
    axes: () => [number("center", -5, 5, 0.05, 3.5), number("width", 0, 5, 0.05, 2)],
    panels: () => [{ x: [-7, 5.5], y: [-6.6, 4.6], height: 330, xlabel: "x", ylabel: "height", yticks: [-4, -2, 0, 2, 4] }],
    draw([center, width], [panel], { cloud, clump }) {
      const fake = clump.map((x) => center + width * x), { places, heights, sorted, w1 } = critic(cloud, fake);
      const heightAt = (x) => heights[places.indexOf(x)] - middle;
      const middle = (Math.max(...heights) + Math.min(...heights)) / 2, last = heights[heights.length - 1];
      sorted[0].forEach((x, i) => {
        const [u, v] = [panel.X(sorted[1][i]) - panel.X(x), panel.Y(-5.8) - panel.Y(-5.2)];
        panel.arrow(panel.X(x), panel.Y(-5.2), u, v, "#bbb", 1.1, 5);
      });
      panel.line([[-7, -4.4], [5.5, -4.4]], NEUTRAL, { thick: 0.8 });
      panel.line([[-7, heights[0] - middle], ...places.map((x, i) => [x, heights[i] - middle]), [5.5, last - middle]], DISCRIMINATOR);
      for (const x of cloud) panel.dot(x, -5, 4, REAL);
      for (const x of fake) {
        panel.cross(x, heightAt(x), 4, GENERATOR);
        panel.cross(x, -6, 4, GENERATOR);
      }
      panel.label(-6.9, -5.1, "real", REAL, START);
      panel.label(-6.9, -6.1, "generated", DARK, START);
      const [side, level] = center > 0 ? [START, heights[0]] : [END, last];
      panel.label(center > 0 ? -6.9 : 5.4, level - middle + 0.2, "critic f", DISCRIMINATOR, side);
      panel.title = `E f(real) − E f(generated) = ${short(w1)} = W1`;
      return `Eight generated points around ${short(center)}, spread ${short(width)}: the best critic has slopes of 1, −1 and 0 only; W1 is ${short(w1)}.`;
    },
    handles: ([center]) => [{ panel: 0, x: center, y: -6, label: "the generated points", axes: [0], moved: (x) => [x] }],
  },
};

// --- a figure in the page ----------------------------------------------------------------------------

const build = (holder) => {
  const data = JSON.parse(holder.textContent), figure = document.getElementById(data.id);
  const spec = FIGURES[data.kind], axes = spec.axes(data.parameters);
  const values = axes.map((axis, k) => data.start[k] ?? axis.value);
  figure.querySelector("img").outerHTML = '<div class="gc-plot gc-card"><svg role="group"><g></g><g></g></svg></div>';
  figure.insertAdjacentHTML("beforeend", axes.map(({ name, words, min, max, step }, k) => {
    const id = `${data.id}-${k}`, off = 'autocomplete="off"';
    if (!words) return `<div class="gc-row"><label for="${id}">${name}</label><input id="${id}" type="range" min="${min}" max="${max}" step="${step}" ${off}><output for="${id}" aria-live="off"></output></div>`;
    const options = words.map((word, i) => `<label><input type="radio" name="${id}" value="${i}" ${off}>${word}</label>`);
    return `<div class="gc-row"><label>${name}</label><div class="gc-words" role="radiogroup" aria-label="${name}">${options.join("")}</div></div>`;
  }).join("") + '<p class="gc-said" aria-live="polite"></p>');
  const plot = figure.querySelector(".gc-plot"), said = figure.querySelector(".gc-said");
  const svg = plot.firstChild, [drawing, rings] = svg.children;
  const rows = [...figure.querySelectorAll(".gc-row")].map((row, k) => {
    const inputs = [...row.querySelectorAll("input")];
    for (const input of inputs) input.addEventListener("input", () => set({ [k]: Number(input.value) }));
    return inputs;
  });

  let panels = [], waiting = 0, speaking = 0, held = -1;
  const set = (changes) => {
    for (const [k, value] of Object.entries(changes)) {
      const { min, max, words } = axes[k];
      if (words) values[k] = value;
      else if (Number.isFinite(value)) values[k] = Number(Math.max(min, Math.min(max, value)).toFixed(4));
    }
    waiting = waiting || requestAnimationFrame(draw);
  };
  const handles = () => spec.handles(values, data.parameters);
  rings.innerHTML = handles().map(() => '<g class="gc-grip" tabindex="0" role="slider"><circle r="22" fill="transparent"/><circle class="gc-ring" r="11"/></g>').join("");
  const grips = [...rings.children];
  grips.forEach((grip, i) => {
    // The finger moves the ring, not the page (touch-action does nothing inside an SVG).
    grip.addEventListener("touchstart", (event) => event.preventDefault());
    grip.addEventListener("pointerdown", (event) => {
      grip.setPointerCapture(event.pointerId);
      held = i;
    });
    grip.addEventListener("pointermove", (event) => { if (held === i) drag(i, event); });
    for (const end of ["pointerup", "pointercancel"]) grip.addEventListener(end, () => { held = -1; });
    grip.addEventListener("keydown", (event) => {
      const { axes: [across, along = across], sign = 1, up = 1 } = handles()[i];
      const by = event.shiftKey ? 10 : 1;
      const [k, way] = { ArrowRight: [across, sign], ArrowLeft: [across, -sign],
        ArrowUp: [along, along === across ? sign : up], ArrowDown: [along, along === across ? -sign : -up] }[event.key] ?? [];
      if (k === undefined) return;
      event.preventDefault();
      set({ [k]: values[k] + way * by * axes[k].step });
    });
  });
  const drag = (i, event) => {
    const box = svg.getBoundingClientRect(), handle = handles()[i];
    const places = handle.moved(...panels[handle.panel].at(event.clientX - box.left, event.clientY - box.top));
    set(Object.fromEntries(handle.axes.map((k, n) => [k, Math.round(places[n] / axes[k].step) * axes[k].step])));
  };
  if (spec.anywhere) svg.addEventListener("click", (event) => {
    const box = svg.getBoundingClientRect(), [panel] = panels;
    const [x, y] = panel.at(event.clientX - box.left, event.clientY - box.top);
    const within = (v, [lo, hi]) => lo <= v && v <= hi;
    if (!event.target.closest(".gc-grip") && within(x, panel.x) && within(y, panel.y)) drag(0, event);
  });

  const draw = () => {
    waiting = 0;
    const wide = plot.clientWidth - 12;
    if (wide <= 0) return;
    const wanted = spec.panels(data.parameters), beside = !spec.stacked && wide >= 560;
    const shares = sum(wanted.map((panel) => panel.share ?? 1));
    let [x, y] = [0, 0];
    panels = wanted.map((options) => {
      const width = beside ? wide * (options.share ?? 1) / shares : wide;
      const most = options.equal ? width + TOP : beside || spec.stacked || !wanted[1] ? 400 : 230;
      const panel = new Panel([x, y, width, Math.min(options.height, most)], options);
      if (beside) x += width; else y = panel.top + panel.height + (options.noX ? 4 : BOTTOM);
      return panel;
    });
    const tall = Math.max(...panels.map((panel) => panel.top + panel.height + BOTTOM));
    svg.setAttribute("width", wide);
    svg.setAttribute("height", tall);
    const words = spec.draw(values, panels, data.parameters);
    drawing.innerHTML = panels.map((panel) => panel.draw()).join("");
    handles().forEach((handle, i) => {
      const panel = panels[handle.panel], grip = grips[i], [first] = handle.axes;
      grip.setAttribute("transform", `translate(${panel.left + panel.X(handle.x)} ${panel.top + panel.Y(handle.y)})`);
      for (const [key, value] of Object.entries({ label: handle.label, valuemin: axes[first].min, valuemax: axes[first].max, valuenow: values[first],
        valuetext: handle.axes.map((k) => `${axes[k].name} ${short(values[k])}`).join(", ") })) grip.setAttribute(`aria-${key}`, value);
    });
    rows.forEach((inputs, k) => {
      if (axes[k].words) inputs[values[k]].checked = true;
      else {
        inputs[0].value = values[k];
        inputs[0].nextElementSibling.textContent = short(values[k]);
      }
    });
    svg.setAttribute("aria-label", words);
    clearTimeout(speaking);  // a screen reader hears where it came to rest
    speaking = setTimeout(() => { said.textContent = words; }, said.textContent ? 300 : 0);
  };
  new ResizeObserver(() => set({})).observe(plot);
  draw();
  return [figure, { values: axes.map((axis) => axis.words) }];
};

globalThis.gcLive = { bestD, jsd, field, simulate, eigenvalues, factor, meanGradient, masses, critic, FIGURES };
if (globalThis.document)
  for (const holder of document.querySelectorAll("script.gc-live-data")) {
    const made = build(holder);
    if (typeof linked === "function") linked(...made);
  }
})();
