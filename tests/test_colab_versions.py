"""Colab moves: a freeze is taken over, and says what moved; the environment says what stands in."""

import sys

import pytest

from scripts import colab

CONSTRAINTS = """# Python 3.13.15, and what Colab has.
torch==2.11.0
scikit-learn==1.6.1
pooch==1.9.0

# Only to run the chapters.
nbclient==0.11.0
"""
FREEZE = """# Python 3.14.1
absl-py==1.4.0
nbclient==0.10.2
Scikit_Learn==1.7.0
torch @ https://download.pytorch.org/whl/cu128/torch-2.12.0%2Bcu128.whl
-e git+https://example.org/x.git#egg=x
"""


def test_what_moved_is_said_and_nothing_else_changes():
    new, moved = colab.refresh(FREEZE + "torch==2.12.0+cu128\n", CONSTRAINTS)
    assert moved == [
        "Python 3.13.15 -> 3.14.1",
        "torch 2.11.0 -> 2.12.0",
        "scikit-learn 1.6.1 -> 1.7.0",
        "pooch: Colab has none (constraints keep 1.9.0)",
    ]
    changed = {"# Python 3.14.1, and what Colab has.", "torch==2.12.0", "scikit-learn==1.7.0"}
    assert set(new.splitlines()) - set(CONSTRAINTS.splitlines()) == changed
    assert "nbclient==0.11.0" in new  # ours, not Colab's
    assert colab.refresh(FREEZE + "torch==2.12.0\n", new) == (new, moved[3:])


def test_a_file_that_is_no_freeze_is_refused():
    with pytest.raises(ValueError, match="name==version"):
        colab.refresh("<html>", CONSTRAINTS)


def test_the_command(tmp_path, monkeypatch, capsys):
    constraints, freeze = tmp_path / "constraints.txt", tmp_path / "freeze.txt"
    constraints.write_text(CONSTRAINTS)
    freeze.write_text(FREEZE + "torch==3.0.1\npooch==1.9.0\n")
    monkeypatch.setattr(colab, "CONSTRAINTS", constraints)
    assert colab.main(["refresh", str(freeze), "--python", "3.13.15"]) == 1
    said = capsys.readouterr().out
    assert "torch 2.11.0 -> 3.0.1" in said and "torch 3.0.1 is outside of pyproject's" in said
    assert "Python" not in said
    freeze.write_text("torch==2.11.0\nscikit-learn==1.6.1\npooch==1.9.0\n")
    constraints.write_text(CONSTRAINTS)
    assert colab.main(["refresh", str(freeze)]) == 0
    assert capsys.readouterr().out == "nothing moved\n"


def test_todays_constraints_name_a_python_and_fit_the_package():
    text = colab.CONSTRAINTS.read_text(encoding="utf-8")
    assert colab.python_of(text) and "torch" in colab.versions(text)
    assert colab.out_of_range(text) == []


def test_another_python_says_what_it_stands_in_for(monkeypatch):
    monkeypatch.setenv("COLAB_PYTHON", sys.executable)
    here = ".".join(map(str, sys.version_info[:2]))
    assert colab.find_python(f"{here}.99") == (sys.executable, "")
    path, note = colab.find_python("3.99.1")
    assert path == sys.executable and "stands in for Python 3.99.1" in note
    monkeypatch.setenv("COLAB_PYTHON", "/nowhere/python")
    with pytest.raises(ValueError, match="COLAB_PYTHON"):
        colab.find_python("3.13.15")
    monkeypatch.delenv("COLAB_PYTHON")
    path, note = colab.find_python("3.99.1")
    assert path == sys.executable and "stands in for Colab's 3.99.1" in note
