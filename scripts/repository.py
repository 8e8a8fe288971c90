"""The repository's URL stands in pyproject.toml, [tool.gancourse]; everything else follows from it.

    python scripts/repository.py https://github.com/OWNER/NAME   set it, and write all that follows
    python scripts/repository.py --clear                         no URL: no buttons, badges, installs
    python scripts/repository.py --check                         exit 1 if anything disagrees

What follows: README.md's badges, _config.yml's links and launch buttons, the package's URL in
pyproject.toml (all between markers), and the setup cell of every chapter, which also names the
package's version. While it is unset none of
them names a package or a repository that a stranger could register.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from scripts import notebook  # noqa: E402

SETTING = re.compile(r'(?ms)(^\[tool\.gancourse\]$(?:(?!^\[).)*?^repository = ")([^"\n]*)(")')
IN_CELL = re.compile(r'(?m)^REPOSITORY = "[^"\n]*"$')
VERSION = re.compile(r'(?m)^version = "([^"\n]*)"$')
VERSION_IN_CELL = re.compile(r'(?m)^VERSION = "[^"\n]*"$')
URL = re.compile(
    r"https://github\.com/(?P<owner>[A-Za-z0-9](?:[A-Za-z0-9]|-(?=[A-Za-z0-9])){0,38})/"
    r"(?P<name>(?!\.{1,2}$)[A-Za-z0-9._-]{1,100})"
)


def normal(url: str) -> str:
    """The URL as it is written everywhere.

    Raises:
        ValueError: it is not https://github.com/OWNER/NAME.
    """
    plain = url.strip().rstrip("/").removesuffix(".git")
    if not URL.fullmatch(plain):
        raise ValueError(f"URL: {url!r} came, needed https://github.com/OWNER/NAME")
    return plain


def read_url(root: Path = ROOT) -> str:
    found = SETTING.search((root / "pyproject.toml").read_text(encoding="utf-8"))
    if not found:
        raise ValueError('pyproject.toml: no line repository = "..." under [tool.gancourse]')
    return found[2] and normal(found[2])


def block(text: str, name: str, content: str, where: str) -> str:
    """Replace what stands between the lines `>>> name` and `<<< name`."""
    pattern = re.compile(
        rf"(?ms)^(?P<head>[ \t]*(?:#|<!--) >>> {name}[^\n]*\n).*?(?P<tail>^[ \t]*(?:#|<!--) <<< {name})"
    )
    new, count = pattern.subn(lambda m: m["head"] + content + m["tail"], text)
    if count != 1:
        raise ValueError(f"{where}: needed one pair of markers {name!r}, found {count}")
    return new


def site_of(url: str) -> str:
    """Where GitHub Pages shows the repository; "" without one."""
    if not url:
        return ""
    owner, name = url.split("/")[-2:]
    return f"https://{owner.lower()}.github.io/{name}/"


def badges(url: str) -> str:
    if not url:
        return ""
    parts = URL.fullmatch(url)
    assert parts
    owner, name = parts["owner"], parts["name"]
    return (
        f"[![tests]({url}/actions/workflows/test.yml/badge.svg)]({url}/actions/workflows/test.yml)\n"
        f"[![read the book](https://img.shields.io/badge/read-the%20book-0072B2)]({site_of(url)})\n"
        "[![open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]"
        f"(https://colab.research.google.com/github/{owner}/{name}/)\n"
        "[![Binder](https://mybinder.org/badge_logo.svg)]"
        f"(https://mybinder.org/v2/gh/{owner}/{name}/main?urlpath=lab/tree/book)\n"
    )


def links(url: str) -> str:
    # Spelled out when unset, too: Jupyter Book's own default is Jupyter Book's repository.
    hub = "https://mybinder.org" if url else ""
    colab = "https://colab.research.google.com" if url else ""
    return (
        "repository:\n"
        f'  url: "{url}"\n'
        '  path_to_book: ""\n'
        "  branch: main\n"
        "launch_buttons:\n"
        "  notebook_interface: jupyterlab\n"
        f'  binderhub_url: "{hub}"\n'
        f'  colab_url: "{colab}"\n'
    )


def buttons(url: str) -> str:
    names = ("use_repository_button", "use_edit_page_button", "use_issues_button")
    return "".join(f"  {name}: {'true' if url else 'false'}\n" for name in names)


def urls(url: str) -> str:
    """What an installed copy knows of it: `check` offers an issue there (exercises/_issue.py)."""
    return f'[project.urls]\nRepository = "{url}"\n' if url else ""


def expected(url: str, root: Path = ROOT) -> dict[Path, str]:
    """Path -> text, of every file that follows from the URL but the notebooks."""
    readme, config = root / "README.md", root / "_config.yml"
    pyproject, cell = root / "pyproject.toml", root / "scripts" / "setup_cell.py"
    texts = {path: path.read_text(encoding="utf-8") for path in (readme, config, pyproject, cell)}
    texts[readme] = block(texts[readme], "badges", badges(url), "README.md")
    texts[config] = block(texts[config], "links", links(url), "_config.yml")
    texts[config] = block(texts[config], "buttons", buttons(url), "_config.yml")
    texts[pyproject] = SETTING.sub(rf"\g<1>{url}\g<3>", texts[pyproject], count=1)
    texts[pyproject] = block(texts[pyproject], "urls", urls(url), "pyproject.toml")
    texts[cell], count = IN_CELL.subn(f'REPOSITORY = "{url}"', texts[cell])
    if count != 1:
        raise ValueError(f"{cell}: needed one line REPOSITORY = ..., found {count}")
    version = VERSION.search(texts[pyproject])
    assert version
    texts[cell] = VERSION_IN_CELL.sub(f'VERSION = "{version[1]}"', texts[cell])
    return texts


def disagreements(root: Path = ROOT) -> list[str]:
    """What does not follow from the URL in pyproject.toml."""
    url = read_url(root)
    wrong = [
        f"{path.relative_to(root)} does not follow from [tool.gancourse] repository = {url!r}"
        for path, text in expected(url, root).items()
        if path.read_text(encoding="utf-8") != text
    ]
    setup = (root / "scripts" / "setup_cell.py").read_text(encoding="utf-8").strip()
    for path in sorted((root / "book").glob("*.ipynb")):
        cells = [c for c in notebook.read(path).cells if "setup" in notebook.tags(c)]
        if any(cell.source != setup for cell in cells):
            wrong.append(f"{path.relative_to(root)}: its setup cell is not scripts/setup_cell.py")
    return wrong


def set_url(url: str, root: Path = ROOT) -> list[Path]:
    """Write the URL and all that follows from it; returns the files that changed."""
    changed = []
    for path, text in expected(url, root).items():
        if path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            changed.append(path)
    setup = (root / "scripts" / "setup_cell.py").read_text(encoding="utf-8")
    for path in sorted((root / "book").glob("*.ipynb")):
        if notebook.strip(path, setup):
            changed.append(path)
    return changed


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Set the repository's URL, or check it.")
    parser.add_argument("url", nargs="?", help="https://github.com/OWNER/NAME")
    parser.add_argument("--clear", action="store_true")
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args(argv)
    if sum((bool(args.url), args.clear, args.check)) != 1:
        parser.error("give one of: a URL, --clear, --check")
    if args.check:
        wrong = disagreements()
        print("\n".join(wrong) or f"all agree: repository = {read_url()!r}")
        return 1 if wrong else 0
    try:
        url = "" if args.clear else normal(args.url)
    except ValueError as error:
        parser.error(str(error))
    for path in set_url(url):
        print(f"wrote {path.relative_to(ROOT)}")
    print(f"repository = {url!r}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
