"""Laws from text: what they compute, what is found out about them, and what is refused (T26)."""

import gc
import json
import random
import string
import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import scalejax as sj
from scalejax.cli import cache, main
from scalejax.laws import find_law, formula_law, formula_spec

CHINCHILLA = "E + A/N**alpha + B/D**beta"
KAPLAN = "((Nc/N)**(alpha_N/alpha_D) + Dc/D)**alpha_D"
ENOUGH = 0.05
"""Seconds that a refusal may take, of the processor: the machine may be busy otherwise."""

FORMS = {
    CHINCHILLA: ("E", "A", "B"),
    KAPLAN: (),
    "(Nc/N)**alpha": (),
    "E + (A/N**alpha + B/D**beta)**gamma": ("E",),
    "E + A*B/N**alpha": ("E", "A"),
    "A*(B + F/N)": ("A",),
    "E*exp(-k*log(N)) - B*D": ("E", "B"),
    "E + A/(N + Nc)": ("E", "A"),
    "A/(B*N)": ("A",),
    "-E - A*N": ("E", "A"),
    "logaddexp(A, log(N)) + E": ("E",),
    "(A + B*N)**2 + E": ("E",),
    "E + minimum(A, N)": ("E",),
    "E + A*N where A real": ("E", "A"),
    "f*N + (1 - f)*D": ("f",),
    "f*N + (1 - f)*D where f unit": (),
    "A*B*N where B linear": ("B",),
}
FEW = "E + A/N**alpha"
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


def points(law, count, seed=0):
    rng = np.random.default_rng(seed)
    inputs = tuple(10 ** rng.uniform(6, 13, count) for _ in law.inputs)

    def draw(parameter):
        if parameter.support.lower < 0:
            return rng.uniform(*parameter.plausible, count)
        return np.exp(rng.uniform(*np.log(parameter.plausible), count))

    return inputs, {name: draw(parameter) for name, parameter in law.parameters.items()}


class TestValue:
    @pytest.mark.parametrize(
        ("text", "name"),
        [
            (CHINCHILLA, "chinchilla"),
            (KAPLAN, "kaplan"),
            ("E + (A/N**alpha + B/D**beta)**gamma", "outer_exponent"),
            ("E + A/N**alpha + B/D**alpha", "chinchilla_tied"),
            ("E + A/C**alpha", "floor_power_C"),
        ],
    )
    def test_is_the_built_in_law(self, text, name):
        ours = sj.LAWS[name]
        found = formula_law(text)
        inputs, values = points(ours, 200)
        assert found.inputs == ours.inputs
        assert set(found.parameters) == set(ours.parameters)
        with jax.enable_x64(True):
            # Two ways to write the same powers, up to 17 of numbers up to 1e11.
            assert found(*inputs, **values) == pytest.approx(ours(*inputs, **values), rel=1e-13)

    @pytest.mark.parametrize(
        "text",
        [
            "-N**2*a - -D",
            "N/D/a",
            "N/(D*a)",
            "N/(3*a)",
            "N/(a*3)",
            "2/(4*D*a**2)",
            "1/a**-D",
            "N - D - a",
            "N**a**0.5",
            "(N**a)**0.5",
            "2*3/4*a*N",
            "a*N**2.0",
            "(D - 2*N)**3 * a",
            "1e-3*a + .5*N + 2.*D",
            " a \n* \t N",
        ],
    )
    def test_reads_like_python(self, text):
        """Precedence and associativity are Python's; eval of our own text is the yardstick."""
        law = formula_law(text)
        values = {"N": 1.7, "D": 2.9, "a": 0.6}
        expected = eval(text.strip().replace("\n", " "), {}, values)
        found = law(*(values[x] for x in law.inputs), a=0.6)
        assert float(found) == pytest.approx(expected, rel=1e-14)

    def test_functions_are_those_of_numpy(self):
        text = "exp(a)*log(N) + log1p(D)*expm1(a) + sqrt(N) - logaddexp(a, D) + minimum(a, N)"
        law = formula_law(f"{text} + maximum(a, D)")
        N, D, a = 3.0, 5.0, 0.7
        expected = (
            np.exp(a) * np.log(N) + np.log1p(D) * np.expm1(a) + np.sqrt(N)
            - np.logaddexp(a, D) + np.minimum(a, N) + np.maximum(a, D)
        )  # fmt: skip
        with jax.enable_x64(True):
            assert float(law(N, D, a=a)) == pytest.approx(expected, rel=1e-14)

    def test_jit_vmap_and_grad(self):
        ours, found = sj.LAWS["chinchilla"], formula_law(CHINCHILLA)
        (N, D), values = points(ours, 5)
        with jax.enable_x64(True):

            def slopes(law):
                def loss(x, values):
                    return law(*x, **values)

                return jax.jit(jax.vmap(jax.grad(loss, (0, 1))))((jnp.asarray(N), D), values)

            found, expected = jax.tree.leaves(slopes(found)), jax.tree.leaves(slopes(ours))
        for a, b in zip(found, expected, strict=True):
            assert np.asarray(a) == pytest.approx(np.asarray(b), rel=1e-13)

    def test_slope_where_the_power_overflows(self):
        """N**alpha is 1e390 here: the term is 0, and so is its slope in alpha."""
        law = formula_law("E + A/(2*N**alpha)")
        with jax.enable_x64(True):
            slope = jax.grad(lambda alpha: law(1e13, E=1.0, A=1.0, alpha=alpha))(30.0)
        assert float(slope) == 0.0

    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_dtype_follows_the_input(self, dtype):
        law = formula_law("E + 2*A/N**alpha + 3*log(2)")
        with jax.enable_x64(True):
            found = law(jnp.asarray(1e9, dtype), E=1.0, A=2.0, alpha=0.5)
        assert found.dtype == dtype


