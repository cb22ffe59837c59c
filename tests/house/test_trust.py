"""What was saved is used only as it was saved, and no file names code that runs.

The generators change every field of every record: without its checksum a change is refused, and
with a checksum that was made to fit, a value of another type or range is.
"""

import json
import shutil

import numpy as np
import pytest
import tampering

import scalejax as sj
from scalejax.cli import main
from scalejax.errors import FitWarning
from scalejax.files import SEAL
from scalejax.fitting.plain import SHAPE as OF_FIT
from scalejax.forecasting.storage import SHAPE as OF_FORECAST
from scalejax.planning.verbs import SHAPE as OF_PLAN
from scalejax.studies import JobError
from scalejax.studies.folder import Folder

RUNS = sj.datasets.load("golden36")
LOADERS = {"fit.json": sj.load_fit, "forecast.json": sj.load_forecast, "plan.json": sj.load_plan}
SHAPES = {"fit.json": OF_FIT, "forecast.json": OF_FORECAST, "plan.json": OF_PLAN}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A saved result for each record."""
    place = tmp_path_factory.mktemp("saved")
    fit = sj.fit(RUNS, resamples=20)
    return {
        "fit.json": fit.save(place / "fit"),
        "forecast.json": sj.forecast(RUNS, at={"N": 7e10, "D": 1.4e12}).save(place / "forecast"),
        "plan.json": sj.plan("besiroglu2024", budget=1e22).save(place / "plan"),
    }


@pytest.fixture(params=LOADERS)
def saved(request, folders, tmp_path):
    """A copy to change: its folder, its record and what loads it."""
    folder = shutil.copytree(folders[request.param], tmp_path / "saved")
    return folder, folder / request.param, LOADERS[request.param], SHAPES[request.param]


def leaves(value, above=()):
    """The place and value of every number, text and switch in a record."""
    if isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(item, (*above, key))
    else:
        yield above, value


def fields(shape, record, above=()):
    """The place of every field whose type and range a shape says."""
    if not isinstance(shape, dict):
        yield above
        return
    for key in record:
        if key in shape or (... in shape and len(shape) == 1):
            yield from fields(shape.get(key, shape.get(...)), record[key], (*above, key))


def put(record, place, value):
    for key in place[:-1]:
        record = record[key]
    record[place[-1]] = value


def other(value):
    """A value like another, as a person might edit it."""
    if isinstance(value, bool) or value is None:
        return not value
    return 1.2 * value + 1 if isinstance(value, int | float) else f"{value} + 5"


def test_any_change_of_a_record_is_refused_with_its_remedy(saved):
    folder, file, load, _ = saved
    good = file.read_text()
    for place, value in leaves(json.loads(good)):
        if place[0] in ("schema", SEAL):
            continue
        tampering.edit(file, lambda record, p=place, v=value: put(record, p, other(v)))
        with pytest.raises(sj.ScalejaxError, match=r"cannot be read .*Put back a copy"):
            load(folder)
        file.write_text(good)


def test_a_field_of_another_type_or_range_is_refused_whatever_its_checksum(saved):
    folder, file, load, shape = saved
    good = file.read_text()
    places = [p for p in fields(shape, json.loads(good)) if p and p[-1] not in ("spec", "schema")]
    assert len(places) > 5
    for place in places:
        tampering.edit(file, lambda record, p=place: put(record, p, {"a": [1]}))
        tampering.seal(folder)
        with pytest.raises(sj.ScalejaxError, match="cannot be read"):
            load(folder)
        file.write_text(good)


@pytest.mark.parametrize("level", [0, 1, -0.5, 95, True, "0.9"])
@pytest.mark.parametrize("name", ["forecast.json", "plan.json"])
def test_a_level_beyond_its_range_is_refused(level, name, folders, tmp_path):
    folder = shutil.copytree(folders[name], tmp_path / "saved")
    tampering.edit(folder / name, lambda record: record.update(level=level))
    tampering.seal(folder)
    with pytest.raises(sj.ScalejaxError, match="level is not as it must be"):
        LOADERS[name](folder)


def test_draws_of_another_fit_are_refused(folders, tmp_path):
    one = shutil.copytree(folders["fit.json"], tmp_path / "one")
    two = sj.fit(RUNS, resamples=20, seed=5).save(tmp_path / "two")
    assert len(sj.load_fit(two).draws) == len(sj.load_fit(one).draws)
    shutil.copy(two / "draws.parquet", one)
    with pytest.raises(sj.ScalejaxError, match=r"draws\.parquet was changed"):
        sj.load_fit(one)


def test_what_was_saved_before_there_were_checksums_loads_with_a_note(saved):
    folder, file, load, _ = saved
    expected = load(folder).to_dict()
    (folder / "manifest.json").unlink(missing_ok=True)
    tampering.edit(file, lambda record: record.pop(SEAL, None))
    with pytest.warns(FitWarning, match="holds no checksums"):
        np.testing.assert_equal(load(folder).to_dict(), expected)


def test_a_plan_names_no_code(folders, tmp_path):
    folder = shutil.copytree(folders["plan.json"], tmp_path / "plan")
    for name in ("os:system", "evil.py:x", "json:loads"):
        tampering.edit(
            folder / "plan.json", lambda record, n=name: record.update(law=n, published_set=None)
        )
        tampering.seal(folder)
        with pytest.raises(sj.LawError, match="runs no code"):
            sj.load_plan(folder)


def test_a_job_is_refused_when_its_description_was_changed(tmp_path):
    import pyarrow as pa

    job = {"schema": 1, "study": {"seed": 1}, "table": {}, "fingerprint": {"rows": "x"}}
    Folder(tmp_path).begin(job, pa.table({"x": [1.0]}))
    assert Folder(tmp_path).job()["study"] == {"seed": 1}
    tampering.edit(tmp_path / "job.json", lambda record: record["study"].update(seed=2))
    with pytest.raises(JobError, match=r"job.json is damaged .*changed.* another folder"):
        Folder(tmp_path).job()


class TestStudies:
    @pytest.fixture(autouse=True)
    def _place(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        RUNS.to_csv("runs.csv", index=False)
        code = "import scalejax as sj\nopen('mark', 'w').close()\nx = sj.LAWS['chinchilla']\n"
        (tmp_path / "evil_law.py").write_text(code)

    @pytest.mark.parametrize("spec", ["evil_law.py:x", "evil_law:x", "./evil_law.py:x"])
    @pytest.mark.parametrize(
        "text", ["laws = ['{}']", "laws = '{}'", "[[recipe]]\nlaw = '{}'", "[recipe]\nlaw = '{}'"]
    )
    def test_a_file_runs_no_code(self, spec, text, tmp_path, capsys):
        (tmp_path / "study.toml").write_text(text.format(spec))
        for words in (["--dry-run"], ["--out", "job"]):
            with pytest.raises(SystemExit) as end:
                main(["study", "study.toml", "runs.csv", *words])
            assert end.value.code == 2
            assert f"--laws {spec}" in capsys.readouterr().err
        assert not (tmp_path / "mark").exists()

    def test_whoever_names_a_law_runs_it(self, tmp_path, capsys):
        (tmp_path / "study.toml").write_text("target = false\nlaws = ['evil_law.py:x']")
        words = ["study", "study.toml", "runs.csv", "--dry-run", "--laws", "evil_law.py:x"]
        with pytest.raises(SystemExit) as end:
            main(words)
        assert (end.value.code or 0) == 0, capsys.readouterr().err
        assert (tmp_path / "mark").exists()
