"""The lab's engine (book/_static/lab/lab.js) against the package: the same weights, data and noise,
drawn here by numpy, must give the same losses, gradients and weights, step by step."""

import math
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

from gancourse import data, metrics, nets, training

ENGINE = Path(__file__).parents[1] / "book" / "_static" / "lab" / "lab.js"
STEPS = 50
# Odd sizes: the script takes rows by fours, and what is left over by itself.
SMALL = {
    "widthG": 7, "widthD": 10, "depth": 2, "batch": 14, "lrG": 3e-3, "lrD": 2e-3, "seed": 5,
    "r1": 0, "beta1": 0.5, "beta2": 0.999, "decay": "none",
}  # fmt: skip
# The package may have more losses than the lab offers.
OFFERED = re.findall(
    r"^  (\w+): \{", ENGINE.read_text().split("const LOSSES = {")[1].split("\n};")[0], re.M
)
RUNS = {
    **{name: {"loss": name} for name in OFFERED},
    **{f"{name}, R1 and R2": {"loss": name, "r1": 0.3, "r2": 0.7} for name in OFFERED},
    "R1": {"r1": 0.4},
    "R2": {"r2": 0.4},
    "GP": {"loss": "wasserstein", "gp": 0.5},
    "GP, R1, R2, five steps": {"loss": "hinge", "gp": 2.0, "r1": 0.1, "r2": 0.2, "nD": 5},
    "clipping": {"loss": "wasserstein", "clip": 0.05},
    "spectral norm": {"loss": "hinge", "spectral": True},
    "spectral norm, pairs, all penalties": {
        "loss": "relativistic", "spectral": True, "r1": 0.2, "r2": 0.3, "gp": 0.4, "clip": 0.2,
    },
    "instance noise": {"noise": 0.3},
    "instance noise, pairs, all penalties": {
        "loss": "relativistic", "noise": 0.2, "r1": 0.2, "r2": 0.3, "gp": 0.4,
    },
    "EMA, linear decay, other betas": {
        "ema": 0.9, "decay": "linear", "steps": STEPS, "beta1": 0.0, "beta2": 0.9,
    },
    "cosine decay, head start": {"decay": "cosine", "steps": 80, "head": 7, "nD": 2},
    "plain gradient descent": {"loss": "minimax", "optimizerG": "sgd", "lrG": 0.05},
    "grid, as wide as on the page": {
        "data": "grid", "widthG": 32, "widthD": 32, "depth": 3, "batch": 64, "r1": 0.03,
    },
}  # fmt: skip


# --- the same draws -------------------------------------------------------------------------------


class Stream:
    """Mulberry32 and Box-Muller, as the script has them."""

    def __init__(self, seed: int, which: int):
        self.counter = (4 * seed + which) * 0x9E3779B1 % 2**32

    def uniform(self, n: int) -> np.ndarray:
        k = np.arange(1, n + 1, dtype=np.uint64)
        a = ((self.counter + 0x6D2B79F5 * k) % 2**32).astype(np.uint32)
        self.counter = (self.counter + 0x6D2B79F5 * n) % 2**32
        t = (a ^ (a >> 15)) * (a | 1)
        t ^= t + (t ^ (t >> 7)) * (t | 61)
        return ((t ^ (t >> 14)).astype(np.float64) + 0.5) / 2**32

    def normal(self, *shape: int) -> torch.Tensor:
        n = math.prod(shape)
        u = self.uniform(n + n % 2).reshape(-1, 2)
        radius, angle = np.sqrt(-2 * np.log(u[:, 0])), 2 * np.pi * u[:, 1]
        pairs = np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1)
        return torch.from_numpy(pairs.flatten()[:n].reshape(shape).copy())

    def real(self, target: str, n: int) -> torch.Tensor:
        u = torch.from_numpy(self.uniform(n))
        if target == "roll":
            kind = data.swiss_roll()
            return kind.position(u) + kind.std * self.normal(n, 2)
        mixture = {"ring": lambda: data.ring(std=0.02), "grid": data.grid}[target]()
        return centers(mixture)[(u * len(mixture.centers)).long()] + mixture.std * self.normal(n, 2)


def centers(mixture: data.GaussianMixture) -> torch.Tensor:
    """In float64: the package has them in float32."""
    if len(mixture.centers) == 8:
        angle = 2 * math.pi * torch.arange(8, dtype=torch.float64) / 8
        return torch.stack([angle.cos(), angle.sin()], 1)
    return mixture.centers.double()


