"""One HTML file that needs nothing else: its template, its escaping, and where it may be written.

Names come from data, so every value is escaped by the template engine, and characters that cannot
be seen are written out.
"""

from pathlib import Path
from typing import Any

import jinja2

from scalejax.errors import UsageError
from scalejax.files import check_writable, write_bytes
from scalejax.wording import printable

# Bytes from the beginning of a page that hold the mark; templates have it at the top.
_MARK_WITHIN = 400


def rendered(template: Path, **values: Any) -> str:
    """A template with its values, escaped."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(template.parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_visible,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template.name).render(**values)


def check_html_path(path: str | Path, mark: str, what: str) -> None:
    """Refuse a path that an HTML file cannot be written to.

    Args:
        path: The file.
        mark: The tag by which a file of ours is known, so that no other file is overwritten.
        what: What it is, ``"report"``.

    Raises:
        UsageError: It is a folder or a file without the mark, or its folder does not exist.
    """
    target = Path(path)
    if target.is_dir():
        raise UsageError(f"{path} is a folder; name a file such as {what}.html.")
    if not target.absolute().parent.is_dir():
        raise UsageError(f"there is no folder {target.parent} to write a {what} in.")
    if target.exists() and not _has_mark(target, mark):
        raise UsageError(f"{path} exists and is no {what} of ours; name another file.")
    check_writable(target)


def save_html(page: str, path: str | Path, mark: str, what: str) -> Path:
    """Write a page to a file, which appears complete or not at all.

    Raises:
        UsageError: As `check_html_path` does.
        DiskError: It cannot be written.
    """
    check_html_path(path, mark, what)
    write_bytes(page.encode("utf-8"), Path(path))
    return Path(path)


def _has_mark(path: Path, mark: str) -> bool:
    try:
        with path.open("rb") as file:
            return mark.encode() in file.read(_MARK_WITHIN)
    except OSError:
        return False


def _visible(value: Any) -> Any:
    """Text of which every character can be seen: control characters are written out.

    What is escaped already has been through here.
    """
    if not isinstance(value, str) or hasattr(value, "__html__") or value.isprintable():
        return value
    return printable(value)
