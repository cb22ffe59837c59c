"""Plots: the numbers that are drawn, and the side effects that a plot must not have."""

import dataclasses

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

mpl.use("Agg")

import matplotlib.pyplot as plt

import scalejax as sj
from scalejax import plots
from scalejax.engine import Layout, default_layout
from scalejax.isoflop import isoflop
from scalejax.plots.axes import tick_text
from scalejax.plots.fit import MOST_CURVES, _grid, _spread_values
from scalejax.plots.residuals import running_median

LEVEL = 0.8
FAR = {"N": 7e10, "D": 1.4e12}
GOLD = sj.find_law("chinchilla").published["hoffmann2022"]


@pytest.fixture(scope="module")
def layout() -> Layout:
    """Small chunks: these tables are small."""
    return dataclasses.replace(default_layout(), lanes=32, chunk=64)


@pytest.fixture(scope="module")
def golden(layout):
    return sj.fit(sj.datasets.load("golden36"), resamples=40, layout=layout)


@pytest.fixture(scope="module")
def one_input(layout):
    compute = np.geomspace(1e18, 1e22, 12)
    loss = (1.5 + 30 * compute**-0.1) * np.exp(0.002 * np.sin(9 * np.arange(12)))
    return sj.fit({"C": compute, "loss": loss}, law="floor_power_C", layout=layout, resamples=0)


@pytest.fixture(scope="module")
def three_inputs(layout):
    @sj.law(linear=("E", "A", "B", "Q"))
    def with_bits(N, D, bits, *, E: sj.Positive, A: sj.Positive, B: sj.Positive, Q: sj.Positive):
        return E + A * N**-0.35 + B * D**-0.37 + Q / bits

    runs = sj.datasets.load("golden36")
    runs["bits"] = np.tile([2.0, 4.0, 8.0], 12)
    runs["loss"] += 0.1 / runs["bits"]
    return sj.fit(runs, law=with_bits, layout=layout, resamples=0)


@pytest.fixture(autouse=True)
def _closed_figures():
    yield
    plt.close("all")


@pytest.fixture
def axes():
    return plt.subplots()[1]


def labels(axes) -> str:
    return "\n".join(text.get_text() for text in axes.get_legend().get_texts())


class TestCurveFrame:
    def test_one_curve_per_value_of_the_other_input(self, golden):
        frame = plots.curve_frame(golden, points=11)
        sizes = frame.groupby("curve")["N"].agg(["size", "nunique", "first"])
        assert list(sizes["size"]) == [11] * 6
        assert list(sizes["nunique"]) == [1] * 6
        np.testing.assert_array_equal(sizes["first"], np.unique(golden.table.inputs["N"]))

    @pytest.mark.parametrize("along", ["N", "D"])
    def test_covers_the_data_and_a_decade_above(self, golden, along):
        seen = golden.table.inputs[along]
        frame = plots.curve_frame(golden, along, points=5)
        assert frame[along].min() == pytest.approx(seen.min(), rel=1e-12)
        assert frame[along].max() == pytest.approx(10 * seen.max(), rel=1e-12)
        assert frame["decades_beyond"].max() == pytest.approx(1)

    def test_is_what_predict_gives(self, golden):
        frame = plots.curve_frame(golden, level=LEVEL, points=7)
        assert np.all(frame["level"] == LEVEL)
        expected = golden.predict(frame, level=LEVEL, discrepancy="none")
        for name in ("loss", "curve_lo", "curve_hi", "decades_beyond"):
            np.testing.assert_allclose(frame[name], expected[name], rtol=1e-12, atol=1e-15)
        assert np.all(frame["curve_lo"] < frame["curve_hi"])

    def test_along_compute_is_along_tokens(self, golden):
        by_compute = plots.curve_frame(golden, "C", points=4)
        by_tokens = plots.curve_frame(golden, "D", points=4)
        np.testing.assert_array_equal(by_compute["C"], 6 * by_tokens["N"] * by_tokens["D"])
        pd.testing.assert_frame_equal(by_compute.drop(columns="C"), by_tokens)

    def test_one_input(self, one_input):
        frame = plots.curve_frame(one_input)
        assert set(frame["curve"]) == {0}
        assert len(frame) == 200

    def test_many_values_are_thinned_to_values_of_the_data(self, golden):
        values = np.geomspace(1, 1e4, 200)
        chosen = _spread_values(values)
        assert len(chosen) == MOST_CURVES
        assert set(chosen) <= set(values)
        assert (chosen[0], chosen[-1]) == (values[0], values[-1])
        assert np.ptp(np.diff(np.log(chosen))) < 0.1

    def test_values_that_are_not_positive(self):
        assert _spread_values(np.array([0.0, 0.5, 0.5, -1.0])) == [-1.0, 0.0, 0.5]
        np.testing.assert_allclose(_grid(np.array([0.0, 4.0]), 3), [0, 3, 6])

    def test_refuses_what_it_cannot_draw(self, golden):
        with pytest.raises(sj.UsageError, match="N, D"):
            plots.curve_frame(golden, "bits")
        with pytest.raises(sj.UsageError, match="points"):
            plots.curve_frame(golden, points=1)
        with pytest.raises(sj.UsageError, match="level"):
            plots.curve_frame(golden, level=95)


