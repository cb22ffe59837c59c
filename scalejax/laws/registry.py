"""Laws by name: ours, and a user's own from a module or a file.

`find_law("chinchilla")` gives one of ours; `find_law("mymodule:mylaw")` imports a module;
`find_law("laws.py:mylaw")` loads a file; `find_law("formula: E + A/N**alpha")` reads a formula,
which runs no code. A user's law is used exactly like ours everywhere.
"""

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from scalejax.errors import LawError
from scalejax.laws.breaks import BROKEN_LAWS, m3, m4
from scalejax.laws.chinchilla import chinchilla, chinchilla_tied, outer_exponent, quanta
from scalejax.laws.distillation import busbridge2025
from scalejax.laws.distributed import diloco2025
from scalejax.laws.downstream import ladder, logistic_C
from scalejax.laws.farseer import farseer
from scalejax.laws.formats import compressed, ouyang2024, qat_degradation, sun2025
from scalejax.laws.formula import PREFIX, formula_law
from scalejax.laws.inference import INFERENCE_LAWS
from scalejax.laws.kaplan import kaplan, kaplan_steps
from scalejax.laws.kumar import kumar2024, kumar2024_ptq, kumar2024_unified
from scalejax.laws.law import Law
from scalejax.laws.mixtures import mixture_5
from scalejax.laws.overtraining import error_of_loss, gadre2024
from scalejax.laws.power import POWER_LAWS
from scalejax.laws.progress import density_trend
from scalejax.laws.recipes import RECIPES
from scalejax.laws.repetition import data_constrained
from scalejax.laws.rosenfeld import rosenfeld2019
from scalejax.laws.routed import ROUTED_LAWS
from scalejax.laws.sparsity import frantar2023
from scalejax.laws.transfer import TRANSFER_LAWS
from scalejax.laws.vocabulary import tao2024
from scalejax.vocabulary import did_you_mean

LAWS: dict[str, Law] = {
    law.name: law
    for law in (
        *(chinchilla, chinchilla_tied, outer_exponent, quanta, farseer, rosenfeld2019),
        *(kaplan, kaplan_steps),
        *POWER_LAWS,
        *(m3, m4, *BROKEN_LAWS),
        *(kumar2024, kumar2024_ptq, kumar2024_unified),
        *(sun2025, qat_degradation, ouyang2024, compressed),
        *(data_constrained, gadre2024),
        *(error_of_loss, ladder, logistic_C),
        *(*ROUTED_LAWS, frantar2023, tao2024, mixture_5, busbridge2025, diloco2025),
        *(*RECIPES, *TRANSFER_LAWS, *INFERENCE_LAWS, density_trend),
    )
}
"""All laws of the package by name."""

ALIASES = {"skaling": "outer_exponent"}
"""Other names of laws, which are found by them."""


def find_law(law: str | Law) -> Law:
    """The law of a name; a `Law` is returned as it is.

    Args:
        law: A `Law`, a registered name, another name of one (`ALIASES`), ``module:name``,
            ``file.py:name``, or a formula such as ``"formula: E + A/N**alpha"``, see
            `scalejax.laws.formula`.

    Raises:
        LawError: Nothing of that name exists, it is not a law, or the formula is not allowed.
    """
    if isinstance(law, Law):
        return law
    if not isinstance(law, str):
        raise LawError(
            f"{law!r} is not a law: decorate the function with @scalejax.law, or give a name."
        )
    if not law.strip():
        raise LawError("The name of the law is empty; scalejax.LAWS has all.")
    law = ALIASES.get(law, law)
    if law in LAWS:
        return LAWS[law]
    if law.startswith(PREFIX):
        return formula_law(law.removeprefix(PREFIX))
    place, separator, attribute = law.rpartition(":")
    if not separator:
        near = did_you_mean(law, [*LAWS, *ALIASES]) or "; scalejax.LAWS has all."
        raise LawError(
            f"There is no law named {law!r}{near} A law of your own is given as module:name, "
            "file.py:name or formula: TEXT."
        )
    candidate = getattr(_import(place), attribute, None)
    if not isinstance(candidate, Law):
        what = "has no such name" if candidate is None else "is not a law: decorate it with @law"
        raise LawError(f"{law!r}: {attribute!r} in {place!r} {what}.")
    return candidate


def _import(place: str) -> ModuleType:
    try:
        if not place.endswith(".py"):
            return importlib.import_module(place)
        path = Path(place)
        if not path.is_file():
            raise LawError(f"There is no file {place!r} to load a law from.")
        spec = importlib.util.spec_from_file_location(f"_scalejax_law_{path.stem}", path)
        if spec is None or spec.loader is None:
            raise LawError(f"{place!r} cannot be loaded as Python.")
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
        return module
    except LawError:
        raise
    except Exception as error:  # a module may raise anything while it is imported
        raise LawError(f"{place!r} cannot be imported: {type(error).__name__}: {error}") from error
