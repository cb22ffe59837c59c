"""Laws from text: what is refused, at once and with a sentence (T26)."""

import gc
import random
import string
import time

import jax.numpy as jnp
import pytest
from formula_texts import FEW, FORMS, PIECES

import scalejax as sj
from scalejax.laws import formula_law

ENOUGH = 0.05
"""Seconds that a refusal may take, of the processor: the machine may be busy otherwise."""
ESCAPES = [
    "__import__('os').system('id')",
    "__import__",
    "__class__ + N",
    "N.__class__",
    "().__class__.__bases__[0].__subclasses__()",
    "x.__globals__",
    "exp.__globals__",
    "(1).real + N",
    "1..real + N",
    "9**9**9",
    "9**9**9**9 * N",
    "N**65",
    "A*N**-1e9",
    "(0 - 8)**0.5 * N",
    "1/0 + A*N",
    "1e999 * N",
    "9" * 1900,
    "f'{N}' + A",
    "f'{N!r:>{A}}'",
    "'A' * 10**10",
    "b'A' + N",
    "(A := 3) + N",
    "lambda: N",
    "(lambda N: N)(A)",
    "[N for N in A]",
    "sum(N for N in A)",
    "{A: N}",
    "{A, N}",
    "[A, N]",
    "(A, N)",
    "N[0]",
    "N[A:1]",
    "exp(*N)",
    "exp(**N)",
    "exp(x=N)",
    "exp(N, A)",
    "exp()",
    "exp",
    "exp + N",
    "A(N)",
    "exp(N)(A)",
    "eval(N)",
    "open(N)",
    "os.system(N)",
    "A if N else D",
    "A < N",
    "A and N",
    "not N",
    "A is N",
    "A @ N",
    "A // N",
    "A % N",
    "A << N",
    "A | N",
    "~N",
    "+N",
    "A^N",
    "1j * N",
    "0x10 * N",
    "1_000 * N",
    "007 * N",
    "2N",
    "True * N",
    "None",
    "...",
    "N; A",
    "N # A",
    "N = A",
    "N\\\nA",
    "await N",
    "yield N",
    "*N",
    "N,",
    "A N",
    "",
    " ",
    "(",
    "A*N)",
    "A*N)+(A",
    "A\x00N",
    "\ufeffA*N",
    "А/N",  # noqa: RUF001  a Cyrillic letter
    "A/Ν",  # noqa: RUF001  a Greek letter
    "ℕ*A",  # noqa: RUF001
    "A*N²",
    "A×N",  # noqa: RUF001
    "A−N",  # noqa: RUF001  not the minus sign of the keyboard
    "(" * 1000 + "N" + ")" * 999,
    "(" * 40 + "A*N" + ")" * 40,
    "-" * 1999 + "N",
    "N" + "**A" * 600,
    "exp(" * 400 + "N" + ")" * 400,
    "N" + "+A" * 900,
    "+".join(["A*N"] * 480),
    "A*N" + " " * 2000,
    "loss + N",
    "self + N",
    "_A + N",
    "A + 1",
    "N + D",
    "3",
    "E + A/N**alpha where",
    "E + A/N**alpha where beta real",
    "E + A/N**alpha where alpha in 2:1",
    "E + A/N**alpha where alpha in 0:1",
    "E + A/N**alpha where alpha in -1:1",
    "E + A/N**alpha where alpha in 0.1:1e999",
    "E + A/N**alpha where alpha in nan:1",
    "E + A/N**alpha where alpha linear",
    "E + A/N**alpha where N real",
    "E + A/N**alpha where E real, E unit",
    "E + A/N**alpha where E real where A real",
    "E + A/N**alpha where os.system('id')",
    "E + A/N**alpha where E complex",
]


