"""Losses of larger runs from smaller ones, with intervals that hold where the law bends.

| module | when |
| --- | --- |
| `scalejax.forecasting.make` | `forecast`: a table and runs to come in, a `Forecast` out |
| `scalejax.forecasting.model` | the same as a pure function of arrays, for one table and any law |
| `scalejax.forecasting.field` | the law inside, and what the field knows of it before |
| `scalejax.forecasting.discrepancy` | by how much a law may bend |
"""

from scalejax.forecasting.forecast import Backtest as Backtest
from scalejax.forecasting.forecast import Forecast as Forecast
from scalejax.forecasting.make import forecast as forecast