class Blurred(nn.Module):
    """A discriminator that adds to each batch the noise that stands ready for it."""

    def __init__(self, net: nn.Module):
        super().__init__()
        self.net, self.noise = net, []

    def forward(self, x):
        return self.net(x + self.noise.pop(0))


def in_package(settings: dict, monkeypatch, steps: int = STEPS) -> list[dict]:
    """The run by GANTrainer's own steps: losses, gradients and weights after each of them."""
    s = settings
    n, weights, rng = s["batch"], Stream(s["seed"], 0), Stream(s["seed"], 1)
    G = nets.MLPGenerator(width=s["widthG"], depth=s["depth"]).double()
    D = nets.MLPDiscriminator(width=s["widthD"], depth=s["depth"]).double()
    for net in (G, D):
        for layer in linear(net):
            bound = 1 / math.sqrt(layer.in_features)
            for p in (layer.weight, layer.bias):
                p.data = torch.from_numpy(bound * (2 * weights.uniform(p.numel()) - 1)).view_as(p)
    vectors = [[weights.normal(size) for size in layer.weight.shape] for layer in linear(D)]
    if s["spectral"]:
        for layer, (u, v) in zip(linear(D), vectors):
            spectral_norm(layer)
            norm = layer.parametrizations.weight[0]
            norm._u.copy_(u / u.norm()), norm._v.copy_(v / v.norm())
            norm._power_method(layer.parametrizations.weight.original.detach(), 15)
    blurred = Blurred(D)
    trainer = training.GANTrainer(
        G, blurred, loss=s["loss"], n_critic=s["nD"], lr=(s["lrG"], s["lrD"]), batch_size=n,
        betas=(s["beta1"], s["beta2"]), r1=s["r1"], r2=s["r2"], gp=s["gp"],
        weight_clip=s["clip"] or None, ema=s["ema"], device="cpu",
        schedule=None if s["decay"] == "none" else s["decay"],
    )  # fmt: skip
    if s["optimizerG"] == "sgd":
        trainer.optimizer_g = torch.optim.SGD(G.parameters(), s["lrG"])
    trainer.total = s["steps"]

    def noise():
        return s["noise"] * rng.normal(n, 2) if s["noise"] else torch.zeros(n, 2).double()

    rows = []
    for step in range(steps):
        trainer.step = step
        if trainer.schedule is not None:
            trainer._set_learning_rates()
        for _ in range(s["nD"] + (s["head"] if step == 0 else 0)):
            real, z = rng.real(s["data"], n), rng.normal(n, 2)
            mix = torch.from_numpy(rng.uniform(n))[:, None] if s["gp"] else None
            a, b = noise(), noise()
            blurred.noise = [a, b] + ([a.lerp(b, mix)] if s["gp"] else [])
            with monkeypatch.context() as patch:
                patch.setattr(trainer, "latent", lambda n, z=z: z)
                patch.setattr(torch, "rand", lambda *args, mix=mix, **kwargs: mix)
                loss = trainer.d_step(real)
            rows.append({"loss": loss.item(), **flat(D)})
        real = rng.real(s["data"], n) if trainer.loss.pairs else None
        z = rng.normal(n, 2)
        blurred.noise = [noise()] + ([noise()] if trainer.loss.pairs else [])
        with monkeypatch.context() as patch:
            patch.setattr(trainer, "latent", lambda n, z=z: z)
            loss = trainer.g_step(n, real)
        average = torch.cat([p.flatten() for p in trainer.ema.parameters()])
        rows.append({"loss": loss.item(), **flat(G), "average": average.tolist()})
    return rows


def linear(net: nn.Module) -> list[nn.Linear]:
    return [layer for layer in net.modules() if isinstance(layer, nn.Linear)]


def flat(net: nn.Module) -> dict:
    """Weights and gradients in the script's order: each layer's matrix, then its bias."""
    found = []
    for layer in linear(net):
        normed = hasattr(layer, "parametrizations")
        found += [layer.parametrizations.weight.original if normed else layer.weight, layer.bias]
    return {
        "weights": torch.cat([p.detach().flatten() for p in found]).tolist(),
        "gradient": torch.cat([p.grad.flatten() for p in found]).tolist(),
    }


# --- the script's run -----------------------------------------------------------------------------

RUN = """
([settings, steps]) => {
  const s = {...GanLab.DEFAULTS, ...settings}, rows = [];
  let state = GanLab.create(s);
  while (state.step < steps) {
    const player = GanLab.next(state, s);
    state = GanLab.turn(state, s);
    const row = player === "D"
      ? {loss: state.lossD, weights: state.D.weights, gradient: state.gradD}
      : {loss: state.lossG, weights: state.G.weights, gradient: state.gradG, average: state.average};
    rows.push(Object.fromEntries(Object.entries(row).map(
      ([key, value]) => [key, value.length ? Array.from(value) : value])));
  }
  return rows;
}
"""


