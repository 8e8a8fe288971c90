"""The front page's cards, each a figure of the page that it leads to; the README's film and links."""

import base64
import io
import re

import pytest
from nbformat.v4 import new_code_cell, new_output
from PIL import Image

from scripts import make_cards, make_gif, notebook
from tests.pages import BOOK, ROOT, slug

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


def test_the_film_of_the_readme_moves_ends_slowly_and_is_small():
    assert make_gif.TARGET.stat().st_size <= make_gif.MOST
    film = Image.open(make_gif.TARGET)
    assert film.n_frames == len(make_gif.MOMENTS)
    shown = []
    for k in range(film.n_frames):
        film.seek(k)
        shown.append((film.convert("RGB").tobytes(), film.info["duration"]))
    assert len({pixels for pixels, _ in shown}) == film.n_frames
    assert shown[-1][1] > 10 * shown[0][1] and film.info.get("loop") == 0


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_what_the_first_pages_of_the_repository_link_to_is_there(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    links = [a for a in re.findall(r"\]\(([^)\s]+)\)", text) if not a.startswith("http")]
    for file, _, anchor in (address.partition("#") for address in links):
        target = ROOT / (file or page)
        assert target.exists(), file
        if anchor:
            titles = re.findall(r"^#+ (.+)$", target.read_text(encoding="utf-8"), re.M)
            assert anchor in map(slug, titles), anchor
    if page == "README.md":
        assert ".github/film.gif" in links
        commands = set(re.findall(r"make ([a-z-]+)", text))
        offered = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
        assert commands <= offered, commands - offered
