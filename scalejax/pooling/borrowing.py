"""`borrow`: parameters of another family's law, held fixed in the fit of a family with few runs.

The single-run recipe of Choshen et al. (arXiv:2410.11840): one model's training curve has one size,
which says nothing about the size term; with A and alpha borrowed, the curve determines the rest.
"""

from collections.abc import Sequence

import numpy as np

from scalejax.errors import UsageError
from scalejax.fitting import Fit
from scalejax.laws import PublishedSet
from scalejax.pooling.pooled import Pooled
from scalejax.pooling.pooled_family import PooledFamily
from scalejax.status import Status

Donor = Fit | Pooled | PooledFamily | PublishedSet


def borrow(donor: Donor, names: Sequence[str], *, counts: str | None = None) -> dict[str, float]:
    """Parameters for the ``fixed=`` of `scalejax.fit`.

    Args:
        donor: A fit, a pooled fit (its mean), a family, or a published set.
        names: Parameters to take. A coefficient belongs with its exponent: take both.
        counts: What N counts in your runs (``"total"``, ``"non-embedding"``, ``"active"``); a
            published set that counts otherwise is refused.

    Returns:
        The parameters by name.

    Raises:
        UsageError: The donor has no such parameter or does not determine it, or it counts N in
            another way.
    """
    if isinstance(names, str):
        raise UsageError(f"names is a list such as ('A', 'alpha'), not {names!r}.")
    values = donor if isinstance(donor, PublishedSet) else _params(donor)
    missing = [name for name in names if name not in values]
    if missing:
        raise UsageError(f"the donor has no {', '.join(missing)}; it has {', '.join(values)}.")
    if isinstance(donor, Fit):
        _refuse_open(donor, names)
    if isinstance(donor, PublishedSet):
        _refuse_count(donor, counts)
    borrowed = {name: float(values[name]) for name in names}
    if not np.all(np.isfinite(list(borrowed.values()))):
        raise UsageError("the donor has no finite estimate of these parameters.")
    return borrowed


def _params(donor: Fit | Pooled | PooledFamily) -> dict[str, float]:
    return donor.mean if isinstance(donor, Pooled) else donor.params


def _refuse_open(donor: Fit, names: Sequence[str]) -> None:
    weak = [name for name in names if name in (*donor.flat, *donor.on_bound)]
    if weak or donor.status in (Status.NON_FINITE, Status.BAD_INPUT, Status.SKIPPED):
        what = f"{', '.join(weak)} {'is' if len(weak) == 1 else 'are'}" if weak else "its law is"
        raise UsageError(
            f"the donor's runs do not determine what you borrow: {what} not determined there "
            f"({donor.status.label}). Borrow from a family with several sizes."
        )


def _refuse_count(donor: PublishedSet, counts: str | None) -> None:
    has_count = donor.counts not in ("", "not stated")
    if has_count and counts is not None and counts != donor.counts:
        raise UsageError(
            f"{donor.id} counts {donor.counts} parameters and your runs {counts} ones: its A and "
            "alpha do not fit. Count N as the donor does."
        )
