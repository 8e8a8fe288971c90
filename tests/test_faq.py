"""The FAQ: each number agrees with the recorded run that it comes from, and the code runs."""

import json
import math
import re

import numpy as np
import pytest
from scipy.stats import t as student

from scripts.chapters import chapter
from tests.pages import BOOK, text


# A number typed on a page, and the recorded run that it comes from: a new record that changes the
# number fails here. Each computed value is rounded as the page prints it.
def record(name: str) -> list:
    return json.loads((BOOK / "recorded" / f"{name}.json").read_text(encoding="utf-8"))["results"]


def span(values, digits: int = 2) -> str:
    low, high = (f"{edge(values):.{digits}f}" for edge in (min, max))
    return low if low == high else f"{low}–{high}"


def grid(row: str, key: str, name: str = "ch06-losses") -> list:
    return [run["grid"][row][key] for run in record(name) if row in run["grid"]]


def eight(row: str) -> list[int]:
    """Fair modes on the five seeds and on the three that were held back."""
    return grid(row, "fair_modes") + grid(row, "fair_modes", "ch06-heldback")


def ring_modes(k: int) -> int:
    return sum(run["fair_modes"] for run in record(f"ch02-ring-k{k}"))


def ring_seconds(k: int) -> float:
    return sum(run["cpu_seconds"] for run in record(f"ch02-ring-k{k}"))


def good(k: int) -> float:
    return sum(run["high_quality"] for run in record(f"ch02-ring-k{k}"))


def seed_luck() -> list[float]:
    """Spread of ten seeds' means over the mean spread of one seed's ten sets, for each method."""
    ratios = []
    for method in ("plain", "R1", "relativistic"):
        scores = np.array([run[method]["frechet"] for run in record("ch08-seeds")])
        ratios.append(scores.mean(1).std(ddof=1) / scores.std(1, ddof=1).mean())
    return ratios


def race(model: str, steps: int, key: str = "frechet") -> list[float]:
    rows = [row for run in record("ch13-budget") for row in run["rows"]]
    return [row[key] for row in rows if (row["model"], row["steps"]) == (model, steps)]


def rivals(steps: int) -> list[float]:
    return race("VAE", steps) + race("diffusion", steps)


def ways(way: str) -> list[float]:
    return [run[way]["frechet"] for run in record("ch10-ways")]


def beats_all(name: str = "DCGAN") -> bool:
    """Its worse pair of rates beats the better pair of every other design, on every seed."""
    wins = []
    for run in record("ch11-ladder"):
        fd = {n: [row["fd"] for row in rates.values()] for n, rates in run["models"].items()}
        mine = max(fd.pop(name))
        wins.append(mine < min(min(v) for v in fd.values()))
    return all(wins)


def new_face(run: str, key: str = "frechet") -> list[float]:
    return [row[run][key] for row in record("ch12-new-face")]


def added(run: str, source: str, classifier: str = "svc") -> tuple[float, float]:
    """Points gained by 1,000 pictures beside 100 real ones: mean, half of its 95 % interval."""
    rows = [r[classifier] for r in record(run)]
    gain = 100 * np.array([r[f"+ 1000 {source}"] - r["100 real"] for r in rows])
    quantile = student.ppf(0.975, len(gain) - 1)
    return gain.mean(), quantile * gain.std(ddof=1) / math.sqrt(len(gain))


AUGMENTED = ("ch12-augment", "ch12-augment-long")
BOTH = ("svc", "logistic")


def worse_than_100() -> bool:
    """Pictures of a GAN of 2,000 steps alone, on each draw and with both classifiers."""
    names = ("only GAN of all 1,437", "only GAN of the same 100")
    rows = [r[c] for r in record("ch12-augment") for c in BOTH]
    return len(rows) == 16 and all(r[n] < r["100 real"] for r in rows for n in names)


def rows_of(name: str, **wanted) -> list[dict]:
    rows = [row for run in record(name) for row in run["rows"]]
    return [row for row in rows if all(row[k] == v for k, v in wanted.items())]


def small(augmented: str, key: str, steps: int = 4000) -> list[float]:
    return [row[key] for row in rows_of("ch12-diffaug", augmented=augmented, steps=steps)]


def attack(n: int, key: str = "critic", steps: int = 1000) -> list[float]:
    return [row[key] for row in rows_of("ch12-membership", n=n, steps=steps)]


