"""Fits against certified and published numbers (T2).

The certified values come from a 50-digit Newton iteration (gradient below 1e-35), the bootstrap
from the resamples of the Chinchilla replication (Besiroglu et al., arXiv:2404.10102). Nothing here
was computed with scalejax.
"""

import numpy as np
import pytest
from scipy import optimize, stats

import scalejax as sj
from scalejax.laws import chinchilla as law
from scalejax.status import Status

ORDER = ("A", "B", "E", "alpha", "beta")

# Objective (a sum), then A, B, E, alpha, beta.
CERTIFIED = {
    "chinchilla_lsq": (
        0.00573094349584932,
        (593.32210158648, 4875.6378075696, 1.8645500952606, 0.36025279817004, 0.40588336185209),
    ),
    "chinchilla_huber": (
        0.0010182740178006,
        (477.82586823391, 2143.4173633605, 1.8172180990101, 0.34731049888175, 0.36717243262776),
    ),
    "golden_lsq": (
        0.00092769273682732,
        (666.94768550502, 1657.6150075499, 1.8160450229492, 0.36929483119312, 0.35844348162266),
    ),
    "golden_huber_wide": (
        0.00030712532943584,
        (793.59895419864, 1583.0364757238, 1.8213667557501, 0.37962490581706, 0.35608058369034),
    ),
    "golden_huber": (
        0.00012214679896859,
        (857.52383912403, 1443.671903967, 1.821432565802, 0.38418196540598, 0.35155836385724),
    ),
}


@pytest.fixture(scope="module")
def golden_huber_wide(golden):
    return sj.fit(golden, objective=sj.huber(3e-3), resamples=0)


@pytest.mark.parametrize("name", CERTIFIED)
def test_certified_fit(name, request):
    fit = request.getfixturevalue(name)
    objective, values = CERTIFIED[name]
    # Nine digits for least squares, seven for Huber, whose matrix changes from piece to piece.
    digits = 1e-9 if "lsq" in name else 1e-7
    assert fit.status == Status.CONVERGED
    assert fit.agreeing == fit.starts == 16
    assert [fit.params[key] for key in ORDER] == pytest.approx(values, rel=digits)
    # The minimum is flat, so the objective has twice the digits; the certificate gives 12 or more.
    assert fit.objective_value == pytest.approx(objective, rel=1e-11)


def test_certified_least_squares_optimum(golden_lsq):
    """Compute-optimal allocation at C = 6ND = 1e24, in closed form from the fitted parameters."""
    A, B, E, alpha, beta = (golden_lsq.params[key] for key in ORDER)
    scale = (alpha * A / (beta * B)) ** (1 / (alpha + beta))
    N = scale * (1e24 / 6) ** (beta / (alpha + beta))
    D = 1e24 / 6 / N
    found = (N, D, E + A * N**-alpha + B * D**-beta)
    assert found == pytest.approx((81710053424.5, 2.03973268504e12, 1.94246024901), rel=1e-9)


def jacobian(fit):
    """Derivatives of ln L with respect to ln A, ln B, ln E, alpha, beta, in NumPy; (n, 5)."""
    A, B, E, alpha, beta = (fit.params[key] for key in ORDER)
    N, D = fit.table.inputs["N"], fit.table.inputs["D"]
    model, data = A * N**-alpha, B * D**-beta
    columns = (model, data, np.full_like(N, E), -model * np.log(N), -data * np.log(D))
    return np.stack(columns, axis=1) / (E + model + data)[:, None]


def test_certified_least_squares_standard_errors(golden_lsq):
    """Of ln A, ln B, ln E, alpha, beta with 31 degrees of freedom; they use every residual."""
    J = jacobian(golden_lsq)
    variance = np.sum(golden_lsq.residuals**2) / 31
    found = np.sqrt(np.diag(variance * np.linalg.inv(J.T @ J)))
    certified = (0.381489422877, 0.534895407751, 0.0202275305748, 0.0224994991175, 0.0262435882019)
    # Condition 2e2, squared by J.T J: 1e-16 x 4e4 leaves eleven digits; eight are asked for.
    assert found == pytest.approx(certified, rel=1e-8)


@pytest.mark.slow
def test_student_t_needs_no_exclusions(chinchilla_all):
    """All 245 rows: Student-t finds the exponent that Huber finds only without five outliers."""
    fit = sj.fit(chinchilla_all, objective=sj.student_t(3), resamples=0)
    assert fit.status == Status.CONVERGED
    assert fit.params["beta"] == pytest.approx(0.367, abs=0.001)


@pytest.fixture(scope="module")
def draws(golden_bootstrap):
    values = dict(golden_bootstrap.draws.parameters)
    values["a"] = values["beta"] / (values["alpha"] + values["beta"])
    return values


