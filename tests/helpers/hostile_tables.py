"""Hostile tables: a table that is known, in a file that was spoilt in a way with a right answer.

`make` gives the case of a number; `fate_of` reads its file, which has to be refused with a code, or
every cell has to be what was written.
"""

import bz2
import gzip
import io
import json
import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from scalejax.codes import CODES
from scalejax.data import parse_column
from scalejax.errors import InputError, UsageError
from scalejax.sources import read_source

NAMES = ("NA", "null", "a b", "x;y", "007", "1,5 mixture", "é", "=1+1", "don't", "-", "r|1")


@dataclass
class Case:
    """A file and what it says.

    Attributes:
        name: Of the file.
        content: Its bytes.
        numbers: What every number is.
        labels: What the column ``family`` holds.
        fate: ``"read"``, ``"refused"``, or ``"either"``, which is read right or refused.
    """

    name: str
    content: bytes
    numbers: dict[str, list[float]]
    labels: list[str]
    fate: str = "either"
    kinds: list[str] = field(default_factory=list)


def values(draw: random.Random, rows: int) -> dict[str, list[float]]:
    """Numbers with as many digits as people write, whole sizes and losses."""
    digits = draw.choice([2, 3, 4, 6])
    return {
        "N": [float(draw.randint(10**6, 10**10)) for _ in range(rows)],
        "D": [draw.randint(1, 99) * 10.0 ** draw.randint(8, 10) for _ in range(rows)],
        "loss": [round(draw.uniform(0.5, 12), digits) for _ in range(rows)],
    }


def written(draw: random.Random, value: float, style: str) -> str:
    """A number as a program writes it."""
    if style == "comma":
        return f"{value:.10g}".replace(".", ",")
    if style == "german":
        return f"{value:,}".translate(str.maketrans(",.", ".,")).removesuffix(",0")
    if style == "thousands":
        return f"{value:,}".removesuffix(".0")
    plain = [repr(value), f"{value:.17g}", f"{value:.16e}"]
    whole = [str(int(value)), f"{int(value):_}"] if value == int(value) else []
    return draw.choice(plain + whole)


def delimited(draw: random.Random, kinds: list[str]) -> Case:
    rows = draw.randint(2, 9)
    numbers = values(draw, rows)
    separator = draw.choice([",", ",", ";", "\t", "|", " "])
    style = draw.choice(["point"] * 3 + ["comma", "german", "thousands", "mixed"])
    labels = [draw.choice(NAMES) for _ in range(rows)]
    header = draw.sample(["N", "D", "loss", "family"], 4)
    kinds += ["text", WORDS[separator], style]
    lines = [header]
    for row in range(rows):
        own = draw.choice(["point", "comma"]) if style == "mixed" else style
        cells = {key: written(draw, column[row], own) for key, column in numbers.items()}
        lines.append([(cells | {"family": labels[row]})[column] for column in header])
    always = draw.random() < 0.3
    sure = style == "point"
    text = draw.choice(["\n", "\r\n"]).join(
        (separator * draw.choice([1, 3]) if separator == " " else separator).join(
            quoted(cell, separator, always) for cell in line
        )
        for line in lines
    )
    case = Case("runs.csv", text.encode(), numbers, labels, "read" if sure else "either", kinds)
    return spoil_text(draw, case, lines, separator)


WORDS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars", " ": "blanks"}


def quoted(cell: str, separator: str, always: bool) -> str:
    needs = always or any(mark in cell for mark in (separator, '"', "\n"))
    return f'"{cell}"' if needs else cell


