"""Formulas: texts made of pieces and of good formulas with a few characters replaced.

The oracle is a parser of its own, after the grammar in the documentation: what it cannot read has
to be refused, and what is taken has to give its value.
"""

import keyword
import math
import random
import re
import string
from collections.abc import Callable, Iterator

import jax
import numpy as np
from formula_texts import FORMS, PIECES
from tally import Tally, Wrong

from scalejax.errors import LawError
from scalejax.laws import formula_law

TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)(?![\w.])"
    r"|(?P<name>[A-Za-z_]\w*)|(?P<sign>\*\*|[-+*/(),]))",
    re.ASCII,
)
CALLS: dict[str, tuple[int, Callable[..., float]]] = {
    "exp": (1, np.exp), "log": (1, np.log), "log1p": (1, np.log1p), "expm1": (1, np.expm1),
    "sqrt": (1, np.sqrt), "logaddexp": (2, np.logaddexp), "minimum": (2, np.minimum),
    "maximum": (2, np.maximum),
}  # fmt: skip
CLOSE = 1e-9


def run(count: int, draw: random.Random) -> Tally:
    """Formulas at random."""
    tally = Tally("formulas")
    with jax.enable_x64(True), np.errstate(all="ignore"):
        for text in texts(count, draw):
            tally.add(text, fate, text)
    return tally


def texts(count: int, draw: random.Random) -> Iterator[str]:
    forms = list(FORMS)
    for number in range(count):
        match number % 4:
            case 0:
                yield "".join(draw.choices(string.printable, k=draw.randint(0, 60)))
            case 1:
                yield "".join(draw.choices(PIECES, k=draw.randint(0, draw.choice([12, 300]))))
            case 2:
                yield f"{draw.choice(['', 'A*N + '])}{expression(draw, draw.randint(1, 5))}"
            case 3:
                text = list(draw.choice(forms) if draw.random() < 0.5 else expression(draw, 3))
                for _ in range(draw.randint(1, 3)):
                    text[draw.randrange(len(text))] = draw.choice(PIECES)
                yield "".join(text)


def expression(draw: random.Random, depth: int) -> str:
    """A formula of the grammar, which may still have no input or no parameter."""
    if depth == 0 or draw.random() < 0.15:
        return draw.choice(["N", "D", "A", "E", "alpha", "2", "0.5", "1e3", ".25", "3."])
    below = [expression(draw, depth - 1) for _ in range(2)]
    blank = draw.choice(["", " "])
    match draw.randrange(8):
        case 0:
            name = draw.choice([*CALLS])
            return f"{name}({', '.join(below[: CALLS[name][0]])})"
        case 1:
            return f"-{below[0]}"
        case 2:
            return f"({below[0]})"
        case 3:
            return f"{below[0]}**{draw.choice(['2', '0.5', '-1', 'alpha', below[1]])}"
    return below[0] + blank + draw.choice("+-*/") + blank + below[1]


def fate(text: str) -> str:
    """What becomes of a text."""
    try:
        law = formula_law(text)
    except LawError as error:
        if not str(error).startswith(("E301 ", "E302 ")):
            raise Wrong(str(error)) from None
        return "refused"
    formula = " ".join(text.split()).partition(" where ")[0]
    values = {name: 1.3 + 0.2 * k for k, name in enumerate(law.inputs)}
    values |= {name: 0.7 + 0.1 * k for k, name in enumerate(law.parameters)}
    size, expected = Reader(formula, values).value()
    inputs = [np.float64(values[name]) for name in law.inputs]
    result = float(law(*inputs, **{name: np.float64(values[name]) for name in law.parameters}))
    if size < 1e9 and math.isfinite(expected) and abs(result - expected) > CLOSE * size:
        raise Wrong(f"{result} and not {expected}")
    return "taken"


class Reader:
    """A formula read by descent: sums of products of signs of powers."""

    def __init__(self, text: str, values: dict[str, float]) -> None:
        self.tokens, self.place, self.values, self.size = [], 0, values, 1.0
        end = len(text.rstrip())
        place = 0
        while place < end:
            token = TOKEN.match(text, place)
            if token is None:
                raise Wrong(f"character {place} is none of a formula")
            self.tokens.append((token.lastgroup, token[token.lastgroup or 0]))
            place = token.end()

    def value(self) -> tuple[float, float]:
        """The largest number on the way, and the value."""
        value = self.sum()
        if self.place < len(self.tokens):
            raise Wrong(f"{self.tokens[self.place][1]!r} is left over")
        return self.size, value

    def next(self, *signs: str) -> str | None:
        if self.place < len(self.tokens) and self.tokens[self.place][0] == "sign":
            sign = self.tokens[self.place][1]
            if sign in signs:
                self.place += 1
                return sign
        return None

    def seen(self, value: float) -> float:
        self.size = max(self.size, abs(value)) if value == value else math.inf
        return value

    def sum(self) -> float:
        value = self.product()
        while sign := self.next("+", "-"):
            other = self.product()
            value = self.seen(value + other if sign == "+" else value - other)
        return value

    def product(self) -> float:
        value = self.signed()
        while sign := self.next("*", "/"):
            other = self.signed()
            value = self.seen(
                np.float64(value) * other if sign == "*" else np.float64(value) / other
            )
        return value

    def signed(self) -> float:
        return -self.signed() if self.next("-") else self.power()

    def power(self) -> float:
        base = self.atom()
        return self.seen(np.float64(base) ** self.signed()) if self.next("**") else base

    def atom(self) -> float:
        if self.next("("):
            value = self.sum()
            if not self.next(")"):
                raise Wrong("a bracket is not closed")
            return value
        if self.place == len(self.tokens):
            raise Wrong("it ends too early")
        kind, word = self.tokens[self.place]
        self.place += 1
        if kind == "number":
            if re.fullmatch("0[0-9]*[1-9][0-9]*", word):
                raise Wrong(f"{word} begins with 0")
            return self.seen(np.float64(word))
        if kind != "name" or keyword.iskeyword(word):
            raise Wrong(f"{word!r} is no number or name")
        if word not in CALLS:
            if word not in self.values:
                raise Wrong(f"{word!r} is neither input nor parameter")
            return self.seen(self.values[word])
        count, function = CALLS[word]
        if not self.next("("):
            raise Wrong(f"{word} is not called")
        arguments = [self.sum()]
        while self.next(","):
            if self.place < len(self.tokens) and self.tokens[self.place] == ("sign", ")"):
                break
            arguments.append(self.sum())
        if not self.next(")") or len(arguments) != count:
            raise Wrong(f"{word} with {len(arguments)} arguments")
        return self.seen(float(function(*arguments)))
