"""The manifest of a saved fit answers the reporting checklist (T20).

`test_round_trip.py` makes saved fits again; here is the document.
"""

import json
from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
from manifest_files import ABOUT, RUNS, answers, read

import scalejax as sj
from scalejax.data.table import SetAside
from scalejax.fitting.checklist import QUESTIONS
from scalejax.fitting.manifest import check_manifest, read_about
from scalejax.fitting.storage import save_fit

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
