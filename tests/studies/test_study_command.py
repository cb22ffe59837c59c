"""Studies from the command line."""

import os
import signal
import subprocess
import sys
import time

import pandas as pd
import pyarrow.parquet as pq
import pytest
from study_runs import answer_from, bytes_of

from scalejax.cli import main

SCRIPT = """
import os, sys, time
os.environ["SCALEJAX_NO_CACHE"] = "1"
from scalejax.studies import job as jobs
from scalejax.studies import working
from scalejax.studies.shards import cut
jobs.cut = lambda problems, fits: cut(problems, 84)
solve = working.solve_shard
def slowly(*given):
    time.sleep(float(os.environ.get("SECONDS_BEFORE_A_SHARD", "0")))
    return solve(*given)
working.solve_shard = slowly
from scalejax.cli import main
main(sys.argv[1:])
"""


def command(*words, **options):
    """The command in a process of its own, with small shards."""
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def wait_for_shards(folder, count, process, seconds=240):
    manifest = folder / "manifest-0.jsonl"
    until = time.monotonic() + seconds
    while time.monotonic() < until and process.poll() is None:
        if manifest.exists() and manifest.read_bytes().count(b"{") >= count:
            return
        time.sleep(0.01)
    pytest.fail(f"no shard came: {process.communicate()}")


class TestCommand:
    def test_many_and_resume(self, files, tmp_path, capsys, result):
        job, csv, plot = tmp_path / "job", tmp_path / "all.csv", tmp_path / "errors.png"
        with pytest.raises(SystemExit) as end:
            main(["study", str(files), "--out", str(job), "--csv", str(csv), "--plot", str(plot)])
        assert end.value.code == 0
        said = capsys.readouterr()
        assert said.out.startswith("12 laws fitted to 3 families, 20 resamples each")
        assert "252 of 252 fits" in said.err
        assert plot.stat().st_size > 10_000
        kept = pd.read_csv(csv)
        assert kept["estimate"].to_numpy() == pytest.approx(
            result.frame["estimate"].to_numpy(), rel=1e-9
        )
        with pytest.raises(SystemExit) as end:
            main(["resume", str(job), "--quiet"])
        assert end.value.code == 0
        assert capsys.readouterr().out == said.out

    def test_dry_run_counts_and_fits_nothing(self, files, tmp_path, capsys):
        with pytest.raises(SystemExit) as end:
            main(["study", str(files), "--dry-run"])
        assert end.value.code == 0
        out = capsys.readouterr().out
        assert out.startswith("12 laws to fit (0 combinations have nothing to fit)")
        assert "252 fits in" in out
        assert "MiB of memory" in out
        assert {path.name for path in tmp_path.iterdir()} == {"runs.csv", "study.toml"}

    def test_another_study_needs_force(self, files, tmp_path, capsys):
        job = tmp_path / "job"
        with pytest.raises(SystemExit):
            main(["study", str(files), "--out", str(job), "--quiet"])
        files.write_text(files.read_text().replace("seed = 3", "seed = 4"))
        with pytest.raises(SystemExit) as end:
            main(["study", str(files), "--out", str(job)])
        assert end.value.code == 1
        assert "study seed: 3 -> 4" in capsys.readouterr().err
        with pytest.raises(SystemExit) as end:
            main(["study", str(files), "--out", str(job), "--force"])
        assert end.value.code == 0
        assert (tmp_path / "job-2" / "results.parquet").exists()

    def test_a_full_disk_is_exit_74(self, files, tmp_path, capsys, monkeypatch):
        def full(*_, **__):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(pq, "write_table", full)
        with pytest.raises(SystemExit) as end:
            main(["study", str(files), "--out", str(tmp_path / "job")])
        assert end.value.code == 74
        assert "No space left on device" in capsys.readouterr().err

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (("--csv", "none/all.csv"), "there is no folder none"),
            (("--plot", "none/errors.png"), "there is no folder none"),
            (("--csv", "."), "is a folder"),
        ],
    )
    def test_files_that_cannot_be_written_are_refused_first(
        self, files, tmp_path, capsys, monkeypatch, words, said
    ):
        monkeypatch.chdir(tmp_path)
        for command in (("study", "study.toml", "--out", "job"), ("resume", "job")):
            with pytest.raises(SystemExit) as end:
                main([*command, *words])
            assert end.value.code == 2
            assert said in capsys.readouterr().err
            assert not (tmp_path / "job").exists()

    def test_a_plot_of_nothing_held_out_is_refused_first(self, files, tmp_path, capsys):
        text = files.read_text()
        files.write_text("target = false\n" + text)
        with pytest.raises(SystemExit) as end:
            main(["study", str(files), "--out", str(tmp_path / "job"), "--plot", "errors.png"])
        assert end.value.code == 2
        assert "target = false" in capsys.readouterr().err
        assert not (tmp_path / "job").exists()

    def test_files_may_go_into_the_folder_of_the_job(self, files, job, tmp_path, monkeypatch):
        answer_from(job, monkeypatch)
        other = tmp_path / "other"
        with pytest.raises(SystemExit) as end:
            main(["study", str(files), "--out", str(other), "--csv", str(other / "all.csv")])
        assert end.value.code == 0
        assert (other / "all.csv").exists()

    def test_remedies_are_those_of_the_file(self, files, tmp_path, capsys):
        files.write_text(files.read_text().replace("chinchilla", "kaplan_steps"))
        with pytest.raises(SystemExit) as end:
            main(["study", str(files), "--out", str(tmp_path / "job")])
        assert end.value.code == 1
        said = capsys.readouterr().err
        assert '[table] columns = { S = "' in said
        assert "--columns" not in said
        files.write_text('laws = ["chinchilla"]\nresampling = "cluster"')
        with pytest.raises(SystemExit) as end:
            main(["study", str(files), "--out", str(tmp_path / "job")])
        assert end.value.code == 2
        assert 'resampling = "cluster" draws runs: say with run = which' in capsys.readouterr().err

    def test_without_a_folder_it_is_wrong_usage(self, files, capsys):
        with pytest.raises(SystemExit) as end:
            main(["study", str(files)])
        assert end.value.code == 2
        assert "--out" in capsys.readouterr().err

    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 75), (signal.SIGKILL, -9)]
    )
    def test_signals_leave_a_job_that_goes_on(self, files, tmp_path, number, code):
        whole, job = tmp_path / "whole", tmp_path / "job"
        with command("study", files, "--out", whole) as process:
            assert process.wait() == 0
        with command("study", files, "--out", job) as process:
            wait_for_shards(job, 1, process)
            process.send_signal(number)
            assert process.wait() == code
            if code > 0:
                assert "scalejax resume" in process.stderr.read()
        with command("resume", job) as process:
            assert process.wait() == 0
        assert bytes_of(job) == bytes_of(whole)

    @pytest.mark.slow
    def test_a_read_only_folder_is_exit_74(self, files, tmp_path):
        if os.geteuid() == 0:
            pytest.skip("root may write anywhere")
        (tmp_path / "locked").mkdir(mode=0o500)
        with command("study", files, "--out", tmp_path / "locked" / "job") as process:
            assert process.wait() == 74


@pytest.mark.slow
class TestProcesses:
    def test_several_pretended_devices_give_the_bytes_of_one(self, files, tmp_path):
        alone, job = tmp_path / "alone", tmp_path / "job"
        for folder, devices in ((alone, 1), (job, 4)):
            flags = {**os.environ, "JAX_NUM_CPU_DEVICES": str(devices)}
            with command("study", files, "--out", folder, env=flags) as process:
                assert process.wait() == 0
        assert bytes_of(job) == bytes_of(alone)
