"""What the terminal says of a law and of a published set: formula, units, source, an example."""

from math import isfinite, sqrt
from typing import TYPE_CHECKING, Any

from scalejax.cli.talk import print_json
from scalejax.errors import UsageError

if TYPE_CHECKING:
    from scalejax.laws import Law, Parameter, PublishedSet

_UNVERIFIED = "UNVERIFIED: these numbers were not seen in the source itself"


def print_law(law: "Law", as_json: bool) -> None:
    """Prints a law with its published sets."""
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
    for found in law.published.values():
        lines += ["", *_set_lines(law, found)]
    lines += ["", *_example(law)]
    print("\n".join(lines))


def print_set(law: "Law", name: str, as_json: bool) -> None:
    """Prints one published set of a law.

    Raises:
        UsageError: The law has no such set.
    """
    if name not in law.published:
        known = ", ".join(law.published) or "none"
        raise UsageError(f"{law.name} has no published set {name!r}; known: {known}.")
    found = law.published[name]
    if as_json:
        print_json({"law": law.name, **_set_entry(found)})
    else:
        print("\n".join([f"{law.name}: {law.about}", "", *_set_lines(law, found)]))


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

    known = QUANTITIES.get(name)
    if known is None:
        return name
    unit = "" if known.unit in known.meaning else f", {known.unit}"
    return f"{name} ({known.meaning}{unit})"


def _example(law: "Law") -> list[str]:
    """A call of the first published set at the middle of its runs, or a fit."""
    from scalejax.quantities import QUANTITIES, short_number

    named = next(iter(law.published), None)
    if named is None:
        return ["example", f"  scalejax fit runs.csv --law {law.name}"]
    valid = law.published[named].valid
    ranges = {name: valid.get(name, QUANTITIES[name].plausible) for name in law.inputs}
    at = {name: float(f"{_middle(ends):.1g}") for name, ends in ranges.items()}
    words = ", ".join(f"{name}={value:g}" for name, value in at.items())
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        value = short_number(float(law.predict(named, **at)))
    unit = law.response.unit
    return [
        "example",
        f'  scalejax.LAWS["{law.name}"].predict("{named}", {words})  # {value} {unit}',
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
        "published": [_set_entry(found) for found in law.published.values()],
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


def _set_entry(found: "PublishedSet") -> dict[str, Any]:
    return {
        "id": found.id,
        "values": dict(found),
        "stderr": found.stderr,
        "source": found.source,
        "convention": found.convention,
        "counts": found.counts,
        "valid": {name: list(ends) for name, ends in found.valid.items()},
        "verified": found.verified,
        "note": found.note,
    }


def _set_lines(law: "Law", found: "PublishedSet") -> list[str]:
    from scalejax.quantities import short_number

    lines = [f"published set {found.id}"]
    for name, value in found.items():
        error = f"  +- {found.stderr[name]!r}" if name in found.stderr else ""
        unit = law.parameters[name].unit
        lines.append(f"  {name:<10} {value!r}{error}{f'  {unit}' if unit else ''}")
    covered = [
        f"{name} {short_number(low)} to {short_number(high)}"
        for name, (low, high) in found.valid.items()
    ]
    for label, text in (
        ("doubt", "" if found.verified else _UNVERIFIED),
        ("source", found.source),
        ("convention", found.convention),
        ("N counts", found.counts),
        ("runs cover", ", ".join(covered)),
        ("note", found.note),
    ):
        if text:
            lines.append(f"  {label:<10} {text}")
    return lines
