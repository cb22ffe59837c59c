"""Saved folders that were changed by hand, with checksums that say they were not."""

import json

from scalejax.files import SEAL, sealed
from scalejax.fitting.manifest import file_entry


def edit(file, change):
    """Change a JSON record in place and leave its checksums as they are."""
    record = json.loads(file.read_text(encoding="utf-8"))
    change(record)
    file.write_text(json.dumps(record), encoding="utf-8")


def seal(folder):
    """Let all checksums in a folder say that its files are those that were saved."""
    for name in ("forecast.json", "plan.json", "job.json"):
        if (folder / name).is_file():
            edit(folder / name, _seal)
    if (folder / "manifest.json").is_file():
        edit(folder / "manifest.json", lambda manifest: _entries(manifest, folder))


def _seal(record):
    record.pop(SEAL, None)
    record.update(sealed(record))


def _entries(manifest, folder):
    manifest["files"] = {name: file_entry(folder / name) for name in manifest["files"]}
