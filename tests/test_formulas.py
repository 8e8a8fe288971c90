"""The page of formulas: each names its code and derivation, and the code computes it."""

import importlib
import math
import re
import warnings

import numpy as np
import pytest
import torch
from scipy.stats import ks_2samp
from torch import Tensor

from gancourse import data, dynamics, exercises, losses, metrics, nets, penalties, training
from scripts.chapters import chapter
from tests.pages import text

EXERCISES = {k: e.reference for k, e in exercises.EXERCISES.items() if k[:3] in ("12.", "14.", "16.")}


ROWS = re.findall(r"^\*\*(.+?)\*\* · (.+)$", text("formulas.md"), re.M)


@pytest.mark.parametrize(("name", "row"), ROWS, ids=[name for name, _ in ROWS])
def test_a_formula_names_code_that_exists_and_its_derivation(name, row):
    codes = re.findall(r"\[`([\w.]+)(\(.*?\))?`\]\((api\.md#\w[\w-]*)\)", row)
    written = re.findall(r"chapter (\d\d)'s `(\w+)`", row)
    asked = re.findall(r"\[exercise ([\d.]+)\]\((\d\d)-[\w-]+\.ipynb#exercise-(\d+)--", row)
    assert codes or written or asked
    for number, function in written:
        assert function in dir(chapter(number))
    for exercise, number, anchor in asked:
        assert exercise.replace(".", "") == anchor and exercise.startswith(number)
        assert exercise in EXERCISES
    for path, call, _ in codes:
        module, *rest = path.split(".")
        thing = importlib.import_module(f"gancourse.{module}")
        for attribute in rest:
            thing = getattr(thing, attribute)
        assert callable(thing)
        if call.startswith('("'):
            thing(call[2:-2])  # losses.get("name")
    assert re.search(r"\[derivation\]\(\d\d-[\w-]+\.ipynb#", row)


def test_the_formulas_are_all_there():
    assert len(ROWS) == text("formulas.md").count("[derivation]") >= 25


# Each formula of the page, worked out by hand and by the function beside it, on a small case.
CHECKS = {}


def formula(name: str):
    def keep(check):
        CHECKS[name] = check
        return check

    return keep


def close(a, b, rtol: float = 1e-6) -> bool:
    return bool(np.allclose(np.asarray(a), np.asarray(b), rtol=rtol, atol=1e-9))


