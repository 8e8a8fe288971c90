"""A flipbook with sounds: one player, whose sound the slider and the play button choose."""

from __future__ import annotations

import base64
import io
import re
import wave

import numpy as np
import pytest
import torch

from gancourse.explore import flipbook
from scripts import light

LABELS = ["data", "step 0", "step <50>"]


def tone(k: int, n: int = 800) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * 100 * (k + 1) * np.arange(n) / 8000)


def book(n=3, **options):
    frames = [np.full((8, 12), 40 * k, np.uint8) for k in range(n)]
    options = {"sounds": [tone(k) for k in range(n)], "interval_ms": 50} | options
    return flipbook(frames, LABELS[:n], "A melody", **options)


def heard(html: str) -> list[np.ndarray]:
    """The samples of every sound in a page, in the order in which they stand."""
    rows = []
    for data in re.findall(r"data:audio/wav;base64,([A-Za-z0-9+/=]+)", html):
        with wave.open(io.BytesIO(base64.b64decode(data))) as file:
            assert (file.getnchannels(), file.getsampwidth()) == (1, 2)
            assert file.getframerate() == 8000
            rows.append(np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32767)
    return rows


def test_one_player_carries_every_sound_once():
    html = book(start=1).html
    assert html.count("<audio") == 1 and 'aria-label="A melody: step 0"' in html
    first, *others = heard(html)  # in the player; the others wait in the script
    assert [np.abs(first - tone(1)).max() < 1e-4, len(others)] == [True, 2]
    for k, samples in zip((0, 2), others):
        assert np.abs(samples - tone(k)).max() < 1e-4
    assert "\n\n" not in html and "<50>" not in html
    assert "<audio" not in book(sounds=None).html


def test_a_frame_lasts_as_long_as_its_sound():
    ms = [int(re.search(r'"ms": (\d+)', book(sounds=[tone(0, n)] * 3).html)[1]) for n in (80, 8000)]
    assert ms == [210, 1200]  # 10 ms and a second of sound, and a pause
    assert '"ms": 50,' in book(sounds=None).html


def test_tensors_are_sounds_too():
    given = [torch.linspace(-1, 1, 100, requires_grad=True)] * 3
    assert np.abs(heard(book(sounds=given).html)[0] - np.linspace(-1, 1, 100)).max() < 1e-4


@pytest.mark.parametrize(
    ("sounds", "rate", "words"),
    [
        ([tone(0)] * 2, 8000, "sounds: 2 of shapes [(800,)]"),
        ([np.zeros((1, 800))] * 3, 8000, "(1, 800)"),
        ([np.zeros(0)] * 3, 8000, "shapes [(0,)]"),
        ([3 * tone(0)] * 3, 8000, "samples in [-1, 1]"),
        ([np.full(9, np.nan)] * 3, 8000, "samples in [-1, 1]"),
        ([tone(0)] * 3, 2000, "at 2000 samples a second"),
    ],
)
def test_what_is_no_sound(sounds, rate, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        book(sounds=sounds, rate=rate)


@pytest.fixture(scope="module")
def melody(browser, tmp_path_factory):
    """The page as the book has it: opened from disk, its sounds in files beside it."""
    folder = tmp_path_factory.mktemp("melody")
    text = (
        '<!doctype html><html lang="en"><head><title>t</title></head>'
        f"<body><main><h1>Page</h1>{book().html}</main></body></html>"
    )
    text = light.one_script(light.to_files(text, folder / "_images", "_images"), "")
    (folder / "_static").mkdir()
    (folder / "_static" / "page.js").write_text(light.SCRIPT_OF_PAGES)
    (folder / "page.html").write_text(text)
    assert len(list(folder.glob("_images/*.wav"))) == 3
    page = browser.new_page()
    page.goto((folder / "page.html").as_uri())
    yield page
    page.close()


def player(page) -> tuple[str, str, bool]:
    """(label, file, is it silent) of the one player of the page."""
    return tuple(page.locator("audio").evaluate("a => [a.ariaLabel, a.src, a.paused]"))


def test_the_slider_chooses_what_the_player_plays(melody):
    slider = melody.get_by_label("A melody").first
    slider.focus()
    seen = []
    for key in ("Home", "ArrowRight", "ArrowRight"):
        melody.keyboard.press(key)
        seen.append(player(melody))
    assert [label for label, _, _ in seen] == [f"A melody: {label}" for label in LABELS]
    assert len({source for _, source, _ in seen}) == 3
    assert all(source.endswith(".wav") and silent for _, source, silent in seen)  # never by itself


def test_who_listens_goes_on_listening(melody):
    melody.get_by_label("A melody").first.focus()
    melody.keyboard.press("Home")
    melody.locator("audio").evaluate("a => { a.loop = true; return a.play(); }")
    melody.keyboard.press("ArrowRight")
    sounding = "() => { const a = document.querySelector('audio'); return a.currentTime > 0; }"
    melody.wait_for_function(sounding)  # the file was found, and is played
    assert not player(melody)[2]
    assert player(melody)[0] == "A melody: step 0"
    melody.locator("audio").evaluate("a => { a.loop = false; a.pause(); }")


def test_play_plays_one_after_the_other(melody):
    melody.get_by_label("A melody").first.focus()
    melody.keyboard.press("Home")
    button = melody.locator(".gc-flipbook button")
    button.focus()
    melody.keyboard.press("Enter")
    melody.wait_for_function("!document.querySelector('audio').paused")
    melody.wait_for_function("document.querySelector('output').textContent === 'step <50>'")
    melody.wait_for_function("document.querySelector('button').ariaLabel === 'Play'")
    assert player(melody)[0] == "A melody: step <50>" and player(melody)[2]


def test_axe_finds_nothing(melody):
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(melody).response["violations"]
    assert [(rule["id"], rule["help"]) for rule in found] == []
