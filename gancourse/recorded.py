"""Results of longer runs, as a chapter shows them beside its own short one.

`make record NAME=...` runs an experiment of scripts/experiments/ and writes
book/recorded/NAME.json; a GPU cell hands its results to `keep`, which writes the same file when
GANCOURSE_RECORD=1. A run that nobody has made yet is said to be missing, never made up.
"""

from __future__ import annotations

import base64
import html
import json
import os
import platform
import subprocess
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

__all__ = ["Panel", "keep", "load", "panel"]

FIGURE_LIMIT = 300_000  # bytes of PNG; recorded runs live in git
CODE = [":/gancourse", ":/scripts", ":/constraints.txt"]  # what a run depends on


def _folders() -> list[Path]:
    """Where recorded runs may lie: a clone's book/recorded, then an installed copy's."""
    here = Path(__file__).resolve().parent
    return [
        Path("recorded"),
        Path("book/recorded"),
        here.parent / "book" / "recorded",
        here / "recordings",
    ]


def _check(name: str) -> None:
    if not name or not name.replace("-", "").replace("_", "").isalnum():
        raise ValueError(f"name: {name!r} came, needed letters, digits, '-' and '_' only")


def commit(folder: Path) -> tuple[str, bool]:
    """The commit checked out in ``folder``'s clone, and whether the code a run depends on differs
    from it; ``("unknown", True)`` where there is no git or no clone."""

    def git(*args: str) -> str:
        done = subprocess.run(
            ["git", *args], cwd=folder, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    try:
        return git("rev-parse", "HEAD"), bool(git("status", "--porcelain", "--", *CODE))
    except (OSError, subprocess.CalledProcessError):
        return "unknown", True


def load(name: str) -> dict[str, Any] | None:
    """The recorded run `name`, or None if nobody has recorded it yet.

    Returns the JSON as scripts/record.py wrote it: `results` (one dict of numbers per seed, in
    the order of `seeds`), `settings`, `device`, `torch`, `cpu_seconds`, `wall_seconds`, `date`,
    `commit`, `dirty` (the code had changes that are in no commit), `figures` (PNGs, base64).

    Raises:
        ValueError: `name` is no plain name, or its file is not a recorded run.
    """
    _check(name)
    for folder in _folders():
        path = folder / f"{name}.json"
        if path.is_file():
            try:
                run = json.loads(path.read_text(encoding="utf-8"))
            except json.JSONDecodeError as error:
                raise ValueError(f"name: {path} is not JSON ({error}); record it again") from None
            if not isinstance(run, dict) or run.get("name") != name or "results" not in run:
                raise ValueError(f"name: {path} is not a recorded run of {name!r}; record it again")
            return run
    return None


class Panel:
    """Where a recorded run comes from, as text and as HTML."""

    def __init__(self, name: str, run: dict[str, Any] | None) -> None:
        self.name, self.run = name, run

    def _rows(self) -> list[tuple[str, str]]:
        run = self.run
        if run is None:
            return []
        settings = ", ".join(f"{k} = {v}" for k, v in run["settings"].items())
        commit = run["commit"][:10] + (" with uncommitted changes" if run["dirty"] else "")
        time = f"{run['wall_seconds']:.0f} s in all"
        if "cpu_seconds" in run:
            time = f"{run['cpu_seconds']:.0f} s CPU, {time}"
        return [
            ("device", run["device"]),
            ("date", run["date"][:10]),
            ("commit", commit),
            ("seeds", ", ".join(map(str, run["seeds"]))),
            ("settings", settings or "none"),
            ("time", f"{time}, torch {run['torch']}"),
        ]

    def __repr__(self) -> str:
        if self.run is None:
            return f"{self.name}: not recorded yet"
        return "\n".join([f"{self.name}: recorded run", *(f"  {k}: {v}" for k, v in self._rows())])

    def _repr_html_(self) -> str:
        name = html.escape(self.name)
        if self.run is None:
            return (
                f'<div class="gc-recorded gc-recorded-missing"><p><strong>{name}</strong>: not '
                "recorded yet.</p></div>"
            )
        rows = "".join(
            f'<tr><th scope="row">{key}</th><td>{html.escape(value)}</td></tr>'
            for key, value in self._rows()
        )
        figures = "".join(
            f'<img src="data:image/png;base64,{figure["png"]}" alt="{html.escape(figure["alt"])}">'
            for figure in self.run.get("figures", [])
        )
        return (
            f'<div class="gc-recorded"><p><strong>{name}</strong>, a recorded run</p>'
            f"<table>{rows}</table>{figures}</div>"
        )


def panel(name: str) -> Panel:
    """Show device, date, commit, seeds, settings and figures of a recorded run.

    Says "not recorded yet" if there is none. Make it the last expression of a cell.

    Raises:
        ValueError: as `load`.
    """
    return Panel(name, load(name))


def keep(
    name: str,
    results: Mapping[str, Any],
    *,
    settings: Mapping[str, Any],
    seconds: float,
    seed: int = 0,
    figures: Mapping[str, bytes] | None = None,
) -> Panel:
    """At the end of a GPU cell: with GANCOURSE_RECORD=1, write book/recorded/NAME.json.

    Without that variable nothing is written. Returns `panel(name)` either way. Run it from a clone;
    the file says which commit was checked out, and whether its code had changes.

    Args:
        results: what was measured, JSON values only. settings: how. seconds: wall time of the run.
        figures: alternative text -> PNG (`plots.png(fig, dpi=100)`), each at most 300 kB.

    Raises:
        ValueError: for a NaN among the results, a figure that is too large, a bad name.
        OSError: when there is no folder book/recorded to write to.
    """
    _check(name)
    if os.environ.get("GANCOURSE_RECORD") != "1":
        return panel(name)
    import torch

    large = [alt for alt, png in (figures or {}).items() if len(png) > FIGURE_LIMIT]
    if large:
        raise ValueError(f"figures: {large[0]!r} has more than {FIGURE_LIMIT} bytes; lower its dpi")
    folder = next((f for f in _folders()[:3] if f.is_dir()), None)
    if folder is None:
        raise OSError("no folder book/recorded: run the chapter in a clone of the repository")

    revision, dirty = commit(folder)
    cuda = torch.cuda.is_available()
    run = {
        "name": name,
        "results": [dict(results)],
        "seeds": [seed],
        "settings": dict(settings),
        "device": torch.cuda.get_device_name() if cuda else f"CPU ({platform.machine()})",
        "torch": torch.__version__,
        "python": platform.python_version(),
        "wall_seconds": round(seconds, 1),
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "commit": revision,
        "dirty": dirty,
        "figures": [
            {"png": base64.b64encode(png).decode("ascii"), "alt": alt}
            for alt, png in (figures or {}).items()
        ],
    }
    text = json.dumps(run, indent=1, allow_nan=False) + "\n"  # before the file is touched
    (folder / f"{name}.json").write_text(text, encoding="utf-8")
    return panel(name)
