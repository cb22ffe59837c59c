"""Jobs: what survives an interruption, and on how many devices."""

import signal
import subprocess
import sys

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from study_runs import answer_from, bytes_of

import scalejax as sj
from scalejax.cli import main
from scalejax.engine.layout import default_layout
from scalejax.studies import JobError, working
from scalejax.studies import job as jobs
from scalejax.studies.disk import DiskError
from scalejax.studies.folder import Folder
from scalejax.studies.shards import cut


class TestJobs:
    def test_a_folder_and_memory_give_the_same(self, job, result):
        found = sj.resume(job)
        pd.testing.assert_frame_equal(found.frame, result.frame)

    def test_stopped_anywhere_and_resumed_is_byte_identical(self, study, runs, job, tmp_path):
        whole = bytes_of(job)
        for stop in (1, 2):
            folder = tmp_path / f"stopped{stop}"
            left = iter([None] * (stop - 1))

            def halt(progress, left=left):
                if next(left, "stop") == "stop":
                    raise KeyboardInterrupt

            with pytest.raises(KeyboardInterrupt):
                sj.study(study, runs, out=folder, progress=halt)
            done = len(Folder(folder).finished_shards())
            assert done == stop
            seen = []
            sj.resume(folder, progress=seen.append)
            assert seen[0].before == sum(
                pq.read_metadata(folder / "shards" / f"{k:06d}.parquet").num_rows
                for k in range(done)
            )
            assert bytes_of(folder) == whole

    def test_a_torn_shard_is_done_again_and_the_others_are_kept(self, job):
        whole = bytes_of(job)
        path = job / "shards" / "000001.parquet"
        kept = (job / "shards" / "000000.parquet").stat().st_mtime_ns
        content = path.read_bytes()
        for cut_at in np.linspace(0, len(content) - 1, 10).astype(int):
            path.write_bytes(content[:cut_at])
            assert 1 not in Folder(job).finished_shards()
        flipped = bytearray(content)
        flipped[len(content) // 2] ^= 1
        path.write_bytes(bytes(flipped))
        sj.resume(job)
        assert bytes_of(job) == whole
        assert (job / "shards" / "000000.parquet").stat().st_mtime_ns == kept

    def test_a_torn_manifest_loses_one_shard_only(self, job):
        manifest = job / "manifest-0.jsonl"
        before = len(Folder(job).finished_shards())
        manifest.write_bytes(manifest.read_bytes()[:-20])
        assert len(Folder(job).finished_shards()) == before - 1
        sj.resume(job)
        assert len(Folder(job).finished_shards()) == before

    @pytest.mark.parametrize(
        ("change", "named"),
        [
            ({"seed": 4}, "study seed: 3 -> 4"),
            ({"resamples": 10}, "study resamples: 20 -> 10"),
            ({"recipes": ("chinchilla_tied",)}, "law chinchilla_tied: not there -> "),
        ],
    )
    def test_another_study_is_refused_with_the_difference(self, job, runs, study, change, named):
        other = sj.Study(**{**vars(study), **change})
        with pytest.raises(JobError, match=named):
            sj.study(other, runs, out=job)

    def test_other_data_versions_and_shapes_are_refused(self, job, runs, study, monkeypatch):
        with pytest.raises(JobError, match="rows: "):
            sj.study(study, runs.assign(loss=runs["loss"] * 1.001), out=job)
        monkeypatch.setattr("jax.__version__", "0.0")
        with pytest.raises(JobError, match=r"jax: .* -> 0.0"):
            sj.resume(job)
        monkeypatch.undo()
        monkeypatch.setattr(jobs, "cut", cut)
        with pytest.raises(JobError, match="shards: "):
            sj.resume(job)

    def test_an_edited_law_is_refused(self, runs, tmp_path):
        def declared(factor):
            @sj.law(linear=("E",))
            def mine(N, D, *, E: sj.Positive):
                return E + factor * N**-0.3 + D**-0.3

            return mine

        def run(law):
            study = sj.Study(recipes=(law,), by=("family",), run="model", resamples=0)
            return sj.study(study, runs, out=tmp_path / "job")

        run(declared(400.0))
        with pytest.raises(JobError, match="law mine"):
            run(declared(401.0))

    def test_a_law_of_ones_own_must_be_given_to_resume(self, runs, tmp_path):
        file = tmp_path / "mylaws.py"
        file.write_text(
            "from scalejax import Positive, law\n"
            '@law(linear=("E", "A"))\n'
            "def mine(N, D, *, E: Positive, A: Positive):\n"
            "    return E + A * N**-0.3 + 0 * D\n"
        )
        name = f"{file}:mine"
        study = sj.Study(recipes=(name,), by=("family",), run="model", resamples=0)
        whole = sj.study(study, runs, out=tmp_path / "job").frame
        for module in [m for m in sys.modules if "mylaws" in m]:
            del sys.modules[module]
        with pytest.raises(sj.LawError, match="runs no code"):
            sj.resume(tmp_path / "job")
        found = sj.resume(tmp_path / "job", laws={name: name})
        pd.testing.assert_frame_equal(found.frame, whole)

    def test_a_second_process_is_refused(self, job):
        (job / "results.parquet").unlink()
        code = (
            "import sys, time\nfrom scalejax.studies.folder import Folder\n"
            f"with Folder({str(job)!r}).ready():\n"
            "    print('locked', flush=True)\n    time.sleep(60)\n"
        )
        with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as other:
            assert other.stdout.readline() == b"locked\n"
            with pytest.raises(JobError, match=f"process {other.pid} on "):
                sj.resume(job)
            other.kill()
            other.wait()
        # The lock of a process that died is free.
        assert sj.resume(job) is not None

    def test_a_folder_with_other_files_is_refused(self, study, runs, tmp_path):
        (tmp_path / "thesis.tex").write_text("")
        with pytest.raises(sj.UsageError, match="other files"):
            sj.study(study, runs, out=tmp_path)
        with pytest.raises(sj.UsageError, match="is a file"):
            sj.study(study, runs, out=tmp_path / "thesis.tex")
        with pytest.raises(JobError, match="no job"):
            sj.resume(tmp_path)

    def test_a_full_disk_leaves_what_is_done(self, study, runs, job, tmp_path, monkeypatch):
        folder = tmp_path / "full"
        write = pq.write_table
        written = []

        def full(table, path, **options):
            if len(written) == 3:  # the rows and two shards
                raise OSError(28, "No space left on device")
            written.append(path)
            write(table, path, **options)

        monkeypatch.setattr(pq, "write_table", full)
        with pytest.raises(DiskError, match="No space left"):
            sj.study(study, runs, out=folder)
        monkeypatch.setattr(pq, "write_table", write)
        assert len(Folder(folder).finished_shards()) == 2
        sj.resume(folder)
        assert bytes_of(folder) == bytes_of(job)


class Lost:
    """Python drops what is raised while it is destroyed, as in JAX's hook of the collector."""

    def __init__(self, number):
        self.number = number

    def __del__(self):
        signal.raise_signal(self.number)


class TestStops:
    @pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
    @pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 75)])
    def test_a_lost_signal_stops_after_the_shard(
        self, files, job, tmp_path, capsys, monkeypatch, number, code
    ):
        answer_from(job, monkeypatch)
        answer = working.solve_shard

        def solve(problems, shard, layout):
            lost = Lost(number)
            del lost
            return answer(problems, shard, layout)

        monkeypatch.setattr(working, "solve_shard", solve)
        before = signal.getsignal(number)
        with pytest.raises(SystemExit) as end:
            main(["study", str(files), "--out", str(tmp_path / "other"), "--quiet"])
        assert end.value.code == code
        assert f"scalejax resume {tmp_path / 'other'}" in capsys.readouterr().err
        assert [*Folder(tmp_path / "other").finished_shards()] == [0]
        assert signal.getsignal(number) is before