# In this resample (counted from 0) a descent from the point estimate ends in a local minimum
# 0.056 % above ours. The reference numbers were made that way, so they contain its end.
TRAPPED = 3178
TRAPPED_END = dict(
    zip(ORDER, (717.816275, 8488.90598, 1.90454062, 0.37122668, 0.43318348), strict=True)
)
TRAPPED_EXCESS = 0.00056288664


class TestBootstrap:
    """The replication's 4,000 resamples, reproduced (A25, A27, A28)."""

    def test_every_resample_is_certified(self, golden_bootstrap):
        assert golden_bootstrap.fully_converged

    def test_first_lanes(self, draws):
        assert draws["A"][:3] == pytest.approx((349.5557, 487.839, 728.413), rel=2e-6)

    def test_standard_errors(self, draws):
        certified = dict(
            zip(
                (*ORDER, "a"),
                (124.478, 1292.95, 0.0256537, 0.0153956, 0.0205914, 0.0199706),
                strict=True,
            )
        )
        end = {**TRAPPED_END}
        end["a"] = end["beta"] / (end["alpha"] + end["beta"])
        for name, expected in certified.items():
            values = draws[name].copy()
            values[TRAPPED] = end[name]
            # Three digits; the divisor, 4000 or 3999, matters in the fourth.
            assert np.std(values) == pytest.approx(expected, rel=5e-4), name

    def test_the_trapped_resample_is_truly_lower(self, golden_bootstrap):
        """Evaluated in NumPy: the reference's end of that resample lies above ours."""
        table = golden_bootstrap.table
        legacy = np.random.RandomState(42)
        for _ in range(TRAPPED + 1):
            picks = legacy.choice(table.row, size=table.n_rows)
        weight = np.array([np.sum(picks == row) for row in table.row])

        def objective(values):
            r = np.log(predicted(values, table.inputs)) - np.log(table.target)
            return np.sum(weight * 1e-3**2 * huber(r / 1e-3))

        ours = objective({k: v[TRAPPED] for k, v in golden_bootstrap.draws.parameters.items()})
        assert ours == pytest.approx(golden_bootstrap.draws.objective[TRAPPED], rel=1e-10)
        assert objective(TRAPPED_END) / ours - 1 == pytest.approx(TRAPPED_EXCESS, 1e-3)

    def test_percentile_intervals(self, draws):
        # Percentiles are printed to six digits and do not feel one resample in 4,000.
        ends = np.percentile(draws["alpha"], [2.5, 97.5])
        assert ends == pytest.approx((0.316823, 0.373283), abs=1e-6)
        ends = np.percentile(draws["beta"], [2.5, 97.5])
        assert ends == pytest.approx((0.331261, 0.415375), abs=1e-6)

    def test_conf_int_is_the_percentile_interval(self, golden_bootstrap):
        frame = golden_bootstrap.conf_int(0.95)
        assert tuple(frame.loc["alpha", ["lo", "hi"]]) == pytest.approx((0.316823, 0.373283), 1e-5)
        assert frame.loc["alpha", "b_used"] == 4000

    def test_published_standard_errors(self, golden_bootstrap, draws):
        """A25: the printed errors, which have one to five digits."""
        printed = dict(zip(ORDER, (124.58, 1293.23, 0.03, 0.02, 0.02), strict=True))
        for name, expected in printed.items():
            assert golden_bootstrap.stderr[name] == pytest.approx(expected, rel=0.25), name
        assert np.std(draws["a"]) == pytest.approx(0.018, rel=0.25)

    def test_tokens_per_parameter(self, draws):
        """A27: about 20 lies inside at Chinchilla's compute, Hoffmann's own law says 70 or more."""
        low, median, high = np.percentile(ratio(draws, 5.88e23), [10, 50, 90])
        assert median == pytest.approx(16.5, rel=0.15)
        assert low < 20 < high < 70
        assert ratio(law.published["hoffmann2022"], 5.88e23) > 70

    def test_runs_needed_for_hoffmanns_interval(self, draws):
        """A28: an 80 % interval of a of width .001 would take about 600,000 runs (634,773)."""
        low, high = np.percentile(draws["a"], [10, 90])
        assert high - low == pytest.approx(0.05141, abs=2e-5)
        assert 240 * ((high - low) / 0.001) ** 2 == pytest.approx(634773, rel=0.01)


def huber(z):
    return np.where(np.abs(z) <= 1, z * z / 2, np.abs(z) - 0.5)


def predicted(p, inputs):
    return p["E"] + p["A"] * inputs["N"] ** -p["alpha"] + p["B"] * inputs["D"] ** -p["beta"]


