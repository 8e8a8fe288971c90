"""Write book/teaching.md: plans, what to run live, what readers get wrong, exams, collecting progress.

    python scripts/teaching_page.py [TARGET]

Every number is counted when the page is written: exercises and minutes from the registry, words from the
chapters, seconds from their last run. Mistakes are the registry's, in its own words.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from scripts import book, budget, exercises_page, notebook  # noqa: E402

TARGET = ROOT / "book" / "teaching.md"
PACE = 200  # words a minute
# What to run before everybody's eyes, and what to ask first.
LIVE = {
    1: "[the lab](lab.md), its first preset: in which order will the clusters be found? Then the "
    "slider of [the generator](01-minimax.ipynb#slide-the-generator)",
    2: "[the lab by hand](lab.md#by-hand): fifty steps of G and none of D. Where does the cloud go?",
    3: "[the lab](lab.md#six-things-to-try): *Collapse*, *Rotation*, *Vanishing gradient*. Which of "
    "the three do the losses show?",
    4: "[Algorithm 1](04-wasserstein.ipynb#algorithm-1-written-out), with the bound of the weights "
    "set by the class",
    5: "[the lab](lab.md#six-things-to-try): *WGAN clipping*, then *R1*. What has become of the "
    "surface near the data?",
    6: "[the two together](06-modern-baseline.ipynb#the-two-together-live): which part could be left "
    "out?",
    7: "[how to fool it](07-fid.ipynb#how-to-fool-it): who finds a set that scores higher?",
    8: "[did it copy?](08-beyond-fid.ipynb#did-it-copy) Vote before the pictures are shown",
    9: "[train first](09-dcgan.ipynb#train-first): half a minute from grey to digits",
    10: "[truncation](10-conditional.ipynb#truncation): what is bought, and what is paid?",
    11: "[the race](11-bigger.ipynb#the-race): bets before the table",
    12: "[who was in the training set?](12-data-privacy.ipynb#who-was-in-the-training-set) With how "
    "many pictures does the attack fail?",
    13: "[who wins?](13-vae-diffusion.ipynb#who-wins) Bets first, and again for the longer race",
    14: "[a letter can't move](14-beyond-pictures.ipynb#a-letter-cant-move-a-little): what does the "
    "gradient say to a letter?",
    15: "[the first patient](15-clinic.ipynb#early-round-nothing-is-learnt), together; then a case "
    "for each group",
    16: "[four pixels](16-pictures.ipynb#four-pixels): everybody draws the digit; then the network's "
    "answer beside the average of the drawings",
    17: "[the three films](17-video-words.ipynb#who-is-shown-what), with their names covered: which "
    "judge saw which?",
    18: "[how many steps](18-one-step.ipynb#how-many-steps-does-it-take): where do the samples land "
    "if the flow is asked once?",
}
TWO_WEEKS = [[1], [2], [3], [4], [5, 6], [7], [8], [9, 10], [12], [15]]
TERM = [[number] for number in range(1, 16)]

HEAD = """# Teaching with this book

*For whoever gives a course with it: what fits into two weeks and into a term, what to run before
everybody's eyes, what goes wrong in whose head, and how to see where the class stands.*

A main page is one lecture, with the first result on the first two screens. What stands on a deeper page
is for those who want more, and no lecture counts on it. Everything that is shown works from the built
pages alone, by double click; so do [the lab](lab.md) and the answers under "No kernel?" at each
exercise. To write code takes a kernel, one's own or [Colab's](colab.md).

## How long each chapter is

Words at {pace} a minute, without folded text; exercises of the main page and, after the plus, of the
deeper pages; seconds of computing of the main page's last run on the machine that built this.

"""
PLANS = """
## Two weeks

Ten days with a lecture in the morning and exercises after it. In class the first exercise of each main
page, together; at home the others of the main page.

{two_weeks}

Left for whoever goes on: {left_out}.

## One term

Fifteen weeks, a lecture and an exercise class each. With fewer, leave out chapters from the end of
*Pictures* and *In practice*: chapters 1, 2, 3, 5, 7 and 15 are the course.{beyond}

{term}

## What to run live

Guess first: hands up before the picture comes.

{live}

## What readers get wrong

