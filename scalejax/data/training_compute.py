"""What a table says of the compute of its runs: `Table.compute`, with a note, or W215 if unclear.

A column of C beside those of N and D is measured compute; without one, or where one of the three is
derived from the others, compute is 6 N D. `flop_per_token` says it against both.
"""

import numpy as np

from scalejax.compute import SCATTER, SIX_N_D, Compute, measured_compute
from scalejax.data.checks import NumericColumn, problem_at
from scalejax.data.request import Request
from scalejax.data.table import Table
from scalejax.errors import InputProblem
from scalejax.vocabulary import argument


def training_compute(
    table: Table, column: NumericColumn | None, request: Request
) -> tuple[Compute | None, list[str], list[InputProblem]]:
    """The compute of a table's runs, a note of it, and W215 where it is odd.

    Args:
        table: The rows in use.
        column: The column of C beside those of N and D, or None.
        request: What the table is read for.

    Returns:
        The function of N and D, None where the column is none; notes; problems.
    """
    if request.compute is not None:
        words = f"C = {request.compute}, as {argument('flop_per_token')} says"
        return request.compute, [words], []
    if column is None or not {"N", "D"} <= table.inputs.keys():
        return SIX_N_D, [], []
    n, d, c = table.inputs["N"], table.inputs["D"], column.values[table.row - 1]
    usable = np.isfinite(n * d * c) & (n > 0) & (d > 0) & (c > 0)
    if not usable.any():
        return SIX_N_D, [], []
    compute, away = measured_compute(n[usable], d[usable], c[usable])
    odd = np.abs(away) > np.log1p(SCATTER)
    low, high = np.quantile(c[usable] / d[usable] / n[usable], (0.05, 0.95))
    if compute is None:
        message = (
            f"C is {low:.3g} to {high:.3g} N D in nine rows of ten, neither 6 N D nor (k N + a) D: "
            "what a run costs is open. Plans and isoFLOP slices ask for "
            f"{argument('flop_per_token', '6N')}, which stands for 6 N D"
        )
        return None, [], [problem_at("W215", message, column.name, table.row[usable])]
    reach = f"nine rows of ten within {np.quantile(np.abs(away), 0.9):.1%}"
    notes = [f"C = {compute} by the column {column.name!r} ({reach}): plans count with it"]
    if not odd.any():
        return compute, notes, []
    message = f"C is over {SCATTER:.0%} off from {compute}, which is taken for the compute of a run"
    return compute, notes, [problem_at("W215", message, column.name, table.row[usable][odd])]
