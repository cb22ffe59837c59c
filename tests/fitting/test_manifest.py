"""The manifest of a saved fit answers the reporting checklist and guards the files beside it (T20).

`test_round_trip.py` makes saved fits again; here are the document, its checks and the command.
"""

import hashlib
import json
import sys
from copy import deepcopy
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import scalejax as sj
from scalejax.cli import cache, main
from scalejax.data.table import SetAside
from scalejax.fitting.checklist import QUESTIONS
from scalejax.fitting.manifest import check_manifest, read_about
from scalejax.fitting.reproduction import reproduce
from scalejax.fitting.storage import save_fit

RUNS = sj.datasets.load("golden36")
FILES = ("fit.json", "draws.parquet", "rows.parquet")

# What (Mis)Fitting (arXiv:2502.18969) asks to be reported, under our keys.
ASKED = {
    "hypothesis": "form variables parameters motivation assumptions",
    "training": """
        models sizes architecture training_data repeated_data parameter_count token_count
        compute_count counting_code optimizer learning_rate batch_size tuning training_code
    """,
    "collection": "checkpoints_released checkpoints modified modifying_code metric values",
    "fit": """
        objective algorithm tolerances starts points set_aside subsets optimum uncertainty
        validation software
    """,
}
# No fit can know these: they are about how the models were trained and measured.
ONLY_THE_USER = """
    motivation purpose models architecture training_data repeated_data parameter_count token_count
    counting_code optimizer learning_rate batch_size tuning training_code checkpoints_released
    checkpoints modified modifying_code metric validation
""".split()  # noqa: SIM905
ABOUT = {
    "parameter_count": "without embeddings",
    "models": 36,
    "batch_size": 0.1 + 0.2,
    "repeated_data": False,
    "optimizer": ["AdamW", 0.9, 0.95],
    "quality": "our own words, beside those of the fit: ü, \u202e, <b>",
}


@pytest.fixture(scope="module")
def fit():
    return sj.fit(RUNS, bootstrap=7)


@pytest.fixture
def saved(fit, tmp_path):
    return save_fit(fit, tmp_path / "fit")


def read(folder):
    text = (folder / "manifest.json").read_text(encoding="utf-8")
    return json.loads(text, parse_constant=pytest.fail)


def write(folder, document):
    (folder / "manifest.json").write_text(json.dumps(document), encoding="utf-8")


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


def answers(folder):
    """Question to what the fit and what the user answered."""
    return {
        key: (entry["scalejax"], entry["user"])
        for entries in read(folder)["questions"].values()
        for key, entry in entries.items()
    }


def places(document, path=()):
    """The path of every field, groups included."""
    for key, value in document.items():
        yield (*path, key)
        if isinstance(value, dict):
            yield from places(value, (*path, key))


def at(document, path):
    for key in path:
        document = document[key]
    return document


