"""`claims.verify`: what each kind of claim holds of, what it shows, and what a miss says."""

import math
import sys
from fractions import Fraction

import numpy as np
import pytest
import torch

from gancourse import claims
from gancourse.claims import above, below, holds, near, same

NAN = float("nan")
GRAD = torch.tensor([0.5, 1.5], requires_grad=True)


def cells(row):
    return " | ".join([row.predicted, row.measured, row.tolerance])


@pytest.mark.parametrize(
    "row, shown",
    [
        (near("x", 1, 1.0004, within=1e-3), "1 | 1 | ± 0.001"),
        (near("x", 2, 2.02, relative=0.011), "2 | 2.02 | ± 1.1 %"),
        (near("x", -2, -2.02, relative=0.011), "-2 | -2.02 | ± 1.1 %"),
        (near("x", 1, GRAD, within=0.6), "1 | 0.5 (worst of 2) | ± 0.6"),
        (near("x", [0, 2], GRAD, within=[1, 0.6]), "2 | 1.5 (worst of 2) | ± 0.6"),
        (near("x", 1j, np.array(1e-9 + 1j), within=1e-6), "0 + 1i | 1e-09 + 1i | ± 1e-06"),
        (near("x", 0, np.uint8(3), within=3), "0 | 3 | ± 3"),
        (near("x", 255, np.array([1, 254], np.uint8), within=300), "255 | 1 (worst of 2) | ± 300"),
        (near("x", 0.5, Fraction(1, 2), within=0.1), "0.5 | 0.5 | ± 0.1"),
        (near("x", 1, torch.ones(2, dtype=torch.bfloat16), within=0.1), "1 | 1 (worst of 2) | ± 0.1"),
        (near("x", 1, (v for v in [1, 1.25]), within=0.3), "1 | 1.25 (worst of 2) | ± 0.3"),
        (near("x", {"b": 2, "a": 1}, {"a": 1.1, "b": 2}, within=0.2), "1 | 1.1 (a, worst of 2) | ± 0.2"),
        (near("x", 1, [torch.ones(2), torch.ones(2)], within=1), "1 | 1 (worst of 4) | ± 1"),
        (below("x", [0.1, 0.3, 0.2], 0.5), "< 0.5 | 0.3 (worst of 3) | limit"),
        (below("x", [0.1, 0.3], [0.15, 0.5]), "< 0.15 | 0.1 (worst of 2) | limit"),
        (below("x", 0.499999, 0.5), "< 0.5 | 0.499999 | limit"),
        (above("x", {0: 0.3, 7: 0.2}, 0.1), "> 0.1 | 0.2 (7, worst of 2) | limit"),
        (above("x", math.inf, 1), "> 1 | inf | limit"),
        (above("x", 123456.7, 99999), "> 99999 | 123457 | limit"),
        (same("x", {(4, 1), (2, 0)}, {(2, 0), (4, 1)}), "{(2, 0), (4, 1)} | {(2, 0), (4, 1)} | exact"),
        (same("x", set(), set()), "none | none | exact"),
        (same("x", 3, torch.tensor(3.0)), "3 | 3 | exact"),
        (same("x", 0.1, torch.tensor([0.1, 0.1])), "0.1 | 0.1, 0.1 | exact"),
        (same("x", 0, torch.zeros(3, 4, requires_grad=True)), "0 | the same, all 12 | exact"),
        (same("x", torch.zeros(3, 4), np.zeros((3, 4))), "12 numbers | the same, all 12 | exact"),
        (same("x", "ring", ["ring"] * 9), "ring | the same, all 9 | exact"),
        (same("x", [1, (2,)], [1, (2,)]), "1, (2) | 1, (2) | exact"),
        (same("x", {"a": torch.ones(2)}, {"a": torch.ones(2)}), "{a: 1, 1} | {a: 1, 1} | exact"),
        (same("x", 16_777_217, 16_777_217), "16777217 | 16777217 | exact"),
        (holds("x", True), "yes | yes | –"),
        (holds("x", [np.bool_(True), GRAD > 0]), "yes | all 3 | –"),
        (holds("x", (v > 0 for v in [1, 2]), measured=[1, 0.25]), "yes | 1, 0.25 | –"),
        (holds("x", {"a": True}, measured="a\n b"), "yes | a b | –"),
    ],
)  # fmt: skip
def test_what_holds(row, shown):
    assert row.holds and cells(row) == shown


