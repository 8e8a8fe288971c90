"""The clinic: each patient is ill, each cure cures, each wrong edit is told apart."""

from __future__ import annotations

import dataclasses
import inspect
import math
import re

import pytest
import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy, relu, softplus

import gancourse.exercises as engine
from gancourse import data, metrics
from gancourse.exercises import check, clinic
from gancourse.exercises.clinic import _case, _ward
from tests.exercise_help import printed, run_cell

torch.set_num_threads(1)

CASES = {case.id: case for case in clinic.EXERCISES}
NAMES = list(CASES)


def grade(name, answer):
    return engine.grade(CASES[name], answer)


def test_there_are_twelve():
    assert NAMES == [f"15.{k}" for k in range(1, 13)]


@pytest.mark.parametrize("name", NAMES)
def test_the_stub_is_the_patient_word_for_word(name):
    source = inspect.getsource(CASES[name].broken)
    assert _case.body(printed(name).stub) == _case.body(source)


@pytest.mark.parametrize("name", NAMES)
def test_an_untouched_patient_is_reported_unchanged(name, capsys):
    asked, stub = run_cell(printed(name).stub)
    report = check(asked, stub)
    assert report.headline == f"Exercise {name}: unchanged"
    assert not report.passed and not report.attempted
    assert CASES[name].symptom in report.message and len(CASES[name].symptom) > 20
    assert "unchanged" in capsys.readouterr().out


@pytest.mark.parametrize("name", NAMES)
def test_patient_is_ill_in_the_run_and_cured_it_is_healthy(name):
    case = CASES[name]
    sick, well = map(case.states, clinic.admit(name))
    measured = [sign.name for sign in case.signs if not sign.exact]
    assert any(sick[sign] != "healthy" for sign in measured), sick
    assert set(well.values()) == {"healthy"}, well


@pytest.mark.parametrize("name", NAMES)
def test_patient_and_wrong_edits_are_told_from_each_other(name):
    case = CASES[name]
    functions = [case.broken, *(mistake.wrong for mistake in case.mistakes)]
    for index, function in enumerate(functions):
        exam = _case.benched(case, function)  # a run is not compared
        if isinstance(exam, str):  # it raised; test_exercises sees that it is named
            continue
        alike = [other for other in functions if case._alike(exam, other)]
        assert alike == [function], f"edit {index} is taken for another"


@pytest.mark.parametrize("name", NAMES)
def test_reference_passes_and_each_wrong_edit_is_named(name):
    case = CASES[name]
    passed, attempted, message = grade(name, case.reference)
    assert passed and attempted and message.startswith("Cured"), message
    assert len(case.mistakes) >= 3
    for mistake in case.mistakes:
        passed, attempted, message = grade(name, mistake.wrong)
        assert not passed and attempted
        assert mistake.message in message, f"wanted: {mistake.message}\ngot: {message}"
        assert len(mistake.message) > 20 and "\n" not in mistake.message


# --- repairs that a reader might write, other than the reference ----------------------------------


def both_halves(D, G, adam, real, z):
    real_logits, fake_logits = D(real), D(G(z).detach())
    adam.zero_grad()
    softplus(-real_logits).mean().backward()  # two backward passes add up
    softplus(fake_logits).mean().backward()
    adam.step()
    return softplus(-real_logits).mean().item(), softplus(fake_logits).mean().item()


def other_loss(on_real, on_fakes):
    def d_step(D, G, adam, real, z):
        real_loss, fake_loss = on_real(D(real)).mean(), on_fakes(D(G(z).detach())).mean()
        adam.zero_grad()
        (real_loss + fake_loss).backward()
        adam.step()
        return real_loss.item(), fake_loss.item()

    return d_step


hinge = other_loss(lambda d: relu(1 - d), lambda d: relu(1 + d))
least_squares = other_loss(lambda d: (d - 1).square(), lambda d: d.square())


def halved(D, G, adam, real, z):
    with torch.no_grad():
        fake = G(z)
    p, q = torch.sigmoid(D(real)), torch.sigmoid(D(fake))
    real_loss = binary_cross_entropy(p, torch.ones_like(p))
    fake_loss = binary_cross_entropy(q, torch.zeros_like(q))
    adam.zero_grad()
    ((real_loss + fake_loss) / 2).backward()
    adam.step()
    return real_loss.item(), fake_loss.item()