class TestWhatIsFoundOut:
    @pytest.mark.parametrize(("text", "linear"), FORMS.items())
    def test_linear_parameters(self, text, linear):
        law = formula_law(text)
        assert law.linear == linear
        inputs, values = points(law, 20)
        rest = {name: values[name] for name in law.nonlinear}

        def along(*u):
            return law(*inputs, **rest, **dict(zip(linear, u, strict=True)))

        with jax.enable_x64(True):
            if linear:
                # No second derivative in any pair of them, at 20 points.
                bend = jax.jacfwd(jax.jacfwd(lambda u: along(*u)))(jnp.ones(len(linear)))
                assert np.all(np.asarray(bend) == 0)

    def test_inputs_first_of_the_vocabulary_then_of_the_formula(self):
        law = formula_law("E + z*D + a*y*N where z input, y input")
        assert law.inputs == ("N", "D", "z", "y")
        assert list(law.parameters) == ["E", "a"]

    def test_supports_and_ranges(self):
        law = formula_law(f"{CHINCHILLA} + c*log(D) + f where c real, f unit, E within 1:2")
        found = {name: p.support.name for name, p in law.parameters.items()}
        assert found == {
            **dict.fromkeys(("E", "A", "alpha", "B", "beta"), "positive"),
            "c": "real",
            "f": "unit_interval",
        }
        assert law.parameters["E"].bounds == (1.0, 2.0)
        ours = sj.LAWS["chinchilla"].parameters
        for name in ("A", "alpha", "B", "beta"):
            assert law.parameters[name] == ours[name].__class__(
                name, ours[name].support, "", ours[name].plausible, ours[name].bounds
            )

    def test_a_scale_is_sought_where_its_input_lies(self):
        law = formula_law("E + (Nc/N)**alpha where alpha in 0.1:0.9")
        assert law.parameters["Nc"].plausible == (1e3, 1e15)
        assert law.parameters["alpha"].plausible == (0.1, 0.9)

    def test_same_text_same_law(self):
        law = formula_law("E + A/N**alpha + c*x where x input, c real, alpha in 0.1:1.0, A linear")
        same = formula_law(
            " E + A/N**alpha\t + c*x\n",
            inputs=["x"],
            supports={"c": "real"},
            plausible={"alpha": (0.1, 1)},
            linear=("A",),
        )
        assert same.about == law.about.replace("1.0", "1")
        assert formula_law(law.about) is law
        assert find_law(formula_spec(law)) is law
        assert find_law(f"formula:{law.about}") is law
        assert formula_spec(sj.LAWS["chinchilla"]) is None

    def test_options_of_python_follow_those_of_the_text(self):
        law = formula_law(f"{FEW} where A real", bounds={"E": (0.5, 1)}, name="mine")
        assert law.about == f"{FEW} where A real, E within 0.5:1"
        assert law.name == "mine"