For each exercise on a main page the mistake that stands first in its list, in the words that `check`
answers with. What *your* class gets wrong, [the report below](#collect-progress) counts.

{mistakes}

## An exam

```bash
python -m gancourse.exercises exam --seed 7 --chapters 3,4 --minutes 45
python -m gancourse.exercises exam --seed 7 --paper --out FOLDER
```

The first picks exercises in turn from these chapters, as many as fit (`--count 4`: so many). The same
seed picks the same exercises on every machine; another group gets another seed. With `--out` it writes
two files: `exam-7.md`, the sheet, and `exam-7-key.md`, the answers, with a reason for each.

**New numbers** come with {anew} of the {count} exercises ({which}): the seed draws them, the question
can be answered on paper with a pocket calculator, and a neighbour with another seed has another answer.
`--paper` picks only those. For the others a seed changes nothing: the numbers stand in an exercise's
text, `check` runs each answer on the same inputs, and the solutions are printed in this book. So let the
code be written where you can see it, and ask, too, what a line is for, or what a mistake from the list
above would change in the picture.

(collect-progress)=
## Collect progress

Each reader's progress is a file, `gancourse-progress.json`. A notebook writes it
(`exercises.progress("a folder")`), the page of [all exercises](exercises.md) exports it, and each takes
in the other's. Nothing is ever sent: readers hand it in as they hand in homework. Put the files into
one folder, `alice.json`, `bob/gancourse-progress.json`, and run

```bash
python -m gancourse.exercises report FOLDER
```

It prints who has solved what, and writes the same as a page, `gancourse-report.html`, for the projector
or for nobody else. Readers who want you to know *which* mistakes they made turn that on themselves,
`progress(mistakes=True)` or the box on the page of all exercises. Then their file also says how many
answers did not pass, and how many of them were which known mistake, and the report begins with the
mistakes that most people made. It never says what anybody wrote.

A file can be edited by hand: this is for helping, not for grading. What is damaged, too large, a link or
not of this form is left out with a line that says why; two files of one name are one person's; files
that are alike to the byte are remarked on.
"""


@dataclass(frozen=True)
class Chapter:
    number: int
    title: str
    page: str  # the main page's name, without suffix
    minutes: int  # of reading
    own: list[str]  # exercises of the main page
    deeper: list[str]
    seconds: float | None

    @property
    def link(self) -> str:
        return f"[{self.number}. {self.title}]({self.page}.ipynb)"


def chapters(seconds: Mapping[str, float]) -> list[Chapter]:
    found = []
    for main, printed in exercises_page.chapters():
        nb = notebook.read(ROOT / "book" / main)
        title = nb.cells[0].source.splitlines()[0].removeprefix("# ").strip()
        words = budget.sizes(nb)["words"]
        own = [name for name, (file, _) in printed.items() if file == main]
        deeper = [name for name in printed if name not in own]
        page = main.removesuffix(".ipynb")
        minutes = max(1, round(words / PACE))
        found.append(Chapter(int(main[:2]), title, page, minutes, own, deeper, seconds.get(main)))
    return found


def minutes(names: Sequence[str]) -> int:
    from gancourse.exercises import EXERCISES

    return sum(EXERCISES[name].minutes for name in names)


def times(every: Sequence[Chapter]) -> str:
    rows = []
    for one in every:
        more = f" + {len(one.deeper)}" if one.deeper else ""
        time = f" + {minutes(one.deeper)}" if one.deeper else ""
        took = "–" if one.seconds is None else f"{one.seconds:.0f}"
        rows.append(
            f"| {one.link} | {one.minutes} | {len(one.own)}{more} | {minutes(one.own)}{time} | {took} |"
        )
    head = "| chapter | reading, minutes | exercises | their minutes | computing, s |"
    return "\n".join([head, "|---|---:|---:|---:|---:|", *rows])


def plan(every: Sequence[Chapter], days: Sequence[Sequence[int]], name: str) -> str:
    by_number = {one.number: one for one in every}
    rows = []
    for day, numbers in enumerate(days, 1):
        lecture = [by_number[n] for n in numbers]
        first = [one.own[0] for one in lecture if one.own]
        rest = [e for one in lecture for e in one.own[1:]]
        cells = [
            str(day),
            "; ".join(one.link for one in lecture),
            f"{', '.join(first)} ({minutes(first)} min)",
            f"{', '.join(rest)} ({minutes(rest)} min)" if rest else "–",
        ]
        rows.append(f"| {' | '.join(cells)} |")
    head = f"| {name} | lecture | in class | at home |"
    return "\n".join([head, "|---:|---|---|---|", *rows])


def untaught(every: Sequence[Chapter], days: Sequence[Sequence[int]]) -> str:
    """What the plan leaves out, as "chapters 11, 13 and 14", "chapter 16", or nothing."""
    taught = {number for day in days for number in day}
    *most, last = [str(one.number) for one in every if one.number not in taught] or [""]
    if not most:
        return f"chapter {last}" if last else ""
    return f"chapters {', '.join(most)} and {last}"


def as_markdown(message: str) -> str:
    """A message of `check`, whose `this` is code and whose *this* has emphasis; all else is text."""
    pieces = re.split(r"(`[^`]+`|(?<![\w*])\*\w[\w ]*\*(?![\w*]))", " ".join(message.split()))
    pieces[::2] = [re.sub(r"([\\*_$<>\[\]|#`])", r"\\\1", words) for words in pieces[::2]]
    return "".join(pieces)


def mistakes(every: Sequence[Chapter]) -> str:
    from gancourse.exercises import EXERCISES

    parts = []
    for one in every:
        lines = [
            f"- **{name} {EXERCISES[name].title}.** {as_markdown(EXERCISES[name].mistakes[0].message)}"
            for name in one.own
            if EXERCISES[name].mistakes
        ]
        if lines:
            listed = "\n".join(lines)
            summary = f"{one.number}. {one.title}"
            parts.append(f"<details><summary>{summary}</summary>\n\n{listed}\n\n</details>")
    return "\n\n".join(parts)


def page(seconds: Mapping[str, float]) -> str:
    from gancourse.exercises import EXERCISES

    every = chapters(seconds)
    left, beyond = untaught(every, TWO_WEEKS), untaught(every, TERM)
    anew = [name for name, exercise in EXERCISES.items() if exercise.variant]
    plans = PLANS.format(
        two_weeks=plan(every, TWO_WEEKS, "day"),
        left_out=left,
        beyond=f"\nFor a longer term, or a class's own projects: {beyond}." if beyond else "",
        term=plan(every, TERM, "week"),
        live="\n".join(f"- Chapter {n}: {LIVE[n]}" for one in every if (n := one.number) in LIVE),
        mistakes=mistakes(every),
        count=len(EXERCISES),
        anew=len(anew),
        which=", ".join(anew),
    )
    return HEAD.format(pace=PACE) + times(every) + "\n" + plans


def write(seconds: Mapping[str, float], target: Path = TARGET) -> None:
    book.write_made(target, page(seconds))


if __name__ == "__main__":
    from scripts import build

    write(build.cpu_times(), *map(Path, sys.argv[1:]))
