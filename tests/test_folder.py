"""One's own pictures: any size and kind, in a fixed order, and what is done about damaged ones."""

import io
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gancourse import data
from tests.modes import each_mode


def block(height, width, *shape):
    """Left half 200, right half 40."""
    array = np.full((height, width, *shape), 200, np.uint8)
    array[:, width // 2 :] = 40
    return array


def save(path, image, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(path, **options)


def only(folder, size=8, **options):
    images = data.folder(folder, size, **options).images
    assert images.dtype == torch.uint8 and len(images) == 1
    return images[0]


def test_sizes_are_cropped_to_the_middle_and_ordered_by_name(tmp_path):
    wide = np.zeros((20, 60, 3), np.uint8)
    wide[:, 20:40] = 255  # its middle square is white
    save(tmp_path / "c.png", wide)
    save(tmp_path / "B.PNG", wide.transpose(1, 0, 2))
    save(tmp_path / "a.bmp", np.full((5, 5, 3), 9, np.uint8))  # smaller than asked for
    (tmp_path / "notes.txt").write_text("not a picture")
    (tmp_path / ".hidden.png").write_bytes(b"")
    got = data.folder(str(tmp_path), 16.0)
    assert got.images.shape == (3, 3, 16, 16) and got.classes == (tmp_path.name,)
    assert [int(x[0, 8, 8]) for x in got.images] == [255, 9, 255]
    assert got.images[0].float().mean() > 250  # black is hardly seen
    assert got.labels.tolist() == [0, 0, 0]


def test_making_smaller_averages(tmp_path):
    lines = np.zeros((64, 64), np.uint8)
    lines[::2] = 255  # taking every 8th row would give all black or all white
    save(tmp_path / "lines.png", lines)
    assert (only(tmp_path, channels=1).float() - 127.5).abs().max() < 25


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "bmp"])
def test_kinds_of_file(tmp_path, suffix, channels):
    save(tmp_path / f"x.{suffix}", block(40, 40, 3))
    image = only(tmp_path, channels=channels).float()
    assert image.shape == (channels, 8, 8)
    assert (image[..., :2] - 200).abs().max() < 12 and (image[..., 6:] - 40).abs().max() < 12


def palette():
    image = Image.fromarray(block(40, 40))
    image = image.convert("P")
    image.putpalette([v for i in range(256) for v in (i, i, i)])
    return image


MODES = {
    "1": lambda: Image.fromarray(block(40, 40) > 100),
    "L": lambda: Image.fromarray(block(40, 40)),
    "16 bits": lambda: Image.fromarray(block(40, 40).astype(np.uint16) * 257),
    "palette": palette,
    "RGBA": lambda: Image.fromarray(block(40, 40)).convert("RGBA"),
    "LA": lambda: Image.fromarray(block(40, 40)).convert("LA"),
}


@pytest.mark.parametrize("kind", MODES)
@pytest.mark.parametrize("channels", [1, 3])
def test_kinds_of_pixel(tmp_path, kind, channels):
    save(tmp_path / "x.png", MODES[kind]())
    left, right = (255, 0) if kind == "1" else (200, 40)
    image = only(tmp_path, channels=channels).int()
    assert (image[..., :2] - left).abs().max() <= 1 and (image[..., 6:] - right).abs().max() <= 1


def test_cmyk(tmp_path):
    save(tmp_path / "x.jpg", Image.fromarray(block(40, 40, 3)).convert("CMYK"))
    assert (only(tmp_path)[..., :2].int() - 200).abs().max() < 12


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_what_is_transparent_is_white(tmp_path, mode):
    image = Image.new("RGBA", (20, 20), (0, 0, 0, 0))
    image.paste((0, 0, 0, 255), (0, 0, 10, 20))  # the left half is black ink
    save(tmp_path / "x.png", image.convert(mode))
    got = only(tmp_path, channels=1)
    assert (got[..., :2] < 3).all() and (got[..., 6:] > 252).all()


def test_pictures_stand_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: rotate by 90 degrees clockwise to see it
    save(tmp_path / "x.jpg", block(40, 40, 3), exif=exif, quality=95)
    image = only(tmp_path, channels=1)[0].float()
    assert image[:3].mean() > 190 and image[5:].mean() < 50


