"""Output of fits: a summary or JSON on stdout, folders, a plot."""

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scalejax.cli.talk import print_json
from scalejax.errors import UsageError

if TYPE_CHECKING:
    from scalejax.fitting import Fit


def report(fits: Mapping[str, "Fit"], by: str | None, level: float, as_json: bool) -> None:
    """Print fits: one as a summary, many as a table with a row for each."""
    documents = {group: fit.to_dict(level) for group, fit in fits.items()} if as_json else {}
    if as_json:
        print_json(documents[""] if by is None else {"by": by, "fits": documents})
    elif by is None:
        print(fits[""].summary(level))
    else:
        print(_table(fits, by))


def save(
    fits: Mapping[str, "Fit"], out: Path, by: str | None, about: Mapping[str, Any] | None = None
) -> Iterator[Path]:
    """Save one fit in a folder, or each of many in a folder below it; `about` as for `Fit.save`."""
    from scalejax.fitting import check_folder

    folders = {group: out if by is None else out / _slug(group) for group in fits}
    for folder in folders.values():
        check_folder(folder)
        if by is not None and folder.is_symlink():
            raise UsageError(f"{folder} is a link; a fit of --by is saved in a folder of its own.")
    for group, fit in fits.items():
        yield fit.save(folders[group], about)


def draw(fit: "Fit", path: Path) -> None:
    """Draw a fit to a file."""
    draw_to(path, lambda plots: plots.plot_fit(fit))


def draw_to(path: Path, make: Callable[[Any], Any]) -> None:
    """Write a plot to a file whose ending says the type.

    Args:
        path: The file.
        make: Makes the axes, or an array of them, with `scalejax.plots`.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt
    import numpy as np

    from scalejax import plots
    from scalejax.files import staged

    figure = np.ravel(make(plots))[0].figure
    try:
        with staged(path) as file:
            figure.canvas.print_figure(file, format=path.suffix[1:] or None)
    finally:
        plt.close(figure)


def _slug(name: str) -> str:
    """A folder name that no group's name can abuse, and that no two groups share."""
    plain = re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-")[:40]
    return f"{plain or 'group'}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def _table(fits: Mapping[str, "Fit"], by: str) -> str:
    """Name, rows, status, parameters and condition of each fit; sentences for those that failed."""
    from scalejax.status import Status
    from scalejax.wording import aligned, retypable

    parameters = list(next(iter(fits.values())).params)
    rows = [
        [
            group,
            str(fit.table.n_rows),
            *(retypable(fit.params[name]) for name in parameters),
            f"{fit.condition:.3g}",
            fit.status.label,
        ]
        for group, fit in fits.items()
    ]
    lines = aligned([by, "rows", *parameters, "condition", "status"], rows)
    failed = dict.fromkeys(fit.status for fit in fits.values() if fit.status != Status.CONVERGED)
    if failed:
        lines += ["", *(f"{status.label}: {status.sentence}" for status in failed)]
    return "\n".join(lines)