@pytest.mark.parametrize(
    "row, shown",
    [
        (near("x", 1, 1.0011, within=1e-3), "1 | 1.001 | ± 0.001"),
        (near("x", 1, 1.00001, within=1e-6), "1 | 1.00001 | ± 1e-06"),
        (near("x", 100, [100, 99], relative=0.009), "100 | 99 (worst of 2) | ± 0.9 %"),
        (near("x", 1, NAN, within=1), "1 | nan | ± 1"),
        (near("x", 1, [1, NAN, 9], within=1), "1 | nan (worst of 3) | ± 1"),
        (near("x", 1, math.inf, within=1), "1 | inf | ± 1"),
        (near("x", 250, np.array([5], np.uint8), within=11), "250 | 5 | ± 11"),
        (near("x", 1, 1j, within=1), "1 | 0 + 1i | ± 1"),
        (below("x", 0.5, 0.5), "< 0.5 | 0.5 | limit"),
        (below("x", 0.50000001, 0.5), "< 0.5 | 0.50000001 | limit"),
        (below("x", [0.1, NAN], 0.5), "< 0.5 | nan (worst of 2) | limit"),
        (below("x", np.array([1, 7]), [2, 6]), "< 6 | 7 (worst of 2) | limit"),
        (above("x", torch.tensor([3, 1]), 2), "> 2 | 1 (worst of 2) | limit"),
        (above("x", -0.0, 0), "> 0 | 0 | limit"),
        (same("x", NAN, NAN), "nan | nan | exact"),
        (same("x", (NAN,), (NAN,)), "(nan) | (nan) | exact"),
        (same("x", 0.1, 0.1 + 1e-12), "0.1 | 0.100000000001 | exact"),
        (same("x", torch.tensor(0.1), torch.tensor(0.10001)), "0.1 | 0.10001 | exact"),
        (same("x", torch.zeros(2, 3), torch.zeros(3, 2)), "shape (2, 3) | shape (3, 2) | exact"),
        (same("x", torch.zeros(10), torch.arange(10)), "0 | 1 (9 of 10 differ) | exact"),
        (same("x", torch.zeros(2), [1]), "shape (2,) | shape (1,) | exact"),
        (same("x", 7, [7, 8]), "7 | 7, 8 | exact"),
        (same("x", 7, [7] * 9 + [8]), "7 | 8 (1 of 10 differ) | exact"),
        (same("x", {1, 2}, [1, 2]), "{1, 2} | 1, 2 | exact"),
        (same("x", (1, 2), [1, 2]), "(1, 2) | 1, 2 | exact"),
        (same("x", {"a": 1}, {"b": 1}), "{a: 1} | {b: 1} | exact"),
        (same("x", "ring", "grid"), "ring | grid | exact"),
        (same("x", torch.zeros(2, 2), [[0], [0, 0]]), "0, 0, 0, 0 | 0, 0, 0 | exact"),
        (holds("x", False), "yes | no | –"),
        (holds("x", np.array([True, False])), "yes | 1 of 2 | –"),
    ],
)  # fmt: skip
def test_what_misses(row, shown):
    assert not row.holds and cells(row) == shown


@pytest.mark.parametrize(
    "make, said",
    [
        (lambda: claims.near("x", 1, 1), "within=None, relative=None in 'x'; need exactly one"),
        (lambda: claims.near("x", 1, 1, within=1, relative=1), "within=1, relative=1"),
        (lambda: claims.near("x", 1, 1, within=0), "within=0 in 'x'; need a positive number"),
        (lambda: claims.near("x", 1, 1, within=NAN), "within=nan in 'x'; need finite"),
        (lambda: claims.near("x", 1, 1, relative=-1), "relative=-1; need a positive"),
        (lambda: claims.near("x", 0, 1, relative=1), "predicted=0 in 'x'; need within"),
        (lambda: claims.near("x", NAN, 1, within=1), "predicted=nan in 'x'; need finite"),
        (lambda: claims.near("x", 1, [], within=1), r"measured=\[\] in 'x' is empty"),
        (lambda: claims.near("x", 1, True, within=1), "measured=True in 'x'; need a number .*holds"),
        (lambda: claims.near("x", 1, "1", within=1), "measured='1' in 'x'; need a number"),
        (lambda: claims.near("x", 1, None, within=1), "measured=None in 'x'; need a number"),
        (lambda: claims.near("x", 1, [[1], [1, 2]], within=1), "measured=.* in 'x'; need a number"),
        (lambda: claims.near("x", [1, 2], [1, 2, 3], within=1), r"predicted has shape \(2,\).*\(3,\)"),
        (lambda: claims.near("x", [1, 2], 1, within=1), "predicted has shape"),
        (lambda: claims.near("x", {"a": 1}, {"b": 1}, within=1), "need the names of measured"),
        (lambda: claims.near(" ", 1, 1, within=1), "what=' '; need a text"),
        (lambda: claims.below("x", torch.empty(0), 1), r"measured=array of shape \(0,\), torch.*empty"),
        (lambda: claims.below("x", 1j, 1), "complex number in 'x'"),
        (lambda: claims.above("x", 1, math.inf), "limit=inf in 'x'; need finite"),
        (lambda: claims.same("x", torch.empty(0), torch.empty(0)), "is empty"),
        (lambda: claims.same("x", 1, []), "is empty"),
        (lambda: claims.holds("x", []), "condition=.* need at least one truth value"),
        (lambda: claims.holds("x", 0.5), "condition=0.5 in 'x'; need True or False"),
        (lambda: claims.holds("x", NAN), "need True or False"),
        (lambda: claims.holds("x", None), "need True or False"),
        (lambda: claims.holds("x", "no"), "need True or False"),
        (lambda: claims.verify(), "verify.. got no rows"),
        (lambda: claims.verify(True), r"rows\[0\]=True; need claims.near"),
        (lambda: claims.verify(claims.holds("x", True), claims.holds("x", True)), "two rows say 'x'"),
    ],
)  # fmt: skip
def test_a_claim_that_checks_nothing_is_refused(make, said):
    with pytest.raises(ValueError, match=said):
        make()