def test_folders_are_classes(tmp_path):
    for i, name in enumerate(("dogs/1.png", "cats/2.png", "cats/more/1.png", "empty/x.txt")):
        save(tmp_path / name.replace("txt", "png"), np.full((9, 9), 50 * i, np.uint8))
    (tmp_path / "empty" / "x.png").rename(tmp_path / "empty" / "x.txt")
    (tmp_path / ".ipynb_checkpoints").mkdir()
    got = data.folder(tmp_path, 8, channels=1)
    assert got.classes == ("cats", "dogs") and got.labels.tolist() == [0, 0, 1]
    assert got.labels.dtype == torch.int64 and got.images[:, 0, 0, 0].tolist() == [50, 100, 0]
    save(tmp_path / "loose.png", block(9, 9))
    with pytest.raises(ValueError, match=r"1 pictures beside folders of pictures \(cats, dogs\)"):
        data.folder(tmp_path, 8)


def damaged(tmp_path):
    save(tmp_path / "good.png", block(9, 9))
    noise = np.random.default_rng(0).integers(0, 256, (99, 99, 3), dtype=np.uint8)
    for kind in ("png", "jpg"):
        whole = io.BytesIO()
        Image.fromarray(noise).save(whole, format={"png": "PNG", "jpg": "JPEG"}[kind])
        (tmp_path / f"cut.{kind}").write_bytes(whole.getvalue()[:-3000])
    (tmp_path / "text.png").write_text("<html>not found</html>")
    (tmp_path / "nothing.webp").write_bytes(b"")
    return ["cut.jpg", "cut.png", "nothing.webp", "text.png"]


def test_damaged_files_are_named_and_skipped_or_refused(tmp_path):
    names = damaged(tmp_path)
    with pytest.warns(UserWarning, match="has 4 unreadable of 5 pictures.*skipped") as caught:
        assert len(data.folder(tmp_path, 8)) == 1
    assert caught[0].filename == __file__
    with pytest.raises(ValueError, match="mend or remove them") as error:
        data.folder(tmp_path, 8, unreadable="refuse")
    for text in (str(caught[0].message), str(error.value)):
        assert all(name in text for name in names) and "good.png" not in text
    (tmp_path / "good.png").unlink()
    with pytest.raises(ValueError, match="4 unreadable of 4"):
        data.folder(tmp_path, 8)


def test_a_small_file_that_claims_to_be_huge_is_not_opened(tmp_path):
    save(tmp_path / "bomb.png", Image.new("1", (10_001, 10_000)))
    with pytest.raises(ValueError, match="bomb.png .10001 x 10000 pixels, more than 100,000,000"):
        data.folder(tmp_path, 8)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda p: data.folder(p / "none", 8), "none' is not there; need a folder"),
        (lambda p: data.folder(p / "x.tif", 8), "x.tif' is a file; need a folder"),
        (lambda p: data.folder(p, 8), r"has no pictures.*files there end in \.tif"),
        (lambda p: data.folder(None, 8), "^path=None"),
        (lambda p: data.folder(p, 0), "size=0; need a positive"),
        (lambda p: data.folder(p, (8, 8)), r"size=\(8, 8\); need"),
        (lambda p: data.folder(p, 8, channels=4), "channels=4; need 3"),
        (lambda p: data.folder(p, 8, unreadable="ignore"), "unreadable='ignore'; need"),
    ],
)
def test_bad_input_is_named(tmp_path, call, words):
    (tmp_path / "x.tif").write_bytes(b"")
    with pytest.raises(ValueError, match=words):
        call(tmp_path)


def test_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    save(tmp_path / "pictures" / "x.png", block(9, 9))
    assert len(data.folder("~/pictures", 8)) == 1


@each_mode
def test_under_each_mode(tmp_path, mode):
    save(tmp_path / "a" / "x.png", block(9, 9))
    want = data.folder(tmp_path, 8)
    with mode():
        got = data.folder(tmp_path, 8)
        assert torch.equal(got.images, want.images) and torch.equal(got.labels, want.labels)
        assert got.float().dtype == torch.float32


def test_the_recipe_of_the_faq(tmp_path, monkeypatch):
    faq = (Path(__file__).parents[1] / "book" / "faq.md").read_text(encoding="utf-8")
    train, one = re.findall(r"```python\n(.*?)```", faq.partition("### My own pictures")[2], re.S)[:2]
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    noise = np.random.default_rng(0).integers(0, 256, (50, 70, 3), dtype=np.uint8)
    save(tmp_path / "pictures" / "cats" / "cat.png", noise)
    (tmp_path / "cat.jpg").write_bytes((tmp_path / "pictures/cats/cat.png").read_bytes())
    names = {}
    exec(train.replace("10_000", "1").replace("batch_size=64", "batch_size=2, device='cpu'"), names)
    exec(one, names)
    assert names["x"].shape == (1, 3, 32, 32)
    torch.testing.assert_close(names["x"], names["pictures"].float())
