"""Bad inputs: each has one code, its column and its rows, says what to do, and leaves no file.

The cases go through files, as people meet them; `tests/data` has those of frames and of arguments.
"""

import bz2
import gzip
import io
import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest

import scalejax as sj
from scalejax.cli import main
from scalejax.codes import CODES
from scalejax.data import Request, inspect_table
from scalejax.errors import InputError, UsageError

GOOD = sj.datasets.load("golden36")
ALL = tuple(range(1, 37))
FIVE = {"n_parameters": 5}


def text(cells=None, drop=(), rows=36, **columns):
    """CSV of GOLDEN-36 with some cells ``{(row, column): cell}`` and columns changed."""
    frame = GOOD.assign(**columns).drop(columns=[*drop]).astype(object).iloc[:rows]
    for (row, column), cell in (cells or {}).items():
        frame.loc[row - 1, column] = cell
    return frame.to_csv(index=False).encode()


def lines(**changed):
    """The lines of a CSV of 36 good rows, some of them replaced by row number."""
    rows = text().decode().splitlines()
    for number, line in changed.items():
        rows[int(number.removeprefix("row"))] = line
    return "\n".join(rows).encode()


def jsonl(*extra):
    return "\n".join([*map(json.dumps, GOOD.to_dict("records")), *extra]).encode()


def arrow(**columns):
    return pa.table({**{name: GOOD[name].to_numpy() for name in GOOD}, **columns})


def parquet(**columns):
    out = io.BytesIO()
    pq.write_table(arrow(**columns), out)
    return out.getvalue()


def zst(content):
    return pa.Codec("zstd").compress(content, asbytes=True)


N_SCALED, D_SCALED, CELL = GOOD["N"] / 1e6, GOOD["D"] / 1e9, "70 million"
NESTED = pa.array([{"total": 1e8}] * 36)
BOMB = b"N,D,loss\n" + b"0" * (3 << 20)

