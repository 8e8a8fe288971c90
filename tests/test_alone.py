"""A downloaded chapter and the wheel, in an empty folder, in a fresh environment: does it run?"""

import json
import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from scripts import repository, wheel
from scripts.build import ROOT

SETUP = (ROOT / "scripts" / "setup_cell.py").read_text(encoding="utf-8")
VERSION = repository.VERSION.search((ROOT / "pyproject.toml").read_text())[1]
NAME = f"gancourse-{VERSION}-py3-none-any.whl"
URL = "https://github.com/some-one/gan-course"
FINDS = SETUP.partition("import matplotlib")[0]  # the rest takes seconds, and is the same each time


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    return wheel.build(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    """A fresh environment with all that this one has (torch above all), but not the course."""
    folder = tmp_path_factory.mktemp("machine")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder / "venv")], check=True)
    python = folder / "venv" / "bin" / "python"
    (folder / "rest").mkdir()
    for path in Path(sysconfig.get_path("purelib")).iterdir():
        if "gancourse" not in path.name:
            (folder / "rest" / path.name).symlink_to(path)
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    done = subprocess.run([str(python), "-c", code], capture_output=True, text=True, check=True)
    Path(done.stdout.strip(), "rest.pth").write_text(f"{folder / 'rest'}\n")
    return python


@pytest.fixture
def fresh(machine):
    """The environment before anybody ran a setup cell in it."""

    def forget():
        command = [str(machine), "-m", "pip", "uninstall", "-q", "-y", "gancourse"]
        subprocess.run(command, capture_output=True)

    forget()
    yield machine
    forget()


def run(python, folder, code, **environment):
    """The code as a kernel runs it: the working folder first on the path, no clone in sight."""
    env = os.environ | {
        "GANCOURSE_STATIC": "1",
        "MPLBACKEND": "Agg",
        "PIP_RETRIES": "0",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        # nothing comes from the network
        "https_proxy": "http://127.0.0.1:9",
        "http_proxy": "http://127.0.0.1:9",
        "PIP_NO_BUILD_ISOLATION": "0",  # pip's own wording: this means "without isolation"
        **environment,
    }
    env.pop("PYTHONPATH", None)
    script = folder / "cells.py"
    script.write_text(code, encoding="utf-8")
    return subprocess.run(
        [str(python), "-c", f"import sys; sys.path[0] = ''; exec(open({str(script)!r}).read())"],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
    )


def packages(python):
    done = subprocess.run(
        [str(python), "-m", "pip", "list", "--format=freeze"], capture_output=True, text=True
    )
    return {line for line in done.stdout.splitlines() if not line.startswith("gancourse")}


WHERE = "\nprint('FROM', __import__('gancourse').__file__)\n"