def spoil_text(draw: random.Random, case: Case, lines: list[list[str]], separator: str) -> Case:
    """One thing that happens to text."""
    text = case.content.decode()
    ends = "\r\n" if "\r\n" in text else "\n"
    rows = text.split(ends)
    row = draw.randint(1, len(rows) - 1)
    spoil = draw.choice([
        "nothing", "mark", "blank lines", "last line", "cell too many", "cell too few",
        "other separator", "open quote", "Latin-1", "UTF-16", "NUL", "name twice", "end", "packed",
        "index", "suffix",
    ])  # fmt: skip
    case.kinds.append(spoil)
    match spoil:
        case "mark":
            case.content = b"\xef\xbb\xbf" + case.content
        case "blank lines":
            rows.insert(row, "")
        case "last line":
            rows.append("")
        case "cell too many":
            rows[row] += f"{separator}1"
        case "cell too few":
            rows[row] = rows[row].rsplit(separator, 1)[0]
        case "other separator":
            other = draw.choice([mark for mark in WORDS if mark not in (separator, " ")])
            rows[row] = rows[row].replace(separator, other)
        case "open quote":
            rows[row] = '"' + rows[row].lstrip('"')
        case "NUL":
            rows[row] += "\0"
        case "name twice":
            rows[0] = separator.join([*lines[0], lines[0][0]])
            rows[1:] = [f"{line}{separator}1" for line in rows[1:]]
        case "end":
            rows = [f"{line}{separator}" for line in rows]
        case "index":
            names = ["" if separator != " " else "i", *range(len(rows))]
            rows = [f"{name}{separator}{line}" for name, line in zip(names, rows, strict=False)]
    if spoil != "mark":
        case.content = ends.join(rows).encode()
    match spoil:
        case "Latin-1":
            case.content = case.content.replace("é".encode(), b"\xe9") + b"\xff"
        case "UTF-16":
            case.content = case.content.decode().encode("utf-16")
        case "packed":
            ending, pack = draw.choice(PACKED)
            case.name, case.content = case.name + ending, pack(case.content)
        case "suffix":
            case.name = draw.choice(["runs.txt", "runs.tsv", "runs.dat", "RUNS.CSV"])
    if spoil == "open quote":
        case.fate = "either"
    if spoil in MUST_BE_REFUSED or (spoil == "end" and separator != " "):
        case.fate = "refused"
    return case


MUST_BE_REFUSED = {
    "cell too many", "cell too few", "other separator", "Latin-1", "UTF-16", "NUL", "name twice",
}  # fmt: skip
PACKED = (
    (".gz", gzip.compress),
    (".bz2", bz2.compress),
    (".zst", lambda content: pa.Codec("zstd").compress(content, asbytes=True)),
)


