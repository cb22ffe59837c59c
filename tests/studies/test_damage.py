"""Jobs on damaged files and full disks, and what identifies a job."""

import json
import shutil
from dataclasses import replace

import jax
import jax.numpy as jnp
import pandas as pd
import pyarrow.parquet as pq
import pytest
from study_runs import bytes_of, write

import scalejax as sj
from scalejax.cli import main
from scalejax.files import staged
from scalejax.studies import JobError, prepare, working
from scalejax.studies import run as running
from scalejax.studies.fingerprint import fingerprint
from scalejax.studies.folder import Folder


def halve(name):
    def damage(folder):
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content[: len(content) // 2])

    return damage


def edit_job(change):
    def damage(folder):
        found = json.loads((folder / "job.json").read_text())
        change(found)
        (folder / "job.json").write_text(json.dumps(found))

    return damage


class TestDamage:
    @pytest.mark.parametrize(
        "damage",
        [
            *(write("job.json", text) for text in (b"", b"[]", b"null", b"{}", b"\xff\xfe")),
            write("job.json", b'{"schema": "x"}'),
            halve("job.json"),
            edit_job(lambda found: found.pop("table")),
            edit_job(lambda found: found["table"].pop("notes")),
            edit_job(lambda found: found["study"].pop("by")),
            edit_job(lambda found: found["study"].update(colour="red")),
            edit_job(lambda found: found["study"].update(seed="x")),
        ],
    )
    def test_a_damaged_description_is_said(self, job, damage):
        damage(job)
        with pytest.raises(JobError, match=r"job.json is damaged .* another folder"):
            sj.resume(job)

    def test_no_job_begins_in_a_damaged_one(self, study, runs, job, tmp_path):
        ready = prepare(study, runs)
        assert running.fits_folder(ready, job)
        assert running.fits_folder(ready, tmp_path / "new")
        write("job.json", b"[]")(job)
        assert not running.fits_folder(ready, job)
        assert not running.fits_folder(ready, tmp_path)

    @pytest.mark.parametrize(
        "damage",
        [
            write("rows.parquet", b""),
            halve("rows.parquet"),
            lambda folder: (folder / "rows.parquet").unlink(),
            lambda folder: pq.write_table(
                pq.read_table(folder / "rows.parquet").slice(0, 50), folder / "rows.parquet"
            ),
        ],
    )
    def test_damaged_rows_are_said_and_written_anew(self, study, runs, job, damage, monkeypatch):
        rows = (job / "rows.parquet").read_bytes()
        damage(job)
        with pytest.raises(JobError, match=r"rows.parquet is damaged or gone .* intact: run"):
            sj.resume(job)
        monkeypatch.setattr(working, "solve_shard", None)
        sj.study(study, runs, out=job)
        assert (job / "rows.parquet").read_bytes() == rows

    def test_lines_that_are_none_are_passed_over(self, job, monkeypatch):
        done = Folder(job).finished_shards()
        good = json.loads((job / "manifest-0.jsonl").read_text().split("\n")[0])
        wrong = [{"shard": "../../x"}, {"shard": -1}, {"fits": None}, {"size": 1.5}, {"more": 1}]
        lines = [json.dumps({**good, **change}).encode() for change in wrong]
        lines += [b"\xff\xfe\x00", b"[1, 2]", b"3", b"{"]
        with (job / "manifest-0.jsonl").open("ab") as file:
            file.write(b"".join(b"\n" + line for line in lines))
        assert Folder(job).finished_shards() == done

    def test_a_shard_that_the_job_has_not_does_not_count(self, job):
        whole = bytes_of(job)
        first, *others = (job / "manifest-0.jsonl").read_text().split("\n")
        line = {**json.loads(first), "shard": 77}
        shards = job / "shards"
        (shards / "000077.parquet").write_bytes((shards / "000000.parquet").read_bytes())
        (job / "manifest-0.jsonl").write_text("\n".join([json.dumps(line), *others]))
        sj.resume(job)
        (shards / "000077.parquet").unlink()
        assert bytes_of(job) == whole
        assert 0 in Folder(job).finished_shards()

    def test_missing_shards_and_results_are_made_again(self, job, monkeypatch):
        whole = bytes_of(job)
        shutil.rmtree(job / "shards")
        sj.resume(job)
        assert bytes_of(job) == whole
        monkeypatch.setattr(working, "solve_shard", None)
        for name in ("results.parquet", "results.json"):
            halve(name)(job)
            sj.resume(job)
            assert bytes_of(job) == whole

    def test_two_writers_of_one_file_do_not_meet(self, tmp_path):
        """Processes in two containers may have the same number."""
        path = tmp_path / "file"
        with staged(path) as one, staged(path) as two:
            one.write_text("one")
            two.write_text("two")
        assert path.read_text() == "one"
        assert list(tmp_path.iterdir()) == [path]


class TestDisks:
    def full(self, *_, **__):
        raise OSError(30, "Read-only file system")

    @pytest.mark.parametrize("call", ["filelock.FileLock.acquire", "pathlib.Path.write_bytes"])
    def test_before_the_first_shard(self, files, tmp_path, capsys, monkeypatch, call):
        monkeypatch.setattr(call, self.full)
        with pytest.raises(SystemExit) as end:
            main(["study", str(files), "--out", str(tmp_path / "job")])
        assert end.value.code == 74
        assert "Read-only file system" in capsys.readouterr().err
        monkeypatch.undo()
        with Folder(tmp_path / "job").ready():
            pass

    def test_what_is_finished_is_shown_without_writing(self, job, study, runs, monkeypatch, result):
        before = {path: path.stat().st_mtime_ns for path in job.rglob("*")}
        for call in ("filelock.FileLock.acquire", "pathlib.Path.mkdir", "pathlib.Path.replace"):
            monkeypatch.setattr(call, self.full)
        monkeypatch.setattr(running, "summaries", None)
        pd.testing.assert_frame_equal(sj.resume(job).frame, result.frame)
        pd.testing.assert_frame_equal(sj.study(study, runs, out=job).frame, result.frame)
        assert {path: path.stat().st_mtime_ns for path in job.rglob("*")} == before


class TestFingerprints:
    def test_numbers_within_a_law_count(self, study, runs):
        """Also those that a traced law does not show: arrays, and what its slopes are."""
        job = prepare(study, runs)

        def mark(grid, slope=1.0):
            table = jnp.asarray(grid)
            inner = jax.jit(lambda x: jnp.sum(table * x))

            @jax.custom_jvp
            def steep(x):
                return x + 0.0

            steep.defjvp(lambda x, t: (x[0], slope * t[0]))

            @sj.law(linear=("E",))
            def mine(N, D, *, E: sj.Positive, A: sj.Positive):
                return E + steep(A) * inner(N) ** -0.3 + D**-0.3

            problems = replace(job.problems, study=replace(study, recipes=(mine,)))
            return fingerprint(problems, job.shards, job.layout, {})["law mine"]

        assert mark([1.0, 2.0]) == mark([1.0, 2.0])
        assert mark([1.0, 2.0]) != mark([1.0, 2.5])
        assert mark([1.0, 2.0]) != mark([1.0, 2.0], slope=1.1)
