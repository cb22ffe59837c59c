"""What is handed to others agrees: the package, its citation, its recipe and its workflows."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
RECIPE = (ROOT / ".github/conda/recipe.yaml").read_text(encoding="utf-8")
ELSEWHERE = {"matplotlib": "matplotlib-base"}
"""Packages that conda-forge calls otherwise."""


def test_the_version_is_one():
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert re.findall(r"^version: (\S+)$", citation, re.MULTILINE) == [PROJECT["version"]]
    assert re.findall(r'^  version: "(\S+)"$', RECIPE, re.MULTILINE) == [PROJECT["version"]]


def test_the_recipe_needs_what_the_package_needs():
    run = re.search(r"^  run:\n((?:    - .*\n)+)", RECIPE, re.MULTILINE)[1]
    needed = {line.removeprefix("    - ") for line in run.splitlines()}
    pairs = (re.fullmatch(r"([\w-]+)(>=.*)", one).groups() for one in PROJECT["dependencies"])
    wanted = {f"{ELSEWHERE.get(name, name)} {bound}" for name, bound in pairs}
    assert needed - {"python >=${{ python_min }}"} == wanted


def test_workflows_name_the_commands_of_contributing():
    contributing = (ROOT / ".github/CONTRIBUTING.md").read_text(encoding="utf-8")
    site = (ROOT / ".github/workflows/site.yml").read_text(encoding="utf-8")
    build = "python -m sphinx -W --keep-going notebooks/site build/site"
    assert build in contributing
    assert build in site


def test_publishing_keeps_no_password():
    publish = (ROOT / ".github/workflows/publish.yml").read_text(encoding="utf-8")
    assert "id-token: write" in publish
    assert "secrets." not in publish
    assert "password" not in publish.partition("\nname:")[2]
