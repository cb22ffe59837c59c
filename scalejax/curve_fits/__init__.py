"""Loss curves of several schedules: forecasts of others, of a run's end, and laws fitted to them.

| module | when |
| --- | --- |
| `curve_forecast` | `forecast_curve`: other schedules, or the end of a run under way |
| `curve_fit` | `fit_annealing`, `fit_multi_power`: the parameters of one law, and its predictions |
| `curve_points` | `thinned`: which points of a curve are kept |
"""

from scalejax.curve_fits.curve_fit import CurveFit as CurveFit
from scalejax.curve_fits.curve_fit import fit_annealing as fit_annealing
from scalejax.curve_fits.curve_fit import fit_multi_power as fit_multi_power
from scalejax.curve_fits.curve_forecast import CurveForecast as CurveForecast
from scalejax.curve_fits.curve_forecast import forecast_curve as forecast_curve
from scalejax.curve_fits.curve_points import POINTS as POINTS
from scalejax.curve_fits.curve_points import thinned as thinned
