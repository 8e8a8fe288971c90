"""Results of longer runs, as a chapter shows them beside its own short one.

`make record NAME=...` runs an experiment of scripts/experiments/; a GPU cell hands its results to
`keep`. Both write book/recorded/NAME.json with `write`, a cell only when GANCOURSE_RECORD=1. A run
that nobody has made yet is said to be missing, never made up.
"""

from __future__ import annotations

import base64
import hashlib
import html
import io
import json
import os
import platform
import re
import subprocess
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

__all__ = ["Panel", "keep", "load", "panel"]

FIGURE_LIMIT = 300_000  # bytes of PNG; recorded runs live in git
# (a line break stands in no string of JSON)
NUMBERS = re.compile(r"\[\n *[-+.\de]+(?:,\n *[-+.\de]+)*\n *\]")
DEEPER = "-deeper-"  # in the name of a page under a chapter's own: 03-failures-deeper-dynamics
CODE = [":/gancourse", ":/scripts", ":/constraints.txt"]  # what every run depends on


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


def code(notebook: str) -> str:
    """The code of a chapter (the text of its file), one cell after the other, without exercises.

    Each cell begins with a comment that names it; lines of IPython's (``%``, ``!``) are left empty.
    """
    lines = []
    for cell in json.loads(notebook)["cells"]:
        if cell["cell_type"] == "code" and "exercise" not in cell["metadata"].get("tags", []):
            source = "".join(cell["source"]).split("\n")
            lines += [f"# cell {cell.get('id', '')}"]
            lines += ["" if s.lstrip().startswith(("%", "!")) else s for s in source]
    return "\n".join(lines) + "\n"


def page_order(page: Path) -> tuple[str, str, str]:
    """What sorts the book's notebooks: each chapter's main page, then the deeper ones under it."""
    return page.stem.partition(DEEPER)


def chapter_pages(book: Path, number: str) -> list[Path]:
    """The notebooks of chapter ``number`` ("03") in a folder, the main page first."""
    return sorted(book.glob(f"{number}-*.ipynb"), key=page_order)


def joined(pages: Sequence[str]) -> str:
    """The pages of one chapter (the texts of their files) as the text of one notebook."""
    if len(pages) == 1:
        return pages[0]
    return json.dumps({"cells": [cell for text in pages for cell in json.loads(text)["cells"]]})


def commit(
    folder: Path, chapters: Mapping[str, Callable[[str], str]] | None = None
) -> tuple[str, bool, dict[str, str]]:
    """What code runs in ``folder``'s clone.

    Args:
        chapters: what of a chapter a run depends on: its number ("03") -> a function that takes the
            text of its pages, as one, to the part that matters. A change of prose is then none.

    Returns the commit that is checked out; whether the code differs from it; and the SHA-256 of
    each chapter's part. ``("unknown", True, {})`` where there is no git or no clone.
    """

    def git(*args: str) -> str:
        return subprocess.run(["git", *args], cwd=folder, capture_output=True, check=True).stdout.decode(
            "utf-8"
        )

    try:
        revision, top = (
            git("rev-parse", "HEAD").strip(),
            Path(git("rev-parse", "--show-cdup").strip()),
        )
        dirty, digests = bool(git("status", "--porcelain", "--", *CODE)), {}
    except (OSError, subprocess.CalledProcessError):
        return "unknown", True, {}
    for number, part in (chapters or {}).items():
        pages = chapter_pages(folder / top / "book", number)
        now = part(joined([page.read_text(encoding="utf-8") for page in pages]))
        digests[number] = hashlib.sha256(now.encode()).hexdigest()
        try:
            then = joined([git("show", f"HEAD:book/{page.name}") for page in pages])
            dirty |= part(then) != now
        except (subprocess.CalledProcessError, AttributeError):  # not there, or not yet defined
            dirty = True
    return revision, dirty, digests


def device_name(device: Any) -> str:
    """A torch device as a person would name it: the card's name, or the CPU's and its threads."""
    import torch

    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    name, cpuinfo = platform.processor(), Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [s for s in cpuinfo.read_text().splitlines() if s.startswith("model name")]
        name = names[0].partition(":")[2].strip() if names else name
    threads = torch.get_num_threads()
    return f"CPU ({name or platform.machine()}), {threads} thread{'s' if threads > 1 else ''}"


