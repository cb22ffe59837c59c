"""Event files of TensorBoard, read by TensorBoard's own loader: one row per run and step."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from scalejax.sources.raw_table import Cells
from scalejax.sources.records import frame_of_series
from scalejax.sources.refusals import refusal

EVENTS = "tfevents"
"""Part of the name of every event file."""


def read_events(files: Sequence[tuple[str, Path]], name: str) -> Cells:
    """The scalars of event files.

    Args:
        files: Name of the run of each file, and the file; files of one run are in order of time.
        name: What to call the source in messages.

    Raises:
        InputError: E127 no scalars, E160 without TensorBoard, E162 a file that is damaged.
    """
    frame, notes = frame_of_series(_scalars(files, name), name)
    runs = frame["run"].nunique()
    said = f"event files of TensorBoard: {runs} runs, one row per run and step"
    if runs == 1 and frame["run"].iloc[0] == "":
        frame = frame.drop(columns="run")
    return Cells(frame, (said, *notes))


def _scalars(files: Sequence[tuple[str, Path]], name: str) -> Iterator[tuple[str, int, str, float]]:
    try:
        from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
        from tensorboard.util import tensor_util
    except ImportError:
        message = (
            "event files are read by TensorBoard: pip install 'scalejax[trackers]', or export the "
            "scalars as CSV"
        )
        raise refusal(name, "E160", message) from None
    count = 0
    for run, path in files:
        try:
            for event in EventFileLoader(str(path)).Load():
                for value in event.summary.value:
                    number = _number(value, tensor_util)
                    if number is not None:
                        count += 1
                        yield run, event.step, value.tag, number
        except Exception as error:  # the loader raises whatever it stumbles over
            message = f"{path.name} cannot be read ({type(error).__name__}); check that it is whole"
            raise refusal(name, "E162", message) from error
    if not count:
        raise refusal(name, "E127", "there are no scalars in the event files; log some")


def _number(value: Any, tensor_util: Any) -> float | None:
    """The number of a value that is a scalar; None for images, texts and histograms."""
    if value.HasField("simple_value"):
        return float(value.simple_value)
    plugin = value.metadata.plugin_data.plugin_name
    if not value.HasField("tensor") or plugin not in ("", "scalars"):
        return None
    array = tensor_util.make_ndarray(value.tensor)
    return float(array.item()) if array.size == 1 and array.dtype.kind in "fiu" else None
