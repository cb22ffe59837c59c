"""Advice on a table of runs: which published recommendations apply, and what each is worth there.

- `advise`: from runs, or a plan of runs, to an `Advice` (`scalejax.advice.advise`).
- `Recommendation`: one piece of it, with its source and the errors computed from the runs.
- `forecast`: how many laws that takes, and how long.
"""

from scalejax.advice.advice import Advice, Recommendation
from scalejax.advice.advise import Forecast, advise, forecast

__all__ = ["Advice", "Forecast", "Recommendation", "advise", "forecast"]
