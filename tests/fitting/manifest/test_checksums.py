"""The manifest guards the files beside it, and has the same bytes each time (T20)."""

import hashlib
from dataclasses import replace

import pytest
from manifest_files import ABOUT, FILES, RUNS, read, write

import scalejax as sj
from scalejax.fitting.reproduction import reproduce
from scalejax.fitting.storage import save_fit


def damage(document):
    """Edits of a manifest that leave it JSON."""
    yield []
    yield None
    yield {**document, "schema": None}
    yield {**document, "schema": float("inf")}
    yield {**document, "schema": [1]}
    yield {**document, "files": {**document["files"], "../x": document["files"]["fit.json"]}}
    yield {**document, "data": {**document["data"], "fingerprint": "0" * 64}}
    yield {**document, "fitted_with": {**document["fitted_with"], "jax": "0.1"}}


class TestChecksums:
    @pytest.mark.parametrize("name", FILES)
    def test_one_changed_byte_is_found(self, saved, name):
        content = (saved / name).read_bytes()
        for place in (0, len(content) // 2, len(content) - 1):
            changed = bytearray(content)
            changed[place] ^= 1
            (saved / name).write_bytes(changed)
            with pytest.raises(sj.ScalejaxError, match=f"{name} is not the file that was saved"):
                reproduce(saved)
        (saved / name).write_bytes(content[:-1])
        with pytest.raises(sj.ScalejaxError, match=f"{name} is not the file that was saved"):
            reproduce(saved)

    @pytest.mark.parametrize("name", FILES)
    def test_a_missing_file_is_named(self, saved, name):
        (saved / name).unlink()
        with pytest.raises(sj.ScalejaxError, match=f"{name} cannot be read"):
            reproduce(saved)

    def test_all_files_are_named_at_once(self, saved):
        for name in FILES:
            (saved / name).write_bytes(b"")
        with pytest.raises(sj.ScalejaxError) as raised:
            reproduce(saved)
        assert all(f"{name} is not the file" in str(raised.value) for name in FILES)

    def test_checksums_are_those_of_the_files(self, saved):
        for name, entry in read(saved)["files"].items():
            content = (saved / name).read_bytes()
            digest = hashlib.sha256(content).hexdigest()
            assert entry == {"sha256": digest, "bytes": len(content)}

    def test_the_file_of_the_runs_has_one_too(self, fit, tmp_path):
        file = tmp_path / "runs.csv.gz"
        RUNS.to_csv(file, index=False)
        made = sj.fit(file, resamples=7)
        folder = sj.load_fit(made.save(tmp_path / "fit")).save(tmp_path / "again")
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        assert read(folder)["data"]["source_sha256"] == digest
        assert read(fit.save(tmp_path / "frame"))["data"]["source_sha256"] is None

    def test_a_manifest_cut_off_anywhere_is_an_error_for_people(self, saved):
        content = (saved / "manifest.json").read_bytes()
        for length in (*range(0, len(content) - 2, 97), len(content) - 3):
            (saved / "manifest.json").write_bytes(content[:length])
            with pytest.raises(sj.ScalejaxError, match=r"manifest\.json cannot be read"):
                reproduce(saved)

    @pytest.mark.parametrize("content", [b"\xff", b"[" * 100_000, b"9" * 5000, b"{}", b"NaN"])
    def test_no_manifest_at_all(self, saved, content):
        (saved / "manifest.json").write_bytes(content)
        with pytest.raises(sj.ScalejaxError, match=r"manifest\.json"):
            reproduce(saved)

    @pytest.mark.parametrize("number", range(8))
    def test_a_damaged_manifest_is_an_error_for_people(self, saved, number):
        write(saved, list(damage(read(saved)))[number])
        with pytest.raises(sj.ScalejaxError, match=r"manifest\.json"):
            reproduce(saved)

    def test_a_manifest_of_a_newer_version(self, saved):
        write(saved, {**read(saved), "schema": 2})
        with pytest.raises(sj.ScalejaxError, match="newer scalejax"):
            reproduce(saved)

    def test_no_manifest(self, saved, tmp_path):
        (saved / "manifest.json").unlink()
        for place in (saved, saved / "manifest.json", tmp_path / "nowhere"):
            with pytest.raises(sj.ScalejaxError, match=r"there is no manifest\.json"):
                reproduce(place)


class TestSameBytes:
    def test_same_fit_same_manifest(self, fit, saved, tmp_path):
        again = save_fit(sj.fit(RUNS, resamples=7), tmp_path / "again")
        loaded = save_fit(sj.load_fit(saved), tmp_path / "loaded")
        for name in ("manifest.json", *FILES):
            content = (saved / name).read_bytes()
            assert (again / name).read_bytes() == content
            assert (loaded / name).read_bytes() == content

    def test_the_order_of_answers_does_not_count(self, fit, tmp_path):
        for name, about in (("a", ABOUT), ("b", dict(reversed(ABOUT.items())))):
            save_fit(fit, tmp_path / name, about)
        a, b = ((tmp_path / name / "manifest.json").read_bytes() for name in "ab")
        assert a == b

    def test_a_file_name_that_is_no_text(self, fit, tmp_path):
        """POSIX names are bytes; Python reads those that are not UTF-8 as lone surrogates."""
        odd = replace(fit, table=replace(fit.table, source="l\udce4ufe.csv"))
        folder = save_fit(odd, tmp_path / "fit")
        assert sj.load_fit(folder).table.source == odd.table.source
        assert read(folder)["data"]["source"] == odd.table.source
        assert reproduce(folder).reproduced

    def test_saving_again_replaces_the_manifest(self, fit, saved):
        save_fit(fit, saved, ABOUT)
        assert read(saved)["questions"]["training"]["models"]["user"] == 36
        assert {path.name for path in saved.iterdir()} == {"manifest.json", *FILES}