def ratio(p, C):
    """Compute-optimal D/N at C = 6ND."""
    total = p["alpha"] + p["beta"]
    N = (p["alpha"] * p["A"] / (p["beta"] * p["B"])) ** (1 / total) * (C / 6) ** (p["beta"] / total)
    return C / 6 / N**2


def test_published_refit(chinchilla_huber):
    """A21: the printed point is not the minimum of its stated objective, but is close to it."""
    found = [chinchilla_huber.params[key] for key in ORDER]
    printed = (482.01, 2085.43, 1.8172, 0.3478, 0.3658)
    assert found[:2] == pytest.approx(printed[:2], rel=0.04)
    assert found[2:] == pytest.approx(printed[2:], abs=0.002)


@pytest.fixture(scope="module")
def chinchilla_absolute(chinchilla_all):
    return sj.fit(chinchilla_all, exclude="outlier5", objective=sj.absolute(), resamples=0)


def test_published_point_is_the_median_fit(chinchilla_absolute):
    """The replication freed the noise scale, which makes its objective the sum of |r|."""
    found = [chinchilla_absolute.params[key] for key in ORDER]
    # Their optimiser stopped with `success: False`; 1e-4 is what its digits are worth.
    assert found == pytest.approx((482.01, 2085.43, 1.8172, 0.3478, 0.3658), rel=3e-4)


def test_likelihood_ratio_rejects_hoffmann(chinchilla_absolute):
    """A29: twice the log-likelihood ratio is 84.00, p = 1.22e-16 with five degrees of freedom.

    With a free scale and delta far below it the likelihood is Laplace's, whose best scale is the
    mean |r|: the ratio is 2 n ln(mean |r_Hoffmann| / mean |r_fit|).
    """
    table = chinchilla_absolute.table
    theirs = np.log(predicted(law.published["hoffmann2022-tex"], table.inputs) / table.target)
    gain = np.log(np.mean(np.abs(theirs)) / np.mean(np.abs(chinchilla_absolute.residuals)))
    statistic = 2 * table.n_rows * gain
    assert statistic == pytest.approx(84.00, abs=0.02)
    assert stats.chi2.sf(statistic, 5) == pytest.approx(1.22e-16, rel=0.02)


@pytest.mark.parametrize(
    ("published", "bias"), [("hoffmann2022", 0.01674), ("hoffmann2022-tex", -0.00302)]
)
def test_rounding_bias(chinchilla, published, bias):
    """A23: the rounded coefficients over-predict the loss of their own runs by 1.7 %."""
    values = law(*chinchilla[["N", "D"]].to_numpy().T, **law.published[published])
    assert np.mean(np.log(values / chinchilla["loss"])) == pytest.approx(bias, abs=1e-5)


def test_scipy_least_squares_agrees(golden, golden_lsq):
    """MINPACK on the same problem in its own coordinates, from a start of its own."""
    N, D, loss = golden.to_numpy().T

    def residual(u):
        p = {**dict(zip(ORDER[:3], np.exp(u[:3]), strict=True)), "alpha": u[3], "beta": u[4]}
        return np.log(predicted(p, {"N": N, "D": D}) / loss)

    found = optimize.least_squares(
        residual, (6.0, 6.0, 0.5, 0.3, 0.3), method="lm", xtol=1e-15, ftol=1e-15, gtol=1e-15
    )
    values = [*np.exp(found.x[:3]), *found.x[3:]]
    # Its finite-difference Jacobian is good to 1e-8, which is also the error of the exponents.
    assert [golden_lsq.params[key] for key in ORDER] == pytest.approx(values, rel=1e-6)
    assert golden_lsq.objective_value <= found.cost * (1 + 1e-12)


@pytest.mark.parametrize("method", ["Nelder-Mead", "BFGS"])
def test_nothing_is_left_to_gain(golden, golden_huber, method):
    """SciPy, started at the Huber fit and around it, finds nothing lower."""
    N, D, loss = golden.to_numpy().T
    inputs = {"N": N, "D": D}
    best = np.array([*np.log([golden_huber.params[k] for k in ORDER[:3]]),
                     golden_huber.params["alpha"], golden_huber.params["beta"]])  # fmt: skip

    def objective(u):
        p = {**dict(zip(ORDER[:3], np.exp(u[:3]), strict=True)), "alpha": u[3], "beta": u[4]}
        return np.sum(huber(np.log(predicted(p, inputs) / loss) / 1e-3))

    at_best = objective(best)
    assert at_best * 1e-3**2 == pytest.approx(golden_huber.objective_value, rel=1e-12)
    for shift in (0.0, 1e-3, 1e-2):
        start = best + shift * np.array([1, -1, 0.1, 0.1, -0.1])
        found = optimize.minimize(
            objective, start, method=method, options={"maxiter": 4000}, tol=1e-12
        )
        assert found.fun >= at_best * (1 - 1e-12)
