"""Influence: how far each conclusion moves when a run, or a whole cluster, is left out.

All refits are one batch of weights. Use it with a robust objective: under least squares outliers
mask each other, and the runs that pull hardest are not the ones that stand out
(benchmarks/results/coverage.md).
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from scalejax.conclusions.conclusions import Conclusions, Point, conclude
from scalejax.engine import How, refit_weights
from scalejax.errors import UsageError
from scalejax.fitting import Fit
from scalejax.keywords import keywords
from scalejax.resampling import Units, weight_rows
from scalejax.status import Status
from scalejax.vocabulary import argument


@keywords()
def influence(
    fit: Fit,
    what: Conclusions | None = None,
    *,
    at: Point | Sequence[Point] | None = None,
    by: str = "auto",
    how: How | None = None,
) -> pd.DataFrame:
    """Leave each run, or each cluster, out once.

    Args:
        fit: The fit.
        what: Conclusions to watch; the usual ones if not given.
        at: Points of the usual ones, as for `conclude`.
        by: ``"row"``, ``"cluster"``, or ``"auto"``: clusters if the fit has them.
        how: How to solve.

    Returns:
        One row per unit left out and conclusion: row (in the source; the first of a cluster),
        label, conclusion, estimate (of all runs), without, change, change_in_se (in standard
        errors of the fit, of the logarithm for positive numbers, see `Conclusions.moves`) and
        status. The largest change of any conclusion comes first.

    Raises:
        UsageError: Clusters are asked for and there are none.
    """
    what = what or conclude(fit, at=at)
    table = fit.table
    if by not in ("auto", "row", "cluster") or (by == "cluster" and table.cluster is None):
        raise UsageError(
            f'{argument("by")} is "row", or "cluster" for a fit with clusters, not {by!r}.'
        )
    unit = np.arange(table.n_rows)
    labels = [f"row {row}" for row in table.row]
    if table.cluster is not None and by != "row":
        unit, labels = table.cluster, list(table.cluster_labels)
    weight = weight_rows("jackknife", Units(unit), len(labels), 0) * table.weight
    centre = fit.problem.coordinates(fit.params, fit.noise_scale)
    again = refit_weights(fit.problem, centre, weight, how)
    values = what.of_many(fit.law, again.parameters)
    estimate, moves = what.of(fit.law, fit.params), what.moves(fit, values)
    first = table.row[np.unique(unit, return_index=True)[1]]
    frames = [
        pd.DataFrame(
            {
                "row": first,
                "label": labels,
                "conclusion": name,
                "estimate": estimate[k],
                "without": values[:, k],
                "change": values[:, k] - estimate[k],
                "change_in_se": moves[:, k],
                "status": [Status(code).label for code in again.status],
            }
        )
        for k, name in enumerate(what.names)
    ]
    return _largest_first(pd.concat(frames, ignore_index=True))


def _largest_first(frame: pd.DataFrame) -> pd.DataFrame:
    size = frame["change_in_se"].abs().groupby(frame["label"]).transform("max")
    order = np.lexsort((np.arange(len(frame)), -size.fillna(np.inf).to_numpy()))
    return frame.iloc[order].reset_index(drop=True)
