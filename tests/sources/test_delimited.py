"""Text with columns: any separator and either decimal mark, found when the whole file agrees."""

import csv
import io

import numpy as np
import pytest

from scalejax.data import parse_column
from scalejax.errors import InputError
from scalejax.sources import read_frame, read_source

HEADER = ["N", "D", "val/loss", "my note"]
ROWS = [
    ["100000000", "2e9", "3.5", "a"],
    ["70M", "1e10", "2.25", "b c"],
    ["300000000", "", "2.1", ""],
]


def text(separator=",", decimal=".", quoting=csv.QUOTE_MINIMAL, end="\n"):
    out = io.StringIO()
    write = csv.writer(out, delimiter=separator, quoting=quoting, lineterminator=end)
    write.writerow(HEADER)
    write.writerows([[cell.replace(".", decimal) for cell in row] for row in ROWS])
    return out.getvalue().encode()


@pytest.fixture
def read(tmp_path):
    def call(content, name="runs.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_source(path)

    return call


def problems(call, *arguments):
    with pytest.raises(InputError) as caught:
        call(*arguments)
    return [(p.code, p.column, p.rows) for p in caught.value.problems]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
@pytest.mark.parametrize("decimal", [".", ","])
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_separators_and_decimal_marks(read, separator, decimal, quoting, end):
    table = read(text(separator, decimal, quoting, end))
    assert table.frame.columns.tolist() == HEADER
    assert table.frame.to_numpy().tolist() == ROWS
    assert len(table.notes) == ((separator, decimal) != (",", "."))
    assert all(("decimal commas" in note) == (decimal == ",") for note in table.notes)


def test_runs_of_blanks(read):
    table = read("  N    D  loss\n1e8 2e9    3.1  \n  2e8   4e9 2.9\n", "runs.txt")
    assert table.frame.to_numpy().tolist() == [["1e8", "2e9", "3.1"], ["2e8", "4e9", "2.9"]]
    assert table.notes == ("columns separated by runs of blanks",)
    assert read("train loss\n3.1\n2.9\n").frame["train loss"].tolist() == ["3.1", "2.9"]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("N;loss\n1;3,14\n2;2.9\n", [("E122", "loss", (1,))]),
        ("N;loss\n1;3,141\n2;2,718\n", [("E122", "loss", (1, 2))]),
        ("N;loss\n1;3,141\n2;2.718\n", [("E122", "loss", (1,))]),
        ("N;a;loss\n1;2.5;3,14\n2;2.5;2,9\n", [("E122", "loss", (1, 2))]),
        ('N,loss\n1,"3,14"\n2,2.9\n', [("E122", "loss", (1,))]),
        ('N,loss\n1,"3,141"\n2,"2,718"\n', [("E122", "loss", (1, 2))]),
        ("a;b,c;d\n1;2,3;4\n", [("E122", None, ())]),
        ("N,D,loss\n1,2,3\n1;2;3\n1\t2\t3\n", [("E122", None, (2, 3))]),
        ("N D loss\n1 2 3\n1,2,3\n", [("E122", None, (2,))]),
    ],
)  # fmt: skip
def test_half_one_and_half_the_other_is_asked(read, content, expected):
    assert problems(read, content) == expected


@pytest.mark.parametrize(
    ("cells", "numbers"),
    [
        (["1.234,5", "7,25"], [1234.5, 7.25]),
        (["1.234.567", "3,141"], [1234567, 3.141]),
        (["3,141", "0,5"], [3.141, 0.5]),
        (["1,234,567", "3,141"], [1234567, 3141]),
        (["1,234.5", "3,141"], [1234.5, 3141]),
    ],
)
def test_one_cell_may_say_what_commas_are(read, cells, numbers):
    frame = read("N;loss\n" + "".join(f"1;{cell}\n" for cell in cells)).frame
    assert parse_column(frame["loss"]).values.tolist() == numbers


def test_other_columns_keep_their_commas(read):
    frame = read("x;name;loss\n1;a,b;3,5\n2;1,2,3;2,5\n").frame
    assert frame["name"].tolist() == ["a,b", "1,2,3"]
    assert frame["loss"].tolist() == ["3.5", "2.5"]


def test_the_nameless_index_of_pandas_is_said(read):
    table = read(",N,loss\n0,1e8,3\n1,2e8,2\n")
    assert table.frame["N"].tolist() == ["1e8", "2e8"]
    assert "no name" in table.notes[0]
    assert problems(read, ",N,\n0,1,2\n") == [("E121", None, ())]
    assert problems(read, ",N,,D\n0,1,2,3\n") == [("E125", "", ())]


def test_both_ways_through_a_file_agree(tmp_path):
    """Arrow's reader against the csv module, on text of the characters that readers differ in."""
    generator = np.random.default_rng(0)
    alphabet = np.array([*"12a, \t;.\r\n\"'\\#é"])
    for number in range(300):
        width = generator.integers(2, 4)
        rows = ["".join(generator.choice(alphabet, generator.integers(0, 12))) for _ in range(4)]
        content = ",".join("xyz"[:width]) + "\n" + "\n".join(rows)
        outcomes = []
        # A quoted pair of quotes in a further row sends all of the file through the csv module.
        for last in ("1" + ",1" * (width - 1), '"a""b"' + ",1" * (width - 1)):
            path = tmp_path / f"{number}.csv"
            path.write_text(f"{content}\n{last}\n", newline="", encoding="utf-8")
            try:
                outcomes.append(read_frame(path).to_numpy().tolist()[:-1])
            except InputError as error:
                outcomes.append([problem.code for problem in error.problems])
        assert outcomes[0] == outcomes[1], repr(content)


def test_long_names_take_no_long_time(read):
    name = "a - " * 30_000
    frame = read(f"Step,{name}b,{name}b__MIN,{name}b__MAX\n1,2,3,4\n").frame
    assert frame.shape == (1, 4)


def test_thousands_of_columns(read):
    names = [f"c{number}" for number in range(20_000)]
    frame = read(",".join(names) + "\n" + ",".join("1" for _ in names)).frame
    assert frame.columns.tolist() == names
    assert set(frame.iloc[0]) == {"1"}
