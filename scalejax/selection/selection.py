"""`Selection`: laws compared on the same runs, as frames of numbers and as words."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from scalejax.files import plain
from scalejax.forecasting import At
from scalejax.result import Result
from scalejax.selection.prediction import curves_of, forecast_of
from scalejax.selection.ranking import ranking_of
from scalejax.selection.record import SelectionRecord
from scalejax.selection.summary import summarise


class Selection(SelectionRecord, Result):
    """Laws compared on the same runs; its numbers are those of `SelectionRecord`."""

    @property
    def failed(self) -> dict[str, str]:
        """The laws without a rank, with the reason."""
        ranking = self.ranking()
        unranked = ranking.loc[ranking["rank"].isna(), "note"]
        return {str(name): str(note) for name, note in unranked.items()}

    def errors(self) -> pd.DataFrame:
        """Every held-out prediction: law, fold, row, distance (decades), predicted error, density.

        Returns:
            One row per law, fold and held-out run; ``error`` is prediction / observation - 1 of the
            plain fit, NaN where it ended in no minimum, ``are`` its absolute value, and
            ``log_density`` that of ln loss under the forecast with the law inside.
        """
        frames = []
        for candidate in self.candidates:
            name = candidate.law.name
            for place, fold in enumerate(self.folds):
                none = np.full(self.table.n_rows, np.nan)
                error = self.relative[name][place, 0] if name in self.relative else none
                density = none if candidate.density is None else candidate.density[place]
                frames.append(
                    pd.DataFrame(
                        {
                            "law": name,
                            "fold": fold.name,
                            "row": self.table.row[fold.test],
                            self.axis: self.size[fold.test],
                            "decades_beyond": fold.distance[fold.test],
                            "error": error[fold.test],
                            "are": np.abs(error[fold.test]),
                            "log_density": density[fold.test],
                        }
                    )
                )
        return pd.concat(frames, ignore_index=True)

    def ranking(self, level: float = 0.95) -> pd.DataFrame:
        """All laws by the criterion, the best first, and last those that could not be ranked.

        Args:
            level: Probability of the intervals.

        Returns:
            Indexed by law: rank (NaN without one), weight (share in the mixture of forecasts that
            gives most to what was held out), log_density (mean over held-out runs of the ln density
            of ln loss under the forecast with the law inside), behind (difference to the best in
            the criterion), behind_lo, behind_hi (from common resamples of the runs), best_in (share
            of the resamples in which it is the best), tied (whether the interval of the difference
            holds zero, or log densities differ by less than a tenth), are (mean absolute relative
            error of the plain fits, over the folds in which every law has one), are_lo, are_hi,
            converged (share of the refits), aic, aicc, bic, note (why a plain fit failed and where,
            or why there is no rank) and delta_aicc.
        """
        return ranking_of(self, level)

    def weights(self, level: float = 0.95) -> dict[str, float]:
        """Share of each law in the average, those with any: ``weight`` of the ranking."""
        weights = self.ranking(level)["weight"]
        return {str(name): float(value) for name, value in weights[weights > 0].items()}

    def predict(
        self, inputs: pd.DataFrame | Mapping[str, ArrayLike], level: float = 0.95
    ) -> pd.DataFrame:
        """Curves of the plain fits of every law with a weight or tied, and of their average.

        `forecast` is for the loss of a new run: its intervals hold more of them.

        Args:
            inputs: The inputs of all these laws by name; scalars broadcast.
            level: Probability of the intervals.

        Returns:
            One row per point and law, and per point one of law ``"average"``: point (from 0), the
            inputs, law, weight, loss, curve_lo and curve_hi. Intervals are of the curve: a new run
            adds its noise.

        Raises:
            UsageError: An input is missing, there are too few resamples for intervals, or no law
                with a weight has a plain fit.
        """
        return curves_of(self, self._weights_shown(level), inputs, level)

    def forecast(self, at: At, level: float = 0.95) -> pd.DataFrame:
        """Losses of new runs: the forecast with every law with a weight or tied, and stacked.

        Args:
            at: The runs to come, as for `scalejax.forecast`.
            level: Probability of the intervals.

        Returns:
            One row per point and law, and per point one of law ``"stacked"``, the mixture: point
            (from 0), the inputs, law, weight, loss, lo, hi (of a new run) and decades_beyond, along
            the axis. Beyond `tested` decades nothing was tested.

        Raises:
            UsageError: An input is missing, or no law has a forecast.
        """
        return forecast_of(self, self._weights_shown(level), at, level)

    def _weights_shown(self, level: float) -> dict[str, float]:
        """Weights of the laws that predictions show: with a weight, or tied with the best."""
        ranking = self.ranking(level)
        shown = ranking.loc[(ranking["weight"] > 0) | ranking["tied"], "weight"]
        return {str(name): float(weight) for name, weight in shown.items()}

    def to_frame(self, level: float = 0.95) -> pd.DataFrame:
        """Tidy frame, one row per law: what `ranking` gives."""
        return self.ranking(level).reset_index()

    def to_dict(self, level: float = 0.95) -> dict[str, Any]:
        """All of it as plain values, for JSON."""
        values: dict[str, Any] = plain(
            {
                "headline": self.headline,
                "criterion": self.criterion,
                "ranking": self.to_frame(level).to_dict("records"),
                "failed": self.failed,
                "weights": self.weights(level),
                "axis": self.axis,
                "folds": [fold.name for fold in self.folds],
                "tested": self.tested,
                "notes": self.notes,
                "resamples": len(self.multipliers) - 1,
                "seed": self.seed,
            }
        )
        return values

    def summary(self, level: float = 0.95) -> str:
        """What a person should read: the verdict first, then the numbers."""
        return summarise(self, self.ranking(level), level)
