"""`reproduce`: make a saved fit again from its own files and compare all numbers.

The estimate and the resamples are solved anew from ``rows.parquet`` and the settings in
``fit.json``. On the same machine and software they are the same to the last bit.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from scalejax.amounts import NOT_NEGATIVE, fits
from scalejax.documents import DocumentError, read_document
from scalejax.engine import (
    CALLER_WEIGHTS,
    How,
    Resamples,
    Resampling,
    estimate,
    refits,
    weight_resamples,
)
from scalejax.errors import ScalejaxError, UsageError
from scalejax.files import plain
from scalejax.fitting.fit import Fit, load_fit
from scalejax.fitting.make import fit_of
from scalejax.fitting.manifest import FILES, check_manifest, file_entry, saved_with
from scalejax.fitting.manifest import SCHEMA as MANIFEST_SCHEMA
from scalejax.fitting.record import Draws
from scalejax.fitting.storage import MANIFEST
from scalejax.keywords import keywords
from scalejax.laws import Law
from scalejax.objectives import is_saved
from scalejax.resampling import TARGET_KINDS, WEIGHT_KINDS
from scalejax.result import Result
from scalejax.vocabulary import argument


@dataclass(frozen=True, eq=False, repr=False)
class Reproduction(Result):
    """A saved fit and the same fit made again.

    Differences are relative to the larger of the two values.

    Attributes:
        saved: The fit as it was saved.
        again: The fit as it came out now.
        tolerance: Largest difference that counts as the same.
        parameters: Difference of each parameter of the estimate.
        objective: Largest difference of the objective and the noise scale at the estimate, and of
            the objective of each draw.
        draws: Largest difference of each parameter over the draws; empty without draws.
        other_status: How many of the estimate and the draws ended with another status.
        not_remade: Why the draws were not made again, or an empty text.
        changed: What the fit was made with and what it is made with now, where that differs:
            versions of software, platform, device, dtype.
    """

    saved: Fit
    again: Fit
    tolerance: float
    parameters: dict[str, float]
    objective: float
    draws: dict[str, float]
    other_status: int
    not_remade: str
    changed: dict[str, tuple[str, str]]

    @property
    def largest(self) -> float:
        """The largest difference of all."""
        return max([self.objective, *self.parameters.values(), *self.draws.values()])

    @property
    def same(self) -> bool:
        """Whether all that was made again is the same within the tolerance, statuses included."""
        return self.largest <= self.tolerance and not self.other_status

    @property
    def reproduced(self) -> bool:
        """Whether everything was made again, and is the same."""
        return self.same and not self.not_remade

    def to_frame(self) -> pd.DataFrame:
        """Tidy frame of the relative differences: parameter, estimate, draws."""
        return pd.DataFrame(
            {
                "parameter": list(self.parameters),
                "estimate": list(self.parameters.values()),
                "draws": [self.draws.get(name, math.nan) for name in self.parameters],
            }
        )

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain values, for JSON."""
        values: dict[str, Any] = plain(
            {
                "reproduced": self.reproduced,
                "same": self.same,
                "tolerance": self.tolerance,
                "largest": self.largest,
                "parameters": self.parameters,
                "objective": self.objective,
                "draws": self.draws,
                "other_status": self.other_status,
                "not_remade": self.not_remade,
                "changed": {
                    name: {"then": old, "now": new} for name, (old, new) in self.changed.items()
                },
            }
        )
        return values

    def summary(self) -> str:
        """What a person should read."""
        verdict = "reproduced in part" if self.same else "not reproduced"
        lines = [
            f"{'reproduced' if self.reproduced else verdict}: largest relative difference "
            f"{self.largest:.2g}, tolerance {self.tolerance:g}",
            *(f"  {name:<12} {value:.2g}" for name, value in self.parameters.items()),
            f"  {'objective':<12} {self.objective:.2g}",
        ]
        if self.draws:
            worst = max(self.draws, key=lambda name: self.draws[name])
            count = f"{len(self.saved.draws)} draws"
            lines.append(f"  {count:<12} {self.draws[worst]:.2g} (largest, of {worst})")
        if self.other_status:
            lines.append(f"{self.other_status} of the estimate and the draws end differently")
        if self.not_remade:
            lines.append(f"the draws were not made again: {self.not_remade}")
        if self.changed:
            lines.append("other software or another device than the fit was made with:")
            lines += [
                f"  {name}: {old} then, {new} now" for name, (old, new) in self.changed.items()
            ]
            if not self.same:
                lines.append(
                    "these may round differently: for the same bits, use what it was made with"
                )
        return "\n".join(lines)


