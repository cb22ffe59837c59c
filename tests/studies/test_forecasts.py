"""Studies with a run to come: the same forecasts as of fits, and the same bytes however made."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from study_runs import bytes_of, family

import scalejax as sj
from scalejax.studies import StudyFile, prepare, subset_grid
from scalejax.studies import job as jobs
from scalejax.studies.files import study_of
from scalejax.studies.folder import Folder
from scalejax.studies.forecasts import forecast_columns
from scalejax.studies.shards import cut

AT = {"N": "70B", "D": 1.4e12}
NUMBERS = ["forecast", "forecast_lo", "forecast_hi"]


@pytest.fixture(scope="module")
def study():
    """Six problems, three of them shorter."""
    return sj.Study(
        recipes=("chinchilla",),
        by=("family",),
        run="model",
        subsets=subset_grid(until=(1.0, 0.6)),
        target=False,
        resamples=2,
        level=0.9,
        forecast_at=AT,
    )


@pytest.fixture(scope="module", autouse=True)
def small():
    """Shards of three problems, so that all forecasts have one program."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jobs, "cut", lambda problems, fits: cut(problems, 9))
        yield


def of_problems(result):
    return result.held_out.set_index(["family", "until"]).sort_index()


class TestForecasts:
    def test_are_those_of_the_fits(self, result, runs):
        fits = sj.fit_many(runs, by="family", run="model")
        wanted = sj.forecast_many(fits, at=AT, level=0.9).points.set_index("family")
        found = of_problems(result).xs(1.0, level="until")
        np.testing.assert_allclose(found[NUMBERS], wanted[["loss", "lo", "hi"]], rtol=1e-9)
        assert (found["forecast_reason"] == "").all()

    def test_every_row_and_the_wide_frame_have_that_of_their_problem(self, result):
        assert (result.frame.groupby("problem")[NUMBERS].nunique() == 1).all(axis=None)
        wide = result.wide().set_index("problem")
        pd.testing.assert_frame_equal(
            wide[NUMBERS].sort_index(),
            result.held_out.set_index("problem")[NUMBERS].sort_index(),
            check_names=False,
        )

    def test_a_multiple_is_along_the_ratio_of_the_largest_run(self, study, runs):
        """That is its N and D, both times the square root."""
        last = runs[runs["family"] == "f0"].sort_values("N").iloc[-1]
        point = {name: float(last[name]) * np.sqrt(30.0) for name in ("N", "D")}
        found, wanted = (first_shard(replace(study, forecast_at=at), runs) for at in ("30x", point))
        for name in NUMBERS:
            np.testing.assert_allclose(found[name], wanted[name], rtol=1e-9)

    def test_what_has_none_says_why(self, study, runs):
        few = family(5).iloc[:3].assign(family="few")
        one = replace(study, subsets=subset_grid())
        result = sj.study(one, pd.concat([runs, few], ignore_index=True))
        frame = result.held_out
        none = frame["forecast"].isna()
        assert (none == (frame["family"] == "few")).all()
        assert frame["forecast_reason"].tolist() == ["3 rows are too few" * one for one in none]
        summary = result.summary()
        assert "Forecast of N=70B, D=1.4T (90 % intervals of a new run):" in summary
        assert "1 have none: 3 rows are too few" in summary

    def test_families_of_any_kind_have_numbers_or_a_reason(self, study, runs):
        """One place, one loss, or noise of any size: what one has is nothing to the others."""
        one = family(0)
        noise = np.exp(5 * np.random.default_rng(0).standard_normal(len(one)))
        odd = [
            one,
            one.assign(N=1e9, D=2e10, family="place"),
            one.assign(loss=3.0, family="loss"),
            one.assign(loss=one["loss"] * noise, family="noise"),
        ]
        some = replace(study, subsets=subset_grid(), resamples=0)
        far = {"N": 1e200, "D": 1e200}
        for at, has in ((AT, True), (far, False)):
            found = first_shard(replace(some, forecast_at=at), pd.concat(odd, ignore_index=True))
            for name in NUMBERS:
                assert (np.isfinite(found[name]) == has).all()
            assert [why == "" for why in found["forecast_reason"]] == [has] * len(found[NUMBERS[0]])

    def test_a_law_without_a_size_has_no_multiples(self, runs):
        @sj.law
        def loss_of_bits(P, *, E: sj.Positive):
            return E + 2.0**-P

        one = sj.Study(recipes=(loss_of_bits,), resamples=0, target=False, forecast_at="10x")
        found = first_shard(one, runs.assign(P=np.linspace(2, 8, len(runs))))
        (why,) = found["forecast_reason"]
        assert why == (
            "P: none is a size that could be 10 times larger; say the runs by forecast_at=."
        )


