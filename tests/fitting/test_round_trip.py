"""What is saved or printed comes back as the same numbers, anywhere and any time (T20, T24).

A saved fit made again from its own files must give the same parameters, objective and resamples
to 1e-10, whatever made the resamples, in this process or another. Exactness of single files is in
`test_storage.py`, that of printed digits also in `test_summary.py`, the document in
`test_manifest.py`.
"""

import json
import os
import re
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

import scalejax as sj
from scalejax.fitting.manifest import read_about
from scalejax.fitting.reproduction import reproduce
from scalejax.fitting.storage import save_fit

# Runs in 21 clusters and three strata; the weights are of any scale.
RUNS = sj.datasets.load("golden36").assign(
    run=[f"r{k * 21 // 36}" for k in range(36)],
    member=[f"m{k // 2}" for k in range(36)],
    family=[f"f{k // 12}" for k in range(36)],
    w=np.linspace(0.5, 2.0, 36),
)
DRAWS = 8
KINDS = {
    "pairs": {},
    "cluster": {"run": "run"},
    "nested": {"run": ("run", "member")},
    "stratified": {"strata": "family"},
    "bayesian": {"run": "run"},
    "jackknife": {"run": "run"},
    "residual": {},
    "wild": {"run": "run", "weights": "w"},
    "parametric": {"noise": 0.003, "weights": "w"},
}
# Of weights, and without randomness: each compiles a program of its own.
SHORT = ("nested", "jackknife")
MODULE = """
import scalejax as sj

@sj.law(linear=("E", "A"))
def mine(N, D, *, E: sj.Positive, A: sj.Positive, alpha: sj.Positive):
    return E + A * (N * D) ** -alpha
"""


def numbers(fit):
    """All numbers of a fit in one array."""
    draws = [*fit.draws.parameters.values(), fit.draws.objective]
    return np.concatenate([[*fit.params.values(), fit.objective_value], *draws])


def assert_reproduced(found):
    assert found.reproduced, str(found)
    assert found.largest <= 1e-10
    # Not by its own account alone.
    np.testing.assert_allclose(numbers(found.again), numbers(found.saved), rtol=1e-10, atol=0)
    np.testing.assert_array_equal(found.again.draws.status, found.saved.draws.status)
    assert found.again.draws.method == found.saved.draws.method
    assert (found.again.status, found.again.starts) == (found.saved.status, found.saved.starts)


@pytest.fixture(scope="module")
def fit():
    return sj.fit(RUNS, resamples=DRAWS)


class TestEveryKindOfResampling:
    @pytest.mark.parametrize(
        "kind",
        [pytest.param(kind, marks=() if kind in SHORT else pytest.mark.slow) for kind in KINDS],
    )
    def test_is_made_again(self, kind, tmp_path):
        made = sj.fit(RUNS, resampling=kind, resamples=DRAWS, seed=11, **KINDS[kind])
        assert made.draws.method.split()[-1] == kind
        found = reproduce(save_fit(made, tmp_path / "fit"))
        assert_reproduced(found)
        assert len(found.again.draws) == (21 if kind == "jackknife" else DRAWS)
        # The draws differ from each other, so that equal ones say something.
        assert np.ptp(made.draws.parameters["alpha"]) > 1e-6

    def test_weights_of_the_callers_own(self, tmp_path):
        weights = np.random.default_rng(1).multinomial(36, np.full(36, 1 / 36), DRAWS)
        made = sj.fit(RUNS, resamples=weights, weights="w")
        folder = save_fit(made, tmp_path / "fit")
        found = reproduce(folder)
        assert found.same
        assert not found.reproduced
        assert str(found).startswith("reproduced in part: ")
        assert "the draws were not made again: their weights were given" in str(found)
        assert len(found.again.draws) == 0
        assert_reproduced(reproduce(folder, resamples=weights))
        assert not reproduce(folder, resamples=weights[::-1]).same
        for wrong in (weights[1:], weights[:, 1:], 3):
            with pytest.raises(sj.UsageError, match="resamples"):
                reproduce(folder, resamples=wrong)

    def test_weights_are_for_a_fit_that_had_some(self, fit, tmp_path):
        folder = save_fit(fit, tmp_path / "fit")
        with pytest.raises(sj.UsageError, match="made again from the seed"):
            reproduce(folder, resamples=np.ones((DRAWS, 36)))

    def test_another_seed_is_noticed(self, fit, tmp_path):
        other = replace(fit, settings={**fit.settings, "seed": 1})
        found = reproduce(save_fit(other, tmp_path / "fit"))
        assert not found.same
        assert max(found.parameters.values()) <= 1e-10
        assert min(found.draws.values()) > 1e-10

    def test_draws_of_another_kind_are_not_taken_for_these(self, fit, tmp_path):
        other = replace(fit, draws=replace(fit.draws, method="posterior"))
        found = reproduce(save_fit(other, tmp_path / "fit"))
        assert found.same
        assert not found.reproduced
        assert "of another kind (posterior)" in str(found)


