"""`scalejax reproduce`: what it says of saved fits, and its exit codes."""

import hashlib
import json
import sys
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from contract import hold_to_contract
from manifest_files import FILES, RUNS, answers, read, write

import scalejax as sj
from scalejax.cli import cache, main
from scalejax.fitting import Reproduction
from scalejax.fitting.storage import save_fit


def change_record(folder, change):
    """Edit ``fit.json``, and the manifest so that no checksum tells."""
    record = json.loads((folder / "fit.json").read_text())
    change(record)
    (folder / "fit.json").write_text(json.dumps(record))
    count_again(folder, "fit.json")


def change_draws(folder, column, change):
    """The same for one column of ``draws.parquet``."""
    draws = pq.read_table(folder / "draws.parquet").to_pandas()
    draws[column] = change(draws[column])
    pq.write_table(pa.Table.from_pandas(draws, preserve_index=False), folder / "draws.parquet")
    count_again(folder, "draws.parquet")


def count_again(folder, name):
    content = (folder / name).read_bytes()
    document = read(folder)
    digest = hashlib.sha256(content).hexdigest()
    document["files"][name] = {"sha256": digest, "bytes": len(content)}
    write(folder, document)


def test_is_a_result(saved):
    hold_to_contract(sj.reproduce(saved), Reproduction)


def test_reproduce_is_at_the_front_door(saved):
    assert sj.reproduce(saved).reproduced


