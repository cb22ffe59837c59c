"""Columns that say what a row is, not what was measured: run, step, seed, batch, context ...

`key_column` finds one by the names that logs give it, `named_column` one that the user named by a
symbol, a key or its own name, and `text_of` its cells as names. A name that could mean two columns
is refused, as for quantities.
"""

from typing import Any

import numpy as np
import pandas as pd

from scalejax.data.columns import column_list, match_column, match_name
from scalejax.data.headers import normalised, without_group
from scalejax.errors import InputError, InputProblem
from scalejax.vocabulary import argument

KEYS: dict[str, tuple[str, ...]] = {
    "run": (
        *("run", "run_id", "run_name", "run_names", "model", "model_id", "model_name"),
        *("name", "experiment", "experiment_name", "trial"),
    ),
    "step": (
        *("step", "steps", "_step", "global_step", "training_step", "training_steps"),
        *("train_step", "train_steps", "iteration", "iterations", "iter", "optimizer_step"),
        *("trainer_global_step", "num_steps", "n_steps"),
    ),
    "seed": ("seed", "random_seed", "data_seed", "init_seed"),
    "lr": ("lr", "learning_rate", "peak_lr", "max_lr", "peak_learning_rate", "max_learning_rate"),
    # Tokens, sequences, or either of them in one step.
    "tokens_per_step": (
        *("tokens_per_step", "tokens_per_batch", "batch_tokens", "batch_size_tokens"),
        *("global_batch_tokens", "global_batch_size_tokens", "tokens_per_iter"),
    ),
    "sequences_per_step": (
        *("batch_seqs", "batch_sequences", "batch_size_sequences", "sequences_per_batch"),
        *("sequences_per_step", "global_batch_sequences"),
    ),
    "batch": ("batch", "batch_size", "global_batch", "global_batch_size", "train_batch_size"),
    "context": (
        *("context", "context_length", "context_size", "ctx", "ctx_len", "seq_len"),
        *("seq_length", "sequence_length", "max_seq_len", "max_seq_length", "n_ctx"),
    ),
    "metric": ("metric", "metric_name", "tag", "key", "variable", "name"),
    "value": ("value", "metric_value"),
    "time": ("wall_time", "timestamp", "time", "date", "datetime", "created_at", "_timestamp"),
}
"""Names of the columns by key, folded as `folded` does."""


def folded(name: str) -> str:
    """A column name without case, with ``_`` for what separates its words."""
    words = normalised(str(name))
    return "".join("_" if letter in " -./" else letter for letter in words if letter not in "()[]")


def candidates(frame: pd.DataFrame, key: str) -> list[str]:
    """The columns that may be a key, in the order of the frame.

    Those whose names have a prefix or group, config.train.batch_size, where there are no others.
    """
    names = {*KEYS[key]}
    plain = [column for column in frame.columns if folded(column) in names]
    if plain:
        return plain
    return [column for column in frame.columns if folded(without_group(str(column))) in names]


def key_column(frame: pd.DataFrame, key: str) -> str | None:
    """The only column that may be a key; None without one.

    Raises:
        InputError: E124, several columns may be it.
    """
    columns = candidates(frame, key)
    if len(columns) > 1:
        names = ", ".join(map(repr, columns))
        option = argument("run", columns[0]) if key == "run" else None
        remedy = f"say which: {option}" if option else "remove or rename all but one"
        message = f"{names} may all be the {key}; {remedy}"
        raise InputError([InputProblem("E124", message, columns[0])])
    return columns[0] if columns else None


def named_column(frame: pd.DataFrame, name: str, columns: Any = None) -> str:
    """The column of a quantity, key or column name that the user wrote.

    Args:
        frame: The table.
        name: For example ``"lr"``, ``"seed"`` or ``"peak learning rate"``.
        columns: The user's mapping of quantities to columns.

    Raises:
        InputError: E126, there is none, or E124, there are several.
    """
    if name in frame.columns:
        return name
    match = match_column(frame, name, columns)
    if match is None and name in KEYS:
        match = key_column(frame, name)
    if match is None:
        match = match_name(frame, name)
    if isinstance(match, InputProblem):
        raise InputError([match])
    return match


def missing_column(frame: pd.DataFrame, what: str, remedy: str) -> InputError:
    """E126 for a column that a reduction needs."""
    message = f"no column for {what}; {column_list(frame)}. {remedy}"
    return InputError([InputProblem("E126", message)])


def text_of(cells: "pd.Series[Any]") -> list[str]:
    """The names in cells; empty where there is none."""
    try:
        codes, unique = pd.factorize(cells)
    except TypeError:  # lists or records, which are refused where they are read
        return [str(cell).strip() for cell in cells.tolist()]
    # A missing cell has the code -1, which is the last word.
    words = np.array([*(str(name).strip() for name in unique), ""], object)
    texts: list[str] = words[codes].tolist()
    return texts
