"""Advice on a table of runs: which published recommendations apply, and what each is worth there.

- `advise`: from runs, or a plan of runs, to an `Advice` (`scalejax.advice.advise`).
- `Recommendation`: one piece of it, with its source and the errors computed from the runs.
"""

from scalejax.advice.advise import advise
from scalejax.advice.record import Advice, Recommendation

__all__ = ["Advice", "Recommendation", "advise"]