def detected(tested: str, key: str) -> list[float]:
    return [run["A"][tested][key] for run in record("ch12-detector")]


def private(sigma: float, key: str = "frechet") -> str:
    return f"{np.mean([r[key] for r in rows_of('ch12-private', sigma=sigma, steps=1000)]):.0f}"


def strings(model: str, key: str = "valid") -> list[float]:
    return [100 * run[model]["1.0"][key] for run in record("ch14-strings")]


def sound(key: str) -> list[float]:
    return [run["trained"][key] for run in record("ch14-sound")]


def timbres(which: str) -> list[float]:
    """From the 10 % to the 90 % quantile of the second harmonic."""
    spans = [run[which]["second harmonic"] for run in record("ch14-sound")]
    return [high - low for low, _, high in spans]


def empty(coder: str) -> list[float]:
    return [100 * run[coder]["empty house"] for run in record("ch14-table")]


def matchings() -> list[tuple]:
    return [tuple(run["matching"]) for run in record("ch14-matching")]


def accuracy(variant: str) -> list[float]:
    return [run[variant]["accuracy"] for run in record("ch09-ablation")]


def looks(key: str) -> str:
    """A share of chapter 11's squared gradients at real pictures, in per cent."""
    return span([100 * run["looks at real"][key] for run in record("ch11-inside")], 0)