@pytest.fixture(scope="module")
def defaults(browser):
    page = engine_page(browser)
    yield page.evaluate("GanLab.DEFAULTS")
    page.close()


def engine_page(browser, source: str | None = None):
    page = browser.new_page()
    page.add_script_tag(content=source or ENGINE.read_text(encoding="utf-8"))
    return page


@pytest.fixture(scope="module")
def page(browser):
    page = engine_page(browser)
    yield page
    page.close()


def differences(theirs: list[dict], ours: list[dict]) -> dict[str, float]:
    """The largest difference over all steps, as a share of that step's largest number."""
    assert len(theirs) == len(ours)
    worst: dict[str, float] = {}
    for a, b in zip(theirs, ours):
        assert a.keys() == b.keys()
        for key in a:
            x, y = np.atleast_1d(a[key]), np.atleast_1d(b[key])
            assert x.shape == y.shape
            apart = np.abs(x - y).max() / max(np.abs(x).max(), 1e-3)
            worst[key] = max(worst.get(key, 0.0), float(apart))
    return worst


@pytest.mark.parametrize("name", RUNS)
def test_fifty_steps_are_the_packages(page, defaults, monkeypatch, name):
    settings = {**defaults, **SMALL, **RUNS[name]}
    steps = STEPS if settings["widthG"] < 32 else 10  # many numbers to hand over
    theirs, ours = in_package(settings, monkeypatch, steps), page.evaluate(RUN, [settings, steps])
    found = differences(theirs, ours)
    assert max(found.values()) < 1e-9, found  # float32 would round to 6e-8


# What a slip in the script would look like: (what stands there, what would, the run that sees it).
SLIPS = [
    ("gamma / 2) * squared, gamma]", "gamma / 2) * squared, gamma / 2]", "R1"),
    ("bend(r[l + 1], a[l + 1], n * outputs, net.slope);", "", "R1"),
    ("product(r[l + 1], r[l], weights, W, -1", "product(r[l + 1], r[l], weights, W, 0", "R2"),
    ("gp * (norm - 1)) / norm", "gp * (norm - 1))", "GP"),
    ("collect(D, between, 0, true", "collect(D, between, 0, false", "GP"),
    ("inner * pass.u[l][o]", "0 * pass.u[l][o]", "spectral norm"),
    ("i => sigmoid(f[i] - r[i]));", "i => sigmoid(f[i]));", "relativistic"),
    ("i => softplus(-f[i]), i => -sigmoid(-f[i])", "i => softplus(-f[i]), i => -sigmoid(f[i])",
     "nonsaturating"),
    ("f[i] > -1 ? 1 : 0", "f[i] > 1 ? 1 : 0", "hinge"),
    ("m[k] += (1 - beta1) * (g - m[k])", "m[k] = g", "R1"),
    ("2 * (1 - progress)", "1 - progress", "EMA, linear decay, other betas"),
    ("(1 - keep) *", "keep *", "EMA, linear decay, other betas"),
    ("weights[k], -clip), clip", "weights[k], -1), clip", "clipping"),
    ("normals(state.rng, new Float64Array(batch.length)", "normals(stream(1, 1), new Float64Array("
     "batch.length)", "instance noise"),
]  # fmt: skip


@pytest.mark.parametrize(("right", "wrong", "name"), SLIPS)
def test_a_slip_in_the_script_is_seen(browser, defaults, monkeypatch, right, wrong, name):
    source = ENGINE.read_text(encoding="utf-8")
    assert source.count(right) == 1
    page = engine_page(browser, source.replace(right, wrong))
    settings, steps = {**defaults, **SMALL, **RUNS[name]}, 12
    theirs, ours = in_package(settings, monkeypatch, steps), page.evaluate(RUN, [settings, steps])
    found = differences(theirs, ours)
    page.close()
    assert max(found.values()) > 1e-3, found


# --- data and scores ------------------------------------------------------------------------------


@pytest.mark.parametrize("target", ["ring", "grid", "roll"])
def test_data_are_the_packages(page, target):
    ours = page.evaluate(
        "([data, n]) => Array.from(GanLab.sampleReal(GanLab.targetOf({data, std: 0.02}),"
        "GanLab.stream(3, 1), n, new Float64Array(2 * n)))",
        [target, 501],
    )
    theirs = Stream(3, 1).real(target, 501)
    assert np.abs(np.reshape(ours, (-1, 2)) - theirs.numpy()).max() < 1e-12


