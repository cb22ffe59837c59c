"""JSON in every shape that holds a table, and what no reader may stumble over."""

import json

import pytest

from scalejax.data import parse_column
from scalejax.errors import InputError
from scalejax.sources import read_source

RECORDS = [
    {"N": 10**20 + 1, "run": {"lr": 1e-3, "tags": ["a"]}, "loss": 3.5},
    {"N": 2, "loss": 2.5},
]
COLUMNS = {"N": [10**20 + 1, 2], "loss": [3.5, 2.5]}
NUMBERED = {key: {str(k): value for k, value in enumerate(c)} for key, c in COLUMNS.items()}
ROWS = {str(k): {key: column[k] for key, column in COLUMNS.items()} for k in range(2)}


@pytest.fixture
def read(tmp_path):
    def call(content, name="runs.json"):
        path = tmp_path / name
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return read_source(path)

    return call


def codes(call, *arguments):
    with pytest.raises(InputError) as caught:
        call(*arguments)
    return [(problem.code, problem.rows) for problem in caught.value.problems]


SHAPES = {
    "array": RECORDS,
    "lines": "\n".join(map(json.dumps, RECORDS)),
    "pretty array": json.dumps(RECORDS, indent=1),
    "columns": COLUMNS,
    "columns with records": COLUMNS | {"extra": [{"a": 1}, {"a": 2}]},
    "columns of numbered rows": NUMBERED,
    "numbered rows": ROWS,
    "split": {"columns": ["N", "loss"], "index": [0, 1], "data": [[10**20 + 1, 3.5], [2, 2.5]]},
    "below a name": {"version": 3, "runs": RECORDS},
}


@pytest.mark.parametrize("name", ["runs.json", "runs.jsonl", "runs.txt"])
@pytest.mark.parametrize("content", SHAPES.values(), ids=SHAPES)
def test_shapes(read, content, name):
    table = read(content, name)
    assert table.frame["N"].tolist() == [10**20 + 1, 2]
    assert table.frame["loss"].tolist() == [3.5, 2.5]


def test_records_inside_are_flat(read):
    frame = read(RECORDS).frame
    assert frame.columns.tolist() == ["N", "loss", "run.lr", "run.tags"]
    assert frame["run.lr"].tolist() == [1e-3, None]
    assert read({"config": {"N": 5}, "summary": {"loss": 2}}).frame.to_dict("records") == [
        {"config.N": 5, "summary.loss": 2}
    ]


@pytest.mark.parametrize(
    ("content", "code", "rows"),
    [
        ("[1, 2]", "E121", (1, 2)),
        ("[]", "E127", ()),
        ("3", "E121", ()),
        ('{"a": [1], "b": [1, 2]}', "E121", ()),
        ('{"a": [1, 2], "b": 1}', "E121", ()),
        ('{"r": {"N": 1}, "s": {"N": 2}}', "E121", ()),
        ('{"a": [{"N": 1}], "b": [{"N": 1}]}', "E121", ()),
        ('{"columns": ["N"], "data": [[1], [1, 2]]}', "E121", (2,)),
        ('[{"a.b": 1, "a": {"b": 2}}]', "E125", (1,)),
        ('[{"a": 1, " a": 2}]', "E125", ()),
        ('[{"N": 1, "N": 2}]', "E125", ()),
        ('{"N": 1}\n{"N": 1, "N": 2}\n', "E125", (2,)),
        ('{"N": 1}\n{"N": "\\ud800"}\n', "E123", (2,)),
        ('[{"\\u0000": 1}]', "E123", ()),
        ("[" * 200_000, "E121", ()),
        ('{"a":' * 200_000, "E121", ()),
        ('{"a":' * 500 + "1" + "}" * 500, "E121", (1,)),
        ('{"N": 1', "E121", ()),
        ("\n".join(f'{{"k{k}": 1}}' for k in range(20_000)), "E161", ()),
    ],
    ids=range(19),
)  # fmt: skip
def test_refusals(read, content, code, rows):
    assert codes(read, content) == [(code, rows)]


def test_numbers_that_nothing_holds_are_refused_where_they_are_read(read):
    frame = read('[{"N": %s, "loss": 1e999, "x": "\\ud83d\\ude00"}]' % ("9" * 5000)).frame
    assert frame["x"].tolist() == ["\U0001f600"]
    for column in ("N", "loss"):
        assert [*parse_column(frame[column]).unreadable] == [1]