# (page, what it says with {} for the number, the number from the record or None, what must hold)
TYPED = [
    (
        "faq",
        "covers all 25 on [eight seeds of eight](06",
        None,
        lambda: eight("non-saturating, R1 + R2") == [25] * 8,
    ),
    (
        "faq",
        "with R1 alone on six;",
        None,
        lambda: sum(modes == 25 for modes in eight("non-saturating, R1")) == 6,
    ),
    (
        "faq",
        "the same optimizer covers [{}](06",
        lambda: span(eight("non-saturating"), 0).replace("–", " to "),
        None,
    ),
    (
        "faq",
        "but the tutorials' optimizer {}.",
        lambda: span(grid("tutorial + R1 + R2", "fair_modes", "ch06-bottom"), 0).replace("–", " to "),
        None,
    ),
    (
        "faq",
        "Relativistic pairs [buy nothing there](06",
        None,
        lambda: (
            eight("pairs, R1 + R2") == eight("non-saturating, R1 + R2")
            and sum(grid("pairs, R1 + R2", "high_quality"))
            < sum(grid("non-saturating, R1 + R2", "high_quality"))
        ),
    ),
    (
        "faq",
        "the share of good samples [from {}](06",
        lambda: " to ".join(
            span(values)
            for values in (
                grid("rate 0.002, beta1 0, beta2 0.99, no decay", "high_quality", "ch06-optimizer"),
                grid("non-saturating, R1", "high_quality"),
            )
        ),
        None,
    ),
    (
        "faq",
        "[{}](06-modern-baseline.ipynb#which-parts-could-we-leave-out)",
        lambda: (
            f"{span(grid('recipe, no decay', 'high_quality', 'ch06-top'))} good samples "
            f"instead of {span(grid('pairs, R1 + R2', 'high_quality'))}"
        ),
        None,
    ),
    (
        "faq",
        "), {}, at three times the cost",
        lambda: f"{ring_modes(5)} of 24 against {ring_modes(1)}",
        None,
    ),
    ("faq", "at three times the cost", None, lambda: 2.7 < ring_seconds(5) / ring_seconds(1) < 3.5),
    ("faq", "hit the ones they found more exactly", None, lambda: good(5) > good(1)),
    (
        "faq",
        "spread [{} times as much](08",
        lambda: f"{min(seed_luck()):.1f} to {max(seed_luck()):.0f}",
        None,
    ),
    (
        "faq",
        "last at 1,000 steps and first at 4,000, [on all three seeds]",
        None,
        lambda: (
            min(race("GAN", 1000)) > max(rivals(1000)) and max(race("GAN", 4000)) < min(rivals(4000))
        ),
    ),
    (
        "faq",
        "8,000 steps bring it [about to the floor]",  # 0.51, 718 real against 718
        None,
        lambda: max(race("GAN", 8000)) < record("ch13-inside")[0]["floor"],
    ),
    (
        "faq",
        "ends [more than three times as far](10",
        None,
        lambda: min(ways("blind")) > 3 * max(sum((ways(w) for w in WAYS), [])),
    ),
    ("faq", "network [on every seed](11", None, beats_all),
    (
        "faq",
        "the DCGAN recipe was [ruined on each seed](09",
        None,
        lambda: max(accuracy("beta1 = 0.9")) < min(accuracy("the recipe")) - 0.3,
    ),
    (
        "faq",
        "dealt at random, {} of the answers were right",
        lambda: (
            span([100 * run["plain 0.5"]["accuracy"] for run in record("ch10-noise")], 0).replace(
                "–", " to "
            )
            + " %"
        ),
        None,
    ),
    (
        "faq",
        "fewer than one valid string in a hundred to {} after 5,000",
        lambda: (
            f"{span(strings('gan 1200'), 0)} % after 1,200 steps and {span(strings('gan 5000'), 0)} %"
        ),
        lambda: max(strings("untrained")) < 1,
    ),
    (
        "faq",
        "the same network got {} %, more on every seed",
        lambda: span(strings("likelihood"), 0),
        lambda: all(
            a > max(b) + 1
            for a, *b in zip(*map(strings, ("likelihood", "gan 1200", "gan 5000")), strict=True)
        ),
    ),
    (
        "faq",
        "{} % of its sounds lie [within 3 %",
        lambda: span([100 * x for x in sound("within 3 %")], 1),
        lambda: len(sound("beside")) == 3,
    ),
    (
        "faq",
        "less variety of timbre than the data and a hiss",
        None,
        lambda: max(timbres("trained")) < min(timbres("real")) and min(sound("beside")) > 0.05,
    ),
    (
        "faq",
        "the empty houses, {} % of the rows, came out [at less than 1 %]",
        lambda: span(empty("real"), 0),
        lambda: max(empty("min-max")) < 1,
    ),
    ("faq", "normalisation, at {} % from", lambda: span(empty("mode-specific"), 0), None),
    ("faq", "at {} % with five times", lambda: span(empty("min-max longer"), 0), None),
    (
        "faq",
        "miss more than seven notes of ten",
        None,
        lambda: max(run["trained"]["within 3 %"] for run in record("ch14-phase")) < 0.3,
    ),
    (
        "faq",
        "50, 200 and 800 pictures all gave {}.",
        lambda: span([r["critic"] for r in rows_of("ch12-showings", shown=160)]),
        lambda: {r["n"] for r in rows_of("ch12-showings", shown=160)} == {50, 200, 800},
    ),
    (
        "faq",
        "each drawn {}, σ = 1",
        lambda: "{:.0f} times instead of {:.0f}".format(*(256_000 / n for n in (60_000, 1437))),
        None,
    ),
    (
        "faq",
        "eight runs found {} of the eight were right",
        lambda: (
            f"{NUMERAL[len(set(matchings()))]} different translations, "
            f"and {NUMERAL[matchings().count((0, 1, 2, 3))]}"
        ),
        lambda: len(matchings()) == 8 and all(len(set(m)) == 4 for m in matchings()),
    ),
    (
        "faq",
        "more than ten times as large on each of three seeds",
        None,
        lambda: all(
            max(run["noise"]["1.0"]) > 10 * max(run["untouched"]) for run in record("ch14-hidden")
        ),
    ),
    (
        "faq",
        "gained [nothing that could be measured]",
        None,
        lambda: all(
            np.subtract(*added(run, "GAN of the same 100", c)) < 0 for run in AUGMENTED for c in BOTH
        ),
    ),
    (
        "faq",
        "after 2,000 steps the mean was one to one and a half points lower",
        None,
        lambda: all(-1.55 < added(AUGMENTED[0], "GAN of the same 100", c)[0] < -0.95 for c in BOTH),
    ),
    (
        "faq",
        "gained {} points over five draws",
        lambda: "{:.1f} ± {:.1f}".format(*added(AUGMENTED[1], "GAN of all 1,437")),
        lambda: len(record(AUGMENTED[1])) == 5,
    ),
    (
        "faq",
        "After 2,000 steps the same one cost a point",
        None,
        lambda: all(sum(added(AUGMENTED[0], "GAN of all 1,437", c)) < 0 for c in BOTH),
    ),
    ("faq", "less than a hundred real ones on each of eight draws", None, worse_than_100),
    (
        "faq",
        "recall was {} without, on three seeds",
        lambda: f"{span(small('both', 'recall'))} with it and {span(small('none', 'recall'))}",
        lambda: len(small("both", "recall")) == 3,
    ),
    (
        "faq",
        "ended at {} without",
        lambda: f"{span(small('both', 'auc'))} with it and {span(small('none', 'auc'))}",
        None,
    ),
    (
        "faq",
        "lower on two seeds of three",
        None,
        lambda: sum(np.less(small("both", "frechet"), small("none", "frechet"))) == 2,
    ),
    (
        "faq",
        "At 1,000 steps recall was still lower",
        None,
        lambda: all(np.less(small("both", "recall", 1000), small("none", "recall", 1000))),
    ),
    (
        "faq",
        "{} % of the generated digits were displaced",
        lambda: span([100 * run["reals only, p = 0.5"] for run in record("ch12-leak")], 1),
        lambda: max(run["both, p = 0.5"] for run in record("ch12-leak")) == 0,
    ),
    (
        "faq",
        "with an AUC of {}, which is guessing",
        lambda: (
            f"{span(attack(50))}, on 200 with {span(attack(200))}, on 3,200 with {span(attack(3200))}"
        ),
        lambda: len(attack(50)) == 3,
    ),
    ("faq", "Twice the steps made it {} at 200", lambda: span(attack(200, steps=2000)), None),
    ("faq", "of 2,000 samples gave {}.", lambda: span(attack(50, "nearest")), None),
    (
        "faq",
        "on small sets the critic leaks more than the samples do",
        None,
        lambda: all(
            np.greater(attack(n, steps=s), attack(n, "nearest", s)).all()
            for n in (50, 200)
            for s in (1000, 2000)
        ),
    ),
    (
        "faq",
        "after 1,000 steps was {} with noise",
        lambda: f"{private(0)} without it, and {private(1)}, {private(2)} and {private(4)}",
        None,
    ),
    (
        "faq",
        "That buys ε = {} at",
        lambda: "{}, {} and {}".format(*(private(sigma, "epsilon") for sigma in (1, 2, 4))),
        lambda: abs(chapter("12").epsilon(256 / 1437, 1, 1000) - 64.611) < 1e-3,
    ),
    (
        "faq",
        "σ = 1 would buy ε = {}.",
        lambda: f"{chapter('12').epsilon(256 / 60_000, 1, 1000):.1f}",
        None,
    ),
    (
        "faq",
        "with an AUC of {}: more than a third",
        lambda: (
            f"{span(detected('A', 'auc'))}, and another seed of the same training with "
            f"{span(detected('A, another seed', 'auc'))}"
        ),
        lambda: min(detected("A, another seed", "fake called real")) > 1 / 3,
    ),
    (
        "faq",
        "condemned nearly every blurred *real* picture, {} %",
        lambda: span([100 * x for x in detected("A, blurred", "real called fake")], 0),
        lambda: max(detected("A, blurred", "fake called real")) < 0.01,
    ),
    (
        "faq",
        "one alarm in {} is right",
        lambda: {11: "eleven"}[round((0.01 * 0.95 + 0.99 * 0.10) / (0.01 * 0.95))],
        None,
    ),
    (
        "faq",
        "carried the mark, z = {} over",
        lambda: span([run["its samples"]["subtracted"] for run in record("ch12-watermark")], 1),
        lambda: (
            min(run["its samples, blurred"]["subtracted"] for run in record("ch12-watermark")) > 6
            and max(abs(run["moved by a pixel"]["subtracted"]) for run in record("ch12-watermark")) < 3
        ),
    ),
    (
        "faq",
        "{} % of the squared gradient lies on or beside",
        lambda: looks("share"),
        None,
    ),
    ("faq", "strokes of *another* picture get {} %", lambda: looks("other"), None),
    ("faq", "one fixed mask for all pictures {} %", lambda: looks("fixed"), None),
    (
        "faq",
        "the squared gradient is {} times as high on",
        lambda: span([run["looks at real"]["ratio"] for run in record("ch11-inside")], 1).replace(
            "–", " to "
        ),
        None,
    ),
    (
        "faq",
        "in an untrained network {} times: little more than chance",
        lambda: span(
            [run["untrained looks at real"]["ratio"] for run in record("ch11-inside")], 1
        ).replace("–", " to "),
        None,
    ),
    (
        "faq",
        "was at a Fréchet distance of {} after 100 steps",
        lambda: span(new_face("all layers 100"), 1).replace("–", " to "),
        None,
    ),
    (
        "faq",
        "training from scratch was at {} after 2,000",
        lambda: (
            f"{span(new_face('from scratch 100'), 0)} then, "
            f"and at {span(new_face('from scratch 2000'), 1)}"
        ).replace("–", " to "),
        None,
    ),
    (
        "faq",
        "Freezing a layer of either network did not help there",
        None,
        lambda: all(
            np.all(np.subtract(new_face(run), new_face("all layers 500")) > 0)
            for run in ("D frozen 500", "G frozen 500")
        ),
    ),
    (
        "faq",
        "A copier of the 200 pictures was nearer than all of them, with a recall of {},",
        lambda: f"{max(new_face('copier', 'recall')):g}",
        lambda: all(
            min(rows.values(), key=lambda row: row["frechet"]) is rows["copier"]
            for rows in ({k: v for k, v in r.items() if k != "floor"} for r in record("ch12-new-face"))
        ),
    ),
    (
        "faq",
        "more than nine of ten [stayed what they were]",
        None,
        lambda: min(r["scores"]["0.01"]["right digit"] for r in record("ch16-cycle")) > 0.9,
    ),
]
NUMERAL = "no one two three four five six seven eight".split()
WAYS = ("concat", "AC-GAN", "projection", "select")