def tensors_in_a_list(D, G, adam, real, z):
    with torch.no_grad():
        both = torch.cat([real, G(z)])
    real_logits, fake_logits = D(both).chunk(2)
    losses = [softplus(-real_logits).mean(), softplus(fake_logits).mean()]
    adam.zero_grad()
    sum(losses).backward()
    adam.step()
    return losses


def d_loss(real_logits, fake_logits):
    return softplus(-real_logits).mean() + softplus(fake_logits).mean()


def frozen_d(D, G, adam, z):
    for parameter in D.parameters():
        parameter.requires_grad_(False)
    loss = softplus(-D(G(z))).mean()
    adam.zero_grad()
    loss.backward()
    adam.step()
    for parameter in D.parameters():
        parameter.requires_grad_(True)
    return loss.item()


def g_step_of(objective, before=lambda z: z):
    def g_step(D, G, adam, z):
        loss = objective(D, G(before(z)))
        adam.zero_grad()
        loss.backward()
        adam.step()
        return loss

    return g_step


def leaves_d_frozen(D, G, adam, z):
    D.requires_grad_(False)
    return _ward.g_step(D, G, adam, z)


def on_probabilities(real_logits, fake_logits):
    p, q = torch.sigmoid(real_logits), torch.sigmoid(fake_logits)
    ones, zeros = torch.ones_like(p), torch.zeros_like(q)
    both = binary_cross_entropy(p, ones) + binary_cross_entropy(q, zeros)
    return both, binary_cross_entropy(q, ones)


def penalty(eps, norm):
    def gradient_penalty(critic, real, fake):
        e = eps(real)
        x = (e * fake + (1 - e) * real).detach().requires_grad_()
        logits = critic(x)
        (gradient,) = torch.autograd.grad(
            logits, x, torch.ones_like(logits), create_graph=True, retain_graph=True
        )
        return ((norm(gradient) - 1) ** 2).mean()

    return gradient_penalty


def one_by_one(critic, real, fake):
    x = torch.lerp(fake, real, per_sample(real))
    of_one = torch.func.grad(lambda one: critic(one[None]).squeeze())
    norm = torch.func.vmap(of_one)(x).flatten(1).norm(dim=1)
    return (norm - 1).square().mean()


def in_a_loop(critic, real, fake):
    prices = []
    for a, b in zip(real, fake):
        x = torch.lerp(b, a, torch.rand(())).requires_grad_()
        (gradient,) = torch.autograd.grad(critic(x[None]).sum(), x, create_graph=True)
        prices.append((gradient.norm() - 1) ** 2)
    return torch.stack(prices).mean()


def per_sample(x):
    return torch.rand(x.shape[0], *[1] * (x.ndim - 1))


def by_complex_numbers(modes, radius):
    z = torch.polar(torch.full((modes,), float(radius)), 0.3 + 2 * math.pi * torch.arange(modes) / modes)
    return torch.view_as_real(z)


def block_of(bend=nn.ReLU, bias=True, **options):
    def block(n_in, n_out):
        linear = nn.Linear(n_in, n_out, bias=bias)
        return nn.Sequential(linear, nn.BatchNorm1d(n_out, **options), bend())

    return block


@torch.no_grad()
def average_all_floats(ema, net, decay):
    theirs = net.state_dict()
    for name, mine in ema.state_dict().items():
        if mine.is_floating_point():
            mine.mul_(decay).add_(theirs[name], alpha=1 - decay)
        else:
            mine.copy_(theirs[name])


def load_state(ema, net, decay):
    old, new = ema.state_dict(), net.state_dict()
    parameters = dict(net.named_parameters())
    ema.load_state_dict(
        {k: decay * old[k] + (1 - decay) * v if k in parameters else v for k, v in new.items()}
    )


@torch.no_grad()
def statistics_anew(ema, net, decay):
    for mine, theirs in zip(ema.parameters(), net.parameters()):
        mine.lerp_(theirs, 1 - decay)
    ema.train()
    ema(torch.randn(256, 2))
    ema.eval()


def by_moments(train, test, fake):
    cov = [torch.cov(x.double().T) for x in (test, fake)]
    return metrics.frechet_distance(test.double().mean(0), cov[0], fake.double().mean(0), cov[1])


