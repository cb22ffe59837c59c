"""Command lines: every verb with good and bad numbers, names and files, in this process.

A line is known to be right or wrong when it is made. A wrong one has to be refused with a line that
says why, before anything compiles; of a right one the numbers that it prints must be those that
were written.
"""

import contextlib
import io
import json
import os
import random
import sys
import tempfile
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any
from unittest import mock

import jax
from tally import Tally, Wrong

import scalejax as sj
from scalejax.cli import cache, main

SUFFIXES = {"k": 3, "m": 6, "b": 9, "g": 9, "t": 12, "p": 15}
NONE = [
    "nan", "inf", "-inf", "NaN", "none", "1,5", "1,5e24", "1,00", "1.2.3", "12x", "1e999",
    "1e-999", "0x10", "1__0", "1 2", "--1", "1E", "e5", "٣", "1e", "1e1.5", "1f", "9" * 5000, "½",
    "true", "1+1", "1/2", "\udcff", "1\u202e", "1;2", "$1", "1'000", "=1",
]  # fmt: skip
POSITIVE, SHARE, LEVEL, WHOLE = "positive", "share", "level", "whole"
BEYOND = {
    POSITIVE: ["0", "-1", "-5B", "0.0", "-1e-3"],
    SHARE: ["0", "-0.1", "1.5", "150%", "-5%"],
    LEVEL: ["0", "1", "-0.5", "95", "100%"],
    WHOLE: ["-1", "0.5", "1.5", str(2**70), "1e300"],
}
PLAN, DESIGN = ("plan", "besiroglu2024"), ("design", "besiroglu2024", "--budget", "1e22")
FIT, FORECAST = ("fit", "golden36"), ("forecast", "golden36", "--at", "N=1B,D=20B")
# Words before, the option, what is put into it, and its kind.
OPTIONS = [
    *((PLAN, f"--{name}", "{}", POSITIVE) for name in (
        "budget", "usd", "target-loss", "as-good-as", "days", "max-tokens", "unique-tokens",
        "max-params", "params", "tokens", "usd-per-hour",
    )),
    (PLAN, "--mfu", "{}", SHARE),
    (PLAN, "--level", "{}", LEVEL),
    (PLAN, "--request-tokens", "{}:5", POSITIVE),
    (PLAN, "--candidates", "{}:1T", POSITIVE),
    (DESIGN, "--seed", "{}", WHOLE),
    (DESIGN, "--draws", "{}", WHOLE),
    (DESIGN, "--level", "{}", LEVEL),
    (DESIGN, "--ranges", "N={}:1e13", POSITIVE),
    (FIT, "--seed", "{}", WHOLE),
    (FIT, "--resamples", "{}", WHOLE),
    (FIT, "--level", "{}", LEVEL),
    (FIT, "--fixed", "alpha={}", "finite"),
    (FIT, "--units", "N={}", POSITIVE),
    (FORECAST, "--level", "{}", LEVEL),
    (FORECAST, "--seed", "{}", WHOLE),
    (("forecast", "golden36"), "--at", "N={},D=1T", POSITIVE),
    (("select", "golden36"), "--seed", "{}", WHOLE),
    (("select", "golden36"), "--resamples", "{}", WHOLE),
    (("predict", "fit"), "--at", "N={},D=1T", POSITIVE),
    (("predict", "fit", "--at", "N=1B,D=1T"), "--level", "{}", LEVEL),
    (("report", "fit", "-o", "it.html"), "--at", "C={}", POSITIVE),
    (("report", "fit", "-o", "it.html"), "--level", "{}", LEVEL),
    (("compare", "fit", "fit"), "--level", "{}", LEVEL),
    (("show", "fit"), "--level", "{}", LEVEL),
    (("advise", "golden36"), "--at", "N=1B,D={}", POSITIVE),
]  # fmt: skip
WRONG_WORDS = [
    ("--bogus",), ("--bogus=1",), ("--law", ""), ("--law", "nolaw"), ("--law", "../../x.py:y"),
    ("--formula", "__import__('os')"), ("--columns", "N"), ("--columns", "N=nothing"),
    ("--columns", "=N"), ("--units", "N=parsec"), ("--fixed", "E"), ("--fixed", "Q=1"),
    ("--fixed", "E=1", "--fixed", "E=2"), ("--tied", "A"), ("--tied", "A=Q"), ("--bounds", "E=2:1"),
    ("--bounds", "E=1"), ("--exclude", "nothing"), ("--objective", "l2"), ("--on", "x"),
    ("--by", "nothing"), ("--weights", "nothing"), ("--sigma", "nothing"), ("--derive", "D=7"),
    ("--loss-unit", "bananas"), ("--run", "nothing"), ("--strata", "nothing"), ("extra",),
    ("--mapping", "nothing.toml"), ("--mapping", "noise.toml"), ("--mapping", "folder"),
    ("--plot", "a.exe"), ("--plot", "no/a.png"), ("--out", "noise.toml"), ("--out", "/proc/x"),
    ("--about", "nothing.toml"), ("--about", "noise.toml"), ("--about", "folder"),
    ("--columns", "N=\x00"), ("--out", "a\x00b"), ("--out", "a" * 5000), ("--plot", "a\x00.png"),
]  # fmt: skip
WRONG_LINES = [
    ("fit", name) for name in (
        "", "folder", "noise.csv", "noise.parquet", "noise.json", "noise.xlsx", "noise.csv.gz",
        "a\x00b.csv", "a" * 5000, "\udcff.csv", "/proc/self/mem", "/dev/null", "loop", "~",
    )
] + [
    *(("show", name) for name in ("", "nothing", "folder", "a:b:c", "os:system", "\x00")),
    *(("predict", name, "--at", "N=1,D=1") for name in ("", "folder", "nothing", "\x00")),
    *(("study", name, "--dry-run") for name in ("noise.toml", "deep.toml", "folder", "\x00")),
    *(("resume", name) for name in ("folder", "nothing", "noise.csv", "", "\x00")),
    *(("reproduce", name) for name in ("folder", "nothing", "")),
    *((verb,) for verb in ("", "brew", "fitt", "--bogus", "\x00", "-", "\udcff", "a" * 5000)),
    ("plan",), ("predict",), ("design",), ("report", "fit"), ("laws", "nothing"),
    ("datasets", "nothing"), ("check", "--explain", "E999"), ("check", "nothing.csv"),
]  # fmt: skip
RIGHT_LINES = [
    ("laws",), ("laws", "--json"), ("datasets",), ("show", "chinchilla"), ("show", "fit"),
    ("show", "fit", "--json"), ("--version",), ("--help",), ("check", "golden36", "--quick"),
    ("check", "--explain", "E110"), ("show", "chinchilla:besiroglu2024"),
    ("study", "good.toml", "runs.csv", "--dry-run"), ("design", "--help"),
]  # fmt: skip


