"""Frontiers, contours and surfaces of plans, and their pictures."""

from dataclasses import replace

import matplotlib as mpl
import numpy as np
import pytest

mpl.use("Agg")

import matplotlib.pyplot as plt

import scalejax as sj
from scalejax import plots
from scalejax.cli.plan import _draw
from scalejax.planning import contours, frontier, plan, ratio_surface
from scalejax.planning.surface import compute_optimal
from scalejax.status import Outcome

QUALITY = 1e22
POINTS = 5


@pytest.fixture(scope="module")
def of_fit(golden_draws):
    return plan(golden_draws, budget=1e23, candidates={"mine": {"N": 2e10, "D": 6e11}})


@pytest.fixture(scope="module")
def along_budget(of_fit):
    return frontier(of_fit, points=POINTS)


@pytest.fixture(scope="module")
def around(of_fit, along_budget):
    return contours(of_fit, along_budget)


@pytest.fixture(scope="module")
def served(golden_draws):
    return plan(golden_draws, as_good_as=QUALITY, output_tokens=1e12)


@pytest.fixture(scope="module")
def along_demand(served):
    return frontier(served, "demand", points=POINTS)


@pytest.fixture(scope="module")
def reached():
    return plan("besiroglu2024", target_loss=2.0)


@pytest.fixture(scope="module")
def surface():
    """Sizes and demands of the published cases among others."""
    return ratio_surface("devries2023", [7e9, 13e9, 30e9, 70e9], [1e11, 1e12, 2e12, 1e13])


@pytest.fixture(autouse=True)
def _closed_figures():
    yield
    plt.close("all")


def own(frame):
    return frame[frame["plan"]].iloc[0]


def labels(legend):
    return [text.get_text() for text in legend.get_texts()]


def assert_same_numbers(row, made):
    """A row of a frontier is what a plan of its own tells; both solve to 1e-8."""
    for number in made.numbers.to_dict("records"):
        name = number["quantity"]
        assert row[name] == pytest.approx(number["estimate"], rel=1e-6), name
        if "lo" in number:
            ends = (row[f"{name}_lo"], row[f"{name}_hi"])
            assert ends == pytest.approx((number["lo"], number["hi"]), rel=1e-6), name


class TestAlongABudget:
    @pytest.mark.slow
    def test_two_decades_to_each_side_by_default(self, along_budget):
        np.testing.assert_allclose(along_budget["limit"], np.geomspace(1e21, 1e25, POINTS))
        assert set(along_budget["along"]) == {"training compute"}
        assert list(along_budget["plan"]) == [False, False, True, False, False]

    def test_more_compute_is_better(self, along_budget):
        assert (np.diff(along_budget["loss"]) < 0).all()
        assert (np.diff(along_budget["N"]) > 0).all()
        np.testing.assert_allclose(along_budget["training compute"], along_budget["limit"])

    def test_at_the_plan_it_is_the_plan(self, along_budget, of_fit):
        assert_same_numbers(own(along_budget), of_fit)

    def test_elsewhere_it_is_the_plan_of_that_budget(self, along_budget, golden_draws):
        """Bands and all."""
        assert_same_numbers(along_budget.iloc[-1], plan(golden_draws, budget=1e25))

    def test_bands_hold_the_estimate(self, along_budget):
        for name in ("N", "D", "D/N", "loss"):
            inside = along_budget[name].between(
                along_budget[f"{name}_lo"], along_budget[f"{name}_hi"]
            )
            assert inside.all(), name
        assert (along_budget["solved"] == 1).all()

    def test_a_wider_level_has_wider_bands(self, along_budget, of_fit):
        narrow = frontier(of_fit, values=along_budget["limit"], level=0.5)
        assert (narrow["N_lo"] > along_budget["N_lo"]).all()
        assert (narrow["N_hi"] < along_budget["N_hi"]).all()
        assert set(narrow["level"]) == {0.5}

    def test_the_slope_is_the_shadow_price(self, of_fit):
        """What 1 % more budget is worth, by finite differences along the frontier."""
        near = frontier(of_fit, values=1e23 * np.exp([-1e-3, 1e-3]))
        slope = np.diff(np.log(near["loss"])).item() / 2e-3
        (bound,) = of_fit.answer.binding
        assert slope == pytest.approx(bound.elasticity, rel=1e-5)

    def test_exponent_in_closed_form(self):
        """N* ~ C^(beta / (alpha + beta))."""
        made = plan("besiroglu2024", budget=1e24)
        frame = frontier(made, points=POINTS)
        alpha, beta = (made.source.params[name] for name in ("alpha", "beta"))
        slopes = np.diff(np.log(frame["N"])) / np.diff(np.log(frame["limit"]))
        np.testing.assert_allclose(slopes, beta / (alpha + beta), rtol=1e-9)
        assert "N_lo" not in frame
        assert "decades_beyond" not in frame

    def test_distance_from_the_data(self, along_budget, golden_draws):
        """In the farthest of N, D and 6ND."""
        inputs = golden_draws.table.inputs
        last = along_budget.iloc[-1]
        expected = max(
            np.log10(last["N"] / inputs["N"].max()),
            np.log10(last["D"] / inputs["D"].max()),
            np.log10(1e25 / (6 * inputs["N"] * inputs["D"]).max()),
        )
        assert last["decades_beyond"] == pytest.approx(expected, abs=1e-6)


