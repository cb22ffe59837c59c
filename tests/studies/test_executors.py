"""Shards on the workers of executors: the same bytes whoever solves them, and whoever is lost."""

import json
import multiprocessing
import pickle
import threading
from concurrent.futures import (
    BrokenExecutor,
    Executor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
)
from dataclasses import replace

import pandas as pd
import pytest
from study_runs import answer_from, bytes_of

import scalejax as sj
from scalejax.engine.layout import default_layout
from scalejax.errors import LawError
from scalejax.studies import FailedShards, JobError, prepare, processes, workers
from scalejax.studies.folder import Folder
from scalejax.studies.run import _marks


class Odd(Executor):
    """An executor without workers: the last task first, and some that go wrong.

    Args:
        wrong: The errors of a shard, in the order of its tries; one that breaks all stays.
    """

    def __init__(self, wrong=()):
        self.wrong = wrong
        self.waiting = []
        self.broken = None

    def submit(self, function, pack, number):
        if self.broken:
            raise self.broken
        future = Future()
        self.waiting.append((future, lambda: function(pack, number), number))
        if len(self.waiting) == 1:
            threading.Timer(0.01, self.work).start()
        return future

    def work(self):
        tasks, self.waiting = self.waiting[::-1], []
        for future, solve, number in tasks:
            error = self.wrong[number].pop(0) if self.wrong and self.wrong.get(number) else None
            if self.broken or isinstance(error, BrokenExecutor):
                self.broken = self.broken or error
                future.set_exception(self.broken)
            elif error is not None:
                future.set_exception(error)
            else:
                future.set_result(solve())


def packed(study, runs, **changes):
    job = prepare(study, runs)
    pack = workers.pack(job, study.describe(), _marks(job, study.describe()))
    return replace(pack, **changes)


class TestAnswers:
    @pytest.mark.parametrize("make", [lambda: ThreadPoolExecutor(2), Odd])
    def test_whoever_solves_them_the_bytes_are_the_same(self, make, study, runs, job, tmp_path):
        with make() as executor:
            sj.study(study, runs, out=tmp_path / "workers", executor=executor)
        assert bytes_of(tmp_path / "workers") == bytes_of(job)

    def test_in_memory_and_half_done(self, study, runs, job, result):
        with ThreadPoolExecutor(2) as executor:
            found = sj.study(study, runs, executor=executor)
            pd.testing.assert_frame_equal(found.frame, result.frame)
            (job / "shards" / "000001.parquet").unlink()
            whole = (job / "results.parquet").read_bytes()
            sj.resume(job, executor=executor)
        assert (job / "results.parquet").read_bytes() == whole

    def test_dask(self, study, runs, job, tmp_path):
        distributed = pytest.importorskip("distributed")
        cluster = distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=False, dashboard_address=None
        )
        with cluster, distributed.Client(cluster) as client:
            executor = client.get_executor(pure=False)
            sj.study(study, runs, out=tmp_path / "dask", executor=executor)
        assert bytes_of(tmp_path / "dask") == bytes_of(job)

    def test_a_pack_is_plain(self, study, runs):
        pack = packed(study, runs)
        assert vars(pickle.loads(pickle.dumps(pack))) == vars(pack)
        assert json.dumps([pack.study, pack.table, pack.laws, pack.layout, pack.marks])

    def test_a_worker_of_other_versions_is_refused(self, study, runs):
        pack = packed(study, runs)
        with pytest.raises(JobError, match=r"other numbers .*jax: 0\.1 -> "):
            workers.solve(replace(pack, marks={**pack.marks, "jax": "0.1"}), 0)

    def test_a_law_that_no_worker_finds_is_refused(self, study, runs):
        @sj.law
        def local(N, D, *, E: sj.Positive, A: sj.Positive, alpha: sj.Positive):
            return E + A * N**-alpha

        with pytest.raises(LawError, match="where no worker can find it"):
            packed(replace(study, recipes=(local,)), runs)

    def test_forked_processes_are_refused(self, study, runs):
        if "fork" not in multiprocessing.get_all_start_methods():
            pytest.skip("this system does not fork")
        executor = ProcessPoolExecutor(1, multiprocessing.get_context("fork"))
        with pytest.raises(sj.UsageError, match="spawn"):
            sj.study(study, runs, executor=executor)


