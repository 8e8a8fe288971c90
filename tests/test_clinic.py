"""The clinic: each patient is ill, each cure cures, each wrong edit is told apart."""

from __future__ import annotations

import ast
import inspect
import math
import textwrap

import pytest
import torch
from test_exercises import printed, run_cell
from torch import nn
from torch.nn.functional import binary_cross_entropy, softplus

import gancourse.exercises as engine
from gancourse import metrics
from gancourse.exercises import _case, _ward, check, clinic

torch.set_num_threads(1)

CASES = {case.id: case for case in clinic.EXERCISES}
NAMES = list(CASES)


def grade(name, answer):
    return engine._grade(CASES[name], answer)


def body(source):
    """The function in a piece of source, its name and decorations aside."""
    tree = ast.parse(textwrap.dedent(source))
    function = next(node for node in tree.body if isinstance(node, ast.FunctionDef))
    statements = function.body
    if isinstance(statements[0], ast.Expr) and isinstance(statements[0].value, ast.Constant):
        statements = statements[1:]  # a docstring
    return ast.dump(function.args), [ast.dump(statement) for statement in statements]


def test_there_are_twelve():
    assert NAMES == [f"15.{k}" for k in range(1, 13)]


@pytest.mark.parametrize("name", NAMES)
def test_the_stub_is_the_patient_word_for_word(name):
    assert body(printed()[name].stub) == body(inspect.getsource(CASES[name].broken))


@pytest.mark.parametrize("name", NAMES)
def test_an_untouched_patient_is_reported_unchanged(name, capsys):
    asked, stub = run_cell(printed()[name].stub)
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
        exam = _case.examined(case, function)
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


def saturating_step(D, G, adam, z):
    loss = -softplus(D(G(z))).mean()
    adam.zero_grad()
    loss.backward()
    adam.step()
    return loss


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


def per_sample(x):
    return torch.rand(x.shape[0], *[1] * (x.ndim - 1))


def by_complex_numbers(modes, radius):
    z = torch.polar(
        torch.full((modes,), float(radius)), 0.3 + 2 * math.pi * torch.arange(modes) / modes
    )
    return torch.view_as_real(z)


def block_of(**options):
    def block(n_in, n_out):
        return nn.Sequential(nn.Linear(n_in, n_out), nn.BatchNorm1d(n_out, **options), nn.ReLU())

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


def by_moments(train, test, fake):
    cov = [torch.cov(x.double().T) for x in (test, fake)]
    return metrics.frechet_distance(test.double().mean(0), cov[0], fake.double().mean(0), cov[1])


REPAIRS = [
    ("15.1", both_halves),
    ("15.1", halved),
    ("15.1", tensors_in_a_list),
    ("15.2", lambda r, f: (d_loss(r, f), -softplus(f).mean())),  # saturating
    ("15.2", lambda r, f: (d_loss(r, f), -d_loss(r, f))),
    ("15.2", lambda r, f: (d_loss(-r, -f), softplus(f).mean())),  # D's labels turned
    ("15.2", lambda r, f: (softplus(f - r).mean(), softplus(r - f).mean())),  # relativistic
    ("15.2", lambda r, f: ((r - 1).square().mean() + f.square().mean(), (f - 1).square().mean())),
    ("15.3", frozen_d),
    ("15.3", saturating_step),
    ("15.4", lambda images: images.float() / 255 * 2 - 1),
    ("15.4", lambda images: (images.to(torch.float32) - 128) / 128),
    ("15.5", lambda r, f: (d_loss(r, f), softplus(-f).mean())),
    ("15.5", on_probabilities),
    ("15.6", lambda r, f: (r.mean() - f.mean(), f.mean())),  # both signs turned
    ("15.6", lambda r, f: (f.mean() - r.mean(), r.mean() - f.mean())),
    ("15.7", penalty(per_sample, lambda g: g.norm(2, dim=(1, 2, 3)))),
    ("15.8", penalty(per_sample, lambda g: g.square().sum((1, 2, 3)).sqrt())),
    ("15.8", penalty(per_sample, lambda g: g.reshape(len(g), -1).norm(2, dim=1))),
    ("15.9", lambda m, r: _at(torch.linspace(0, 2 * math.pi, m + 1)[:-1], r)),
    ("15.9", by_complex_numbers),
    ("15.10", block_of(momentum=0.2)),
    ("15.10", block_of(eps=1e-3)),
    ("15.11", average_all_floats),
    ("15.11", load_state),
    ("15.12", by_moments),
]  # fmt: skip


def _at(angle, radius):
    return radius * torch.stack([angle.cos(), angle.sin()], 1)


@pytest.mark.parametrize(("name", "repair"), REPAIRS)
def test_a_repair_written_otherwise_passes(name, repair):
    passed, attempted, message = grade(name, repair)
    assert passed and attempted, message


# --- answers of the wrong kind ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "answer", "words"),
    [
        ("15.2", 3, "wants the function itself"),
        ("15.2", lambda x: x, "must take the arguments (real_logits, fake_logits)"),
        ("15.2", lambda r, f: None, "should return two values, (d_loss, g_loss); it returned None"),
        ("15.1", lambda *args: None, "should return two values, (two losses)"),
        ("15.4", lambda images: images[:3], "should return a tensor (1437, 1, 8, 8)"),
        ("15.3", leaves_d_frozen, "leaves D frozen"),
        ("15.4", lambda images: images, "should return floats"),
        ("15.4", lambda images: images.double() / 127.5 - 1, "it returned torch.float64"),
        ("15.7", lambda critic, real, fake: real, "should return one number"),
        ("15.9", lambda m, r: [1, 2], "should return a tensor (8, 2); it returned a list"),
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

    import dataclasses

    quick = dataclasses.replace(CASES["15.2"], seconds=0.2)
    assert "did not finish within 0.2 s" in engine._grade(quick, endless)[2]


def test_an_edit_that_nobody_foresaw_gets_its_lab_report():
    passed, attempted, message = grade("15.4", lambda images: images.float() / 100)
    assert not passed and attempted
    assert message.startswith("The patient has changed, and is not well yet")
    assert "white becomes" in message and "high" in message and "-1 to -0.99" in message


def test_a_diverging_run_is_reported_and_not_raised():
    def explodes(real_logits, fake_logits):
        return d_loss(real_logits, fake_logits) * math.nan, softplus(-fake_logits).mean()

    passed, attempted, message = grade("15.2", explodes)
    assert not passed and attempted and "not finite" in message


@pytest.mark.parametrize(
    ("bad_seeds", "passes", "words"),
    [({0}, True, "seeds 1 and 2 are healthy"), ({0, 2}, False, "only one run of three"),
     ({0, 1, 2}, False, "on seeds 1 and 2 neither"), ({1, 2}, True, "Cured: all signs")],
)  # fmt: skip
def test_a_right_step_on_a_bad_seed_gets_two_more(bad_seeds, passes, words):
    import dataclasses

    def probe(function, seed):
        return _case.Exam({"step": function(1), "run": 9.0 if seed in bad_seeds else 0.0})

    signs = (_case.Sign("step", 2, 3, exact=True), _case.Sign("run", 0, 1, trained=True))
    case = dataclasses.replace(
        CASES["15.9"], broken=lambda x: 0, probe=probe, signs=signs, mistakes=[]
    )
    passed, attempted, message = engine._grade(case, lambda x: 2 * x)
    assert passed == passes and attempted and words in message, message
    assert "changed, and is not well" in engine._grade(case, lambda x: 5 * x)[2]


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