class TestChecklist:
    @pytest.mark.parametrize("section", ASKED)
    def test_every_question_of_the_paper_is_there(self, saved, section):
        assert {*ASKED[section].split()} <= {*read(saved)["questions"][section]}

    def test_a_fit_answers_what_it_knows_and_nothing_else(self, saved):
        known = {key for key, (ours, _) in answers(saved).items() if ours is not None}
        assert known.isdisjoint(ONLY_THE_USER)
        every = {key for entries in QUESTIONS.values() for key in entries}
        assert every - known == {*ONLY_THE_USER, "compute_count"}

    def test_what_nobody_answered_is_listed(self, fit, tmp_path):
        document = read(save_fit(fit, tmp_path / "fit", ABOUT))
        answered = {"parameter_count", "models", "batch_size", "repeated_data", "optimizer"}
        left = {*ONLY_THE_USER, "compute_count"} - answered
        assert {*document["checklist"]["unanswered"]} == left
        asked = sum(len(entries) for entries in document["questions"].values())
        assert document["checklist"]["summary"] == f"{len(left)} of {asked} questions unanswered"

    def test_answers_come_from_the_fit(self, fit, tmp_path):
        table = replace(
            fit.table,
            inputs={"N": fit.table.inputs["N"], "D": fit.table.inputs["D"]},
            columns={"N": "size", "loss": "L"},
            set_aside=tuple(SetAside(row, "too hot", "excluded") for row in range(1, 31)),
        )
        settings = {
            **fit.settings,
            "fixed": {"alpha": 0.5},
            "tied": {"beta": "alpha"},
            "bounds": {"E": [0.0, float("inf")]},
            "priors": {"A": ["LogNormal", 5.0, 0.1]},
            "penalty": True,
            "solver": "optax",
        }
        odd = replace(fit, table=table, settings=settings, on_bound=("E",))
        said = {key: str(ours) for key, (ours, _) in answers(save_fit(odd, tmp_path)).items()}
        assert "alpha: fixed at 0.5" in said["parameters"]
        assert "beta: tied to alpha" in said["parameters"]
        assert "column 'size'" in said["variables"]
        assert said["compute_count"] == "D derived from C = 6 N D"
        assert "30 set aside, too hot: rows 1, 2, 3" in said["set_aside"]
        assert "20 and others" in said["set_aside"]
        for words in ("E between 0 and inf", "prior on A: LogNormal(5, 0.1)", "on its bound: E"):
            assert words in said["constraints"]
        assert "a penalty of the caller's own" in said["objective"]
        assert said["algorithm"].startswith("optax")
        assert "Newton" not in said["tolerances"]
        assert "7 resamples" in said["uncertainty"]
        assert f"{len(RUNS)} rows" in said["points"]

    def test_no_date_and_no_path(self, saved):
        text = (saved / "manifest.json").read_text()
        assert str(saved.parent) not in text
        assert not {"date", "time", "user", "host"} & {*read(saved)}


class TestAbout:
    def test_answers_are_kept_exactly(self, fit, tmp_path):
        given = answers(save_fit(fit, tmp_path / "fit", ABOUT))
        assert {key: user for key, (_, user) in given.items() if user is not None} == ABOUT
        assert given["quality"][0] is not None

    def test_a_toml_file_says_the_same(self, fit, tmp_path):
        lines = [f"{key} = {json.dumps(value)}" for key, value in ABOUT.items()]
        file = tmp_path / "about.toml"
        file.write_text("\n".join(lines), encoding="utf-8")
        save_fit(fit, tmp_path / "a", ABOUT)
        for name, about in (("b", file), ("c", str(file))):
            save_fit(fit, tmp_path / name, about)
            assert read(tmp_path / name) == read(tmp_path / "a")

    def test_an_empty_text_is_no_answer(self):
        assert read_about({"models": "", "tuning": " \n", "metric": None}) == {}
        assert read_about(None) == {}
        assert read_about({"models": 0, "repeated_data": False}) == {
            "models": 0,
            "repeated_data": False,
        }

    def test_all_that_is_wrong_is_said_at_once(self):
        wrong = {"modles": 3, 7: "x", "models": {"a": 1}, "tuning": [], "metric": float("nan")}
        wrong |= {"optimizer": ["Adam", None], "sizes": np.array([1.0, 2.0])}
        with pytest.raises(sj.UsageError) as raised:
            read_about({**wrong, "batch_size": 4})
        message = str(raised.value)
        assert all(repr(key) in message for key in wrong)
        assert "'batch_size' must" not in message
        assert "The questions are form, variables" in message

    @pytest.mark.parametrize("about", [["models"], 3, True])
    def test_no_answers_at_all(self, about):
        with pytest.raises(sj.UsageError, match="about="):
            read_about(about)

    @pytest.mark.parametrize("content", [b"models = ", b"\xff\xfe", b"a = " + b"[" * 5000])
    def test_a_file_that_is_no_toml(self, tmp_path, content):
        (tmp_path / "about.toml").write_bytes(content)
        with pytest.raises(sj.UsageError, match=r"about\.toml cannot be read as TOML"):
            read_about(tmp_path / "about.toml")

    def test_no_file(self, tmp_path):
        with pytest.raises(sj.UsageError, match="cannot be read"):
            read_about(tmp_path / "about.toml")

    def test_a_wrong_answer_saves_nothing(self, fit, tmp_path):
        with pytest.raises(sj.UsageError, match="no question 'modles'"):
            save_fit(fit, tmp_path / "fit", {"modles": 3})
        assert list(tmp_path.iterdir()) == []


