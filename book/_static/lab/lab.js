/* A GAN that trains in the page: the engine. Nothing here draws; lab-view.js does.
 *
 * Plain JavaScript, no library, no module, no fetch: it works from a file on disk. One
 * `state` holds both networks, their optimizers and one stream of random numbers; one
 * `settings` says how to train.
 *
 *     let state = GanLab.create(settings);
 *     while (state.step < 1000) state = GanLab.step(state, settings);
 *
 * Losses, penalties, Adam, schedule and average are those of the course's package
 * `gancourse`, and a test compares both over the first 50 steps of every loss and every
 * penalty, number by number. Points lie in rows, x[n * width + i]; weights as in PyTorch,
 * W[out * inputs + in]. Numbers are float64.
 */
(function (root) {
"use strict";

// --- random numbers ------------------------------------------------------------------

// Mulberry32: draw number k is a hash of a counter, so that numpy can draw the same
// numbers at once. The state is one whole number. The streams of one seed (weights,
// training, display) begin far apart.
const stream = (seed, which) => ({ counter: Math.imul(4 * seed + which, 0x9e3779b1) });

// Uniform in (0, 1), never 0: its logarithm is needed below.
function uniform(rng) {
  const a = (rng.counter = (rng.counter + 0x6d2b79f5) | 0);
  let t = Math.imul(a ^ (a >>> 15), a | 1);
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
  return (((t ^ (t >>> 14)) >>> 0) + 0.5) / 4294967296;
}

// Box-Muller: two uniform numbers become two independent normal ones.
function normals(rng, out, count, scale) {
  for (let i = 0; i < count; i += 2) {
    const radius = scale * Math.sqrt(-2 * Math.log(uniform(rng)));
    const angle = 2 * Math.PI * uniform(rng);
    out[i] = radius * Math.cos(angle);
    if (i + 1 < count) out[i + 1] = radius * Math.sin(angle);
  }
  return out;
}

// --- what is real --------------------------------------------------------------------

// A target has centers (rows of two), each of which belongs to a part, and a std.
// Mixtures have one center a part; a curve's centers lie close together, and its parts
// are stretches of it.
function mixture(centers, std, extent) {
  const part = centers.map((_, k) => k);
  return { centers: Float64Array.from(centers.flat()), part, parts: centers.length, std, extent };
}

function curve(position, std, count, parts) {
  const centers = [], part = [];
  for (let k = 0; k < count; k++) {
    centers.push(...position((k + 0.5) / count));
    part.push(Math.floor((k * parts) / count));
  }
  return { centers: Float64Array.from(centers), part, parts, std, extent: 1.7, position };
}

const TARGETS = {
  ring(points, std) {
    const angles = [...Array(8).keys()].map(k => (2 * Math.PI * k) / 8);
    return mixture(angles.map(a => [Math.cos(a), Math.sin(a)]), std, 1.7);
  },
  grid() {
    const places = [...Array(25).keys()];
    return mixture(places.map(k => [2 * Math.floor(k / 5) - 4, 2 * (k % 5) - 4]), 0.05, 5.4);
  },
  moons() {
    return curve(u => {
      const t = 2 * Math.PI * (u < 0.5 ? u : u - 0.5);
      const [x, y] = u < 0.5 ? [Math.cos(t), Math.sin(t)] : [1 - Math.cos(t), 0.5 - Math.sin(t)];
      return [0.8 * (x - 0.5), 0.8 * (y - 0.25)];
    }, 0.05, 128, 8);
  },
  roll() {
    return curve(u => {
      const angle = 3 * Math.PI * u, radius = (1 + 2 * u) / 3;
      return [radius * Math.cos(angle), radius * Math.sin(angle)];
    }, 0.03, 256, 12);
  },
  // What the reader drew: points [x, y] in the order of drawing.
  drawn(points) {
    const n = points.length, parts = Math.min(n, 8);
    const target = mixture(points, 0.04, 1.7);
    return { ...target, part: points.map((_, k) => Math.floor((k * parts) / n)), parts };
  },
};

function targetOf(settings) {
  const points = settings.points && settings.points.length ? settings.points : [[0, 0]];
  return TARGETS[settings.data](points, settings.std);
}

function sampleReal(target, rng, n, out) {
  const { centers, position, std } = target, count = centers.length / 2;
  for (let i = 0; i < n; i++) {
    const u = uniform(rng), k = Math.floor(u * count);
    [out[2 * i], out[2 * i + 1]] = position ? position(u) : [centers[2 * k], centers[2 * k + 1]];
  }
  const noise = normals(rng, new Float64Array(2 * n), 2 * n, std);
  for (let i = 0; i < 2 * n; i++) out[i] += noise[i];
  return out;
}

// As metrics.mode_coverage: a sample within 3 std of its nearest center is good; a part
// of the data is found if it gets at least a fifth of its fair share of good samples.
function coverage(samples, n, target) {
  const { centers, part, parts, std } = target;
  const good = new Float64Array(parts), share = new Float64Array(parts);
  let total = 0;
  for (let i = 0; i < n; i++) {
    let best = Infinity, at = 0;
    for (let k = 0; 2 * k < centers.length; k++) {
      const dx = samples[2 * i] - centers[2 * k], dy = samples[2 * i + 1] - centers[2 * k + 1];
      const squared = dx * dx + dy * dy;
      if (squared < best) { best = squared; at = part[k]; }
    }
    share[at] += 1 / n;
    if (Math.sqrt(best) <= 3 * std) { good[at]++; total++; }
  }
  const fair = good.map(count => (count >= (0.2 * n) / parts ? 1 : 0));
  const reverseKL = share.reduce((sum, q) => sum + (q > 0 ? q * Math.log(q * parts) : 0), 0);
  return {
    modes: fair.reduce((a, b) => a + b, 0), reached: good.filter(count => count > 0).length,
    of: parts, good: total / n, reverseKL: Math.max(0, reverseKL), share, fair,
  };
}

// --- networks ------------------------------------------------------------------------

// Layers of weights in one long array (as parameters_to_vector has them), so that Adam,
// clipping and the average are one loop each. slope: of the activation below zero, 0
// for ReLU, 0.2 for LeakyReLU.
function network(sizes, slope, rng) {
  const layers = [];
  let length = 0;
  for (let l = 1; l < sizes.length; l++) {
    const inputs = sizes[l - 1], outputs = sizes[l];
    layers.push({ inputs, outputs, W: length, b: length + inputs * outputs });
    length += (inputs + 1) * outputs;
  }
  const net = { sizes, slope, layers, weights: new Float64Array(length), spectral: null };
  for (const { inputs, outputs, W } of layers) {  // PyTorch's initial weights
    const bound = 1 / Math.sqrt(inputs);
    const end = W + (inputs + 1) * outputs;
    for (let k = W; k < end; k++) net.weights[k] = bound * (2 * uniform(rng) - 1);
  }
  return net;
}

// Room for one batch on its way through a network and back.
function passage(net, n) {
  const room = () => net.sizes.map(width => new Float64Array(n * width));
  return { n, a: room(), delta: room(), r: room(), e: room(), weights: net.weights, sigma: null };
}

// The three products that everything is made of, four rows at a time: that keeps the
// processor busy.

// y = x W' (+ b): (n, outputs)
function product(y, x, weights, W, b, n, inputs, outputs) {
  for (let i = 0; i < n; i++) {
    const xi = i * inputs, yi = i * outputs;
    let o = 0;
    for (; o + 3 < outputs; o += 4) {
      let w = W + o * inputs, s0 = 0, s1 = 0, s2 = 0, s3 = 0;
      const w1 = inputs, w2 = 2 * inputs, w3 = 3 * inputs;
      for (let k = 0; k < inputs; k++, w++) {
        const value = x[xi + k];
        s0 += value * weights[w];
        s1 += value * weights[w + w1];
        s2 += value * weights[w + w2];
        s3 += value * weights[w + w3];
      }
      y[yi + o] = s0; y[yi + o + 1] = s1; y[yi + o + 2] = s2; y[yi + o + 3] = s3;
    }
    for (; o < outputs; o++) {
      let sum = 0;
      for (let k = 0, w = W + o * inputs; k < inputs; k++) sum += x[xi + k] * weights[w + k];
      y[yi + o] = sum;
    }
    if (b >= 0) for (o = 0; o < outputs; o++) y[yi + o] += weights[b + o];
  }
}

// x = y W: (n, inputs), the way back
function productBack(x, y, weights, W, n, inputs, outputs) {
  for (let i = 0; i < n; i++) {
    const xi = i * inputs, yi = i * outputs;
    for (let k = 0; k < inputs; k++) x[xi + k] = 0;
    let o = 0;
    for (; o + 3 < outputs; o += 4) {
      const y0 = y[yi + o], y1 = y[yi + o + 1], y2 = y[yi + o + 2], y3 = y[yi + o + 3];
      if (y0 === 0 && y1 === 0 && y2 === 0 && y3 === 0) continue;
      const w1 = inputs, w2 = 2 * inputs, w3 = 3 * inputs;
      for (let k = 0, w = W + o * inputs; k < inputs; k++, w++) {
        x[xi + k] += y0 * weights[w] + y1 * weights[w + w1]
          + y2 * weights[w + w2] + y3 * weights[w + w3];
      }
    }
    for (; o < outputs; o++) {
      const value = y[yi + o];
      for (let k = 0, w = W + o * inputs; k < inputs; k++) x[xi + k] += value * weights[w + k];
    }
  }
}

// gradient of W += y' x, summed over the batch
function productOuter(gradient, W, y, x, n, inputs, outputs) {
  const whole = n - (n % 4);
  for (let i = 0; i < n; i += i < whole ? 4 : 1) {
    const x0 = i * inputs;
    for (let o = 0; o < outputs; o++) {
      const at = i * outputs + o, y0 = y[at];
      if (i < whole) {
        const y1 = y[at + outputs], y2 = y[at + 2 * outputs], y3 = y[at + 3 * outputs];
        if (y0 === 0 && y1 === 0 && y2 === 0 && y3 === 0) continue;
        const x1 = inputs, x2 = 2 * inputs, x3 = 3 * inputs;
        for (let k = 0, w = W + o * inputs, j = x0; k < inputs; k++, w++, j++) {
          gradient[w] += y0 * x[j] + y1 * x[j + x1] + y2 * x[j + x2] + y3 * x[j + x3];
        }
      } else {
        for (let k = 0, w = W + o * inputs; k < inputs; k++) gradient[w + k] += y0 * x[x0 + k];
      }
    }
  }
}

// The activation, and its derivative: 1 above zero, the slope elsewhere. `a` has the
// sign of what went into the activation, so the derivative can be read off what came
// out.
function activate(a, length, slope) {
  for (let k = 0; k < length; k++) if (!(a[k] > 0)) a[k] *= slope;
}
function bend(values, a, length, slope) {
  for (let k = 0; k < length; k++) if (!(a[k] > 0)) values[k] *= slope;
}

// Forward: fills pass.a from pass.a[0]; returns the output.
function forward(net, pass) {
  const { a, n, weights } = pass, last = net.layers.length - 1;
  net.layers.forEach(({ inputs, outputs, W, b }, l) => {
    product(a[l + 1], a[l], weights, W, b, n, inputs, outputs);
    if (l < last) activate(a[l + 1], n * outputs, net.slope);
  });
  return a[last + 1];
}

// Back from pass.delta[last], the derivative with respect to the output, to
// pass.delta[0], that with respect to the input.
function backward(net, pass) {
  const { a, delta, n, weights } = pass;
  for (let l = net.layers.length - 1; l >= 0; l--) {
    const { inputs, outputs, W } = net.layers[l];
    productBack(delta[l], delta[l + 1], weights, W, n, inputs, outputs);
    if (l > 0) bend(delta[l], a[l], n * inputs, net.slope);
  }
  return delta[0];
}

// A direction r[0] in the input, carried forward through the same network with every
// activation held as it is: r[l] is how layer l changes along it. Needed for the
// gradient of a gradient, see dGradient.
function tangent(net, pass) {
  const { a, r, n, weights } = pass;
  for (let l = 0; l < net.layers.length - 1; l++) {
    const { inputs, outputs, W } = net.layers[l];
    product(r[l + 1], r[l], weights, W, -1, n, inputs, outputs);
    bend(r[l + 1], a[l + 1], n * outputs, net.slope);
  }
}

// Adds the gradient of the weights: sum over samples of delta[l + 1] (c a[l] + r[l])'.
// c: one factor a sample (null: 1 for all; 0: none); straight: whether there is a
// tangent in r.
function collect(net, pass, c, straight, gradient) {
  const { a, delta, r, e, n } = pass;
  const into = pass.sigma ? new Float64Array(gradient.length) : gradient;
  net.layers.forEach(({ inputs, outputs, W, b }, l) => {
    const x = c === null && !straight ? a[l] : e[l];
    if (x === e[l]) {
      for (let i = 0, k = 0; i < n; i++) {
        const factor = c === null ? 1 : c === 0 ? 0 : c[i];
        for (const end = k + inputs; k < end; k++) x[k] = factor * a[l][k] + (straight ? r[l][k] : 0);
      }
    }
    productOuter(into, W, delta[l + 1], x, n, inputs, outputs);
    if (c === 0) return;
    for (let i = 0; i < n; i++) {
      const factor = c === null ? 1 : c[i];
      for (let o = 0; o < outputs; o++) into[b + o] += factor * delta[l + 1][i * outputs + o];
    }
  });
  if (pass.sigma) throughNorm(net, pass, into, gradient);
}

// --- spectral normalisation ----------------------------------------------------------

function unit(x) {
  let norm = 0;
  for (const value of x) norm += value * value;
  norm = Math.max(Math.sqrt(norm), 1e-12);
  for (let k = 0; k < x.length; k++) x[k] /= norm;
}

// One round of power iteration for each layer: u = W v, v = W' u, each brought to
// length 1.
function iterate(net) {
  net.layers.forEach(({ inputs, outputs, W }, l) => {
    const { u, v } = net.spectral[l];
    product(u, v, net.weights, W, -1, 1, inputs, outputs);
    unit(u);
    productBack(v, u, net.weights, W, 1, inputs, outputs);
    unit(v);
  });
}

function makeSpectral(net, rng) {
  net.spectral = net.layers.map(({ inputs, outputs }) => {
    const u = normals(rng, new Float64Array(outputs), outputs, 1);
    const v = normals(rng, new Float64Array(inputs), inputs, 1);
    return { u, v };
  });
  for (let k = 0; k < 15; k++) iterate(net);
}

// The weights that a batch meets: W / sigma with sigma = u' W v, the largest singular
// value. PyTorch does one round each time the weights are used, and so do we.
function normalise(net, pass) {
  pass.weights = net.weights.slice();
  pass.u = net.spectral.map(({ u }) => u.slice());
  pass.v = net.spectral.map(({ v }) => v.slice());
  pass.sigma = net.layers.map(({ inputs, outputs, W }, l) => {
    let sigma = 0;
    for (let o = 0; o < outputs; o++) {
      const w = W + o * inputs;
      for (let k = 0; k < inputs; k++) sigma += pass.u[l][o] * net.weights[w + k] * pass.v[l][k];
    }
    for (let k = W; k < W + inputs * outputs; k++) pass.weights[k] /= sigma;
    return sigma;
  });
}

// From the gradient G of W / sigma to that of W: (G - <G, W / sigma> u v') / sigma.
function throughNorm(net, pass, from, gradient) {
  net.layers.forEach(({ inputs, outputs, W, b }, l) => {
    let inner = 0;
    for (let k = W; k < b; k++) inner += from[k] * pass.weights[k];
    for (let o = 0, k = W; o < outputs; o++) {
      for (let i = 0; i < inputs; i++, k++) {
        gradient[k] += (from[k] - inner * pass.u[l][o] * pass.v[l][i]) / pass.sigma[l];
      }
    }
    for (let o = 0; o < outputs; o++) gradient[b + o] += from[b + o];
  });
}

// A batch through the discriminator, as one use of its weights.
function judge(net, pass) {
  pass.weights = net.weights;
  pass.sigma = null;
  if (net.spectral) { iterate(net); normalise(net, pass); }
  return forward(net, pass);
}

// --- losses --------------------------------------------------------------------------

const softplus = t => Math.max(t, 0) + Math.log1p(Math.exp(-Math.abs(t)));
const sigmoid = t => (t >= 0 ? 1 / (1 + Math.exp(-t)) : Math.exp(t) / (1 + Math.exp(t)));

// Sum of term(i) / n, while slope(i) / n, the derivative with respect to logit i, goes
// into c.
function mean(n, c, term, slope) {
  let sum = 0;
  for (let i = 0; i < n; i++) {
    sum += term(i);
    c[i] = slope(i) / n;
  }
  return sum / n;
}

// Each function returns the loss and writes its derivatives into cr and cf (of real and
// generated logits r and f). `pairs`: the generator's loss looks at real samples, too.
const crossEntropy = (n, r, f, cr, cf) =>
  mean(n, cr, i => softplus(-r[i]), i => -sigmoid(-r[i]))
  + mean(n, cf, i => softplus(f[i]), i => sigmoid(f[i]));
const linear = (n, f, r, cf) => mean(n, cf, i => -f[i], () => -1);

const LOSSES = {
  minimax: {
    d: crossEntropy,
    g: (n, f, r, cf) => mean(n, cf, i => -softplus(f[i]), i => -sigmoid(f[i])),
  },
  nonsaturating: {
    d: crossEntropy,
    g: (n, f, r, cf) => mean(n, cf, i => softplus(-f[i]), i => -sigmoid(-f[i])),
  },
  least_squares: {
    d: (n, r, f, cr, cf) => mean(n, cr, i => 0.5 * (r[i] - 1) ** 2, i => r[i] - 1)
      + mean(n, cf, i => 0.5 * f[i] ** 2, i => f[i]),
    g: (n, f, r, cf) => mean(n, cf, i => 0.5 * (f[i] - 1) ** 2, i => f[i] - 1),
  },
  hinge: {
    d: (n, r, f, cr, cf) => mean(n, cr, i => Math.max(0, 1 - r[i]), i => (r[i] < 1 ? -1 : 0))
      + mean(n, cf, i => Math.max(0, 1 + f[i]), i => (f[i] > -1 ? 1 : 0)),
    g: linear,
  },
  wasserstein: {
    d: (n, r, f, cr, cf) => mean(n, cr, i => -r[i], () => -1) + mean(n, cf, i => f[i], () => 1),
    g: linear,
  },
  relativistic: {
    pairs: true,
    d: (n, r, f, cr, cf) => {
      mean(n, cr, () => 0, i => -sigmoid(f[i] - r[i]));
      return mean(n, cf, i => softplus(f[i] - r[i]), i => sigmoid(f[i] - r[i]));
    },
    g: (n, f, r, cf) => mean(n, cf, i => softplus(r[i] - f[i]), i => -sigmoid(r[i] - f[i])),
  },
};

// --- settings ------------------------------------------------------------------------

// A recipe that works: chapter 6's optimizer and R1.
const DEFAULTS = {
  data: "ring", std: 0.02, points: [], loss: "nonsaturating",
  r1: 0.1, r2: 0, gp: 0, clip: 0, spectral: false, noise: 0,
  widthG: 32, widthD: 32, depth: 3,
  lrG: 2e-3, lrD: 2e-3, beta1: 0, beta2: 0.99, optimizerG: "adam",
  nD: 1, head: 0, batch: 64, ema: 0, decay: "linear", steps: 1500, seed: 0,
};

// Failures of the chapters, each beside its cure: vs names the one setting that
// differs.
const PRESETS = {
  recipe: { title: "A recipe", settings: {}, vs: null },
  collapse: { title: "Collapse", settings: { r1: 0, lrD: 1e-4 }, vs: ["lrD", 2e-3] },
  rotation: { title: "Rotation", settings: { r1: 0, beta1: 0.9 }, vs: ["beta1", 0] },
  vanishing: {
    title: "Vanishing gradient", vs: ["loss", "nonsaturating"],
    settings: {
      r1: 0, loss: "minimax", optimizerG: "sgd", lrG: 0.01, head: 500, decay: "none", steps: 500,
    },
  },
  clipping: {
    title: "WGAN clipping", settings: { r1: 0, loss: "wasserstein", clip: 0.01 }, vs: ["clip", 0.1],
  },
  r1: { title: "R1", settings: { r1: 0, beta1: 0.5, beta2: 0.999 }, vs: ["r1", 0.1] },
};

// --- the two players -----------------------------------------------------------------

const optimizer = length => ({ m: new Float64Array(length), v: new Float64Array(length), t: 0 });

// Adam as PyTorch writes it; plain: gradient descent instead.
function update(net, gradient, memory, lr, settings, plain) {
  const { weights } = net, { m, v } = memory, { beta1, beta2 } = settings;
  const t = ++memory.t, size = lr / (1 - beta1 ** t), root = Math.sqrt(1 - beta2 ** t);
  for (let k = 0; k < weights.length; k++) {
    const g = gradient[k];
    if (plain) { weights[k] -= lr * g; continue; }
    m[k] += (1 - beta1) * (g - m[k]);
    v[k] = beta2 * v[k] + (1 - beta2) * g * g;
    weights[k] -= (size * m[k]) / (Math.sqrt(v[k]) / root + 1e-8);
  }
}

// The whole state of a run. `settings` may change between two steps, but for what has a
// size or a seed.
function create(settings) {
  const { seed, depth, widthG, widthD, batch } = settings, weights = stream(seed, 0);
  const hidden = width => Array(depth).fill(width);
  const G = network([2, ...hidden(widthG), 2], 0, weights);
  const D = network([2, ...hidden(widthD), 1], 0.2, weights);
  makeSpectral(D, weights);
  const spectral = D.spectral;
  if (!settings.spectral) D.spectral = null;
  return {
    G, D, target: targetOf(settings), rng: stream(seed, 1), step: 0, dSteps: 0, dDone: 0,
    adamG: optimizer(G.weights.length), adamD: optimizer(D.weights.length),
    gradG: new Float64Array(G.weights.length), gradD: new Float64Array(D.weights.length),
    average: G.weights.slice(), spectral,
    lossD: NaN, lossG: NaN, penalty: 0, gradient: NaN, finite: true,
    // room for a step
    z: passage(G, batch), real: passage(D, batch), fake: passage(D, batch), between: passage(D, batch),
    cr: new Float64Array(batch), cf: new Float64Array(batch), mix: new Float64Array(batch),
  };
}

// The learning rates' common factor: constant for half of the run and straight to 0, or
// a half cosine.
function rate(state, settings) {
  const progress = Math.min(1, state.step / settings.steps);
  if (settings.decay === "linear") return Math.min(1, 2 * (1 - progress));
  return settings.decay === "cosine" ? (1 + Math.cos(Math.PI * progress)) / 2 : 1;
}

function generate(state) {
  normals(state.rng, state.z.a[0], state.z.a[0].length, 1);
  return forward(state.G, state.z);
}

// Instance noise: what the discriminator sees of a batch.
function blur(state, settings, batch) {
  if (!(settings.noise > 0)) return;
  const noise = normals(state.rng, new Float64Array(batch.length), batch.length, settings.noise);
  for (let k = 0; k < batch.length; k++) batch[k] += noise[k];
}

// Gradient of a penalty on the slope g = delta[0] of the logits at a batch. For each
// sample `price` gives [what it costs, the factor k by which the cost's derivative with
// respect to g is k g].
//
// Why this is enough: with the activations held (they are piecewise linear, so their
// second derivative is zero), g depends on each W only through the product of matrices
// that `backward` multiplies. The derivative of g . r along W is then that of the
// network's change along r: carry r forward (`tangent`) and pair it with the delta that
// went back (`collect`).
function slopePenalty(state, pass, price) {
  const g = pass.delta[0], r = pass.r[0], { n } = pass;
  let cost = 0;
  for (let i = 0; i < n; i++) {
    const [c, k] = price(g[2 * i] ** 2 + g[2 * i + 1] ** 2);
    cost += c / n;
    r[2 * i] = (k / n) * g[2 * i];
    r[2 * i + 1] = (k / n) * g[2 * i + 1];
  }
  tangent(state.D, pass);
  return cost;
}

// The discriminator's loss on a batch, and its gradient, in state.gradD.
function dGradient(state, settings) {
  const { D, real, fake, between, cr, cf, mix } = state, n = settings.batch;
  const { r1, r2, gp } = settings, last = D.layers.length;
  sampleReal(state.target, state.rng, n, real.a[0]);
  fake.a[0].set(generate(state));
  if (gp > 0) for (let i = 0; i < n; i++) mix[i] = uniform(state.rng);
  blur(state, settings, real.a[0]);
  blur(state, settings, fake.a[0]);

  const loss = LOSSES[settings.loss].d(n, judge(D, real), judge(D, fake), cr, cf);
  // Back with 1 for every logit: delta[0] is each sample's own slope, and the loss's
  // factors c come in where the weights' gradient is collected.
  state.gradD.fill(0);
  let penalty = 0;
  for (const [pass, c, gamma] of [[real, cr, r1], [fake, cf, r2]]) {
    pass.delta[last].fill(1);
    backward(D, pass);
    // gamma / 2 |g|^2 costs what it says; its derivative with respect to g is gamma g
    if (gamma > 0) penalty += slopePenalty(state, pass, squared => [(gamma / 2) * squared, gamma]);
    collect(D, pass, c, gamma > 0, state.gradD);
  }
  if (gp > 0) {  // lambda (|g| - 1)^2 at a random point between each pair
    for (let i = 0; i < 2 * n; i++) {
      between.a[0][i] = real.a[0][i] + mix[i >> 1] * (fake.a[0][i] - real.a[0][i]);
    }
    judge(D, between);
    between.delta[last].fill(1);
    backward(D, between);
    penalty += slopePenalty(state, between, squared => {
      const norm = Math.sqrt(squared);
      return [gp * (norm - 1) ** 2, norm > 0 ? (2 * gp * (norm - 1)) / norm : 0];
    });
    collect(D, between, 0, true, state.gradD);
  }
  state.lossD = loss + penalty;
  state.penalty = penalty;
  return state.lossD;
}

// The generator's loss on a batch, and its gradient, in state.gradG: through the
// discriminator, which is left as it is, to the samples, and on to the weights.
function gGradient(state, settings) {
  const { G, D, z, real, fake, cf } = state, n = settings.batch, { pairs, g } = LOSSES[settings.loss];
  if (pairs) sampleReal(state.target, state.rng, n, real.a[0]);
  fake.a[0].set(generate(state));
  blur(state, settings, fake.a[0]);
  if (pairs) blur(state, settings, real.a[0]);
  const logits = judge(D, fake);
  state.lossG = g(n, logits, pairs ? judge(D, real) : null, cf);
  fake.delta[D.layers.length].set(cf);
  z.delta[G.layers.length].set(backward(D, fake));
  backward(G, z);
  state.gradG.fill(0);
  collect(G, z, null, false, state.gradG);
  state.gradient = Math.sqrt(state.gradG.reduce((sum, value) => sum + value * value, 0));
  return state.lossG;
}

// --- steps ---------------------------------------------------------------------------

function dStep(state, settings) {
  dGradient(state, settings);
  update(state.D, state.gradD, state.adamD, settings.lrD * rate(state, settings), settings, false);
  if (settings.clip > 0) {
    const { weights } = state.D, { clip } = settings;
    for (let k = 0; k < weights.length; k++) weights[k] = Math.min(Math.max(weights[k], -clip), clip);
  }
  state.dSteps++;
  state.dDone++;
  state.finite = state.finite && Number.isFinite(state.lossD);
  return state;
}

function gStep(state, settings) {
  gGradient(state, settings);
  const plain = settings.optimizerG === "sgd";
  update(state.G, state.gradG, state.adamG, settings.lrG * rate(state, settings), settings, plain);
  const { average, G } = state, keep = settings.ema;
  for (let k = 0; k < average.length; k++) average[k] += (1 - keep) * (G.weights[k] - average[k]);
  state.step++;
  state.dDone = 0;
  state.finite = state.finite && Number.isFinite(state.lossG);
  return state;
}

// Whose turn it is: nD steps for the discriminator (and a head start before the first),
// one for the generator.
function next(state, settings) {
  return state.dDone < settings.nD + (state.step === 0 ? settings.head : 0) ? "D" : "G";
}

function turn(state, settings) {
  return next(state, settings) === "D" ? dStep(state, settings) : gStep(state, settings);
}

// One round: the discriminator's steps and then the generator's.
function step(state, settings) {
  const goal = state.step + 1;
  while (state.step < goal) turn(state, settings);
  return state;
}

// --- looking at a run, without changing it -------------------------------------------

// A place to compute n points at a time through a network, kept by the caller.
const look = (net, n) => passage(net, n);

// Samples (n rows of two) for the latents z; with EMA on those of the averaged
// generator.
function samples(state, settings, z, n, room) {
  const pass = room || look(state.G, n);
  pass.a[0].set(z);
  pass.weights = settings.ema > 0 ? state.average : state.G.weights;
  return forward(state.G, pass);
}

// Logits at n points; with `slopes` also each point's gradient (n rows of two).
function logits(state, points, n, room, slopes) {
  const { D } = state, pass = room || look(D, n);
  pass.a[0].set(points);
  if (D.spectral) normalise(D, pass); else pass.weights = D.weights;
  const f = forward(D, pass);
  if (!slopes) return f;
  pass.delta[D.layers.length].fill(1);
  return { f, slopes: backward(D, pass) };
}

// How strongly the generator's loss pushes a sample with logit f, as a multiple of its
// slope.
function push(settings, f, real) {
  const c = new Float64Array(1);
  LOSSES[settings.loss].g(1, [f], [real || 0], c);
  return -c[0];
}

// Latents that stay the same while a run changes.
const latents = (seed, n) => normals(stream(seed, 2), new Float64Array(2 * n), 2 * n, 1);

root.GanLab = {
  DEFAULTS, PRESETS, LOSSES, TARGETS, create, step, turn, next, dStep, gStep, dGradient, gGradient, rate,
  samples, logits, push, latents, look, coverage, targetOf, sampleReal, stream, uniform, normals,
};
})(typeof globalThis === "undefined" ? this : globalThis);
