"""Pictures of fits and plans, and the numbers behind them: every plot has a frame of what it draws.

| picture | question | numbers |
| --- | --- | --- |
| `plot_fit` | do the curves follow the runs? | `curve_frame` |
| `plot_prediction` | how far beyond the data is this, and how sure? | `prediction_frame` |
| `plot_residuals` | what does the law miss, and which runs are odd? | `residual_frame` |
| `plot_draws` | which parameters trade off? | `draw_frame`, `draw_correlations` |
| `plot_isoflop` | do parabolas agree with the law? | `scalejax.isoflop` |
| `plot_influence` | which runs carry the conclusion? | a frame, see there |
| `plot_sensitivity` | does the conclusion survive other choices? | a frame, see there |
| `plot_selection` | which law errs least beyond the data? | `scalejax.selection` |
| `plot_study`, `plot_study_panels` | what does a law gain from more runs? | `StudyResult.errors` |
| `plot_design` | which runs next, and what would more money tell? | `scalejax.designing` |
| `plot_pooled` | what did a family gain from the others? | `scalejax.pooling` |
| `plot_frontier` | what would another budget, or quality, buy? | `scalejax.planning.frontier` |
| `plot_contours` | why is the optimum there, and how flat is it? | `scalejax.planning.contours` |
| `plot_demand` | how far to train beyond compute-optimal? | `scalejax.planning.frontier` |
| `plot_ratio_surface` | the same, for models of many sizes | `scalejax.planning.ratio_surface` |

Plots of one panel take ``ax=`` and return it; those of several take ``axes=`` and return an array;
``plot_draws`` returns its figure. Only a plot that was given no axes uses pyplot.
"""

from scalejax.plots.contours import plot_contours as plot_contours
from scalejax.plots.contours import plot_ratio_surface as plot_ratio_surface
from scalejax.plots.design import plot_design as plot_design
from scalejax.plots.draws import draw_correlations as draw_correlations
from scalejax.plots.draws import draw_frame as draw_frame
from scalejax.plots.draws import plot_draws as plot_draws
from scalejax.plots.fit import curve_frame as curve_frame
from scalejax.plots.fit import plot_fit as plot_fit
from scalejax.plots.frontier import plot_demand as plot_demand
from scalejax.plots.frontier import plot_frontier as plot_frontier
from scalejax.plots.influence import plot_influence as plot_influence
from scalejax.plots.isoflop import plot_isoflop as plot_isoflop
from scalejax.plots.pooling import plot_pooled as plot_pooled
from scalejax.plots.prediction import plot_prediction as plot_prediction
from scalejax.plots.prediction import prediction_frame as prediction_frame
from scalejax.plots.residuals import plot_residuals as plot_residuals
from scalejax.plots.residuals import residual_frame as residual_frame
from scalejax.plots.selection import plot_selection as plot_selection
from scalejax.plots.sensitivity import plot_sensitivity as plot_sensitivity
from scalejax.plots.study import plot_study as plot_study
from scalejax.plots.study import plot_study_panels as plot_study_panels
