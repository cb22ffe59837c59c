"""Text such as "E + A/N**alpha" to a function, by a list of what is allowed: no text is ever run.

`parse` gives the tree of a text or refuses it, `names_in` its names, `evaluator` its function, and
`affine_in` whether it is affine in some of its names. The tree has only a few allowed kinds of
nodes, from which `evaluator` builds nested functions.

Allowed are numbers, names, + - * / **, brackets and calls of `FUNCTIONS`. Limits on length, depth
and exponents keep a hostile text from costing time or memory.
"""

import ast
import keyword
import math
import operator
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeGuard

import jax.numpy as jnp

from scalejax.errors import LawError

FUNCTIONS: dict[str, tuple[Callable[..., Any], int]] = {
    "exp": (jnp.exp, 1),
    "log": (jnp.log, 1),
    "log1p": (jnp.log1p, 1),
    "expm1": (jnp.expm1, 1),
    "sqrt": (jnp.sqrt, 1),
    "logaddexp": (jnp.logaddexp, 2),
    "minimum": (jnp.minimum, 2),
    "maximum": (jnp.maximum, 2),
}
"""What a formula may call, and with how many arguments."""

# Set by judgement: far more than a law needs, and little enough for a hostile text to stay cheap.
MAX_CHARACTERS = 2000
MAX_NODES = 500
MAX_DEPTH = 30
MAX_EXPONENT = 64

_ALLOWED = f"numbers, names, + - * / **, brackets and {', '.join(FUNCTIONS)}"
_TOKEN = re.compile(
    r" |(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?(?![\w.]))"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*)|\*\*|[-+*/,()]"
)
_HINTS = {
    "^": "write ** for powers",
    ".": "a formula has no attributes",
    "[": "write ( ) for brackets",
    "=": "give the right-hand side of the law only",
}
_OPERATORS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}

Values = Mapping[str, Any]
Evaluator = Callable[[Values], Any]


def parse(text: str) -> ast.expr:
    """The tree of a formula in which nothing but the allowed nodes occurs.

    Args:
        text: The formula. Any run of spaces, tabs and line ends should be one space.

    Raises:
        LawError: E301, with the column, counted from 1, and what is allowed.
    """
    _check_tokens(text)
    try:
        tree = ast.parse(text, mode="eval").body
    except SyntaxError as error:
        raise _refusal(text, (error.offset or 1) - 1, f"it cannot be read ({error.msg})") from None
    except (RecursionError, MemoryError):
        raise _refusal(text, 0, "it is nested too deeply") from None
    _check_nodes(tree, text)
    return tree


def names_in(tree: ast.expr) -> tuple[str, ...]:
    """Names of a formula in order of appearance, without those of functions."""
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    nodes = [n for n in ast.walk(tree) if isinstance(n, ast.Name) and id(n) not in called]
    return tuple(dict.fromkeys(n.id for n in sorted(nodes, key=lambda n: n.col_offset)))


def affine_in(tree: ast.expr, names: Collection[str]) -> bool:
    """Whether a formula is affine in all of some names together, the others held.

    It is decided by form: ``A * B / B`` does not count as affine in A and B.
    """
    return _degree(tree, names) <= 1


def evaluator(tree: ast.expr) -> Evaluator:
    """The formula as a function of a mapping from its names to numbers or arrays."""
    number = _number(tree)
    if number is not None:
        return lambda values: number
    match tree:
        case ast.Name(id=name):
            return lambda values: values[name]
        case ast.UnaryOp(operand=operand):
            inner = evaluator(operand)
            return lambda values: -inner(values)
        case ast.Call(func=ast.Name(id=name), args=arguments):
            function, _ = FUNCTIONS[name]
            inners = [evaluator(argument) for argument in arguments]
            return lambda values: function(*(inner(values) for inner in inners))
        case ast.BinOp(left=left, op=ast.Div(), right=right):
            return _over(evaluator(left), right)
        case ast.BinOp(left=left, op=op, right=right):
            apply, first, second = _OPERATORS[type(op)], evaluator(left), evaluator(right)
            exponent = _number(right)
            if isinstance(op, ast.Pow) and exponent is not None and exponent.is_integer():
                # As an integer, so that the base may be negative.
                return lambda values: first(values) ** int(exponent)
            return lambda values: apply(first(values), second(values))
    raise AssertionError(f"unchecked node {ast.dump(tree)}")


def _over(first: Evaluator, right: ast.expr) -> Evaluator:
    """A quotient: A / N**alpha as A * N**-alpha, which has a slope where N**alpha overflows."""
    if _number(right) is None:
        match right:
            case ast.BinOp(base, ast.Pow(), exponent):
                power = evaluator(ast.BinOp(base, ast.Pow(), ast.UnaryOp(ast.USub(), exponent)))
                return lambda values: first(values) * power(values)
            case ast.BinOp(a, ast.Mult(), b):
                if _number(a) is not None:
                    # Last, because Python would divide two numbers and raise for a zero.
                    a, b = b, a
                return _over(_over(first, a), b)
    second = evaluator(right)
    return lambda values: first(values) / second(values)


