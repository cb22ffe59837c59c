"""Principal components of families' parameters: along how many directions do families differ?

Choshen et al. (arXiv:2410.11840) fitted five parameters to each of 40 families and found three
components to explain 99.49 % of their variance. `principal_components` does the same for any table
of fitted parameters, `Pooled.components` for a fitted population, whose spread is free of the
error of the single fits.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from scalejax.errors import UsageError


@dataclass(frozen=True, eq=False)
class Components:
    """Principal components.

    Attributes:
        share: Share of the variance that each explains, largest first, (q,).
        loadings: Directions as columns, one row per parameter, (q, q).
    """

    share: pd.Series
    loadings: pd.DataFrame

    @property
    def cumulative(self) -> pd.Series:
        """Share of the variance that the first components explain together, (q,)."""
        return self.share.cumsum()

    def __str__(self) -> str:
        table = self.loadings.T.assign(share=self.share, cumulative=self.cumulative)
        return table.round(4).to_string()


def components_of(covariance: pd.DataFrame) -> Components:
    """Principal components of a covariance matrix (q, q)."""
    sizes, vectors = np.linalg.eigh(covariance.to_numpy())
    sizes, vectors = np.maximum(sizes[::-1], 0.0), vectors[:, ::-1]
    # The sign of a direction is free: its largest entry is positive.
    vectors = vectors * np.sign(vectors[np.abs(vectors).argmax(0), np.arange(len(sizes))])
    names = [f"PC{k + 1}" for k in range(len(sizes))]
    share = pd.Series(sizes / sizes.sum(), index=names, name="share")
    return Components(share, pd.DataFrame(vectors, index=covariance.index, columns=names))


def principal_components(
    parameters: pd.DataFrame | Mapping[str, ArrayLike],
    *,
    logs: Sequence[str] = (),
    standardise: bool = False,
) -> Components:
    """Principal components of fitted parameters, one row per family.

    Args:
        parameters: Parameters by name, (G,) each.
        logs: Parameters of which the logarithm is taken, such as coefficients.
        standardise: Whether each is divided by its standard deviation. Without it, what varies
            over decades (log A, log B) decides.

    Raises:
        UsageError: Fewer than two families, or a value that is not finite.
    """
    frame = pd.DataFrame(parameters).astype(float)
    for name in logs:
        frame[name] = np.log(frame[name])
    if len(frame) < 2 or not np.all(np.isfinite(frame)):
        raise UsageError("principal components take finite parameters of two or more families.")
    return components_of(frame.corr() if standardise else frame.cov())
