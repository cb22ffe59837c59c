"""Laws from text: what they compute, what is found out about them, and fits of them."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from formula_texts import CHINCHILLA, FEW, FORMS, KAPLAN
from tampering import edit, seal

import scalejax as sj
from scalejax.cli import cache, main
from scalejax.laws import find_law, formula_law, formula_spec


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
        found = sj.fit(golden, formula_law(CHINCHILLA), resamples=0)
        assert found.status == sj.Status.CONVERGED
        assert found.params == pytest.approx(golden_huber.params, rel=1e-7)
        assert f"formula: {CHINCHILLA}" in found.summary()

    @pytest.mark.slow
    def test_without_linear_parameters(self, golden):
        """Scales of 1e14 are found although nobody said where to look for them."""
        found = sj.fit(golden, f"formula: {KAPLAN}", objective=sj.least_squares(), resamples=0)
        ours = sj.fit(golden, "kaplan", objective=sj.least_squares(), resamples=0)
        assert found.status == ours.status == sj.Status.CONVERGED
        assert found.objective_value == pytest.approx(ours.objective_value, rel=1e-9)

    def test_is_loaded_without_running_anything(self, golden, tmp_path):
        text = f"{FEW} + c*log(D) where c real"
        fit = sj.fit(
            golden, formula_law(text, name="mine"), objective=sj.least_squares(), resamples=0
        )
        fit.save(tmp_path / "fit")
        record = json.loads((tmp_path / "fit" / "fit.json").read_text())
        assert record["law"]["spec"] == f"formula: {text}"
        loaded = sj.load_fit(tmp_path / "fit")
        assert loaded.law is fit.law
        assert loaded.params == fit.params

    def test_a_hostile_formula_in_a_file_is_refused(self, golden, tmp_path):
        sj.fit(golden, f"formula: {CHINCHILLA}", resamples=0).save(tmp_path / "fit")
        for formula, words in (
            ("__import__('os').mkdir('run')", "E301"), (FEW, r"which .* is not"),
        ):  # fmt: skip
            spec = f"formula: {formula}"
            edit(tmp_path / "fit" / "fit.json", lambda fit, spec=spec: fit["law"].update(spec=spec))
            seal(tmp_path / "fit")
            with pytest.raises(sj.LawError, match=words):
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
            *("fit", "golden36", "--formula", CHINCHILLA, "--resamples", "0", "--quick"),
            *("--out", "mine"),
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
