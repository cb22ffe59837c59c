"""What every code of a problem means and how to mend it: ``E...`` refuse, ``W...`` warn.

`CODES` is the one list of them, `explain` words one entry for a terminal, and `page` renders the
page ``scalejax/codes.md``. Codes are stable: a number is never given a second meaning.
"""

from scalejax.code_entry import Code
from scalejax.reduction_codes import REDUCTION_CODES
from scalejax.vocabulary import worded
from scalejax.warning_codes import WARNING_CODES

_ALL = (
    Code(
        "E101", "missing or infinite value",
        "A cell of N, D, the loss, sigma or another input is empty, NaN or infinite.",
        'Complete the cell, or set such rows aside with {on_bad:drop}; they are listed.',
        "loss: NaN",
    ),
    Code(
        "E102", "loss that is not positive",
        "A loss is zero or negative, so that its logarithm does not exist.",
        "Give the loss itself, not a difference or a logarithm; a run that diverged is excluded or "
        'dropped with {on_bad:drop}.',
        "loss: -0.31",
    ),
    Code(
        "E103", "input that is not positive",
        "Parameters, tokens or FLOP are zero or negative; laws take their logarithm.",
        'Correct the cell, exclude the row, or drop such rows with {on_bad:drop}.',
        "D: 0 (a checkpoint before the first step)",
    ),
    Code(
        "E110", "column that looks like units of B or M",
        "A typical value is below 1e3 (for C: below 1e9), which no run has in raw units.",
        'Say the unit, {units:N=M}, or write raw numbers.',
        "N: 70, 160, 410 (millions)",
    ),
    Code(
        "E111", "mixed units",
        "A column jumps by more than five decades with nothing between, a loss by three, or D/N "
        "lies outside 0.01 to 1e5 tokens per parameter, typically or by a jump: probably a matter "
        "of units.",
        "Write all rows in raw units. If an odd D/N is right (fine-tuning, the first checkpoints), "
        'state the unit: {units:D=1}.',
        "D: 2e10, 4e10, 20, 8e10",
    ),
    Code(
        "E112", "two units for one column",
        "The header, the cells and the units that you gave say different things, or the unit of "
        "the header makes numbers that no run has.",
        "Leave out what is wrong; {units:N=1} says that the numbers are raw.",
        "header Tokens (B), and cells such as 2e9",
    ),
    Code(
        "E113", "response outside its range",
        "What the law gives cannot have such values: a share lies between 0 and 1.",
        "If they are per cent, say so: {units:accuracy=0.01}.",
        "acc: 27, 40, 60 for a law of the accuracy",
    ),
    Code(
        "E120", "cell that is no number",
        "A cell of a column of numbers cannot be read exactly. Known are digits, exponents, "
        "underscores, quoted thousands separators and the suffixes k, M, B, G, T and P. In a "
        "column to exclude by, a cell is neither 0 nor 1.",
        'Correct the cell, or drop such rows with {on_bad:drop}.',
        'N: "70 million"',
    ),
    Code(
        "E121", "ragged rows",
        "Rows have more or fewer cells than the header, quotes do not pair up, or JSON holds no "
        "records, or could hold two tables. Readers that repair this shift columns in silence.",
        "Quote numbers with thousands separators or write them without, remove commas at the end "
        "of lines, and write one JSON object per line or an array of them.",
        "100,000,000,2e9,3.1 under the header N,D,loss",
    ),
    Code(
        "E122", "two separators or decimal marks in one file",
        "Decimal commas, and columns separated by semicolons, tabs, bars or blanks, are read where "
        "the whole file agrees. Here some rows say one thing and some another, or a cell such as "
        "3,141 may be two numbers.",
        'Save with one separator and decimal points, or pass pandas.read_csv(..., sep=";", '
        'decimal=",").',
        "N;loss and below it 1e8;3,1 and 2e8;2.9",
    ),
    Code(
        "E123", "text that is not UTF-8",
        "The file is UTF-16, Latin-1 or binary, or JSON in it holds NUL or half a surrogate pair; "
        "a UTF-8 mark at the beginning is fine.",
        "Save the file as UTF-8.",
        "A file saved as 'Unicode text' by a spreadsheet",
    ),
    Code(
        "E124", "two candidates for a column",
        "Several columns may hold a quantity; guessing could fit the wrong one.",
        'Say which one it is: {columns:N=params}.',
        "columns N and params in one file",
    ),
    Code(
        "E125", "repeated column name",
        "Two columns have the same name, or a JSON object has a name twice.",
        "Rename or remove one of them.",
        "N,D,loss,N",
    ),
    Code(
        "E126", "missing column",
        "No column is known to hold a quantity that the law needs, or a column that you named is "
        "not there.",
        'Name it: {columns:D=tokens_in_billions}; the message lists the columns found.',
        "header: N,loss",
    ),
    Code(
        "E127", "no rows",
        "The file is empty, has only a header, or all rows were excluded or dropped.",
        "Add one row per run, or exclude fewer.",
        "N,D,loss and nothing below",
    ),
    Code(
        "E128", "empty name",
        "A row has no name of its group, cluster or stratum. 'NA' and 'null' are names.",
        'Give one to every row, or drop such rows with {on_bad:drop}.',
        'family: ""',
    ),
    Code(
        "E129", "column of a type that is no number",
        "The column holds booleans, dates, complex numbers, lists or records.",
        "Give a column of plain numbers (or of plain names), or flatten the nested one.",
        'N: {"total": 7e7, "embedding": 2e7}',
    ),
    Code(
        "E130", "too few rows",
        "A law with p parameters needs p + 1 rows in every group at the least; p of them are met "
        "exactly whatever the law is.",
        "Add runs, pool groups, or choose a law with fewer parameters.",
        "5 rows for the five parameters of the Chinchilla law",
    ),
    Code(
        "E131", "one value of an input",
        "All rows of a group have the same N (or D, ...), so that its exponent is undetermined.",
        "Add runs at other values, or choose a law without this input.",
        "N: 7e7 in every row",
    ),
    Code(
        "E132", "too few values of an input for the parameters",
        "With one or two values of N (or D) the floor, the coefficient and the exponent of its "
        "term cannot be told apart: three unknowns, two numbers.",
        "Add runs at a third value, or fix one of the parameters.",
        "N: only 7e7 and 4e8, with E, A and alpha all free",
        "identify",
    ),
    Code(
        "E133", "one ratio of tokens to parameters",
        "All runs lie on a line of slope 1 in (ln N, ln D), such as 20 tokens per parameter. The "
        "two terms of the law then look like one.",
        "Add runs with another D/N, at two sizes at the least.",
        "D = 20 N in every row",
        "identify",
    ),
    Code(
        "E134", "parameters that trade off",
        "Some parameters can move together without any prediction changing: the runs determine a "
        "combination of them only.",
        "Add the runs that the message names, or fix or tie a parameter.",
        "N from 1e8 to 1.2e8 only",
        "identify",
    ),
    Code(
        "E140", "weight that is negative or no number",
        "Weights are zero or positive; zero leaves a row out.",
        "Correct the cell.",
        "w: -1",
    ),
    Code(
        "E141", "infinite weight",
        "A point with infinite weight would have to be met exactly.",
        "Give a large finite weight, or constrain the law instead ({fixed}, {bounds}).",
        "w: inf",
    ),
    Code(
        "E142", "weights that leave too few rows",
        "All weights are zero, or fewer rows than p + 1 have a positive one.",
        "Give more rows a positive weight.",
        "w: 0 in every row",
    ),
    Code(
        "E143", "sigma that is not positive",
        "Sigma is the standard deviation of a loss; the weight is 1/sigma**2.",
        "Give standard deviations in units of the loss; if you have weights, use {weights}.",
        "sigma: 0",
    ),
    Code(
        "E144", "both sigma and weights",
        "They say the same in opposite ways: a small sigma is a large weight.",
        "Give one of them.",
        '{sigma:sd}, {weights:w}',
    ),
    Code(
        "E145", "bounds that cannot hold",
        "The bounds of a parameter are crossed, a start lies outside them, or the floor E must be "
        "above the smallest loss.",
        "Correct {bounds}; a floor lies below all losses.",
        '{bounds:E=2.5:4} with a smallest loss of 2.1',
        "fitting",
    ),
    Code(
        "E150", "run that changes its size",
        "Rows of one run (the inner level of nested clusters, or the run of a study) have "
        "different N. A run has one model; two runs under one name would be resampled as one.",
        "Give every run a name of its own, or name only the family in {run}.",
        '{run:family}, run 3 with N 7e7 and 4e8',
    ),
    Code(
        "E160", "file type that is not read",
        "Pickle files can run code; others are unknown, are of several kinds in one folder, or "
        "need a package that is not installed.",
        "Save the table as CSV, JSON, Parquet or Feather; export a spreadsheet as CSV; install "
        "what the message names.",
        "runs.pickle",
    ),
    Code(
        "E161", "file that is too large",
        "Unpacked, the file exceeds the limit of 2 GiB, or 200 times its compressed size, or "
        "nearly all of its cells would be empty, as in a file that was made to fill the memory.",
        "If it is what you think it is, allow more: {max_bytes} or SCALEJAX_MAX_BYTES.",
        "a runs.csv.gz of 10 kB that holds 10 GB",
    ),
    Code(
        "E162", "file that cannot be read",
        "It does not exist, is a device or a pipe, is damaged, may not be opened, or has no such "
        "sheet.",
        "Check the path and the working directory, or save the file again.",
        "a runs.csv.gz that was cut off while copying",
    ),
    Code(
        "E170", "compute budget that is no budget",
        "A budget is a positive number of FLOP below 1e32.",
        "Write it as a number, 1e24, or with a suffix.",
        "budget: 0",
        "optima",
    ),
    *REDUCTION_CODES,
    Code(
        "E301", "formula with something that is not allowed",
        "A formula has names, numbers, + - * / **, and a few functions; it is never run as code.",
        "Write the law with those; the message gives the column and what is allowed. Anything "
        "else is a Python function, --law file.py:name.",
        "E + A.__class__",
        "laws",
    ),
    Code(
        "E302", "formula that is no law",
        "The formula can be read but has no input, no parameter, or contradicts itself.",
        "Use at least one of the inputs N, D, C ... and one parameter.",
        "N**2",
        "laws",
    ),
    Code(
        "E303", "no law named, and several could be meant",
        "Sizes with steps but no tokens, or an accuracy and no loss, may be of several laws.",
        "Name the law: {law:floor_power_step}; `scalejax laws` lists all.",
        "header: N,step,loss",
        "laws",
    ),
    *WARNING_CODES,
)  # fmt: skip