class TestEveryKindOfFit:
    def test_an_objective_that_tuned_itself(self, tmp_path):
        made = sj.fit(RUNS, objective=sj.huber("auto"), resamples=DRAWS)
        assert_reproduced(reproduce(save_fit(made, tmp_path / "fit")))

    def test_runs_that_the_fit_found_itself(self, tmp_path):
        """Checkpoints of one run that nobody declared become clusters, which are saved."""
        rng = np.random.default_rng(5)
        size = np.repeat(np.geomspace(1e8, 1e10, 9), 4)
        tokens = np.tile(np.geomspace(1e9, 1e11, 4), 9) * np.repeat([1, 1.3, 0.8], 12)
        noise = np.repeat(rng.normal(0, 0.01, 9), 4)
        loss = (1.7 + 480 * size**-0.34 + 2000 * tokens**-0.37) * np.exp(noise)
        with pytest.warns(sj.FitWarning):
            made = sj.fit({"N": size, "D": tokens, "loss": loss}, resamples=DRAWS)
        assert made.draws.method == "cluster"
        assert_reproduced(reproduce(save_fit(made, tmp_path / "fit")))

    def test_a_formula_with_constraints_and_no_draws(self, tmp_path):
        made = sj.fit(
            RUNS,
            "formula: E + A/N**alpha + B/D**beta",
            objective=sj.huber(0.01),
            fixed={"E": 1.7},
            tied={"beta": "alpha"},
            bounds={"A": (0.0, 400.0)},
            priors={"B": sj.objectives.LogNormal(7.0, 1.0)},
            exclude=[3, 17],
            weights="w",
            resamples=0,
        )
        found = reproduce(save_fit(made, tmp_path / "fit"))
        assert_reproduced(found)
        assert found.draws == {}
        assert "draws" not in str(found)

    @pytest.mark.slow
    def test_a_law_of_ones_own_for_many_groups(self, tmp_path):
        file = tmp_path / "laws.py"
        file.write_text(MODULE)
        mine = sj.find_law(f"{file}:mine")
        groups = pd.concat([RUNS, RUNS.iloc[:34]]).assign(by=["a"] * 36 + ["b"] * 34)
        for group, made in sj.fit_many(groups, mine, by="by").items():
            assert_reproduced(reproduce(save_fit(made, tmp_path / group), mine))


ELSEWHERE = """
import json, locale, sys
import scalejax as sj
from scalejax.fitting.reproduction import reproduce
from scalejax.fitting.storage import save_fit

folder, runs, out = sys.argv[1:]
try:
    locale.setlocale(locale.LC_ALL, "")
except locale.Error:
    pass  # not installed here; what reads the variables itself still sees them
found = reproduce(folder)
made = sj.fit(runs, resamples=8)
save_fit(made, out, {"models": 36, "tuning": "größer"})
print(json.dumps([found.reproduced, found.largest, found.changed]))
"""


