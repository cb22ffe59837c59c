"""IsoFLOP analysis (approach 2 of arXiv:2203.15556), never without its bias.

`isoflop` groups runs by compute, fits a parabola of the loss in ln N to each budget and a power law
through the minima. A slice of a real law is no parabola, so the minima are biased even without
noise, and the more the wider the runs are spread (arXiv:2603.22339): beside every number stands
what the same analysis makes of noise-free runs of a law at the same points, and the true optimum
of that law. `isoflop_bias` gives that comparison for a design that nobody has run yet.

For a decision, fit a law to all runs (`scalejax.fit`); use this to compare with papers that used
approach 2 and to see whether the slices of a law look like the runs. Compute is 6 N D, unless the
table has a measured column of it or `flop_per_token` says otherwise.

Where compute differs between the runs of one budget the minima move too, because the loss falls
with compute and compute may rise with size. That error is part of the bias that is shown.
"""

from scalejax.isoflop.analysis import isoflop as isoflop
from scalejax.isoflop.analysis import isoflop_bias as isoflop_bias
from scalejax.isoflop.optimum import true_optimum as true_optimum
from scalejax.isoflop.result import Isoflop as Isoflop
