"""Run the chapters as Colab would: its versions, the package installed over them, no clone beside.

Run by `make test-colab` in .venv-colab. Installing must change nothing that is there: a course that
makes pip replace numpy or torch on Colab breaks the session that it runs in.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PIP = [sys.executable, "-m", "pip"]


def installed() -> set[str]:
    done = subprocess.run(
        [*PIP, "list", "--format=freeze"], capture_output=True, text=True, check=True
    )
    return {line for line in done.stdout.split() if not line.startswith("gancourse==")}


def main(arguments: list[str]) -> int:
    subprocess.run([*PIP, "uninstall", "-q", "-y", "gancourse"], check=True)
    before = installed()
    with tempfile.TemporaryDirectory() as folder:
        # From a copy: setuptools would leave build/ in the clone.
        source = Path(folder, "source")
        source.mkdir()
        for name in ("pyproject.toml", "README.md", "LICENSE"):
            shutil.copy(ROOT / name, source)
        for name in ("gancourse", "book/recorded"):
            shutil.copytree(ROOT / name, source / name)
        subprocess.run([*PIP, "install", "-q", str(source)], check=True)
        after = installed()
        if before != after:
            print(f"installing the package changed: {sorted(before ^ after)}", file=sys.stderr)
            return 1
        print(f"installing the package changed none of {len(before)} packages", flush=True)

        chapters = Path(folder, "content")
        chapters.mkdir()
        for path in sorted((ROOT / "book").glob("*.ipynb")):
            shutil.copy(path, chapters)
        environment = os.environ | {"OMP_NUM_THREADS": "1", "GANCOURSE_STATIC": "0"}
        environment.pop("PYTHONPATH", None)
        command = [sys.executable, "-m", "pytest", "-n", "2", "--dist", "loadfile", "--nbval-lax"]
        command += ["--nbval-cell-timeout=600", "-p", "no:cacheprovider", ".", *arguments]
        return subprocess.run(command, cwd=chapters, env=environment).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