def figure(png: bytes, alt: str) -> dict[str, str]:
    """A figure as a recorded run holds it: the same pixels on white, in about 60 % of the bytes.

    Raises:
        ValueError: it has no alternative text, or is large.
    """
    if not alt.strip():
        raise ValueError("alt: an empty text came, needed: what the figure shows")
    if len(png) > FIGURE_LIMIT:
        raise ValueError(
            f"figures: {len(png)} bytes of PNG came for {alt!r}, needed at most {FIGURE_LIMIT}: "
            "lower its dpi"
        )
    from PIL import Image

    image, webp = Image.open(io.BytesIO(png)).convert("RGBA"), io.BytesIO()
    page = Image.new("RGBA", image.size, "white")
    page.alpha_composite(image)
    page.convert("RGB").save(webp, "webp", lossless=True, quality=100)  # (quality: how long it may look)
    return {"webp": base64.b64encode(webp.getvalue()).decode("ascii"), "alt": alt}


def as_text(run: Mapping[str, Any]) -> str:
    """A recorded run as its file holds it: JSON, a value a line, a list of numbers on one line."""
    text = json.dumps(run, indent=1, allow_nan=False) + "\n"
    return NUMBERS.sub(lambda numbers: re.sub(r"\n *", "", numbers[0]).replace(",", ", "), text)


def write(
    folder: Path,
    name: str,
    results: Sequence[Mapping[str, Any]],
    *,
    seeds: Sequence[int],
    settings: Mapping[str, Any],
    device: Any,
    seconds: Sequence[float],
    cpu_seconds: float | None,
    ran: tuple[str, bool, Mapping[str, str]],
    figures: Sequence[Mapping[str, str]] = (),
) -> Path:
    """Write ``folder``/NAME.json, whole or not at all.

    Args:
        results: one for each seed. seconds: wall time of each. cpu_seconds: of all, None if nobody
            measured it. ran: what `commit` said. figures: as `figure` makes them.

    Raises:
        ValueError: for a NaN among the results: it would be no JSON, and nothing to print.
    """
    import torch

    _check(name)
    revision, dirty, chapters = ran
    run = {
        "name": name,
        "results": list(results),
        "seeds": list(seeds),
        "settings": dict(settings),
        "device": device_name(device),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "cpu_seconds": None if cpu_seconds is None else round(cpu_seconds, 1),
        "wall_seconds": round(sum(seconds), 1),
        "wall_seconds_each": [round(s, 1) for s in seconds],
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "commit": revision,
        "dirty": dirty,
        "chapters": dict(chapters),
        "figures": list(figures),
    }
    text = as_text(run)
    path = folder / f"{name}.json"
    part = path.with_name(f".{name}.{os.getpid()}.part")
    try:
        part.write_text(text, encoding="utf-8")
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
    return path


def load(name: str) -> dict[str, Any] | None:
    """The recorded run `name`, or None if nobody has recorded it yet.

    Returns the JSON as `write` wrote it: `results` (one dict of numbers per seed, in the order of
    `seeds`), `settings`, `device`, `torch`, `python`, `cpu_seconds` (None if not measured),
    `wall_seconds`, `wall_seconds_each`, `date`, `commit`, `dirty` (the code had changes that are in
    no commit), `chapters` (SHA-256 of the code of each chapter that ran, by number), `figures`
    (WebPs, base64). Older files have no `chapters`, and those of GPU cells no `cpu_seconds`.

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
        if run.get("cpu_seconds") is not None:
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
            f'<img src="data:image/webp;base64,{html.escape(figure["webp"])}" '
            f'alt="{html.escape(figure["alt"])}">'
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

    folder = next((f for f in _folders()[:3] if f.is_dir()), None)
    if folder is None:
        raise OSError("no folder book/recorded: run the chapter in a clone of the repository")
    number = name[2:4] if name.startswith("ch") else ""
    chapters = {number: code} if chapter_pages(folder.parent, number) else {}
    write(
        folder, name, [dict(results)], seeds=[seed], settings=settings,
        device=torch.device("cuda" if torch.cuda.is_available() else "cpu"), seconds=[seconds],
        cpu_seconds=None, ran=commit(folder, chapters),
        figures=[figure(png, alt) for alt, png in (figures or {}).items()],
    )  # fmt: skip
    return panel(name)
