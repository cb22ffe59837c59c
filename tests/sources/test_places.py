"""Files that are no files, folders, several files, pipes, workbooks, and sizes that are hidden."""

import gzip
import hashlib
import io
import os
import zipfile
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scalejax.data import load_table
from scalejax.errors import InputError
from scalejax.sources import read_frame, read_source
from scalejax.sources.places import readable

CSV = b"N,D,loss\n1e8,2e9,3.1\n2e8,4e9,2.9\n"
FRAME = pd.DataFrame({"N": [1, 2], "loss": [3.5, 2.5]})


@pytest.fixture(autouse=True)
def _alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SCALEJAX_MAX_BYTES", raising=False)


def codes(source, **options):
    with pytest.raises(InputError) as caught:
        read_source(source, **options)
    return [problem.code for problem in caught.value.problems]


class TestNoFiles:
    def test_pipes_devices_and_links_to_them(self, tmp_path):
        os.mkfifo("pipe.csv")
        os.symlink("pipe.csv", "link.csv")
        os.symlink("/dev/zero", "zero.csv")
        os.symlink("self.csv", "self.csv")
        for name in ("pipe.csv", "link.csv", "zero.csv", "self.csv"):
            assert codes(name) == ["E162"]
            assert codes([name, "link.csv"]) == ["E162"]

    @pytest.mark.parametrize("name", ["a\0.csv", "a\ud800.csv", "a" * 5000 + ".csv", "a.xlsx#b"])
    def test_paths_that_cannot_be(self, name):
        assert codes(name) == ["E162"]

    def test_folders_with_nothing_in_them(self, tmp_path):
        (tmp_path / "empty").mkdir()
        assert codes("empty") == ["E127"]


class TestSeveral:
    def test_one_file_a_run(self, tmp_path):
        for name in "ab":
            FRAME.to_csv(f"{name}.csv", index=False)
        (tmp_path / "notes.md").write_text("x")
        table = read_source(tmp_path)
        assert table.frame["run"].tolist() == ["a", "a", "b", "b"]
        assert table.frame["loss"].tolist() == ["3.5", "2.5"] * 2
        assert table.notes == (
            "2 files, column 'run' by the name of the file",
            "left out: notes.md",
        )
        assert read_source(["a.csv", "b.csv"]).frame.equals(table.frame)
        assert read_source(["a.csv", "b.csv"]).sha256 == table.sha256
        (tmp_path / "b.csv").write_bytes(CSV)
        other = read_source(tmp_path)
        assert other.sha256 != table.sha256
        assert "not in every file: D" in other.notes

    def test_names_of_their_own_and_folders_for_names(self, tmp_path):
        for name in "ab":
            (tmp_path / name).mkdir()
            FRAME.to_csv(tmp_path / name / "metrics.csv", index=False)
        assert read_frame(tmp_path)["run"].tolist() == ["a", "a", "b", "b"]
        FRAME.assign(Run="x").to_csv(tmp_path / "a" / "metrics.csv", index=False)
        assert codes(tmp_path) == ["E126"]
        FRAME.assign(Run="y").to_csv(tmp_path / "b" / "metrics.csv", index=False)
        assert read_frame(tmp_path)["Run"].tolist() == ["x", "x", "y", "y"]

    def test_packed_files(self):
        for name in "ab":
            FRAME.to_csv(f"{name}.csv.gz", index=False)
        assert read_frame(["a.csv.gz", "b.csv.gz"])["run"].tolist() == ["a", "a", "b", "b"]

    def test_one_kind_only(self, tmp_path):
        FRAME.to_csv("a.csv", index=False)
        FRAME.to_json("b.json")
        assert codes(tmp_path) == ["E160"]


class TestHash:
    def test_it_is_of_the_bytes_that_were_parsed(self, tmp_path):
        packed = gzip.compress(CSV)
        (tmp_path / "runs.csv.gz").write_bytes(packed)
        table = load_table("runs.csv.gz")
        assert table.source_sha256 == hashlib.sha256(packed).hexdigest()
        assert load_table(pd.read_csv("runs.csv.gz")).source_sha256 is None


class TestStandardInput:
    def contents(self):
        parquet, workbook = io.BytesIO(), None
        pq.write_table(pa.Table.from_pandas(FRAME), parquet)
        text = FRAME.to_csv(index=False).encode()
        return [
            text, gzip.compress(text), FRAME.to_json(orient="records").encode(),
            FRAME.to_json(orient="records", lines=True).encode(), parquet.getvalue(),
            FRAME.to_csv(index=False, sep=";", decimal=",").encode(), workbook or text,
        ]  # fmt: skip

    def test_it_is_known_by_its_content(self, monkeypatch):
        for content in self.contents():
            monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(content)))
            frame = read_frame("-")
            assert frame["loss"].astype(float).tolist() == [3.5, 2.5]


