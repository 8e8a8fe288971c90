"""A newcomer begins an exercise or a chapter: two commands, few places, green at once."""

import os
import re
import shutil
import subprocess
import sys

import pytest

from scripts import skeleton

ROOT = skeleton.ROOT


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """The tracked files as they are now, in another folder."""
    target = tmp_path_factory.mktemp("clone")
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if tracked.returncode:
        pytest.skip("no git clone here")
    for name in tracked.stdout.splitlines():
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, target / name)
    return target


def run(clone, *command):
    environment = os.environ | {"PYTHONPATH": str(clone)}
    environment.pop("PYTEST_XDIST_WORKER", None)
    done = subprocess.run(
        [sys.executable, *command], cwd=clone, env=environment, capture_output=True, text=True
    )
    return done.returncode, done.stdout + done.stderr


def files(clone):
    """Name -> content of all files but caches."""
    caches = {"__pycache__", ".pytest_cache", ".ruff_cache", ".drafts"}
    paths = [p for p in clone.rglob("*") if p.is_file()]
    names = {p.relative_to(clone): p for p in paths}
    return {str(name): p.read_bytes() for name, p in names.items() if not caches & set(name.parts)}


class Places:
    """The files that something new touches, from here on."""

    def __init__(self, clone):
        self.clone, self.before = clone, files(clone)

    def touched(self):
        now = files(self.clone)
        return sorted(n for n in self.before | now if self.before.get(n) != now.get(n))


def write(clone, name, *pairs):
    """As an editor does: each text once, and what stands there instead."""
    path = clone / name
    text = path.read_text(encoding="utf-8")
    for old, new in pairs:
        assert text.count(old) == 1, f"{name}: {old!r} stands {text.count(old)} times"
        text = text.replace(old, new)
    path.write_text(text, encoding="utf-8")


def write_cell(clone, chapter, after, source):
    """A code cell behind the one that begins with `after`, by way of the chapter's text."""
    draft, page = f".drafts/{chapter}.py", f"book/{chapter}.ipynb"
    code, said = run(clone, "scripts/notebook.py", "to-text", page, draft)
    assert code == 0, said
    cells = (clone / draft).read_text(encoding="utf-8").split("\n\n# %%")
    at = next(i for i, cell in enumerate(cells) if after in cell)
    cells.insert(at + 1, f"\n{source}")
    (clone / draft).write_text("\n\n# %%".join(cells), encoding="utf-8")
    code, said = run(clone, "scripts/notebook.py", "from-text", draft, page)
    assert code == 0, said


def outcome_of(clone, wanted, *tests):
    quick = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"]
    return run(clone, *quick, *(f"tests/test_{t}.py" for t in tests), "-k", wanted)


def green(clone, wanted, *tests):
    """These tests, ruff and ruff's format are content."""
    code, said = outcome_of(clone, wanted, *tests)
    assert code == 0, said[-3000:]
    for command in (["check"], ["format", "--check"]):
        code, said = run(clone, "-m", "ruff", *command, "-q")
        assert code == 0, said


def test_an_exercise_and_a_page_from_nothing_to_green(clone):
    places = Places(clone)
    code, said = run(clone, "scripts/notebook.py", "new", "exercise", "3", "The mean of samples")
    assert code == 0, said
    (new,) = set(places.touched()) - {"book/03-failures.ipynb"}
    assert new.startswith("gancourse/exercises/ch03/e")
    exercise = f"3.{new[len('gancourse/exercises/ch03/e') : -3]}"

    places = Places(clone)
    last = max(int(p.name[:2]) for p in (clone / "book").glob("[0-9][0-9]-*.ipynb"))
    page = f"{last + 1:02d}-pictures"
    code, said = run(clone, "scripts/notebook.py", "new", "page", page, "Pictures")
    assert code == 0, said
    own = f"gancourse/exercises/ch{last + 1:02d}/"  # its three exercises: one place
    touched = {own if name.startswith(own) else name for name in places.touched()}
    assert len(touched) == 4 and {own, f"book/{page}.ipynb", "_toc.yml"} <= touched, touched

    which = f"{exercise} or {last + 1}. or {page} or {last:02d}- or 03-"
    green(
        clone,
        f"({which}) and not second_run and not budget and not floods",
        "exercises",
        "notebooks",
    )


