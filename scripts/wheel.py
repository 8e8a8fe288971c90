"""Build the package's wheel, the same bytes each time, and put it where readers find it.

    python scripts/wheel.py [FOLDER]        default: book/_static, which the built book offers

A chapter that was downloaded alone installs from it (see setup_cell.py). setuptools builds in a copy
of the sources, since it would leave build/ in the clone.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STATIC = ROOT / "book" / "_static"
CODE = "import setuptools.build_meta as b, sys; print(b.build_wheel(sys.argv[1]))"


def copy_sources(target: Path, root: Path = ROOT) -> None:
    """All that the package is built of, into the new folder ``target``."""
    target.mkdir()
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(root / name, target)
    for name in ("gancourse", "book/recorded"):
        junk = shutil.ignore_patterns("__pycache__", ".*")
        shutil.copytree(root / name, target / name, ignore=junk)


def build(folder: Path = STATIC, root: Path = ROOT) -> Path:
    """Write gancourse-VERSION-py3-none-any.whl into ``folder``, in place of older ones.

    Raises:
        RuntimeError: setuptools could not build it; with what it said.
    """
    with tempfile.TemporaryDirectory() as temporary:
        source, out = Path(temporary, "source"), Path(temporary, "out")
        out.mkdir()
        copy_sources(source, root)
        # One date for all files: the wheel of one state of the sources is one file.
        for path in [source, *source.rglob("*")]:
            path.chmod(0o755 if path.is_dir() else 0o644)
        done = subprocess.run(
            [sys.executable, "-c", CODE, str(out)],
            cwd=source,
            env=os.environ | {"SOURCE_DATE_EPOCH": "1767225600"},
            capture_output=True,
            text=True,
        )
        made = list(out.glob("*.whl"))
        if done.returncode or len(made) != 1:
            raise RuntimeError(f"setuptools built no wheel:\n{done.stdout}\n{done.stderr}")
        folder.mkdir(parents=True, exist_ok=True)
        target = folder / made[0].name
        content = made[0].read_bytes()
        for old in folder.glob("gancourse-*.whl"):
            if old != target:
                old.unlink()
        if not target.exists() or target.read_bytes() != content:
            target.write_bytes(content)
        return target


if __name__ == "__main__":
    path = build(*map(Path, sys.argv[1:2]))
    print(f"{path}: {path.stat().st_size / 1e6:.2f} MB")
