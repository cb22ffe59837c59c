"""Losses of larger runs from smaller ones, with intervals that hold where the law bends.

| module | when |
| --- | --- |
| `make` | `forecast`: a table and runs to come in, a `Forecast` out |
| `posterior` | what is known of runs that nobody has trained, for the design of the next ones |
| `batch` | many tables as few batches of arrays, rows far out weighed down |
| `model` | the same as a pure function of arrays, for one table and any law |
| `inside`, `field` | the law inside, in which coordinates, and what is known of it before |
| `discrepancy` | by how much a law may bend |
| `storage` | the folder of a saved forecast |
"""

from scalejax.forecasting.batch import Answer as Answer
from scalejax.forecasting.batch import ForecastRows as ForecastRows
from scalejax.forecasting.batch import solve_all as solve_all
from scalejax.forecasting.forecast import Backtest as Backtest
from scalejax.forecasting.forecast import Forecast as Forecast
from scalejax.forecasting.forecast import load_forecast as load_forecast
from scalejax.forecasting.inside import NINE_IN_TEN as NINE_IN_TEN
from scalejax.forecasting.inside import AnyLaw as AnyLaw
from scalejax.forecasting.inside import Context as Context
from scalejax.forecasting.inside import FieldLaw as FieldLaw
from scalejax.forecasting.inside import LawInside as LawInside
from scalejax.forecasting.inside import Prior as Prior
from scalejax.forecasting.inside import log_relative as log_relative
from scalejax.forecasting.make import FEWEST_ROWS as FEWEST_ROWS
from scalejax.forecasting.make import At as At
from scalejax.forecasting.make import forecast as forecast
from scalejax.forecasting.make import inside_of as inside_of
from scalejax.forecasting.make import make_forecast as make_forecast
from scalejax.forecasting.make import reach_of as reach_of
from scalejax.forecasting.make import rows_of as rows_of
from scalejax.forecasting.make import runs_to_come as runs_to_come
from scalejax.forecasting.make import tail_of as tail_of
from scalejax.forecasting.model import tail as tail
from scalejax.forecasting.posterior import Belief as Belief
from scalejax.forecasting.posterior import Posterior as Posterior
from scalejax.forecasting.storage import check_folder as check_folder
from scalejax.forecasting.storage import is_forecast as is_forecast
