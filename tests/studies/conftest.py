"""A small study of three families, and its result."""

import pandas as pd
import pytest
from study_runs import family

import scalejax as sj
from scalejax.studies import job as jobs
from scalejax.studies.shards import cut
from scalejax.studies.subsets import subset_grid


@pytest.fixture(scope="module")
def runs():
    return pd.concat([family(seed) for seed in range(3)], ignore_index=True)


@pytest.fixture(scope="module")
def study():
    return sj.Study(
        recipes=("chinchilla",),
        by=("family",),
        run="model",
        subsets=subset_grid(models=(None, 4), until=(1.0, 0.6)),
        # Three of six checkpoints, which is no power of two, so that padding shows.
        target_part=0.5,
        resamples=20,
        seed=3,
    )


@pytest.fixture(scope="module")
def result(study, runs):
    return sj.study(study, runs)


@pytest.fixture(scope="module", autouse=True)
def small():
    """Shards of a few problems, so that a small study has several, and all have one shape."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jobs, "cut", lambda problems, fits: cut(problems, 84))
        yield


@pytest.fixture
def job(study, runs, tmp_path):
    """A finished job of several shards."""
    folder = tmp_path / "job"
    sj.study(study, runs, out=folder)
    return folder


@pytest.fixture
def files(tmp_path, runs):
    runs.to_csv(tmp_path / "runs.csv", index=False)
    study = tmp_path / "study.toml"
    study.write_text(
        'data = "runs.csv"\nby = ["family"]\nrun = "model"\nlaws = ["chinchilla"]\n'
        "target_part = 0.5\nresamples = 20\nseed = 3\n"
        '[subsets]\nmodels = ["all", 4]\nuntil = [1.0, 0.6]\n'
    )
    return study
