"""The files of a saved fit, read and changed."""

import json

import pytest

import scalejax as sj

RUNS = sj.datasets.load("golden36")
FILES = ("fit.json", "draws.parquet", "rows.parquet")
ABOUT = {
    "parameter_count": "without embeddings",
    "models": 36,
    "batch_size": 0.1 + 0.2,
    "repeated_data": False,
    "optimizer": ["AdamW", 0.9, 0.95],
    "quality": "our own words, beside those of the fit: ü, \u202e, <b>",
}


def read(folder):
    text = (folder / "manifest.json").read_text(encoding="utf-8")
    return json.loads(text, parse_constant=pytest.fail)


def write(folder, document):
    (folder / "manifest.json").write_text(json.dumps(document), encoding="utf-8")


def answers(folder):
    """Question to what the fit and what the user answered."""
    return {
        key: (entry["scalejax"], entry["user"])
        for entries in read(folder)["questions"].values()
        for key, entry in entries.items()
    }
