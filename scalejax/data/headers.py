"""What a header says: its words, and the unit in it.

`folded` makes spellings of one name alike ("Model Size", ``model_size``, ``config.model-size``).
`readings` splits a header into words and unit in every way that the header allows: "Model Size (M)"
may be a model size in millions, "tokens_B" tokens in billions, "flops (1e18)" that many FLOP. Which
of them is meant is decided by whoever knows which words name a quantity (`scalejax.data.columns`).
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from scalejax.amounts import SUFFIX_EXPONENTS

_PREFIX = re.compile(r"(?:(?:metrics|params|config|summary)\.|(?:metrics|config|summary)/)+(?=.)")
_GROUP = re.compile(
    r"(?:(?:model|train|training|trainer|data|dataset|arch|architecture|args|hparams|optim|"
    r"optimizer)[./])+(?=\w{2})",
    re.I,
)
_SEPARATOR = re.compile(r"[\s_/\-.:,]+")
_IGNORED = re.compile(r"[\s_/\-.:,#()\[\]{}]+")
_BRACKET = re.compile(
    r"(?P<base>.*\S)\s*[(\[{](?P<unit>[^()\[\]{}]*)[)\]}]\s*|(?P<b>.+)[,;]\s+(?P<u>.+)"
)
_LARGE_FLOP = re.compile(r"(?P<base>.*)(?P<scale>exa|zetta|yotta|e|z)[\s_-]?(?P<flop>flops?)", re.I)
_POWER = re.compile(r"(?:[x*]\s*)?(?:10(?:\^|\*\*)|1e)\+?(?P<exponent>-?[0-9]{1,2})", re.I)

_SCALES = {
    "thousand": 3, "thousands": 3, "kilo": 3,
    "million": 6, "millions": 6, "mega": 6, "mn": 6, "mio": 6,
    "billion": 9, "billions": 9, "giga": 9, "bn": 9, "mrd": 9,
    "trillion": 12, "trillions": 12, "tera": 12, "tn": 12,
    "peta": 15, "quadrillion": 15, "quadrillions": 15,
    "exa": 18, "zetta": 21, "yotta": 24,
}  # fmt: skip
_WORDS = {3: "thousands", 6: "millions", 9: "billions", 12: "trillions"}
_FLOP_SCALES = {"e": 18, "z": 21, "y": 24}
_BASES = {
    "parameters": ("parameters", "parameter", "params", "param"),
    "tokens": ("tokens", "token", "tok", "toks"),
    "FLOP": ("flops", "flop"),
}
_PF_DAYS = {
    "pfdays",
    "pfday",
    "petaflopdays",
    "petaflopsdays",
    "pflopdays",
    "pflopsdays",
    "pfsdays",
}
PF_DAY = 8.64e19
"""FLOP of a day at 1e15 FLOP/s."""


@dataclass(frozen=True)
class Unit:
    """The unit that a header states.

    Attributes:
        factor: What turns the column into raw units.
        words: The unit for people, such as ``"millions"``; empty if the header states none.
    """

    factor: float = 1.0
    words: str = ""


NO_UNIT = Unit()


def normalised(name: str) -> str:
    """A column name without Unicode variants, outer blanks and case."""
    return unicodedata.normalize("NFKC", name).strip().casefold()


def folded(name: str) -> str:
    """A column name without case, separators and the prefixes that trackers add."""
    return _IGNORED.sub("", _plain(name).casefold())


def without_group(name: str) -> str:
    """A column name without the groups of a nested configuration: "config.model.n_params"."""
    return _GROUP.sub("", _plain(name), count=1) if _GROUP.match(_plain(name)) else _plain(name)


def words_of(name: str) -> list[str]:
    """The words of a column name, folded."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z][a-z])", " ", _plain(name))
    return [word for word in re.split(r"[\s_/\-.:,#()\[\]{}]+", spaced.casefold()) if word]


