"""Codes of what is wrong where a table is completed or its rows are taken together."""

from scalejax.code_entry import Code

REDUCTION_CODES = (
    Code(
        "E180", "sweep where optima are wanted",
        "A law of the best rate, batch or size is fitted to optima. The table has a loss and "
        "several values of it at one point, so that each that was tried would count as a best one.",
        "Take the best of the sweep, {best_of:lr}: the minimum of a parabola in ln lr, or "
        "{best_of:lr:row} for the best row; or give a table of optima.",
        "N 1e8, D 2e9 with lr 0.001, 0.002 and 0.004",
    ),
    Code(
        "E181", "names that do not join",
        "A run of the log has no row in the second table, or the second table names a run twice.",
        "Add the rows that the message names, or write the names alike in both tables.",
        "{runs:sizes.csv} without the run n300M",
    ),
    Code(
        "E182", "column of both tables that differs",
        "The second table has a column that the first has too, with other cells.",
        "Remove or rename one of them.",
        "N 3e8 in the log and 3.1e8 in sizes.csv",
    ),
    Code(
        "E183", "name without one size",
        "N is to be read from names, and a name holds no size, several, or a product such as 8x7B.",
        "Write N in a column of its own, give it by {runs}, or exclude the rows.",
        "Qwen3-30B-A3B under {size_from:model}",
    ),
    Code(
        "E184", "batch of tokens or of sequences",
        "D would be the steps times a batch that may count tokens or sequences, or that of one "
        "device: a factor of a thousand.",
        "Say what a step is: {tokens_per_step:batch}, {tokens_per_step:batch*2048}, or a number.",
        "step 1000, batch_size 4096, seq_len 2048",
    ),
    Code(
        "E185", "metric with two values",
        "A long table (metric, value) has two values for the same metric and row.",
        "Remove copies, or add the column that tells them apart (run, seed, split).",
        "step 100, loss, 3.1 and step 100, loss, 3.2",
    ),
    Code(
        "E186", "run without an order",
        "Rows of one run have the same step or tokens, so that nobody can tell which is the last.",
        "Remove copies, or name what tells the runs apart: {run:run_id}.",
        "run a with two rows of step 1000 under {reduce:final}",
    ),
    Code(
        "E187", "nothing to average",
        "No two rows agree in everything but the columns that a mean may differ in.",
        "Name the other columns in which seeds differ too: {average:seed,run_id}.",
        "{average:seed} with another run_id in every row",
    ),
    Code(
        "E188", "sweep without an optimum",
        "At no point does a parabola have its minimum inside the rates that were tried, or fewer "
        "than three were tried.",
        "Sweep further out, or take the best row: {best_of:lr:row}.",
        "losses that fall to the highest rate at every size",
    ),
)  # fmt: skip
"""The codes from E180 to E188."""
