"""`Study`: many laws as one declaration, families x subsets of runs x recipes x resamples.

A `Recipe` is how one law is fitted. A `Study` crosses recipes with the groups of a table and with
subsets of the runs in each group; `scalejax.study` fits all of it. `scalejax.studies.files`
reads a study from a TOML file, or back from the plain values that `Study.describe` gives.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property, partial
from typing import Any, Literal, get_args

from scalejax.amounts import LEVEL, POSITIVE, SHARE, fits, kind_of, read, whole
from scalejax.engine import ObjectiveLike, as_objective, make_box, refuse_broken
from scalejax.errors import UsageError
from scalejax.fitting import describe_objective
from scalejax.laws import Law, describe_law, find_law
from scalejax.objectives import Model, Objective, make_model
from scalejax.studies.subsets import Subset
from scalejax.vocabulary import argument

Resampling = Literal["bayesian", "cluster", "pairs"]
RESAMPLINGS: tuple[Resampling, ...] = get_args(Resampling)
_NUMBERS: dict[str, Callable[[str, Any], Any]] = {
    "resamples": whole,
    "seed": whole,
    "max_steps": partial(whole, least=1),
    "level": partial(read, kind=LEVEL),
    "target_part": partial(read, kind=SHARE),
}


@dataclass(frozen=True, eq=False)
class Recipe:
    """How one law is fitted.

    Attributes:
        law: The law, a name, or ``module:name``.
        objective: As for `scalejax.fit`; an automatic delta is not available here.
        fixed: Parameters held at a value, for example borrowed from another family.
        tied: As for `scalejax.fit`.
        bounds: As for `scalejax.fit`.
        label: Name in the results; the law's if not given.
    """

    law: str | Law
    objective: ObjectiveLike = None
    fixed: Mapping[str, float] = field(default_factory=dict)
    tied: Mapping[str, str] = field(default_factory=dict)
    bounds: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    label: str = ""

    def __post_init__(self) -> None:
        refuse_broken(self.found)
        if self.goal.tuning is not None:
            raise UsageError('huber("auto") tunes one table at a time: give a study a number.')
        make_box(self.model, self.bounds)

    @property
    def name(self) -> str:
        """Name in the results."""
        return self.label or self.found.name

    @cached_property
    def found(self) -> Law:
        """The law itself, also where `law` is a name."""
        return find_law(self.law)

    @cached_property
    def goal(self) -> Objective:
        """The objective itself, also where `objective` is a name or None."""
        return as_objective(self.objective)

    @cached_property
    def model(self) -> Model:
        """The model of the law under the objective, from which programs are compiled."""
        return make_model(self.found, self.goal.kernel, fixed=self.fixed, tied=self.tied)

    def describe(self) -> dict[str, Any]:
        """The recipe as plain values."""
        return {
            "label": self.name,
            "law": describe_law(self.found, self.law if isinstance(self.law, str) else ""),
            "objective": describe_objective(self.goal),
            "fixed": dict(self.fixed),
            "tied": dict(self.tied),
            "bounds": {name: list(pair) for name, pair in self.bounds.items()},
        }


@dataclass(frozen=True, eq=False, kw_only=True)
class Study:
    """Many laws to be fitted.

    Attributes:
        recipes: Laws and how they are fitted, one or several; a law or its name is a recipe too.
        by: Column or columns that name the family of a row; each family is fitted by itself.
        run: Column that names the model of a row, whose rows are its checkpoints. Resamples draw
            whole runs then. Without it each row is a run of its own.
        subsets: Which runs are used, one choice or several, see `scalejax.studies.subset_grid`.
        target: Whether the largest run of each family is held out and predicted.
        target_part: Last share of the target's training that is predicted.
        resamples: Refits of each problem, from which the intervals come.
        resampling: ``"bayesian"`` gives every run a random weight, so that no refit loses one;
            ``"cluster"`` draws whole runs, ``"pairs"`` single rows. With few runs all are too
            narrow.
        seed: Seed of the resamples and of random choices of runs.
        level: Probability of the intervals.
        max_steps: Step limit of one start.
        forecast_at: A run to come whose loss is forecast from the rows of each problem, as by
            `scalejax.forecast_many`: ``{"N": "70B", "D": 1.4e12}``, or a multiple of the largest
            compute of the problem, ``"10x"``.
    """

    recipes: tuple[Recipe, ...]
    by: tuple[str, ...] = ()
    run: str | None = None
    subsets: tuple[Subset, ...] = (Subset(),)
    target: bool = True
    target_part: float = 0.3
    resamples: int = 200
    resampling: Resampling = "bayesian"
    seed: int = 0
    level: float = 0.95
    max_steps: int = 200
    forecast_at: Mapping[str, float] | str | None = None

    def __post_init__(self) -> None:
        items = _several(self.recipes, str | Law | Recipe)
        recipes = tuple(x if isinstance(x, Recipe) else Recipe(x) for x in items)
        object.__setattr__(self, "recipes", recipes)
        object.__setattr__(self, "by", _several(self.by, str))
        object.__setattr__(self, "subsets", _several(self.subsets, Subset))
        names = [recipe.name for recipe in recipes]
        wrong = []
        if not names or len(set(names)) < len(names):
            wrong.append(f"recipes need different names, at least one; got {names}")
        if len({recipe.found.response.symbol for recipe in recipes}) > 1:
            wrong.append("the laws of a study must give the same response")
        if not self.subsets or len(set(self.subsets)) < len(self.subsets):
            wrong.append("subsets must differ, and there must be at least one")
        if self.resampling not in RESAMPLINGS:
            wrong.append(f"resampling is one of {', '.join(RESAMPLINGS)}")
        if self.resampling == "cluster" and self.run is None:
            wrong.append(
                f"{argument('resampling', 'cluster')} draws runs: say with "
                f"{argument('run')} which column names them"
            )
        for name, reads in _NUMBERS.items():
            try:
                object.__setattr__(self, name, reads(name, getattr(self, name)))
            except UsageError as error:
                wrong.append(str(error).removesuffix("."))
        if self.forecast_at is not None:
            try:
                object.__setattr__(
                    self, "forecast_at", _run_to_come(self.forecast_at, self.recipes)
                )
            except ValueError as error:
                wrong.append(f"{argument('forecast_at')} {error}")
        if wrong:
            raise UsageError(f"this study cannot be run: {'; '.join(wrong)}.")

    @property
    def inputs(self) -> tuple[str, ...]:
        """Inputs of all laws, and N and D, by which runs are ordered."""
        laws = (recipe.found for recipe in self.recipes)
        return tuple(dict.fromkeys(["N", "D", *(name for law in laws for name in law.inputs)]))

    def describe(self) -> dict[str, Any]:
        """The study as plain values; `scalejax.studies.files.study_of` makes it again."""
        plain = {name: value for name, value in vars(self).items() if name != "recipes"}
        # Jobs that were begun before there were forecasts go on.
        if self.forecast_at is None:
            del plain["forecast_at"]
        return plain | {
            "recipes": [recipe.describe() for recipe in self.recipes],
            "by": list(self.by),
            "subsets": [asdict(subset) for subset in self.subsets],
        }


def multiple_of(at: str) -> float:
    """The number in a multiple of the largest compute, such as "10x".

    Raises:
        ValueError: It is none.
    """
    number = read("forecast_at", at.removesuffix("x"), POSITIVE)
    if not at.endswith("x"):
        raise ValueError
    return number


def _run_to_come(at: Any, recipes: Sequence[Recipe]) -> dict[str, float] | str:
    """A run to come as numbers, or a multiple of the largest compute as it is.

    Raises:
        ValueError: It is neither, or has not the inputs of all laws, in words.
    """
    try:
        if isinstance(at, str):
            multiple_of(at)
            return at
        values = {str(name): value for name, value in dict(at).items()}
    except (TypeError, ValueError):
        raise ValueError(
            f'is one run, such as {{"N": "70B", "D": "1.4T"}}, or "10x", not {at!r}'
        ) from None
    if wrong := [name for name, value in values.items() if not fits(value, kind_of(name))]:
        raise ValueError(f"has {', '.join(wrong)}, which must be {kind_of(wrong[0]).words}")
    run = {name: read("forecast_at", value, kind_of(name)) for name, value in values.items()}
    inputs = dict.fromkeys(name for recipe in recipes for name in recipe.found.inputs)
    if missing := [name for name in inputs if name not in run]:
        raise ValueError(f"lacks {', '.join(missing)}")
    if idle := [name for name in run if name not in inputs]:
        raise ValueError(f"has {', '.join(idle)}, which no law of the study has")
    return run


def _several(value: Any, kind: Any) -> tuple[Any, ...]:
    """One of a kind, or several, as a tuple."""
    return (value,) if isinstance(value, kind) else tuple(value)
