"""Which law to believe: laws compared on the same runs, above all by what they extrapolate to.

`select` refits every law without the largest runs, along a rolling origin or without each group,
all under common resamples, and ranks the laws by the relative error of what was held out. The law
that describes the runs best (`criteria`, AIC and BIC) need not be the one that extrapolates best:
choose forms by held-out error, and where the data cannot tell laws apart, predict with all of them
(`Selection.predict`).

Folds: `scalejax.folds`.
"""

from scalejax.folds import Fold as Fold
from scalejax.folds import leave_groups as leave_groups
from scalejax.folds import leave_largest as leave_largest
from scalejax.folds import rolling_origin as rolling_origin
from scalejax.selection.select import select as select
from scalejax.selection.selection import Selection as Selection