def first_cells(name, count):
    cells = json.loads((ROOT / "book" / name).read_text(encoding="utf-8"))["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    assert code[0] == SETUP.strip()
    return "\n\n".join(code[:count])


def test_a_chapter_and_the_wheel_in_an_empty_folder(fresh, built, tmp_path):
    """With a folder of the package's name beside them, which is none (B7)."""
    before = packages(fresh)
    (tmp_path / "gancourse" / "my-run").mkdir(parents=True)
    (tmp_path / NAME).write_bytes(built.read_bytes())
    done = run(fresh, tmp_path, first_cells("01-minimax.ipynb", 4) + WHERE)
    assert done.returncode == 0, done.stderr[-2000:]
    assert f"gancourse: installed from {NAME}" in done.stdout
    assert "site-packages" in done.stdout.partition("FROM")[2]
    assert packages(fresh) == before  # --no-deps: nothing else is touched
    # A second session on the same machine finds it installed, without the file.
    (tmp_path / NAME).unlink()
    again = run(fresh, tmp_path, FINDS + WHERE)
    assert again.returncode == 0, again.stderr[-2000:]
    assert f"gancourse {VERSION}: installed already" in again.stdout


def test_without_it_the_error_says_what_to_do(fresh, tmp_path):
    (tmp_path / "gancourse").mkdir()
    done = run(fresh, tmp_path, FINDS)
    assert done.returncode
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("ModuleNotFoundError")
    assert f"put {NAME} beside this notebook" in last


def test_a_torn_file_is_told_and_the_next_place_is_tried(fresh, built, tmp_path):
    folder = tmp_path / "inner"
    folder.mkdir()
    (folder / NAME).write_bytes(built.read_bytes()[:1000])
    (tmp_path / NAME).write_bytes(built.read_bytes())
    done = run(fresh, folder, FINDS)
    assert done.returncode == 0, done.stderr[-2000:]
    assert f"installed from {Path('..', NAME)}" in done.stdout
    assert "invalid" in done.stdout.lower()


def test_an_installed_one_of_another_version_does_not_do(fresh, built, tmp_path):
    other = tmp_path / "gancourse-0.0.9-py3-none-any.whl"
    with zipfile.ZipFile(built) as source, zipfile.ZipFile(other, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            if name.endswith("METADATA"):
                content = content.replace(f"Version: {VERSION}".encode(), b"Version: 0.0.9")
            if not name.endswith("RECORD"):
                target.writestr(name.replace(VERSION, "0.0.9"), content)
        target.writestr("gancourse-0.0.9.dist-info/RECORD", "")
    command = [str(fresh), "-m", "pip", "install", "-q", "--no-deps", str(other)]
    subprocess.run(command, check=True)
    empty = tmp_path / "empty"
    empty.mkdir()
    assert f"put {NAME}" in run(fresh, empty, FINDS).stderr
    (empty / NAME).write_bytes(built.read_bytes())
    done = run(fresh, empty, FINDS)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "installed from" in done.stdout


def test_a_clone_comes_before_what_is_installed(fresh, built, tmp_path):
    (tmp_path / "gancourse").symlink_to(ROOT / "gancourse")
    (tmp_path / "book").mkdir()
    done = run(fresh, tmp_path / "book", FINDS + WHERE)
    assert done.returncode == 0, done.stderr[-2000:]
    assert str(tmp_path / "gancourse") in done.stdout.partition("FROM")[2]
    assert "installed" not in done.stdout


def published(cell):
    """The cell as `make repository URL=...` writes it."""
    text, count = repository.IN_CELL.subn(f'REPOSITORY = "{URL}"', cell)
    assert count == 1
    return text


def test_a_published_repository_stands_in_for_the_file(fresh, tmp_path):
    """The site can't be reached: the repository, here a bare one on this machine, is asked."""
    source, bare = tmp_path / "source", tmp_path / "bare.git"
    git = ["git", "-c", "user.name=x", "-c", "user.email=x@example.org"]
    wheel.copy_sources(source)
    subprocess.run([*git, "init", "-q", str(source)], check=True)
    subprocess.run([*git, "-C", str(source), "add", "."], check=True)
    subprocess.run([*git, "-C", str(source), "commit", "-q", "-m", "x"], check=True)
    subprocess.run([*git, "clone", "-q", "--bare", str(source), str(bare)], check=True)
    empty = tmp_path / "empty"
    empty.mkdir()
    done = run(
        fresh,
        empty,
        published(FINDS) + WHERE,
        GIT_CONFIG_COUNT="1",
        GIT_CONFIG_KEY_0=f"url.file://{bare}.insteadOf",
        GIT_CONFIG_VALUE_0=URL,
    )
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    assert f"installed from git+{URL}" in done.stdout
    assert f"some-one.github.io/gan-course/_static/{NAME}" in done.stdout  # was tried before


def test_the_published_sites_own_wheel(fresh, built, tmp_path):
    site = "https://some-one.github.io/gan-course/_static/"
    cell = published(FINDS)
    assert 'f"https://{owner}.github.io/{name}/_static/{WHEEL}"' in cell
    # pip takes a folder's file by the same call as a site's
    local = cell.replace('f"https://{owner}.github.io/{name}/_static/{WHEEL}"', repr(str(built)))
    done = run(fresh, tmp_path, local)
    assert done.returncode == 0, done.stderr[-2000:]
    assert f"installed from {built}" in done.stdout
    assert site not in done.stdout


def test_the_wheel_holds_the_package_and_is_the_same_bytes_each_time(built, tmp_path):
    with zipfile.ZipFile(built) as file:
        names = {n for n in file.namelist() if ".dist-info/" not in n}
    own = [p for p in (ROOT / "gancourse").rglob("*") if p.is_file() and p.suffix != ".pyc"]
    expected = {str(p.relative_to(ROOT)) for p in own}
    expected |= {f"gancourse/recordings/{p.name}" for p in (ROOT / "book/recorded").glob("*.json")}
    assert names == expected
    assert built.name == NAME
    (tmp_path / "gancourse-0.0.1-py3-none-any.whl").touch()
    assert wheel.build(tmp_path).read_bytes() == built.read_bytes()
    assert [p.name for p in tmp_path.glob("*.whl")] == [NAME]  # no second one to choose from