CODES: dict[str, Code] = {entry.code: entry for entry in _ALL}
"""Every code, in order."""


def explain(code: str) -> str:
    """The entry of a code in a few lines, for a terminal.

    Raises:
        KeyError: There is no such code.
    """
    entry = CODES[code]
    lines = (
        f"{entry.code} ({entry.severity}): {entry.title}",
        entry.meaning,
        f"To do: {worded(entry.remedy)}",
        f"Example: {worded(entry.example)}",
    )
    return "\n".join(lines)


def page() -> str:
    """The page of all codes, in Markdown."""
    parts = [_INTRODUCTION]
    for entry in CODES.values():
        parts.append(
            f"## {entry.code}: {entry.title}\n\n{entry.meaning}\n\n"
            f"**To do:** {worded(entry.remedy)}\n\n**Example:** `{worded(entry.example)}`\n"
        )
    return "\n".join(parts)


_INTRODUCTION = """\
# What the codes mean

Wrong data are refused (codes that start with E), odd data are fitted with a warning (W), and
nothing is repaired in silence. All problems of a table come together, each with its column and
rows; row 1 is the first below the header. `scalejax check runs.csv` lists them for a file and
`scalejax check --explain E101` explains one. Arguments of Python are options on the command line:
`units={"N": "M"}` is `--units N=M`, `on_bad="drop"` is `--on-bad drop`.
"""
