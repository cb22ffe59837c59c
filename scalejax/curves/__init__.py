"""Loss curves: learning-rate schedules, laws of the loss along them, and curves against hours.

- `scalejax.curves.schedules`: `constant`, `cosine`, `linear`, `wsd`, `multi_step`; `rates_of`.
- `annealing`, `annealing_curve`: Tissue et al.; `multi_power`, `multi_power_curve`: Luo et al.
- `optimal_schedule`: the schedule with the least final loss.
- `LossCurve`, `leaders`, `frontier`, `compare_curves`, `overtakes`: measured curves against tokens,
  FLOP or GPU-hours.
- `average`: both laws averaged by their fit, as arrays.
- `scalejax.curve_fits` forecasts curves and fits these laws to them.
"""

from scalejax.curves.annealing import annealing as annealing
from scalejax.curves.annealing import annealing_curve as annealing_curve
from scalejax.curves.annealing import annealing_size as annealing_size
from scalejax.curves.areas import annealing_area as annealing_area
from scalejax.curves.areas import forward_area as forward_area
from scalejax.curves.average import LAWS as LAWS
from scalejax.curves.average import Average as Average
from scalejax.curves.average import CurveRows as CurveRows
from scalejax.curves.average import average as average
from scalejax.curves.average import curve_rows as curve_rows
from scalejax.curves.best_schedule import BestSchedule as BestSchedule
from scalejax.curves.best_schedule import optimal_schedule as optimal_schedule
from scalejax.curves.loss_curve import LossCurve as LossCurve
from scalejax.curves.loss_curve import curve_in_hours as curve_in_hours
from scalejax.curves.loss_curve import frontier as frontier
from scalejax.curves.loss_curve import gpu_hours as gpu_hours
from scalejax.curves.loss_curve import leaders as leaders
from scalejax.curves.loss_curve import throughput as throughput
from scalejax.curves.multi_power import LUO2025 as LUO2025
from scalejax.curves.multi_power import Changes as Changes
from scalejax.curves.multi_power import changes as changes
from scalejax.curves.multi_power import checked_rates as checked_rates
from scalejax.curves.multi_power import merged_changes as merged_changes
from scalejax.curves.multi_power import multi_power as multi_power
from scalejax.curves.multi_power import multi_power_along as multi_power_along
from scalejax.curves.multi_power import multi_power_curve as multi_power_curve
from scalejax.curves.overtaking import Comparison as Comparison
from scalejax.curves.overtaking import CurveVerdict as CurveVerdict
from scalejax.curves.overtaking import Overtaking as Overtaking
from scalejax.curves.overtaking import compare_curves as compare_curves
from scalejax.curves.overtaking import overtakes as overtakes
from scalejax.curves.point_laws import Pool as Pool
from scalejax.curves.point_laws import annealing_law as annealing_law
from scalejax.curves.point_laws import multi_power_law as multi_power_law
from scalejax.curves.point_laws import pool as pool
from scalejax.curves.schedules import constant as constant
from scalejax.curves.schedules import cosine as cosine
from scalejax.curves.schedules import exponential_cooldown as exponential_cooldown
from scalejax.curves.schedules import flat_warmup as flat_warmup
from scalejax.curves.schedules import linear as linear
from scalejax.curves.schedules import linear_cooldown as linear_cooldown
from scalejax.curves.schedules import multi_step as multi_step
from scalejax.curves.schedules import rates_of as rates_of
from scalejax.curves.schedules import sqrt_cooldown as sqrt_cooldown
from scalejax.curves.schedules import wsd as wsd
