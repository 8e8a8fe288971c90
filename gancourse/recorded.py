"""Results of longer runs, as a chapter shows them beside its own short one.

`make record NAME=...` runs an experiment of scripts/experiments/ and writes
book/recorded/NAME.json. Here they are only read. A run that nobody has made yet is said to be
missing, never made up.
"""

from __future__ import annotations

import html
import json
from pathlib import Path
from typing import Any

__all__ = ["load", "panel"]


def _folders() -> list[Path]:
    """Where recorded runs may lie: a clone's book/recorded, then an installed copy's."""
    here = Path(__file__).resolve().parent
    return [
        Path("recorded"),
        Path("book/recorded"),
        here.parent / "book" / "recorded",
        here / "recordings",
    ]


def load(name: str) -> dict[str, Any] | None:
    """The recorded run `name`, or None if nobody has recorded it yet.

    Returns the JSON as scripts/record.py wrote it: `results` (one dict of numbers per seed, in
    the order of `seeds`), `settings`, `device`, `torch`, `cpu_seconds`, `wall_seconds`, `date`,
    `commit`, `dirty` (the code had changes that are in no commit), `figures` (PNGs, base64).

    Raises:
        ValueError: `name` is no plain name, or its file is not a recorded run.
    """
    if not name or not name.replace("-", "").replace("_", "").isalnum():
        raise ValueError(f"name: {name!r} came, needed letters, digits, '-' and '_' only")
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
        time = f"{run['cpu_seconds']:.0f} s CPU, {run['wall_seconds']:.0f} s in all"
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
            return f"{self.name}: not recorded yet (make record NAME={self.name})"
        return "\n".join([f"{self.name}: recorded run", *(f"  {k}: {v}" for k, v in self._rows())])

    def _repr_html_(self) -> str:
        name = html.escape(self.name)
        if self.run is None:
            return (
                f'<div class="gc-recorded gc-recorded-missing"><p><strong>{name}</strong>: not '
                f"recorded yet. <code>make record NAME={name}</code> records it.</p></div>"
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
