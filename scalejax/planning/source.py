"""`Source`: a law with its parameters, from a fit, a published set or the user, and their draws."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import jax
import numpy as np

from scalejax._arrays import Floats
from scalejax.compute import SIX_N_D, Compute, clear_compute
from scalejax.engine import CovarianceKind
from scalejax.errors import UsageError
from scalejax.fitting import MOST_FAILED, Caveat, Fit, about_backtest, default_kind
from scalejax.forecasting import Forecast
from scalejax.laws import (
    LAWS,
    NOT_KNOWN,
    Law,
    PublishedSet,
    Sizes,
    as_counted,
    chinchilla,
    chinchilla_tied,
    data_constrained,
    find_law,
    kumar2024,
)
from scalejax.planning.measures import PRECISION_INPUTS
from scalejax.quantities import LOSS
from scalejax.scope import own_settings
from scalejax.vocabulary import argument, did_you_mean

_DRAWS = 2000
"""Normal draws for a fit without resamples: 50 beyond each end of a 95 % interval."""
_REPETITION = "muennighoff2023-repetition"
_GRAFTED = ("chinchilla", "chinchilla_tied")
"""Laws onto which published repetition and published bits are grafted."""


@dataclass(frozen=True)
class Source:
    """A law with its parameters, and their draws if it is a fit.

    Attributes:
        law: The law.
        params: Its parameters.
        label: Where they come from, for people.
        fit: The fit, if it was one.
        published: The published set, if it was one.
        added: Parameters of the law that the fit lacks; they are published values.
        forecast: The forecast of one family, if it was one.
        compute: What a run costs; None where the runs leave it open.
        said: What the question says of the sizes that N counts.
    """

    law: Law
    params: Mapping[str, float]
    label: str
    fit: Fit | None = None
    published: PublishedSet | None = None
    added: Mapping[str, float] = field(default_factory=dict)
    forecast: Forecast | None = None
    compute: Compute | None = SIX_N_D
    said: Sizes = NOT_KNOWN

    @property
    def sizes(self) -> Sizes:
        """Active and total parameters of what N counts."""
        own = self.law.sizes_of(self.published)
        return Sizes(self.said.active or own.active, self.said.total or own.total)

    @property
    def clear_compute(self) -> Compute:
        """What a run costs, as a function of active parameters and tokens.

        Raises:
            UsageError: The runs leave it open, or have it as a function of another N.
        """
        compute = clear_compute(self.compute)
        if compute != SIX_N_D and self.sizes.active is not as_counted:
            raise UsageError(
                f"the runs say C = {compute}, and their N are not the active parameters: say what "
                f"a token costs, {argument('flop_per_token', '6N')} for 6 FLOP of each active one."
            )
        return compute

    @property
    def from_runs(self) -> bool:
        """Whether runs are behind it, and not a published set or given parameters."""
        return self.fit is not None or self.forecast is not None

    @property
    def unit(self) -> str:
        """Unit of the losses: that of the runs, else that of the law; empty if unknown."""
        if self.forecast is not None:
            return self.forecast.unit
        return self.law.response.unit if self.fit is None else self.fit.table.unit

    def own_unit(self, unit: str) -> str:
        """A unit of a measure, where a loss is in that of the runs."""
        return self.unit if unit == LOSS.unit else unit

    @property
    def backtest(self) -> Caveat | None:
        """How the largest runs were forecast from the rest, if it is a forecast."""
        return None if self.forecast is None else about_backtest(self.forecast)

    @property
    def name(self) -> str:
        """The law and its published set, as `source_of` reads them."""
        law = chinchilla if self.added else self.law
        if self.published is None:
            return law.name
        id = self.published.id
        holders = (one for one in (law, *LAWS.values()) if one.published.get(id) is self.published)
        return f"{next(holders).name}/{id}"

    def repeating(self) -> "Source":
        """The same law for repeated data, with the decay of Muennighoff et al. (arXiv:2305.16264).

        Raises:
            UsageError: The law is another.
        """
        if "U" in self.law.inputs:
            return self
        published = data_constrained.published[_REPETITION]
        return self._grafted(data_constrained, published, "unique_tokens", "repetition")

    def in_formats(self) -> "Source":
        """The same law with bits, of the sensitivities of Kumar et al. (arXiv:2411.04330).

        Raises:
            UsageError: The law is another.
        """
        if set(PRECISION_INPUTS) & set(self.law.inputs):
            return self
        return self._grafted(kumar2024, kumar2024.published["kumar2024"], "precisions", "bits")

    def _grafted(self, law: Law, published: PublishedSet, keyword: str, what: str) -> "Source":
        """A law that becomes this one in a limit, with published values of what it has besides."""
        if self.law.name not in _GRAFTED:
            raise UsageError(
                f"{argument(keyword)} is for laws of {what}, and for the laws "
                f"{' and '.join(_GRAFTED)}, onto which published {what} can be grafted, not "
                f"{self.law.name}."
            )
        names = [name for name in law.parameters if name not in chinchilla.parameters]
        added = {name: published[name] for name in names}
        label = f"{self.label}; {what} as in {published.source.partition(',')[0].split()[0]}"
        params = {"beta": self.params["alpha"], **self.params, **added}
        return replace(self, law=law, params=params, label=label, added=added)

    def draws(self) -> tuple[dict[str, Floats], str]:
        """Draws of the parameters, (B,) each, and how they arose; empty for published sets."""
        draws, method = self._fitted_draws()
        if not draws:
            return {}, ""
        count = len(next(iter(draws.values())))
        if "beta" in self.law.parameters:
            draws.setdefault("beta", draws["alpha"])
        return {**draws, **{name: np.full(count, x) for name, x in self.added.items()}}, method

    def _fitted_draws(self) -> tuple[dict[str, Floats], str]:
        """Draws of the fitted parameters.

        A fit without resamples has normal draws from its covariance, in the coordinates of the fit,
        and none if the runs leave a parameter open, or if nothing was fitted.
        """
        fit = self.fit
        if self.forecast is not None:
            (posterior,) = self.forecast.draws.values()
            count = len(next(iter(posterior.values())))
            return dict(posterior), f"{count} draws of a forecast's posterior"
        if fit is None:
            return {}, ""
        if default_kind(fit) == "percentile":
            usable = fit.draws.usable
            if not usable.any() or np.mean(~usable) > MOST_FAILED:
                return {}, ""
            return fit.draws.arrays(), f"{int(usable.sum())} {fit.draws.method} resamples"
        draws = self._normal_draws(fit)
        return draws, f"{_DRAWS} draws from the covariance" * bool(draws)

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
        size = len(linear.names)
        covariance = linear.covariance(kind)
        # What lies on a bound stays there.
        covariance[linear.held, :] = covariance[:, linear.held] = 0.0
        if not size or not np.all(np.isfinite(covariance)):
            return {}
        centre = np.asarray(problem.coordinates(fit.params, fit.noise_scale))[:size]
        generator = np.random.default_rng(fit.settings.get("seed", 0))
        points = generator.multivariate_normal(centre, covariance, _DRAWS)
        with own_settings():
            draws = jax.vmap(lambda u: problem.model.parameters(u, dict(problem.fixed)))(points)
        return {
            name: np.broadcast_to(np.asarray(values, np.float64), _DRAWS)
            for name, values in draws.items()
            if name in fit.law.parameters
        }


def source_of(
    source: Fit | Forecast | Law | str, parameters: Mapping[str, float] | None = None
) -> Source:
    """The source of a fit, a forecast, a law with parameters, or a published set.

    Args:
        source: A fit; a forecast of one family; a law or its name, with `parameters`; or the
            identifier of a published set, ``"besiroglu2024"`` or, where several laws have one of
            that name, ``"law/set"``.
        parameters: Parameters of the law.

    Raises:
        UsageError: Nothing of that name is published, or parameters are missing.
    """
    from scalejax.fitting import Fit

    if isinstance(source, Fit):
        label = f"fit of {source.law.name}"
        return Source(source.law, source.params, label, fit=source, compute=source.table.compute)
    if isinstance(source, Forecast):
        if len(source.params) > 1:
            raise UsageError(
                f"the forecast has {len(source.params)} families ({', '.join(source.params)}): "
                "take one of them by its family()."
            )
        ((name, params),) = source.params.items()
        label = f"forecast with {source.law.name} inside{f' of {name}' if name else ''}"
        compute = source.compute[name]
        return Source(source.law, params, label, forecast=source, compute=compute)
    if parameters is not None:
        law = find_law(source)
        if set(parameters) != set(law.parameters):
            raise UsageError(f"{law.name} has the parameters {', '.join(law.parameters)}.")
        return Source(law, dict(parameters), f"{law.name} with given parameters")
    if isinstance(source, Law):
        raise UsageError(
            f"a law needs its parameters: {argument('parameters')} or a published set."
        )
    law, published = published_set(source)
    return Source(
        law,
        dict(published),
        f"{law.name}, {published.id} ({published.source})",
        published=published,
    )


def published_set(name: str) -> tuple[Law, PublishedSet]:
    """The published set of a name, with its law.

    Raises:
        UsageError: There is none, or several laws have one.
    """
    law_name, _, set_name = name.rpartition("/")
    pairs = [
        (law, law.published[set_name])
        for law in LAWS.values()
        if set_name in law.published and law_name in ("", law.name)
    ]
    own = [pair for pair in pairs if pair[0].name == set_name]
    if len(pairs) > 1 and not own:
        choices = ", ".join(f"{law.name}/{set_name}" for law, _ in pairs)
        raise UsageError(f"several laws have a set {set_name!r}: say {choices}.")
    if not pairs:
        sets = sorted({id for law in LAWS.values() for id in law.published})
        near = did_you_mean(set_name, sets) or f"; there are {', '.join(sets)}."
        raise UsageError(f"there is no published set {name!r}{near}")
    return own[0] if own else pairs[0]


def published_sources(like: Source) -> list[Source]:
    """All published sets that can be compared with a source, of laws of its inputs and response.

    Sets with tied exponents are returned as sets of Chinchilla's law, and if the source is a law of
    repeated data all are: few laws compile quickly.
    """
    repeats = like.law is data_constrained and bool(like.added)
    wanted = {"N", "D"} if repeats else set(like.law.inputs)
    sources = []
    for law in LAWS.values():
        if law.response is not like.law.response or set(law.inputs) != wanted:
            continue
        if repeats and law.name not in _GRAFTED:
            continue
        for published in law.published.values():
            if published.coarse or not published.verified:
                continue
            source = Source(law, dict(published), published.id, published=published)
            if source.sizes.active is None:
                continue
            if repeats:
                source = source.repeating()
            elif law is chinchilla_tied:
                source = replace(
                    source, law=chinchilla, params={**published, "beta": published["alpha"]}
                )
            sources.append(source)
    return sources
