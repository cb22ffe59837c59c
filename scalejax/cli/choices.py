"""What an option that offers a choice offers: a class each, whose values are the words to type."""

from enum import StrEnum


class ObjectiveName(StrEnum):
    """What is minimised."""

    HUBER = "huber"
    HUBER_AUTO = "huber-auto"
    LEAST_SQUARES = "least-squares"
    ABSOLUTE = "absolute"
    STUDENT_T = "student-t"


class Scale(StrEnum):
    """Whether residuals are of the log loss or of the loss."""

    LOG = "log"
    LOSS = "loss"


class OnBad(StrEnum):
    """What happens to rows that cannot be used."""

    RAISE = "raise"
    DROP = "drop"


class ResamplingName(StrEnum):
    """How resamples are made."""

    AUTO = "auto"
    PAIRS = "pairs"
    CLUSTER = "cluster"
    NESTED = "nested"
    STRATIFIED = "stratified"
    RESIDUAL = "residual"
    WILD = "wild"
    PARAMETRIC = "parametric"
    BAYESIAN = "bayesian"
    JACKKNIFE = "jackknife"


class SolverName(StrEnum):
    """Which solver."""

    NEWTON = "newton"
    LBFGS = "lbfgs"
    ADAM = "adam"