class TestAnotherProcess:
    def test_same_numbers_and_bytes_elsewhere(self, tmp_path):
        """A fresh interpreter with another locale, time zone, hash seed and working directory."""
        file = tmp_path / "läufe.csv"
        RUNS.to_csv(file, index=False)
        made = sj.fit(file, resamples=DRAWS)
        here = save_fit(made, tmp_path / "here", {"models": 36, "tuning": "größer"})
        there = tmp_path / "there"
        places = [("de_DE.UTF-8", "Pacific/Kiritimati", "1"), ("C", "America/St_Johns", "77")]
        script = tmp_path / "elsewhere.py"
        script.write_text(ELSEWHERE, encoding="utf-8")
        for locale, zone, seed in places:
            (tmp_path / seed).mkdir()
            done = subprocess.run(
                [sys.executable, str(script), str(here), str(file), str(there)],
                env={**os.environ, "LC_ALL": locale, "TZ": zone, "PYTHONHASHSEED": seed},
                cwd=tmp_path / seed, capture_output=True, text=True, check=False,
            )  # fmt: skip
            assert done.returncode == 0, done.stderr
            assert json.loads(done.stdout) == [True, 0.0, {}]
            for path in here.iterdir():
                assert (there / path.name).read_bytes() == path.read_bytes(), path.name

    @pytest.mark.slow
    def test_a_law_of_ones_own_on_the_command_line(self, tmp_path):
        file = tmp_path / "laws.py"
        file.write_text(MODULE)
        save_fit(sj.fit(RUNS, f"{file}:mine", resamples=0), tmp_path / "fit")

        def run(*words):
            command = [sys.executable, "-m", "scalejax", "reproduce", "fit/manifest.json", *words]
            return subprocess.run(
                command, cwd=tmp_path, capture_output=True, text=True, check=False,
                env={**os.environ, "SCALEJAX_NO_CACHE": "1"},
            )  # fmt: skip

        done = run()
        assert (done.returncode, done.stdout) == (1, "")
        assert "runs no code that a file names" in done.stderr
        done = run("--law", "laws.py:mine", "--json")
        assert (done.returncode, done.stderr) == (0, "")
        assert json.loads(done.stdout)["largest"] <= 1e-10


def best_ratio(p, flops):
    """D/N at the least loss for C = 6 N D (closed form)."""
    total = p["alpha"] + p["beta"]
    scale = (p["alpha"] * p["A"] / (p["beta"] * p["B"])) ** (1 / total)
    n = scale * (flops / 6) ** (p["beta"] / total)
    return flops / 6 / n**2


class TestFilesAndPrint:
    def test_loading_what_was_saved_gives_the_same_bits(self, fit, tmp_path):
        loaded = sj.load_fit(save_fit(fit, tmp_path / "fit"))
        assert numbers(loaded).tobytes() == numbers(fit).tobytes()
        far = {"N": [1e9, 7e10], "D": [1e12, 1.4e12]}
        pd.testing.assert_frame_equal(
            loaded.predict(far, discrepancy=0.0), fit.predict(far, discrepancy=0.0),
            check_exact=True,
        )  # fmt: skip

    def test_json_toml_and_parquet_are_exact(self, fit, tmp_path):
        awkward = [0.1 + 0.2, 5e-324, 1.7976931348623157e308, -0.0, 2**53 + 1.0, 1 / 3]
        values = dict(zip(fit.params, awkward, strict=False))
        draws = {name: np.resize(np.roll(awkward, k), DRAWS) for k, name in enumerate(values)}
        odd = replace(fit, params=values, draws=replace(fit.draws, parameters=draws))
        folder = save_fit(odd, tmp_path / "fit")
        record = json.loads((folder / "fit.json").read_text())
        stored = pq.read_table(folder / "draws.parquet")
        for name, value in values.items():
            assert np.float64(record["params"][name]).tobytes() == np.float64(value).tobytes()
            assert np.array(stored[name]).tobytes() == draws[name].tobytes()
        file = tmp_path / "about.toml"
        file.write_text(f"optimizer = [{', '.join(map(repr, awkward))}]\nmodels = {10**18 + 1}\n")
        about = read_about(file)
        save_fit(fit, folder, about)
        document = json.loads((folder / "manifest.json").read_text())["questions"]["training"]
        assert np.array(document["optimizer"]["user"]).tobytes() == np.array(awkward).tobytes()
        assert document["models"]["user"] == 10**18 + 1

    @pytest.mark.parametrize("name", ["fitted", *sj.LAWS["chinchilla"].published])
    def test_parameters_read_from_a_printed_fit_are_the_same_law(self, fit, name):
        """T24: L moves less than 1e-4 nats and D/N less than 0.5 %, up to 1000 times the data."""
        if name != "fitted":
            fit = replace(fit, params=dict(fit.law.published[name]))
        for text in (str(fit), fit.summary(), printed_frame(fit)):
            typed = {
                key: float(re.search(rf"\b{key}'?:?\s+(\d[-+.\de]*)", text)[1])
                for key in fit.params
            }
            for beyond in (1, 1e3):
                far = [beyond * float(np.max(fit.table.inputs[key])) for key in ("N", "D")]
                assert abs(fit.law(*far, **typed) - fit.law(*far, **fit.params)) < 1e-4
                flops = 6 * far[0] * far[1]
                expected = best_ratio(fit.params, flops)
                assert best_ratio(typed, flops) == pytest.approx(expected, rel=5e-3)


def printed_frame(fit):
    """The parameters as pandas prints them."""
    return fit.conf_int()["estimate"].to_string()
