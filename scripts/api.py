"""Write book/api.md: the package's public names, their signatures and docstrings.

    python scripts/api.py [TARGET]

Reads the sources, imports nothing: the page takes no time and can't fail on a missing package.
"""

from __future__ import annotations

import ast
import re
import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ORDER = ["data", "nets", "losses", "penalties", "training", "checkpoints", "dynamics", "features"]
ORDER += ["metrics", "plots", "explore", "recorded", "exercises"]
HEAD = """# Reference

Everything that the chapters import, from the docstrings of `gancourse`. Each module is one idea, and
short enough to be read: open it next to its chapter.

"""
SECTION = re.compile(
    r"^(Args|Returns|Raises|Yields|Attributes|Source|Sources|Note|Example|Shapes?):$"
)


def modules() -> list[tuple[str, list[Path]]]:
    """Each module with its files; of a package the first is its ``__init__``."""
    package = ROOT / "gancourse"
    found = {p.stem: [p] for p in package.glob("*.py") if not p.stem.startswith("_")}
    for name in ("data", "nets", "metrics"):
        found[name] = sorted((package / name).glob("*.py"))
    found["exercises"] = [package / "exercises" / "__init__.py"]
    return sorted(found.items(), key=lambda m: (m[0] not in ORDER, (*ORDER, m[0]).index(m[0])))


def escape(text: str) -> str:
    """Docstring prose as Markdown: backticks stay code, everything else means itself."""
    parts = re.split(r"(``[^`]+``|`[^`]+`)", text)
    return "".join(
        f"`{part.strip('`')}`" if k % 2 else re.sub(r"([\\*_<>\[\]{}$#|~`])", r"\\\1", part)
        for k, part in enumerate(parts)
    )


def markdown(docstring: str | None) -> str:
    """A docstring as Markdown: paragraphs, sections with a bold head, and the rest verbatim."""
    out: list[str] = []
    for paragraph in re.split(r"\n\s*\n", textwrap.dedent(docstring or "").strip()):
        lines = paragraph.splitlines()
        # In a docstring a section's head stands on its own line and its body is indented.
        section = SECTION.match(lines[0].strip()) if lines else None
        if section and len(lines) > 1:
            body = textwrap.dedent("\n".join(lines[1:])).splitlines()
            items: list[str] = []
            for line in body:
                if line.startswith(" ") and items:
                    items[-1] += " " + line.strip()
                else:
                    items.append(line.strip())
            out.append(f"**{section[1]}**\n\n" + "\n".join(f"- {escape(item)}" for item in items))
        elif any(line.startswith("  ") for line in lines) and not lines[0].startswith("Source"):
            out.append("```text\n" + paragraph + "\n```")
        else:
            out.append(escape(" ".join(line.strip() for line in lines)))
    return "\n\n".join(out)


def signature(node: ast.FunctionDef | ast.ClassDef, prefix: str = "") -> str:
    if isinstance(node, ast.ClassDef):
        init = next((f for f in functions(node) if f.name == "__init__"), None)
        if init is not None:
            arguments = ast.unparse(init.args).partition(", ")[2]
        else:  # a dataclass or a named tuple: its fields
            fields = [f for f in node.body if isinstance(f, ast.AnnAssign)]
            arguments = ", ".join(ast.unparse(f) for f in fields)
        head = f"{prefix}{node.name}({arguments})"
    else:
        arguments = ast.unparse(node.args)
        if prefix.count("."):  # a method: without self
            arguments = re.sub(r"^(self|cls)(, )?", "", arguments)
        returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
        head = f"{prefix}{node.name}({arguments}){returns}"
    if len(head) > 84:
        start, _, rest = head.partition("(")
        inside, _, end = rest.rpartition(")")
        inside = "\n".join(
            textwrap.wrap(inside, 80, initial_indent="    ", subsequent_indent="    ")
        )
        head = f"{start}(\n{inside}\n){end}"
    return f"```python\n{head}\n```"


def functions(node: ast.Module | ast.ClassDef) -> list[ast.FunctionDef]:
    return [f for f in node.body if isinstance(f, ast.FunctionDef)]


def public(tree: ast.Module) -> list[str] | None:
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return list(ast.literal_eval(node.value))
    return None


def page() -> str:
    text = HEAD
    for name, paths in modules():
        trees = [ast.parse(path.read_text(encoding="utf-8")) for path in paths]
        tree, names = trees[0], public(trees[0])
        text += f"## `gancourse.{name}`\n\n{markdown(ast.get_docstring(tree))}\n\n"
        nodes = [node for tree in trees for node in tree.body]
        if len(trees) > 1:
            assert names is not None, f"gancourse/{name} is a package and needs an __all__"
            nodes.sort(key=lambda n: [*names, getattr(n, "name", "")].index(getattr(n, "name", "")))
        for node in nodes:
            if not isinstance(node, ast.FunctionDef | ast.ClassDef) or node.name.startswith("_"):
                continue
            if names is not None and node.name not in names:
                continue
            text += f"### `{name}.{node.name}`\n\n{signature(node)}\n\n"
            text += f"{markdown(ast.get_docstring(node))}\n\n"
            for method in functions(node) if isinstance(node, ast.ClassDef) else []:
                doc = ast.get_docstring(method)
                if method.name.startswith("_") or not doc:
                    continue
                text += f"{signature(method, f'{node.name}.')}\n\n{markdown(doc)}\n\n"
    return text.rstrip() + "\n"


def write(target: Path, text: str) -> None:
    """Write a generated page, unless it says so already: an older date means no rebuild."""
    if not target.exists() or target.read_text(encoding="utf-8") != text:
        target.write_text(text, encoding="utf-8")
        print(f"wrote {target}")


def main(argv: list[str]) -> int:
    write(Path(argv[0]) if argv else ROOT / "book" / "api.md", page())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
