import json
import sys
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tampering

import scalejax as sj
from scalejax.data.table import SetAside, encode_labels
from scalejax.errors import InputProblem
from scalejax.fitting import storage
from scalejax.status import Status

RUNS = sj.datasets.load("golden36")


@sj.law(linear=("E",))
def own(N, D, *, E: sj.Positive, A: sj.Positive, alpha: sj.Positive):
    return E + A * N**-alpha + 0 * D


@pytest.fixture(scope="module")
def fit():
    return sj.fit(RUNS, resamples=50)


def assert_same(a, b):
    plain = ("params", "status", "objective", "on_bound", "settings", "versions", "starts")
    for name in (*plain, "agreeing", "noise_scale"):
        assert getattr(a, name) == getattr(b, name), name
    for name in ("objective_value", "gradient", "condition"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
    assert a.law is b.law
    assert a.draws.method == b.draws.method
    assert list(a.draws.parameters) == list(b.draws.parameters)
    for name, values in a.draws.parameters.items():
        np.testing.assert_array_equal(values, b.draws.parameters[name])
    for name in ("status", "objective"):
        np.testing.assert_array_equal(getattr(a.draws, name), getattr(b.draws, name))
    assert a.table.fingerprint == b.table.fingerprint
    assert list(a.table.inputs) == list(b.table.inputs)
    for name in ("row", "cluster", "group"):
        np.testing.assert_array_equal(getattr(a.table, name), getattr(b.table, name))
    for name in ("set_aside", "notes", "warnings", "columns", "source", "cluster_labels"):
        assert getattr(a.table, name) == getattr(b.table, name), name
    assert not b.table.target.flags.writeable


def test_round_trip_is_exact(fit, tmp_path):
    assert fit.save(tmp_path / "deep" / "fit") == tmp_path / "deep" / "fit"
    loaded = sj.load_fit(tmp_path / "deep" / "fit")
    assert_same(fit, loaded)
    assert loaded.summary() == fit.summary()


def test_round_trip_of_the_unusual(fit, tmp_path):
    table = fit.table
    codes, labels = encode_labels(["=a", "b\n", "ü"] * 12)
    problem = InputProblem("W001", "odd", "N", (1, 2))
    draws = {name: values.copy() for name, values in fit.draws.parameters.items()}
    draws["A"][:2] = np.nan, np.inf
    status = fit.draws.status.copy()
    status[:2] = Status.NON_FINITE
    strange = replace(
        fit,
        params={**fit.params, "E": 0.1 + 0.2, "A": 5e-324},
        status=Status.NOT_IDENTIFIED,
        condition=float("inf"),
        objective_value=float("nan"),
        objective=sj.student_t(2.5, on="loss"),
        noise_scale=1 / 3,
        on_bound=("E", "A"),
        draws=replace(fit.draws, parameters=draws, status=status, method="cluster"),
        settings={**fit.settings, "bounds": {"E": [0.0, float("inf")]}},
        table=replace(
            table,
            cluster=codes,
            cluster_labels=labels,
            group=codes,
            group_labels=labels,
            set_aside=(SetAside(3, "why", "E101"),),
            notes=("note",),
            warnings=(problem,),
        ),
    )
    strange.save(tmp_path / "fit")
    assert_same(strange, sj.Fit.load(tmp_path / "fit"))
    text = (tmp_path / "fit" / "fit.json").read_text()
    assert json.loads(text, parse_constant=pytest.fail)["diagnostics"]["condition"] is None


def test_an_input_may_have_the_name_of_a_column(fit, tmp_path):
    law = sj.law(name="odd")(_odd)
    table = replace(fit.table, inputs={"weight": fit.table.inputs["N"], "row": fit.table.target})
    odd = replace(fit, law=law, table=table)
    odd.save(tmp_path / "fit")
    assert_same(odd, sj.load_fit(tmp_path / "fit", law=law))


def _odd(
    weight, row, *, E: sj.Positive, A: sj.Positive, alpha: sj.Positive, B: sj.Positive,
    beta: sj.Positive,
):  # fmt: skip
    return E + A * weight**-alpha + B * row**-beta


def test_same_seed_same_bytes(fit, tmp_path):
    fit.save(tmp_path / "a")
    sj.fit(RUNS, resamples=50).save(tmp_path / "b")
    for name in ("draws.parquet", "rows.parquet", "fit.json", "manifest.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_no_draws(fit, tmp_path):
    empty = np.empty(0)
    draws = replace(
        fit.draws,
        parameters=dict.fromkeys(fit.params, empty),
        status=np.empty(0, np.int64),
        objective=empty,
    )
    bare = replace(fit, draws=draws)
    bare.save(tmp_path / "fit")
    assert_same(bare, sj.load_fit(tmp_path / "fit"))


def test_own_objective_keeps_its_name_only(fit, tmp_path):
    mine = replace(fit, objective=sj.objectives.custom(lambda r: r**4, on="loss"))
    mine.save(tmp_path / "fit")
    loaded = sj.load_fit(tmp_path / "fit")
    assert loaded.objective.name == "<lambda>"
    np.testing.assert_array_equal(loaded.residuals, mine.residuals)
    with pytest.raises(sj.UsageError, match="not saved"):
        loaded.objective.kernel.rho(1.0)


@pytest.fixture
def saved(fit, tmp_path):
    return fit.save(tmp_path / "fit")


def edit(folder, change):
    tampering.edit(folder / "fit.json", change)
    tampering.seal(folder)


def test_missing_folder(tmp_path):
    with pytest.raises(sj.ScalejaxError, match="is not a saved fit"):
        sj.load_fit(tmp_path / "nothing")


@pytest.mark.parametrize("name", ["draws.parquet", "rows.parquet"])
def test_missing_and_damaged_arrays(saved, name):
    (saved / name).write_bytes(b"PAR1 nonsense")
    with pytest.raises(sj.ScalejaxError, match="cannot be read"):
        sj.load_fit(saved)
    (saved / name).unlink()
    with pytest.raises(sj.ScalejaxError, match=f"no {name}"):
        sj.load_fit(saved)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": 1, "non_finite": {}}', "\x00"])
def test_damaged_record(saved, text):
    (saved / "fit.json").write_text(text)
    with pytest.raises(sj.ScalejaxError, match="cannot be read"):
        sj.load_fit(saved)


def test_newer_schema(saved):
    edit(saved, lambda record: record.update(schema=storage.SCHEMA + 1))
    with pytest.raises(sj.ScalejaxError, match="newer scalejax"):
        sj.load_fit(saved)


def test_other_rows(saved):
    rows = pq.read_table(saved / "rows.parquet")
    losses = np.array(rows["loss"]).copy()
    losses[7] += 1e-12
    changed = rows.set_column(rows.column_names.index("loss"), "loss", pa.array(losses))
    pq.write_table(changed, saved / "rows.parquet")
    tampering.seal(saved)
    with pytest.raises(sj.ScalejaxError, match="not those that were fitted"):
        sj.load_fit(saved)


def test_other_draws(saved):
    pq.write_table(pq.read_table(saved / "draws.parquet").slice(1), saved / "draws.parquet")
    tampering.seal(saved)
    with pytest.raises(sj.ScalejaxError, match="belongs to another fit"):
        sj.load_fit(saved)


def own_fit(fit):
    names = ("E", "A", "alpha")
    draws = replace(fit.draws, parameters={name: fit.draws.parameters[name] for name in names})
    params = {name: fit.params[name] for name in names}
    return replace(fit, law=own, params=params, draws=draws)


def test_own_law_must_be_given_unless_it_is_imported(fit, tmp_path, monkeypatch):
    mine = own_fit(fit)
    folder = mine.save(tmp_path / "fit")
    # Pytest's importlib mode does not enter test modules under the name they have.
    monkeypatch.delitem(sys.modules, own.function.__module__, raising=False)
    with pytest.raises(sj.LawError, match="runs no code that a file names"):
        sj.load_fit(folder)
    assert_same(mine, sj.load_fit(folder, law=own))
    monkeypatch.setitem(sys.modules, own.function.__module__, sys.modules["json"])
    monkeypatch.setattr(sys.modules["json"], "own", own, raising=False)
    assert_same(mine, sj.load_fit(folder))


def test_own_law_must_be_the_one_that_was_fitted(fit, tmp_path):
    folder = own_fit(fit).save(tmp_path / "fit")
    with pytest.raises(sj.LawError, match="was made with own"):
        sj.load_fit(folder, law="chinchilla")


def test_loading_imports_nothing(saved, tmp_path, monkeypatch):
    (tmp_path / "evil.py").write_text("raise SystemExit('code ran')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    for spec in ("evil:law", "evil.py:law"):
        edit(saved, lambda record, spec=spec: record["law"].update(spec=spec, registered=False))
        with pytest.raises(sj.LawError):
            sj.load_fit(saved)


def test_failure_leaves_nothing_behind(fit, tmp_path, monkeypatch):
    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(pq, "write_table", fail)
    with pytest.raises(sj.ScalejaxError, match="disk full"):
        fit.save(tmp_path / "fit")
    assert list(tmp_path.iterdir()) == []


def test_failure_keeps_the_older_fit(fit, saved, tmp_path, monkeypatch):
    monkeypatch.setattr(storage, "describe", lambda _: {"params": float("nan")})
    with pytest.raises(ValueError, match="JSON"):
        fit.save(saved)
    assert [path.name for path in tmp_path.iterdir()] == ["fit"]
    assert_same(fit, sj.load_fit(saved))


def test_replaces_a_fit_but_nothing_else(fit, saved, tmp_path):
    (saved / "plot.png").write_text("mine")
    other = replace(fit, params={**fit.params, "E": 2.0})
    other.save(saved)
    assert_same(other, sj.load_fit(saved))
    assert (saved / "plot.png").read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["fit"]


def test_refuses_other_folders_and_files(fit, tmp_path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.tex").write_text("")
    with pytest.raises(sj.UsageError, match="holds other files"):
        fit.save(tmp_path / "thesis")
    with pytest.raises(sj.UsageError, match="is a file"):
        fit.save(tmp_path / "thesis" / "chapter.tex")
    (tmp_path / "empty").mkdir()
    fit.save(tmp_path / "empty")
