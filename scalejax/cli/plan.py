"""``scalejax plan``: what to train for a budget, a price or a quality, from a fit or a paper."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scalejax.amounts import POSITIVE
from scalejax.cli import options as o
from scalejax.cli import words
from scalejax.cli.cache import use_compilation_cache
from scalejax.cli.options import option
from scalejax.cli.results import draw_to
from scalejax.cli.talk import print_json, say, say_step, spoken_warnings

if TYPE_CHECKING:
    from scalejax.planning import Plan

EXAMPLES = """\b
For example:
  scalejax plan fits/mine --budget 1e24
  scalejax plan fits/mine --usd 5M --hardware h100 --gpus 4096 --max-tokens 300B
  scalejax plan fits/mine --usd 500 --peak 165T --price 0.35
  scalejax plan besiroglu2024 --as-good-as 5.76e23 --served-tokens 10T
  scalejax plan kumar2024 --params 8B --usd 2M --hardware h100 --precisions fp8,bf16
  scalejax plan forecasts/mine --budget 1e24
  scalejax plan fits/mine --budget 1e24 --candidates 70B --candidates 40B:2T --out plans/next
"""


def plan(
    source: o.Origin,
    budget: Annotated[
        str | None,
        option("Compute for training, and for serving too where tokens are served.", "FLOP"),
    ] = None,
    usd: o.Usd = None,
    target_loss: Annotated[
        float | None,
        option("Loss to reach as cheaply as possible.", "NATS", parser=o.number(POSITIVE)),
    ] = None,
    as_good_as: Annotated[
        str | None,
        option("Reach the best loss for this compute as cheaply as possible.", "FLOP"),
    ] = None,
    days: Annotated[
        str | None, option("Limit on the days of training; needs --hardware and --gpus.", "DAYS")
    ] = None,
    max_tokens: Annotated[
        str | None, option("Limit on the training tokens, each seen once.", "TOKENS")
    ] = None,
    unique_tokens: Annotated[
        str | None,
        option("Unique tokens, repeated as often as it pays; for Chinchilla's law.", "TOKENS"),
    ] = None,
    max_params: Annotated[
        str | None, option("Limit on the parameters of the model.", "PARAMETERS")
    ] = None,
    memory: Annotated[
        str | None, option("Limit on the memory of the weights when served.", "80GB")
    ] = None,
    latency: Annotated[
        str | None,
        option(
            "Limit on the time per token, one user on one accelerator; needs --hardware.", "20ms"
        ),
    ] = None,
    served_tokens: Annotated[
        str | None,
        option("Tokens that the model will read and write in its life.", "TOKENS"),
    ] = None,
    requests: Annotated[
        str | None, option("Requests that it will serve; instead of --served-tokens.", "NUMBER")
    ] = None,
    request_tokens: Annotated[
        str | None, option("Tokens of a request, read and written. [default: 70:215]", "IN:OUT")
    ] = None,
    input_tokens: Annotated[
        str | None, option("Tokens that it will read; instead of --served-tokens.", "TOKENS")
    ] = None,
    output_tokens: Annotated[
        str | None, option("Tokens that it will write; with --input-tokens.", "TOKENS")
    ] = None,
    serving_bits: Annotated[
        float | None,
        option(
            "Bits of the weights when served, at whose peak rate it is served. [default: those of "
            "training, or 16]",
            "BITS",
            parser=o.number(POSITIVE),
        ),
    ] = None,
    serving_hardware: Annotated[
        str | None, option("Accelerator that serves. [default: --hardware]", "NAME")
    ] = None,
    serving_mfu: Annotated[
        str, option("Share of the peak rate that reading and writing reach.", "IN:OUT")
    ] = "0.5:0.01",
    context: Annotated[str, option("Tokens of context that --latency is for.", "TOKENS")] = "1024",
    hardware: o.Hardware = None,
    peak: o.Peak = None,
    gpus: Annotated[str | None, option("Number of accelerators that train.", "NUMBER")] = None,
    mfu: o.Mfu = 0.4,
    usd_per_hour: o.UsdPerHour = None,
    flop_per_token: o.FlopPerToken = None,
    active_per_n: Annotated[
        float | None,
        option(
            "Parameters that a token uses for each N, where the law does not know them.",
            "NUMBER",
            parser=o.number(POSITIVE),
        ),
    ] = None,
    total_per_n: Annotated[
        float | None,
        option(
            "Parameters to be kept for each N, where the law does not know them.",
            "NUMBER",
            parser=o.number(POSITIVE),
        ),
    ] = None,
    serving_usd_per_hour: Annotated[
        str | None, option("Rent of an accelerator that serves for an hour.", "DOLLARS")
    ] = None,
    params: Annotated[str | None, option("Hold N at this value.", "PARAMETERS")] = None,
    tokens: Annotated[str | None, option("Hold D at this value.", "TOKENS")] = None,
    inputs: Annotated[
        list[str] | None,
        option(
            "Other input of the law: P_w=8, or bits=8 for all precisions. Repeatable.", "NAME=VALUE"
        ),
    ] = None,
    precisions: Annotated[
        str | None,
        option(
            "Number formats to choose from: fp8,bf16; with published bits for Chinchilla's law.",
            "NAMES",
        ),
    ] = None,
    candidates: Annotated[
        list[str] | None,
        option(
            "A model to price beside the plan: 70B, or 40B:2T with its tokens. Repeatable.",
            "N[:D]",
        ),
    ] = None,
    level: o.Level = 0.95,
    law: o.OwnLaw = None,
    out: Annotated[
        Path | None, option("Folder for plan.json, plan.txt, the draws and the plots.", "FOLDER")
    ] = None,
    by_forecast: o.ByForecast = False,
    quick: Annotated[
        bool,
        option(
            "Leave out of the text what takes longer than the plan: regret and published sets.",
            None,
            "--quick",
        ),
    ] = False,
    as_json: o.AsJson = False,
) -> None:
    """Plan a training run: the best parameters N and tokens D under your limits, with intervals.

    A law of bits also gives the best precision.
    Numbers may have suffixes and units: 70B, 1.4T, 5e6, 5M USD, 80GB, 20ms.
    """
    use_compilation_cache()
    say_step("planning")
    question: dict[str, Any] = {
        "budget": budget, "usd": usd, "target_loss": target_loss, "as_good_as": as_good_as,
        "days": days, "max_tokens": max_tokens, "unique_tokens": unique_tokens,
        "max_params": max_params, "memory": memory, "latency": latency, "context": context,
        "served_tokens": served_tokens, "requests": requests, "input_tokens": input_tokens,
        "output_tokens": output_tokens, "serving_bits": serving_bits,
        "serving_hardware": serving_hardware, "hardware": hardware, "gpus": gpus, "mfu": mfu,
        "usd_per_hour": usd_per_hour, "peak": peak, "flop_per_token": flop_per_token,
        "serving_usd_per_hour": serving_usd_per_hour,
        "params": params, "tokens": tokens,
        "active_per_n": active_per_n, "total_per_n": total_per_n,
        "serving_mfu": words.two("serving_mfu", serving_mfu),
        "request_tokens": request_tokens and words.two("request_tokens", request_tokens),
        "inputs": words.numbers("inputs", inputs),
        "precisions": tuple(filter(None, (precisions or "").split(","))),
    }  # fmt: skip
    question = {name: value for name, value in question.items() if value is not None}
    models = {text: _candidate(text) for text in candidates or []}
    from scalejax.planning import check_plan_place
    from scalejax.planning import plan as decide

    if out is not None:
        check_plan_place(out)
    with spoken_warnings(False):
        origin = words.source_of(source, law, by_forecast, level)
        decision = decide(origin, candidates=models, level=level, **question)
    if as_json:
        print_json(decision.to_dict())
    else:
        for lines in decision.sections(quick):
            print(lines, flush=True)
    if out is not None:
        say_step(f"saving {out}, with its plots")
        _save(decision, out)
    if not decision.found:
        raise typer.Exit(3)


def _candidate(text: str) -> Mapping[str, float]:
    """``"40B:2T"`` to N and D."""
    parts = text.split(":")
    if len(parts) > 2:
        raise words.refusal("candidates", f"{text!r} is not of the form N or N:D.")
    pairs = ",".join(f"{name}={value}" for name, value in zip("ND", parts, strict=False))
    return words.point("candidates", pairs)


def _save(decision: "Plan", out: Path) -> None:
    folder = decision.save(out)
    if decision.found and decision.question.decided:
        _draw(decision, folder)
    say(f"saved to {folder}")


def _draw(decision: "Plan", folder: Path) -> None:
    from scalejax.planning import contours, frontier

    path = frontier(decision)
    draw_to(folder / "frontier.png", lambda plots: plots.plot_frontier(path))
    draw_to(folder / "contours.png", lambda plots: plots.plot_contours(contours(decision, path)))
    if decision.question.demand:
        draw_to(folder / "demand.png", lambda plots: plots.plot_demand(decision))
