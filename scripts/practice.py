"""What lets a reader without a kernel answer an exercise on the built page.

    python scripts/practice.py [FOLDER]

Each exercise gets a fold, "No kernel? Answer here": the printed solution among wrong ones, made from
the mistakes that the registry knows (`Mistake.slip`), or a form where the answer is a value; a case
of the clinic asks for the diagnosis, the line and the repair. Every choice is answered as `check`
answers it. All of it comes from the registry and the chapters, as one JSON element on the page;
book/_static/practice.js asks the questions. Notebooks are left alone: there, a kernel runs.
"""

from __future__ import annotations

import html
import itertools
import json
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from gancourse.exercises._report import marked  # noqa: E402
from scripts import book, curves, exercises_page, header, notebook  # noqa: E402

HTML = ROOT / "_build" / "html"
MOST = 4  # wrong answers beside the right one
SOLUTION = re.compile(r"<summary>Solution</summary>.*?```python\n(.*?)\n```", re.S)
DIFFERENTIAL = re.compile(r"<summary>Differential diagnosis</summary>(.*?)</details>", re.S)
GUESS = re.compile(r"<!-- guess: (.+?) = (.+?) -->")
HINT = "<details><summary>Hint 1</summary>"
CURED = "Cured: all signs are healthy."  # as the clinic's check says
MORE = "What is wrong with each of the others? Say it, then check them, too."


@dataclass
class Printed:
    """An exercise as its chapter prints it."""

    stub: str
    solution: str
    differential: list[list[str]]  # of a case: candidate, the look that tells, what it shows


@cache
def printed() -> dict[str, Printed]:
    """Exercise id -> what stands in the notebooks."""
    cells: dict[str, list[Any]] = {}
    for path in book.notebooks():
        name = ""
        for cell in notebook.read(path).cells:
            if cell.cell_type == "markdown" and (found := exercises_page.HEADING.search(cell.source)):
                name = found[2]
            if name:
                cells.setdefault(name, []).append(cell)
    return {name: _printed(name, own) for name, own in cells.items()}


def _printed(name: str, cells: list[Any]) -> Printed:
    prose = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    stub = next((c.source for c in cells if "exercise" in c.metadata.get("tags", [])), None)
    solution = SOLUTION.search(prose)
    if stub is None or solution is None:
        raise LookupError(f"exercise {name} has no stub or no solution in its chapter")
    table = DIFFERENTIAL.search(prose)
    rows = re.findall(r"^\|(.*)\|$", table[1], re.M)[2:] if table else []
    return Printed(stub, solution[1], [[x.strip() for x in row.split(" | ")] for row in rows])


def slipped(name: str, solution: str, slip: Mapping[str, str]) -> str:
    """A printed solution with a mistake's slip in it."""
    for right, wrong in slip.items():
        if solution.count(right) != 1:
            raise ValueError(
                f"exercise {name}: {right!r} stands {solution.count(right)} times in the printed "
                "solution; a slip changes what stands there once"
            )
        solution = solution.replace(right, wrong)
    return solution


def slips(name: str) -> list[tuple[Any, str]]:
    """(mistake, the answer that makes it) of the wrong answers that a page offers."""
    from gancourse.exercises import EXERCISES

    found: dict[str, tuple[Any, str]] = {}
    for mistake in EXERCISES[name].mistakes:
        if mistake.slip and mistake.message not in found:
            found[mistake.message] = mistake, slipped(name, printed()[name].solution, mistake.slip)
    return list(found.values())[:MOST]


def colored(code: str) -> str:
    """Python as HTML, in the classes of the book's other code."""
    from pygments import highlight
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import PythonLexer

    return highlight(code, PythonLexer(), HtmlFormatter(nowrap=True)).strip("\n")


def shown(code: str) -> str:
    """An answer without the imports over it, which are the same in all."""
    start = re.search(r"^(?:@|def |class )", code, re.M)
    return code[start.start() :] if start else code


def side_by_side(codes: list[str]) -> list[str]:
    """Answers as HTML; a line that not all of them have is marked in each, right or wrong."""
    shared = set.intersection(*(set(code.split("\n")) for code in codes))
    found = []
    for code in codes:
        pairs = zip(code.split("\n"), colored(code).split("\n"), strict=True)
        found.append(
            "\n".join(
                line if plain in shared else f'<span class="gc-differs">{line}</span>'
                for plain, line in pairs
            )
        )
    return found


