"""book/api.md, built by itself as the book is (strictly, -n): every public name, once, as it reads."""

import html
import importlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import gancourse
from tests.pages import ROOT, reference

NAMES = [f"{module}.{name}" for module, names in reference().items() for name in names]


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The page's HTML: a book of nothing else, with the book's own configuration."""
    book = tmp_path_factory.mktemp("reference")
    (book / "book").mkdir()
    (book / "scripts").symlink_to(ROOT / "scripts")
    shutil.copy(ROOT / "_config.yml", book)
    for name in ("api.md", "references.bib", "_static"):
        (book / "book" / name).symlink_to(ROOT / "book" / name)
    (book / "_toc.yml").write_text("format: jb-book\nroot: book/api\n")
    jupyter_book = str(Path(sys.executable).with_name("jupyter-book"))
    command = [jupyter_book, "build", ".", "-W", "--keep-going", "-n"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=book, env=environment, capture_output=True, text=True)
    said = [line for line in done.stderr.splitlines() if "WARNING" in line or "ERROR" in line]
    assert done.returncode == 0, "\n".join(said) or done.stderr[-3000:]
    return (book / "_build" / "html" / "book" / "api.html").read_text(encoding="utf-8")


def plain(markup: str) -> str:
    return html.unescape(re.sub(r"<[^>]+>", "", markup))


def test_the_modules_are_those_that_the_package_names():
    assert set(reference()) == set(re.findall(r"``(\w+)``", gancourse.__doc__))


def test_a_name_has_one_home():
    """What a module shows of another is told once: where people import it from."""
    homes: dict[int, str] = {}
    for name in NAMES:
        module, _, attribute = name.partition(".")
        thing = getattr(importlib.import_module(f"gancourse.{module}"), attribute)
        if callable(thing):
            assert id(thing) not in homes, f"{name} is {homes.get(id(thing))}"
            homes[id(thing)] = name


def faults(page: str, name: str) -> list[str]:
    old = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")  # docutils' own id of a heading
    entry = page.partition(f'id="gancourse.{name}"')[2]
    shown = plain(entry.partition(">")[2].partition("</dt>")[0])
    checks = {
        "told once": page.count(f'id="gancourse.{name}"') == 1,
        "found at the anchor of the first edition": page.count(f'id="{old}"') == 1
        or name.partition(".")[2].isupper(),
        "named as chapters name it": name in shown and "gancourse." not in shown.partition(name)[0],
        "with a docstring": bool(plain(entry.partition("<dd>")[2].partition("</dd>")[0]).strip()),
    }
    return [f"{name} is not {what}" for what, true in checks.items() if not true]


def test_every_public_name_is_there(page):
    assert len(NAMES) > 80
    assert not [fault for name in NAMES for fault in faults(page, name)]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("plots.REAL", "'#0072B2'"),
        ("dynamics.DIRAC", "'wgan-gp'"),
        ("data.FACES", "'DejaVuSans-Bold'"),
        ("losses.LOSSES", "relativistic"),  # in its text: functions have no value to show
    ],
)
def test_a_constant_is_told_with_its_value(page, name, value):
    entry = page.partition(f'id="gancourse.{name}"')[2].partition("<dt class")[0]
    assert value in plain(entry)


def test_the_page_reads_as_its_docstrings_mean(page):
    text = plain(page.partition("<article")[2])
    assert not re.findall(r":(?:class|func|data|meth|attr|mod|exc):", text), "a raw role"
    assert "Alias for field" not in text
    # An indented block without `::` before it is a quotation, its lines run together; a comment
    # `#: What: it is` of a constant tells Sphinx that `What` is a type.
    quoted = re.findall(r"<blockquote>(.*?)</blockquote>", page, re.S)
    assert not quoted, [plain(q).strip() for q in quoted]
    assert "Type:" not in text
    assert page.count('<a class="reference internal" href="#gancourse.') > 40, "no cross-links"