class TestLosses:
    """What is lost is done again; what cannot be done is told, and the rest is done."""

    @pytest.fixture(autouse=True)
    def answers(self, job, monkeypatch):
        answer_from(job, monkeypatch)

    def run(self, study, runs, folder, executor):
        return sj.study(study, runs, out=folder, executor=executor)

    def test_a_shard_that_failed_once_is_done(self, study, runs, job, tmp_path):
        self.run(study, runs, tmp_path / "other", Odd({1: [OSError("gone")]}))
        assert bytes_of(tmp_path / "other") == bytes_of(job)

    def test_one_that_fails_twice_is_told_and_the_rest_is_done(self, study, runs, job, tmp_path):
        folder = tmp_path / "other"
        with pytest.raises(FailedShards, match="shard 1: ValueError: poison"):
            self.run(study, runs, folder, Odd({1: [ValueError("poison")] * 2}))
        count = len(prepare(study, runs).shards)
        assert set(Folder(folder).finished_shards()) == {*range(count)} - {1}
        told = json.loads((folder / "failures.json").read_text())
        assert "ValueError: poison" in told["1"]
        sj.resume(folder, executor=Odd())
        assert bytes_of(folder) == bytes_of(job)
        assert not (folder / "failures.json").exists()

    def test_a_broken_pool_is_made_anew(self, study, runs, job, tmp_path):
        wrong = {0: [BrokenExecutor("killed")]}
        self.run(study, runs, tmp_path / "other", lambda: Odd(wrong))
        assert bytes_of(tmp_path / "other") == bytes_of(job)

    def test_who_breaks_it_alone_is_told_and_nobody_else(self, study, runs, tmp_path):
        # The last shard is worked on first, so that all others are lost with it.
        poison = len(prepare(study, runs).shards) - 1
        wrong = {poison: [BrokenExecutor("killed")] * 9}
        with pytest.raises(FailedShards) as failed:
            self.run(study, runs, tmp_path / "other", lambda: Odd(wrong))
        assert set(failed.value.failures) == {poison}

    def test_one_that_takes_no_work_is_given_up(self, study, runs, tmp_path):
        def broken():
            executor = Odd()
            executor.broken = BrokenExecutor("cannot start")
            return executor

        with pytest.raises(JobError, match="cannot start"):
            self.run(study, runs, tmp_path / "other", broken)

    def test_an_executor_that_is_given_is_not_made_anew(self, study, runs, job, tmp_path):
        with pytest.raises(JobError, match="What is done is kept"):
            self.run(study, runs, tmp_path / "other", Odd({0: [BrokenExecutor("killed")]}))
        self.run(study, runs, tmp_path / "other", None)
        assert bytes_of(tmp_path / "other") == bytes_of(job)


@pytest.mark.slow
class TestProcesses:
    """Real processes, which compile for themselves."""

    @pytest.fixture
    def layout(self):
        """Chunks so small that a small study has many shards, in workers too."""
        return replace(default_layout(), lanes=4, chunk=4)

    @pytest.fixture(autouse=True)
    def _usual_shards(self, monkeypatch):
        from scalejax.studies import job as jobs
        from scalejax.studies.shards import cut

        monkeypatch.setattr(jobs, "cut", cut)

    @pytest.mark.parametrize("count", [1, 2, 4])
    def test_any_number_gives_the_bytes_of_one(self, count, study, runs, layout, tmp_path):
        sj.study(study, runs, out=tmp_path / "alone", layout=layout)
        sj.study(study, runs, out=tmp_path / "job", layout=layout, executor=processes(count))
        assert bytes_of(tmp_path / "job") == bytes_of(tmp_path / "alone")

    def test_killed_workers_cost_nothing_but_time(self, study, runs, layout, tmp_path):
        import psutil

        sj.study(study, runs, out=tmp_path / "alone", layout=layout)
        kills = [1, 4, 9]

        def kill(progress):
            if kills and progress.done >= kills[0] * 21:
                kills.pop(0)
                children = psutil.Process().children(recursive=True)
                workers = [one for one in children if "spawn_main" in " ".join(one.cmdline())]
                workers[0].kill()

        sj.study(study, runs, out=tmp_path / "job", layout=layout, executor=processes(2),
                 progress=kill)  # fmt: skip
        assert not kills
        assert bytes_of(tmp_path / "job") == bytes_of(tmp_path / "alone")
