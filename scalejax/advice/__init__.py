"""Advice on a table of runs: which published recommendations apply, and what each is worth there.

- `advise`: from runs, or a plan of runs, to an `Advice`.
- `Recommendation`: one piece of it, with its source and the errors computed from the runs.
- `workload`: how many laws `advise` would fit, and how long that would take.
"""

from scalejax.advice.advice import Advice as Advice
from scalejax.advice.advice import Recommendation as Recommendation
from scalejax.advice.advise import Workload as Workload
from scalejax.advice.advise import advise as advise
from scalejax.advice.advise import workload as workload