def jsonish(draw: random.Random, kinds: list[str]) -> Case:
    rows = draw.randint(2, 9)
    numbers = values(draw, rows)
    labels = [draw.choice(NAMES) for _ in range(rows)]
    records: list[dict[str, Any]] = [
        {key: column[row] for key, column in numbers.items()} | {"family": labels[row]}
        for row in range(rows)
    ]
    for record in records:
        order = draw.sample([*record], len(record))
        record |= {"extra": draw.choice([{"a": {"b": 1}}, [1, [2]], None, True, "é\u2028"])}
        if draw.random() < 0.3:
            record["N"] = int(record["N"])
        for key in order:
            record[key] = record.pop(key)
    shape = draw.choice(["lines", "array", "columns", "split", "under", "pandas"])
    spoil = draw.choice([
        "nothing", "name twice", "deep", "digits", "surrogate", "NUL", "no record", "cut",
        "NUL key", "packed", "inf", "pretty",
    ])  # fmt: skip
    kinds += ["json", shape, spoil]
    case = Case("runs.json", b"", numbers, labels, "read", kinds)
    odd = draw.randrange(rows)
    match spoil:
        case "surrogate":
            records[odd]["\ud800" if draw.random() < 0.5 else "extra"] = "\udfff"
        case "NUL":
            records[odd]["extra"] = "a\0"
        case "NUL key":
            records[odd]["a\0b"] = 1
        case "digits":
            records[odd]["extra"] = "@"
        case "inf":
            records[odd]["extra"] = float("inf")
    text = shaped(shape, records, pretty=spoil == "pretty")
    match spoil:
        case "name twice":
            text = text.replace('"loss":', '"loss": 1, "loss":', 1)
            text = text.replace('["loss"', '["loss", "loss"', 1)
        case "deep":
            text = text.replace('"extra":', '"extra": ' + "[" * 100_000 + ", ", 1)
        case "digits":
            text = text.replace('"@"', "7" * 5000, 1)
        case "no record":
            text = f"{text}\n17" if shape == "lines" else f"[{text}, 17]"
        case "cut":
            # Whole lines that are gone leave no trace.
            text = text[: -draw.randint(1, 8 if shape == "lines" else len(text) // 2)]
        case "packed":
            ending, pack = draw.choice(PACKED)
            case.name += ending
            case.content = pack(text.encode())
    case.content = case.content or text.encode()
    if spoil in ("name twice", "deep", "surrogate", "NUL", "NUL key", "no record", "cut"):
        case.fate = "refused"
    if spoil in ("name twice", "deep") and shape == "split":
        case.fate = "either"  # a record's name is not there to be spoilt
    return case


def shaped(shape: str, records: list[dict[str, Any]], pretty: bool) -> str:
    header = list(dict.fromkeys(key for record in records for key in record))
    columns = {key: [record.get(key) for record in records] for key in header}
    indent = 2 if pretty and shape != "lines" else None
    match shape:
        case "lines":
            return "\n".join(map(json.dumps, records))
        case "array":
            return json.dumps(records, indent=indent)
        case "columns":
            return json.dumps(columns, indent=indent)
        case "split":
            rows = [[record.get(key) for key in header] for record in records]
            return json.dumps({"columns": header, "data": rows}, indent=indent)
        case "under":
            return json.dumps({"version": 1, "runs": records}, indent=indent)
    numbered = {key: dict(enumerate(column)) for key, column in columns.items()}
    return json.dumps(numbered, indent=indent)


def binary(draw: random.Random, kinds: list[str]) -> Case:
    rows = draw.randint(2, 9)
    numbers = values(draw, rows)
    labels = [draw.choice(NAMES) for _ in range(rows)]
    table = pa.table({**numbers, "family": labels})
    if draw.random() < 0.5:
        table = table.set_column(0, "N", pa.array([int(n) for n in numbers["N"]]))
    if draw.random() < 0.5:
        table = table.set_column(3, "family", table["family"].dictionary_encode())
    out = io.BytesIO()
    kind = draw.choice(["parquet", "feather"])
    if kind == "parquet":
        pq.write_table(table, out, compression=draw.choice(["snappy", "zstd", "none"]))
    else:
        options = pa.ipc.IpcWriteOptions(compression=draw.choice([None, "lz4", "zstd"]))
        with pa.ipc.new_file(out, table.schema, options=options) as file:
            file.write_table(table)
    content = bytearray(out.getvalue())
    # A bit that is flipped in Feather, which has no checks, is another value.
    spoil = draw.choice(["nothing", "cut", "other name", "grown", *["flip"] * (kind == "parquet")])
    kinds += [kind, spoil]
    match spoil:
        case "cut":
            del content[draw.randrange(1, len(content)) :]
        case "flip":
            # The ends say where everything lies.
            content[-draw.randint(1, 12)] ^= 1 << draw.randrange(8)
        case "grown":
            content += b"x"
    name = {"parquet": "runs.parquet", "feather": "runs.feather"}[kind]
    name = "runs.csv" if spoil == "other name" else name
    fate = {"nothing": "read", "other name": "read", "cut": "refused", "grown": "refused"}
    return Case(name, bytes(content), numbers, labels, fate.get(spoil, "either"), kinds)


def noise(draw: random.Random, kinds: list[str]) -> Case:
    """Bytes that say nothing, some of them behind a good beginning."""
    start = draw.choice([
        b"", b"N,D,loss\n", b"{", b"[", b"PAR1", b"ARROW1\0\0", b"PK\x03\x04", b"\x1f\x8b\x08",
        b"BZh9", b"\x28\xb5\x2f\xfd", b"\x80\x04", b"\xff\xfe", b"\x93NUMPY",
    ])  # fmt: skip
    ending = draw.choice(["csv", "json", "parquet", "feather", "xlsx", "csv.gz", "txt"])
    name = f"runs.{ending}"
    kinds += ["noise", name]
    content = start + draw.randbytes(draw.randint(0, 300))
    return Case(name, content, {}, [], "refused", kinds)


def make(number: int) -> Case:
    draw = random.Random(number)
    maker = draw.choice([delimited] * 5 + [jsonish] * 4 + [binary] * 2 + [noise])
    return maker(draw, [])


def is_right(case: Case, frame: pd.DataFrame) -> bool:
    """Whether every cell is what was written; cells that are refused later on are."""
    for column, numbers in case.numbers.items():
        parsed = parse_column(frame[column])
        bad = {*parsed.unreadable, *parsed.decimal_commas}
        good = [row for row in range(len(numbers)) if row + 1 not in bad]
        if len(frame) != len(numbers):
            return False
        if not np.array_equal(parsed.values[good], np.array(numbers)[good]):
            return False
    return frame["family"].astype(str).tolist() == case.labels


def fate_of(case: Case, folder: Path) -> str:
    """What becomes of a case: ``"read"``, ``"refused"``, or what is wrong with that."""
    path = Path(folder, case.name)
    path.write_bytes(case.content)
    codes: list[str] = []
    try:
        frame = read_source(path).frame
    except InputError as error:
        fate, codes = "refused", [problem.code for problem in error.problems]
    except UsageError:
        fate = "refused"
    else:
        fate = "read"
        if {*case.numbers} - {*frame.columns} or not is_right(case, frame):
            return f"read wrongly: {frame}"
    finally:
        path.unlink()
    if case.fate not in (fate, "either"):
        return f"{fate} with {codes}, and had to be {case.fate}"
    return fate if all(code in CODES for code in codes) else f"refused with {codes}"