REPAIRS = [
    ("15.1", both_halves),
    ("15.1", halved),
    ("15.1", tensors_in_a_list),
    ("15.1", hinge),
    ("15.1", least_squares),
    ("15.2", lambda r, f: (d_loss(r, f), -softplus(f).mean())),  # saturating
    ("15.2", lambda r, f: (d_loss(r, f), -d_loss(r, f))),
    ("15.2", lambda r, f: (d_loss(-r, -f), softplus(f).mean())),  # D's labels turned
    ("15.2", lambda r, f: (softplus(f - r).mean(), softplus(r - f).mean())),  # relativistic
    ("15.2", lambda r, f: ((r - 1).square().mean() + f.square().mean(), (f - 1).square().mean())),
    ("15.3", frozen_d),
    ("15.3", g_step_of(lambda D, fake: -softplus(D(fake)).mean())),  # minimax
    ("15.3", g_step_of(lambda D, fake: -D(fake).mean())),
    ("15.3", g_step_of(lambda D, fake: (D(fake) - 1).square().mean())),
    ("15.4", lambda images: images.float() / 255 * 2 - 1),
    ("15.4", lambda images: (images.to(torch.float32) - 128) / 128),
    ("15.5", lambda r, f: (d_loss(r, f), softplus(-f).mean())),
    ("15.4", lambda images: images.numpy() / 127.5 - 1),  # float64, numpy
    ("15.5", on_probabilities),
    ("15.5", lambda r, f: (d_loss(-r, -f), softplus(f).mean())),  # both players' labels turned
    ("15.5", lambda r, f: (relu(1 - r).mean() + relu(1 + f).mean(), -f.mean())),
    ("15.5", lambda r, f: ((r - 1).square().mean() + f.square().mean(), (f - 1).square().mean())),
    ("15.6", lambda r, f: (r.mean() - f.mean(), f.mean())),  # both signs turned
    ("15.6", lambda r, f: (f.mean() - r.mean(), r.mean() - f.mean())),
    ("15.7", penalty(per_sample, lambda g: g.norm(2, dim=(1, 2, 3)))),
    ("15.7", one_by_one),
    ("15.7", in_a_loop),
    ("15.8", one_by_one),
    ("15.8", penalty(per_sample, lambda g: g.square().sum((1, 2, 3)).sqrt())),
    ("15.8", penalty(per_sample, lambda g: g.reshape(len(g), -1).norm(2, dim=1))),
    ("15.9", lambda m, r: _at(torch.linspace(0, 2 * math.pi, m + 1)[:-1], r)),
    ("15.9", by_complex_numbers),
    ("15.10", block_of(momentum=0.2)),
    ("15.10", block_of(eps=1e-3)),
    ("15.10", block_of(bias=False)),
    ("15.10", block_of(bend=lambda: nn.LeakyReLU(0.2))),
    ("15.11", average_all_floats),
    ("15.11", load_state),
    ("15.11", statistics_anew),
    ("15.12", by_moments),
]  # fmt: skip


def _at(angle, radius):
    return radius * torch.stack([angle.cos(), angle.sin()], 1)


@pytest.mark.parametrize(("name", "repair"), REPAIRS)
def test_a_repair_written_otherwise_passes(name, repair):
    passed, attempted, message = grade(name, repair)
    assert passed and attempted, message


# --- edits that nobody listed, of every kind that a review slipped past the clinic ----------------


def without(line):
    """The printed repair of 15.1 without one of its lines, or with the lines in another order."""

    def d_step(D, G, adam, real, z):
        real_loss, fake_loss = softplus(-D(real)).mean(), softplus(D(G(z).detach())).mean()
        if line != "zero_grad":
            adam.zero_grad()
        (real_loss * (100 if line == "balance" else 1) + fake_loss).backward()
        if line == "zero_grad late":
            adam.zero_grad()
        if line != "step":
            adam.step()
        return real_loss.item(), fake_loss.item()

    return d_step


def against_noise(D, G, adam, real, z):
    real_loss, fake_loss = softplus(-D(real)).mean(), softplus(D(torch.randn_like(real))).mean()
    adam.zero_grad()
    (real_loss + fake_loss).backward()
    adam.step()
    return real_loss.item(), fake_loss.item()


def mixed(mix, norm=lambda g: g.flatten(1).norm(dim=1), create_graph=True):
    def gradient_penalty(critic, real, fake):
        x = mix(real, fake).detach().requires_grad_()
        (gradient,) = torch.autograd.grad(critic(x).sum(), x, create_graph=create_graph)
        return (norm(gradient) - 1).square().mean()

    return gradient_penalty


