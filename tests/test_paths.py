"""Paths as people write them."""

from pathlib import Path

import pytest

from gancourse._paths import given_path


def test_the_home_folder_is_found(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert given_path("~/data") == given_path(Path("~/data")) == tmp_path / "data"
    assert given_path("~") == tmp_path
    assert given_path("runs/~x") == Path("runs/~x")  # not at the beginning: part of a name
    assert given_path(tmp_path / ".." / "a") == tmp_path / ".." / "a"


@pytest.mark.parametrize("value", [3, None, b"run.ckpt", "", "a\0b", ["a"], "~nobody-of-this-name/x"])
def test_what_is_no_path_is_named(value):
    with pytest.raises(ValueError, match="root=.*; need the name of a file"):
        given_path(value, "root")