def run(count: int, draw: random.Random) -> Tally:
    """Command lines at random."""
    tally = Tally("command lines")
    with _place():
        for words, check in lines(count, draw):
            tally.add(words, check, words)
    return tally


Check = Callable[[list[str]], str]


def lines(count: int, draw: random.Random) -> Iterator[tuple[list[str], Check]]:
    for _ in range(count):
        kind = draw.choice(
            ["number"] * 6 + ["right number"] * 4 + ["words"] * 2 + ["line", "right"]
        )
        before, option, form, needs = draw.choice(OPTIONS)
        match kind:
            case "number":
                bad = [*NONE, *BEYOND.get(needs, [])]
                if option == "--request-tokens":
                    bad.remove("1;2")
                text = draw.choice(bad)
                yield [*before, option, form.format(text)], refused
            case "right number":
                text, value = number(draw)
                if draw.random() < 0.9:
                    at = f"N={text},D=1T"
                    yield ["predict", "fit", "--at", at, "--json"], _printed("N", value)
                else:
                    yield [*PLAN, "--budget", text, "--json", "--quick"], _printed("budget", value)
            case "words":
                yield ["fit", "golden36", *draw.choice(WRONG_WORDS)], refused
            case "line":
                yield [*draw.choice(WRONG_LINES)], refused
            case "right":
                yield [*draw.choice(RIGHT_LINES)], taken