def readings(header: str, measure: str) -> Iterator[tuple[str, Unit]]:
    """Every way to split a header into folded words and a unit, the plainest first.

    Args:
        header: The column's name.
        measure: Unit of the quantity that is looked for, such as ``"tokens"``: another base unit
            in the header, "D (FLOP)", is no reading of it.
    """
    yield folded(header), NO_UNIT
    name = _plain(header)
    if bracket := bracketed(name):
        base, text = bracket
        if unit := unit_of(text, measure):
            inner = readings(base, measure)
            yield from ((words, unit) for words, more in inner if more.factor == 1)
    if measure == "FLOP" and folded(header) in _PF_DAYS:
        yield "compute", Unit(PF_DAY, "PF-days")
    if measure == "FLOP" and (large := _LARGE_FLOP.fullmatch(name)):
        scale = large["scale"].lower()
        exponent = _SCALES.get(scale) or _FLOP_SCALES[scale]
        unit = Unit(10.0**exponent, f"1e{exponent} FLOP")
        yield folded(large["base"] + large["flop"]), unit
    yield from _with_words(_SEPARATOR.split(name), measure)


def bracketed(header: str) -> tuple[str, str] | None:
    """``"Tokens (B)"`` as ("Tokens", "B"); None without brackets at the end."""
    match = _BRACKET.fullmatch(header.strip())
    if match is None:
        return None
    return (match["base"], match["unit"]) if match["base"] else (match["b"], match["u"])


def stated_unit(header: str, measure: str) -> Unit:
    """The unit in a header whose other words are the user's own: "my size (M)", "size_M"."""
    return next((unit for _, unit in readings(header, measure) if unit != NO_UNIT), NO_UNIT)


def unit_of(text: str, measure: str) -> Unit | None:
    """A unit such as "M", "in billions", "1e18", "B tokens" or "%"; None if it is none."""
    words = [
        word.rstrip(".")
        for word in re.split(r"[\s_\-,]+", _plain(text))
        if word.casefold() not in ("in", "of")
    ]
    bases = _BASES.get(measure, (measure.casefold(),))
    if len(words) > 1 and words[0].casefold() in bases:
        words = [*words[1:], words[0]]  # "tokens, B" is "B tokens"
    compact = "".join(words)
    if compact.casefold() in bases:
        return Unit(1.0, measure)
    if measure == "share":
        percent = compact.casefold() in ("%", "percent", "pct", "percentage")
        return Unit(0.01, "per cent") if percent else None
    if measure == "FLOP" and _IGNORED.sub("", compact.casefold()) in _PF_DAYS:
        return Unit(PF_DAY, "PF-days")
    base = max((b for b in bases if compact.casefold().endswith(b)), key=len, default="")
    scale = compact[: len(compact) - len(base)]
    if match := _POWER.fullmatch(scale):
        return Unit(float(f"1e{match['exponent']}"), f"1e{int(match['exponent'])}")
    exponent = _SCALES.get(scale.casefold()) or SUFFIX_EXPONENTS.get(scale.casefold())
    if exponent is None and base and measure == "FLOP":
        exponent = _FLOP_SCALES.get(scale.casefold())
    if exponent is None:
        return None
    return Unit(float(f"1e{exponent}"), _WORDS.get(exponent, f"1e{exponent} {measure}"))


def _with_words(words: list[str], measure: str) -> Iterator[tuple[str, Unit]]:
    """The unit as the last or the first words: tokens_in_billions, params_M, "B tokens"."""
    for count in (1, 2, 3):
        rest, last = words[:-count], words[-count:]
        if not rest:
            return
        base = folded(" ".join(rest[:-1] if rest[-1].casefold() == "in" else rest))
        if _is_unit(last, base) and (unit := unit_of(" ".join(last), measure)):
            yield base, unit
        first, tail = words[:count], words[count:]
        if _is_unit(first, "") and (unit := unit_of(" ".join(first), measure)):
            yield folded(" ".join(tail)), unit


def _is_unit(words: list[str], base: str) -> bool:
    """Whether these may be a unit: a small letter is one only after a word, as in tokens_b."""
    text = "".join(words)
    return len(text) > 1 or text.isupper() or text == "%" or (len(base) > 2 and text in "mbk")


# A table is asked for many quantities, each of which looks at all headers.
@lru_cache(maxsize=1 << 16)
def _plain(name: str) -> str:
    plain = unicodedata.normalize("NFKC", name).strip().replace("\u00d7", "x")
    match = _PREFIX.match(plain.casefold())
    return plain[match.end() :] if match else plain