@pytest.mark.slow
class TestAlongQualityAndDemand:
    def test_at_the_plan_it_is_the_plan(self, served, along_demand):
        """With a quality that is the best of its compute under each draw."""
        assert_same_numbers(own(along_demand), served)
        assert_same_numbers(own(frontier(served, points=3)), served)

    def test_more_demand_wants_smaller_models_trained_for_longer(self, along_demand):
        assert (np.diff(along_demand["N"]) < 0).all()
        assert (np.diff(along_demand["D/N"]) > 0).all()
        np.testing.assert_allclose(along_demand["loss"], along_demand["loss"].iloc[0])

    def test_next_to_no_demand_is_compute_optimal(self, served, golden_draws):
        little = frontier(served, "demand", values=[1e3])
        best = plan(golden_draws, budget=QUALITY)
        assert little["N"].item() == pytest.approx(best["N"], rel=1e-4)
        assert little["N_hi"].item() == pytest.approx(
            best.numbers.set_index("quantity")["hi"]["N"], rel=1e-4
        )

    def test_losses_span_a_hundred_times_the_cost(self, reached):
        """The best losses of budgets cost those budgets."""
        frame = frontier(reached, points=POINTS)
        assert set(frame["along"]) == {"loss"}
        assert own(frame)["limit"] == 2.0
        cost = np.sort(frame["training compute"] / own(frame)["training compute"])
        np.testing.assert_allclose(cost, [0.01, 0.1, 1, 10, 100], rtol=1e-5)

    def test_losses_that_cannot_be_reached(self, reached):
        floor = reached.source.params["E"]
        frame = frontier(reached, values=[0.9 * floor, 0.99 * floor, 2.0, 2.5])
        assert list(frame["outcome"]) == ["infeasible", "infeasible", "solved", "solved"]
        assert list(frame["N"].isna()) == [True, True, False, False]
        assert own(frame)["N"] == pytest.approx(reached["N"], rel=1e-6)


class TestWrongQuestions:
    def test_what_cannot_vary(self, of_fit, served):
        with pytest.raises(sj.UsageError, match="this plan has training compute; demand must"):
            frontier(of_fit, "demand")
        with pytest.raises(sj.UsageError, match="this plan has as_good_as, demand"):
            frontier(served, "loss")

    @pytest.mark.parametrize("values", [[], [0.0], [-1.0, 1.0], [np.nan]])
    def test_values(self, of_fit, values):
        with pytest.raises(sj.UsageError, match=r"values= must be (a )?positive"):
            frontier(of_fit, values=values)

    def test_one_point(self, of_fit):
        with pytest.raises(sj.UsageError, match="points= must be a whole number of 2"):
            frontier(of_fit, points=1)

    def test_nothing_to_decide(self):
        given = plan("besiroglu2024", params=1e9, tokens=1e11)
        for ask in (frontier, contours):
            with pytest.raises(sj.UsageError, match="nothing is decided"):
                ask(given)

    def test_a_plan_without_an_optimum(self, reached):
        failed = replace(reached.answer, outcome=Outcome.INFEASIBLE)
        below = replace(reached, by_format={"": replace(reached.best, answer=failed)})
        with pytest.raises(sj.UsageError, match="give values= to try"):
            frontier(below)
        with pytest.raises(sj.UsageError, match="nothing to draw contours around"):
            contours(below)