def test_moons_and_what_the_reader_draws_lie_where_they_should(page):
    sample = (
        "s => Array.from(GanLab.sampleReal(GanLab.targetOf(s), GanLab.stream(3, 1), 4000,"
        "new Float64Array(8000)))"
    )
    moons = np.reshape(page.evaluate(sample, {"data": "moons"}), (-1, 2))
    # Undo scale and shift: two half circles of radius 1, around (0, 0) and (1, 0.5).
    x = moons / 0.8 + [0.5, 0.25]
    radius = np.minimum(
        np.abs(np.hypot(*x.T) - 1) + 9 * (x[:, 1] < -0.3),
        np.abs(np.hypot(x[:, 0] - 1, x[:, 1] - 0.5) - 1) + 9 * (x[:, 1] > 0.8),
    )
    assert 0.05 < radius.std() + radius.mean() < 0.12 and abs(moons.mean()) < 0.02
    points = [[-1.0, 0.5], [0.25, 0.25], [1.0, -1.0]]
    drawn = np.reshape(page.evaluate(sample, {"data": "drawn", "points": points}), (-1, 2))
    away = np.linalg.norm(drawn[:, None] - np.array(points), axis=2)
    assert away.min(1).max() < 0.25
    assert np.bincount(away.argmin(1)).min() > 1200
    # Nothing drawn: a single point, and no error.
    assert np.abs(page.evaluate(sample, {"data": "drawn", "points": []})).max() < 0.25


@pytest.mark.parametrize("target", ["ring", "grid"])
@pytest.mark.parametrize("blur", [0.0, 1.5, 20.0])
def test_scores_are_mode_coverages(page, target, blur):
    mixture = {"ring": data.ring, "grid": data.grid}[target]()
    rng = torch.Generator().manual_seed(0)
    keep = torch.arange(5)  # three modes, or twenty, are left out
    x = mixture.centers[keep[torch.randint(5, (900,), generator=rng)]]
    x = x + (0.5 + blur) * mixture.std * torch.randn(x.shape, generator=rng)
    theirs = metrics.mode_coverage(x, mixture.centers, mixture.std)
    ours = page.evaluate(
        "([data, x]) => GanLab.coverage(x, x.length / 2, GanLab.targetOf({data, std: 0.01}))",
        [target, x.flatten().tolist()],
    )
    assert (ours["reached"], ours["modes"]) == (theirs.modes, theirs.fair_modes)
    assert ours["good"] == pytest.approx(theirs.high_quality, abs=1e-12)
    assert ours["reverseKL"] == pytest.approx(theirs.reverse_kl, abs=1e-6)


@pytest.mark.parametrize("target", ["ring", "grid", "moons", "roll"])
def test_real_samples_score_as_real(page, target):
    score = page.evaluate(
        "data => { const t = GanLab.targetOf({data, std: 0.01}), n = 2000;"
        "return GanLab.coverage(GanLab.sampleReal(t, GanLab.stream(1, 1), n, new Float64Array(2 * n)),"
        "n, t) }",
        target,
    )
    assert score["modes"] == score["of"] and score["good"] > 0.97


def test_what_is_looked_at_is_the_networks_own(page, defaults):
    """Logits, slopes and samples for the picture: finite differences, and no change to the run."""
    found = page.evaluate(
        """base => {
          const s = {...base, seed: 2, spectral: true, ema: 0.5}, state = GanLab.create(s);
          for (let k = 0; k < 5; k++) GanLab.step(state, s);
          const kept = JSON.stringify([state.rng, Array.from(state.D.weights)]), points = [];
          for (let k = 0; k < 10; k++) points.push(Math.cos(k), Math.sin(3 * k));
          const {f, slopes} = GanLab.logits(state, points, 10, null, true);
          const moved = (axis, h) => points.map((v, k) => v + (k % 2 === axis) * h);
          const at = (axis, h) => GanLab.logits(state, moved(axis, h), 10);
          const difference = [0, 1].map(axis => {
            const up = at(axis, 1e-6), down = at(axis, -1e-6);
            return Array.from(up, (value, k) => (value - down[k]) / 2e-6);
          });
          GanLab.samples(state, s, GanLab.latents(1, 50), 50);
          return {f: Array.from(f), slopes: Array.from(slopes), difference,
                  same: kept === JSON.stringify([state.rng, Array.from(state.D.weights)])};
        }""",
        defaults,
    )
    slopes = np.reshape(found["slopes"], (-1, 2)).T
    assert np.abs(slopes - found["difference"]).max() < 1e-6 and np.abs(slopes).max() > 1e-3
    assert found["same"]
