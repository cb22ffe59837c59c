"""`Isoflop`: the minima of parabolas, the true optima of a law, and the bias between them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from scalejax.compute import SIX_N_D, Compute
from scalejax.isoflop.optimum import law_losses, true_optimum
from scalejax.laws import Law
from scalejax.result import Result


@dataclass(frozen=True, eq=False, repr=False)
class Isoflop(Result):
    """Approach 2 of arXiv:2203.15556 on one table, compared with a law.

    Attributes:
        law: The law that the parabolas are compared with.
        params: Its parameters.
        along: The input whose logarithm is the axis of the parabolas, N or D.
        runs: The runs of the budgets: row, C (of the budget, FLOP), N, D, loss, weight.
        minima: One row per budget: C, runs; N, D, loss and curvature (second derivative of the
            loss in the logarithm) at the minimum of the parabola, NaN where it opens downwards;
            inside, whether the minimum lies among the runs; N_noise_free and D_noise_free, what
            the parabola of the law's own losses at the same points gives; N_law, D_law, loss_law,
            the true optimum of the law; N_bias_percent, D_bias_percent, of noise-free against true.
        left_out: Number of runs whose compute few other runs share.
        compute: What a run costs, as a function of N and D.
    """

    law: Law
    params: dict[str, float]
    along: str
    runs: pd.DataFrame
    minima: pd.DataFrame
    left_out: int
    compute: Compute = SIX_N_D

    @property
    def exponents(self) -> dict[str, float]:
        """Exponents of N* ~ C^a and D* ~ C^b, through the minima inside the runs; NaN below two."""
        return {name: self._line(name, name)[0] for name in ("N", "D")}

    @property
    def exponents_noise_free(self) -> dict[str, float]:
        """The same for the law's own losses at the same points."""
        return {name: self._line(name, f"{name}_noise_free")[0] for name in ("N", "D")}

    @property
    def exponents_law(self) -> dict[str, float]:
        """The same through the true optima of the law."""
        return {name: self._line(name, f"{name}_law")[0] for name in ("N", "D")}

    def at(self, compute: ArrayLike) -> pd.DataFrame:
        """Extrapolate the power laws through the minima to other budgets.

        Args:
            compute: Budgets, FLOP.

        Returns:
            One row per budget, with the columns of `minima` that apply.
        """
        budgets = np.atleast_1d(np.asarray(compute, np.float64))
        columns: dict[str, Any] = {"C": budgets}
        for suffix in ("", "_noise_free"):
            for name in ("N", "D"):
                slope, intercept = self._line(name, name + suffix)
                columns[name + suffix] = np.exp(intercept + slope * np.log(budgets))
        return pd.DataFrame(with_bias(columns, self.law, self.params, self.compute))

    def slices(self, points: int = 100) -> pd.DataFrame:
        """The parabola and the law over the runs of each budget: C, N, D, parabola, law."""
        frames = [pd.DataFrame(columns=["C", "N", "D", "parabola", "law"], dtype=np.float64)]
        for best in self.minima.to_dict("records"):
            values = self.runs.loc[self.runs["C"] == best["C"], self.along]
            x = np.geomspace(values.min(), values.max(), points)
            n, d = run_of(self.along, x, best["C"], self.compute)
            offset = np.log(x / best[self.along])
            columns = {
                "C": np.full(points, best["C"]),
                "N": n,
                "D": d,
                "parabola": best["loss"] + 0.5 * best["curvature"] * offset**2,
                "law": law_losses(self.law, self.params, n, d),
            }
            frames.append(pd.DataFrame(columns))
        return pd.concat(frames[1:] or frames, ignore_index=True)

    @property
    def headline(self) -> str:
        """The exponents of the parabolas and of the law in one line."""
        return (
            f"isoFLOP on {len(self.minima)} budgets: N* ~ C^{self.exponents['N']:.3f} by "
            f"parabolas, C^{self.exponents_law['N']:.3f} of {self.law.name}"
        )

    def to_frame(self) -> pd.DataFrame:
        """One row per budget: `minima`."""
        return self.minima

    def summary(self) -> str:
        """What a person should read, as plain text."""
        columns = ["C", "runs", "N", "D", "loss", "inside", "N_bias_percent", "D_bias_percent"]
        slopes = [
            f"{symbol} of {name}* ~ C^{symbol}: {self.exponents[name]:.4f} by parabolas, "
            f"{self.exponents_noise_free[name]:.4f} by parabolas without noise, "
            f"{self.exponents_law[name]:.4f} of {self.law.name}"
            for symbol, name in (("a", "N"), ("b", "D"))
        ]
        table = self.minima[columns].to_string(index=False, float_format=lambda v: f"{v:.4g}")
        said = [] if self.compute == SIX_N_D else [f"Compute: C = {self.compute}"]
        return "\n".join([table, *slopes, *said])

    def _line(self, name: str, column: str) -> tuple[float, float]:
        """Slope and intercept of the logarithm of a column in ln C."""
        rows = self.minima[self.minima["inside"] & (self.minima[column] > 0)]
        if len(rows) < 2:
            return float("nan"), float("nan")
        x, y = np.log(rows["C"].to_numpy()), np.log(rows[column].to_numpy())
        slope = float(np.sum((x - x.mean()) * (y - y.mean())) / np.sum((x - x.mean()) ** 2))
        return slope, float(y.mean() - slope * x.mean())


def run_of(along: str, x: Any, budget: Any, compute: Compute) -> tuple[Any, Any]:
    """N and D of a budget, from the one that `along` names."""
    return (x, compute.tokens(budget, x)) if along == "N" else (compute.size(budget, x), x)


def with_bias(
    columns: Mapping[str, Any], law: Law, params: Mapping[str, float], compute: Compute
) -> dict[str, Any]:
    """Columns with the true optimum of the law and the bias of the noise-free parabolas."""
    truth = true_optimum(law, params, columns["C"], compute)
    return {
        **columns,
        "N_law": truth.N,
        "D_law": truth.D,
        "loss_law": truth.loss,
        "N_bias_percent": 100 * (np.asarray(columns["N_noise_free"]) / truth.N - 1),
        "D_bias_percent": 100 * (np.asarray(columns["D_noise_free"]) / truth.D - 1),
    }