@pytest.fixture
def run(capsys, tmp_path, monkeypatch):
    """The command in an empty working directory: exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(cache.NO_CACHE_VARIABLE, "1")
    monkeypatch.setattr(sys, "path", [*sys.path])

    def call(*words):
        with pytest.raises(SystemExit) as end:
            main([str(word) for word in words])
        return (end.value.code or 0, *capsys.readouterr())

    return call


def strict_json(text):
    return json.loads(text, parse_constant=pytest.fail)


class TestCommand:
    def test_the_same_is_exit_code_0(self, run, saved):
        for place in ("fit", "fit/manifest.json", saved):
            code, out, err = run("reproduce", place)
            assert (code, err) == (0, "")
            assert out.startswith("reproduced: largest relative difference 0, tolerance 1e-10\n")
            assert "7 draws" in out
            assert "other software" not in out

    def test_json(self, run, saved, fit):
        code, out, err = run("reproduce", saved, "--json")
        found = strict_json(out)
        assert (code, err, found["reproduced"], found["largest"]) == (0, "", True, 0)
        assert found["parameters"] == dict.fromkeys(fit.params, 0)
        assert found["draws"] == dict.fromkeys(fit.params, 0)
        assert (found["changed"], found["not_remade"], found["other_status"]) == ({}, "", 0)

    def test_other_numbers_are_exit_code_3(self, run, saved):
        change_record(saved, lambda record: record["params"].update(E=record["params"]["E"] + 1e-9))
        code, out, err = run("reproduce", saved)
        assert (code, err) == (3, "")
        assert out.startswith("not reproduced: largest relative difference ")
        code, out, _ = run("reproduce", saved, "--json")
        found = strict_json(out)
        moved = {name: value for name, value in found["parameters"].items() if value}
        assert (code, found["reproduced"], [*moved]) == (3, False, ["E"])
        assert moved["E"] == pytest.approx(1e-9 / sj.load_fit(saved).params["E"], rel=1e-3)
        assert run("reproduce", saved, "--tolerance", "1e-6")[0] == 0

    def test_numbers_that_are_none_are_valid_json(self, run, saved):
        def lose(record):
            record["objective"]["value"] = None
            record["non_finite"]['["objective", "value"]'] = "nan"

        change_record(saved, lose)
        assert "objective    inf" in run("reproduce", saved)[1]
        code, out, _ = run("reproduce", saved, "--json")
        assert (code, strict_json(out)["objective"], strict_json(out)["largest"]) == (3, None, None)

    def test_another_status_is_exit_code_3(self, run, saved):
        change_record(saved, lambda record: record["status"].update(label="bound_hit"))
        change_draws(saved, "status", lambda labels: ["bound_hit", *labels[1:]])
        code, out, _ = run("reproduce", saved)
        assert code == 3
        assert "2 of the estimate and the draws end differently" in out

    def test_every_number_counts(self, run, fit, saved):
        """The noise scale, the objective of a draw, a parameter of one draw."""

        def moved(values):
            return values * np.where(np.arange(len(values)) == 4, 1 + 1e-9, 1)

        assert run("reproduce", saved)[0] == 0
        change_draws(saved, "beta", moved)
        code, out, _ = run("reproduce", saved)
        assert code == 3
        assert "7 draws      1e-09 (largest, of beta)" in out
        save_fit(fit, saved)
        change_draws(saved, "objective", moved)
        assert "objective    1e-09" in run("reproduce", saved)[1]
        change_record(saved, lambda record: record.update(noise_scale=0.1))
        assert "objective    1" in run("reproduce", saved)[1]

    def test_other_software_and_device_are_named(self, run, saved):
        old = {"jax": "0.1.2", "device": "gpu (NVIDIA H100)", "dtype": "float32"}
        document = read(saved)
        document["fitted_with"] |= old
        document["saved_with"]["platform"] = "Plan 9"
        write(saved, document)
        change_record(saved, lambda record: record["versions"].update(old))
        code, out, _ = run("reproduce", saved)
        assert code == 0
        assert "other software or another device than the fit was made with:" in out
        for line in ("device: gpu (NVIDIA H100) then, cpu", "dtype: float32 then, float64 now"):
            assert line in out
        assert "jax: 0.1.2 then" in out
        assert "platform: Plan 9 then" in out
        assert "round differently" not in out
        changed = strict_json(run("reproduce", saved, "--json")[1])["changed"]
        assert {*changed} == {*old, "platform"}
        assert changed["dtype"] == {"then": "float32", "now": "float64"}
        change_record(saved, lambda record: record["params"].update(E=2.0))
        assert "round differently" in run("reproduce", saved)[1]

    @pytest.mark.parametrize("name", ["manifest.json", *FILES])
    def test_damage_is_exit_code_1(self, run, saved, name):
        (saved / name).write_bytes(b"{")
        for options in ((), ("--json",)):
            code, out, err = run("reproduce", saved, *options)
            assert (code, out) == (1, "")
            assert err.startswith("scalejax: error: ")
            assert name in err
            assert "Traceback" not in err

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ({"penalty": lambda p: 0.0, "settings": {"penalty": True}}, "a penalty of your own"),
            ({"settings": {"solver": "optax"}}, "a solver other than ours (optax)"),
            ({"objective": sj.objectives.custom(lambda r: r**4)}, "an objective of your own"),
        ],
    )
    def test_what_cannot_be_made_again_is_exit_code_1(self, run, fit, tmp_path, change, words):
        settings = {**fit.settings, **change.get("settings", {})}
        folder = save_fit(replace(fit, **{**change, "settings": settings}), tmp_path / "fit")
        code, out, err = run("reproduce", folder)
        assert (code, out) == (1, "")
        assert words in err

    def test_answers_on_the_command_line(self, run, tmp_path):
        (tmp_path / "about.toml").write_text('models = 36\ntuning = "by hand"\n')
        RUNS.to_csv(tmp_path / "runs.csv", index=False)
        words = ("fit", "runs.csv", "--resamples", "7", "--about", "about.toml", "--quiet")
        assert run(*words)[0] == 2
        assert run(*words, "--out", "fit")[0] == 0
        assert answers(tmp_path / "fit")["models"] == (None, 36)
        assert run("reproduce", "fit/manifest.json")[0] == 0
        (tmp_path / "about.toml").write_text("modles = 36\n")
        code, out, err = run(*words, "--out", "other")
        assert (code, out) == (2, "")
        assert err.startswith("scalejax: error: --about: there is no question 'modles'.")
        assert not (tmp_path / "other").exists()

    def test_nothing_there(self, run):
        code, out, err = run("reproduce", "nowhere")
        assert (code, out) == (1, "")
        assert err == (
            "scalejax: error: nowhere cannot be reproduced: there is no manifest.json in it.\n"
        )

    @pytest.mark.parametrize("tolerance", ["-1", "nan", "inf", "x"])
    def test_a_tolerance_that_is_none_is_exit_code_2(self, run, saved, tolerance):
        code, out, err = run("reproduce", saved, f"--tolerance={tolerance}")
        assert (code, out) == (2, "")
        assert "tolerance" in err

    def test_nothing_is_written(self, run, saved):
        before = {path: path.read_bytes() for path in saved.iterdir()}
        run("reproduce", saved)
        assert {path: path.read_bytes() for path in saved.iterdir()} == before