class TestThirdInput:
    def test_the_rest_is_held_at_a_value_of_the_data(self, three_inputs):
        frame = plots.curve_frame(three_inputs, "N", points=3)
        assert set(frame["bits"]) == {4.0}
        assert frame.groupby("curve")["D"].first().nunique() == 6

    def test_the_legend_says_so(self, three_inputs, axes):
        plots.plot_fit(three_inputs, along="N", ax=axes)
        assert axes.get_legend().get_title().get_text() == "curves at bits = 4"


class TestPlotFit:
    def test_draws_the_runs_and_the_curves(self, golden, axes):
        assert plots.plot_fit(golden, ax=axes) is axes
        drawn = np.asarray(axes.collections[0].get_offsets())
        np.testing.assert_array_equal(drawn[:, 0], golden.table.inputs["D"])
        np.testing.assert_array_equal(drawn[:, 1], golden.table.target)
        frame = plots.curve_frame(golden)
        first = frame[frame["curve"] == 0]
        inside, outside = axes.lines[:2]
        edge = golden.table.inputs["D"].max()
        assert inside.get_xdata().max() <= edge < outside.get_xdata()[1]
        assert inside.get_xdata()[-1] == outside.get_xdata()[0]
        joined = np.append(inside.get_ydata(), outside.get_ydata()[1:])
        np.testing.assert_array_equal(joined, first["loss"])

    def test_bands_are_those_of_the_frame(self, golden, axes):
        plots.plot_fit(golden, ax=axes, level=LEVEL)
        frame = plots.curve_frame(golden, level=LEVEL)
        assert len(axes.collections) == 1 + frame["curve"].nunique()
        corners = axes.collections[1].get_paths()[0].vertices[:, 1]
        first = frame[frame["curve"] == 0]
        assert (corners.min(), corners.max()) == (first["curve_lo"].min(), first["curve_hi"].max())

    def test_the_legend_states_values_level_and_kind(self, golden, axes):
        plots.plot_fit(golden, ax=axes, level=LEVEL)
        text = labels(axes)
        for part in ("N = 60M", "N = 6B", "80 % band", "pairs percentile", "40 of 40", "36 runs"):
            assert part in text

    def test_axes_are_logarithmic_with_units(self, golden, axes):
        plots.plot_fit(golden, ax=axes)
        assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
        assert axes.get_xlabel() == "training tokens D"
        assert axes.get_ylabel() == "loss (nats/token)"
        axes.figure.canvas.draw()
        assert "100B" in [tick.get_text() for tick in axes.get_xticklabels()]
        low, high = axes.get_ylim()
        assert sum(low <= tick <= high for tick in axes.get_yticks()) >= 3

    def test_one_input_without_draws(self, one_input, axes):
        plots.plot_fit(one_input, ax=axes)
        assert "draws" not in labels(axes)
        assert axes.get_xlabel() == "training compute C (FLOP)"

    def test_says_that_there_is_no_band(self, golden, axes, monkeypatch):
        predict = sj.Fit.predict

        def without_band(self, *args, **options):
            return predict(self, *args, **options).assign(curve_lo=np.nan, curve_hi=np.nan)

        monkeypatch.setattr(sj.Fit, "predict", without_band)
        plots.plot_fit(golden, ax=axes)
        assert "no band (too many resamples failed)" in labels(axes)
        assert len(axes.collections) == 1

    def test_along_compute(self, golden, axes):
        plots.plot_fit(golden, "C", ax=axes)
        drawn = np.asarray(axes.collections[0].get_offsets())
        inputs = golden.table.inputs
        np.testing.assert_array_equal(drawn[:, 0], 6 * inputs["N"] * inputs["D"])
        assert axes.get_xlabel() == "training compute C (FLOP)"
        # Curves turn dashed where the tokens are beyond the data, wherever that is in compute.
        ends = [line.get_xdata()[-1] for line in axes.lines[:12:2]]
        np.testing.assert_allclose(ends, 6 * np.unique(inputs["N"]) * inputs["D"].max(), rtol=0.05)

    def test_leaves_matplotlib_as_it_was(self, golden):
        before, backend = dict(mpl.rcParams), mpl.get_backend()
        open_figures = plt.get_fignums()
        axes = plots.plot_fit(golden)
        assert dict(mpl.rcParams) == before
        assert mpl.get_backend() == backend
        assert len(plt.get_fignums()) == len(open_figures) + 1
        plt.close(axes.figure)

    def test_own_axes_open_no_other_figure(self, golden):
        from matplotlib.figure import Figure

        open_figures = plt.get_fignums()
        plots.plot_fit(golden, ax=Figure().subplots())
        assert plt.get_fignums() == open_figures