class TestSchema:
    def test_what_is_written_is_right(self, fit, saved, tmp_path):
        assert check_manifest(read(saved)) == []
        assert check_manifest(read(save_fit(fit, tmp_path / "other", ABOUT))) == []

    def test_deleting_any_one_field_is_found(self, saved):
        document = read(saved)
        for path in places(document):
            broken = deepcopy(document)
            del at(broken, path[:-1])[path[-1]]
            assert f"{' / '.join(path)} is missing" in check_manifest(broken), path

    def test_a_value_of_another_type_is_found(self, saved):
        document = read(saved)
        for path in places(document):
            for value in ("x" if isinstance(at(document, path), dict) else {}, [{}]):
                broken = deepcopy(document)
                at(broken, path[:-1])[path[-1]] = value
                assert any(" / ".join(path) in problem for problem in check_manifest(broken)), path

    @pytest.mark.parametrize(
        ("place", "value"),
        [
            ("schema", True),
            ("schema", -1),
            ("files / fit.json / bytes", 1.5),
            ("files / fit.json / sha256", "0" * 63),
            ("files / fit.json / sha256", "G" * 64),
            ("data / source", ""),
            ("fitted_with / jax", 1),
            ("questions / training / models / user", float("nan")),
            ("questions / training / models / user", []),
        ],
    )
    def test_an_impossible_value_is_found(self, saved, place, value):
        document = read(saved)
        *groups, last = place.split(" / ")
        at(document, groups)[last] = value
        assert check_manifest(document) == [f"{place} is not as it must be"]

    def test_a_false_list_of_unanswered_questions_is_found(self, saved):
        document = read(saved)
        document["checklist"]["unanswered"] = []
        assert check_manifest(document) == [
            "checklist / unanswered does not list the questions without an answer"
        ]

    def test_unknown_fields_are_found_all_at_once(self, saved):
        document = read(saved)
        document["extra"] = document["files"]["evil.py"] = document["data"]["path"] = "x"
        assert {*check_manifest(document)} == {
            "extra is unknown",
            "files / evil.py is unknown",
            "data / path is unknown",
        }

    @pytest.mark.parametrize("document", [None, [], "x", 3, {}])
    def test_no_document(self, document):
        assert check_manifest(document)


def damage(document):
    """Edits of a manifest that leave it JSON."""
    yield []
    yield None
    yield {**document, "schema": None}
    yield {**document, "schema": float("inf")}
    yield {**document, "schema": [1]}
    yield {**document, "files": {**document["files"], "../x": document["files"]["fit.json"]}}
    yield {**document, "data": {**document["data"], "fingerprint": "0" * 64}}
    yield {**document, "fitted_with": {**document["fitted_with"], "jax": "0.1"}}