def _check_tokens(text: str) -> None:
    """Refuse unknown characters, keywords and what is too large before anything is parsed."""
    if len(text) > MAX_CHARACTERS:
        raise _refusal(text, MAX_CHARACTERS, f"it has more than {MAX_CHARACTERS:,} characters")
    nodes = depth = place = 0
    while place < len(text):
        token = _TOKEN.match(text, place)
        if token is None:
            raise _refusal(text, place, _why_unknown(text[place]))
        if keyword.iskeyword(token["name"] or ""):
            raise _refusal(text, place, f"the word {token['name']!r} is not allowed")
        # A node of the tree for each of these, so that what is parsed is small.
        nodes += token[0] not in " (),"
        if nodes > MAX_NODES:
            raise _refusal(text, place, f"it has more than {MAX_NODES} names, numbers and signs")
        depth += (token[0] == "(") - (token[0] == ")")
        if depth > MAX_DEPTH:
            raise _refusal(text, place, f"brackets are nested more than {MAX_DEPTH} deep")
        place = token.end()


def _why_unknown(character: str) -> str:
    if character.isascii() and character.isdigit():
        return "after a number comes an operator (write 2*N, not 2N; 1e6, not 1M or 1_000_000)"
    if character.isalpha() and not character.isascii():
        return f"the letter {character!r} (U+{ord(character):04X}) is not one of a-z and A-Z"
    hint = _HINTS.get(character)
    return f"{character!r} is not allowed{'; ' + hint if hint else ''}"


def _check_nodes(tree: ast.expr, text: str) -> None:
    """Refuse every node that is not on the list, on the way from the root to the leaves."""
    level: list[ast.expr] = [tree]
    depth = 0
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            raise _refusal(text, level[0].col_offset, f"it is nested more than {MAX_DEPTH} deep")
        level = [child for node in level for child in _children(node, text)]
    _check_numbers(tree, text)


def _children(node: ast.expr, text: str) -> list[ast.expr]:
    match node:
        case ast.Constant(value=value) if type(value) in (int, float):
            return []
        case ast.Name():
            return []
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return [operand]
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            return [left, right]
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]) if name in FUNCTIONS:
            wanted = FUNCTIONS[name][1]
            if len(arguments) != wanted:
                raise _refusal(
                    text,
                    node.col_offset,
                    f"{name} takes {wanted} argument{'s' if wanted > 1 else ''}, "
                    f"not {len(arguments)}",
                )
            return arguments
        case ast.Call(func=ast.Name(id=name)):
            raise _refusal(text, node.col_offset, f"{name!r} cannot be called")
        case ast.UnaryOp():
            raise _refusal(
                text, node.col_offset, "a sign + before a term is not allowed; leave it out"
            )
        case _:
            part = text[node.col_offset : node.end_col_offset]
            raise _refusal(text, node.col_offset, f"{part[:40]!r} is not allowed here")


def _check_numbers(tree: ast.expr, text: str) -> None:
    """Refuse constant parts that have no finite value, and large constant exponents."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.expr):
            continue
        try:
            exponent = _number(node.right) if _is_power(node) else None
            if exponent is not None and abs(exponent) > MAX_EXPONENT:
                raise _refusal(
                    text, node.col_offset, f"the exponent {exponent:g} exceeds {MAX_EXPONENT}"
                )
            _number(node)
        except (ArithmeticError, ValueError):
            raise _refusal(
                text, node.col_offset, "a number in it has no finite value in float64"
            ) from None


def _is_power(node: ast.expr) -> TypeGuard[ast.BinOp]:
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow)


def _number(node: ast.expr) -> float | None:
    """The value of a part that consists of numbers only.

    Raises:
        ArithmeticError: Division by zero, or out of the range of float64.
        ValueError: The value is not a real number.
    """
    value: Any = None
    match node:
        case ast.Constant(value=int() | float() as literal):
            value = float(literal)
        case ast.UnaryOp(operand=operand):
            inner = _number(operand)
            value = None if inner is None else -inner
        case ast.BinOp(left=left, op=op, right=right):
            first, second = _number(left), _number(right)
            if first is not None and second is not None:
                value = _OPERATORS[type(op)](first, second)
    if value is not None and not (isinstance(value, float) and math.isfinite(value)):
        raise ValueError(f"{value} is not a finite real number")
    return value


def _degree(node: ast.expr, names: Collection[str]) -> int:
    """0 where a part does not depend on the names, 1 where it is affine in them, else 2."""
    match node:
        case ast.Name(id=name):
            return int(name in names)
        case ast.UnaryOp(operand=operand):
            return _degree(operand, names)
        case ast.Call(args=arguments):
            return 2 * any(_degree(argument, names) for argument in arguments)
        case ast.BinOp(left=left, op=op, right=right):
            first, second = _degree(left, names), _degree(right, names)
            if isinstance(op, ast.Add | ast.Sub):
                return max(first, second)
            if isinstance(op, ast.Mult):
                return min(2, first + second)
            if isinstance(op, ast.Div):
                return 2 if second else first
            return 2 if first or second else 0
    return 0


def _refusal(text: str, place: int, why: str) -> LawError:
    """E301 for a text with the place of the fault, counted from 0."""
    start = max(0, min(place, len(text)) - 30)
    return LawError(
        f"E301 formula not allowed at column {place + 1}, in {text[start : start + 60]!a}: {why}. "
        f"Allowed are {_ALLOWED}."
    )
