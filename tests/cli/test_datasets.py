"""`scalejax datasets`: the named tables."""

import json

import pytest

from scalejax import datasets
from scalejax.cli import main


@pytest.fixture
def run(capsys):
    def call(*words):
        with pytest.raises(SystemExit) as end:
            main(["datasets", *words])
        out, err = capsys.readouterr()
        return end.value.code or 0, out, err

    return call


def test_all_are_listed_with_where_they_are_from(run):
    code, out, _ = run()
    assert code == 0
    for name in datasets.names():
        table = datasets.describe(name)
        assert f"{table.source} ({table.licence})" in out
        assert name in out


def test_as_json(run):
    rows = json.loads(run("--json")[1])
    assert [row["name"] for row in rows] == [*datasets.names()]
    assert {*rows[0]} == {"name", "rows", "columns", "source", "licence", "here"}
    assert rows[0]["here"] is True


def test_one_in_full(run):
    code, out, _ = run("steplaw")
    assert code == 0
    assert "diverged runs" in out
    assert json.loads(run("steplaw", "--json")[1])["licence"] == "no licence file"
    assert run("steplaws")[0] == 2