def draws(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


class Cubic(torch.nn.Module):
    """f(x) = sum of x^3, so that its gradient is 3 x^2."""

    def forward(self, x: Tensor) -> Tensor:
        return x.pow(3).sum(1)


@formula("Value of the game")
def _value():
    real, fake, game = draws(7), draws(7, seed=1), losses.get("minimax")
    v = real.sigmoid().log().mean() + (1 - fake.sigmoid()).log().mean()
    assert close(game.discriminator(real, fake), -v)
    assert close(game.generator(fake), (1 - fake.sigmoid()).log().mean())


@formula("Best discriminator")
def _best():
    p, q = data.ring(std=0.5), data.ring(modes=3, std=0.5)
    x = draws(5, 2).float()
    best = p.density(x) / (p.density(x) + q.density(x))
    assert close((p.density(x) / q.density(x)).log().sigmoid(), best, 1e-5)
    box = torch.cartesian_prod(*2 * [torch.linspace(-5, 5, 401)])  # it is a density
    assert abs(float(p.density(box).sum()) * (10 / 400) ** 2 - 1) < 1e-3


@formula("Non-saturating loss")
def _nonsaturating():
    fake = draws(7)
    assert close(losses.get("nonsaturating").generator(fake), -fake.sigmoid().log().mean())


@formula("Average of the weights")
def _ema():
    torch.manual_seed(0)
    trainer = training.GANTrainer(
        nets.MLPGenerator(), nets.MLPDiscriminator(), ema=0.9, batch_size=8, device="cpu"
    )
    before = next(trainer.ema.parameters()).detach().clone()
    trainer.fit(data.ring(), 1, progress=False)
    after = next(trainer.generator.parameters()).detach()
    assert close(next(trainer.ema.parameters()).detach(), 0.9 * before + 0.1 * after, 1e-4)


@formula("Wasserstein losses")
def _wasserstein():
    real, fake, pair = draws(7), draws(7, seed=1), losses.get("wasserstein")
    assert close(pair.discriminator(real, fake), fake.mean() - real.mean())
    assert close(pair.generator(fake), -fake.mean())


@formula("Least squares")
def _least_squares():
    real, fake, pair = draws(7), draws(7, seed=1), losses.get("least_squares")
    assert close(pair.discriminator(real, fake), ((real - 1) ** 2).mean() / 2 + (fake**2).mean() / 2)
    assert close(pair.generator(fake), ((fake - 1) ** 2).mean() / 2)
    p, q, f = 0.3, 0.5, torch.linspace(-2, 2, 4001)
    assert close(f[(p * (f - 1) ** 2 + q * f**2).argmin()], p / (p + q), 1e-3)


@formula("Hinge")
def _hinge():
    real, fake, pair = draws(7), draws(7, seed=1), losses.get("hinge")
    zero = torch.zeros(7)
    expected = torch.maximum(zero, 1 - real).mean() + torch.maximum(zero, 1 + fake).mean()
    assert close(pair.discriminator(real, fake), expected)
    assert close(pair.generator(fake), -fake.mean())
    f = torch.linspace(-2, 2, 4001)
    for p, q, best in ((0.5, 0.3, 1), (0.3, 0.5, -1)):
        loss = p * (1 - f).clamp_min(0) + q * (1 + f).clamp_min(0)
        assert close(f[loss.argmin()], best, 1e-3)


@formula("Relativistic pairs")
def _relativistic():
    real, fake, pair = draws(7), draws(7, seed=1), losses.get("relativistic")
    assert close(pair.discriminator(real, fake), (1 + (fake - real).exp()).log().mean())
    assert close(pair.generator(fake, real), (1 + (real - fake).exp()).log().mean())


@formula("Dirac-GAN's field")
def _dirac():
    theta, psi = point = torch.tensor([0.7, -1.2], dtype=torch.float64)
    s = torch.sigmoid(psi * theta)
    assert close(dynamics.dirac("minimax").field(point), [psi * s, -theta * s])
    r1 = dynamics.dirac("r1", gamma=0.3).field(point)
    assert close(r1, [psi * s, -theta * s - 0.3 * psi])


@formula("Jacobian of a game")
def _jacobian():
    values = torch.linalg.eigvals(dynamics.jacobian(dynamics.dirac("minimax")))
    assert close(sorted(values.imag), [-0.5, 0.5]) and close(values.real, [0, 0])


@formula("Rate of a round")
def _rate():
    jac = dynamics.jacobian(dynamics.dirac("r1", gamma=0.3))
    once = torch.eye(2, dtype=torch.float64) + 0.2 * jac
    largest = torch.linalg.eigvals(once).abs().max().log()
    assert close(dynamics.step_matrix(jac, 0.2), once)
    assert close(dynamics.predicted_rate(jac, 0.2), largest)


@formula("Largest stable step")
def _stable():
    jac = dynamics.jacobian(dynamics.dirac("r1", gamma=0.3))
    values = torch.linalg.eigvals(jac)
    by_hand = (-2 * values.real / values.abs().square()).min()
    assert close(dynamics.largest_stable_step(jac), by_hand, 1e-5)


@formula("Weight clipping")
def _clip():
    net = torch.nn.Linear(3, 3)
    before = net.weight.detach().clone()
    penalties.clip_weights_(net, 0.1)
    assert close(net.weight.detach(), before.clamp(-0.1, 0.1))


@formula("Gradient penalty")
def _gp():
    real, fake = draws(5, 3), draws(5, 3, seed=1)
    mix = torch.rand(5, 1, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    slope = (3 * ((1 - mix) * real + mix * fake).square()).norm(dim=1)
    got = penalties.gradient_penalty(Cubic(), real, fake, mix=mix)
    assert close(got.detach(), (slope - 1).square().mean())


@formula("R1")
def _r1():
    x = draws(5, 3)
    by_hand = (3 * x.square()).square().sum(1).mean()
    assert close(penalties.r1_penalty(Cubic(), x).detach(), by_hand)


@formula("R2")
def _r2():
    x = draws(5, 3)
    by_hand = (3 * x.square()).square().sum(1).mean()
    assert close(penalties.r2_penalty(Cubic(), x).detach(), by_hand)


@formula("Modes, good share, reverse KL")
def _modes():
    centers = torch.tensor([[0.0, 0.0], [10.0, 0.0]])
    x = torch.tensor([[0.0, 0.1], [0.2, 0.0], [0.0, 0.9], [10.0, 0.0]])
    score = metrics.mode_coverage(x, centers, 0.1)
    assert (score.modes, score.high_quality) == (2, 0.75)
    assert close(score.reverse_kl, 0.75 * np.log(2 * 0.75) + 0.25 * np.log(2 * 0.25))


@formula("Inception Score")
def _inception():
    logits = draws(40, 5)
    p = logits.softmax(1)
    kl = (p * (p / p.mean(0)).log()).sum(1).mean()
    got = metrics.inception_score(logits, splits=1)
    assert close(got[0] if isinstance(got, tuple) else got, kl.exp(), 1e-5)


@formula("Fréchet distance")
def _frechet():
    x, y = draws(50, 3), 2 * draws(50, 3, seed=1) + 1
    s1, s2 = x.T.cov(), y.T.cov()
    root = torch.linalg.eigvals(s1 @ s2).sqrt().real.sum()
    by_hand = (x.mean(0) - y.mean(0)).square().sum() + s1.trace() + s2.trace() - 2 * root
    assert close(metrics.fid(x, y), by_hand, 1e-5)
    assert close(metrics.frechet_distance(x.mean(0), s1, y.mean(0), s2), by_hand, 1e-5)


@formula("Distance at infinity")
def _infinity():
    x, y = draws(2000, 4), draws(2000, 4, seed=1) + 1
    limit, plain = metrics.fid_infinity(x, y), metrics.fid(x, y)
    assert abs(limit[0] - 4) < 0.4 and limit[0] < plain  # the means are 1 apart in 4 directions


@formula("KID")
def _kid():
    x, y = draws(6, 3), draws(5, 3, seed=1) + 1

    def k(a, b):
        return (a @ b.T / 3 + 1) ** 3

    xx, yy = (k(a, a).sum() - k(a, a).diagonal().sum() for a in (x, y))
    by_hand = xx / (6 * 5) + yy / (5 * 4) - 2 * k(x, y).mean()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", metrics.SampleSizeWarning)
        assert close(metrics.kid(x, y), by_hand, 1e-5)


def balls(x: Tensor, k: int) -> Tensor:
    return torch.cdist(x, x).fill_diagonal_(torch.inf).kthvalue(k, dim=1).values


@formula("Precision and recall")
def _precision():
    x, y = draws(40, 2), 1.5 * draws(40, 2, seed=1)
    precision = (torch.cdist(x, y) <= balls(x, 3)[:, None]).any(0).double().mean()
    recall = (torch.cdist(y, x) <= balls(y, 3)[:, None]).any(0).double().mean()
    assert close(metrics.precision_recall(x, y), [precision, recall])


@formula("Density and coverage")
def _density():
    x, y = draws(40, 2), 1.5 * draws(40, 2, seed=1)
    inside = torch.cdist(x, y) <= balls(x, 5)[:, None]
    by_hand = [inside.sum() / (5 * len(y)), inside.any(1).double().mean()]
    assert close(metrics.density_coverage(x, y), by_hand)
    pairs = [(draws(300, 2, seed=i), draws(300, 2, seed=99 + i)) for i in range(6)]
    fair = np.mean([metrics.density_coverage(*pair) for pair in pairs], axis=0)
    assert abs(fair[0] - 1) < 0.08 and abs(fair[1] - (1 - 2**-5)) < 0.02


@formula("Copying test")
def _copying():
    train, test, fake = draws(30, 2), draws(20, 2, seed=1), 0.5 * draws(25, 2, seed=2)
    d_fake, d_test = (torch.cdist(a, train).min(1).values for a in (fake, test))
    wins = d_test[None] - d_fake[:, None]
    by_hand = ((wins > 0).double() + 0.5 * (wins == 0)).mean()
    assert close(metrics.copying_test(train, test, fake).closer, by_hand)


@formula("Classifier two-sample test")
def _c2st():
    # the p-value takes the accuracy of a guesser as 1/2 with the deviation 1/(2 sqrt t)
    result = metrics.classifier_test(draws(60, 2), draws(60, 2, seed=1) + 0.5)
    z = (result.accuracy - 0.5) * 2 * np.sqrt(60)  # t = 30 real and 30 generated, held out
    assert close(result.p_value, 0.5 * math.erfc(z / np.sqrt(2)))


@formula("Interval for a score")
def _interval():
    x = draws(400, 1)
    got = metrics.interval(lambda a: float(a.mean()), x, resamples=400)
    half = 1.96 * float(x.std()) / 20
    assert close(got.value, x.mean()) and abs((got.high - got.low) / (2 * half) - 1) < 0.2


@formula("Transposed convolution's size")
def _transposed():
    layers = [m for m in nets.DCGANGenerator(4, (1, 28, 28), width=4).modules()]
    layers = [m for m in layers if isinstance(m, torch.nn.ConvTranspose2d)]
    assert layers
    for layer in layers:
        n, (k, s, p) = 7, (layer.kernel_size[0], layer.stride[0], layer.padding[0])
        out = layer(torch.zeros(1, layer.in_channels, n, n)).shape[-1]
        assert out == (n - 1) * s - 2 * p + k


@formula("Projection logit")
def _projection():
    d = nets.ConditionalDCGANDiscriminator((1, 16, 16), num_classes=3, width=4)
    x, y = draws(5, 1, 16, 16).float(), torch.tensor([0, 1, 2, 0, 1])
    phi = d.phi(x)
    by_hand = d.psi(phi).squeeze(1) + (d.v.weight[y] * phi).sum(1)
    assert close(d(x, y).detach(), by_hand.detach(), 1e-5)


@formula("Modulated convolution")
def _modulated():
    layer = nets.ModulatedConv(3, 2, 4)
    x, w = draws(1, 3, 5, 5).float(), draws(1, 4).float()
    styled = layer.weight * layer.style(w)[0][None, :, None, None]
    demodulated = styled / (styled.square().sum((1, 2, 3), keepdim=True) + 1e-8).sqrt()
    by_hand = torch.nn.functional.conv2d(x, demodulated, padding=1)
    assert close(layer(x, w).detach(), by_hand.detach(), 1e-4)


@formula("Fade-in")
def _fade():
    g = nets.GrowingGenerator(4, (1, 16, 16), width=4)
    z, pictures = draws(2, 4).float(), {}
    for stage in (0.0, 0.3, 1.0):
        nets.grow(stage, g)
        pictures[stage] = g(z).detach()  # enlarged by doubling pixels
    assert close(pictures[0.3], 0.7 * pictures[0.0] + 0.3 * pictures[1.0], 1e-4)


@formula("Residual block")
def _residual():
    block = nets.ResidualBlock(8, 1)
    for weight in block.parameters():
        torch.nn.init.normal_(weight, 0, 0.1)
    first, middle, last = (m for m in block.f if isinstance(m, torch.nn.Conv2d))
    x, bend = draws(1, 8, 5, 5).float(), torch.nn.LeakyReLU(0.2)
    assert close(block(x).detach(), (x + last(bend(middle(bend(first(x)))))).detach(), 1e-5)


@formula("Safe augmentation")
def _safe():
    T = 0.6 * torch.eye(5, dtype=torch.float64) + 0.4 / 5
    assert close(torch.linalg.eigvalsh(T), [0.6, 0.6, 0.6, 0.6, 1.0])
    assert EXERCISES["12.2"](T) is False and EXERCISES["12.2"](torch.full((5, 5), 0.2)) is True
    # the chapter's roll: what it shows of a picture in place 0 is the first row of such a matrix
    torch.manual_seed(0)
    bars = torch.zeros(20_000, 1, 8, 8)
    bars[..., 0] = 1
    shown = chapter("12").roll(0.4)(bars)[:, 0, 0].mean(0)
    assert (shown - (0.6 * torch.eye(8)[0] + 0.4 / 8)).abs().max() < 0.015


@formula("AUC of an attack")
def _auc():
    s, t = draws(7).round(decimals=1), draws(9, seed=1).round(decimals=1)
    s[0] = t[0]  # a tie
    pairs = [1.0 if a > b else 0.5 if a == b else 0.0 for a in s for b in t]
    assert close(chapter("12").auc(s, t), np.mean(pairs))
    assert close(EXERCISES["12.3"](s, t), np.mean(pairs))


@formula("Differential privacy")
def _private():
    # an answer that tells which of two pictures was in: the two outcomes' odds are e^(2 epsilon)
    odds = math.exp(2 * 0.7)
    s = torch.tensor([1, 0]).repeat_interleave(torch.tensor([round(1e4 * odds), 10_000]))
    by_pairs = (s > 1 - s).double().mean() + 0.5 * (s == 1 - s).double().mean()
    assert close(0.5 * math.log(by_pairs / (1 - by_pairs)), 0.7, 1e-4)
    # one noisy sum, and its density with one picture more: the ratio keeps the promise
    x, sigma, delta = torch.linspace(-60, 60, 200_001, dtype=torch.float64), 4.0, 1e-5
    p, q = (torch.exp(-((x - m) ** 2) / (2 * sigma**2)) for m in (0.0, 1.0))
    least = chapter("12").epsilon(1 - 1e-12, sigma, 1, delta)
    assert ((q - math.exp(least) * p).clamp(min=0).sum() / q.sum()) < delta


@formula("Private gradient")
def _private_gradient():
    g, noise = 3 * draws(6, 4), draws(4, seed=1)
    total = sum(row * min(1.0, 2.5 / float(row.norm())) for row in g)
    by_hand = (total + 0.8 * 2.5 * noise) / 5
    assert close(EXERCISES["12.5"](g, 2.5, 0.8, noise, 5), by_hand)
    by_layer = {"weight": g[:, :3].reshape(6, 3, 1), "bias": g[:, 3:]}  # one norm for a picture
    made = chapter("12").clipped_sum(by_layer, 2.5)
    assert close(torch.cat([v.flatten() for v in made.values()]), total)


@formula("Epsilon after $N$ steps")
def _epsilon():
    q, sigma, steps, delta = 0.05, 2.0, 300, 1e-5
    found = []
    for order in range(2, 65):
        total = sum(
            math.comb(order, k) * (1 - q) ** (order - k) * q**k * math.exp((k * k - k) / (2 * sigma**2))
            for k in range(order + 1)
        )
        rho = math.log(total) / (order - 1)
        found.append(steps * rho + math.log(1 / delta) / (order - 1))
    assert close(chapter("12").epsilon(q, sigma, steps, delta), min(found))


@formula("Score of a watermark")
def _watermark():
    x = draws(6, 1, 12, 12).float()
    key = draws(12, 12, seed=1).sign().float()
    page = chapter("12", KEY=key)
    blur, detail, z_score = page.blur, page.detail, page.z_score
    r = sum((one - blur(one[None])[0])[0] for one in x)
    assert close(z_score(x), (r * key).sum() / r.square().sum().sqrt(), 1e-4)
    mine = draws(9, 1, 12, 12, seed=2).float()
    less = r / 6 - sum((one - blur(one[None])[0])[0] for one in mine) / 9
    assert close(z_score(x, detail(mine)), (less * key).sum() / less.square().sum().sqrt(), 1e-4)
    assert close(z_score(key[None, None], detail(key[None, None]) - key), 12.0, 1e-4)


@formula("REINFORCE")
def _reinforce():
    scores, worth = draws(1, 4), draws(4, seed=1)
    names = {"θ": scores, "K": 4, "f": lambda x: x[:, 0] @ worth.float()}
    rng = torch.Generator().manual_seed(0)
    made = chapter("14", **names).reinforce(200_000, 0.3, rng)
    t = scores.clone().requires_grad_()
    (truth,) = torch.autograd.grad((t.softmax(1) @ worth).sum(), t)
    error = made.std(0) / math.sqrt(len(made))
    assert ((made.mean(0) - truth).abs() < 5 * error).all()
    assert truth.abs().max() > 10 * error.max()


@formula("Gumbel-softmax")
def _gumbel():
    logits, u = draws(3), torch.rand(50, 3, generator=torch.Generator().manual_seed(0))
    by_hand = ((logits - (-u.double().log()).log()) / 0.4).exp()
    by_hand = by_hand / by_hand.sum(1, keepdim=True)
    soft, bias = EXERCISES["14.1"](logits, 0.4, u.double())
    assert close(soft, by_hand) and close(bias, by_hand.mean(0) - logits.softmax(0))
    rng = torch.Generator().manual_seed(0)
    noise = chapter("14").gumbel((100_000, 3), rng)
    share = torch.bincount((logits + noise).argmax(1), minlength=3) / 100_000
    assert (share - logits.softmax(0)).abs().max() < 0.01


@formula("Posterior mean of a shrunk picture")
def _posterior():
    candidates, seen, sigma = draws(5, 16).view(5, 1, 4, 4), draws(3, 4).view(3, 1, 2, 2), 0.7
    blocks = candidates.view(5, 1, 2, 2, 2, 2).mean((3, 5))
    weight = (-(seen[:, None] - blocks).square().sum((2, 3, 4)) / (2 * sigma**2)).exp()
    by_hand = (weight / weight.sum(1, keepdim=True)) @ candidates.flatten(1)
    assert close(EXERCISES["16.1"](candidates, seen, sigma).flatten(1), by_hand)


@formula("Receptive field")
def _field():
    layers = [(4, 2), (4, 2), (4, 2), (4, 1), (4, 1)]
    by_hand = 1 + sum((k - 1) * math.prod(s for _, s in layers[:i]) for i, (k, _) in enumerate(layers))
    assert by_hand == EXERCISES["16.2"](layers)[0] == 70


@formula("Straight-through")
def _straight_through():
    p, weight = draws(5, 2, 3).softmax(2).requires_grad_(), draws(5, 2, 3, seed=1)
    x = EXERCISES["14.2"](p)
    (slope,) = torch.autograd.grad((x * weight).sum(), p)
    hard = (p == p.amax(2, keepdim=True)).double()
    assert close(x.detach(), hard) and close(slope, weight)


@formula("Validity, uniqueness, novelty")
def _three():
    strings, known = ["C", "C", "N", "CO", "((", "(("], {"C", "OO"}
    by_hand = (4 / 6, 3 / 4, 2 / 3)
    names = {"complaint": lambda s: "no" if "(" in s else None, "listed": known}
    assert close(chapter("14", **names).rate(strings), by_hand)
    assert close(EXERCISES["14.3"](strings, ["(" not in s for s in strings], known), by_hand)


@formula("Pitch")
def _pitch():
    t = torch.arange(1024) / 4000
    tone = torch.stack([torch.sin(2 * math.pi * f * t) for f in (262.0, 440.0)])
    heard = chapter("14").pitch(tone[:, None])
    assert close(heard, [262.0, 440.0], 0.01)
    lags = range(4000 // 600, 4000 // 220)
    best = max(lags, key=lambda s: float((tone[1, : 1024 - s] * tone[1, s:]).sum()))
    assert abs(4000 / best - 440) < 25  # by whole samples: 9 of 4,000 a second
    f0 = chapter("14").F0
    assert close(f0[5], 440.0) and close(f0[0], 440 * 2 ** (-9 / 12), 1e-5)


@formula("Mode-specific normalisation")
def _modes_apart():
    rng = np.random.default_rng(0)
    column = np.concatenate([rng.normal(2, 0.1, 300), rng.normal(9, 1, 700)])
    coder = chapter("14").ModeSpecific(column)
    x = coder.encode(column)
    mode = x[:, :-1].argmax(1)
    by_hand = (column - coder.mean[mode]) / (4 * coder.std[mode])
    assert close(x[:, -1], by_hand.clip(-1, 1)) and len(coder.keep) >= 2
    normal = [np.exp(-((column - m) ** 2) / 2 / s**2) / s for m, s in ((2, 0.1), (9, 1))]
    likeliest = np.argmax([0.3 * normal[0], 0.7 * normal[1]], 0)
    three = (torch.tensor(v, dtype=torch.float64) for v in ((0.3, 0.7), (2.0, 9.0), (0.1, 1.0)))
    index, within, back = EXERCISES["14.5"](torch.tensor(column), *three)
    assert (index.numpy() == likeliest).all() and within.abs().max() <= 1
    assert close(back, np.array([2, 9])[likeliest] + 4 * np.array([0.1, 1])[likeliest] * within.numpy())
    inside = np.abs(by_hand) < 1
    assert inside.mean() > 0.98 and close(coder.decode(x)[inside], column[inside])


@formula("Kolmogorov–Smirnov distance")
def _ks():
    a, b = draws(40).numpy(), 1.5 * draws(60, seed=1).numpy() + 0.3
    assert close(chapter("14").ks(a, b), ks_2samp(a, b).statistic)


@formula("Cycle loss")
def _cycle():
    x, y = draws(5, 2), draws(7, 2, seed=1)
    there, back = (lambda a: 2 * a + 1), (lambda a: a / 3)
    by_hand = np.mean([sum(abs((2 * v + 1) / 3 - v) for v in row) for row in x.tolist()])
    by_hand += np.mean([sum(abs(2 * v / 3 + 1 - v) for v in row) for row in y.tolist()])
    assert close(EXERCISES["14.4"](there, back, x, y), by_hand)


@pytest.mark.parametrize("name", [name for name, _ in ROWS])
def test_a_function_computes_its_formula(name):
    CHECKS[name]()