@keywords(bootstrap="resamples")
def reproduce(
    path: str | Path,
    law: str | Law | None = None,
    *,
    resamples: ArrayLike | None = None,
    tolerance: float = 1e-10,
) -> Reproduction:
    """Make a saved fit again from its own rows and settings, and compare all numbers.

    Args:
        path: The folder of a saved fit, or its ``manifest.json``.
        law: As for `scalejax.load_fit`.
        resamples: The weights (B, n) of the resamples, if you gave them to the fit: they are not
            saved.
        tolerance: Largest relative difference that counts as the same.

    Returns:
        Both fits and their differences.

    Raises:
        ScalejaxError: A file is missing or is not the one that was saved, or the fit holds
            something that is not saved (a penalty, objective or solver of your own).
        LawError: The law is needed, or is not the one that was fitted.
        UsageError: The weights are not those of this fit, or the tolerance is no finite number of
            at least 0.
    """
    if not fits(tolerance, NOT_NEGATIVE):
        raise UsageError(f"the tolerance must be a number of at least 0, not {tolerance!r}.")
    folder = Path(path).parent if Path(path).name == MANIFEST else Path(path)
    manifest = _read_manifest(folder)
    saved = load_fit(folder, law)
    _check_belonging(manifest, saved, folder)
    _check_can_be_made_again(saved)
    weights = None if resamples is None else _checked_weights(resamples, saved)
    not_remade = _not_remade(saved, weights)
    again = _fit_again(saved, weights, draws=not not_remade)
    old, new = saved.draws, again.draws
    has_draws = len(new) > 0
    return Reproduction(
        saved=saved,
        again=again,
        tolerance=tolerance,
        parameters=_differences(saved.params, again.params),
        objective=max(
            _difference(saved.objective_value, again.objective_value),
            _difference(saved.noise_scale or 0.0, again.noise_scale or 0.0),
            _difference(old.objective, new.objective) if has_draws else 0.0,
        ),
        draws=_differences(old.parameters, new.parameters) if has_draws else {},
        other_status=int(saved.status != again.status)
        + (int(np.sum(old.status != new.status)) if has_draws else 0),
        not_remade=not_remade,
        changed=_changed(manifest, again),
    )


def _differences(
    first: Mapping[str, ArrayLike], second: Mapping[str, ArrayLike]
) -> dict[str, float]:
    return {name: _difference(values, second[name]) for name, values in first.items()}


def _difference(first: ArrayLike, second: ArrayLike) -> float:
    """Largest difference relative to the larger size; infinite where only one is a number."""
    a, b = np.asarray(first, np.float64), np.asarray(second, np.float64)
    with np.errstate(all="ignore"):
        relative = np.abs(a - b) / np.maximum(np.abs(a), np.abs(b))
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    relative = np.where(same, 0.0, np.where(np.isfinite(relative), relative, math.inf))
    return float(np.max(relative, initial=0.0))


def _changed(manifest: Mapping[str, Any], again: Fit) -> dict[str, tuple[str, str]]:
    before = {**manifest["fitted_with"], **manifest["saved_with"]}
    now = {**again.versions, **saved_with()}
    return {
        name: (old, now.get(name, "none")) for name, old in before.items() if old != now.get(name)
    }