class TestChecksums:
    @pytest.mark.parametrize("name", FILES)
    def test_one_changed_byte_is_found(self, saved, name):
        content = (saved / name).read_bytes()
        for place in (0, len(content) // 2, len(content) - 1):
            changed = bytearray(content)
            changed[place] ^= 1
            (saved / name).write_bytes(changed)
            with pytest.raises(sj.ScalejaxError, match=f"{name} is not the file that was saved"):
                reproduce(saved)
        (saved / name).write_bytes(content[:-1])
        with pytest.raises(sj.ScalejaxError, match=f"{name} is not the file that was saved"):
            reproduce(saved)

    @pytest.mark.parametrize("name", FILES)
    def test_a_missing_file_is_named(self, saved, name):
        (saved / name).unlink()
        with pytest.raises(sj.ScalejaxError, match=f"{name} cannot be read"):
            reproduce(saved)

    def test_all_files_are_named_at_once(self, saved):
        for name in FILES:
            (saved / name).write_bytes(b"")
        with pytest.raises(sj.ScalejaxError) as raised:
            reproduce(saved)
        assert all(f"{name} is not the file" in str(raised.value) for name in FILES)

    def test_checksums_are_those_of_the_files(self, saved):
        for name, entry in read(saved)["files"].items():
            content = (saved / name).read_bytes()
            digest = hashlib.sha256(content).hexdigest()
            assert entry == {"sha256": digest, "bytes": len(content)}

    def test_the_file_of_the_runs_has_one_too(self, fit, tmp_path):
        file = tmp_path / "runs.csv.gz"
        RUNS.to_csv(file, index=False)
        made = sj.fit(file, bootstrap=7)
        folder = sj.load_fit(made.save(tmp_path / "fit")).save(tmp_path / "again")
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        assert read(folder)["data"]["source_sha256"] == digest
        assert read(fit.save(tmp_path / "frame"))["data"]["source_sha256"] is None

    def test_a_manifest_cut_off_anywhere_is_an_error_for_people(self, saved):
        content = (saved / "manifest.json").read_bytes()
        for length in (*range(0, len(content) - 2, 97), len(content) - 3):
            (saved / "manifest.json").write_bytes(content[:length])
            with pytest.raises(sj.ScalejaxError, match=r"manifest\.json cannot be read"):
                reproduce(saved)

    @pytest.mark.parametrize("content", [b"\xff", b"[" * 100_000, b"9" * 5000, b"{}", b"NaN"])
    def test_no_manifest_at_all(self, saved, content):
        (saved / "manifest.json").write_bytes(content)
        with pytest.raises(sj.ScalejaxError, match=r"manifest\.json"):
            reproduce(saved)

    @pytest.mark.parametrize("number", range(8))
    def test_a_damaged_manifest_is_an_error_for_people(self, saved, number):
        write(saved, list(damage(read(saved)))[number])
        with pytest.raises(sj.ScalejaxError, match=r"manifest\.json"):
            reproduce(saved)

    def test_a_manifest_of_a_newer_version(self, saved):
        write(saved, {**read(saved), "schema": 2})
        with pytest.raises(sj.ScalejaxError, match="newer scalejax"):
            reproduce(saved)

    def test_no_manifest(self, saved, tmp_path):
        (saved / "manifest.json").unlink()
        for place in (saved, saved / "manifest.json", tmp_path / "nowhere"):
            with pytest.raises(sj.ScalejaxError, match=r"there is no manifest\.json"):
                reproduce(place)


class TestSameBytes:
    def test_same_fit_same_manifest(self, fit, saved, tmp_path):
        again = save_fit(sj.fit(RUNS, bootstrap=7), tmp_path / "again")
        loaded = save_fit(sj.load_fit(saved), tmp_path / "loaded")
        for name in ("manifest.json", *FILES):
            content = (saved / name).read_bytes()
            assert (again / name).read_bytes() == content
            assert (loaded / name).read_bytes() == content

    def test_the_order_of_answers_does_not_count(self, fit, tmp_path):
        for name, about in (("a", ABOUT), ("b", dict(reversed(ABOUT.items())))):
            save_fit(fit, tmp_path / name, about)
        a, b = ((tmp_path / name / "manifest.json").read_bytes() for name in "ab")
        assert a == b

    def test_a_file_name_that_is_no_text(self, fit, tmp_path):
        """POSIX names are bytes; Python reads those that are not UTF-8 as lone surrogates."""
        odd = replace(fit, table=replace(fit.table, source="l\udce4ufe.csv"))
        folder = save_fit(odd, tmp_path / "fit")
        assert sj.load_fit(folder).table.source == odd.table.source
        assert read(folder)["data"]["source"] == odd.table.source
        assert reproduce(folder).reproduced

    def test_saving_again_replaces_the_manifest(self, fit, saved):
        save_fit(fit, saved, ABOUT)
        assert read(saved)["questions"]["training"]["models"]["user"] == 36
        assert {path.name for path in saved.iterdir()} == {"manifest.json", *FILES}


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
            ({"objective": sj.custom(lambda r: r**4)}, "an objective of your own"),
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
        words = ("fit", "runs.csv", "--bootstrap", "7", "--about", "about.toml", "--quiet")
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