@pytest.mark.parametrize(("page", "says", "number", "holds"), TYPED, ids=[r[1] for r in TYPED])
def test_a_typed_number_agrees_with_its_record(page, says, number, holds):
    sentence = says.format(number()) if number else says
    assert sentence in text(f"{page}.md"), f"the record says {sentence!r}"
    assert holds is None or holds()


# Decimal numbers of the FAQ that come from elsewhere, and from where.
RAVURI = "Ravuri & Vinyals' table for 256 pixels: top-1 real, synthetic; points and share lost"
assert f"{73.09 - 42.65:.1f} {(73.09 - 42.65) / 73.09:.1%}" == "30.4 41.6%"
ELSEWHERE = {
    "1.386": "log 4", "0.693": "log 2", "0.9": "Adam's default", "0.5": "the usual momentum",
    "73.09": RAVURI, "42.65": RAVURI, "30.4": RAVURI, "41.6": RAVURI,
    "2.6": "PyTorch's release and the code below",
    "2.10": "PyTorch's release", "0.03": "γ of chapter 6", "0.1": "γ of chapters 2, 6, 10, 13",
    "0.3": "γ of chapters 8 and 11", "4.9": "the code", "0.7": "the code", "1.0": "the code",
    "1.3": "the code", "1.2": "the code", "5.5": "the code", "5.8": "the code",
}  # fmt: skip


