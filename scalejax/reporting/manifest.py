"""The manifest section of a report: settings and versions, and the reporting checklist.

The checklist is that of (Mis)Fitting (arXiv:2502.18969), see `scalejax.fitting.checklist`. A fit
answers part of it; the answers that only you know are those that were saved with it.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from scalejax.documents import read_document
from scalejax.errors import ScalejaxError
from scalejax.fitting import CHECKLIST, MANIFEST, QUESTIONS, Fit
from scalejax.reporting.blocks import Block, Bullets, Facts, Grid, Lines, Part, Section, Text
from scalejax.vocabulary import argument


def saved_answers(folder: str | Path) -> dict[str, Any]:
    """Your answers to the checklist, by question, as they were saved with a fit.

    Raises:
        ScalejaxError: The manifest cannot be read.
    """
    path = Path(folder) / MANIFEST
    if not path.is_file():
        return {}
    try:
        questions = read_document(path, file_names=True)["questions"].values()
        return {key: entry["user"] for entries in questions for key, entry in entries.items()}
    except (OSError, ValueError, AttributeError, KeyError, TypeError) as error:
        raise ScalejaxError(f"{path} is damaged: {error}. Save the fit again.") from error


def manifest_section(fit: Fit, answers: Mapping[str, Any]) -> Section:
    """Fingerprint, settings, versions, how to make the fit again, and the checklist."""
    facts = [
        ("source", fit.table.source),
        ("fingerprint", f"{fit.table.fingerprint} (SHA-256 of the rows that were fitted)"),
        *_settings(fit.settings),
        ("made with", ", ".join(f"{name} {version}" for name, version in fit.versions.items())),
    ]
    again: list[Block] = [
        Text("From the folder of the saved fit, whose rows and settings are those above:"),
        Lines(["scalejax reproduce FOLDER"]),
    ]
    parts = [
        Part("", [Facts(facts)]),
        Part("To make it again", again),
        Part("Reporting checklist", [*_checklist(fit, answers)]),
    ]
    return Section("manifest", "Manifest", parts)


def _settings(settings: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in settings.items():
        text = _plain(value)
        if text:
            yield name.replace("_", " "), text


def _plain(value: Any) -> str:
    """A setting as text; empty for one that is off or not given."""
    if isinstance(value, Mapping):
        inner = {key: _plain(item) for key, item in value.items()}
        return ", ".join(f"{key} = {text}" for key, text in inner.items() if text)
    if isinstance(value, list | tuple):
        return ", ".join(_plain(item) for item in value)
    return "" if value is None or value is False else str(value)


def _checklist(fit: Fit, answers: Mapping[str, Any]) -> Iterator[Block]:
    rows, unanswered = [], []
    for entries in QUESTIONS.values():
        for key, question in entries.items():
            values = [question.answer(fit) if question.answer else None, answers.get(key)]
            texts = [text for text in map(_answer, values) if text]
            if texts:
                rows.append([question.text, "; ".join(texts)])
            else:
                unanswered.append(question.text)
    yield Grid(f"What {CHECKLIST} asks for", ["question", "answer"], rows, frozenset({0, 1}))
    if unanswered:
        yield Text(
            f"{len(unanswered)} questions are not answered. A fit knows how it was made, not how "
            "the models were trained: answer them in a file and save the fit with "
            f"{argument('about', 'about.toml')}."
        )
        yield Bullets(unanswered)


def _answer(value: Any) -> str:
    if isinstance(value, list | tuple):
        return "; ".join(map(str, value))
    return "" if value is None else str(value)
