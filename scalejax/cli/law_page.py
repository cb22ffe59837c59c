"""Pages on a law and on a published set, for the terminal: formula, units, source, an example."""

from math import isfinite, sqrt
from typing import TYPE_CHECKING, Any

from scalejax.cli.talk import print_json
from scalejax.errors import UsageError

if TYPE_CHECKING:
    from scalejax.laws import Law, Parameter, PublishedSet

_UNVERIFIED = "UNVERIFIED: these numbers were not seen in the source itself"


def print_law(law: "Law", as_json: bool) -> None:
    """Print a law with its published sets."""
    if as_json:
        print_json(_law_entry(law))
        return
    from scalejax.wording import aligned

    rows = [
        [
            parameter.name,
            _range(parameter.plausible),
            _range(parameter.bounds),
            "yes" if parameter.name in law.linear else "no",
            ", ".join(word for word in (parameter.support.name, parameter.unit) if word),
        ]
        for parameter in law.parameters.values()
    ]
    lines = [f"{law.name}: {law.about}", "", *_facts(law), ""]
    lines += aligned(["parameter", "plausible", "bounds", "linear", "support, unit"], rows)
    lines += ["", "Starts are drawn from the plausible range; a fit may not leave the bounds."]
    for published in law.published.values():
        lines += ["", *_set_lines(law, published)]
    lines += ["", *_example(law)]
    print("\n".join(lines))


def print_set(law: "Law", name: str, as_json: bool) -> None:
    """Print one published set of a law.

    Raises:
        UsageError: The law has no such set.
    """
    if name not in law.published:
        names = ", ".join(law.published) or "none"
        raise UsageError(f"{law.name} has no published set {name!r}; known: {names}.")
    published = law.published[name]
    if as_json:
        print_json({"law": law.name, **_set_entry(published)})
    else:
        print("\n".join([f"{law.name}: {law.about}", "", *_set_lines(law, published)]))


def _facts(law: "Law") -> list[str]:
    from scalejax.laws import CITATIONS

    gives = f"{law.response.meaning} ({law.response.unit})"
    facts = {"gives": gives, "inputs": "; ".join(_input(name) for name in law.inputs)}
    if law.log_base is not None:
        facts["logarithms"] = f"base {law.log_base:g}"
    if law.cite in CITATIONS:
        facts["source"] = str(CITATIONS[law.cite])
    for reduction in law.reductions:
        at = ", ".join(f"{name} = {value:g}" for name, value in reduction.at.items())
        facts["limit" if "limit" not in facts else f"limit {len(facts)}"] = (
            f"{reduction.parent}, at {at}"
        )
    return [f"{label.split()[0]:<11} {text}" for label, text in facts.items()]


def _input(name: str) -> str:
    from scalejax.quantities import QUANTITIES

    quantity = QUANTITIES.get(name)
    if quantity is None:
        return name
    unit = "" if quantity.unit in quantity.meaning else f", {quantity.unit}"
    return f"{name} ({quantity.meaning}{unit})"


def _example(law: "Law") -> list[str]:
    """An example: the first published set at the middle of its runs, or else a fit."""
    from scalejax.quantities import QUANTITIES, short_number

    set_name = next(iter(law.published), None)
    if set_name is None:
        return ["example", f"  scalejax fit runs.csv --law {law.name}"]
    valid = law.published[set_name].valid
    ranges = {name: valid.get(name, QUANTITIES[name].plausible) for name in law.inputs}
    at = {name: float(f"{_middle(ends):.1g}") for name, ends in ranges.items()}
    words = ", ".join(f"{name}={value:g}" for name, value in at.items())
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        value = short_number(float(law.predict(set_name, **at)))
    unit = law.response.unit
    return [
        "example",
        f'  scalejax.LAWS["{law.name}"].predict("{set_name}", {words})  # {value} {unit}',
    ]


def _middle(ends: tuple[float, float]) -> float:
    return sqrt(ends[0] * ends[1]) if ends[0] > 0 else (ends[0] + ends[1]) / 2


def _range(ends: tuple[float, float]) -> str:
    return f"{ends[0]:g} .. {ends[1]:g}"


def _law_entry(law: "Law") -> dict[str, Any]:
    from scalejax.laws import CITATIONS

    return {
        "name": law.name,
        "about": law.about,
        "cite": law.cite,
        "source": str(CITATIONS[law.cite]) if law.cite in CITATIONS else None,
        "inputs": list(law.inputs),
        "gives": law.response.symbol,
        "unit": law.response.unit,
        "log_base": law.log_base,
        "limits": [
            # JSON has no infinity.
            {"law": r.parent, "at": {k: v if isfinite(v) else "inf" for k, v in r.at.items()}}
            for r in law.reductions
        ],
        "parameters": [_parameter_entry(parameter, law) for parameter in law.parameters.values()],
        "published": [_set_entry(published) for published in law.published.values()],
    }


def _parameter_entry(parameter: "Parameter", law: "Law") -> dict[str, Any]:
    def ends(pair: tuple[float, float]) -> list[float | None]:
        return [end if isfinite(end) else None for end in pair]

    return {
        "name": parameter.name,
        "support": parameter.support.name,
        "unit": parameter.unit,
        "plausible": ends(parameter.plausible),
        "bounds": ends(parameter.bounds),
        "linear": parameter.name in law.linear,
    }


def _set_entry(published: "PublishedSet") -> dict[str, Any]:
    return {
        "id": published.id,
        "values": dict(published),
        "stderr": published.stderr,
        "source": published.source,
        "convention": published.convention,
        "counts": published.counts,
        "valid": {name: list(ends) for name, ends in published.valid.items()},
        "verified": published.verified,
        "note": published.note,
    }


def _set_lines(law: "Law", published: "PublishedSet") -> list[str]:
    from scalejax.quantities import short_number

    lines = [f"published set {published.id}"]
    for name, value in published.items():
        error = f"  +- {published.stderr[name]!r}" if name in published.stderr else ""
        unit = law.parameters[name].unit
        lines.append(f"  {name:<10} {value!r}{error}{f'  {unit}' if unit else ''}")
    ranges = [
        f"{name} {short_number(low)} to {short_number(high)}"
        for name, (low, high) in published.valid.items()
    ]
    for label, text in (
        ("doubt", "" if published.verified else _UNVERIFIED),
        ("source", published.source),
        ("convention", published.convention),
        ("N counts", published.counts),
        ("runs cover", ", ".join(ranges)),
        ("note", published.note),
    ):
        if text:
            lines.append(f"  {label:<10} {text}")
    return lines