class TestWorkbooks:
    @pytest.fixture
    def book(self):
        openpyxl = pytest.importorskip("openpyxl")
        book = openpyxl.Workbook()
        book.active.title = "runs"
        for row in (["N", "loss", None], [1e8, 3.5], [None, None], [2e8, 2.5]):
            book.active.append(row)
        return book

    def test_the_only_sheet_or_the_named_one(self, book):
        book.save("a.xlsx")
        assert read_frame("a.xlsx").to_numpy().tolist() == [[1e8, 3.5], [2e8, 2.5]]
        book.create_sheet("more").append(["x"])
        book.save("a.xlsx")
        assert codes("a.xlsx") == ["E162"]
        assert len(read_frame("a.xlsx#runs")) == 2
        assert codes("a.xlsx#more") == ["E127"]
        assert codes("a.xlsx#no") == ["E162"]

    def test_cells_beyond_the_header_and_bombs(self, book):
        book.active.append([1, 2, 3])
        book.save("a.xlsx")
        with pytest.raises(InputError, match="E121 row 3"):
            read_source("a.xlsx")
        with zipfile.ZipFile("bomb.xlsx", "w", zipfile.ZIP_DEFLATED) as packed:
            packed.writestr("xl/worksheets/sheet1.xml", b"0" * 10_000_000)
        assert codes("bomb.xlsx") == ["E161"]


class TestHiddenSizes:
    """Sizes are known before anything of that size is made."""

    def refused(self, source, limit):
        before = pa.total_allocated_bytes()
        peak = pa.default_memory_pool().max_memory()
        assert codes(source, max_bytes=limit) == ["E161"]
        assert pa.total_allocated_bytes() <= before + 2 * limit
        assert pa.default_memory_pool().max_memory() <= max(peak, before + 2 * limit)

    @pytest.mark.parametrize(
        "encoding", ["PLAIN", "DELTA_BYTE_ARRAY", "DELTA_LENGTH_BYTE_ARRAY", None]
    )
    def test_parquet_of_one_long_text(self, encoding):
        texts = pa.table({"a": ["x" * 10_000] * 2_000, "b": ["y"] * 2_000})
        options = {"use_dictionary": encoding is None, "compression": "zstd"}
        if encoding is not None:
            options["column_encoding"] = {"a": encoding}
        pq.write_table(texts, "a.parquet", **options)
        del texts
        self.refused("a.parquet", 2_000_000)
        assert read_frame("a.parquet", max_bytes=100_000_000).shape == (2_000, 2)

    def test_parquet_of_lists_of_one_long_text(self):
        texts = pa.table({"a": [["x" * 10_000] * 50] * 100, "loss": [1.5] * 100})
        pq.write_table(texts, "a.parquet", compression="zstd")
        table = read_source("a.parquet", max_bytes=2_000_000)
        assert table.frame.columns.tolist() == ["loss"]
        assert table.notes == ("large columns of records or lists left out: a",)

    @pytest.mark.parametrize("packing", ["lz4", "zstd"])
    def test_feather(self, packing):
        table = pa.table({"a": np.zeros(1_000_000)})
        options = pa.ipc.IpcWriteOptions(compression=packing)
        with pa.ipc.new_file("a.feather", table.schema, options=options) as file:
            file.write_table(table)
        del table
        self.refused("a.feather", 2_000_000)
        assert read_frame("a.feather", max_bytes=10_000_000).shape == (1_000_000, 1)

    def test_views_of_one_text(self):
        view = np.frombuffer(np.array([10_000, 0x78787878, 0, 0], np.int32).tobytes() * 2_000)
        buffers = [None, pa.py_buffer(view), pa.py_buffer(b"x" * 10_000)]
        table = pa.table({"a": pa.Array.from_buffers(pa.string_view(), 2_000, buffers)})
        with pa.ipc.new_file("a.feather", table.schema) as file:
            file.write_table(table)
        self.refused("a.feather", 2_000_000)
        frame = read_frame("a.feather", max_bytes=100_000_000)
        assert set(frame["a"]) == {"x" * 10_000}


class TestFrames:
    def test_other_libraries(self):
        polars = pytest.importorskip("polars")
        frame = polars.DataFrame({"N": [1, 2], "name": ["a", None]})
        assert read_frame(frame)["N"].tolist() == [1, 2]
        assert read_frame(frame.to_arrow())["name"].isna().tolist() == [False, True]

    def test_records_and_series(self):
        assert read_frame([{"N": 1, "c": {"d": 2}}, {"N": 2}]).columns.tolist() == ["N", "c.d"]
        assert read_frame(pd.Series([1, 2], name="loss"))["loss"].tolist() == [1, 2]
        with pytest.raises(InputError, match="E121 row 2"):
            read_frame([{"N": 1}, 2])

    def test_the_interchange_protocol(self):
        class Frame:
            def __dataframe__(self, **options):
                return pa.table({"N": [1, 2]}).__dataframe__(**options)

        assert read_frame(Frame())["N"].tolist() == [1, 2]


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (PermissionError(13, "Permission denied"), "permission to read"),
        (NotADirectoryError(20, "Not a directory"), "check the path"),
        (OSError(5, "Input/output error"), "the disk or the network"),
        (EOFError("cut off"), "save it again"),
        (OSError("no magic bytes"), "save it again"),
    ],
)
def test_advice_goes_by_the_cause(error, advice):
    with pytest.raises(InputError, match=advice), readable("runs.csv"):
        raise error