def placed(place, **options):
    return mixed(lambda r, f: torch.lerp(f, r, place(r)), **options)


def fair(norm):
    return placed(per_sample, norm=norm)


def per_channel(x):
    return torch.rand(len(x), x.shape[1], 1, 1)


def same_each_time(x):
    return torch.rand(len(x), 1, 1, 1, generator=torch.Generator().manual_seed(0))


def scaled_by_hand(n_in, n_out):
    class Ten(nn.Module):
        def forward(self, x):
            return 10 * x

    return nn.Sequential(nn.Linear(n_in, n_out), nn.BatchNorm1d(n_out, 0.8), Ten(), nn.ReLU())


@torch.no_grad()
def mean_only(ema, net, decay):
    for mine, theirs in zip(ema.parameters(), net.parameters()):
        mine.lerp_(theirs, 1 - decay)
    for mine, theirs in zip(ema.modules(), net.modules()):
        if isinstance(mine, nn.BatchNorm1d):
            mine.running_mean.copy_(theirs.running_mean)


@torch.no_grad()
def copied_once(ema, net, decay, seen=set()):  # noqa: B006
    for mine, theirs in zip(ema.parameters(), net.parameters()):
        mine.lerp_(theirs, 1 - decay)
    if id(ema) not in seen:
        seen.add(id(ema))
        for mine, theirs in zip(ema.buffers(), net.buffers()):
            mine.copy_(theirs)


def diagonal(train, test, fake):
    means = (test.mean(0) - fake.mean(0)).square()
    return (means + (test.std(0) - fake.std(0)).square()).sum()


WRONG = [
    ("15.1", without("zero_grad"), "sets the gradients to zero any more"),
    ("15.1", without("zero_grad late"), "First `zero_grad`, then `backward`"),
    ("15.1", without("step"), "`step` is not called"),
    ("15.1", without("balance"), "or multiplied"),
    ("15.1", against_noise, "neither real points nor samples of G"),
    ("15.3", g_step_of(lambda D, fake: softplus(-torch.sigmoid(D(fake))).mean()), "squashed"),
    ("15.3", g_step_of(lambda D, fake: -D(fake).clamp(-1, 1).mean()), "no slope on either side"),
    ("15.3", g_step_of(lambda D, fake: softplus(-D(fake)).mean(), lambda z: z[:1].expand_as(z)),
     "come from one latent"),
    ("15.3", g_step_of(lambda D, fake: softplus(-D(fake)).mean(), lambda z: z[:8]), "every z"),
    ("15.3", g_step_of(lambda D, fake: fake.square().mean()), "D is not asked at all"),
    ("15.5", lambda r, f: (-(r.sigmoid() + 1e-8).log().mean() - (1 - f.sigmoid() + 1e-8).log().mean(),
                           -(f.sigmoid() + 1e-8).log().mean()), "pays 18 for each half"),
    ("15.7", placed(lambda x: per_sample(x).sqrt()), "not spread evenly"),
    ("15.7", placed(lambda x: 0.5 * per_sample(x)), "one half of each segment"),
    ("15.7", placed(lambda x: per_sample(x).square()), "not spread evenly"),
    ("15.7", placed(lambda x: torch.full((len(x), 1, 1, 1), 0.9)), "not spread evenly"),
    ("15.7", placed(lambda x: torch.linspace(0, 1, len(x)).view(-1, 1, 1, 1)), "at the next step"),
    ("15.7", placed(same_each_time), "at the next step"),
    ("15.7", placed(per_channel), "no segment"),
    ("15.7", placed(lambda x: 2 * per_sample(x) - 0.5), "outside their segments: the two weights"),
    ("15.7", mixed(lambda r, f: r + per_sample(r) * (r - f)), "beyond the end of the segment"),
    ("15.7", mixed(lambda r, f: r), "about real points only"),
    ("15.7", placed(per_sample, create_graph=False), "the critic never hears of"),
    ("15.8", fair(lambda g: g.norm(2, dim=(2, 3))), "one norm for each sample"),
    ("15.8", fair(lambda g: g[:, 0].flatten(1).norm(dim=1)), "one norm for each sample"),
    ("15.8", fair(lambda g: 8 * g.flatten(1).square().mean(1).sqrt()), "one norm for each sample"),
    ("15.8", fair(lambda g: g.flatten(1).abs().amax(1)), "one norm for each sample"),
    ("15.8", placed(torch.rand_like), "no segment"),
    ("15.8", placed(per_channel), "no segment"),
    ("15.10", block_of(bend=nn.Identity), "one linear map"),
    ("15.10", block_of(eps=1e-12), "eps is too small"),
    ("15.10", scaled_by_hand, "does not normalise"),
    ("15.11", mean_only, "running *variance* has not"),
    ("15.11", copied_once, "brought up to date at every call"),
    ("15.12", lambda train, test, fake: metrics.fid(train[:360], fake), "*training* set does"),
    ("15.12", lambda train, test, fake: metrics.fid(torch.cat([test[:180], train[:180]]), fake),
     "*training* set does"),
    ("15.12", lambda train, test, fake: metrics.fid(test, fake) - metrics.fid(test, train),
     "*training* set does"),
    ("15.12", diagonal, "whole covariance matrices"),
    ("15.12", lambda train, test, fake: (test.mean(0) - fake.mean(0)).square().sum(),
     "whole covariance matrices"),
]  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("name", "edit", "words"), WRONG)
def test_a_wrong_edit_is_seen_on_the_bench_and_told_so(name, edit, words):
    """No verdict against the evidence: what is wrong is named, and nothing else is called right."""
    passed, attempted, message = grade(name, edit)
    assert not passed and attempted and words in message, message
    assert "unchanged" not in message and "is healthy, and the run is not" not in message


