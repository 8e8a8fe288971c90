"""pyproject.toml, constraints.txt, environment.yml, Colab's list: one story."""

import re

import pytest
import tomllib
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

import gancourse
from scripts.build import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
# https://github.com/googlecolab/backend-info, August 2026
COLAB = {
    "torch": "2.11.0",
    "numpy": "2.1.3",
    "scipy": "1.16.3",
    "scikit-learn": "1.6.1",
    "matplotlib": "3.10.0",
    "pillow": "11.3.0",
    "ipywidgets": "7.7.1",
    "tqdm": "4.67.3",
    "pooch": "1.9.0",
    "safetensors": "0.8.0",
}


def name_of(text: str) -> str:
    return re.sub(r"[-_.]+", "-", text).lower()


def pins(file: str) -> dict[str, str]:
    lines = (ROOT / file).read_text().splitlines()
    found = [line.partition("==") for line in lines if line and not line.startswith("#")]
    return {name_of(name): version for name, _, version in found}


CONSTRAINTS = pins("constraints.txt")
REQUIRED = [Requirement(r) for r in PROJECT["dependencies"]]


@pytest.mark.parametrize("requirement", REQUIRED, ids=lambda r: r.name)
def test_a_range_admits_colab_and_the_pinned_version(requirement):
    assert COLAB[requirement.name] in requirement.specifier
    assert CONSTRAINTS[name_of(requirement.name)] in requirement.specifier
    assert not any(s.operator in {"==", "==="} for s in requirement.specifier), "a pin, not a range"


@pytest.mark.parametrize("extra", ["book", "test"])
def test_an_extra_is_pinned_within_its_ranges(extra):
    for requirement in map(Requirement, EXTRAS[extra]):
        assert CONSTRAINTS[name_of(requirement.name)] in requirement.specifier, requirement


def test_the_extras():
    assert set(EXTRAS) == {"book", "test", "mutants", "scale", "inception", "molecules"}
    assert set(EXTRAS["scale"]) < set(EXTRAS["test"])


def test_torch_comes_first():
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    assert next(line for line in lines if not line.startswith("#")) == "torch==2.13.0"
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", x) for x in lines if not x.startswith("#"))


@pytest.mark.parametrize("version", ["3.10.0", "3.11.7", "3.12.1", "3.13.15"])
def test_the_pythons(version):
    assert version in SpecifierSet(PROJECT["requires-python"])


def test_conda_and_binder_get_the_same():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    conda = [d for d in environment["dependencies"] if isinstance(d, str)]
    (pip,) = [d["pip"] for d in environment["dependencies"] if isinstance(d, dict)]
    (python,) = [d.partition("=")[2] for d in conda if d.startswith("python=")]
    assert f"{python}.0" in SpecifierSet(PROJECT["requires-python"])
    assert "-c constraints.txt" in pip
    assert f"torch=={CONSTRAINTS['torch']}" in pip
    assert "-e .[book]" in pip
    # Everything else comes from pyproject.toml: a name here would be a second list to keep.
    assert {d.partition("=")[0] for d in conda} == {"python", "pip"}
    assert [p for p in pip if not p.startswith(("-", "torch=="))] == ["jupyterlab"]
    assert environment["name"] == PROJECT["name"]


def test_the_colab_profile_is_colabs_list():
    profile = pins("tests/colab-constraints.txt")
    for name, version in COLAB.items():
        if name != "torch":
            assert profile[name] == version


def test_one_version():
    assert gancourse.__version__ == PROJECT["version"]


def test_pre_commit_runs_the_ruff_that_make_lint_runs():
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    (ruff,) = [r["rev"] for r in config["repos"] if "ruff" in r["repo"]]
    assert ruff == f"v{CONSTRAINTS['ruff']}"


def test_the_setup_cell_is_short_and_never_touches_torch():
    lines = (ROOT / "scripts" / "setup_cell.py").read_text().splitlines()
    assert len(lines) <= 44
    assert lines[0].startswith("# ")
    assert max(map(len, lines)) <= 88
    assert not any("install" in line and "torch" in line for line in lines)
    (pip,) = [line for line in lines if '"pip"' in line]
    assert '"--no-deps"' in pip  # on a TPU or a past runtime pip would replace torch
    assert f'VERSION = "{PROJECT["version"]}"' in lines


WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda p: p.name)
def test_actions_are_pinned_by_commit_and_say_their_version(path):
    used = re.findall(r"uses: (\S+)(.*)", path.read_text())
    for action, comment in used:
        local = action.startswith("./")
        assert local or re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", action), action
        assert local or re.fullmatch(r"  # v\d+\.\d+\.\d+", comment), action


def test_what_is_published_was_tested_and_nothing_runs_twice():
    publish, tests = (yaml.safe_load(p.read_text()) for p in WORKFLOWS)
    assert publish["jobs"]["test"]["uses"] == "./.github/workflows/test.yml"
    assert publish["jobs"]["build"]["needs"] == "test"
    triggers = tests[True]  # YAML 1.1 reads `on` so
    assert "push" not in triggers and {"pull_request", "workflow_call", "schedule"} <= set(triggers)


def test_who_cites_the_course_cites_this_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == gancourse.__version__
    assert citation["title"] and citation["authors"]
