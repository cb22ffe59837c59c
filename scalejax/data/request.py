"""`Request`: the arguments of `load_table` as one record, checked before any file is read.

The options are explained at `scalejax.data.load_table`, which makes a request from its arguments;
`scalejax.data.inspect_table` takes one directly.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypedDict

from scalejax.compute import Compute, Written, compute_of
from scalejax.data.loss_units import loss_unit_of
from scalejax.data.option_types import check_types
from scalejax.data.reduction_options import check_words
from scalejax.errors import UsageError
from scalejax.quantities import CHECKED, QUANTITIES
from scalejax.vocabulary import argument, did_you_mean

LABELS = ("group", "cluster", "subcluster", "stratum")
ROLES = ("weights", "sigma", *LABELS)
DERIVATION = "6ND"
SOURCES = {"N": ("C", "D"), "D": ("C", "N"), "C": ("N", "D")}


class TableOptions(TypedDict, total=False):
    """Keywords with which verbs hand a table to `scalejax.data.load_table`, explained there."""

    target: str
    columns: Mapping[str, str] | None
    weights: str | None
    sigma: str | None
    run: str | Sequence[str] | None
    strata: str | None
    units: Mapping[str, str | float] | None
    loss_unit: str | None
    exclude: str | Sequence[int] | None
    derive: Mapping[str, str] | None
    flop_per_token: Written | None
    on_bad: str
    positive: Sequence[str] | None
    max_bytes: int | None
    reduce: str
    drop_first: str | float | None
    average: str | None
    best_of: str | None
    tokens_per_step: str | float | None
    size_from: str | None
    runs: Any
    mapping: Mapping[str, Any] | str | Path | None


@dataclass(frozen=True)
class Request:
    """What a table is read for; the attributes are documented at `load_table`.

    `choose` is not among them: it says, from the `scalejax.data.Presence` of a table, the inputs
    and whatever else depends on what the table has.

    Raises:
        UsageError: Options that are unknown or contradict each other.
    """

    inputs: Sequence[str] = ("N", "D")
    target: str = "loss"
    columns: Mapping[str, str] = field(default_factory=dict)
    weights: str | None = None
    sigma: str | None = None
    by: str | None = None
    run: str | Sequence[str] | None = None
    strata: str | None = None
    units: Mapping[str, str | float] = field(default_factory=dict)
    loss_unit: str | None = None
    exclude: str | Sequence[int] | None = None
    derive: Mapping[str, str] = field(default_factory=dict)
    flop_per_token: Written | None = None
    on_bad: str = "raise"
    n_parameters: int = 0
    constant: Sequence[str] = ()
    positive: Sequence[str] | None = None
    signed: bool = False
    max_bytes: int | None = None
    reduce: str = "every"
    drop_first: str | float | None = None
    average: str | None = None
    best_of: str | None = None
    tokens_per_step: str | float | None = None
    size_from: str | None = None
    runs: Any = None
    choose: Callable[[Any], Mapping[str, Any]] | None = None

    def __post_init__(self) -> None:
        check_types(vars(self))
        for name in ("inputs", "constant"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        if self.on_bad not in ("raise", "drop"):
            raise UsageError(f'{argument("on_bad")} is "raise" or "drop", not {self.on_bad!r}')
        known = {*self.inputs, self.target, *CHECKED}
        if unknown := [key for key in self.columns if key not in known]:
            near = "".join(did_you_mean(name, sorted(known)) for name in unknown)
            raise UsageError(
                f"{argument('columns')} names {unknown}{near or f'; known are {sorted(known)}'}"
            )
        if self.target != "loss" and "loss" in self.columns and not self.best_of:
            raise UsageError(
                f"{argument('target')} and {argument('columns', {'loss': '...'})} both name the "
                "loss; give one"
            )
        if self.target in self.inputs or len(set(self.inputs)) < len(self.inputs):
            raise UsageError(f"inputs {tuple(self.inputs)} repeat a name or hold the target")
        self._check_derivation()
        _ = self.compute
        self._check_levels()
        if self.loss_unit is not None:
            loss_unit_of(self.loss_unit)
        check_words(self.reduce, self.drop_first, self.average, self.best_of, self.tokens_per_step)

    def _check_derivation(self) -> None:
        for quantity, rule in self.derive.items():
            if quantity not in SOURCES or rule != DERIVATION:
                known = argument("derive", {"D": DERIVATION})
                raise UsageError(f"{known} (or N, C) can be derived, not {dict(self.derive)}")
            if quantity not in self.inputs:
                raise UsageError(
                    f"{argument('derive')} names {quantity!r}, which is no input of the law"
                )
        if len(self.derive) > 1:
            raise UsageError(f"{argument('derive')} can give one of N, D and C, from the other two")

    def _check_levels(self) -> None:
        names = self.levels
        if self.run is not None and not 1 <= len(names) <= 2:
            raise UsageError(
                f"{argument('run')} takes one column or two, such as ('family', 'run'), "
                f"not {len(names)}: "
                "the rows themselves are the innermost level"
            )
        if len(set(names)) < len(names):
            raise UsageError(
                f"{argument('run')} names {names[0]!r} twice; give two different columns"
            )

    @property
    def compute(self) -> Compute | None:
        """The compute of a run that `flop_per_token` says; None without it."""
        return None if self.flop_per_token is None else compute_of(self.flop_per_token)

    @property
    def is_loss(self) -> bool:
        """Whether the target is a loss, and not another quantity of the vocabulary."""
        return self.target == "loss" or self.target not in QUANTITIES

    @property
    def takes_rows_together(self) -> bool:
        """Whether rows are dropped or taken together before columns are read."""
        whole = self.reduce == "every" and self.drop_first is None
        return not (whole and self.average is None and self.best_of is None)

    @property
    def levels(self) -> tuple[str, ...]:
        """The columns of `run`, outermost first."""
        return (self.run,) if isinstance(self.run, str) else (*(self.run or ()),)

    @property
    def roles(self) -> dict[str, str]:
        """The user's column name of each role that is no quantity (weights, group, ...)."""
        roles = {"weights": self.weights, "sigma": self.sigma, "group": self.by}
        roles |= dict(zip(("cluster", "subcluster"), self.levels, strict=False))
        roles["stratum"] = self.strata
        return {role: name for role, name in roles.items() if name is not None}

    def is_positive(self, quantity: str) -> bool:
        """Whether `quantity` must be positive: by `positive`, else as the vocabulary says.

        ``"loss"`` is the target, which need not be positive if it is a difference of losses, or
        `signed`.
        """
        if quantity == "loss":
            return not self.signed and (self.is_loss or QUANTITIES[self.target].positive)
        if self.positive is None:
            return quantity in CHECKED and CHECKED[quantity].positive
        return quantity in self.positive
