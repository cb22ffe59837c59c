"""Pages of the stored results of the benchmarks: those with a page are included, others tabled."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def results(folder: Path) -> Iterator[tuple[str, str]]:
    """Name and Markdown of a page for each result: of its own page, or else of its numbers."""
    pages = {path.stem for path in folder.glob("*.md")}
    for name in sorted(pages):
        where = f"../../../../benchmarks/results/{name}.md"
        yield name, f"```{{include}} {where}\n:relative-images:\n```"
    for path in sorted(folder.glob("*.json")):
        stored = json.loads(path.read_text(encoding="utf-8"))
        parts = [stored] if "rows" in stored else list(stored.values())
        if path.stem not in pages and all("rows" in part for part in parts):
            yield path.stem, _page(path, parts)


def _page(path: Path, parts: list[dict[str, Any]]) -> str:
    title = parts[0]["title"] if len(parts) == 1 else "All benchmarks"
    versions = parts[0]["environment"]
    lines = [
        f"# {title}, Python {_minor(versions['python'])} and JAX {_minor(versions['jax'])}",
        f"Made from `benchmarks/results/{path.name}`.",
    ]
    for part in parts:
        lines += [f"## {part['title']}"] if len(parts) > 1 else []
        lines += [_environment(part["environment"]), _table(part["rows"])]
        lines += ["\n".join(f"- {note}" for note in part.get("notes", ()))]
    return "\n\n".join(line for line in lines if line)


def _minor(version: str) -> str:
    return ".".join(version.split(".")[:2])


def _environment(environment: dict[str, Any]) -> str:
    named = ("device", "processor", "cores", "load", "dtype", "jax", "numpy", "scipy")
    return "; ".join(f"{name} {environment[name]}" for name in named if name in environment)


def _table(rows: list[dict[str, Any]]) -> str:
    names = list(dict.fromkeys(name for row in rows for name in row))
    lines = [
        names,
        ["---"] * len(names),
        *([_cell(row.get(name)) for name in names] for row in rows),
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.0f}" if 1e3 <= abs(value) < 1e9 else f"{value:.4g}"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return "" if value is None else str(value).replace("|", "\\|")