def told(message: str) -> str:
    """A message as HTML: one paragraph a line."""
    return "".join(f"<p>{marked(line)}</p>" for line in message.splitlines())


def answers(name: str, right: str = "") -> list[dict[str, str]]:
    """The right answer first, then the wrong ones; the page shows them in another order."""
    wrong = slips(name)
    codes = side_by_side([shown(printed()[name].solution), *(shown(code) for _, code in wrong)])
    return [
        {"code": codes[0], "told": told(f"{right} {MORE}".strip())},
        *(
            {"code": code, "told": told(mistake.message), "id": mistake.id}
            for code, (mistake, _) in zip(codes[1:], wrong)
        ),
    ]


def values(name: str) -> dict[str, Any]:
    """A form for an answer that is no function, and what `check` says to each filled-in form."""
    from gancourse.exercises import EXERCISES
    from gancourse.exercises._grading import grade

    exercise, fields = EXERCISES[name], list[str]()
    right, wrong = exercise.reference, [mistake.wrong for mistake in exercise.mistakes]
    if isinstance(right, str):
        options = sorted({right, *wrong})
        kind, every = "one", [(option, option) for option in options]
    elif isinstance(right, frozenset):
        options = sorted(right.union(*wrong))
        kind = "many"
        every = [
            (",".join(some), frozenset(some))
            for count in range(len(options) + 1)
            for some in itertools.combinations(options, count)
        ]
    elif isinstance(right, dict):
        options = sorted({value for table in (right, *wrong) for value in table.values()})
        kind, fields = "table", list(right)
        every = [
            (",".join(picked), dict(zip(fields, picked)))
            for picked in itertools.product(options, repeat=len(fields))
        ]
    else:
        raise TypeError(f"exercise {name}: no form for an answer like {right!r}")
    ids = {mistake.message: mistake.id for mistake in exercise.mistakes}
    messages: dict[str, int] = {}
    graded = {}
    for key, answer in every:
        message = grade(exercise, answer)[2]
        graded[key] = messages.setdefault(message, len(messages))
    return {
        "kind": kind,
        "options": options,
        "fields": fields,
        "graded": graded,
        "right": graded[next(key for key, answer in every if answer == right)],
        "told": [told(message) for message in messages],
        "ids": [ids.get(message, "") for message in messages],
    }


def case(name: str) -> dict[str, Any]:
    """A case of the clinic: diagnosis, the line that is ill, the repair."""
    from gancourse.exercises import EXERCISES

    exercise, text = EXERCISES[name], printed()[name]
    diagnosis: list[dict[str, str]] = []
    known = False
    for candidate, look, shows in text.differential:
        if candidate == exercise.diagnosis:  # type: ignore[attr-defined]
            diagnosis.insert(0, {"label": marked(candidate), "told": told(f"{look}: {shows}.")})
            known = True
        else:
            seen = f"If it were this one: {look}: {shows}. The chart says otherwise."
            diagnosis.append({"label": marked(candidate), "told": told(seen)})
    if not known:
        raise LookupError(f"case {name}: its diagnosis is not among the candidates of the chapter")
    body = shown(text.stub.partition("\n\ncheck(")[0].rstrip())
    lines = body.split("\n")
    ill = [n for n, line in enumerate(lines) if line.strip() == exercise.ill]  # type: ignore[attr-defined]
    if exercise.ill and len(ill) != 1:  # type: ignore[attr-defined]
        raise LookupError(f"case {name}: its ill line stands {len(ill)} times in the stub")
    return {
        "kind": "case",
        "diagnosis": diagnosis,
        "lines": colored(body).split("\n"),
        "ill": ill[0] if ill else -1,
        "symptom": told(f"While nothing is repaired: {exercise.symptom}"),  # type: ignore[attr-defined]
        "choices": answers(name, CURED),
    }


def practice(name: str) -> dict[str, Any]:
    """All that the page needs to ask an exercise and to answer."""
    from gancourse.exercises import EXERCISES

    exercise = EXERCISES[name]
    if hasattr(exercise, "broken"):
        return case(name)
    if callable(exercise.reference):
        return {"kind": "code", "choices": answers(name)}
    return values(name)


