"""Steps: tokens from steps and batches, the untrained model at step 0, the first part of runs."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd

from scalejax.data.columns import match_column
from scalejax.data.draft import Draft, column_numbers
from scalejax.data.keys import candidates, folded, key_column, missing_column, named_column
from scalejax.data.numbers import unit_factor
from scalejax.data.reduction_options import as_number, factors
from scalejax.data.request import SOURCES, Request
from scalejax.errors import InputError, InputProblem
from scalejax.quantities import short_number
from scalejax.vocabulary import argument

LARGEST_BATCH = 2e8
"""Tokens in a step that no run comes near: the largest published ones are some 1e8 (DeepSeek-V3
ends at 6.3e7), so that a batch of sequences that would have more counts tokens."""
_BATCHES = ("tokens_per_step", "sequences_per_step", "batch")
# What makes a batch of a device out of that of a step; its columns are not multiplied unasked.
_DEVICES = ("accum", "world_size", "num_gpus", "n_gpus", "num_devices", "num_nodes", "per_device")


def name_steps(draft: Draft) -> Draft:
    """The column of steps under the symbol by which a law takes them, where none is called that."""
    for symbol in ("S", "step"):
        request = draft.request
        there = match_column(draft.frame, symbol, request.columns) is not None
        column = None if there or symbol not in request.inputs else key_column(draft.frame, "step")
        if column is not None:
            draft = draft.asking(columns={**request.columns, symbol: column})
    return draft


def count_tokens(draft: Draft) -> Draft:
    """D = steps x tokens of a step, where it was asked for, or D is wanted and nothing gives it.

    Raises:
        InputError: E126 without steps, E184 where the batch may count tokens or sequences.
    """
    frame, request = draft.frame, draft.request
    if request.tokens_per_step is not None:
        refuse_second(draft, "D", "tokens_per_step")
        step = key_column(frame, "step")
        if step is None:
            raise missing_column(frame, "steps", "Name it step")
        return _with_tokens(draft, step, factors(request.tokens_per_step))
    steps, batches = candidates(frame, "step"), [key for key in _BATCHES if candidates(frame, key)]
    if len(steps) != 1 or not batches or not _lacks_tokens(frame, request):
        return draft
    try:
        return _with_tokens(draft, steps[0], _tokens_of_step(draft, batches[0]))
    except InputError:
        if all(match_column(frame, name, request.columns) for name in SOURCES["D"]):
            return draft
        raise


def refuse_second(draft: Draft, quantity: str, option: str) -> None:
    """Refuse an option that gives a quantity which has a column.

    Raises:
        InputError: E124.
    """
    match = match_column(draft.frame, quantity, draft.request.columns)
    if match is not None:
        column = match if isinstance(match, str) else match.column
        message = f"the column and {argument(option)} both give {quantity}; leave out one of them"
        raise InputError([InputProblem("E124", message, column)])


def refuse_unit(draft: Draft, quantity: str, source: str) -> None:
    """Refuse a unit of a quantity that is made in raw numbers.

    Args:
        draft: The table.
        quantity: What is made, ``"N"`` or ``"D"``.
        source: What it is made from, in words.

    Raises:
        InputError: E112.
    """
    unit = draft.request.units.get(quantity)
    if unit is not None and unit_factor(unit) != 1:
        said = argument("units", {quantity: unit})
        message = f"{quantity} is made from {source}, in raw numbers: leave out {said}"
        raise InputError([InputProblem("E112", message)])


def _lacks_tokens(frame: pd.DataFrame, request: Request) -> bool:
    """Whether D is wanted, for itself or for N or C, and has no column."""

    def is_there(quantity: str) -> bool:
        return match_column(frame, quantity, request.columns) is not None

    wanted = [name for name in request.inputs if name == "D" or "D" in SOURCES.get(name, ())]
    return any(not is_there(name) for name in wanted) and not is_there("D")


def _tokens_of_step(draft: Draft, key: str) -> tuple[str, ...]:
    """The columns whose product is the tokens of a step.

    Raises:
        InputError: E184, they could mean two things, or E124.
    """
    frame = draft.frame
    batch, context = key_column(frame, key) or key, key_column(frame, "context")
    if key == "tokens_per_step":
        return (batch,)
    devices = [name for name in frame.columns if any(word in folded(name) for word in _DEVICES)]
    counts = None if context is None or devices else _counts(draft, batch, context, key)
    if counts == "tokens":
        return (batch,)
    if counts == "sequences" and context is not None:
        return batch, context
    tokens = argument("tokens_per_step", batch)
    sequences = argument("tokens_per_step", f"{batch}*{context or 2048}")
    why = f", and {devices[0]!r} says that it may be of one device" if devices else ""
    message = (
        f"D is not given, and {batch!r} may count tokens or sequences{why}: say {tokens} if "
        f"tokens, {sequences} if sequences{'' if context else ' of 2048'}, or the tokens of a step "
        "as a number"
    )
    raise InputError([InputProblem("E184", message, batch)])


def _counts(draft: Draft, batch: str, context: str, key: str) -> str | None:
    """What a batch counts, ``"tokens"`` or ``"sequences"``; None where it cannot be told."""
    if key == "sequences_per_step":
        return "sequences"
    size, length = column_numbers(draft, batch), column_numbers(draft, context)
    # A batch of tokens holds at least one sequence.
    if np.all(size < length):
        return "sequences"
    if np.all(size * length > LARGEST_BATCH) and np.all(size % length == 0):
        return "tokens"
    return None


def _with_tokens(draft: Draft, step: str, parts: tuple[str, ...]) -> Draft:
    refuse_unit(draft, "D", f"the column {step!r}")
    names, product = [], np.ones(len(draft.frame))
    for part in parts:
        value = as_number(part) if part not in draft.frame.columns else None
        if value is not None and not math.isnan(value):
            names.append(f"{value:g}")
            product = product * value
        else:
            column = named_column(draft.frame, part, draft.request.columns)
            names.append(repr(column))
            product = product * column_numbers(draft, column)
    tokens = column_numbers(draft, step) * product
    ends = [short_number(float(end(tokens))) for end in (np.nanmin, np.nanmax)]
    words = f"D = {step!r} x {' x '.join(names)}, {ends[0]} to {ends[1]} tokens"
    draft = replace(draft, frame=draft.frame.assign(D=tokens)).note(words)
    return draft.asking(columns={**draft.request.columns, "D": "D"})


def with_step_remedy(problem: InputProblem, draft: Draft) -> InputProblem:
    """E126 with the option that makes tokens of steps, where D is missing and steps are there."""
    if problem.code != "E126" or not candidates(draft.frame, "step"):
        return problem
    if not _lacks_tokens(draft.frame, draft.request):
        return problem
    option = argument("tokens_per_step", "...")
    message = f"{problem.message}; if D is steps times the tokens of a step, say {option}"
    return replace(problem, message=message)


def leave_out_step_zero(draft: Draft) -> Draft:
    """The draft without rows of step 0, which hold an untrained model, if other rows have steps."""
    steps = candidates(draft.frame, "step")
    if len(steps) != 1:
        return draft
    cells = draft.frame[steps[0]]
    zero = cells.isin([0, "0", "0.0"]).to_numpy()
    if not zero.any() or zero.all():
        return draft
    reasons = dict.fromkeys(map(int, np.flatnonzero(zero)), "step 0: an untrained model")
    words = f"rows of {steps[0]} 0 set aside: {zero.sum()}, of an untrained model"
    return draft.without(reasons, "excluded").note(words)
