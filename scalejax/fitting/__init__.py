"""Fits: starts, the batched engine, the certificate and the record.

`fit` for one table (`scalejax.fitting.fit`), `fit_many` for many groups.
"""

from scalejax.fitting.fit import fit
from scalejax.fitting.layout import Layout, default_layout
from scalejax.fitting.many import fit_many
from scalejax.fitting.result import Draws, Fit

__all__ = ["Draws", "Fit", "Layout", "default_layout", "fit", "fit_many"]