@pytest.mark.slow
class TestContours:
    def test_the_plan_is_in_the_middle(self, around, of_fit):
        middle = len(around.N) // 2
        assert around.N[middle] == pytest.approx(of_fit["N"])
        assert around.loss[middle, middle] == pytest.approx(of_fit["loss"])
        assert around.cost[middle, middle] == pytest.approx(1e23)
        assert around.excess[middle, middle] == pytest.approx(0, abs=1e-7)
        assert around.measure.name == "training compute"

    def test_rows_are_tokens(self, around):
        expected = 6 * around.D[:, None] * around.N[None, :]
        np.testing.assert_allclose(around.cost, expected)

    def test_no_point_within_the_limits_is_better(self, around, of_fit):
        allowed = around.excess <= 0
        assert 0.4 < allowed.mean() < 0.6
        assert around.loss[allowed].min() >= of_fit["loss"] * (1 - 1e-9)

    def test_lines_of_equal_loss_and_cost_touch(self, around):
        """Central differences over a twentieth of a decade are good to a per cent."""
        k = len(around.N) // 2
        ratios = [
            np.log(z[k + 1, k] / z[k - 1, k]) / np.log(z[k, k + 1] / z[k, k - 1])
            for z in (around.loss, around.cost)
        ]
        assert ratios[0] == pytest.approx(ratios[1], rel=1e-2)

    def test_the_cost_of_a_quality_is_what_is_minimised(self, reached):
        around = contours(reached, size=21)
        assert around.measure == reached.answer.problem.minimize
        assert around.cost[around.excess <= 0].min() >= reached.answer.goal * (1 - 1e-7)
        assert around.draws == {}

    def test_draws_are_those_of_the_plan(self, around, of_fit):
        np.testing.assert_array_equal(around.draws["N"], of_fit.optima.decision["N"])


@pytest.mark.slow
class TestSurface:
    @pytest.mark.parametrize(
        ("size", "demand", "n_ratio", "d_ratio", "saving"),
        [
            (13e9, 2e12, 6.969e9 / 13e9, 2.165, 0.1745),
            (7e9, 1e11, 6.0 / 7.0, 1.176, 0.0085),
            (70e9, 2e12, 57.92 / 70.0, 1.223, 0.0131),
            (7e9, 1e12, 0.5301, 2.2022, 0.1810),
            (30e9, 1e12, 0.7876, 1.2941, 0.0217),
            (70e9, 1e13, 0.5936, 1.8620, 0.1195),
            (30e9, 1e13, 13.6 / 30.0, 2.84, 0.28),
        ],
    )
    def test_published_points(self, surface, size, demand, n_ratio, d_ratio, saving):
        """arXiv:2401.00448 with the coefficients of its code; the last as printed there."""
        chosen = (surface["N_chinchilla"] == size) & (surface["demand"] == demand)
        row = surface[chosen].iloc[0]
        assert row["N_ratio"] == pytest.approx(n_ratio, rel=2e-3)
        assert row["D_ratio"] == pytest.approx(d_ratio, rel=2e-3)
        assert row["saving"] == pytest.approx(saving, abs=5e-4)
        assert row["outcome"] == "solved"

    def test_compute_optimal_tokens_in_closed_form(self, surface):
        """alpha A N^-alpha = beta B D^-beta."""
        law = sj.find_law("chinchilla").published["devries2023"]
        size = surface["N_chinchilla"]
        expected = (law["beta"] * law["B"] / (law["alpha"] * law["A"]) * size ** law["alpha"]) ** (
            1 / law["beta"]
        )
        np.testing.assert_allclose(surface["D_chinchilla"], expected, rtol=1e-8)

    def test_compute_optimal_models_are_optimal(self, reached):
        law, params = reached.source.law, reached.source.params
        tokens, loss = compute_optimal(law, params, np.array([reached["N"]]))
        assert tokens[0] == pytest.approx(reached["D"], rel=1e-6)
        assert loss[0] == pytest.approx(2.0, rel=1e-9)

    def test_more_demand_saves_more(self, surface):
        table = surface.pivot_table(index="demand", columns="N_chinchilla", values="saving")
        assert (table.diff().iloc[1:] > 0).all(axis=None)
        assert (table > 0).all(axis=None)

    def test_wrong_questions(self):
        with pytest.raises(sj.UsageError, match="laws of N and D, and kumar"):
            ratio_surface("kumar2024", [1e9], [1e12])
        with pytest.raises(sj.UsageError, match="sizes= must be positive"):
            ratio_surface("devries2023", [-1.0], [1e12])