class TestPrediction:
    def frame(self, fit, along=None, **options):
        return plots.prediction_frame(fit, FAR, along, discrepancy=0.005, points=30, **options)

    def test_the_path_keeps_tokens_per_parameter(self, golden):
        frame = self.frame(golden)
        np.testing.assert_allclose(frame["D"] / frame["N"], 20, rtol=1e-12)
        np.testing.assert_allclose(frame["C"], 6 * frame["N"] * frame["D"], rtol=1e-12)
        assert frame["C"].is_monotonic_increasing

    @pytest.mark.parametrize("along", [None, "N", "D"])
    def test_the_path_leads_from_the_data_through_the_point(self, golden, along):
        frame = self.frame(golden, along)
        name = along or "C"
        at = frame[np.isclose(frame["N"], 7e10, rtol=1e-12) & np.isclose(frame["D"], 1.4e12)]
        expected = golden.predict(FAR, discrepancy=0.005).iloc[0]
        assert at["loss"].to_numpy() == pytest.approx([expected["loss"]], rel=1e-12)
        seen = plots.residual_frame(golden)[name]
        assert frame[name].min() == pytest.approx(seen.min())
        assert frame[name].max() > 1.1 * at[name].item()

    def test_draws_runs_bands_point_and_decades(self, golden, axes):
        plots.plot_prediction(golden, FAR, ax=axes, level=LEVEL, discrepancy=0.005)
        text = labels(axes)
        loss = golden.predict(FAR, discrepancy=0.005)["loss"].item()
        for part in ("36 runs", "80 % for a new run", "0.5 % a decade", f"loss {loss:.3f}", "1.9 "):
            assert part in text
        # One decade beyond the largest compute, of 6B parameters and 200B tokens.
        (mark,) = [note for note in axes.texts if note.get_text() == "+1"]
        assert mark.xy[0] == pytest.approx(10 * 6 * 6e9 * 2e11, rel=1e-2)
        assert axes.get_xlabel() == "training compute C (FLOP)"

    def test_a_forecast_is_called_one_beside_the_line_of_the_law(self, golden, axes):
        plots.plot_prediction(golden, FAR, ax=axes)
        frame = golden.predict(FAR)
        text = labels(axes)
        assert "forecast: it bends by" in text
        assert "a decade)" not in text
        assert f"loss {frame['loss'].item():.3f}" in text
        line = next(one for one in axes.lines if np.isfinite(one.get_ydata()).sum() > 20)
        path = plots.prediction_frame(golden, FAR)
        shown = np.isfinite(line.get_ydata())
        np.testing.assert_allclose(line.get_ydata()[shown], path["curve"][shown], rtol=1e-12)

    def test_the_band_of_a_new_run_is_the_wider_one(self, golden, axes):
        plots.plot_prediction(golden, FAR, ax=axes, discrepancy=0.02)
        bands = [band for band in axes.collections if len(band.get_facecolor()) == 1][:2]
        run, curve = (np.min(band.get_paths()[0].vertices[:, 1]) for band in bands)
        assert run < curve

    def test_refuses_what_it_cannot_draw(self, golden, one_input):
        with pytest.raises(sj.UsageError, match="lacks D"):
            plots.plot_prediction(golden, {"N": 1e9})
        with pytest.raises(sj.UsageError, match="along='bits'"):
            plots.prediction_frame(golden, FAR, "bits")
        with pytest.raises(sj.UsageError, match="must be positive"):
            plots.prediction_frame(one_input, {"C": -1.0})


