"""Files are read strictly: nothing shifts, nothing is re-typed, wrong files say why."""

import gzip
import io
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scalejax.data import read_frame
from scalejax.errors import InputError, UsageError

GOOD = "N,D,loss\n1e8,2e9,3.1\n2e8,4e9,2.9\n"


def write(folder: Path, content: str | bytes, name: str = "runs.csv") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize(
    ("content", "code", "rows", "hint"),
    [
        ("N,D,loss\n1,2,3\n1,2,3,\n", "E121", (2,), "at the end of the row"),
        ("N,D,loss\n100,000,000,2e9,3.1\n", "E121", (1,), "unquoted comma"),
        ("N,D,loss\n1,2,3\n1,2\n1,2\n", "E121", (2, 3), "fewer cells"),
        ("N,D,loss,\n1,2,3,\n", "E121", (), "header ends with a comma"),
        ('N,D,loss\n1,2,3\n1,"2,3\n4,5,6\n', "E121", (2,), "quotes do not pair up"),
        ('N,D,loss\n1,"2"x,3\n', "E121", (1,), "quotes do not pair up"),
        ("N,D,loss\n1;2;3.1\n1,2,3\n", "E122", (1,), "separated by commas"),
        ("N;D;x,loss\n1;2;3,1\n", "E122", (), "commas or by semicolons"),
        (GOOD.encode("utf-16"), "E123", (), "UTF-16"),
        (GOOD.encode("utf-16-le"), "E123", (), "NUL"),
        ("N,D,loss\n1,2,3\né,2,3\n".encode("latin-1"), "E123", (2,), "line 3"),
        ("N,D,loss,N\n1,2,3,4\n", "E125", (), "more than once"),
        ("N, N ,loss\n1,2,3\n", "E125", (), "more than once"),
        ("", "E127", (), "empty"),
        ("\n \n", "E127", (), "empty"),
        ("N,D,loss\n", "E127", (), "only the header (N, D, loss)"),
    ],
)  # fmt: skip
def test_wrong_csv_is_refused(
    tmp_path: Path, content: str | bytes, code: str, rows: tuple[int, ...], hint: str
) -> None:
    with pytest.raises(InputError) as caught:
        read_frame(write(tmp_path, content))
    (problem,) = caught.value.problems
    assert (problem.code, problem.rows) == (code, rows)
    assert hint in problem.message
    assert str(caught.value).startswith("1 problem in runs.csv")
    assert str(tmp_path) not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("runs.pickle", b"\x80\x04", "E160"),
        ("runs.pkl.gz", b"\x80\x04", "E160"),
        ("runs.xls", b"PK", "E160"),
        ("runs", GOOD.encode(), "E160"),
        ("runs.csv.gz", b"not gzip", "E162"),
        ("runs.csv.gz", gzip.compress(GOOD.encode(), mtime=0)[:-9], "E162"),
        ("runs.parquet", b"PAR1 broken PAR1", "E162"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, name: str, content: bytes, code: str) -> None:
    with pytest.raises(InputError) as caught:
        read_frame(write(tmp_path, content, name))
    assert [problem.code for problem in caught.value.problems] == [code]


@pytest.mark.parametrize("name", ["runs.csv", "runs.csv.gz", "runs.parquet"])
def test_a_missing_file_says_so(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="no such file") as caught:
        read_frame(tmp_path / name)
    assert caught.value.problems[0].code == "E162"


def test_all_kinds_of_ragged_rows_are_told_at_once(tmp_path: Path) -> None:
    content = "a,b\n1\n1,2\n1,2,\n1,2,3\n5,6,7\n"
    with pytest.raises(InputError) as caught:
        read_frame(write(tmp_path, content))
    assert [problem.rows for problem in caught.value.problems] == [(3,), (4, 5), (1,)]


def test_cells_stay_as_they_are_written(tmp_path: Path) -> None:
    content = '\ufeffN,family,loss\r\n"100,000,000",NA,3.10\r\n\r\n1e8, null,\r\n2e8,,007\r\n'
    frame = read_frame(write(tmp_path, content))
    assert frame.columns.tolist() == ["N", "family", "loss"]
    assert frame.to_numpy().tolist() == [
        ["100,000,000", "NA", "3.10"],
        ["1e8", "null", ""],
        ["2e8", "", "007"],
    ]


def test_the_index_column_of_pandas_is_no_obstacle(tmp_path: Path) -> None:
    frame = read_frame(write(tmp_path, ",N,loss\n0,1e8,3\n1,2e8,2\n"))
    assert frame["N"].tolist() == ["1e8", "2e8"]


def test_gzip_and_standard_input_equal_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = read_frame(str(write(tmp_path, GOOD)))
    packed = read_frame(write(tmp_path, gzip.compress(GOOD.encode(), mtime=0), "runs.csv.gz"))
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(GOOD.encode())))
    pd.testing.assert_frame_equal(plain, packed)
    pd.testing.assert_frame_equal(plain, read_frame("-"))


def test_parquet_keeps_types_names_and_all_columns(tmp_path: Path) -> None:
    frame = pd.DataFrame({"N": [10**13, 2], "family": ["NA", "null"]}, index=[5, 5])
    frame.to_parquet(tmp_path / "runs.parquet")
    read = read_frame(tmp_path / "runs.parquet")
    assert read["N"].tolist() == [10**13, 2]
    assert read["family"].tolist() == ["NA", "null"]
    assert read.index.tolist() == [0, 1]


def test_repeated_parquet_columns_are_refused(tmp_path: Path) -> None:
    table = pa.table([pa.array([1.0]), pa.array([2.0])], names=["N", "N"])
    pq.write_table(table, tmp_path / "runs.parquet")
    with pytest.raises(InputError) as caught:
        read_frame(tmp_path / "runs.parquet")
    assert caught.value.problems[0].code == "E125"


def test_frames_mappings_and_arrow_tables(tmp_path: Path) -> None:
    frame = pd.DataFrame({"N": [1.0, 2.0], 3: ["a", "b"]}, index=[7, 7])
    read = read_frame(frame)
    assert read.columns.tolist() == ["N", "3"]
    assert read.index.tolist() == [0, 1]
    assert frame.columns.tolist() == ["N", 3]
    assert read_frame(pa.table({"N": [1, 2]}))["N"].tolist() == [1, 2]
    masked = np.ma.MaskedArray([1.0, 2.0], mask=[False, True])
    assert read_frame({"N": masked})["N"].isna().tolist() == [False, True]


def test_wrong_objects() -> None:
    with pytest.raises(InputError) as caught:
        read_frame({"N": [1, 2], "D": [1]})
    assert caught.value.problems[0].code == "E121"
    with pytest.raises(InputError) as caught:
        read_frame(pd.DataFrame([[1, 2]], columns=["N", "N"]))
    assert caught.value.problems[0].code == "E125"
    with pytest.raises(InputError) as caught:
        read_frame(pd.DataFrame({"N": []}))
    assert caught.value.problems[0].code == "E127"
    with pytest.raises(UsageError, match="one dimension"):
        read_frame({"N": np.ones((2, 2))})
    with pytest.raises(UsageError, match="not int"):
        read_frame(3)