class TestFit:
    def test_gives_the_certified_parameters(self, golden, golden_huber):
        found = sj.fit(golden, formula_law(CHINCHILLA))
        assert found.status == sj.Status.CONVERGED
        assert found.params == pytest.approx(golden_huber.params, rel=1e-7)
        assert f"formula: {CHINCHILLA}" in found.summary()

    @pytest.mark.slow
    def test_without_linear_parameters(self, golden):
        """Scales of 1e14 are found although nobody said where to look for them."""
        found = sj.fit(golden, f"formula: {KAPLAN}", objective=sj.least_squares())
        ours = sj.fit(golden, "kaplan", objective=sj.least_squares())
        assert found.status == ours.status == sj.Status.CONVERGED
        assert found.objective_value == pytest.approx(ours.objective_value, rel=1e-9)

    def test_is_loaded_without_running_anything(self, golden, tmp_path):
        text = f"{FEW} + c*log(D) where c real"
        fit = sj.fit(golden, formula_law(text, name="mine"), objective=sj.least_squares())
        fit.save(tmp_path / "fit")
        record = json.loads((tmp_path / "fit" / "fit.json").read_text())
        assert record["law"]["spec"] == f"formula: {text}"
        loaded = sj.load_fit(tmp_path / "fit")
        assert loaded.law is fit.law
        assert loaded.params == fit.params

    def test_a_hostile_formula_in_a_file_is_refused(self, golden, tmp_path):
        sj.fit(golden, f"formula: {CHINCHILLA}").save(tmp_path / "fit")
        file = tmp_path / "fit" / "fit.json"
        record = json.loads(file.read_text())
        record["law"]["spec"] = "formula: __import__('os').mkdir('run')"
        file.write_text(json.dumps(record))
        with pytest.raises(sj.LawError, match="E301"):
            sj.load_fit(tmp_path / "fit")
        record["law"]["spec"] = f"formula: {FEW}"
        file.write_text(json.dumps(record))
        with pytest.raises(sj.LawError, match=r"which .* is not"):
            sj.load_fit(tmp_path / "fit")


class TestCommand:
    @pytest.fixture
    def run(self, capsys, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv(cache.NO_CACHE_VARIABLE, "1")

        def call(*words):
            with pytest.raises(SystemExit) as end:
                main(words)
            return (end.value.code or 0, *capsys.readouterr())

        return call

    def test_fit_save_and_show(self, run):
        code, out, _ = run(
            *("fit", "golden36", "--formula", CHINCHILLA, "--bootstrap", "0", "--out", "mine")
        )
        assert code == 0
        assert f"formula: {CHINCHILLA}" in out
        code, shown, _ = run("show", "mine")
        assert (code, shown) == (0, out)

    def test_show_a_formula(self, run):
        code, out, _ = run("show", f"formula: {CHINCHILLA}")
        assert code == 0
        assert "inputs      N (parameters); D (training tokens)" in out

    def test_excludes_law(self, run):
        code, _, err = run("fit", "--formula", CHINCHILLA, "--law", "chinchilla")
        assert code == 2
        assert "--law" in err

    def test_refusal_is_one_line(self, run):
        code, out, err = run("fit", "--formula", "E + A/N^alpha")
        assert (code, out) == (1, "")
        assert "E301" in err
        assert "write ** for powers" in err
        assert err.count("\n") == 1


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


PIECES = [
    *"NDCEABabx0123456789.()+-*/,_ ^[]{}<>=!'\"\\#@:;&|~%$\x00\n\té",
    *("**", "alpha", "exp(", "log1p(", "minimum(", "1e9", "1e999", "9**9", "lambda ", " if "),
    *(" where ", " real", " input", " in 0.1:1", " within ", " linear", ", ", "__class__", "f'"),
]


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
