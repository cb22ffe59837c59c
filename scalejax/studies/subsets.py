"""Which runs of a family a law is fitted to, and which it has to predict.

A *run* is one model with its checkpoints. The target is the end of the training of the largest run
of a family; a `Subset` says what of the rest is used: how many models and which, from which token
on, how much of each training, and how much of the target's own. `subset_grid` makes the product of
such choices, as in Choshen, Zhang and Andreas 2024 (arXiv:2410.11840), who compare ways to estimate
laws.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from scalejax._arrays import Floats, Ints
from scalejax.amounts import fits, whole
from scalejax.errors import UsageError
from scalejax.folds import leave_last_run, training_share
from scalejax.workload import check_memory

Choice = Literal["smallest", "largest", "spread", "random"]
CHOICES: tuple[Choice, ...] = get_args(Choice)
_BYTES_PER_SUBSET = 140
"""Of a subset in a grid. Measured: 145 each in one of 30,000."""


@dataclass(frozen=True)
class Subset:
    """A choice of training rows in a family.

    Attributes:
        models: How many runs besides the target; None takes all.
        choose: Which ones: the smallest, the largest, evenly spread over the sizes, or random.
        draw: Number of the random choice.
        drop: Rows with fewer tokens than this are left out.
        since: Share of each run's training before which rows are left out; 1 leaves its end only.
        until: Share of each run's training that is used, from its beginning.
        own: Share of the target's own training that is used as well.
    """

    models: int | None = None
    choose: Choice = "smallest"
    draw: int = 0
    drop: float = 0.0
    since: float = 0.0
    until: float = 1.0
    own: float = 0.0

    def __post_init__(self) -> None:
        if self.models is not None:
            whole("models", self.models)
        if self.choose not in CHOICES:
            raise UsageError(f"choose is one of {', '.join(CHOICES)}, not {self.choose!r}.")
        shares = all(map(fits, (self.drop, self.since, self.until, self.own)))
        shares = (
            shares and 0 <= self.since <= self.until <= 1 and self.until > 0 and 0 <= self.own < 1
        )
        if not (shares and self.drop >= 0):
            raise UsageError(
                "since and until are shares of the training, since not after until, own is below "
                f"1, and drop is not negative; got since={self.since:g}, until={self.until:g}, "
                f"own={self.own:g}, drop={self.drop:g}."
            )

    def __str__(self) -> str:
        """The choices that differ from all rows."""
        parts = [] if self.models is None else [f"{self.models} models ({self.choose})"]
        parts += [f"draw {self.draw}"] if self.draw else []
        parts += [f"from {self.drop:.3g} tokens on"] if self.drop else []
        parts += [f"since {self.since:.0%} of each training"] if self.since else []
        parts += [f"until {self.until:.0%} of each training"] if self.until < 1 else []
        parts += [f"{self.own:.0%} of the target's own"] if self.own else []
        return ", ".join(parts) or "all rows"


def subset_grid(
    models: Sequence[int | None] = (None,),
    choose: Sequence[Choice] = ("smallest",),
    drop: Sequence[float] = (0.0,),
    since: Sequence[float] = (0.0,),
    until: Sequence[float] = (1.0,),
    own: Sequence[float] = (0.0,),
    draws: int = 1,
) -> tuple[Subset, ...]:
    """All combinations of choices, each once.

    Args:
        models: As in `Subset`, several.
        choose: As in `Subset`, several.
        drop: As in `Subset`, several.
        since: As in `Subset`, several.
        until: As in `Subset`, several.
        own: As in `Subset`, several.
        draws: Random choices of each number of models, where ``choose`` is ``"random"``.

    Raises:
        UsageError: There are more than this machine can hold, or one is none.
    """
    draws = whole("draws", draws)
    counts = {
        "numbers of models": models, "choices": choose, "drops": drop, "begins": since,
        "ends": until, "shares of the target": own,
    }  # fmt: skip
    sizes = {what: len(several) for what, several in counts.items()}
    check_memory("subsets", {**sizes, "draws": max(1, draws)}, _BYTES_PER_SUBSET)
    subsets = [
        # All runs can be chosen in one way only.
        Subset(count, "smallest" if count is None else how, draw, *parts)
        for count, how, *parts in product(models, choose, drop, since, until, own)
        for draw in range(draws if how == "random" and count is not None else 1)
    ]
    return tuple(dict.fromkeys(subsets))


class FamilyRows(NamedTuple):
    """The rows of one family.

    Attributes:
        N: Parameters, (n,).
        D: Tokens, (n,).
        run: Run of each row, codes from 0, (n,).
    """

    N: Floats
    D: Floats
    run: Ints


class Split(NamedTuple):
    """Positions of the rows to fit and to predict; none and a reason if nothing can be fitted."""

    train: Ints
    test: Ints
    reason: str = ""


_NONE = np.empty(0, np.int64)


def choose_rows(
    family: FamilyRows, subset: Subset, *, target: bool, target_part: float, seed: int
) -> Split:
    """Split the rows of a family as a subset says.

    Args:
        family: All rows.
        subset: What to choose.
        target: Whether the largest run is held out.
        target_part: Last share of the target's training that is to be predicted.
        seed: Seed of random choices.
    """
    progress = training_share(family.D, family.run)
    fold = leave_last_run(*family, target_part)
    own = ~fold.train & target
    others = _by_size(family, ~own)
    count = len(others) if subset.models is None else subset.models
    if count > len(others):
        return Split(_NONE, _NONE, f"{len(others)} runs besides the target, not {count}")
    members = np.isin(family.run, _pick(others, count, subset, seed))
    train = (members & (progress <= subset.until)) | (own & (progress <= subset.own))
    train &= (subset.drop <= family.D) & (subset.since <= progress)
    test = fold.test & target
    if not train.any():
        return Split(_NONE, _NONE, "no row is left to fit")
    return Split(np.flatnonzero(train), np.flatnonzero(test & ~train))


def _by_size(family: FamilyRows, use: NDArray[np.bool_]) -> Ints:
    """The runs that have a row in use, smallest first."""
    rows = np.flatnonzero(use)
    order = rows[np.lexsort((family.run[rows], family.D[rows], family.N[rows]))]
    return np.array(list(dict.fromkeys(family.run[order].tolist())), np.int64)


def _pick(runs: Ints, count: int, subset: Subset, seed: int) -> Ints:
    """The runs that a subset takes, of runs ordered by size."""
    if subset.choose == "smallest":
        return runs[:count]
    if subset.choose == "largest":
        return runs[len(runs) - count :]
    if subset.choose == "spread":
        return runs[np.unique(np.linspace(0, len(runs) - 1, count).round().astype(int))]
    rng = np.random.default_rng([seed, count, subset.draw])
    return np.sort(rng.choice(runs, count, replace=False))
