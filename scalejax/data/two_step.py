"""`two_step_rows`: a table for `scalejax.laws.ladder`, which fits two responses as one law."""

import pandas as pd

from scalejax.errors import UsageError


def two_step_rows(
    runs: pd.DataFrame, task_loss: str, accuracy: str, *, accuracy_weight: float = 1.0
) -> pd.DataFrame:
    """Every run twice: with its task loss, and with the odds of its accuracy.

    Args:
        runs: One row per run.
        task_loss: Column of the loss on the task.
        accuracy: Column of the accuracy, a share between 0 and 1 exclusive.
        accuracy_weight: Weight of the second kind of row: the variance of the residual of the log
            task loss over that of the logit, if you know them.

    Returns:
        The columns of `runs`, and stage (0, then 1), outcome, run (the row in `runs`: give it as
        ``run=``, because both rows of a run share its noise) and weight.

    Raises:
        UsageError: An accuracy is not between 0 and 1, or a column is missing.
    """
    missing = [name for name in (task_loss, accuracy) if name not in runs]
    if missing:
        raise UsageError(f"no column {missing}; the table has {[*map(str, runs.columns)]}")
    share = runs[accuracy].astype(float)
    wrong = [*runs.index[~((share > 0) & (share < 1))]]
    if wrong:
        raise UsageError(
            f"{accuracy!r} must be a share between 0 and 1 exclusive, whose odds are finite; rows "
            f"{wrong[:10]} are not"
        )
    names = [f"run {k + 1}" for k in range(len(runs))]
    first = runs.assign(stage=0.0, outcome=runs[task_loss].astype(float), run=names, weight=1.0)
    second = runs.assign(
        stage=1.0, outcome=share / (1 - share), run=names, weight=float(accuracy_weight)
    )
    return pd.concat([first, second], ignore_index=True)