def first_shard(study, runs):
    """The forecasts of its problems, without their fits."""
    job = prepare(study, runs)
    return forecast_columns(job.problems, replace(job.shards[0], last=1))


class TestJobs:
    def test_stopped_and_on_workers_are_the_same(self, study, runs, result, tmp_path):
        def halt(progress):
            raise KeyboardInterrupt

        whole, stopped, workers = (tmp_path / name for name in ("whole", "stopped", "workers"))
        found = sj.study(study, runs, out=whole)
        pd.testing.assert_frame_equal(found.frame, result.frame)
        with pytest.raises(KeyboardInterrupt):
            sj.study(study, runs, out=stopped, progress=halt)
        assert len(Folder(stopped).finished_shards()) == 1
        sj.resume(stopped)
        with ThreadPoolExecutor(2) as executor:
            sj.study(study, runs, out=workers, executor=executor)
        assert bytes_of(stopped) == bytes_of(workers) == bytes_of(whole)

    def test_a_part_without_the_sample_has_none(self, study, runs):
        job = prepare(study, runs)
        part = forecast_columns(job.problems, replace(job.shards[0], first=1))
        assert {len(values) for values in part.values()} == {replace(job.shards[0], first=1).fits}
        assert all(np.isnan(part[name]).all() for name in NUMBERS)

    def test_another_run_to_come_is_another_job(self, study, runs, tmp_path):
        one = replace(study, resamples=0, forecast_at=None)
        assert not set(NUMBERS) & set(sj.study(one, runs, out=tmp_path / "job").frame)
        with pytest.raises(sj.ScalejaxError, match="study forecast_at: not there -> "):
            sj.study(replace(one, forecast_at=AT), runs, out=tmp_path / "job")


class TestDeclaration:
    def test_studies_without_one_are_described_as_before(self, study):
        plain = replace(study, forecast_at=None).describe()
        assert "forecast_at" not in plain
        assert study_of(plain).forecast_at is None

    @pytest.mark.parametrize("at", [AT, "10x"])
    def test_survives_its_description(self, study, at):
        one = replace(study, forecast_at=at)
        assert study_of(one.describe()).describe() == one.describe()

    @pytest.mark.parametrize(
        ("line", "at"),
        [
            ('forecast_at = "10x"', "10x"),
            ('forecast_at = { N = "70B", D = 1.4e12 }', {"N": 7e10, "D": 1.4e12}),
            ("", None),
        ],
    )
    def test_file(self, tmp_path, line, at):
        path = tmp_path / "study.toml"
        path.write_text(f'laws = ["chinchilla"]\n{line}\n')
        assert StudyFile(path).study.forecast_at == at

    @pytest.mark.parametrize(
        ("at", "said"),
        [
            ({"N": 1e9}, "lacks D"),
            ({"N": 1e9, "D": 1e9, "P": 3}, "P, which no law"),
            ({"N": -1e9, "D": 1e9}, "positive"),
            ({"N": "many", "D": 1e9}, "N, which must be"),
            ("10", "one run"),
            ("-1x", "one run"),
        ],
    )
    def test_nonsense_is_refused(self, study, at, said):
        with pytest.raises(sj.UsageError, match=f"forecast_at= .*{said}"):
            replace(study, forecast_at=at)

    def test_a_file_says_what_it_must_be(self, tmp_path):
        path = tmp_path / "study.toml"
        path.write_text('laws = ["chinchilla"]\nforecast_at = 10\n')
        with pytest.raises(sj.UsageError, match=r'forecast_at must be a run such as .*"10x"'):
            StudyFile(path)
