"""scripts/notebook.py: ids stay, outputs go, the setup cell is one."""

import json
import subprocess
import sys

import pytest

from scripts import notebook

TEXT = """# %% [markdown]
# # Title

# %%
# SETUP

# %%
a = 1

# %% tags=["nbval-check-output"]
print(a + 1)

# %% tags=["gpu"]
b = 2
"""


@pytest.fixture
def files(tmp_path):
    source, target = tmp_path / "x.py", tmp_path / "x.ipynb"
    source.write_text(TEXT)
    assert notebook.from_text(source, target)
    return source, target


def ids(path):
    return [cell.id for cell in notebook.read(path).cells]


def give_output(path):
    raw = json.loads(path.read_text())
    output = {"output_type": "stream", "name": "stdout", "text": ["2\n"]}
    for cell in raw["cells"]:
        if cell["cell_type"] == "code":
            cell.update(outputs=[output], execution_count=3)
    path.write_text(json.dumps(raw))


def test_the_second_time_nothing_is_written(files):
    assert not notebook.from_text(*files)


def test_ids_stay_when_a_cell_is_edited_moved_or_inserted(files):
    source, target = files
    before = ids(target)
    assert len(set(before)) == 5
    source.write_text(TEXT.replace("a = 1", "a = 10"))
    notebook.from_text(source, target)
    assert ids(target) == before  # edited in place
    source.write_text(TEXT.replace("# %%\na = 1", "# %%\nnew = 0\n\n# %%\na = 10"))
    notebook.from_text(source, target)
    assert [i for i in ids(target) if i in before] == before
    assert len(set(ids(target))) == 6  # inserted
    source.write_text(TEXT.replace("# %%\na = 1\n\n", "") + "\n# %%\na = 10\n")
    notebook.from_text(source, target)
    assert ids(target)[-1] == before[2]  # moved to the end


def test_two_equal_cells_get_two_ids(files):
    source, target = files
    source.write_text(TEXT + "\n# %%\nc = 1\n\n# %%\nc = 1\n")
    notebook.from_text(source, target)
    assert len(set(ids(target))) == 7


def test_an_id_in_the_text_wins_even_when_all_else_changed(files):
    source, target = files
    before = ids(target)
    notebook.to_text(target, source)
    assert f'cell_id="{before[2]}"' in source.read_text()
    source.write_text(source.read_text().replace("a = 1", "something = 'else'\nentirely = True"))
    notebook.from_text(source, target)
    assert ids(target) == before


def test_only_checked_outputs_stay_and_only_while_the_cell_does(files):
    source, target = files
    give_output(target)
    assert notebook.strip(target)
    kept = [len(c.get("outputs", [])) for c in notebook.read(target).cells]
    assert kept == [0, 0, 0, 1, 0]
    counts = [c.execution_count for c in notebook.read(target).cells[1:]]
    assert counts == [None, None, 1, None]  # nbval compares only what says that it was run
    notebook.from_text(source, target)
    assert notebook.read(target).cells[3].outputs
    source.write_text(TEXT.replace("print(a + 1)", "print(a + 2)"))
    notebook.from_text(source, target)
    assert not notebook.read(target).cells[3].outputs


def test_the_setup_cell_is_the_scripts_text(files):
    source, target = files
    setup = notebook.read(target).cells[1]
    assert setup.source == notebook.SETUP_CELL.read_text().strip()
    assert notebook.tags(setup) == ["setup", "hide-input"]  # folded in the book,
    assert setup.metadata["jupyter"]["source_hidden"]  # in JupyterLab
    assert setup.metadata["cellView"] == "form"  # and on Colab
    notebook.to_text(target, source)
    assert "# SETUP" in source.read_text()
    assert "REPOSITORY" not in source.read_text()


@pytest.mark.parametrize("tag", ["draw", "table", "again"])
def test_a_cell_is_folded_by_what_it_is(files, tag):
    source, target = files
    source.write_text(f'{TEXT}\n# %% tags=["{tag}", "recorded"]\n# @title  Two rings \nc = 3\n')
    for _ in range(2):  # and stays so
        notebook.from_text(source, target)
        notebook.to_text(target, source)
    *_, plain, cell = notebook.read(target).cells
    assert notebook.tags(cell) == [tag, "recorded", "hide-input"]
    assert cell.metadata["jupyter"] == {"source_hidden": True}
    assert cell.metadata["cellView"] == "form"
    assert notebook.fold(cell) == notebook.FOLDED[tag] and not notebook.fold(plain)
    assert notebook.title(plain) == "" and notebook.title(cell) == "Two rings"
    source.write_text(source.read_text().replace(f'"{tag}", "recorded"', '"recorded"'))
    notebook.from_text(source, target)
    assert dict(notebook.read(target).cells[-1].metadata) == {"tags": ["recorded"]}


def test_a_notebook_with_a_gpu_cell_says_so_to_colab(files):
    source, target = files
    assert notebook.read(target).metadata["accelerator"] == "GPU"
    source.write_text(TEXT.replace(' tags=["gpu"]', ""))
    notebook.from_text(source, target)
    assert "accelerator" not in notebook.read(target).metadata


def test_execute_shows_the_traceback_counts_cpu_time_and_saves_figures(tmp_path, capsys):
    source, target = tmp_path / "x.py", tmp_path / "x.ipynb"
    source.write_text(
        "# %%\nimport base64\nfrom IPython.display import HTML, display\n"
        "pixel = base64.b64encode(b'not really a png').decode()\n"
        "display(HTML(f'<img src=\"data:image/png;base64,{pixel}\">'))\n\n"
        '# %% tags=["nbval-check-output"]\nprint(sum(range(5_000_000)))\n\n'
        "# %%\n1 / 0\n"
    )
    notebook.from_text(source, target)
    assert notebook.main(["execute", str(target), "--figures", str(tmp_path / "f")]) == 1
    out = capsys.readouterr().out
    assert "ZeroDivisionError" in out
    assert "CPU" in out
    (figure,) = (tmp_path / "f").iterdir()
    assert figure.read_bytes() == b"not really a png"
    assert not notebook.read(target).cells[1].outputs  # a failed run writes nothing

    source.write_text(source.read_text().replace("1 / 0", "1 / 1"))
    notebook.from_text(source, target)
    assert notebook.main(["execute", str(target)]) == 0
    assert notebook.read(target).cells[1].outputs[0].text == "12499997500000\n"
    assert not notebook.read(target).cells[0].outputs


def test_a_chapter_runs_the_clone_it_stands_in(tmp_path):
    """Also where another copy of the package is installed: a second clone, a worktree."""
    clone = tmp_path / "clone"
    (clone / "gancourse").mkdir(parents=True)
    (clone / "book").mkdir()
    (clone / "gancourse" / "__init__.py").write_text("CLONE = True\n")
    lines = notebook.SETUP_CELL.read_text().splitlines()
    head = lines[: lines.index("import matplotlib.pyplot as plt")]
    source = "\n".join([*head, "import gancourse", "print(gancourse.CLONE)"])
    done = subprocess.run(
        [sys.executable, "-c", source], cwd=clone / "book", capture_output=True, text=True
    )
    assert done.stdout == "True\n", done.stderr
