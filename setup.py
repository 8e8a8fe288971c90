"""The packages: found ones and a mapped one, which pyproject.toml, home of all else, can't list."""

from setuptools import find_namespace_packages, setup

found = find_namespace_packages(include=["gancourse*"], exclude=["*__pycache__*"])
setup(packages=[*found, "gancourse.recordings"])
