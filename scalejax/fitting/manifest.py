"""``manifest.json``: what a reader has to know to trust a saved fit, and to make it again.

It answers the reporting checklist of (Mis)Fitting (arXiv:2502.18969): the hypothesis, how the
models were trained, how the data were collected, how the law was fitted. A fit knows the last and
some of the first; how the models were trained only you know. Such questions stay null until you
answer them: ``fit.save(folder, about={"parameter_count": "without embeddings"})``, or
``about="about.toml"``, a file of lines ``parameter_count = "without embeddings"``. An answer of
yours may stand beside ours. The manifest counts and lists what is still unanswered, and holds the
checksums and versions that `scalejax.fitting.reproduction.reproduce` goes by.

- `make_manifest`: the document of a fit.
- `check_manifest`: all that is wrong with a document; every field is required.
- `read_about`: answers from a mapping or a TOML file, checked.
"""

import hashlib
import math
import platform
import re
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from scalejax.documents import DocumentError, read_document
from scalejax.errors import UsageError
from scalejax.fitting.checklist import CHECKLIST, QUESTIONS
from scalejax.fitting.record import FitRecord
from scalejax.shapes import check_shape, is_count, is_texts, or_null
from scalejax.vocabulary import argument

SCHEMA = 1
"""Version of the document. A reader refuses a newer one."""

FILES = ("fit.json", "draws.parquet", "rows.parquet")
"""What is saved beside a manifest."""

# Keys of `fitted_with`, the versions and the device in `Fit.versions`, and of `saved_with` below.
_FITTED_WITH = ("scalejax", "jax", "numpy", "pandas", "python", "device", "dtype")
_PACKAGES = ("jaxlib", "scipy", "optax", "pyarrow")


def make_manifest(fit: FitRecord, folder: Path, about: Mapping[str, Any]) -> dict[str, Any]:
    """The manifest of a fit whose files lie in a folder.

    Args:
        fit: The fit.
        folder: Where the other files are.
        about: Answers, from `read_about`.

    Returns:
        Plain JSON values, without a date, so that the same fit gives the same bytes.
    """
    questions = {
        section: {
            key: {
                "question": item.text,
                "scalejax": item.answer(fit) if item.answer else None,
                "user": about.get(key),
            }
            for key, item in entries.items()
        }
        for section, entries in QUESTIONS.items()
    }
    open_questions = unanswered(questions)
    total = sum(map(len, QUESTIONS.values()))
    return {
        "schema": SCHEMA,
        "checklist": {
            "source": CHECKLIST,
            "summary": f"{len(open_questions)} of {total} questions unanswered",
            "unanswered": open_questions,
        },
        "questions": questions,
        "data": {
            "source": fit.table.source,
            "source_sha256": fit.table.source_sha256,
            "fingerprint": fit.table.fingerprint,
        },
        "files": {name: file_entry(folder / name) for name in FILES},
        "fitted_with": dict(fit.versions),
        "saved_with": saved_with(),
    }


def unanswered(questions: Mapping[str, Any]) -> list[str]:
    """Keys of the questions that neither the fit nor you answered."""
    return [
        key
        for entries in questions.values()
        for key, entry in entries.items()
        if entry["scalejax"] is None and entry["user"] is None
    ]


def file_entry(path: Path) -> dict[str, Any]:
    """Checksum and size of a file."""
    content = path.read_bytes()
    return {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}


def saved_with() -> dict[str, str]:
    """Versions of this process that a fit does not record itself."""
    return {**{name: version(name) for name in _PACKAGES}, "platform": platform.platform()}


def read_about(about: Mapping[str, Any] | str | Path | None) -> dict[str, Any]:
    """Your answers to the checklist, checked.

    Args:
        about: Answers by the key of the question, or a TOML file of them. An answer is text, a
            number, a boolean or a list of those; an empty text, or None, is no answer.

    Raises:
        UsageError: The file cannot be read, a question is unknown, or an answer is of another
            type; all at once.
    """
    if isinstance(about, str | Path):
        about = _read_toml(Path(about))
    if not isinstance(about, Mapping | None):
        raise UsageError(
            f"{argument('about')} takes answers by question, or a TOML file, not {about!r}."
        )
    keys = [key for entries in QUESTIONS.values() for key in entries]
    about = {key: value for key, value in (about or {}).items() if not _is_blank(value)}
    wrong = [f"there is no question {key!r}" for key in about if key not in keys]
    wrong += [
        f"the answer to {key!r} must be text, a number, a boolean or a list of those"
        for key, value in about.items()
        if not _is_answer(value)
    ]
    if wrong:
        choices = f" The questions are {', '.join(keys)}." if {*about} - {*keys} else ""
        raise UsageError(f"{argument('about')}: {'; '.join(wrong)}.{choices}")
    return {key: list(v) if isinstance(v, list | tuple) else v for key, v in about.items()}


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return read_document(path)
    except (OSError, DocumentError) as error:
        raise UsageError(f"{argument('about')}: {path} cannot be read as TOML: {error}") from error


def _is_blank(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _is_answer(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return bool(value) and all(_is_plain(item) for item in value)
    return _is_plain(value)


def _is_plain(value: Any) -> bool:
    return isinstance(value, str | bool | int) or (
        isinstance(value, float) and math.isfinite(value)
    )


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _is_hash(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch("[0-9a-f]{64}", value) is not None


_FILE = {"sha256": _is_hash, "bytes": is_count}
_ENTRY = {"question": _is_text, "scalejax": or_null(_is_answer), "user": or_null(_is_answer)}
_SHAPE: dict[Any, Any] = {
    "schema": is_count,
    "checklist": {"source": _is_text, "summary": _is_text, "unanswered": is_texts},
    "questions": {
        section: dict.fromkeys(entries, _ENTRY) for section, entries in QUESTIONS.items()
    },
    "data": {"source": _is_text, "source_sha256": or_null(_is_hash), "fingerprint": _is_hash},
    "files": dict.fromkeys(FILES, _FILE),
    # A later version of the record may name more software.
    "fitted_with": {**dict.fromkeys(_FITTED_WITH, _is_text), ...: _is_text},
    "saved_with": dict.fromkeys((*_PACKAGES, "platform"), _is_text),
}


def check_manifest(document: Any) -> list[str]:
    """All that is wrong with a manifest: fields that are missing, unknown or not as they must be.

    Returns:
        A sentence for each; none if the document is as `make_manifest` writes it.
    """
    problems = list(check_shape(document, _SHAPE))
    if not problems:
        keys, open_questions = (
            document["checklist"]["unanswered"],
            unanswered(document["questions"]),
        )
        if keys != open_questions:
            problems.append("checklist / unanswered does not list the questions without an answer")
    return problems