# name: (file, content, options, [(code, column, rows)])
REFUSED = {
    "NaN in the loss": (".csv", text({(2, "loss"): "NaN"}), {}, [("E101", "loss", (2,))]),
    "infinite tokens": (".csv", text({(3, "D"): "inf"}), {}, [("E101", "D", (3,))]),
    "empty size": (".csv", text({(36, "N"): ""}), {}, [("E101", "N", (36,))]),
    "NaN in sigma": (
        ".csv", text({(4, "sd"): ""}, sd=0.1), {"sigma": "sd"}, [("E101", "sd", (4,))],
    ),
    "null in JSON": (
        ".jsonl", jsonl('{"N": 1e8, "D": 2e9, "loss": null}'), {}, [("E101", "loss", (37,))],
    ),
    "a JSON line without the loss": (
        ".ndjson", jsonl('{"N": 1e8, "D": 2e9}'), {}, [("E101", "loss", (37,))],
    ),
    "zero loss": (".csv", text({(5, "loss"): 0}), {}, [("E102", "loss", (5,))]),
    "negative loss": (".csv", text({(6, "loss"): -3}), {}, [("E102", "loss", (6,))]),
    "zero tokens": (".csv", text({(7, "D"): 0}), {}, [("E103", "D", (7,))]),
    "negative parameters": (".csv", text({(8, "N"): "-7e7"}), {}, [("E103", "N", (8,))]),
    "sizes in millions": (".csv", text(N=N_SCALED / 1e3), {}, [("E110", "N", ())]),
    "tokens in billions": (".csv", text(D=D_SCALED), {}, [("E110", "D", ())]),
    "one row in billions": (".csv", text({(9, "D"): 20}), {}, [("E111", "D", (9,))]),
    "two rows in millions": (
        ".csv", text({(1, "D"): 2e3, (2, "D"): 5e3}), {}, [("E111", "D", (1, 2))],
    ),
    "all tokens in millions": (".csv", text(D=D_SCALED * 1e3), {}, [("E111", "D", None)]),
    "N and D exchanged": (
        ".csv", text(N=GOOD["D"] * 1e3, D=GOOD["N"]), {}, [("E111", "D", None)],
    ),
    "words for a number": (".csv", text({(10, "N"): CELL}), {}, [("E120", "N", (10,))]),
    "an unknown suffix": (".csv", text({(10, "N"): "70X"}), {}, [("E120", "N", (10,))]),
    "a cut-off exponent": (".csv", text({(10, "N"): "1E"}), {}, [("E120", "N", (10,))]),
    "a number float64 cannot hold": (
        ".csv", text({(10, "D"): "1e999"}), {}, [("E120", "D", (10,))],
    ),
    "a formula of a spreadsheet": (".csv", text({(1, "N"): "=A1"}), {}, [("E120", "N", (1,))]),
    "truth in JSON": (
        ".jsonl", jsonl('{"N": true, "D": 2e9, "loss": 3}'), {}, [("E120", "N", (37,))],
    ),
    "no truth in a column to exclude by": (
        ".csv", text({(3, "bad"): "perhaps"}, bad=0), {"exclude": "bad"}, [("E120", "bad", (3,))],
    ),
    "unquoted thousands": (".csv", lines(row2="100,000,000,2e9,3.1"), {}, [("E121", None, (2,))]),
    "a comma at the end of a row": (".csv", lines(row4="1e8,2e9,3.1,"), {}, [("E121", None, (4,))]),
    "a short row": (".csv", lines(row5="1e8,2e9"), {}, [("E121", None, (5,))]),
    "an open quote": (".csv", lines(row36='1e8,"2e9,3.1'), {}, [("E121", None, (36,))]),
    "a header with a comma at the end": (".csv", lines(row0="N,D,loss,"), {}, [("E121", None, ())]),
    "a line that is no JSON": (".jsonl", jsonl("{N: 1}"), {}, [("E121", None, (37,))]),
    "a JSON list": (".jsonl", jsonl("[1, 2, 3]"), {}, [("E121", None, (37,))]),
    "deep JSON": (".jsonl", jsonl("[" * 100_000), {}, [("E121", None, (37,))]),
    "decimal commas": (
        ".csv", text({(2, "loss"): "3,1", (3, "loss"): "2,9"}), {}, [("E122", "loss", (2, 3))],
    ),
    "a row with semicolons": (".csv", lines(row3="1e8;2e9;3.1"), {}, [("E122", None, (3,))]),
    "half decimal commas": (
        ".csv", lines(row3="1e8,2e9,3#1").replace(b",", b";").replace(b"#", b","), {},
        [("E122", "loss", (3,))],
    ),
    "UTF-16": (".csv", text().decode().encode("utf-16"), {}, [("E123", None, ())]),
    "Latin-1": (
        ".csv", text({(1, "x"): "é"}, x="a").decode().encode("latin-1"), {}, [("E123", None, (1,))],
    ),
    "a unit twice": (
        ".csv", lines(row0="N,D (B),loss"), {"units": {"D": "M"}}, [("E112", "D (B)", ())],
    ),
    "raw numbers below a unit": (
        ".csv", lines(row0="N,D (B),loss"), {}, [("E112", "D (B)", ())],
    ),
    "an accuracy in per cent": (
        ".csv", text(drop=["loss"], acc=GOOD["loss"] * 20), {"target": "accuracy"},
        [("E113", "acc", ALL)],
    ),
    "a loss of nothing": (".csv", text({(4, "loss"): 1e-320}), {}, [("E111", "loss", (4,))]),
    "two candidates": (
        ".csv", text(drop=["D"], tokens=GOOD["D"], n_tokens=2 * GOOD["D"]), {},
        [("E124", "tokens", ())],
    ),
    "a header with a name twice": (".csv", lines(row0="N,D,N"), {}, [("E125", "N", ())]),
    "JSON with a name twice": (
        ".jsonl", jsonl('{"N": 1e8, "D": 1e9, "N": 2e8, "loss": 3}'), {}, [("E125", "N", (37,))],
    ),
    "no loss": (".csv", text(drop=["loss"]), {}, [("E126", None, ())]),
    "a group that is not there": (".csv", text(), {"by": "family"}, [("E126", "family", ())]),
    "a run that is not there": (
        ".csv", text(fam="a"), {"run": ("fam", "run")}, [("E126", "run", ())],
    ),
    "a stratum that is not there": (".csv", text(), {"strata": "s"}, [("E126", "s", ())]),
    "nothing": (".csv", b"", {}, [("E127", None, ())]),
    "nothing in JSON": (".jsonl", b"\n\n", {}, [("E127", None, ())]),
    "only a header": (".csv", b"N,D,loss\n", {}, [("E127", None, ())]),
    "everything excluded": (".csv", text(), {"exclude": ALL}, [("E127", None, ())]),
    "an empty family": (
        ".csv", text({(5, "f"): " "}, f="a"), {"by": "f"}, [("E128", "f", (5,))],
    ),
    "an empty stratum": (
        ".csv", text({(5, "f"): ""}, f="a"), {"strata": "f"}, [("E128", "f", (5,))],
    ),
    "an empty run": (
        ".csv", text({(5, "r"): "", (9, "r"): ""}, f="a", r=range(36)), {"run": ["f", "r"]},
        [("E128", "r", (5, 9))],
    ),
    "booleans": (".parquet", parquet(N=pa.array([True] * 36)), {}, [("E129", "N", ())]),
    "dates": (
        ".parquet", parquet(N=pa.array([0] * 36, pa.timestamp("s"))), {}, [("E129", "N", ())],
    ),
    "records": (".parquet", parquet(N=NESTED), {}, [("E129", "N", ())]),
    "lists of losses": (".parquet", parquet(loss=[[3.0, 2.9]] * 36), {}, [("E129", "loss", ())]),
    "records for names": (
        ".parquet", parquet(f=NESTED), {"by": "f"}, [("E129", "f", ALL)],
    ),
    "as many rows as parameters": (".csv", text(rows=5, N=GOOD["D"]), FIVE, [("E130", None, ())]),
    "a small family": (
        ".csv", text({(6, "f"): "b", (29, "f"): "b"}, f="a"), {"by": "f", **FIVE},
        [("E130", None, (6, 29))],
    ),
    "one size": (".csv", text(N=1e8), FIVE, [("E131", "N", ())]),
    "one number of tokens": (".csv", text(D=1e10), FIVE, [("E131", "D", ())]),
    "a negative weight": (
        ".csv", text({(2, "w"): -1}, w=1), {"weights": "w"}, [("E140", "w", (2,))],
    ),
    "a missing weight": (
        ".csv", text({(2, "w"): ""}, w=1), {"weights": "w"}, [("E140", "w", (2,))],
    ),
    "an infinite weight": (
        ".csv", text({(3, "w"): "inf"}, w=1), {"weights": "w"}, [("E141", "w", (3,))],
    ),
    "no weight at all": (".csv", text(w=0), {"weights": "w"}, [("E142", None, ())]),
    "weight on five rows": (
        ".csv", text(w=[int(i % 7 == 0 and i < 30) for i in range(36)]),
        {"weights": "w", **FIVE}, [("E142", None, ())],
    ),
    "zero sigma": (".csv", text({(2, "s"): 0}, s=0.1), {"sigma": "s"}, [("E143", "s", (2,))]),
    "sigma and weights": (
        ".csv", text(s=0.1, w=1), {"sigma": "s", "weights": "w"}, [("E144", "w", ())],
    ),
    "a run with two sizes": (
        ".csv", text(f="a", r=[i // 6 for i in range(35)] + [0]), {"run": ("f", "r")},
        [("E150", "r", (1, 2, 3, 4, 5, 6, 36))],
    ),
    "a pickle": (".pickle", b"\x80\x04", {}, [("E160", None, ())]),
    "a packed pickle": (".pkl.xz", b"\xfd7zXZ", {}, [("E160", None, ())]),
    "a workbook": (".xls", b"PK", {}, [("E160", None, ())]),
    "an empty JSON document": (".json", b"[]", {}, [("E127", None, ())]),
    "a gzip bomb": (".csv.gz", gzip.compress(BOMB), {}, [("E161", None, ())]),
    "a bzip2 bomb": (".csv.bz2", bz2.compress(BOMB), {}, [("E161", None, ())]),
    "a zstd bomb": (".csv.zst", zst(BOMB), {}, [("E161", None, ())]),
    "more bytes than allowed": (".csv", text(), {"max_bytes": 100}, [("E161", None, ())]),
    "a larger Parquet than allowed": (
        ".parquet", parquet(), {"max_bytes": 100}, [("E161", None, ())],
    ),
    "a cut-off archive": (".csv.gz", gzip.compress(text())[:-9], {}, [("E162", None, ())]),
    "no archive": (".jsonl.zst", jsonl(), {}, [("E162", None, ())]),
    "a broken Parquet": (".parquet", parquet()[:-4], {}, [("E162", None, ())]),
    "a broken Feather": (".feather", b"ARROW1", {}, [("E162", None, ())]),
    "a sweep for a law of the best rate": (
        ".csv", text(lr=range(1, 37), N=7e7, D=2e9), {"target": "lr"}, [("E180", "lr", ALL)],
    ),
    "a run that the second table lacks": (
        ".csv", text(run="b"), {"runs": {"run": ["a"], "seed": [1]}}, [("E181", "run", ())],
    ),
    "a second table that disagrees": (
        ".csv", text(run="a"), {"runs": {"run": ["a"], "N": [1e9]}}, [("E182", "N", ())],
    ),
    "a name with two sizes": (
        ".csv", text(drop=["N"], model="Foo-30B-A3B"), {"size_from": "model"},
        [("E183", "model", ALL)],
    ),
    "a batch of tokens or sequences": (
        ".csv", text(drop=["D"], step=range(1, 37), batch_size=4096, seq_len=2048), {},
        [("E184", "batch_size", ())],
    ),
    "a metric with two values": (
        ".csv", b"run,metric,value\na,loss,3.1\na,N,1e9\na,loss,3.2\n", {},
        [("E185", "metric", (3,))],
    ),
    "a run without an order": (
        ".csv", text(run="a", step=1), {"reduce": "final"}, [("E186", None, ALL)],
    ),
    "seeds without repeats": (
        ".csv", text(seed=range(36)), {"average": "seed"}, [("E187", "seed", ())],
    ),
    "a sweep without an optimum": (
        ".csv", text(lr=range(1, 37), N=7e7, D=2e9, loss=np.linspace(3, 2, 36)),
        {"best_of": "lr:parabola"}, [("E188", "lr", ())],
    ),
}  # fmt: skip

WARNED = {
    "perplexities": (text(loss=GOOD["loss"] * 10), {}, [("W201", "loss", ALL)]),
    "an accuracy": (text(loss=1 / GOOD["loss"]), {}, [("W202", "loss", ())]),
    "a row twice": (text({(9, c): GOOD[c][2] for c in GOOD}), {}, [("W203", None, (9,))]),
    "a slip in a loss": (text({(4, "loss"): 0.03}), {}, [("W205", "loss", (4,))]),
    "a large rate": (
        text(drop=["loss"], lr=GOOD["loss"] * 20), {"target": "lr"}, [("W206", "lr", ALL)],
    ),
    "nearly the same runs": (
        text({(r, "N"): GOOD["N"][r - 2] * 1.002 for r in (2, 8, 14, 20)}
             | {(r, "D"): GOOD["D"][r - 2] for r in (2, 8, 14, 20)}), {},
        [("W204", None, (1, 2, 7, 8, 13, 14, 19, 20))],
    ),
    "six rows for five parameters": (
        text(N=GOOD["D"], rows=6), FIVE, [("W210", None, ())],
    ),
    "two sizes": (text(N=[7e7, 4e8] * 18), FIVE, [("W211", "N", ()), ("W204", None, None)]),
    "one loss": (text(loss=2.5), {}, [("W213", "loss", ())]),
    "one cluster": (text(r="a"), {"run": "r"}, [("W214", "r", ())]),
    "a cluster per row": (text(r=range(36)), {"run": "r"}, [("W214", "r", ())]),
    "a run per row": (
        text(f=["a", "b"] * 18, r=range(36)), {"run": ("f", "r")}, [("W214", "r", ())],
    ),
    "a stratum per row": (text(s=range(36)), {"strata": "s"}, [("W214", "s", ())]),
    "another C": (text(C=GOOD["N"] ** 2), {}, [("W215", "C", ALL)]),
    "one other C": (
        text({(3, "C"): 1e25}, C=6 * GOOD["N"] * GOOD["D"]), {}, [("W215", "C", (3,))],
    ),
}  # fmt: skip


@pytest.fixture(autouse=True)
def _alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SCALEJAX_MAX_BYTES", raising=False)


def write(suffix, content):
    path = Path(f"runs{suffix}")
    path.write_bytes(content)
    return path


def agrees(problem, code, column, rows):
    return (
        problem.code == code and problem.column == column and (rows is None or problem.rows == rows)
    )


@pytest.mark.parametrize(
    ("suffix", "content", "options", "problems"), REFUSED.values(), ids=REFUSED
)
def test_is_refused(suffix, content, options, problems):
    path = write(suffix, content)
    with pytest.raises(InputError) as caught:
        sj.load_table(path, **options)
    assert type(caught.value) is InputError
    found = caught.value.problems
    assert len(found) == len(problems), found
    for problem, expected in zip(found, problems, strict=True):
        assert agrees(problem, *expected), problem
        assert says_what_to_do(problem.message), problem
    assert path.name in str(caught.value)
    assert [file.name for file in Path().iterdir()] == [path.name]


REMEDIES = (
    "complete", "give", "drop", "save", "write", "say", "pass", "correct", "rename", "remove",
    "export", "check", "add", "exclude", "name", "must", "allow", "constrain", "choose", "needs",
    "is a comma missing", "is this", "weigh",
)  # fmt: skip


def says_what_to_do(message):
    return any(word in message.lower() for word in REMEDIES)


@pytest.mark.parametrize(("content", "options", "problems"), WARNED.values(), ids=WARNED)
def test_is_warned_of(content, options, problems):
    path = write(".csv", content)
    table = sj.load_table(path, **options)
    for expected in problems:
        matching = [problem for problem in table.warnings if problem.code == expected[0]]
        assert matching, table.warnings
        if expected[1] is not None:
            assert agrees(matching[0], *expected), matching[0]
        elif expected[2] is not None:
            assert matching[0].rows == expected[2]
    assert {problem.code for problem in table.warnings} == {code for code, *_ in problems}
    assert table.n_rows == len(pd.read_csv(path))


def test_there_are_enough_cases_and_every_code_of_tables_is_met():
    assert len(REFUSED) >= 60
    met = {problem[0] for case in (*REFUSED.values(), *WARNED.values()) for problem in case[-1]}
    assert met == {code for code, entry in CODES.items() if entry.room == "data"}


class TestWhatIsFine:
    """What other readers stumble over and we read without loss."""

    @pytest.mark.parametrize(
        ("cell", "value"),
        [
            ("70M", 7e7), ("1.4T", 1.4e12), ('"100,000,000"', 1e8), ("1_000_000", 1e6),
            ("1e9 ", 1e9), ("1e24", 1e24), ("6.9 B", 6.9e9), ("70m", 7e7),
        ],
    )  # fmt: skip
    def test_cells(self, cell, value):
        rows = ["x,loss", *[f"{cell},{3 + i}" for i in range(3)]]
        path = write(".csv", "\n".join(rows).encode())
        assert set(sj.load_table(path, inputs=("x",)).inputs["x"]) == {value}

    def test_a_number_of_yaml_as_text_in_json(self):
        path = write(".jsonl", b'{"C": "1e24", "loss": 2}\n{"C": 1e24, "loss": 2.1}')
        assert sj.load_table(path, inputs=("C",)).inputs["C"].tolist() == [1e24, 1e24]

    def test_marks_and_line_ends(self):
        path = write(".csv", b"\xef\xbb\xbf" + text().replace(b"\n", b"\r\n"))
        assert sj.load_table(path).fingerprint == sj.load_table(GOOD).fingerprint

    def test_every_format_gives_the_same_table(self):
        frame = GOOD.assign(family=["NA", "null", "x"] * 12)
        csv, records = frame.to_csv(index=False).encode(), frame.to_dict("records")
        objects = "\n".join(map(json.dumps, records)).encode()
        feather = io.BytesIO()
        pyarrow.feather.write_feather(pa.Table.from_pandas(frame), feather)
        parquet = io.BytesIO()
        coded = pa.Table.from_pandas(frame)
        coded = coded.set_column(3, "family", coded["family"].dictionary_encode())
        pq.write_table(coded, parquet)
        contents = {
            ".csv": csv, ".csv.gz": gzip.compress(csv), ".csv.bz2": bz2.compress(csv),
            ".CSV.ZST": zst(csv), ".jsonl": objects, ".ndjson.gz": gzip.compress(objects),
            ".feather": feather.getvalue(), ".arrow": feather.getvalue(),
            ".parquet": parquet.getvalue(),
        }  # fmt: skip
        tables = [sj.load_table(write(end, data), by="family") for end, data in contents.items()]
        assert len({table.fingerprint for table in tables}) == 1
        assert {table.group_labels for table in tables} == {("NA", "null", "x")}

    def test_decimals_and_nested_columns_that_are_not_read(self):
        import decimal

        sizes = pa.array([decimal.Decimal(round(value)) for value in GOOD["N"]])
        path = write(".parquet", parquet(N=sizes, config=NESTED))
        assert sj.load_table(path).inputs["N"] == pytest.approx(GOOD["N"].round(), rel=1e-15)

    def test_separators_inside_json_text(self):
        path = write(".jsonl", '{"N": 7e7, "D": 2e9, "loss": 3, "note": "a\u2028b"}'.encode())
        assert sj.load_table(path).n_rows == 1

    def test_an_odd_ratio_that_was_stated(self):
        fine_tuning = GOOD.assign(D=GOOD["D"] / 1e6)
        assert sj.load_table(fine_tuning, units={"D": 1}).warnings == ()

    def test_a_wide_design_may_reach_beyond_the_usual_ratios(self):
        wide = GOOD.assign(D=2e8 * 1000 ** (np.arange(36) % 6 / 5))
        ratio = wide["D"] / wide["N"]
        assert ratio.min() < 0.1
        assert sj.load_table(wide.assign(N=wide["N"] * 10)).warnings == ()

    def test_a_large_file_that_was_allowed(self, monkeypatch):
        content = text() + b"\n" * (3 << 20)
        path = write(".csv.gz", gzip.compress(content))
        with pytest.raises(InputError, match="E161"):
            sj.load_table(path)
        assert sj.load_table(path, max_bytes=4 << 20).n_rows == 36
        monkeypatch.setenv("SCALEJAX_MAX_BYTES", str(4 << 20))
        assert sj.load_table(path).n_rows == 36
        for wrong in ("many", "0"):
            monkeypatch.setenv("SCALEJAX_MAX_BYTES", wrong)
            with pytest.raises(UsageError, match="number of bytes"):
                sj.load_table(path)


class TestLossUnits:
    def test_bits_become_nats(self):
        bits = GOOD.assign(loss=GOOD["loss"] / np.log(2), sd=0.1)
        table = sj.load_table(bits, loss_unit="bits", sigma="sd")
        assert table.target == pytest.approx(GOOD["loss"].to_numpy(), rel=1e-15)
        # sigma is in units of the loss, so it is converted with it.
        assert table.weight == pytest.approx(1 / (0.1 * np.log(2)) ** 2, rel=1e-14)
        assert 'loss_unit="bits"' in table.notes[-1]

    def test_bits_per_byte(self):
        # 4 bytes a token at 1 bit a byte are 4 bits a token.
        table = sj.load_table(GOOD.assign(loss=1.0), loss_unit="bits_per_byte:4")
        assert table.target == pytest.approx(4 * np.log(2), rel=1e-15)

    def test_nothing_said_is_noted(self):
        assert any("no loss_unit" in note for note in sj.load_table(GOOD).notes)

    @pytest.mark.parametrize(
        "unit", ["bit", "", "bits_per_word", "bits_per_byte:", "bits_per_byte:-1", "nats:2"]
    )
    def test_unknown_units(self, unit):
        with pytest.raises(UsageError, match="loss_unit="):
            sj.load_table(GOOD, loss_unit=unit)


class TestClusters:
    FRAME = GOOD.assign(
        fam=["a"] * 18 + ["b"] * 18, run=[i // 6 % 3 for i in range(36)], s=["x", "y"] * 18
    )

    def test_runs_of_the_same_name_in_two_families_are_two(self):
        table = sj.load_table(self.FRAME, run=("fam", "run"), strata="s")
        assert table.subcluster_labels == ("a/0", "a/1", "a/2", "b/0", "b/1", "b/2")
        assert table.subcluster.tolist() == [i // 6 for i in range(36)]
        assert table.stratum.tolist() == [0, 1] * 18
        assert table.warnings == ()

    def test_levels_follow_the_rows(self):
        table = sj.load_table(self.FRAME, run=("fam", "run"), strata="s", by="fam")
        part = table.select(table.row > 12)
        assert part.subcluster_labels == ("a/2", "b/0", "b/1", "b/2")
        assert part.subcluster.tolist() == [i // 6 for i in range(24)]
        assert table.split()["b"].subcluster_labels == ("b/0", "b/1", "b/2")
        frame = part.to_frame()
        assert frame["subcluster"].tolist() == [part.subcluster_labels[c] for c in part.subcluster]
        assert set(frame["stratum"]) == {"x", "y"}

    def test_fingerprints_see_the_levels_and_old_ones_stay(self):
        plain = sj.load_table(self.FRAME, run="fam")
        prints = {
            plain.fingerprint,
            sj.load_table(self.FRAME, run=("fam", "run")).fingerprint,
            sj.load_table(self.FRAME, run="fam", strata="s").fingerprint,
        }
        assert len(prints) == 3
        assert sj.load_table(self.FRAME, run=["fam"]).fingerprint == plain.fingerprint

    def test_one_level_is_a_family_and_may_hold_many_sizes(self):
        assert sj.load_table(self.FRAME, run="fam").warnings == ()

    @pytest.mark.parametrize("cluster", [(), ("fam", "run", "s"), ("fam", "fam")])
    def test_other_numbers_of_levels(self, cluster):
        with pytest.raises(UsageError, match="run="):
            sj.load_table(self.FRAME, run=cluster)


def test_everything_is_said_at_once():
    frame = GOOD.assign(C=GOOD["N"] ** 2).astype(object)
    frame.loc[1, "loss"], frame.loc[2, "N"], frame.loc[3, "D"] = -1, "many", 0
    frame.loc[8] = frame.loc[7]
    found = inspect_table(frame, Request(n_parameters=40))
    assert [problem.code for problem in found.problems] == [
        "E120", "E103", "E102", "W203", "W215", "E130",
    ]  # fmt: skip
    assert found.table is None
    assert [problem.code for problem in found.errors] == ["E120", "E103", "E102", "E130"]


class TestCommandLine:
    """`scalejax fit --out` refuses before it writes."""

    @pytest.fixture
    def run(self, capsys, monkeypatch):
        monkeypatch.setenv("SCALEJAX_NO_CACHE", "1")

        def call(*words):
            with pytest.raises(SystemExit) as end:
                main([str(word) for word in words])
            return end.value.code, capsys.readouterr().err

        return call

    @pytest.mark.parametrize(
        "name",
        ["NaN in the loss", "sizes in millions", "unquoted thousands", "a workbook", "one size",
         "a gzip bomb", "no loss", "nothing"],
    )  # fmt: skip
    @pytest.mark.parametrize("extra", [(), ("--plot", "fit.png")])
    def test_nothing_is_left(self, run, name, extra):
        suffix, content, _, ((code, _, _),) = REFUSED[name]
        path = write(suffix, content)
        status, err = run("fit", path, "--out", "mine", *extra)
        assert status == 1
        assert code in err
        assert "Traceback" not in err
        assert [file.name for file in Path().iterdir()] == [path.name]

    def test_standard_input(self, run, monkeypatch):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(lines(row5="1,2"))))
        status, err = run("fit", "-", "--out", "mine")
        assert (status, [*Path().iterdir()]) == (1, [])
        assert "standard input" in err
        assert "E121 row 5" in err