class TestResiduals:
    def test_frame_is_the_table_and_the_residuals(self, golden):
        frame = plots.residual_frame(golden)
        np.testing.assert_array_equal(frame["row"], golden.table.row)
        np.testing.assert_array_equal(frame["residual"], golden.residuals)
        expected = golden.predict(golden.table.inputs)["curve"]
        np.testing.assert_allclose(frame["predicted"], expected, rtol=1e-13)
        difference = np.log(frame["predicted"] / frame["observed"])
        np.testing.assert_allclose(frame["residual"], difference, atol=1e-14)
        np.testing.assert_array_equal(frame["C"], 6 * frame["N"] * frame["D"])
        # The scale of a normal sample, by its definition: half lies within 0.6745 of it.
        assert np.median(np.abs(frame["scaled"])) == pytest.approx(0.6745, abs=1e-4)

    def test_residuals_of_the_loss_and_clusters(self, golden):
        names = tuple(f"run {i}" for i in range(6))
        table = dataclasses.replace(
            golden.table, cluster=np.repeat(np.arange(6), 6), cluster_labels=names
        )
        # Residuals need no refit.
        fit = dataclasses.replace(golden, objective=sj.least_squares(on="loss"), table=table)
        frame = plots.residual_frame(fit)
        difference = frame["predicted"] - frame["observed"]
        np.testing.assert_allclose(frame["residual"], difference, atol=1e-14)
        np.testing.assert_allclose(frame["predicted"], plots.residual_frame(golden)["predicted"])
        assert list(frame["cluster"]) == list(np.repeat(names, 6))

    def test_running_median(self):
        x = np.repeat([1.0, 2.0, 3.0], 5)
        y = np.tile([0.0, 1.0, 2.0, 3.0, 100.0], 3) + x
        places, medians = running_median(x, y)
        assert list(places) == [1, 2, 3]
        assert list(medians) == [3, 4, 5]
        x = np.arange(100.0)
        places, medians = running_median(x[::-1], 2 * x[::-1])
        np.testing.assert_allclose(medians, 2 * places)
        assert places[0] < 10 < 90 < places[-1]

    def test_panels(self, golden):
        panels = plots.plot_residuals(golden)
        names = ["parameters N", "training tokens D", "training compute C (FLOP)"]
        assert [ax.get_xlabel() for ax in panels] == [*names, "order of the rows"]
        worst = plots.residual_frame(golden)["residual"].abs().idxmax() + 1
        for ax in panels:
            assert str(worst) in ", ".join(note.get_text() for note in ax.texts).split(", ")
            heights = {float(np.ravel(line.get_ydata())[0]) for line in ax.lines[:3]}
            assert heights == {0.0, 1e-3, -1e-3}

    def test_panels_for_other_laws(self, one_input, three_inputs):
        assert len(plots.plot_residuals(one_input)) == 2
        panels = plots.plot_residuals(three_inputs)
        assert [ax.get_xlabel() for ax in panels][2] == "bits"
        assert len(panels[0].figure.axes) == 5

    def test_takes_axes(self, golden):
        axes = plt.subplots(2, 2)[1]
        open_figures = plt.get_fignums()
        assert list(plots.plot_residuals(golden, axes)) == list(axes.ravel())
        assert plt.get_fignums() == open_figures
        with pytest.raises(sj.UsageError, match="4 panels"):
            plots.plot_residuals(golden, axes[0])


