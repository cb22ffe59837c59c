"""`load_table`: every bad input has its code, column and rows; every row has a known fate."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from scalejax.data import SetAside, Table, load_table
from scalejax.data.examples import golden36
from scalejax.errors import InputError, UsageError

IN_NATS = "loss taken to be in nats/token: no loss_unit= given"


def runs(count: int = 12) -> pd.DataFrame:
    """Plain, good runs: N, D and loss of GOLDEN-36, and the names of three families."""
    frame = golden36().iloc[np.arange(count) * 5 % 36].reset_index(drop=True).astype(object)
    frame["family"] = ["a", "b", "c"] * (count // 3) + ["a"] * (count % 3)
    return frame


def spoiled(column: str, values: dict[int, Any]) -> pd.DataFrame:
    """Good runs with the cells of `column` replaced; row 1 is the first."""
    frame = runs()
    if column not in frame:
        frame[column] = pd.Series([1.0] * len(frame), dtype=object)
    for row, value in values.items():
        frame.loc[row - 1, column] = value
    return frame


def found(source: Any, **arguments: Any) -> list[tuple[str, str | None, tuple[int, ...]]]:
    with pytest.raises(InputError) as caught:
        load_table(source, **arguments)
    return [(p.code, p.column, p.rows) for p in caught.value.problems]


ALL = tuple(range(1, 13))
BAD = [
    ("loss", {2: "nan", 5: None, 7: np.inf}, {}, [("E101", "loss", (2, 5, 7))]),
    ("N", {1: ""}, {}, [("E101", "N", (1,))]),
    ("D", {12: "-inf"}, {}, [("E101", "D", (12,))]),
    ("loss", {3: 0.0, 4: "-2"}, {}, [("E102", "loss", (3, 4))]),
    ("N", {3: 0}, {}, [("E103", "N", (3,))]),
    ("D", {3: -1e9, 9: "0"}, {}, [("E103", "D", (3, 9))]),
    ("V", {4: 0}, {"inputs": ("N", "V"), "positive": ("V",)}, [("E103", "V", (4,))]),
    ("N", {2: "70 million", 6: True}, {}, [("E120", "N", (2, 6))]),
    ("loss", {2: "3,1", 6: "2,95"}, {}, [("E122", "loss", (2, 6))]),
    ("D", {i: 10 + i for i in ALL}, {}, [("E110", "D", ())]),
    ("N", {i: 70 + i for i in ALL}, {}, [("E110", "N", ())]),
    ("D", {3: "20", 5: "70"}, {}, [("E111", "D", (3, 5))]),
    ("sigma", {2: 0.0, 3: -1}, {"sigma": "sigma"}, [("E143", "sigma", (2, 3))]),
    ("sigma", {2: 1e-200}, {"sigma": "sigma"}, [("E143", "sigma", (2,))]),
    ("sigma", {2: None}, {"sigma": "sigma"}, [("E101", "sigma", (2,))]),
    ("w", {2: -1, 3: "nan"}, {"weights": "w"}, [("E140", "w", (2, 3))]),
    ("w", {4: "inf"}, {"weights": "w"}, [("E141", "w", (4,))]),
    ("w", dict.fromkeys(ALL, 0), {"weights": "w"}, [("E142", None, ())]),
    ("w", dict.fromkeys(ALL[3:], 0), {"weights": "w", "n_parameters": 5}, [("E142", None, ())]),
    ("w", {}, {"weights": "w", "sigma": "w"}, [("E144", "w", ())]),
    ("N", dict.fromkeys(ALL, 1e8), {"n_parameters": 5}, [("E131", "N", ())]),
    ("family", {5: "", 7: None, 8: " "}, {"by": "family"}, [("E128", "family", (5, 7, 8))]),
    ("family", {5: ""}, {"run": "family"}, [("E128", "family", (5,))]),
    ("drop", {5: "maybe", 6: ""}, {"exclude": "drop"}, [("E120", "drop", tuple(ALL[4:6]))]),
    ("x", {}, {"columns": {"N": "nonemb"}}, [("E126", "nonemb", ())]),
    ("x", {}, {"by": "famly"}, [("E126", "famly", ())]),
    ("x", {}, {"inputs": ("N", "D", "bits")}, [("E126", None, ())]),
    ("val_loss", {1: 2.0}, {}, [("E124", "loss", ())]),
    ("x", {}, {"exclude": list(ALL)}, [("E127", None, ())]),
]


@pytest.mark.parametrize(("column", "values", "arguments", "problems"), BAD)
def test_bad_input(
    column: str, values: dict[int, Any], arguments: dict[str, Any], problems: list[Any]
) -> None:
    assert found(spoiled(column, values), **arguments) == problems


@pytest.mark.parametrize(("column", "values", "arguments", "problems"), BAD[:11])
def test_bad_input_from_text_is_the_same(
    tmp_path: Path,
    column: str,
    values: dict[int, Any],
    arguments: dict[str, Any],
    problems: list[Any],
) -> None:
    spoiled(column, values).to_csv(tmp_path / "runs.csv", index=False)
    assert found(tmp_path / "runs.csv", **arguments) == problems


def test_all_problems_come_together() -> None:
    frame = spoiled("loss", {2: -1, 3: None})
    frame.loc[4, "N"] = "many"
    frame["D"] = range(1, 13)
    assert found(frame, n_parameters=20) == [
        ("E120", "N", (5,)),
        ("E101", "loss", (3,)),
        ("E102", "loss", (2,)),
        ("E110", "D", ()),
        ("E130", None, ()),
    ]


def test_types_that_are_no_numbers() -> None:
    frame = runs()
    frame["N"] = pd.Series([True, False] * 6)
    assert found(frame) == [("E129", "N", ())]


@pytest.mark.parametrize(("count", "code"), [(5, "E130"), (6, "W210"), (7, "W210"), (8, None)])
def test_row_counts_for_five_parameters(count: int, code: str | None) -> None:
    if code == "E130":
        assert found(runs(count), n_parameters=5) == [("E130", None, ())]
        return
    codes = [p.code for p in load_table(runs(count), n_parameters=5).warnings]
    assert codes == ([code] if code else [])


def test_two_sizes_are_a_warning() -> None:
    frame = runs()
    frame["N"] = [1e8, 2e8 * (1 + 1e-9), 2e8] * 4
    warnings = load_table(frame, n_parameters=5).warnings
    assert ("W211", "N") in [(warning.code, warning.column) for warning in warnings]


def test_one_size_is_refused_in_each_group_and_rows_without_weight_add_none() -> None:
    frame = runs().assign(family=["a", "b"] * 6, w=1.0)
    frame.loc[1::2, "N"] = [1e8, 1e8, 1e8, 1e8, 1e8, 2e8]
    frame.loc[11, "w"] = 0.0
    with pytest.raises(InputError) as caught:
        load_table(frame, by="family", weights="w", n_parameters=2)
    (problem,) = caught.value.problems
    assert (problem.code, problem.column, problem.rows) == ("E131", "N", (2, 4, 6, 8, 10))
    assert "in group 'b' (5 rows)" in problem.message


def test_row_counts_hold_in_each_group_and_name_it() -> None:
    frame = runs()
    frame["family"] = ["a"] * 9 + ["b"] * 3
    with pytest.raises(InputError) as caught:
        load_table(frame, by="family", n_parameters=5)
    problem = caught.value.problems[0]
    assert (problem.code, problem.rows) == ("E130", (10, 11, 12))
    assert "'b' (3 rows)" in problem.message
    assert "'a'" not in problem.message


def test_high_losses_are_a_warning() -> None:
    (warning,) = load_table(spoiled("loss", {3: 25.0, 7: 40})).warnings
    assert (warning.code, warning.column, warning.rows) == ("W201", "loss", (3, 7))
    assert "perplexity" in warning.message


def test_dropped_rows_are_counted_and_listed() -> None:
    frame = spoiled("loss", {2: None, 3: -1.0, 9: "?"})
    frame.loc[1, "N"] = 0
    frame.loc[10, "family"] = ""
    table = load_table(frame, on_bad="drop", by="family")
    assert table.set_aside == (
        SetAside(2, "'N': zero or negative; 'loss': missing or infinite", "E103"),
        SetAside(3, "'loss': not a positive loss", "E102"),
        SetAside(9, "'loss': not a number", "E120"),
        SetAside(11, "'family': empty name", "E128"),
    )
    assert sorted([*table.row.tolist(), *(item.row for item in table.set_aside)]) == [*ALL]
    assert table.target.tolist() == frame["loss"].drop([1, 2, 8, 10]).tolist()


def test_drop_is_only_for_rows() -> None:
    frame = spoiled("w", {2: -1.0})
    frame.loc[3, "loss"] = None
    assert found(frame, weights="w", on_bad="drop") == [("E140", "w", (2,))]
    frame["N"] = 5
    assert ("E110", "N", ()) in found(frame, on_bad="drop")


def test_too_few_rows_after_dropping() -> None:
    frame = spoiled("loss", dict.fromkeys(ALL[4:], None))
    assert found(frame, on_bad="drop", n_parameters=5) == [("E130", None, ())]
    frame["loss"] = None
    assert found(frame, on_bad="drop") == [("E127", None, ())]


def test_excluded_rows_are_recorded_and_not_complained_about() -> None:
    frame = spoiled("loss", {2: None, 5: "bad"})
    table = load_table(frame, exclude=[5, 2])
    assert [item.row for item in table.set_aside] == [2, 5]
    assert {item.code for item in table.set_aside} == {"excluded"}
    assert table.n_rows == 10


@pytest.mark.parametrize(
    "truth", [[1, 0], ["1", "0"], [True, False], ["True", "FALSE"], [1.0, 0.0]]
)
def test_exclusion_by_a_column(truth: list[Any]) -> None:
    frame = runs()
    frame["skip"] = truth * 6
    table = load_table(frame, exclude="skip")
    assert table.row.tolist() == [2, 4, 6, 8, 10, 12]
    assert table.set_aside[0] == SetAside(1, "excluded by 'skip'", "excluded")


def test_exclusion_of_the_largest() -> None:
    frame = spoiled("loss", {1: 3.5, 2: 3.5, 3: 3.5, 4: None})
    table = load_table(frame, exclude="top2(loss)", on_bad="drop")
    assert [(item.row, item.code) for item in table.set_aside] == [
        (1, "excluded"),
        (2, "excluded"),
        (4, "E101"),
    ]
    renamed = runs().rename(columns={"loss": "my loss"})
    arguments = {"columns": {"loss": "my loss"}}
    by_quantity = load_table(renamed, exclude="top3(loss)", **arguments)
    by_name = load_table(renamed, exclude=" top3( My Loss )", **arguments)
    assert by_quantity.set_aside == by_name.set_aside
    assert len(by_name.set_aside) == 3
    assert found(runs(), exclude="top3(nothing)") == [("E126", "nothing", ())]
    for exclude in ("top12(loss)", [13], [0]):
        with pytest.raises(UsageError):
            load_table(runs(), exclude=exclude)


def test_tokens_are_derived_and_noted() -> None:
    frame = runs()
    frame["C"] = 7 * frame["N"] * frame["D"]
    table = load_table(frame.drop(columns="D"))
    assert table.inputs["D"] == pytest.approx(runs()["D"].to_numpy(float) * 7 / 6, rel=1e-15)
    assert table.notes == ("D derived as C/(6N) from C = 6ND: no D column", IN_NATS)
    assert list(table.inputs) == ["N", "D"]
    assert table.columns == {"N": "N", "C": "C", "loss": "loss"}
    whole = load_table(frame)
    assert whole.compute is not None
    assert str(whole.compute) == "7 N D"
    assert whole.notes[0] == IN_NATS
    assert whole.notes[1].startswith("C = 7 N D by the column 'C'")
    assert load_table(frame.drop(columns="D"), flop_per_token=7).inputs["D"] == pytest.approx(
        frame["D"].to_numpy(float)
    )
    asked = load_table(frame, derive={"D": "6ND"})
    assert asked.fingerprint == table.fingerprint
    assert asked.notes == ("D derived as C/(6N) from C = 6ND: as asked", IN_NATS)


def test_the_other_derivations() -> None:
    frame = runs()
    budget = 6 * frame["N"] * frame["D"]
    table = load_table(frame, inputs=("C",))
    assert table.inputs["C"].tolist() == budget.tolist()
    size = load_table(frame.drop(columns="N").assign(C=budget)).inputs["N"]
    assert size == pytest.approx(frame["N"].to_numpy(float), rel=1e-15)
    assert found(frame.drop(columns=["N"]), inputs=("N", "D")) == [("E126", None, ())]


def test_problems_of_the_sources_of_a_derivation_name_the_users_column() -> None:
    frame = runs().assign(FLOPs=1e20).drop(columns="D")
    frame.loc[3, "FLOPs"] = 0.0
    assert found(frame, positive=()) == [("E103", "FLOPs", (4,))]


def test_units() -> None:
    frame = runs()
    scaled = frame.assign(N=frame["N"] / 1e6, D=frame["D"] / 1e9)
    table = load_table(scaled, units={"N": "M", "D": 1e9})
    assert table.inputs["N"] == pytest.approx(frame["N"].to_numpy(float), rel=1e-15)
    assert table.notes[0] == "N multiplied by 1e+06 (units=)"
    for units in ({"N": "x"}, {"C": "B"}, {"loss": "M"}):
        with pytest.raises(UsageError):
            load_table(frame, units=units)


def test_sigma_becomes_the_inverse_variance() -> None:
    frame = runs().assign(sd=0.5, w=3.0)
    assert set(load_table(frame, sigma="sd").weight) == {4.0}
    assert set(load_table(frame, weights="w").weight) == {3.0}
    assert set(load_table(frame).weight) == {1.0}


def test_names_of_groups_and_clusters() -> None:
    frame = runs(6).assign(family=["NA", "x", "NA", "null ", "x", "NA"], run=[3, 3, 1, 1, 2, 2])
    table = load_table(frame, by="family", run="run")
    assert table.group_labels == ("NA", "x", "null")
    assert table.group is not None
    assert table.group.tolist() == [0, 1, 0, 2, 1, 0]
    assert table.cluster_labels == ("3", "1", "2")
    assert table.cluster is not None
    assert table.cluster.tolist() == [0, 0, 1, 1, 2, 2]


def test_other_targets() -> None:
    frame = runs().rename(columns={"loss": "loss_c4"})
    table = load_table(frame, target="loss_c4")
    assert table.columns["loss"] == "loss_c4"
    assert load_table(frame, columns={"loss": "loss_c4"}).fingerprint == table.fingerprint


@pytest.mark.parametrize(
    "arguments",
    [
        {"on_bad": "ignore"},
        {"columns": {"M": "N"}},
        {"target": "loss2", "columns": {"loss": "loss"}},
        {"target": "N"},
        {"inputs": ("N", "N")},
        {"derive": {"D": "20N"}},
        {"derive": {"loss": "6ND"}},
        {"derive": {"C": "6ND"}},
        {"derive": {"N": "6ND", "D": "6ND"}},
    ],
)
def test_contradictory_arguments(arguments: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        load_table(runs(), **arguments)


def test_a_table_passes_through() -> None:
    table = load_table(runs(7))
    assert load_table(table) is table
    assert list(load_table(table, inputs=("N",), n_parameters=2).inputs) == ["N"]
    assert [p.code for p in load_table(table, n_parameters=5).warnings] == ["W210"]
    with pytest.raises(UsageError, match="also needs"):
        load_table(table, inputs=("N", "bits"))
    with pytest.raises(UsageError, match="sigma, units"):
        load_table(table, units={"N": "M"}, sigma="x")
    assert found(table, n_parameters=7) == [("E130", None, ())]


def test_every_source_gives_the_same_table(tmp_path: Path) -> None:
    frame = runs().astype({"N": float, "D": float, "loss": float})
    frame.to_csv(tmp_path / "runs.csv", index=False)
    frame.to_csv(tmp_path / "runs.csv.gz", index=False)
    frame.to_parquet(tmp_path / "runs.parquet")
    arrays = {name: frame[name].to_numpy() for name in frame}
    sources = [frame, arrays, *(tmp_path / f"runs.{end}" for end in ("csv", "csv.gz", "parquet"))]
    tables = [load_table(source, by="family") for source in sources]
    assert len({table.fingerprint for table in tables}) == 1
    assert {table.group_labels for table in tables} == {("a", "b", "c")}
    names = [table.source for table in tables]
    assert names == ["DataFrame", "dict", "runs.csv", "runs.csv.gz", "runs.parquet"]


def test_big_integers_do_not_wrap() -> None:
    frame = pd.DataFrame({"N": [10**12] * 3, "D": [10**13, 2 * 10**13, 2**56], "loss": 2.0})
    assert load_table(frame).inputs["D"].tolist() == [1e13, 2e13, 2.0**56]


def test_the_source_is_not_changed_and_arrays_are_read_only() -> None:
    frame = runs().astype({"N": float})
    before = frame.copy()
    table: Table = load_table(frame, by="family")
    assert table.group is not None
    for array in (*table.inputs.values(), table.target, table.weight, table.row, table.group):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1
    pd.testing.assert_frame_equal(frame, before)