def test_a_first_answer_needs_one_run_and_no_other():
    """Listed mistakes are compared on the bench: nobody waits for eight trainings."""
    for name in ("15.2", "15.4", "15.7"):
        runs = []
        case = dataclasses.replace(
            CASES[name], run=lambda f, k, run=CASES[name].run: (runs.append(f), run(f, k))[1]
        )
        wrong = {"15.2": lambda r, f: (d_loss(r, f), -softplus(-f).mean()),
                 "15.4": lambda images: images.float() / 100,
                 "15.7": placed(torch.zeros_like)}  # fmt: skip
        assert not engine.grade(case, wrong[name])[0] and len(runs) == 1


def test_the_patients_own_digits(monkeypatch):
    """A reader who edits data.digits() in place changes his own pictures, not the clinic's."""
    mine = data.digits()
    kept = mine.images.clone()
    try:
        mine.images.copy_(255 - mine.images)
        assert torch.equal(_ward.digits().images, kept)
        _ward.digit_features.cache_clear()
        assert grade("15.12", by_moments)[0]
    finally:
        mine.images.copy_(kept)


# --- answers of the wrong kind ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "answer", "words"),
    [
        ("15.2", 3, "wants the function itself"),
        ("15.2", lambda x: x, "must take the arguments (real_logits, fake_logits)"),
        ("15.2", lambda r, f: None, "two values, (d_loss, g_loss); it returned nothing (None)"),
        ("15.1", lambda *args: None, "should return two values, (real_loss, fake_loss)"),
        ("15.2", lambda r, f: (d_loss(r, f).item(), f.mean()), "d_loss should be a tensor"),
        ("15.2", lambda r, f: (d_loss(r, f), softplus(-f)), "g_loss should be one number"),
        ("15.12", lambda train, test, fake: metrics.fid_infinity(test, fake), "one number"),
        ("15.12", lambda train, test, fake: (1, 2), "should return one number"),
        ("15.4", lambda images: images[:3], "should return a tensor (1437, 1, 8, 8)"),
        ("15.3", leaves_d_frozen, "leaves D frozen"),
        ("15.1", lambda *args: _ward.d_step(*args)[::-1], "come the other way round"),
        ("15.3", lambda *args: -_ward.g_step(*args), "not return the loss that G learns from"),
        ("15.3", lambda *args: 2 * _ward.g_step(*args), "not return the loss that G learns from"),
        ("15.4", lambda images: images, "should return floats"),
        ("15.4", lambda images: (images.float() / 127.5 - 1).flip(3), "moves pixels about"),
        ("15.7", lambda critic, real, fake: real, "should return one number"),
        ("15.9", lambda m, r: [1, 2], "should return a tensor (8, 2); it returned a tensor (2,)"),
        ("15.9", lambda m, r: r * torch.randn(m, 2), "something in it is random"),
        ("15.9", lambda m, r: {"x": r}, "should return a tensor (8, 2); it returned a dictionary"),
        (
            "15.2",
            lambda r, f: {"d": r.mean()},
            "two values, (d_loss, g_loss); it returned a dictionary",
        ),
        ("15.10", lambda n_in, n_out: "x", "should return a module"),
    ],
)
def test_answers_of_the_wrong_kind_get_a_clear_line(name, answer, words):
    passed, attempted, message = grade(name, answer)
    assert not passed and attempted and words in message, message


