"""What is minimised: robust losses, priors, and a law seen as a fitting problem.

See `scalejax.objectives.losses` for which loss to take when.
"""

from scalejax.objectives.losses import (
    Kernel,
    Objective,
    absolute,
    custom,
    huber,
    least_squares,
    student_t,
)
from scalejax.objectives.model import Model, Rows, Settings, make_model
from scalejax.objectives.priors import LogNormal, Normal, Prior, prior_of

__all__ = [
    "Kernel",
    "LogNormal",
    "Model",
    "Normal",
    "Objective",
    "Prior",
    "Rows",
    "Settings",
    "absolute",
    "custom",
    "huber",
    "least_squares",
    "make_model",
    "prior_of",
    "student_t",
]