def test_no_decimal_number_of_the_faq_is_unchecked():
    prose = re.sub(r"\]\([^)]*\)", "]", text("faq.md"))
    checked = " ".join(row[1].format(row[2]()) for row in TYPED if row[2])
    found = set(re.findall(r"(?<![\d.])\d+\.\d+", prose))
    assert not {x for x in found if x not in ELSEWHERE and x not in checked}
    assert set(ELSEWHERE) <= found


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_faqs_code_runs_and_says_what_the_text_says(seed):
    raw = (BOOK / "faq.md").read_text(encoding="utf-8")
    raw = raw.partition("## Looking inside")[2]  # (tests/test_folder.py runs the code before it)
    blocks = re.findall(r"^```python\n(.*?)^```$", raw, re.M | re.S)
    assert len(blocks) == 2
    names: dict = {}
    for code in blocks:
        assert all(len(line) <= 88 for line in code.splitlines())
        code = code.replace("torch.manual_seed(0)", f"torch.manual_seed({seed})")
        exec(compile(code, "faq.md", "exec"), names)
    changes = names["changes"]
    assert 2.55 < changes[:4].min() and changes[:4].max() < 4.95
    assert changes[8:].max() < 0.7
    assert 0.95 < names["kept"].mean() < 1.35 and 5.45 < names["apart"].mean() < 5.9
    real, fake = names["maps"]
    assert real.shape[1:] == fake.shape[1:] == (1, 8, 8)
    lengths = [m.flatten(1).norm(dim=1).mean().item() for m in (real, fake)]
    assert abs(lengths[0] - 1.3) < 0.08 and abs(lengths[1] - 1.2) < 0.08