class TestDraws:
    def test_frame_holds_usable_draws_on_their_scale(self, golden):
        frame = plots.draw_frame(golden)
        assert list(frame.columns) == ["E", "log10 A", "alpha", "log10 B", "beta"]
        draws = golden.draws.arrays()
        np.testing.assert_array_equal(frame["alpha"], draws["alpha"])
        np.testing.assert_allclose(10 ** frame["log10 A"], draws["A"], rtol=1e-13)

    def test_correlations(self, golden):
        found = plots.draw_correlations(golden)
        expected = np.corrcoef(plots.draw_frame(golden).to_numpy().T)
        np.testing.assert_allclose(found, expected, atol=1e-12)

    def test_pairs(self, golden):
        figure = plots.plot_draws(golden, level=LEVEL)[0].figure
        panels = np.array(figure.axes).reshape(5, 5)
        correlation = plots.draw_correlations(golden).iloc[0, 1]
        assert float(panels[0, 1].texts[0].get_text()) == pytest.approx(correlation, abs=0.005)
        low, high = np.quantile(golden.draws.arrays()["E"], [0.1, 0.9])
        marks = [line.get_xdata()[0] for line in panels[0, 0].lines]
        assert marks == pytest.approx([golden.params["E"], low, high], rel=1e-12)
        best = panels[1, 0].lines[0]
        assert best.get_xdata() == golden.params["E"]
        assert best.get_ydata() == pytest.approx(np.log10(golden.params["A"]))
        assert panels[4, 1].get_xlabel() == "log10 A"

    def test_refuses_a_fit_without_draws(self, one_input, golden):
        with pytest.raises(sj.UsageError, match="resamples=1000"):
            plots.plot_draws(one_input)
        with pytest.raises(sj.UsageError, match="level"):
            plots.plot_draws(golden, level=95)


class TestInfluence:
    def frame(self, conclusions=("alpha", "N at 1e24")):
        rows = [
            (row, f"row {row}", name, size * (-1) ** row, 10.0 * row / 7 * (-1) ** row)
            for size, name in enumerate(conclusions, 1)
            for row in range(1, 8)
        ]
        return pd.DataFrame(rows, columns=["row", "label", "conclusion", "change", "change_in_se"])

    def test_largest_first(self):
        first, second = plots.plot_influence(self.frame(), top=3)
        assert [text.get_text() for text in first.get_yticklabels()] == ["row 7", "row 6", "row 5"]
        widths = [bar.get_width() for bar in first.patches]
        assert widths == pytest.approx([-10, 10 * 6 / 7, -10 * 5 / 7])
        assert first.yaxis_inverted()
        assert second.get_title() == "N at 1e24"

    def test_four_conclusions_at_most(self):
        panels = plots.plot_influence(self.frame("abcdef"))
        assert [ax.get_title() for ax in panels] == list("abcd")

    def test_refuses_other_frames(self):
        with pytest.raises(sj.UsageError, match="missing label, change"):
            plots.plot_influence(self.frame().drop(columns=["label", "change"]))
        with pytest.raises(sj.UsageError, match="without rows"):
            plots.plot_influence(self.frame().iloc[:0])
        with pytest.raises(sj.UsageError, match="top"):
            plots.plot_influence(self.frame(), top=0)


