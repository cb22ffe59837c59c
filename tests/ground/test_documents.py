"""JSON and TOML that anybody may have damaged: the value, or one clear error of ours.

Every reader of such a file is listed, and meets every way in which a text can be hostile.
"""

import json
import os
import time
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

import scalejax as sj
from scalejax.data.mapping import read_mapping
from scalejax.documents import LARGEST_TOML, DocumentError, json_value, read_document, toml_value
from scalejax.fitting import manifest
from scalejax.reporting.manifest import saved_answers
from scalejax.studies import JobError, StudyFile
from scalejax.studies.folder import Folder

JSON = {
    "lists without end": "[" * 5000,
    "closed lists": "[" * 500 + "]" * 500,
    "objects without end": '{"a":' * 5000 + "1" + "}" * 5000,
    "lone surrogate": '{"schema": "\\ud800"}',
    "NUL": '{"schema": "a\\u0000b"}',
    "NUL in a name": '{"a\\u0000b": 1}',
    "twice": '{"schema": 1, "schema": 2}',
    "cut off": '{"schema": 1, "a": [1, 2',
    "none": "",
    "NUL bytes": "\0" * 100,
    "two": "{} {}",
    "digits": '{"schema": ' + "1" * 5000 + "}",
    "decimals": '{"schema": 1' + "1" * 5000 + ".5}",
    "beyond": '{"schema": 1e999}',
    "no record": "[1]",
    "null": "null",
}
TOML = {
    "lists without end": "a = " + "[" * 5000,
    "tables without end": "a = " + "{a = " * 5000,
    "closed lists": "a = " + "[" * 300 + "]" * 300,
    "dotted": "a." * 100_000 + "b = 1",
    "dots in reach": "a." * 200 + "b = 1",
    "digits": "a = " + "1" * 5000,
    "NUL": 'data = "a\\u0000b"',
    "NUL in a name": '"a\\u0000b" = 1',
    "NUL bytes": "\0" * 100,
    "surrogate": 'data = "\\ud800"',
    "twice": "a = 1\na = 2",
    "cut off": "a = [1,",
    "day": "a = 2020-13-41",
    "large": "#" * (LARGEST_TOML + 1),
}
# What reads a file in a folder, its name there, and what it holds.
READERS = {
    "fit.json": lambda place: sj.load_fit(place),
    "plan.json": lambda place: sj.load_plan(place),
    "forecast.json": lambda place: sj.load_forecast(place),
    "manifest.json": lambda place: saved_answers(place),
    "job.json": lambda place: Folder(place).job(),
    "mapping.json": lambda place: read_mapping(place / "mapping.json"),
    "mapping.toml": lambda place: read_mapping(place / "mapping.toml"),
    "study.toml": lambda place: StudyFile(place / "study.toml"),
    "hardware.toml": lambda place: sj.costs.hardware_of(str(place / "hardware.toml")),
    "about.toml": lambda place: manifest.read_about(place / "about.toml"),
}
CASES = [(name, odd) for name in READERS for odd in (JSON if name.endswith("json") else TOML)]


@pytest.mark.parametrize(("name", "odd"), CASES, ids=["-".join(case) for case in CASES])
def test_a_damaged_file_is_refused_in_words(name, odd, tmp_path):
    (tmp_path / name).write_text((JSON if name.endswith("json") else TOML)[odd])
    begin = time.monotonic()
    with pytest.raises((sj.ScalejaxError, JobError)) as refusal:
        READERS[name](tmp_path)
    words = str(refusal.value)
    assert name.split(".")[0] in words
    assert len(words) < 1000
    assert "set_int_max" not in words
    assert time.monotonic() - begin < 5


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo, lambda path: os.symlink("/dev/zero", path)])
def test_what_is_no_file_is_refused_at_once(name, make, tmp_path):
    make(tmp_path / name)
    if name == "manifest.json":
        assert saved_answers(tmp_path) == {}
        return
    with pytest.raises((sj.ScalejaxError, JobError)):
        READERS[name](tmp_path)


@pytest.mark.parametrize("path", ["a\0b", "\ud800", "x" * 5000])
@pytest.mark.parametrize("end", [".toml", ".json", ""])
def test_a_path_that_no_file_has_is_refused(path, end, tmp_path):
    place = tmp_path / f"{path}{end}"
    for reader in (sj.load_fit, sj.load_plan, sj.load_forecast, sj.load_table, read_mapping):
        with pytest.raises(sj.ScalejaxError):
            reader(place)
    for reader in (StudyFile, lambda x: sj.costs.hardware_of(f"{x}.toml")):
        with pytest.raises(sj.ScalejaxError):
            reader(place)
    with pytest.raises(sj.ScalejaxError):
        sj.plan("besiroglu2024", budget=1e22).save(place)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.text(max_size=9)
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=9,
)  # fmt: skip


@given(VALUES)
def test_all_that_json_writes_is_read(value):
    for ascii_only in (True, False):
        text = json.dumps(value, ensure_ascii=ascii_only)
        try:
            assert json_value(text) == json.loads(text)
        except DocumentError:
            assert "\\u0000" in text


@given(st.text(alphabet="[]{}\",:.=a1\n\\u0-'#", max_size=60))
def test_any_text_is_read_as_python_reads_it_or_refused(text):
    for ours, pythons in ((json_value, json.loads), (toml_value, tomllib.loads)):
        try:
            assert ours(text) == pythons(text)
        except DocumentError:
            continue


def test_a_mark_at_the_beginning_is_no_part_of_it(tmp_path):
    (tmp_path / "a.toml").write_bytes(b"\xef\xbb\xbfa = 1")
    assert read_document(tmp_path / "a.toml") == {"a": 1}
