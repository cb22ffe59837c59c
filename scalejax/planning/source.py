"""Where a plan's law comes from: a fit, a published set, or parameters that are given."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import jax
import numpy as np

from scalejax._arrays import Floats
from scalejax.engine import CovarianceKind
from scalejax.errors import UsageError
from scalejax.fitting import MOST_FAILED, Fit, default_kind
from scalejax.laws import (
    LAWS,
    Law,
    PublishedSet,
    chinchilla,
    chinchilla_tied,
    data_constrained,
    find_law,
)
from scalejax.vocabulary import argument, did_you_mean

_DRAWS = 2000
_REPETITION = "muennighoff2023-repetition"
_REPEATING = ("chinchilla", "chinchilla_tied")


@dataclass(frozen=True)
class Source:
    """A law with its parameters and what is known of their error.

    Attributes:
        law: The law.
        params: Its parameters.
        label: Where they come from, for people.
        fit: The fit, if it was one.
        published: The published set, if it was one.
        added: Parameters that the law has and the fit has not.
    """

    law: Law
    params: Mapping[str, float]
    label: str
    fit: Fit | None = None
    published: PublishedSet | None = None
    added: Mapping[str, float] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The law and its published set, as `source_of` reads them."""
        law = chinchilla if self.added and self.law is data_constrained else self.law
        if self.published is None:
            return law.name
        id = self.published.id
        holders = (one for one in (law, *LAWS.values()) if one.published.get(id) is self.published)
        return f"{next(holders).name}/{id}"

    def repeating(self) -> "Source":
        """The same for data that are seen again: Chinchilla's law with the published decay.

        Raises:
            UsageError: The law is another.
        """
        if self.law.name not in _REPEATING:
            raise UsageError(
                f"{argument('unique_tokens')} is for the laws {' and '.join(_REPEATING)}, "
                f"not {self.law.name}."
            )
        chosen = data_constrained.published[_REPETITION]
        added = {name: chosen[name] for name in ("R_D", "R_N")}
        label = f"{self.label}; repetition as in arXiv:2305.16264"
        params = {"beta": self.params["alpha"], **self.params, **added}
        return replace(self, law=data_constrained, params=params, label=label, added=added)

    def draws(self) -> tuple[dict[str, Floats], str]:
        """Draws of the parameters, (B,) each, and how they were made; none for published sets."""
        found, method = self._fitted_draws()
        if not found:
            return {}, ""
        count = len(next(iter(found.values())))
        if "beta" in self.law.parameters:
            found.setdefault("beta", found["alpha"])
        return {**found, **{name: np.full(count, x) for name, x in self.added.items()}}, method

    def _fitted_draws(self) -> tuple[dict[str, Floats], str]:
        """Draws of what was fitted.

        A fit without usable resamples has normal draws from its covariance, in the coordinates of
        the fit.
        """
        fit = self.fit
        if fit is None:
            return {}, ""
        if default_kind(fit) == "percentile":
            usable = fit.draws.usable
            if not usable.any() or np.mean(~usable) > MOST_FAILED:
                return {}, ""
            return fit.draws.arrays(), f"{int(usable.sum())} {fit.draws.method} resamples"
        return self._normal_draws(fit), f"{_DRAWS} draws from the covariance"

    def covariance(self) -> tuple[tuple[str, ...], Floats] | None:
        """Names and covariance of the fitted parameters, for the delta method."""
        if self.fit is None:
            return None
        cov = self.fit.cov
        matrix = cov.to_numpy(np.float64)
        return (tuple(map(str, cov.columns)), matrix) if np.isfinite(matrix).all() else None

    def _normal_draws(self, fit: Fit) -> dict[str, Floats]:
        problem, linear = fit.problem, fit.asymptotics
        kind: CovarianceKind = "wald" if fit.table.cluster is None else "sandwich"
        covariance = linear.covariance(kind)
        size = len(linear.names)
        centre = np.asarray(problem.coordinates(fit.params, fit.noise_scale))[:size]
        generator = np.random.default_rng(fit.settings.get("seed", 0))
        points = generator.multivariate_normal(centre, covariance[:size, :size], _DRAWS)
        with jax.enable_x64(True):
            made = jax.vmap(lambda u: problem.model.parameters(u, dict(problem.fixed)))(points)
        return {
            name: np.broadcast_to(np.asarray(values, np.float64), _DRAWS)
            for name, values in made.items()
            if name in fit.law.parameters
        }


def source_of(given: Fit | Law | str, parameters: Mapping[str, float] | None = None) -> Source:
    """A source from what users have.

    Args:
        given: A fit; a law or its name, with `parameters`; or the identifier of a published set,
            ``"besiroglu2024"`` or, where several laws have one of that name, ``"law/set"``.
        parameters: Parameters of the law.

    Raises:
        UsageError: Nothing of that name is published, or parameters are missing.
    """
    from scalejax.fitting import Fit

    if isinstance(given, Fit):
        return Source(given.law, given.params, f"fit of {given.law.name}", fit=given)
    if parameters is not None:
        law = find_law(given)
        if set(parameters) != set(law.parameters):
            raise UsageError(f"{law.name} has the parameters {', '.join(law.parameters)}.")
        return Source(law, dict(parameters), f"{law.name} with given parameters")
    if isinstance(given, Law):
        raise UsageError(
            f"a law needs its parameters: {argument('parameters')} or a published set."
        )
    law, chosen = published_set(given)
    return Source(law, dict(chosen), f"{law.name}, {chosen.id} ({chosen.source})", published=chosen)


def published_set(name: str) -> tuple[Law, PublishedSet]:
    """The published set of a name, with its law.

    Raises:
        UsageError: There is none, or several laws have one.
    """
    wanted_law, _, wanted = name.rpartition("/")
    found = [
        (law, law.published[wanted])
        for law in LAWS.values()
        if wanted in law.published and wanted_law in ("", law.name)
    ]
    named = [pair for pair in found if pair[0].name == wanted]
    if len(found) > 1 and not named:
        choices = ", ".join(f"{law.name}/{wanted}" for law, _ in found)
        raise UsageError(f"several laws have a set {wanted!r}: say {choices}.")
    if not found:
        sets = sorted({id for law in LAWS.values() for id in law.published})
        near = did_you_mean(wanted, sets) or f"; there are {', '.join(sets)}."
        raise UsageError(f"there is no published set {name!r}{near}")
    return named[0] if named else found[0]


def published_sources(like: Source) -> list[Source]:
    """All published sets that can be compared with a source, of laws of its inputs and response.

    A law with tied exponents is given as Chinchilla's, and all of them as laws of repeated data if
    that one is: few laws compile quickly.
    """
    repeats = like.law is data_constrained and bool(like.added)
    wanted = {"N", "D"} if repeats else set(like.law.inputs)
    found = []
    for law in LAWS.values():
        if law.response is not like.law.response or set(law.inputs) != wanted:
            continue
        if repeats and law.name not in _REPEATING:
            continue
        for chosen in law.published.values():
            if chosen.coarse or not chosen.verified:
                continue
            one = Source(law, dict(chosen), chosen.id, published=chosen)
            if repeats:
                one = one.repeating()
            elif law is chinchilla_tied:
                one = replace(one, law=chinchilla, params={**chosen, "beta": chosen["alpha"]})
            found.append(one)
    return found