def places(text: str) -> Iterator[tuple[str, int]]:
    """(exercise id, where its fold goes) in a built page: after the stub, before the first hint."""
    found = list(header.EXERCISE.finditer(text))
    for match, after in zip(found, [*(m.start() for m in found[1:]), len(text)]):
        cell = text.find('class="cell tag_exercise', match.end(), after)
        hint = text.find(HINT, cell, after) if cell >= 0 else -1
        if hint < 0:
            raise LookupError(f"exercise {match[1]}: the page has no stub, or no hint after it")
        yield match[1], hint


def ward_round(pages: list[Path]) -> str:
    """What is said at the end of a case: where the diseases can be watched."""
    at = next((p.name for p in pages if ' id="ward-round"' in p.read_text(encoding="utf-8")), None)
    if at is None:
        return ""
    return (
        f'Discharged. <a href="{at}#ward-round">The ward round</a> shows how such diseases develop; '
        "<em>Found in the wild</em>, below, says who has had this one."
    )


def guess(label: str, spec: str) -> dict[str, Any]:
    """A question of the text that is answered by a number or a choice; in the notebook a comment
    that only the page sees, ``<!-- guess: The step = 0.005 +- 0.001 -->`` or
    ``<!-- guess: Is it zero? = yes | *no* -->``."""
    if number := re.fullmatch(r"(-?[\d.]+) \+- ([\d.]+)", spec):
        right, within = map(float, number.groups())
        return {"kind": "guess", "label": label, "right": right, "within": within}
    if found := re.fullmatch(r"curve (\S+)", spec):
        if found[1] not in curves.CURVES:
            raise ValueError(f"guess {label!r} = {spec!r}: the curves are {', '.join(curves.CURVES)}")
        curve = curves.CURVES[found[1]]()
        return {"kind": "guess", "label": label, "right": curve["right"], "curve": curve}
    options = spec.split(" | ")
    starred = [option for option in options if re.fullmatch(r"\*.+\*", option)]
    if len(options) < 2 or len(starred) != 1:
        raise ValueError(
            f"guess {label!r} = {spec!r}: give a number as 0.5 +- 0.1, or choices as yes | *no* with "
            "a star on either side of the right one"
        )
    plain = [option.strip("*") for option in options]
    return {"kind": "guess", "label": label, "options": plain, "right": starred[0].strip("*")}


def with_practice(text: str, ward: str = "", root: str = "../") -> str:
    """A chapter's page with a fold at each exercise and at each question that can be answered by a
    number or a choice; a page without either as it is.

    ``ward`` is said at the end of a case of the clinic (HTML).
    """
    guesses: dict[str, Any] = {}

    def asking(match: re.Match[str]) -> str:
        name = f"guess-{len(guesses) + 1}"
        guesses[name] = guess(html.unescape(match[1]), html.unescape(match[2]))
        title = "Draw it first" if "curve" in guesses[name] else "Answer first"
        return f'<details class="gc-practice" data-guess="{name}"><summary>{title}</summary></details>'

    text = GUESS.sub(asking, text)
    found = list(places(text))
    if not found and not guesses:
        return text
    for name, at in reversed(found):
        fold = (
            f'<details class="gc-practice" data-practice="{name}">'
            "<summary>No kernel? Answer here</summary></details>\n"
        )
        text = text[:at] + fold + text[at:]
    asked = {name: practice(name) for name, _ in found}
    for one in asked.values():
        if one["kind"] == "case":
            one["round"] = ward
    data = json.dumps(asked | guesses, separators=(",", ":")).replace("<", "\\u003c")
    head = (
        f'<link rel="stylesheet" href="{root}_static/practice.css">'
        "<noscript><style>.gc-practice{display:none}</style></noscript>\n</head>"
    )
    drawn = any("curve" in one for one in guesses.values())
    body = (
        f'<script type="application/json" id="gc-practice-data">{data}</script>'
        + (f'<script defer src="{root}_static/curve.js"></script>' if drawn else "")
        + f'<script defer src="{root}_static/practice.js"></script>\n</body>'
    )
    return text.replace("</head>", head, 1).replace("</body>", body, 1)


def main(folder: Path = HTML) -> None:
    pages = sorted((folder / "book").glob("[0-9][0-9]-*.html"))
    ward = ward_round(pages)
    for path in pages:
        text = path.read_text(encoding="utf-8")
        if 'id="gc-practice-data"' not in text:
            path.write_text(with_practice(text, ward), encoding="utf-8")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:2]))
