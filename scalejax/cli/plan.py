"""``scalejax plan``: what to train for a budget, a price or a quality, from a fit or a paper."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scalejax.cli.cache import use_compilation_cache
from scalejax.cli.options import law_of, numbers, numbers_in
from scalejax.cli.talk import print_json, say, spoken_warnings
from scalejax.errors import UsageError

if TYPE_CHECKING:
    from scalejax.fitting import Fit
    from scalejax.planning import Plan

EXAMPLES = """\b
For example:
  scalejax plan fits/mine --budget 1e24
  scalejax plan fits/mine --usd 5e6 --gpu h100 --gpus 4096 --max-tokens 300B
  scalejax plan --published besiroglu2024 --as-good-as 5.76e23 --serve 10T
  scalejax plan --published kumar2024 --params 8B --usd 2e6 --gpu h100 --precisions fp8,bf16
  scalejax plan fits/mine --budget 1e24 --candidate 70B --candidate 40B:2T --out plans/next
"""

_HARDWARE = "A100-40GB, A100, H100, H200, B200, MI300X, TPU-v5p or TPU-v6e"


def _with(help: str, metavar: str, *names: str) -> Any:
    return typer.Option(*names, help=help, metavar=metavar)


def plan(
    folder: Annotated[
        Path | None, typer.Argument(help="Folder of a saved fit; or give --published.")
    ] = None,
    published: Annotated[
        str | None,
        typer.Option(help="A published set of coefficients instead of a fit (scalejax laws)."),
    ] = None,
    budget: Annotated[
        str | None, _with("Compute for training, and for serving if there is demand.", "FLOP")
    ] = None,
    usd: Annotated[
        str | None, _with("Dollars for the same; needs --gpu.", "DOLLARS")
    ] = None,
    target_loss: Annotated[
        float | None, _with("Loss to reach as cheaply as possible.", "NATS")
    ] = None,
    as_good_as: Annotated[
        str | None,
        _with("Reach the best loss of this much training, as cheaply as possible.", "FLOP"),
    ] = None,
    days: Annotated[
        str | None, _with("Time of training; needs --gpu and --gpus.", "DAYS")
    ] = None,
    max_tokens: Annotated[
        str | None, _with("Training data, each token seen once.", "TOKENS")
    ] = None,
    unique: Annotated[
        str | None,
        _with("Unique training data, seen as often as it pays; for Chinchilla's law.", "TOKENS"),
    ] = None,
    max_params: Annotated[str | None, _with("Largest model.", "PARAMETERS")] = None,
    memory: Annotated[
        str | None, _with("Memory for the weights when served.", "80GB")
    ] = None,
    latency: Annotated[
        str | None,
        _with("Time per token for one user on one accelerator; needs --gpu.", "20ms"),
    ] = None,
    serve: Annotated[
        str | None,
        _with("Tokens that the model will serve in its life, in and out.", "TOKENS"),
    ] = None,
    requests: Annotated[
        str | None, _with("Requests that it will serve, instead of --serve.", "NUMBER")
    ] = None,
    request_tokens: Annotated[
        str, _with("Tokens of a request, in and out.", "IN:OUT")
    ] = "70:215",
    serve_bits: Annotated[float, _with("Bits of the weights when served.", "BITS")] = 16.0,
    serve_gpu: Annotated[
        str | None, _with("What serves. [default: what trains]", "NAME")
    ] = None,
    serve_mfu: Annotated[
        str, _with("Share of the peak that reading and writing reach.", "IN:OUT")
    ] = "0.5:0.01",
    context: Annotated[
        float, _with("Tokens in the cache when --latency is counted.", "TOKENS")
    ] = 1024.0,
    gpu: Annotated[str | None, _with(f"What trains: {_HARDWARE}.", "NAME")] = None,
    gpus: Annotated[float | None, _with("How many.", "NUMBER")] = None,
    mfu: Annotated[float, _with("Share of the peak that training reaches.", "SHARE")] = 0.4,
    price: Annotated[
        float | None,
        _with("Rent of one for an hour. [default: a dated guess, printed]", "DOLLARS"),
    ] = None,
    serve_price: Annotated[
        float | None, _with("Rent of one that serves.", "DOLLARS")
    ] = None,
    params: Annotated[str | None, _with("N, if it is not to be decided.", "PARAMETERS")] = None,
    tokens: Annotated[str | None, _with("D, if it is not to be decided.", "TOKENS")] = None,
    set_input: Annotated[
        list[str] | None,
        _with("Another input of the law: P_w=8, or bits=8 for all. Repeatable.",
            "NAME=VALUE", "--set"),
    ] = None,
    precisions: Annotated[
        str | None,
        _with("Formats to choose among, with a law of bits: fp8,bf16.", "NAMES"),
    ] = None,
    candidate: Annotated[
        list[str] | None,
        _with("A model to price beside the plan: 70B, or 40B:2T with its tokens. Repeatable.",
            "N[:D]"),
    ] = None,
    level: Annotated[float, typer.Option(help="Probability of the intervals.")] = 0.95,
    law: Annotated[
        str | None,
        typer.Option(help="For a fit of a law of your own: module:name or file.py:name."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for plan.json, plan.txt, the draws and the plots."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, not text.")] = False,
) -> None:  # fmt: skip
    """Plan a training run: the best N and D (and bits) under your limits, with intervals.

    Numbers may have suffixes: 70B, 1.4T, 5e6, 80GB, 20ms.
    """
    if (folder is None) == (published is None):
        raise UsageError("give the folder of a fit, or --published with the name of a set.")
    use_compilation_cache()
    question: dict[str, Any] = {
        "budget": _amount("--budget", budget, "FLOP"),
        "usd": _amount("--usd", usd, "USD"),
        "target_loss": target_loss,
        "as_good_as": _amount("--as-good-as", as_good_as, "FLOP"),
        "days": _amount("--days", days, "days"),
        "max_tokens": _amount("--max-tokens", max_tokens, "tokens"),
        "unique_tokens": _amount("--unique", unique, "tokens"),
        "max_params": _amount("--max-params", max_params, "parameters"),
        "memory": _amount("--memory", memory, "bytes"),
        "latency": _amount("--latency", latency, "s"),
        **_demand(serve, requests, request_tokens),
        "serving_bits": serve_bits,
        "serving": serve_gpu,
        "serving_mfu": _two("--serve-mfu", serve_mfu),
        "context": context,
        "hardware": gpu,
        "gpus": gpus,
        "mfu": mfu,
        "usd_per_hour": price,
        "serving_usd_per_hour": serve_price,
        "params": _amount("--params", params, "parameters"),
        "tokens": _amount("--tokens", tokens, "tokens"),
        "inputs": numbers("--set", set_input or []),
        "precisions": tuple(filter(None, (precisions or "").split(","))),
    }
    candidates = {text: _candidate(text) for text in candidate or []}
    from scalejax.planning import plan as make

    with spoken_warnings(False):
        source = published if folder is None else _load(folder, law)
        assert source is not None
        made = make(source, candidates=candidates, level=level, **question)
    if out is not None:
        _save(made, out)
    if as_json:
        print_json(made.to_dict())
    else:
        print(made.summary())
    if not made.found:
        raise typer.Exit(3)


def _load(folder: Path, law: str | None) -> "Fit":
    from scalejax.fitting import load_fit

    return load_fit(folder, None if law is None else law_of(law))


def _amount(option: str, text: str | None, unit: str) -> float | None:
    if text is None:
        return None
    from scalejax.costs import parse_amount, value_in

    try:
        return float(value_in(parse_amount(text, unit), unit))
    except UsageError as error:
        raise UsageError(f"{option}: {error}.") from None


def _two(option: str, text: str) -> tuple[float, float]:
    from scalejax.costs import parse_amount

    parts = text.split(":")
    if len(parts) != 2:
        raise UsageError(f"{option}: {text!r} is not of the form IN:OUT.")
    try:
        first, second = (float(parse_amount(part).value) for part in parts)
    except UsageError as error:
        raise UsageError(f"{option}: {error}.") from None
    return first, second


def _demand(serve: str | None, requests: str | None, request_tokens: str) -> dict[str, float]:
    """Tokens that are read and written."""
    from scalejax.costs import demand_in_requests, demand_in_total

    if serve is not None and requests is not None:
        raise UsageError("give --serve or --requests, not both.")
    if requests is not None:
        count = _amount("--requests", requests, "1")
        demand = demand_in_requests(count, *_two("--request-tokens", request_tokens))
    elif serve is not None:
        read, written = _two("--request-tokens", request_tokens)
        total = _amount("--serve", serve, "tokens")
        demand = demand_in_total(total, written / (read + written))
    else:
        return {}
    return {"input_tokens": demand.input_tokens, "output_tokens": demand.output_tokens}


def _candidate(text: str) -> Mapping[str, float]:
    """``"40B:2T"`` to N and D."""
    parts = text.split(":")
    if len(parts) > 2:
        raise UsageError(f"--candidate: {text!r} is not of the form N or N:D.")
    pairs = ",".join(f"{name}={value}" for name, value in zip("ND", parts, strict=False))
    return numbers_in("--candidate", pairs)


def _save(made: "Plan", out: Path) -> None:
    folder = made.save(out)
    if made.found and made.question.decided:
        _draw(made, folder)
    say(f"saved to {folder}")


def _draw(made: "Plan", folder: Path) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    from scalejax import plots
    from scalejax.cli.results import save_figure
    from scalejax.planning import contours, frontier

    path = frontier(made)
    save_figure(plots.plot_frontier(path)[0].figure, folder / "frontier.png")
    save_figure(plots.plot_contours(contours(made, path)).figure, folder / "contours.png")
    if made.question.demand:
        save_figure(plots.plot_demand(made).figure, folder / "demand.png")
