"""`plots.table`: what stands in its cells, drawn in a notebook, as text in a terminal."""

import math

import numpy as np
import pytest
import torch

from gancourse import plots
from gancourse._tables import aligned, number


@pytest.mark.parametrize(
    "value, digits, zeros, text",
    [
        (0.123456, 4, False, "0.1235"),
        (0.5, 4, False, "0.5"),
        (0.5, 3, True, "0.500"),
        (3.0, 3, True, "3.00"),
        (3.0, 3, False, "3"),
        (-0.0, 4, False, "0"),
        (0.0, 3, True, "0.00"),
        (1234.5, 3, True, "1234"),
        (123.4, 3, True, "123"),
        (1.5e9, 4, False, "1.5e+09"),
        (-2e-7, 4, False, "-2e-07"),
        (123_456_789, 3, False, "123456789"),
        (np.int64(7), 3, True, "7"),
        (torch.tensor(0.25), 4, False, "0.25"),
        (True, 3, False, "yes"),
        (np.bool_(False), 3, False, "no"),
        (math.nan, 3, True, "nan"),
        (-math.inf, 3, True, "-inf"),
        (1 - 2j, 3, False, "1 - 2i"),
    ],
)
def test_numbers(value, digits, zeros, text):
    assert number(value, digits, zeros) == text


def test_a_terminal_gets_aligned_text(capsys):
    plots.table(
        [
            {"loss": "minimax", "modes": 8, "share": torch.tensor(0.12345), "rise": "3 %"},
            {"loss": "hinge", "modes": 12, "share": 0.5, "late": None},
        ],
        caption="Two losses",
    )
    assert capsys.readouterr().out == (
        "Two losses\n"
        "loss     modes  share  rise  late\n"
        "minimax      8  0.123  3 %   –\n"
        "hinge       12  0.500  –     –\n"
    )


def test_names_make_the_first_column(capsys):
    plots.table({"a": {"x": 1.0}, 2: {"y": 1 / 3}}, digits=2, name="seed")
    assert capsys.readouterr().out == "seed  x     y\na     1     –\n2     –  0.33\n"


def test_a_column_of_numbers_stays_one_where_a_word_stands_in_it(capsys):
    plots.table([{"live": 3.2}, {"live": "none"}, {"live": 4.087}])
    assert capsys.readouterr().out == "live\n3.20\nnone\n4.09\n"
    plots.table([{"x": 3, "y": "a"}, {"x": "no run", "y": 1.5}, {"x": 4, "y": None}])
    assert capsys.readouterr().out == "     x  y\n     3  a\nno run  1.50\n     4  –\n"


def test_a_notebook_draws_it_and_nothing_in_it_is_markup(monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.get_ipython", lambda: True)
    monkeypatch.setattr(
        "IPython.display.display", lambda data, raw, metadata: shown.append((data, metadata))
    )
    plots.table([{"<b>": "<script>", "n": 1}, {"n": 2}], caption="a < b")
    ((data, metadata),) = shown
    assert data["text/html"] == (
        '<table class="gc-table"><caption>a &lt; b</caption><thead><tr>'
        '<th scope="col" style="text-align:left">&lt;b&gt;</th>'
        '<th scope="col" style="text-align:right">n</th></tr></thead><tbody>'
        '<tr><td style="text-align:left">&lt;script&gt;</td>'
        '<td style="text-align:right">1</td></tr>'
        '<tr><td style="text-align:left">–</td><td style="text-align:right">2</td></tr>'
        "</tbody></table>"
    )
    assert data["text/plain"] == "a < b\n<b>       n\n<script>  1\n–         2" and metadata == {}


@pytest.mark.parametrize(
    "rows, settings, said",
    [
        ([], {}, "rows is empty"),
        ({}, {}, "rows is empty"),
        ([{}], {}, "rows has no column"),
        ([{"a": 1}, 2], {}, r"rows\[1\]=2; need a dict"),
        ({"a": 1}, {}, r"rows\['a'\]=1; need a dict"),
        ([{"a": 1}], {"digits": 0}, "digits=0; need"),
        ({"x": {"a": 1}}, {"name": "a"}, "name='a' is a column of rows"),
    ],
)
def test_what_is_no_table_is_refused(rows, settings, said):
    with pytest.raises(ValueError, match=said):
        plots.table(rows, **settings)


def test_columns_of_text_and_of_numbers():
    assert aligned([["a", "bb"], ["ccc", "1"]], [False, True]) == "a    bb\nccc   1"