class TestSensitivity:
    @pytest.fixture
    def frame(self):
        kinds = {"objective": 2, "exclusion": 2}
        rows = [
            (kind, f"{kind} {i}", name, base + i * se, base - se, base + 3 * se, base, i * se, i)
            for name, base, se in (("alpha", 0.35, 0.01), ("N", 1e10, 1e9))
            for kind, count in kinds.items()
            for i in range(1, count + 1)
        ]
        columns = ["kind", "variant", "conclusion", "estimate", "lo", "hi", "base"]
        frame = pd.DataFrame(rows, columns=[*columns, "change", "change_in_se"])
        frame["status"] = "converged"
        failed = frame["variant"] == "exclusion 2"
        frame.loc[failed, ["estimate", "lo", "hi", "change", "change_in_se"]] = np.nan
        frame.loc[failed, "status"] = "not_identified"
        frame.loc[frame["variant"] == "objective 2", "status"] = "step_limit"
        return frame

    def test_one_panel_per_conclusion_with_shared_variants(self, frame):
        panels = plots.plot_sensitivity(frame)
        assert [ax.get_title() for ax in panels] == ["alpha", "N"]
        names = [text.get_text() for text in panels[0].get_yticklabels()]
        assert names[:2] == ["objective 1", "objective 2 (step limit)"]
        assert names[3] == "exclusion 2 (not identified)"
        assert panels[0].get_ylim() == panels[1].get_ylim()

    def test_base_and_its_error(self, frame):
        ax = plots.plot_sensitivity(frame)[0]
        band = ax.patches[0]
        low, width = band.get_x(), band.get_width()
        assert (low, low + width) == pytest.approx((0.35 - 0.0196, 0.35 + 0.0196))
        assert ax.lines[0].get_xdata()[0] == 0.35

    def test_marks_say_what_became_of_a_variant(self, frame):
        ax = plots.plot_sensitivity(frame)[0]
        dots = [line for line in ax.lines if line.get_marker() == "o"]
        assert [float(line.get_xdata()[0]) for line in dots] == pytest.approx([0.36, 0.37, 0.36])
        assert [line.get_markerfacecolor() == "white" for line in dots] == [False, True, False]
        assert sum(line.get_marker() == "x" for line in ax.lines) == 1

    def test_refuses_other_frames(self, frame):
        with pytest.raises(sj.UsageError, match="missing base"):
            plots.plot_sensitivity(frame.drop(columns="base"))
        with pytest.raises(sj.UsageError, match="2 panels"):
            plots.plot_sensitivity(frame, [plt.subplots()[1]])


class TestIsoflop:
    def test_draws_parabola_law_minima_and_bias(self, golden, axes):
        result = isoflop(golden)
        assert plots.plot_isoflop(golden, ax=axes) is axes
        text = labels(axes)
        for best in result.minima.itertuples():
            assert f"bias {best.N_bias_percent:+.1f} %" in text
        marks = {
            style: [float(line.get_xdata()[0]) for line in axes.lines if line.get_marker() == style]
            for style in "v*"
        }
        np.testing.assert_allclose(marks["v"], result.minima["N"])
        np.testing.assert_allclose(marks["*"], result.minima["N_law"])
        assert f"{result.exponents['N']:.3f}" in axes.get_legend().get_title().get_text()

    def test_along_tokens(self, golden, axes):
        result = isoflop(golden, along="D")
        plots.plot_isoflop(result, ax=axes)
        assert axes.get_xlabel() == "training tokens D"
        assert f"bias {result.minima['D_bias_percent'].iloc[0]:+.1f} %" in labels(axes)

    def test_many_budgets_are_thinned(self, axes):
        compute = np.repeat(np.geomspace(1e18, 1e22, 12), 5)
        size = np.tile(np.geomspace(0.3, 3, 5), 12) * 0.1 * np.sqrt(compute)
        runs = pd.DataFrame({"N": size, "D": compute / 6 / size})
        law = sj.find_law("chinchilla")
        runs["loss"] = [float(law(n, d, **GOLD)) for n, d in runs.to_numpy()]
        plots.plot_isoflop(isoflop(runs, params=GOLD), ax=axes)
        assert axes.get_title() == "isoFLOP slices of 9 of 12 budgets"


def test_numbers_on_axes():
    assert [tick_text(value) for value in (0.0, 0.25, 3e9, 1e18)] == [
        "0",
        "0.25",
        "3B",
        "$10^{18}$",
    ]
    assert tick_text(2.5e-5) == r"$2.5\times10^{-5}$"


@pytest.mark.parametrize("draw", ["fit", "prediction", "residuals", "draws", "isoflop"])
def test_figures_are_as_wide_as_a_report(golden, draw):
    made = {
        "fit": lambda: plots.plot_fit(golden).figure,
        "prediction": lambda: plots.plot_prediction(golden, FAR, discrepancy=0).figure,
        "residuals": lambda: plots.plot_residuals(golden)[0].figure,
        "draws": lambda: plots.plot_draws(golden)[0].figure,
        "isoflop": lambda: plots.plot_isoflop(golden).figure,
    }[draw]()
    assert made.get_size_inches()[0] == 6.5
    made.canvas.draw()
    smallest = min(text.get_fontsize() for text in made.findobj(mpl.text.Text) if text.get_text())
    assert smallest >= 7