@pytest.fixture
def _timed():
    """Without the garbage collector, which takes 0.1 s with all of JAX loaded."""
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("_timed")
class TestRefusals:
    @pytest.mark.parametrize("text", ESCAPES, ids=lambda text: ascii(text[:30]))
    def test_escapes(self, text):
        start = time.process_time()
        with pytest.raises(sj.LawError, match=r"^E30[12] "):
            formula_law(text)
        assert time.process_time() - start < ENOUGH

    @pytest.mark.parametrize("text", ["A" * 10**7, " " * 10**7, "(" * 10**7])
    def test_length_is_checked_first(self, text):
        start = time.process_time()
        with pytest.raises(sj.LawError, match="2,000 characters"):
            formula_law(text)
        assert time.process_time() - start < ENOUGH

    def test_length_with_options_is_checked(self):
        with pytest.raises(sj.LawError, match="2,000 characters"):
            formula_law(FEW, supports={"E" * 2000: "real"})

    @pytest.mark.parametrize(
        ("text", "says"),
        [
            ("E + A/N^alpha", r"column 8, in 'E \+ A/N\^alpha'.*write \*\* for powers"),
            ("E + N.real", "column 6.*attributes"),
            ("L = A*N", "right-hand side"),
            ("E + 2N", r"column 5.*write 2\*N"),
            ("E + А/N", r"column 5.*U\+0410"),  # noqa: RUF001
            ("E + sin(N)", "column 5.*'sin' cannot be called.*log1p"),
            ("E + log(N, D)", "log takes 1 argument, not 2"),
            ("E + A/n**alpha", "no input: N, D, C, U, P_w, .* are"),
            ("E + A/N**alpha where foo", "'foo' is not understood"),
            ("E + _x*N where y real", "underscore.*'y' is not in the formula"),
        ],
    )
    def test_say_where_and_what_to_do(self, text, says):
        with pytest.raises(sj.LawError, match=says):
            formula_law(text)

    @pytest.mark.parametrize("text", [None, 3, b"N", ["N"]])
    def test_no_text(self, text):
        with pytest.raises(sj.LawError, match="E301"):
            formula_law(text)

    def test_linear_is_checked(self):
        with pytest.raises(sj.LawError, match="not linear in A, B together"):
            formula_law("A*B*N", linear=("A", "B"))


def random_texts(count, seed):
    """Characters, pieces of formulas, and formulas with a few characters replaced."""
    rng = random.Random(seed)
    forms = list(FORMS)
    for k in range(count):
        if k % 3 == 0:
            yield "".join(rng.choices(string.printable, k=rng.randint(0, 60)))
        elif k % 3 == 1:
            yield "".join(rng.choices(PIECES, k=rng.randint(0, 300 if k % 2 else 12)))
        else:
            text = list(rng.choice(forms))
            for _ in range(rng.randint(1, 3)):
                text[rng.randrange(len(text))] = rng.choice(PIECES)
            yield "".join(text)


def law_or_error(text):
    """The law of a text, or what is wrong with it."""
    try:
        return formula_law(text)
    except sj.LawError as error:
        return str(error)


@pytest.mark.usefixtures("_timed")
class TestFuzz:
    """Every text is a law or a LawError, soon."""

    def check(self, count, seed):
        laws = 0
        for text in random_texts(count, seed):
            start = time.process_time()
            found = law_or_error(text)
            assert time.process_time() - start < ENOUGH, text
            if isinstance(found, str):
                assert found.startswith(("E301 ", "E302 ")), text
            else:
                assert formula_law(found.about) is found
                laws += 1
        # Both outcomes are common enough for the test to mean something.
        assert 0.02 * count < laws < 0.3 * count

    def test_a_few(self):
        self.check(2000, seed=0)

    @pytest.mark.slow
    def test_many(self):
        self.check(100_000, seed=1)

    def test_laws_that_come_out_can_be_called(self):
        found = [law_or_error(text) for text in random_texts(3000, seed=2)]
        laws = [law for law in found if isinstance(law, sj.Law)]
        assert len(laws) > 50
        for law in laws:
            value = law(
                *[jnp.asarray(1.3)] * len(law.inputs),
                **dict.fromkeys(law.parameters, jnp.asarray(0.7)),
            )
            assert jnp.shape(value) == ()
