"""What `check` found, as text and as HTML."""

from __future__ import annotations

import html
import itertools
import re
import sys
from dataclasses import dataclass, field
from typing import Any


def shell() -> Any:
    """The IPython shell, where there is one. Never imports IPython."""
    module = sys.modules.get("IPython")
    return module.get_ipython() if module and hasattr(module, "get_ipython") else None


_PRE = (
    "margin:.2em 0;padding:0;background:none;border:0;color:inherit;box-shadow:none;"
    "overflow-x:auto;white-space:"
)
_COLUMNS = 4  # so many lines of code and values are a table: it scrolls, where a line would wrap


_UNKNOWN = "No mistake that we know explains this answer."
_SENT = "the exercise, this message and versions, not your code; you see it before it is sent"


def marked(text: str) -> str:
    """A line of a message as HTML: `this` is code and *this* has emphasis."""
    text = re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text))
    return re.sub(r"(?<![\w*])\*(\w[\w ]*)\*(?![\w*])", r"<em>\1</em>", text)


@dataclass(frozen=True, repr=False)
class Report:
    """What `check` found. It has been shown already; ``print(report)`` shows it again."""

    exercise_id: str
    title: str
    passed: bool
    message: str
    attempted: bool = True
    issue: str = ""  # the address of a prefilled issue, where no known mistake explains the answer
    _cell: int | None = field(default=None, compare=False)

    @property
    def headline(self) -> str:
        state = "passed" if self.passed else "not yet" if self.attempted else "not attempted yet"
        if not self.attempted and self.message:  # a case of the clinic, as ill as it came
            state = "unchanged"
        return f"Exercise {self.exercise_id}: {state}"

    def __repr__(self) -> str:
        return f"<{self.headline}>"  # the report itself has been printed already

    def __str__(self) -> str:
        indented = "".join(f"\n  {line}" for line in self.message.splitlines())
        issue = f"\n  {_UNKNOWN} Tell the authors ({_SENT}): {self.issue}" if self.issue else ""
        return self.headline + indented + issue

    def _repr_html_(self) -> str:
        # Colors only in the bar, so that the text follows the page's theme; words carry the state.
        mark, color = ("✓", "#009E73") if self.passed else ("✗", "#D55E00")
        if not self.attempted:
            mark, color = "○", "#777777"
        body = ""
        lines = itertools.groupby(self.message.splitlines(), lambda line: line.startswith("  "))
        for indented, block in lines:
            if not indented:
                body += "".join(f'<p style="margin:.2em 0">{marked(line)}</p>' for line in block)
                continue
            rows = list(block)  # code and values
            wraps = "pre-wrap" if len(rows) < _COLUMNS else 'pre" tabindex="0'
            body += f'<pre style="{_PRE}{wraps}">{html.escape(chr(10).join(rows))}</pre>'
        if self.issue:
            body += (
                f'<p style="margin:.2em 0">{_UNKNOWN} <a href="{html.escape(self.issue)}" '
                f'target="_blank" rel="noopener noreferrer">Tell the authors</a> ({_SENT}).</p>'
            )
        return (
            f'<div class="gc-report" style="border-left:4px solid {color};padding:.2em 0 .2em .9em;'
            f'margin:.5em 0"><strong><span aria-hidden="true">{mark} </span>'
            f"{html.escape(self.headline)}</strong>{body}</div>"
        )

    def _ipython_display_(self) -> None:
        """Nothing in the cell that called `check`, which has shown it; in another cell, all."""
        now = shell()
        if now is None or self._cell != now.execution_count:
            self._show()

    def _show(self) -> None:
        if shell() is None:
            print(self)
        else:
            from IPython.display import display

            display({"text/html": self._repr_html_(), "text/plain": str(self)}, raw=True)
