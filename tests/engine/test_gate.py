"""What `fit` refuses before it solves anything, and what it says of fits that run nevertheless."""

import numpy as np
import pytest

import scalejax as sj
from scalejax.status import Status

SIZES = np.geomspace(1e7, 1e9, 20)
LAW = sj.LAWS["chinchilla"]
TRUTH = {"E": 1.8, "A": 480.0, "alpha": 0.35, "B": 2100.0, "beta": 0.37}


def runs(N, D, sd=0.002):
    noise = np.random.default_rng(0).normal(0, sd, np.broadcast(N, D).size)
    loss = TRUTH["E"] + TRUTH["A"] * N ** -TRUTH["alpha"] + TRUTH["B"] * D ** -TRUTH["beta"]
    return {"N": N, "D": D, "loss": loss * np.exp(noise)}


ONE_RATIO = runs(SIZES, 20 * SIZES)


def refusal(data, *law, **options):
    with pytest.raises(sj.InputError) as refused:
        sj.fit(data, *law, **options)
    return refused.value


class TestUnidentified:
    def test_one_ratio_is_refused_with_a_remedy(self):
        error = refusal(ONE_RATIO)
        assert [problem.code for problem in error.problems] == ["E133"]
        for words in ("all 20 runs have 20 tokens per parameter", "add runs at N=", "allow_un"):
            assert words in str(error)

    @pytest.mark.slow
    def test_the_remedy_is_one(self):
        """With the runs that the message of the design names, the design is accepted."""
        more = sj.design_identifiability(ONE_RATIO).remedy
        mended = {
            name: np.append(ONE_RATIO[name], [run[name] for run in more]) for name in ("N", "D")
        }
        assert sj.fit(runs(**mended), resamples=0).status == Status.CONVERGED

    def test_allowed_it_leaves_no_interval_where_nothing_is_known(self):
        """The estimate runs away to a bound, where alpha looks as if it were determined."""
        with pytest.warns(sj.FitWarning, match="not_identified"):
            fit = sj.fit(ONE_RATIO, allow_unidentified=True, resamples=0)
        frame = fit.conf_int()
        assert set(fit.flat) == {"A", "alpha", "B", "beta"}
        assert frame.loc[list(fit.flat), ["stderr", "lo", "hi"]].isna().all(axis=None)
        assert frame.loc[["E"], ["stderr", "lo", "hi"]].notna().all(axis=None)
        assert "flat: A, alpha, B, beta" in fit.summary()

    @pytest.mark.slow
    def test_a_tie_or_a_prior_determines_it(self):
        """One exponent for both inputs leaves A and B open; a prior does not."""
        assert refusal(ONE_RATIO, tied={"beta": "alpha"}).problems[0].code == "E133"
        fixed = {"A": TRUTH["A"], "alpha": TRUTH["alpha"]}
        assert sj.fit(ONE_RATIO, fixed=fixed, resamples=0).status == Status.CONVERGED
        priors = {"alpha": sj.Normal(0.35, 0.01), "A": sj.LogNormal(480.0, 0.01)}
        fit = sj.fit(ONE_RATIO, priors=priors, resamples=0)
        assert fit.status == Status.CONVERGED
        assert fit.params["alpha"] == pytest.approx(0.35, abs=0.02)
        assert np.isfinite(fit.conf_int()[["lo", "hi"]]).all(axis=None)

    @pytest.mark.slow
    def test_one_group_of_many_does_not_stop_the_others(self):
        square = runs(np.repeat(SIZES[::4], 5), np.tile(SIZES[::4] * 20, 5))
        both = {name: np.concatenate([square[name], ONE_RATIO[name]]) for name in square}
        both["family"] = np.array(["square"] * 25 + ["ratio"] * 20)
        with pytest.warns(sj.FitWarning, match=r"1 of 2 groups did not converge \(ratio\)"):
            fits = sj.fit_many(both, by="family")
        assert fits["square"].status == Status.CONVERGED


class TestBounds:
    def test_all_at_once(self):
        error = refusal(sj.datasets.load("golden36"), bounds={"E": (2, 1), "A": (-1, 3)})
        assert [problem.code for problem in error.problems] == ["E145", "E145"]

    @pytest.mark.parametrize("held", [{"bounds": {"E": (2.5, 4)}}, {"fixed": {"E": 2.5}}])
    def test_a_floor_above_a_loss(self, held):
        error = refusal(sj.datasets.load("golden36"), **held)
        assert "E145: E is held at 2.5 or above, but the smallest loss is 2.12" in str(error)

    def test_other_parameters_may_exceed_the_losses(self):
        fit = sj.fit(
            sj.datasets.load("golden36"), bounds={"A": (10, 1e4), "E": (1, 2)}, resamples=0
        )
        assert fit.status == Status.CONVERGED


class TestBrokenLaws:
    def test_what_the_law_raises_is_told_with_its_line(self):
        @sj.law
        def broken(N, *, a: sj.Positive):
            return a * undefined  # noqa: F821

        with pytest.raises(sj.LawError, match=r"line \d+ of .*test_gate.py\): NameError: .*undef"):
            sj.fit(ONE_RATIO, broken, resamples=0)

    def test_a_law_gives_one_number(self):
        @sj.law
        def two(N, *, a: sj.Positive):
            return (a * N, N)

        with pytest.raises(sj.LawError, match="one real number for one run, not tuple"):
            sj.fit_many({**ONE_RATIO, "family": ["x"] * 20}, two, by="family")


def test_sigma_in_other_units_is_noticed():
    data = sj.datasets.load("golden36").assign(sd=5.0)
    with pytest.warns(sj.FitWarning, match=r"W212 column 'sd': the losses scatter 0\.001"):
        sj.fit(data, sigma="sd", resamples=0)
    sj.fit(data.assign(sd=0.01), sigma="sd", resamples=0)