class TestDevices:
    def failing(self, monkeypatch, times, message):
        from jax.errors import JaxRuntimeError

        solve, left = working.solve_shard, [times]
        tried = []

        def sometimes(problems, shard, layout):
            tried.append((layout.chunk, layout.lanes))
            if left[0]:
                left[0] -= 1
                raise JaxRuntimeError(message)
            return solve(problems, shard, layout)

        monkeypatch.setattr(working, "solve_shard", sometimes)
        return tried

    def test_out_of_memory_halves_the_chunk_and_changes_nothing(
        self, study, runs, job, tmp_path, monkeypatch, caplog
    ):
        tried = self.failing(monkeypatch, 2, "RESOURCE_EXHAUSTED: out of memory")
        folder = tmp_path / "small"
        sj.study(study, runs, out=folder)
        whole, lanes = default_layout().chunk, default_layout().lanes
        assert [chunk for chunk, _ in tried] == [
            whole,
            whole // 2,
            *[whole // 4] * len(Folder(job).finished_shards()),
        ]
        assert {at_a_time for _, at_a_time in tried} == {lanes}
        said = [record.message for record in caplog.records if "memory" in record.message]
        assert said == [f"out of memory: going on with {whole // 4} problems at a time"]
        assert bytes_of(folder) == bytes_of(job)

    def test_fewer_lanes_are_said_and_recorded(
        self, study, runs, job, tmp_path, monkeypatch, caplog
    ):
        """A chunk that leaves lanes empty is worked on in fewer, which need less memory."""
        answer_from(job, monkeypatch)
        times = (default_layout().chunk // default_layout().lanes).bit_length()
        tried = self.failing(monkeypatch, times, "RESOURCE_EXHAUSTED: out of memory")
        sj.study(study, runs, out=tmp_path / "small")
        lanes = default_layout().lanes
        assert tried[times - 1 : times + 1] == [(lanes, lanes), (lanes // 2, lanes // 2)]
        assert "last digits" in caplog.text
        small = Folder(tmp_path / "small").finished_shards()
        assert {line.lanes for line in small.values()} == {lanes // 2}
        assert {line.lanes for line in Folder(job).finished_shards().values()} == {lanes}

    def test_memory_that_never_suffices_ends(self, study, runs, monkeypatch):
        self.failing(monkeypatch, 99, "RESOURCE_EXHAUSTED: out of memory")
        with pytest.raises(JobError, match="memory"):
            sj.study(study, runs)

    def test_another_failure_is_tried_once_more(self, study, runs, result, monkeypatch):
        self.failing(monkeypatch, 1, "INTERNAL: device lost")
        assert len(sj.study(study, runs).frame) == len(result.frame)
        self.failing(monkeypatch, 2, "INTERNAL: device lost")
        with pytest.raises(JobError, match=r"failed twice: .*device lost.*resume"):
            sj.study(study, runs)
