"""Folders and several files as one table: which files they are, and what each run is called."""

import os
import re
from collections.abc import Sequence
from pathlib import Path, PurePath

import pandas as pd

from scalejax.sources.event_files import EVENTS
from scalejax.sources.kinds import LOG, kind_of_name, of_log, suffix_of
from scalejax.sources.raw_table import Cells, RawTable
from scalejax.sources.refusals import check_cells, counted, refusal

RUN = "run"
"""The column that names the file of a row."""

# More files than anybody reads as one table; a walk through a whole disk ends here. By judgement.
_MOST_FILES = 20_000
_STATE = "trainer_state.json"
_CHECKPOINT = re.compile(r"checkpoint-(\d+)")


def folder_files(folder: Path, name: str) -> tuple[list[Path], tuple[str, ...]]:
    """The files of a folder that hold tables, and what is left out, in words.

    Files beside each other are taken before files further down. Of a folder of Trainer runs the
    states are taken, the last of the checkpoints of each run; of results of lm-evaluation-harness
    the results and not the samples.

    Raises:
        InputError: E127 no such file, E161 too many files.
    """
    every = walk(folder, name)
    states = [path for path in every if path.name == _STATE]
    if states:
        return _last_states(states)
    events = [path for path in every if EVENTS in path.name]
    if events:
        return events, _left_out(folder, [path for path in every if path not in {*events}])
    direct = [path for path in every if path.parent == folder]
    tables = [path for path in direct if kind_of_name(path.name)]
    if not tables and any(suffix_of(path.name) == LOG for path in every):
        raise of_log(name)
    tables = tables or [path for path in every if kind_of_name(path.name)]
    if any(path.name.startswith("results") and suffix_of(path.name) == ".json" for path in tables):
        tables = [path for path in tables if not path.name.startswith("samples_")]
    if not tables:
        message = "the folder has no tables in it; name one with files such as CSV, one per run"
        raise refusal(name, "E127", message)
    taken = {*tables}
    return tables, _left_out(folder, [path for path in every if path not in taken])


def walk(folder: Path, name: str) -> list[Path]:
    """All files below a folder in order of their paths; hidden ones and links to folders are not.

    Raises:
        InputError: E161 too many of them.
    """
    files: list[Path] = []
    for place, folders, names in os.walk(folder, onerror=_stop):
        folders[:] = sorted(inner for inner in folders if not inner.startswith("."))
        files += [Path(place, file) for file in sorted(names) if not file.startswith(".")]
        if len(files) > _MOST_FILES:
            message = (
                f"more than {_MOST_FILES} files lie in the folder; name one with the tables only"
            )
            raise refusal(name, "E161", message)
    return files


def _stop(error: OSError) -> None:
    """Folders that may not be opened are not passed over."""
    raise error


def run_names(files: Sequence[Path], folder: Path | None = None) -> list[str]:
    """What tells files apart: their names without suffixes, or the folders where names repeat."""
    if folder is None and len({path.parent for path in files}) > 1:
        folder = Path(os.path.commonpath([path.absolute().parent for path in files]))
        files = [path.absolute() for path in files]
    places = [path.relative_to(folder) if folder else PurePath(path.name) for path in files]
    if len(places) > 1 and len({place.name for place in places}) == 1 < len({*places}):
        parents = [place.parent for place in places]
        if all(_CHECKPOINT.fullmatch(parent.name) for parent in parents):
            above = [parent.parent for parent in parents]
            parents = above if len({*above}) == len(above) else parents
        return [parent.as_posix() for parent in parents]
    return [(place.parent / _stem(place.name)).as_posix() for place in places]


def folder_names(files: Sequence[Path], folder: Path | None = None) -> list[str]:
    """The folders of files, from the one that they share; empty for that itself."""
    parents = [path.absolute().parent for path in files]
    above = folder.absolute() if folder else Path(os.path.commonpath(parents))
    return [parent.relative_to(above).as_posix().removeprefix(".") for parent in parents]


def joined(tables: Sequence[RawTable], runs: Sequence[str], name: str) -> Cells:
    """Tables below each other, with a column of the names of their runs unless they have one.

    Raises:
        InputError: E126 only some of the tables name their runs, E161 nearly every table has
            columns of its own.
    """
    columns = {column for table in tables for column in table.frame.columns}
    filled = sum(table.frame.size for table in tables)
    check_cells(sum(len(table.frame) for table in tables), len(columns), filled, name)
    named = [any(str(column).casefold() == RUN for column in table.frame) for table in tables]
    if any(named) and not all(named):
        lacking = next(run for run, has in zip(runs, named, strict=True) if not has)
        message = (
            f"some files have a column {RUN!r}, but not {lacking!r}; give it to all or to none"
        )
        raise refusal(name, "E126", message)
    frames = [table.frame for table in tables]
    if not any(named):
        frames = [
            pd.concat([pd.Series([run] * len(frame), name=RUN, dtype=object), frame], axis=1)
            for run, frame in zip(runs, frames, strict=True)
        ]
    source = "by the name of the file" if not any(named) else "as the files have it"
    notes = [f"{counted(len(tables), 'file')}, column {RUN!r} {source}"]
    common = set.intersection(*({*table.frame.columns} for table in tables))
    if partial := [column for column in _in_order(tables) if column not in common]:
        notes.append(f"not in every file: {_first(partial)}")
    return Cells(pd.concat(frames, ignore_index=True), (*notes, *_common_notes(tables, runs)))


def _in_order(tables: Sequence[RawTable]) -> list[str]:
    return list(dict.fromkeys(column for table in tables for column in table.frame.columns))


def _common_notes(tables: Sequence[RawTable], runs: Sequence[str]) -> list[str]:
    """Every note once, with the runs that it is about where it is not about all."""
    about: dict[str, list[str]] = {}
    for table, run in zip(tables, runs, strict=True):
        for note in table.notes:
            about.setdefault(note, []).append(run)
    return [
        note if len(names) == len(tables) else f"{note} ({_first(names)})"
        for note, names in about.items()
    ]


def _last_states(states: Sequence[Path]) -> tuple[list[Path], tuple[str, ...]]:
    """Of the states of one run, the folder's own or that of its last checkpoint."""
    runs: dict[Path, list[tuple[float, Path]]] = {}
    for path in states:
        match = _CHECKPOINT.fullmatch(path.parent.name)
        run = path.parent.parent if match else path.parent
        runs.setdefault(run, []).append((float(match[1]) if match else float("inf"), path))
    last = [max(paths)[1] for paths in runs.values()]
    left = len(states) - len(last)
    note = f"{counted(left, 'state')} of earlier checkpoints left out"
    return last, (note,) if left else ()


def _left_out(folder: Path, files: Sequence[Path]) -> tuple[str, ...]:
    if not files:
        return ()
    return (f"left out: {_first([path.relative_to(folder).as_posix() for path in files])}",)


def _first(names: Sequence[str]) -> str:
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(names[:5]) + more


def _stem(name: str) -> str:
    suffix = suffix_of(name)
    cut = name.lower().rfind(suffix) if suffix else -1
    return name[:cut] if cut > 0 else name
