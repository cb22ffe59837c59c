"""The law of a table when none is named, and the laws whose inputs a table has.

`law_of_inputs` takes Chinchilla's law where parameters and tokens are there, or compute with one of
them (C = 6 N D gives the other), and the power law with a floor where one size is there alone.
What could be meant in several ways is refused, with what to say for each. `laws_of_inputs` lists
all laws that a table has the inputs of.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from scalejax.errors import InputError, InputProblem
from scalejax.laws.law import Law
from scalejax.laws.registry import LAWS
from scalejax.quantities import LOSS
from scalejax.vocabulary import argument

DEFAULT = "chinchilla"
"""The law of parameters and tokens."""

_SIZES = ("N", "D", "C")


@dataclass(frozen=True)
class LawChoice:
    """A law that was taken because none was named.

    Attributes:
        name: Its name in the registry.
        reason: What of the table made it the law, in words.
    """

    name: str
    reason: str

    @property
    def note(self) -> str:
        """The choice in one line."""
        return f"law {self.name}, {formula_of(LAWS[self.name])}: {self.reason}"


def formula_of(law: Law) -> str:
    """What a law says in one line, without its source."""
    return law.about.split(" (")[0].rstrip(".").removeprefix("Loss ")


def law_of_inputs(
    present: Collection[str],
    constant: Collection[str] = (),
    source: str = "the data",
    large: Sequence[str] = (),
) -> LawChoice:
    """The law of a table that has these quantities.

    Args:
        present: Symbols of the quantities that the table has, the response among them.
        constant: Those of them that have one value in all rows.
        source: What to call the table in an error.
        large: Other columns that may be a size or compute by their values.

    Returns:
        The law. Where no size is there it is Chinchilla's, so that its inputs are asked for.

    Raises:
        InputError: E303, several laws are equally good, or the table has no loss but a response
            of other laws.
    """
    sizes = [symbol for symbol in _SIZES if symbol in present]
    if LOSS.symbol not in present and (others := _of_other_responses(present)):
        raise _no_loss(others, source)
    if len(sizes) >= 2 or not (sizes or "step" in present):
        have = f"the table has {' and '.join(sizes[:2])}" if sizes else "no size was found"
        return LawChoice(DEFAULT, have)
    if "step" not in present and large:
        raise _another_size(sizes[0], large, source)
    if "step" not in present:
        return LawChoice(f"floor_power_{sizes[0]}", f"of N, D and C the table has {sizes[0]} alone")
    if not sizes or (sizes == ["N"] and "N" in constant):
        return LawChoice("floor_power_step", "of N, D, C and step the table has step alone")
    if sizes == ["N"]:
        raise _steps_of_sizes(source)
    # Tokens and compute say of a run what its steps say, whatever a batch is.
    return LawChoice(f"floor_power_{sizes[0]}", f"{sizes[0]} grows with the steps of a run")


def laws_of_inputs(present: Collection[str]) -> list[Law]:
    """The registered laws whose inputs and response a table has, but for recipes of sizes.

    Args:
        present: Symbols of the quantities that it has; of N, D and C two are all three.
    """
    sizes = {*_SIZES} & {*present}
    known = {*present, *(_SIZES if len(sizes) >= 2 else ())}
    laws = [law for law in LAWS.values() if law.response.symbol not in _SIZES]
    return [law for law in laws if {*law.inputs, law.response.symbol} <= known]


def _of_other_responses(present: Collection[str]) -> list[Law]:
    """The laws of what is no size and no loss."""
    return [
        law
        for law in laws_of_inputs(present)
        if law.response is not LOSS and law.response.symbol not in ("lr", "batch")
    ]


def _no_loss(laws: list[Law], source: str) -> InputError:
    gives = " or ".join(dict.fromkeys(law.response.symbol for law in laws))
    remedies = " or ".join(argument("law", law.name) for law in laws)
    column = argument("columns", {"loss": "..."})
    message = (
        f"there is no column of losses. If {gives} is to be fitted, say {remedies}; if another "
        f"column is the loss, say {column}"
    )
    return InputError([InputProblem("E303", message)], source)


def _another_size(size: str, large: Sequence[str], source: str) -> InputError:
    other = "D" if size == "N" else "N"
    message = (
        f"of N, D and C {size} alone was found by its name, and {', '.join(map(repr, large))} may "
        f"be another by its values: name it, {argument('columns', {other: large[0]})}, or say "
        f"{argument('law', f'floor_power_{size}')} if it is none"
    )
    return InputError([InputProblem("E303", message)], source)


def _steps_of_sizes(source: str) -> InputError:
    size, step = argument("law", "floor_power_N"), argument("law", "floor_power_step")
    message = (
        f"sizes N and steps are there, and no tokens: say {size} if the rows are final losses, "
        f"{step} if they are the curve of one run; for {DEFAULT}, say the tokens of a step, "
        f"{argument('tokens_per_step', '0.5M')}, or name their column, "
        f"{argument('columns', {'D': '...'})}"
    )
    return InputError([InputProblem("E303", message)], source)
