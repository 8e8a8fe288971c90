"""For a teacher: ``python -m gancourse.exercises report FOLDER`` and ``... exam --seed 7``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from .._paths import given_path, replace_text
from . import EXERCISES, _class, _exam


def _numbers(text: str) -> list[int]:
    try:
        found = [int(part) for part in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} came, needed numbers such as 3,4") from None
    return list(dict.fromkeys(found))


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m gancourse.exercises", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    report = commands.add_parser(
        "report", help="many progress files as one table and one HTML page", allow_abbrev=False
    )
    report.add_argument("folder", metavar="FOLDER", help="alice.json, bob/gancourse-progress.json")
    report.add_argument("--html", metavar="FILE", help=f"the page (default: FOLDER/{_class.PAGE})")
    exam = commands.add_parser("exam", help="picks exercises by a seed", allow_abbrev=False)
    exam.add_argument("--seed", type=int, required=True)
    exam.add_argument("--chapters", type=_numbers, default=None, metavar="3,4")
    exam.add_argument("--count", type=int, default=None, help="how many (default: 4)")
    exam.add_argument("--minutes", type=int, default=None, help="instead: as many as fit")
    exam.add_argument(
        "--paper", action="store_true", help="only questions that the seed draws new numbers for"
    )
    exam.add_argument("--out", metavar="FOLDER", help="write exam-SEED.md and exam-SEED-key.md there")
    args = parser.parse_args(argv)
    try:
        return _report(args) if args.command == "report" else _exam_(args)
    except ValueError as error:
        print(f"{parser.prog} {args.command}: {error}", file=sys.stderr)
        return 2


def _report(args: argparse.Namespace) -> int:
    group = _class.read_folder(args.folder)
    if not group.people:
        for name, why in group.left_out:
            print(f"left out: {_class.shown(name)} {_class.shown(why, 120)}", file=sys.stderr)
        raise ValueError(
            f"FOLDER={_class.shown(args.folder)}: no progress file in it; collect the "
            "gancourse-progress.json that each reader's notebook or page writes"
        )
    target = given_path(args.html or Path(args.folder, _class.PAGE), "--html")
    _class.write_page(_class.as_page(group, EXERCISES), target)
    print(_class.as_text(group, EXERCISES))
    print(f"\nThe same as a page: {_class.shown(str(target), 200)}")
    return 0


def _exam_(args: argparse.Namespace) -> int:
    count = 4 if args.count is None and args.minutes is None else args.count
    exam = _exam.pick(
        EXERCISES, args.seed, args.chapters, count=count, minutes=args.minutes, on_paper=args.paper
    )
    folder = None if args.out is None else given_path(args.out, "--out")
    if folder is not None and not folder.is_dir():
        raise ValueError(f"--out {_class.shown(args.out, 200)}: no such folder")
    print(exam)
    if folder is not None:
        for end, text in (("", exam.sheet()), ("-key", exam.key())):
            file = folder / f"exam-{args.seed}{end}.md"
            replace_text(file, text)
            print(f"written: {_class.shown(str(file), 200)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