def number(draw: random.Random) -> tuple[str, float]:
    """A positive number that a person may write, and its nearest float64."""
    digits = draw.randint(1, 10 ** draw.randint(1, 9))
    exponent = draw.randint(6, 20)
    mantissa = Fraction(digits, 10 ** draw.choice([0, 1, 3]))
    text = f"{digits}" if mantissa == digits else f"{float(mantissa):f}".rstrip("0")
    if Fraction(text.rstrip(".")) != mantissa:
        text, mantissa = f"{digits}", Fraction(digits)
    match draw.randrange(4):
        case 0:
            suffix = draw.choice([*SUFFIXES, *map(str.upper, SUFFIXES)])
            return f"{text}{draw.choice(['', ' '])}{suffix}", float(
                mantissa * 10 ** SUFFIXES[suffix.lower()]
            )
        case 1 if mantissa == digits:
            mark = "_" if draw.random() < 0.5 else ","
            return f"{digits * 1000:{mark}}", float(digits * 1000)
    sign = draw.choice(["", "+"])
    return f"{text}{draw.choice('eE')}{sign}{exponent}", float(mantissa * 10**exponent)


def _run(words: list[str], compiles: bool) -> tuple[int, str, str]:
    out, said = io.StringIO(), io.StringIO()
    path = [*sys.path]
    stop = mock.patch.object(jax._src.compiler, "compile_or_get_cached", _compiled)
    with contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.redirect_stdout(out))
        stack.enter_context(contextlib.redirect_stderr(said))
        if not compiles:
            stack.enter_context(stop)
        try:
            main(words)
            code = 0
        except SystemExit as end:
            code = end.code or 0
        finally:
            sys.path[:] = path
    return int(code), out.getvalue(), said.getvalue()


def _compiled(*args: object, **options: object) -> None:
    raise Wrong("a program was compiled for it")


def refused(words: list[str]) -> str:
    code, out, said = _run(words, compiles=False)
    said += out
    if code == 0:
        raise Wrong("it was taken")
    if code not in (1, 2, 74) or "Traceback" in said or not said.strip():
        raise Wrong(f"exit code {code}: {said[-500:]}")
    if len(said) > 6000:
        raise Wrong(f"{len(said)} characters were said")
    return "refused"


def taken(words: list[str]) -> str:
    code, out, said = _run(words, compiles=True)
    if code != 0 or not out.strip():
        raise Wrong(f"exit code {code}: {said[-500:]}")
    return "taken"


def _printed(name: str, value: float) -> Check:
    """A check that the JSON of a line has a number."""

    def check(words: list[str]) -> str:
        code, out, said = _run(words, compiles=True)
        if code == 3 or "no answer" in said:
            return "taken"
        if code in (1, 2) and name == "budget":
            # Its form was read: what is refused is the size of it.
            if "must be" in said:
                raise Wrong(said)
            return "refused"
        if code != 0:
            raise Wrong(f"exit code {code}: {said[-500:]}")
        document = json.loads(out)
        numbers = {name: document["question"]["budget"]} if name == "budget" else None
        numbers = numbers or document["predictions"][0]
        if numbers[name] != value:
            raise Wrong(f"{numbers[name]!r} was read, and not {value!r}")
        return "taken"

    return check


@contextlib.contextmanager
def _place() -> Iterator[None]:
    """A working directory with a saved fit and some files that are none."""
    here = Path.cwd()
    with tempfile.TemporaryDirectory() as folder, mock.patch.dict(os.environ):
        os.environ[cache.NO_CACHE_VARIABLE] = "1"
        os.chdir(folder)
        try:
            runs = sj.datasets.load("golden36")
            sj.fit(runs, resamples=0).save("fit")
            runs.assign(family=["a", "b"] * 18).to_csv("runs.csv", index=False)
            Path("folder").mkdir()
            Path("loop").symlink_to("loop")
            noise: Any = bytes(range(256))
            for ending in ("toml", "csv", "parquet", "json", "xlsx", "csv.gz"):
                Path(f"noise.{ending}").write_bytes(noise)
            Path("deep.toml").write_text("a = " + "[" * 5000)
            Path("good.toml").write_text('laws = ["power_N"]\ntarget = false\nresamples = 5\n')
            yield
        finally:
            os.chdir(here)