def test_a_deeper_page_from_nothing_to_green(clone):
    """Its notebook, its lines in the table of contents, the link on its chapter's main page."""
    places, page = Places(clone), "03-failures-deeper-skeleton"
    code, said = run(clone, "scripts/notebook.py", "new", "page", page, "Deeper")
    assert code == 0, said
    assert places.touched() == ["_toc.yml", f"book/{page}.ipynb", "book/03-failures.ipynb"]
    green(clone, "03-failures and not second_run and not budget and not floods", "notebooks", "pages")
    code, said = run(clone, "scripts/notebook.py", "new", "page", page, "Deeper")
    assert code == 1 and "is there already" in said


def test_a_loss_from_nothing_to_green(clone):
    """The total variation of Nowozin et al. 2016, where CONTRIBUTING.md says that it goes."""
    places = Places(clone)
    new = """def _total_variation_d(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    _check(real_logits=real_logits, fake_logits=fake_logits)
    return (fake_logits.tanh().mean() - real_logits.tanh().mean()) / 2


def _total_variation_g(fake_logits: Tensor, real_logits: Tensor | None = None) -> Tensor:
    _check(fake_logits=fake_logits)
    return -fake_logits.tanh().mean() / 2


#: The losses of the course by name:
"""
    write(
        clone,
        "gancourse/losses.py",
        ("#: The losses of the course by name:\n", new),
        (
            "#: - ``relativistic``:",
            "#: - ``total_variation``: Nowozin et al. 2016 (arXiv 1606.00709), table 6.\n"
            "#: - ``relativistic``:",
        ),
        (
            '        GANLoss("relativistic"',
            '        GANLoss("total_variation", _total_variation_d, _total_variation_g),\n'
            '        GANLoss("relativistic"',
        ),
    )
    write(
        clone,
        "tests/test_losses.py",
        (
            '    "relativistic": (',
            '    "total_variation": ((FAKE.tanh() - REAL.tanh()).mean() / 2, -FAKE.tanh().mean() / 2),\n'
            '    "relativistic": (',
        ),
    )
    write(
        clone,
        "book/formulas.md",
        (
            "**Relativistic pairs**",
            '**Total variation** · [`losses.get("total_variation")`](api.md#lossesget) · '
            "[derivation](02-training.ipynb#two-losses-for-one-aim)\n\n"
            "$$L_D = \\tfrac12 E[\\tanh f(G(z))] - \\tfrac12 E[\\tanh f(x)]$$\n\n"
            "**Relativistic pairs**",
        ),
    )
    code, said = outcome_of(clone, "Total", "formulas")
    assert code and "Total variation" in said, "a formula that nobody computes is let through"
    write(
        clone,
        "tests/test_formulas.py",
        (
            '@formula("Relativistic pairs")',
            '@formula("Total variation")\ndef _total_variation():\n'
            '    real, fake, pair = draws(7), draws(7, seed=1), losses.get("total_variation")\n'
            "    by_hand = (torch.tanh(fake) - torch.tanh(real)).mean() / 2\n"
            "    assert close(pair.discriminator(real, fake), by_hand)\n\n\n"
            '@formula("Relativistic pairs")',
        ),
    )
    write_cell(clone, "02-training", "## Two losses for one aim", USE_OF_THE_LOSS)
    assert len(places.touched()) == 5, places.touched()
    which = "otal_variation or Total or definition or losses or formulas.md or 02-"
    which = f"({which}) and not second_run and not budget and not floods"
    tests = ("losses", "formulas", "pages", "package", "global_modes", "notebooks")
    green(clone, which, *tests)


USE_OF_THE_LOSS = """from gancourse import losses

tv = losses.get("total_variation")
tv.generator(torch.zeros(3))"""


