"""Which law to believe: laws compared on the same runs, above all by what they extrapolate to.

`select` predicts the largest runs from the others, along a rolling origin, or each group from the
rest, by the forecast with each law inside, and ranks the laws by the density that it gives to what
was held out: all laws on the same folds, as a forecast needs no fit that ends in a minimum. The
errors of plain fits stand beside it, and information criteria (`criteria`, AIC and BIC): the law
that describes the runs best need not be the one that extrapolates best. Where the data cannot tell
laws apart, forecast with all of them (`Selection.forecast`), by the weights of the mixture that
gives most to what was held out.

| module | holds |
| --- | --- |
| `select` | the verb |
| `density` | densities of held-out runs, stacked weights, quantiles of a mixture |
| `record`, `ranking`, `prediction`, `summary` | a selection as numbers, and what is asked of it |

Folds: `scalejax.folds`.
"""

from scalejax.folds import Fold as Fold
from scalejax.folds import leave_groups as leave_groups
from scalejax.folds import leave_largest as leave_largest
from scalejax.folds import rolling_origin as rolling_origin
from scalejax.selection.select import select as select
from scalejax.selection.selection import Selection as Selection
