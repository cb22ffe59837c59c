"""The README tells the truth: its code runs, what it names exists, and CI runs its command."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from scalejax.status import Status

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
pytestmark = pytest.mark.document


def blocks(language: str) -> list[str]:
    """Fenced blocks of a language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def python(*arguments: str, folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env={**os.environ, "MPLBACKEND": "Agg", "COLUMNS": "200", "NO_COLOR": "1"},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_python_blocks_run_one_after_the_other(tmp_path):
    # One process, because each would compile for itself.
    checks = """
assert influence.shape == (36,) and bool(jnp.all(jnp.isfinite(influence)))
assert abs(float(both[0]) - fit.params["alpha"]) < 1e-6
assert sj.load_fit("golden36_fit").params == fit.params
"""
    printed = python("-W", "error", "-c", "\n".join([*blocks("python"), checks]), folder=tmp_path)
    assert "Converged" in printed
    assert (tmp_path / "golden36_fit.png").stat().st_size > 10_000


def test_saved_files_are_named(tmp_path):
    from scalejax.fitting import storage

    for name in (storage.RECORD, storage.DRAWS, storage.ROWS):
        assert f"`{name}`" in README


def test_every_status_has_a_row():
    listed = re.findall(r"^\| `(\w+)` \|", README, re.MULTILINE)
    assert listed == [status.label for status in Status]


@pytest.mark.parametrize(
    "verb", ["fit", "laws", "select", "show", "study", "resume", "advise", "design"]
)
def test_options_exist(verb, tmp_path):
    examples = re.findall(rf"^scalejax {verb}\b.*$", "\n".join(blocks("bash")), re.MULTILINE)
    assert examples
    known = set(re.findall(r"--[\w-]+", python("-m", "scalejax", verb, "--help", folder=tmp_path)))
    for example in examples:
        assert set(re.findall(r"--[\w-]+", example)) <= known, example


def test_links_to_files_lead_somewhere():
    links = re.findall(r"\]\((?!https?:)([^)#]+)", README)
    assert links
    for link in links:
        assert (ROOT / link).exists(), link


def test_picture_is_small():
    assert (ROOT / "notebooks/figures/golden36_fit.png").stat().st_size <= 150_000


class TestContinuousIntegration:
    SCRIPT = ROOT / ".ci" / "run"

    def test_is_executable(self):
        assert os.access(self.SCRIPT, os.X_OK)

    def test_reads_the_command_from_the_readme(self):
        marked = re.findall(r"^<!-- tests -->\n```bash\n(.*?)^```$", README, re.M | re.S)
        assert len(marked) == 1
        text = self.SCRIPT.read_text(encoding="utf-8")
        assert "pytest" not in text
        program = re.search(r"awk '(.*?)'", text, re.DOTALL)[1]
        read = subprocess.run(
            ["awk", program, str(ROOT / "README.md")], capture_output=True, text=True, check=True
        )
        assert read.stdout == marked[0]

    def test_runs_the_linters(self):
        text = self.SCRIPT.read_text(encoding="utf-8")
        for command in ("ruff check .", "ruff format --check .", "mypy"):
            assert command in text

    def test_names_no_machine(self):
        assert not re.search(r"https?://|/home/|/root/", self.SCRIPT.read_text())
