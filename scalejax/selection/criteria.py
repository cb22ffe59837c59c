"""Information criteria of a fit: AIC, corrected AIC and BIC, from the likelihood of its objective.

Every objective is the negative logarithm of a density up to a dispersion s: least squares is
normal, absolute is Laplace's, and Huber's density exp(-rho(r)/s) / Z(s) is between. s is fitted and
counts as a parameter. Numbers of different objectives cannot be compared, nor those of different
rows. For an objective of your own there is none.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import erf, gammaln

from scalejax.fitting import Fit


@dataclass(frozen=True)
class Criteria:
    """Information criteria, smaller is better; NaN where the objective has no density.

    Attributes:
        log_likelihood: Logarithm of the likelihood of the targets, at its largest.
        parameters: Fitted parameters, the dispersion included.
        rows: Rows of positive weight.
        aic: Akaike's criterion (Akaike 1974, IEEE Transactions on Automatic Control 19, 716-723).
        aicc: The same, corrected for few rows (Hurvich and Tsai 1989, Biometrika 76, 297-307);
            infinite where rows do not exceed parameters + 1.
        bic: Schwarz's criterion (Schwarz 1978, Annals of Statistics 6, 461-464).
    """

    log_likelihood: float
    parameters: int
    rows: int
    aic: float
    aicc: float
    bic: float


def criteria(fit: Fit) -> Criteria:
    """The criteria of a fit, for its own objective.

    Args:
        fit: A fit without priors or a penalty: they are no part of a likelihood.
    """
    weight = fit.table.weight
    rows = int(np.sum(weight > 0))
    # Weights say how runs compare, so their mean is one.
    objective = fit.objective_value * rows / float(weight.sum())
    likelihood = -_deviance(fit, objective, rows) / 2
    parameters = len(fit.free) + 1
    aic = 2 * parameters - 2 * likelihood
    spare = rows - parameters - 1
    aicc = aic + 2 * parameters * (parameters + 1) / spare if spare > 0 else np.inf
    bic = parameters * np.log(rows) - 2 * likelihood
    return Criteria(likelihood, parameters, rows, aic, float(aicc), float(bic))


def _deviance(fit: Fit, objective: float, rows: int) -> float:
    """Minus twice the largest log-likelihood."""
    name, constants = fit.objective.name, fit.objective.constants
    if name == "student_t":
        dof = constants[0]
        constant = gammaln(dof / 2) - gammaln((dof + 1) / 2) + np.log(dof * np.pi) / 2
        return 2 * (objective + rows * float(constant))
    mean = max(objective / rows, np.finfo(float).tiny)
    if name == "least_squares":
        return rows * (1 + np.log(2 * np.pi * 2 * mean))
    if name == "absolute":
        return 2 * rows * (1 + np.log(2 * mean))
    if name != "huber":
        return np.nan
    # Imported here: it adds warning filters, which importing scalejax does not.
    from scipy.optimize import minimize_scalar

    delta = constants[0]

    def each(log_s: float) -> float:
        s = np.exp(log_s)
        middle = np.sqrt(2 * np.pi * s) * erf(delta / np.sqrt(2 * s))
        tails = 2 * s / delta * np.exp(-(delta**2) / (2 * s))
        return mean / s + float(np.log(middle + tails))

    # The dispersion is of the size of the mean objective; the factor of e**10 is by judgement.
    centre = np.log(mean)
    minimum = minimize_scalar(each, bounds=(centre - 10, centre + 10), method="bounded")
    return 2 * rows * float(minimum.fun)
