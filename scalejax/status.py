"""How a fit ended: one code per problem, with a sentence that names the remedy.

`Status` is for fits, `Outcome` for constrained optima. A status comes from the certificate in
`scalejax.engine.certificate`, never from what a solver says of itself. Codes are small integers, so
that a million of them are one array; `Status(code).sentence` is what a person reads. Hard trouble
(bad input) raises instead, see `scalejax.errors`.
"""

from enum import IntEnum

from scalejax.vocabulary import worded

CONDITION_LIMIT = 1e6
"""Above this condition of the column-scaled Jacobian a direction counts as flat.

For Chinchilla's law, runs with one ratio of tokens to parameters have 3e7, and a standard error of
alpha of 514, with noise of 0.005 in the log loss.
"""

WEAK_CONDITION = 1e3
"""Above this condition a fit is called weakly identified.

Grids, several compute budgets and the 240 Chinchilla runs have 140 to 320; one budget has 5400, and
a standard error of alpha of 0.4.
"""


class Status(IntEnum):
    """End of one fitting problem. Only `CONVERGED` counts as a success."""

    CONVERGED = 0
    MAX_STEPS = 1
    STALLED = 2
    STARTS_DISAGREE = 3
    BOUND_HIT = 4
    NOT_IDENTIFIED = 5
    NON_FINITE = 6
    BAD_INPUT = 7
    SKIPPED = 8

    @property
    def sentence(self) -> str:
        """What happened and what to do about it, whatever solver was used."""
        return worded(_SENTENCES[self])

    @property
    def label(self) -> str:
        """The code in lower case, as written to files and tables."""
        return self.name.lower()

    def __str__(self) -> str:
        return self.label

    def __format__(self, spec: str) -> str:
        return format(self.label, spec)


MINIMA = (Status.CONVERGED, Status.BOUND_HIT)
"""Ends that are minima, inside the bounds or on one: what enters intervals."""

_SENTENCES = {
    Status.CONVERGED: "Converged: the gradient vanishes and no start found a lower objective.",
    Status.MAX_STEPS: (
        "The step limit came first: the data hardly determine the law; add runs, or fix or tie a "
        "parameter."
    ),
    Status.STALLED: (
        "No further descent although the gradient is not zero; try a smoother objective, or narrow "
        "{bounds}."
    ),
    Status.STARTS_DISAGREE: (
        "The best objective was reached from one start only, and may not be the lowest; narrow "
        "{bounds}, or fix or tie a parameter."
    ),
    Status.BOUND_HIT: (
        "A parameter lies on its bound, so its term is negligible or unlimited; check {bounds} or "
        "drop the term."
    ),
    Status.NOT_IDENTIFIED: (
        "The data do not determine all parameters (a flat direction); add runs that break the "
        "degeneracy, or fix or tie a parameter."
    ),
    Status.NON_FINITE: (
        "The law or the objective was not finite at every start; check its domain and {bounds}."
    ),
    Status.BAD_INPUT: "Too few rows carry weight to fit the law, or a weight is not finite.",
    Status.SKIPPED: "The problem was not attempted.",
}


class Outcome(IntEnum):
    """End of one constrained optimisation. Only `SOLVED` is an optimum inside the ranges."""

    SOLVED = 0
    AT_RANGE = 1
    INFEASIBLE = 2
    UNBOUNDED = 3
    NOT_CONVERGED = 4
    NON_FINITE = 5

    @property
    def sentence(self) -> str:
        """What happened and what to do about it."""
        return _OUTCOMES[self]

    @property
    def label(self) -> str:
        """The code in lower case, as written to files and tables."""
        return self.name.lower()

    def __str__(self) -> str:
        return self.label

    def __format__(self, spec: str) -> str:
        return format(self.label, spec)


_OUTCOMES = {
    Outcome.SOLVED: "Solved: the optimality conditions hold and no start found a better point.",
    Outcome.AT_RANGE: (
        "Solved, but a variable lies at an end of its declared range; widen the range unless the "
        "end is a real limit."
    ),
    Outcome.INFEASIBLE: "No decision within the ranges meets all constraints; relax one of them.",
    Outcome.UNBOUNDED: (
        "What is minimised keeps falling however far the ranges are widened; a constraint is "
        "missing."
    ),
    Outcome.NOT_CONVERGED: (
        "The optimality conditions were not met from any start; rescale the measures or raise "
        "starts."
    ),
    Outcome.NON_FINITE: "A measure was not finite wherever the search began; check the ranges.",
}