def test_not_attempted_raised_and_endless():
    assert grade("15.2", ...) == (False, False, "")

    def broken(real_logits, fake_logits):
        raise ZeroDivisionError("on purpose")

    message = grade("15.2", broken)[2]
    first, line = message.split("\n")
    assert first == "Your function raised ZeroDivisionError: on purpose"
    assert 'raise ZeroDivisionError("on purpose")' in line

    def endless(real_logits, fake_logits):
        while True:
            pass

    quick = dataclasses.replace(CASES["15.2"], seconds=0.2)
    late, line = engine.grade(quick, endless)[2].split("\n")
    assert "did not finish within 0.2 s" in late and re.match(r"  line \d+: (while|pass)", line)


def test_an_edit_without_effect_is_not_called_an_untouched_patient():
    def erased(D, G, adam, z):
        loss = softplus(-D(G(z))).mean()
        loss.backward()
        adam.zero_grad()
        adam.step()
        return loss.item()

    assert grade("15.3", CASES["15.3"].broken)[:2] == (False, False)
    passed, attempted, message = grade("15.3", erased)
    assert not passed and attempted
    assert message.startswith("Your edit changes nothing that the lab can measure. No gradient arrives")


def test_an_edit_that_nobody_foresaw_gets_its_lab_report():
    passed, attempted, message = grade("15.4", lambda images: images.float() / 100)
    assert not passed and attempted
    assert message.startswith("The patient has changed, and is not well yet. Black does not land at -1")
    assert "white becomes" in message and "high" in message and "-1 to -0.99" in message


def test_a_diverging_run_is_reported_and_not_raised():
    def explodes(real_logits, fake_logits):
        return d_loss(real_logits, fake_logits) * math.nan, softplus(-fake_logits).mean()

    passed, attempted, message = grade("15.2", explodes)
    assert not passed and attempted and "not finite" in message


@pytest.mark.parametrize(
    ("bad_seeds", "passes", "words"),
    [({0}, True, "seeds 1 and 2 are healthy"), ({0, 2}, False, "only one run of three"),
     ({0, 1, 2}, False, "and the run is not, on seeds 0, 1 and 2"), ({1, 2}, True, "Cured: all signs")],
)  # fmt: skip
def test_a_right_step_on_a_bad_seed_gets_two_more(bad_seeds, passes, words):
    def bench(function, seed):
        return _case.Exam({"step": function(1)})

    def run(function, seed):
        return _case.Exam({"run": 9.0 if seed in bad_seeds else 0.0})

    signs = (_case.Sign("step", 2, 3, exact=True), _case.Sign("run", 0, 1, trained=True))
    case = dataclasses.replace(
        CASES["15.9"], broken=lambda x: 0, bench=bench, run=run, signs=signs, mistakes=[]
    )
    passed, attempted, message = engine.grade(case, lambda x: 2 * x)
    assert passed == passes and attempted and words in message, message
    assert "changed, and is not well" in engine.grade(case, lambda x: 5 * x)[2]


def test_the_notebooks_generators_are_left_alone():
    torch.manual_seed(3)
    want = torch.rand(2)
    torch.manual_seed(3)
    grade("15.9", CASES["15.9"].broken)
    grade("15.12", by_moments)
    assert torch.equal(torch.rand(2), want)


def test_a_run_repeats_bit_for_bit():
    runs = [_ward.ring_run(5).pictures["points"] for _ in range(2)]
    assert torch.equal(*runs)


def test_number_is_short():
    assert [_case.number(x) for x in (0.0, 0.0064, 12.345, 18_234.0, 2e6, 3e-5, math.nan)] == [
        "0", "0.0064", "12.3", "18,234", "2e+06", "3e-05", "NaN",
    ]  # fmt: skip
