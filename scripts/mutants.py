"""Breaks a module of the package in every small way and says which breaks its tests don't notice.

    python scripts/mutants.py losses [penalties ...] [--sample 60]     (make mutants MODULE=losses)

mutmut makes the mutants (one changed operator, number, argument or text each) and runs the module's
own test files against each, in a copy of the package under `_build/mutants/MODULE`: the working tree
stays as it is. Printed at the end: how many were killed, and each survivor as a diff. Survivors that
only change letters of an error's text are counted, not shown. tests/mutants.md says what was found,
and why what survives may.

mutmut leaves alone what has a decorator, what stands outside functions, and the text in f-strings.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from mutmut.mutation.file_mutation import mutate_file_contents
from mutmut.stats import status_by_exit_code

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "_build" / "mutants"
#: What takes minutes a mutant; and the place of a warning, which mutmut moves.
SLOW = "interrupt or killed or compiled or readers_line"
#: A module (or a file of one) and the tests that must notice when it breaks. Left out: what measures
#: seconds or counts lines of the module, which mutmut's own code changes.
MODULES: dict[str, tuple[list[str], list[str]]] = {
    "losses": (["test_losses"], []),
    "penalties": (["test_penalties"], []),
    **{
        f"metrics.{file}": ([f"test_metrics_{test}" for test in tests], [SLOW])
        for file, tests in {
            "_samples": ["inputs", "frechet"],
            "frechet": ["frechet", "inputs"],
            "kernel": ["kernel", "inputs"],
            "_distances": ["neighbours", "twosample"],
            "neighbours": ["neighbours", "inputs"],
            "twosample": ["twosample", "inputs"],
            "intervals": ["intervals", "inputs"],
            "modes": ["modes", "inputs"],
        }.items()
    },
    "training": (
        ["test_training", "test_training_parts", "test_training_input", "test_checkpoints"],
        [SLOW],
    ),
    "history": (["test_training_parts", "test_resume"], [SLOW]),
    "_settings": (["test_training_input", "test_training_parts"], [SLOW]),
    "_batches": (["test_training_input", "test_training"], [SLOW]),
    "_state": (["test_training_parts", "test_resume"], ["killed or compiled"]),
    "_resume": (["test_checkpoints", "test_resume"], [SLOW]),
    "checkpoints": (["test_checkpoints", "test_resume"], [SLOW]),
}
COPIED = ["gancourse", "scripts", "conftest.py", "tests/conftest.py", "tests/runs.py"]
COPIED += ["tests/modes.py", "tests/metric_samples.py"]


def source(module: str) -> str:
    return f"gancourse/{module.replace('.', '/')}.py"


def prepare(module: str) -> Path:
    """The copy that mutmut works in, with settings of its own."""
    tests, left_out = MODULES[module]
    folder = BUILD / module
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "tests").mkdir(parents=True)
    for name in [*COPIED, *(f"tests/{test}.py" for test in tests)]:
        if (ROOT / name).is_dir():
            ignore = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, folder / name, ignore=ignore)
        else:
            shutil.copy(ROOT / name, folder / name)
    arguments = ["-p", "no:cacheprovider", "-p", "no:nbval", "-p", "no:xdist", "-x"]
    for words in left_out:
        arguments += ["-k", f"not ({words})"]
    (folder / "pyproject.toml").write_text(
        "[tool.mutmut]\n"
        'source_paths = ["gancourse"]\n'
        f'only_mutate = ["{source(module)}"]\n'
        'also_copy = ["scripts", "conftest.py"]\n'
        f"pytest_add_cli_args = {json.dumps(arguments)}\n"
        f"pytest_add_cli_args_test_selection = {json.dumps([f'tests/{t}.py' for t in tests])}\n"
        "use_git_change_detection = false\n"
        "[tool.pytest.ini_options]\n"
        'markers = ["slow: takes more than ten seconds"]\n'
    )
    return folder


def names(module: str, folder: Path) -> list[str]:
    """All mutants of a module, by mutmut's names."""
    os.chdir(folder)  # mutmut reads its settings from where it is
    path = source(module)
    made = mutate_file_contents(path, Path(path).read_text()).mutant_names
    return [f"gancourse.{module}.{name}" for name in made]


def run(folder: Path, chosen: list[str], processes: int) -> None:
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    # Children that a test starts must find the mutant too, not the installed package.
    # Python looks once whether a folder on its path exists.
    (folder / "mutants").mkdir()
    environment["PYTHONPATH"] = str(folder / "mutants")
    command = [sys.executable, "-m", "mutmut", "run", "--max-children", str(processes), *chosen]
    log = folder / "mutmut.log"
    with log.open("w") as out:
        code = subprocess.call(
            command, cwd=folder, env=environment, stdout=out, stderr=subprocess.STDOUT
        )
    if code:
        sys.exit(f"mutmut ended with {code}:\n{log.read_text()[-4000:]}")


def difference(folder: Path, name: str) -> list[str]:
    """The lines that a mutant changes, `-` before and `+` after."""
    command = [sys.executable, "-m", "mutmut", "show", name]
    shown = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout
    return [x for x in shown.splitlines() if re.match(r"[-+](?![-+]{2})", x)]


def letters_only(lines: list[str]) -> bool:
    """Whether only letters within a string change, by mutmut's XX..XX, lower or upper case."""
    texts = {
        kind: "\n".join(x[1:] for x in lines if x[0] == kind).replace("XX", "").lower() for kind in "-+"
    }
    return texts["-"] == texts["+"]


def report(module: str, folder: Path, chosen: list[str], all_names: list[str]) -> None:
    kept = json.loads((folder / "mutants" / f"{source(module)}.meta").read_text())
    codes = {name: kept["exit_code_by_key"][name] for name in chosen}
    counts = Counter(status_by_exit_code[code] for code in codes.values())
    alive = [n for n, c in codes.items() if status_by_exit_code[c] in ("survived", "no tests")]
    shown = {name: difference(folder, name) for name in alive}
    texts = [name for name, lines in shown.items() if letters_only(lines)]
    part = "all" if len(chosen) == len(all_names) else f"{len(chosen)} drawn"
    print(f"\n{module}: {part} of {len(all_names)} mutants; {dict(counts)}")
    print(f"{len(alive)} survivors, {len(texts)} of which only change letters of a text:")
    for name, lines in shown.items():
        if name not in texts:
            print(f"\n{name.removeprefix('gancourse.')}")
            print("\n".join(lines))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("modules", nargs="+", choices=list(MODULES), metavar="MODULE")
    parser.add_argument("--sample", type=int, help="only so many mutants, drawn with seed 0")
    parser.add_argument("--processes", type=int, default=1)
    arguments = parser.parse_args()
    for module in arguments.modules:
        start = time.perf_counter()
        folder = prepare(module)
        every = names(module, folder)
        chosen = every
        if arguments.sample and arguments.sample < len(every):
            chosen = sorted(random.Random(0).sample(every, arguments.sample))
        run(folder, chosen, arguments.processes)
        report(module, folder, chosen, every)
        print(f"\n{module}: {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