def _fit_again(fit: Fit, weights: Resamples | None, *, draws: bool) -> Fit:
    """The fit made again from its rows and settings alone; without `draws` only the estimate."""
    settings, kind, count = fit.settings, _kind(fit), len(fit.draws)
    how = How(max_steps=settings["max_steps"], seed=settings["seed"])
    scheme = Resampling(kind, count, settings["noise"], weights)
    problem, point = estimate(fit.problem, how, scheme)
    again = (
        Draws.of(refits(problem, how, point, scheme)) if count and draws else Draws.none(fit.law)
    )
    return fit_of(problem, how, settings, point, 0, again)


def _kind(fit: Fit) -> str:
    """The kind of resampling: the method without the prefix that says that clusters were drawn."""
    return fit.draws.method.removeprefix("cluster ")


def _checked_weights(resamples: ArrayLike, fit: Fit) -> Resamples:
    """The weights of the caller's own resamples.

    Raises:
        UsageError: The fit has no such resamples, or not so many.
    """
    if _kind(fit) != CALLER_WEIGHTS:
        raise UsageError(
            f"{argument('resamples')} is for a fit whose resamples were given as weights; "
            "these are made again "
            f"from the seed ({fit.draws.method})."
        )
    weights = weight_resamples(resamples, fit.table)
    if weights.count != len(fit.draws):
        raise UsageError(
            f"the fit has {len(fit.draws)} resamples, {argument('resamples')} {weights.count}."
        )
    return weights


def _not_remade(fit: Fit, weights: Resamples | None) -> str:
    if not len(fit.draws) or weights or _kind(fit) in (*WEIGHT_KINDS, *TARGET_KINDS):
        return ""
    if _kind(fit) == CALLER_WEIGHTS:
        return (
            "their weights were given by the caller and are not saved; pass them as "
            f"{argument('resamples')}"
        )
    return f"they are of another kind ({fit.draws.method})"


def _check_belonging(manifest: Mapping[str, Any], fit: Fit, folder: Path) -> None:
    same_rows = manifest["data"]["fingerprint"] == fit.table.fingerprint
    if not same_rows or manifest["fitted_with"] != fit.versions:
        raise ScalejaxError(f"{folder / MANIFEST} is not the manifest of the fit beside it.")


def _check_can_be_made_again(fit: Fit) -> None:
    solver = fit.settings["solver"]
    missing = []
    if fit.settings["penalty"]:
        missing.append("a penalty of your own")
    if not is_saved(fit.objective):
        missing.append(f"an objective of your own ({fit.objective.name})")
    if solver != "damped_newton":
        missing.append(f"a solver other than ours ({solver})")
    if missing:
        raise ScalejaxError(
            f"the fit cannot be made again from its files, which do not hold "
            f"{' and '.join(missing)}: fit again with it, and compare."
        )


def _read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a folder whose files are those that were saved."""
    path = folder / MANIFEST
    if not path.is_file():
        raise ScalejaxError(f"{folder} cannot be reproduced: there is no {MANIFEST} in it.")
    try:
        manifest = read_document(path, file_names=True)
    except (OSError, DocumentError) as error:
        raise ScalejaxError(f"{path} cannot be read: {error}") from error
    schema = manifest.get("schema") if isinstance(manifest, dict) else None
    if isinstance(schema, int) and schema > MANIFEST_SCHEMA:
        raise ScalejaxError(
            f"{path} was written by a newer scalejax (schema {schema}, this one reads up to "
            f"{MANIFEST_SCHEMA}): upgrade scalejax."
        )
    problems = check_manifest(manifest)
    for name in FILES if not problems else ():
        try:
            if file_entry(folder / name) != manifest["files"][name]:
                problems.append(f"{name} is not the file that was saved")
        except OSError as error:
            problems.append(f"{name} cannot be read ({error.strerror})")
    if problems:
        raise ScalejaxError(f"{path} or what lies beside it is damaged: {'; '.join(problems)}.")
    return manifest
