"""The README and the pages tell the truth: their code runs, their output is what is printed, what
they name exists, and CI runs the README's command.
"""

import json
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from scalejax.cli import main
from scalejax.codes import CODES
from scalejax.status import Outcome, Status

ROOT = Path(__file__).parents[2]
SITE = ROOT / "notebooks" / "site"
MADE = SITE / "made"
FILES = [ROOT / "README.md", *sorted(set(SITE.rglob("*.md")) - set(MADE.rglob("*")))]
PAGES = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in FILES}
README = PAGES["README.md"]
pytestmark = pytest.mark.document

EACH_PAGE = """
import json, sys
for name, code in json.load(sys.stdin).items():
    print("page", name)
    exec(compile(code, name, "exec"), {"__name__": "__main__"})
"""
"""Every page begins anew, in one process, because each would compile for itself."""

EACH_COMMAND = """
import json, sys
from scalejax.cli import main
from scalejax.codes import CODES
from scalejax.status import Outcome, Status
for words in json.load(sys.stdin):
    print("$ scalejax", *words, flush=True)
    try:
        main(words)
    except SystemExit as end:
        assert not end.code, (words, end.code)
"""

NUMBER = r"[-+]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?"


def blocks(page: str, language: str) -> list[str]:
    """Fenced blocks of a language on a page, in order."""
    return re.findall(rf"^```(?:{language})\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)


def python(program: str, given: object, folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env={**os.environ, "MPLBACKEND": "Agg", "COLUMNS": "100", "NO_COLOR": "1"},
    )
    assert done.returncode == 0, done.stdout[-500:] + done.stderr
    return done.stdout


def expect(shown: str, printed: str) -> None:
    """What is shown is what was printed: words alike, numbers to 1 %, anything for ``...``."""
    parts = re.split(rf"(\.\.\.|{NUMBER}|\s+)", shown.strip())
    pattern = "".join(
        r"[\s\S]*?" if part == "..." else rf"({NUMBER})" if re.fullmatch(NUMBER, part) else
        r"\s+" if part.isspace() else re.escape(part)
        for part in parts
    )  # fmt: skip
    found = re.fullmatch(pattern, printed.strip())
    assert found, f"shown:\n{shown}\nprinted:\n{printed}"
    numbers = [part for part in parts if re.fullmatch(NUMBER, part)]
    for old, new in zip(numbers, found.groups(), strict=True):
        assert value(new) == pytest.approx(value(old), rel=0.01), (shown, printed)


def value(number: str) -> float:
    return float(number.replace(",", ""))


def test_python_blocks_run(tmp_path):
    code = {name: "\n".join(blocks(page, "python")) for name, page in PAGES.items()}
    given = {name: lines for name, lines in code.items() if lines}
    printed = python(EACH_PAGE, given, tmp_path)
    assert len(given) > 10
    assert all(f"page {name}\n" in printed for name in given)
    assert "Converged" in printed
    assert (tmp_path / "golden36_fit.png").stat().st_size > 10_000


def test_commands_print_what_is_shown(tmp_path):
    shown = [block for page in PAGES.values() for block in blocks(page, "console")]
    heads, bodies = zip(*(block.split("\n", 1) for block in shown), strict=True)
    words = [head.removeprefix("$ scalejax ").split() for head in heads]
    assert [f"$ scalejax {' '.join(line)}" for line in words] == list(heads)
    printed = python(EACH_COMMAND, words, tmp_path)
    outputs = re.split(r"^\$ scalejax .*\n", printed, flags=re.MULTILINE)[1:]
    assert len(outputs) == len(bodies) >= 5
    for body, output in zip(bodies, outputs, strict=True):
        expect(body, output)


@pytest.mark.parametrize(
    ("shown", "printed", "same"),
    [
        ("a 1.00 b\n...\nend", "a  1.004  b\nx\ny\nend\n", True),
        ("a 1.00", "a 1.02", False),
        ("a 26,414", "a 26,400", True),
        ("a ... c", "a b", False),
        ("1e+22 FLOP", "1e+22 FLOP", True),
        ("1.4T", "1.4B", False),
    ],
)
def test_outputs_are_compared_by_words_and_numbers(shown, printed, same):
    if same:
        expect(shown, printed)
    else:
        with pytest.raises(AssertionError):
            expect(shown, printed)


def test_saved_files_are_named():
    from scalejax.fitting import storage

    for name in (storage.RECORD, storage.DRAWS, storage.ROWS):
        assert any(f"`{name}`" in page for page in PAGES.values())


def test_pages_of_codes_statuses_and_commands_are_complete():
    said = runpy.run_path(str(SITE / "said.py"))
    ends = [end.label for end in (*Status, *Outcome)]
    assert re.findall(r"^\| `(\w+)` \|", said["statuses"](), re.MULTILINE) == ends
    assert re.findall(r"^\((\w+)\)=$", said["codes"](), re.MULTILINE) == list(CODES)
    verbs = re.findall(r"^## (\w+)$", said["commands"](), re.MULTILINE)
    assert {"fit", "laws", "plan", "study"} <= set(verbs)
    assert said["commands"]().count("Usage: scalejax") == len(verbs) + 1


def test_options_exist(capsys):
    lines = [line for page in PAGES.values() for line in blocks(page, "bash|console")]
    examples = re.findall(r"^(?:\$ )?scalejax (\w+)\b(.*)$", "\n".join(lines), re.MULTILINE)
    verbs = {verb for verb, _ in examples}
    assert verbs >= {"fit", "laws", "select", "show", "study", "resume", "advise", "design", "plan"}
    known = {}
    for verb in verbs:
        with pytest.raises(SystemExit) as end:
            main([verb, "--help"])
        assert end.value.code == 0, verb
        known[verb] = set(re.findall(r"--[\w-]+", capsys.readouterr().out))
    for verb, rest in examples:
        assert set(re.findall(r"--[\w-]+", rest)) <= known[verb], (verb, rest)


@pytest.mark.parametrize("path", FILES, ids=list(PAGES))
def test_links_to_files_lead_somewhere(path):
    links = re.findall(r"\]\((?!https?:)([^)#]+)", path.read_text(encoding="utf-8"))
    for link in links:
        # What is made at the build is looked for there, with warnings as errors.
        assert "made/" in link or (path.parent / link).exists(), link


class TestReadme:
    def test_is_short(self):
        assert len(README.splitlines()) <= 180

    def test_picture_is_small(self):
        assert (ROOT / "notebooks/figures/golden36_fit.png").stat().st_size <= 150_000

    def test_speeds_are_those_that_are_stored(self):
        table = re.search(r"^## Speed\n.*?^\| ---.*?\n(.*?)\n\n", README, re.M | re.S)[1]
        folder = ROOT / "benchmarks/results"
        stored = [
            number
            for name in ("python3.12-jax0.12.0.1-cpu", "optima-python3.12-jax0.12")
            for number in numbers(json.loads((folder / f"{name}.json").read_text()))
        ]
        written = re.findall(rf"{NUMBER}(?= a second| s\b| MiB|;|\s\|)", table)
        assert len(written) >= 12
        for one in written:
            decimals = len(one.partition(".")[2])
            assert any(f"{number:,.{decimals}f}" == one for number in stored), one


def numbers(stored: object) -> list[float]:
    """All numbers of a stored result."""
    if isinstance(stored, dict | list):
        parts = stored.values() if isinstance(stored, dict) else stored
        return [number for part in parts for number in numbers(part)]
    return [float(stored)] if isinstance(stored, int | float) else []


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
