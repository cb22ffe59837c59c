"""The content of a report as one HTML file that needs nothing else.

The page holds no script and asks for nothing from outside, which its content security policy also
forbids. Names come from data, so every value is escaped by the template engine, and characters
that cannot be seen are written out.
"""

from pathlib import Path
from typing import Any

from markupsafe import Markup

from scalejax.data import to_csv
from scalejax.errors import UsageError
from scalejax.files import check_writable, settle, staged
from scalejax.fitting import Fit
from scalejax.html_file import check_html_path, rendered, save_html
from scalejax.reporting.assembly import ReportOptions, content
from scalejax.reporting.blocks import Grid, Report
from scalejax.wording import html_table

TEMPLATE = "page.html.j2"

MARK = '<meta name="generator" content="scalejax report">'
"""The tag by which a report of ours is known, so that no other file is overwritten."""


_TABLES = frozenset(f"{name}.csv" for name in Report.FRAMES)


def to_html(content: Report) -> str:
    """The page of a report."""
    return rendered(Path(__file__).parent / TEMPLATE, report=content, table=_table)


def render(fit: Fit, **options: Any) -> str:
    """A report of a fit as one HTML page.

    Args:
        fit: The fit, of any status.
        **options: ``at=``, ``level=``, ``title=``, ``discrepancy=`` and ``about=``, see
            `scalejax.reporting.ReportOptions`.

    Returns:
        The page. Refits take some seconds.

    Raises:
        UsageError: A point does not go with the law.
    """
    return to_html(content(fit, ReportOptions(**options)))


def report(fit: Fit, out: str | Path, **options: Any) -> Path:
    """Write a report of a fit to a file, which appears complete or not at all.

    Args:
        fit: The fit, of any status.
        out: The file; a report that was there before is replaced.
        **options: As for `render`.

    Returns:
        The path.

    Raises:
        UsageError: The path is a folder or a file of another kind, or its folder does not exist.
        DiskError: The file cannot be written.
    """
    check_path(out)
    return save(render(fit, **options), out)


def check_path(path: str | Path) -> None:
    """Refuse a path that a report cannot be written to.

    Raises:
        UsageError: It is a folder or a file that is no report, or its folder does not exist.
    """
    check_html_path(path, MARK, "report")


def save(page: str, path: str | Path) -> Path:
    """Write a page to a file.

    Raises:
        UsageError: As `check_path` does.
        DiskError: It cannot be written.
    """
    return save_html(page, path, MARK, "report")


def check_folder(folder: str | Path) -> None:
    """Refuse a folder that the tables of a report cannot be written to.

    Raises:
        UsageError: It is a file, or holds anything but such tables.
    """
    path = Path(folder)
    settle(path)
    if path.exists() and not path.is_dir():
        raise UsageError(f"{folder} is a file; name a folder for the tables.")
    if path.is_dir() and {item.name for item in path.iterdir()} - _TABLES:
        raise UsageError(f"the folder {folder} holds other files; name a new one for the tables.")
    check_writable(path)


def save_tables(report: Report, folder: str | Path) -> list[Path]:
    """Write the numbers behind a report as CSV files, one for each frame.

    Args:
        report: The report.
        folder: Where to; made if need be. Tables that were there before are replaced.

    Returns:
        The files.

    Raises:
        UsageError: As `check_folder` does.
        DiskError: They cannot be written.
    """
    check_folder(folder)
    place = Path(folder)
    with staged(place.resolve(), former=_TABLES) as beside:
        beside.mkdir(parents=True)
        for name, frame in report.frames.items():
            to_csv(frame, beside / f"{name}.csv")
    return [place / f"{name}.csv" for name in report.frames]


def _table(grid: Grid) -> Markup:
    return Markup(html_table(grid.caption, grid.header, grid.rows, grid.texts))