class TestPictures:
    """Warnings are errors here, so these draw without any."""

    def test_frontier_draws_its_frame(self, along_budget):
        panels = plots.plot_frontier(along_budget)
        for ax, name in zip(panels, ("loss", "N", "D", "D/N"), strict=True):
            line, mark = ax.get_lines()
            np.testing.assert_array_equal(line.get_ydata(), along_budget[name])
            assert mark.get_ydata() == [own(along_budget)[name]]
            assert ax.get_xscale() == ax.get_yscale() == "log"
        figure = panels[0].figure
        figure.canvas.draw()
        assert labels(figure.legends[0]) == ["best", "95 % band", "the plan", "beyond the data"]
        assert panels[2].get_xlabel() == "training compute (FLOP)"

    def test_frontier_on_given_axes(self, along_budget):
        axes = plt.subplots(2, 2)[1]
        assert plots.plot_frontier(along_budget, axes)[3] is axes[1, 1]
        with pytest.raises(sj.UsageError, match="4 panels are drawn"):
            plots.plot_frontier(along_budget, axes[0])

    @pytest.mark.slow
    def test_frontier_of_losses_shows_what_cannot_be_reached(self, reached):
        frame = frontier(reached, values=[1.5, 1.7, 2.0, 2.5])
        panels = plots.plot_frontier(frame)
        panels[0].figure.canvas.draw()
        assert labels(panels[0].figure.legends[0]) == ["best", "the plan", "cannot be met"]
        assert panels[0].get_ylabel() == "training compute (FLOP)"
        with pytest.raises(sj.UsageError, match="anywhere on this frontier"):
            plots.plot_frontier(frame.head(2))

    def test_demand(self, along_demand, along_budget):
        ax = plots.plot_demand(along_demand)
        ax.figure.canvas.draw()
        np.testing.assert_array_equal(ax.get_lines()[0].get_ydata(), along_demand["D/N"])
        assert ax.get_ylabel() == "tokens per parameter D/N"
        with pytest.raises(sj.UsageError, match="not training compute"):
            plots.plot_demand(along_budget)

    def test_contours(self, of_fit, around):
        ax = plots.plot_contours(around)
        ax.figure.canvas.draw()
        assert ax.get_xlim() == pytest.approx((of_fit["N"] / 10**1.5, of_fit["N"] * 10**1.5))
        assert "mine" in [text.get_text() for text in ax.texts]
        entries = labels(ax.get_legend())
        assert {"optima of draws", "candidates"} <= set(entries)

    def test_surface(self, surface):
        panels = plots.plot_ratio_surface(surface)
        panels[0].figure.canvas.draw()
        assert [ax.get_title() for ax in panels][2] == "FLOP saved (%)"
        with pytest.raises(sj.UsageError, match="two sizes and two demands"):
            plots.plot_ratio_surface(surface[surface["demand"] == 1e12])

    def test_files_of_a_plan(self, served, tmp_path):
        _draw(served, tmp_path)
        for name in ("frontier", "contours", "demand"):
            assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")
