"""`make lint` as tests, so that `make test` has one summary."""

import subprocess
import sys
from pathlib import Path

import pytest

from scripts.build import ROOT


@pytest.mark.parametrize("command", ["ruff check", "ruff format --check", "mypy"])
def test_lint(command):
    tool, *arguments = command.split()
    program = Path(sys.executable).with_name(tool)
    assert program.exists(), f"{tool} is not installed: make setup"
    done = subprocess.run([program, *arguments], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}:\n{done.stdout[-4000:]}{done.stderr[-2000:]}"
