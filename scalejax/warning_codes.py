"""Codes of what is odd about a table or a fit, and does not stop it."""

from scalejax.code_entry import Code

WARNING_CODES = (
    Code(
        "W201", "high loss",
        "A loss above 20 nats/token is worse than guessing among all tokens.",
        "Take the logarithm of a perplexity, convert another base ({loss_unit}), or mend a decimal "
        "comma.",
        "loss: 25.0",
    ),
    Code(
        "W202", "loss rises with compute",
        "The correlation of the logarithms of loss and compute is above 0.5.",
        "Check that the column is a loss, not an accuracy, and that no columns are mixed up.",
        "a column of accuracies under the name loss",
    ),
    Code(
        "W203", "repeated rows",
        "Rows equal an earlier row in all inputs (two at least) and the loss, and count double. "
        "Weights are not changed.",
        "Remove the copies, or {exclude} them.",
        "the same run exported twice",
    ),
    Code(
        "W204", "nearly repeated rows",
        "More than a tenth of the rows lie within 1 % of another one in every input: seeds, a "
        "sweep of something the law does not know, checkpoints, or copies with other rounding. "
        "Each counts in full. It is not said of rows with a cluster.",
        "Name the run with {run}, keep the best of a sweep, or remove the copies; leave seeds.",
        "N 7e7 and 7.01e7 at D 2e9",
    ),
    Code(
        "W205", "loss far from all others",
        "One or a few losses are ten times smaller or larger than their nearest neighbour.",
        "Correct the cell, or leave the row out with {exclude}.",
        "loss: 3.1, 2.9, 0.003, 2.7",
    ),
    Code(
        "W206", "unusual response",
        "The response lies outside the range that its quantity has in published work.",
        "Check its unit; the ranges are set by judgement.",
        "lr: 30 for a law of the best learning rate",
    ),
    Code(
        "W210", "few rows",
        "Fewer than p + 3 rows for p parameters: the errors are estimated from one or two numbers.",
        "Add runs, or fix a parameter; read intervals with care.",
        "6 rows for five parameters",
    ),
    Code(
        "W211", "two values of an input",
        "An exponent rests on two values, so that nothing shows whether a power law is right.",
        "Add runs at a third value.",
        "N: only 7e7 and 4e8",
    ),
    Code(
        "W212", "sigma far from the scatter",
        "The residuals are 100 times larger or smaller than sigma says, so that intervals that "
        "believe it are wrong.",
        "Give sigma in units of the loss: a standard deviation and not a variance or a weight.",
        "sigma: 5 for losses that scatter by 0.005",
        "fitting",
    ),
    Code(
        "W213", "constant loss",
        "All losses of a group are the same: any law that is constant is perfect.",
        "Name the column of final losses, such as {columns:loss=final}.",
        "loss: 2.5 in every row",
    ),
    Code(
        "W214", "names that group nothing",
        "A column of clusters or strata has one name for all rows, or another one for each.",
        "Name the column of runs, or leave the option out.",
        '{run:row_id}',
    ),
    Code(
        "W215", "C is no function of N and D",
        "The column of C is over 20 % off from the best 6 N D, k N D or (k N + a) D, in some rows "
        "or in so many that none of them is taken: other shapes of models, another unit, or no "
        "compute of training at all.",
        "Mend the rows, or say what a run costs: {flop_per_token:6N} is 6 N D.",
        "N 7e7, D 2e9, C 1.2e18 where other rows have C = 6 N D (8.4e17)",
    ),
    Code(
        "W217", "one compute budget",
        "All runs have nearly the same 6ND. The minimum over sizes is seen, the exponents hardly.",
        "Add runs at a second budget, at a tenth of the first for example.",
        "a single isoFLOP curve",
        "identify",
    ),
    Code(
        "W218", "weakly identified parameters",
        "The runs determine some parameters badly: small errors of the losses move them far.",
        "Add the runs that the message names, or fix a parameter; predictions between the runs "
        "may be good all the same.",
        "runs at 19 to 21 tokens per parameter",
        "identify",
    ),
    Code(
        "W219", "runs out of line",
        "Some runs are farther from the law through the others than noise goes, with heavy tails "
        "or without: 1 in 20 clean tables has one.",
        "Look them up, and leave out with {exclude} those that are wrong: few hardly move a fit.",
        "a run that is 8 % above where runs scatter by 1 %",
        "fitting",
    ),
)  # fmt: skip
