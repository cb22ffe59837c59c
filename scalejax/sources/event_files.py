"""Event files of TensorBoard, read by TensorBoard's own loader: one row per run and step."""

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scalejax.sources.raw_table import Cells
from scalejax.sources.records import frame_of_series
from scalejax.sources.refusals import counted, refusal
from scalejax.sources.unpack import check_size, file_bytes

EVENTS = "tfevents"
"""Part of the name of every event file."""

# A record is its length and a checksum, its bytes and another checksum.
_BEFORE, _AFTER = 12, 4


def read_events(files: Sequence[tuple[str, Path]], name: str, limit: int) -> Cells:
    """The scalars of event files.

    Args:
        files: Name of the run of each file, and the file; files of one run are in order of time.
        name: What to call the source in messages.
        limit: The most bytes of all files together.

    Raises:
        InputError: E127 no scalars, E160 without TensorBoard, E161 too large, E162 a file that is
            damaged.
    """
    scalars: list[tuple[str, int, str, float]] = []
    notes = []
    for run, path in files:
        content = file_bytes(path, name, limit)
        limit -= len(content)
        check_size(-limit, name, 0)
        records, rest = _records(content)
        read, events = _scalars(run, path, name)
        if events < records:
            message = f"record {events + 1} of {records} in {path.name} is damaged; copy it again"
            raise refusal(name, "E162", message)
        if rest:
            notes.append(f"{path.name} ends in the middle of a record: {rest} bytes are left out")
        scalars += read
    if not scalars:
        raise refusal(name, "E127", "there are no scalars in the event files; log some")
    frame, repeats = frame_of_series(scalars, name)
    runs = frame["run"].unique().tolist()
    said = f"event files of TensorBoard: {counted(len(runs), 'run')}, one row per run and step"
    if runs in ([""], ["."]):
        frame = frame.drop(columns="run")
    return Cells(frame, (said, *notes, *repeats))


def _scalars(run: str, path: Path, name: str) -> tuple[list[tuple[str, int, str, float]], int]:
    """Run, step, metric and value of every scalar of a file, and how many events were read."""
    try:
        from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
        from tensorboard.util import tensor_util
    except ImportError:
        message = (
            "event files are read by TensorBoard: pip install 'scalejax[trackers]', or export the "
            "scalars as CSV"
        )
        raise refusal(name, "E160", message) from None
    scalars, events = [], 0
    try:
        for event in EventFileLoader(str(path)).Load():
            events += 1
            for value in event.summary.value:
                number = _number(value, tensor_util)
                if number is not None:
                    scalars.append((run, int(event.step), str(value.tag), number))
    except Exception as error:  # the loader raises whatever it stumbles over
        message = f"{path.name} cannot be read ({type(error).__name__}); check that it is whole"
        raise refusal(name, "E162", message) from error
    return scalars, events


def _number(value: Any, tensor_util: Any) -> float | None:
    """The number of a value that is a scalar; None for images, texts and histograms."""
    if value.HasField("simple_value"):
        return float(value.simple_value)
    plugin = value.metadata.plugin_data.plugin_name
    if not value.HasField("tensor") or plugin not in ("", "scalars"):
        return None
    array = tensor_util.make_ndarray(value.tensor)
    return float(array.item()) if array.size == 1 and array.dtype.kind in "fiu" else None


def _records(content: bytes) -> tuple[int, int]:
    """How many whole records there are, and the bytes behind them.

    The loader stops at the first record that is damaged or cut off, and says nothing.
    """
    place = count = 0
    while place + _BEFORE <= len(content):
        (length,) = struct.unpack_from("<Q", content, place)
        after = place + _BEFORE + length + _AFTER
        if after > len(content):
            break
        place, count = after, count + 1
    return count, len(content) - place
