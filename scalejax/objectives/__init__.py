"""What is minimised: robust losses, priors, and a law seen as a fitting problem.

See `scalejax.objectives.losses` for which loss to take when.
"""

from scalejax.objectives.losses import (
    Kernel,
    Objective,
    Scale,
    absolute,
    custom,
    huber,
    is_saved,
    least_squares,
    not_saved,
    student_t,
)
from scalejax.objectives.model import Model, Penalty, Rows, Settings, make_model
from scalejax.objectives.priors import LogNormal, Normal, Prior, prior_of

__all__ = [
    "Kernel",
    "LogNormal",
    "Model",
    "Normal",
    "Objective",
    "Penalty",
    "Prior",
    "Rows",
    "Scale",
    "Settings",
    "absolute",
    "custom",
    "huber",
    "is_saved",
    "least_squares",
    "make_model",
    "not_saved",
    "prior_of",
    "student_t",
]
