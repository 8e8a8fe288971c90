"""Colab's versions: an environment that has them, and what moved when Colab moves.

    python scripts/colab.py setup                          makes .venv-colab (make test-colab does it)
    python scripts/colab.py refresh freeze.txt             rewrites tests/colab-constraints.txt

The freeze is what `!pip freeze` prints in a Colab session, or pip-freeze-gpu.txt of the repository
googlecolab/backend-info. It doesn't say which Python it is of: write `# Python 3.13.15` in its first
line, or give --python.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CONSTRAINTS = ROOT / "tests" / "colab-constraints.txt"
FOLDER = ROOT / ".venv-colab"
PYTHON_LINE = re.compile(r"(?m)^# Python (\d+\.\d+(?:\.\d+)?)")
OWN = "# Only to run the chapters"  # from here on, what Colab's freeze need not have


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def python_of(text: str) -> str:
    """The Python that a freeze or constraints file says it is of, or ""."""
    found = PYTHON_LINE.search(text)
    return found[1] if found else ""


# --- an environment


def same_minor(python: str, minor: str) -> bool:
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    try:
        done = subprocess.run([python, "-c", code], capture_output=True, text=True)
    except OSError:
        return False
    return done.returncode == 0 and done.stdout.strip() == minor


def find_python(wanted: str) -> tuple[str, str]:
    """(an interpreter, "" or what it stands in for). COLAB_PYTHON, python3.N, pyenv's, this one."""
    minor = ".".join(wanted.split(".")[:2])
    if given := os.environ.get("COLAB_PYTHON"):
        path = shutil.which(given)
        if path is None:
            raise ValueError(f"COLAB_PYTHON is {given}, which is no program that can be run")
        return path, "" if same_minor(path, minor) else f"{path} stands in for Python {wanted}"
    candidates = [shutil.which(f"python{minor}")]
    if pyenv := shutil.which("pyenv"):
        root = subprocess.run([pyenv, "root"], capture_output=True, text=True).stdout.strip()
        candidates += sorted(map(str, Path(root, "versions").glob(f"{minor}.*/bin/python")))
    for path in candidates:  # pyenv's shims are found on the path, but may not run
        if path and same_minor(path, minor):
            return path, ""
    here = sys.version.split()[0]
    return sys.executable, (
        f"Python {here} stands in for Colab's {wanted}: COLAB_PYTHON=/path/to/python{minor}, or "
        f"pyenv install {minor}, would be the same"
    )


def torch_line(path: Path) -> str:
    found = re.search(r"(?m)^torch==\S+", path.read_text(encoding="utf-8"))
    if found is None:
        raise ValueError(f"{path} does not pin torch")
    return found[0]


def setup(folder: Path = FOLDER) -> int:
    """Make the environment, unless it was made of these files; say what stands in for what."""
    text = CONSTRAINTS.read_text(encoding="utf-8")
    stamp = folder / ".installed"
    notes = []
    python, note = find_python(python_of(text))
    made_of = f"{python}\n{text}"
    if stamp.exists() and stamp.read_text(encoding="utf-8").startswith(made_of):
        print(stamp.read_text(encoding="utf-8")[len(made_of) :].strip())
        return 0
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run([python, "-m", "venv", str(folder)], check=True)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "-q"]
    torch = torch_line(CONSTRAINTS)
    # torch first: with the CUDA libraries of PyPI's Linux wheel it is 5 GB, and runs without a GPU.
    if subprocess.run([*pip, torch]).returncode:
        instead = torch_line(ROOT / "constraints.txt")
        notes.append(f"{instead} stands in for Colab's {torch}, which can't be installed here")
        text = re.sub(r"(?m)^torch==\S+", instead, text)
        subprocess.run([*pip, instead], check=True)
    pins = folder / "pins.txt"
    pins.write_text(text, encoding="utf-8")
    subprocess.run([*pip, "-r", str(pins)], check=True)
    notes += [note] if note else []
    says = "\n".join(notes) or f"Colab's own: Python {python_of(text)[:4]}, {torch}"
    stamp.write_text(f"{made_of}\n{says}", encoding="utf-8")
    print(says)
    return 0


# --- when Colab moves


def versions(text: str) -> dict[str, str]:
    """Package -> version of the lines `name==version` of a freeze; `+cu128` and the like dropped."""
    found = {}
    for line in text.splitlines():
        match = re.match(r"([A-Za-z0-9][\w.-]*)==([^\s;+]+)", line.strip())
        if match:
            found[normal(match[1])] = match[2]
    return found


def refresh(freeze: str, constraints: str, python: str = "") -> tuple[str, list[str]]:
    """(the new constraints file, lines that say what moved)."""
    there = versions(freeze)
    if not there:
        raise ValueError("freeze: no line of the form name==version; needed is what pip freeze prints")
    moved = []
    head, own, tail = constraints.partition(OWN)
    python = python or python_of(freeze)
    if python and python != python_of(head):
        moved.append(f"Python {python_of(head)} -> {python}")
        head = PYTHON_LINE.sub(f"# Python {python}", head, count=1)
    for name, old in versions(head).items():
        new = there.get(name)
        if new is None:
            moved.append(f"{name}: Colab has none (constraints keep {old})")
        elif new != old:
            moved.append(f"{name} {old} -> {new}")
            head = re.sub(rf"(?mi)^({re.escape(name)})==\S+", rf"\g<1>=={new}", head)
    return head + own + tail, moved


def out_of_range(constraints: str) -> list[str]:
    """Colab's packages that pyproject's ranges don't admit: pip would replace them."""
    import tomllib
    from packaging.requirements import Requirement

    with open(ROOT / "pyproject.toml", "rb") as file:
        project = tomllib.load(file)["project"]
    there = versions(constraints)
    found = []
    for line in project["dependencies"]:
        need = Requirement(line)
        have = there.get(normal(need.name))
        if have and have not in need.specifier:
            found.append(f"{need.name} {have} is outside of pyproject's {need.specifier}")
    python = python_of(constraints)
    if python and python not in Requirement(f"python{project['requires-python']}").specifier:
        found.append(f"Python {python} is outside of pyproject's {project['requires-python']}")
    return found


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("setup", help="make .venv-colab")
    command = commands.add_parser("refresh", help="take a freeze of Colab over, and say what moved")
    command.add_argument("freeze", type=Path)
    command.add_argument("--python", default="", help="Colab's, if the freeze doesn't say it")
    args = parser.parse_args(arguments)
    try:
        if args.command == "setup":
            return setup()
        old = CONSTRAINTS.read_text(encoding="utf-8")
        new, moved = refresh(args.freeze.read_text(encoding="utf-8"), old, args.python)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    CONSTRAINTS.write_text(new, encoding="utf-8")
    print("\n".join(moved) or "nothing moved")
    problems = out_of_range(new)
    print("\n".join(problems), end="\n" if problems else "")
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