def test_a_data_set_from_nothing_to_green(clone):
    places = Places(clone)
    new = '''def row(modes: int = 5, spacing: float = 2.0, std: float = 0.05) -> GaussianMixture:
    """``modes`` Gaussians side by side, centered at the origin.

    Raises:
        ValueError: for fewer than 1 mode or a std that is not positive.
    """
    x = spacing * (_range(whole("modes", modes, 1)) - (modes - 1) / 2)
    return GaussianMixture(torch.stack([x, torch.zeros_like(x)], 1), std)


def grid('''
    write(clone, "gancourse/data/mixtures.py", ("def grid(", new))
    code, said = outcome_of(clone, "lists", "package")
    assert code and "row" in said, "a data set that no page shows is let through"
    write(
        clone,
        "gancourse/data/__init__.py",
        ("parallel_lines, ring, swiss_roll", "parallel_lines, ring, row, swiss_roll"),
        ('    "grid",\n', '    "row",\n    "grid",\n'),
    )
    write(
        clone,
        "tests/test_data.py",
        (
            "def test_grid_is_centered_and_spaced",
            "def test_row_is_centered_and_spaced():\n"
            "    centers = data.row(modes=3, spacing=2).centers\n"
            "    assert centers.tolist() == [[-2, 0], [0, 0], [2, 0]]\n\n\n"
            "def test_grid_is_centered_and_spaced",
        ),
    )
    write_cell(clone, "03-failures", "## Summary", "data.row().centers")
    for command in (["check", "--fix"], ["format"]):  # make format
        run(clone, "-m", "ruff", *command, "-q")
    assert len(places.touched()) == 4, places.touched()
    which = "(row or data or 03-) and not second_run and not budget and not floods and not mnist"
    green(clone, which, "data", "package", "notebooks")


def test_a_malformed_exercise_fails_its_own_tests_and_no_others(clone):
    """A file that can't be imported, an id that is not its file's, a page without its line."""
    exercises = clone / "gancourse" / "exercises" / "ch04"
    pages = (clone / "book").glob("04-*.ipynb")
    page = next(p for p in pages if "### Exercise 4.3 ·" in p.read_text(encoding="utf-8"))
    kept = {path: path.read_text() for path in (exercises / "e1.py", exercises / "e2.py", page)}
    try:
        (exercises / "e1.py").write_text("from nowhere import nothing\n")
        (exercises / "e2.py").write_text(kept[exercises / "e2.py"].replace('"4.2"', '"4.7"'))
        head, title, rest = kept[page].partition("### Exercise 4.3 ·")
        page.write_text(head + title + re.sub("●+○* · ", "", rest, count=1))
        quick = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-rf"]
        chosen = "(4.1] or 4.2] or 4.3] or 4.4]) and not 14. and (same or printed or each_mistake)"
        _, said = run(clone, *quick, "tests/test_exercises.py", "-k", chosen)
    finally:
        for path, text in kept.items():
            path.write_text(text)
    failed = re.findall(r"^FAILED \S+?::(\w+)\[([\d.]+)\]", said, re.M)
    assert {name for _, name in failed} == {"4.1", "4.2", "4.3"}, said[-3000:]
    assert " passed" in said and " error" not in said.lower().rsplit("\n", 2)[-2], said[-3000:]
    assert "line like '●●○ · 10 minutes'" in said and "holds exercise '4.7', not '4.2'" in said


def test_what_cannot_be_begun_is_said(clone):
    for command, expected in [
        (("exercise", "77", "x"), "no book/77-*.ipynb"),
        (("page", "3", "x"), "two digits and a name"),
        (("page", "03-again", "x"), "03-failures.ipynb"),
        (("page", "77-far", "x"), "no chapter 76"),
        (("page", "03-fail-deeper-x", "x"), "no 03-fail.ipynb"),
    ]:
        code, said = run(clone, "scripts/notebook.py", "new", *command)
        assert code == 1 and expected in said and "Traceback" not in said, said