@pytest.fixture
def shown(monkeypatch):
    """What a notebook would be given: (data, metadata) of each display."""
    found = []
    import IPython
    import IPython.display

    monkeypatch.setattr(IPython, "get_ipython", lambda: True)
    monkeypatch.setattr(
        IPython.display, "display", lambda data, raw, metadata: found.append((data, metadata))
    )
    return found


def test_a_strip_is_drawn_and_its_rows_go_along(shown):
    claims.verify(
        claims.near('<b>ratio</b> & "more"', 1, GRAD, within=1),
        claims.holds("it is so", True, "<i>"),
    )
    ((data, metadata),) = shown
    markup = data["text/html"]
    assert markup.startswith('<table class="gc-claims"><thead>') and "<b>" not in markup
    assert "&lt;b&gt;ratio&lt;/b&gt; &amp;" in markup and "&lt;i&gt;" in markup
    assert markup.count("\N{CHECK MARK} holds") == 2 and 'data-label="tolerance"' in markup
    assert metadata["gancourse"]["claims"][1] == {
        "claim": "it is so",
        "predicted": "yes",
        "measured": "<i>",
        "tolerance": "–",
        "holds": True,
    }
    head, first, second = data["text/plain"].splitlines()
    assert head.index("predicted") == first.index(" 1 ") + 1 == second.index("yes")


def test_a_miss_is_shown_and_then_raised_with_its_numbers(shown):
    with pytest.raises(AssertionError) as caught:
        claims.verify(
            claims.near("ratio", 1, 3, within=0.5),
            claims.below("share", 0.2, 0.5),
            claims.above("cosine", [0.2, 0.9], 0.5),
        )
    said = str(caught.value)
    assert said.startswith(
        "2 of 3 claims missed:\n    ratio: predicted 1, measured 3, tolerance ± 0.5\n"
    )
    assert "    cosine: predicted > 0.5, measured 0.2 (worst of 2)\n" in said and "share" not in said
    assert said.count(claims.NOTE) == 1
    ((data, metadata),) = shown
    assert data["text/html"].count("\N{BALLOT X} missed") == 2
    assert [row["holds"] for row in metadata["gancourse"]["claims"]] == [False, True, False]
    assert claims.explanation(caught.value.__traceback__, eval) == ""  # not said twice


def test_elsewhere_it_is_printed(monkeypatch, capsys):
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    claims.verify(claims.below("share", 0.25, 0.5))
    printed = capsys.readouterr().out
    assert printed == (
        "claim  predicted  measured  tolerance  holds\nshare  < 0.5      0.25      limit      yes\n"
    )


def test_a_row_keeps_its_numbers():
    assert claims.below("x", GRAD, 2).values == (0.5, 1.5)
    assert claims.near("x", 0, -np.ones(99), within=2).values == (-1.0,) * claims.KEPT
    assert claims.same("x", {"a"}, {"a"}).values == ()


def test_a_long_value_is_cut():
    row = claims.same("x", list(range(99)), list(range(99)))
    assert row.holds and len(row.measured) == claims.LONG and row.measured.endswith(" ...")
