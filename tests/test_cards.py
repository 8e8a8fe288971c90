"""The front page's cards: each shows a figure of the page that it leads to, by the cell's id."""

import base64
import io
import re

import pytest
from nbformat.v4 import new_code_cell, new_output
from PIL import Image

from scripts import make_cards, notebook
from tests.pages import BOOK

CARD = re.compile(
    r":link: (?P<page>[\w-]+)\n(?:(?!```).*\n)*?:img-top: _static/cards/(?P<card>[\w-]+)\.webp\n"
    r":img-alt: (?P<alt>.+)"
)


@pytest.mark.parametrize("card", make_cards.CARDS)
def test_a_card_shows_what_a_drawing_cell_of_its_page_draws(card):
    page, identity, _, (left, top, right, bottom) = make_cards.CARDS[card]
    cells = {c["id"]: c for c in notebook.read(BOOK / f"{page}.ipynb").cells}
    assert identity in cells, f"card {card}: {page} has no cell {identity} any more"
    assert "draw" in cells[identity].metadata.get("tags", []), (card, identity)
    assert 0 <= left < right <= 1 and 0 <= top < bottom <= 1


def test_the_front_page_shows_every_card_beside_a_link_to_its_page():
    shown = [m.groupdict() for m in CARD.finditer((BOOK / "intro.md").read_text(encoding="utf-8"))]
    assert {one["card"] for one in shown} == {*make_cards.CARDS, "blob"}
    for one in shown:
        page = make_cards.CARDS.get(one["card"], ["03-failures"])[0]
        assert one["page"] == page, one
        assert len(one["alt"]) > 30
    files = {p.stem for p in make_cards.TARGET.glob("*.webp")}
    assert files == {one["card"] for one in shown}  # none is left over
    for path in make_cards.TARGET.glob("*.webp"):
        assert Image.open(path).size == make_cards.SIZE


def png(colour):
    out = io.BytesIO()
    Image.new("RGB", (100, 50), colour).save(out, "PNG")
    return out.getvalue()


def test_pictures_of_a_cell_are_taken_from_plain_outputs_and_flipbooks():
    texts = [base64.b64encode(png(c)).decode() for c in ("red", "blue")]
    frames = "".join(f'<img src="data:image/png;base64,{t}">' for t in texts)
    cell = new_code_cell("x")
    cell.outputs = [
        new_output("stream", text="words"),
        new_output("display_data", {"image/png": base64.b64encode(png("green")).decode()}),
        new_output("display_data", {"text/html": frames}),
    ]
    assert make_cards.pictures(cell) == [png("green"), png("red"), png("blue")]


def test_a_card_is_a_part_of_a_picture_on_white():
    made = make_cards.card(png("red"), (0, 0, 0.5, 1))  # a square: white on both sides
    assert made.size == make_cards.SIZE
    width, height = made.size
    assert made.getpixel((2, height // 2)) == (255, 255, 255)
    assert made.getpixel((width // 2, height // 2)) == (255, 0, 0)
