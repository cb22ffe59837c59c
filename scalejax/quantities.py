"""The vocabulary: what N, D, C, loss and the rest mean, in which unit, and in which range.

Laws name their inputs with these symbols; `scalejax.data` finds the columns of a table by the
aliases and checks values against the plausible ranges. A law may use an input that is not listed
here: it then needs a column of exactly that name and gets no range check. What a law gives is also
one of these: a loss, an error rate, a learning rate. Plausible ranges are set by judgement, wide
enough that a value outside is in another unit or wrong. `short_number` writes a large count as
people do, `amount` any value.
"""

import math
from dataclasses import dataclass

FLOP_PER_PAIR = 6.0
"""Training FLOP per parameter and token: compute C is 6 N D."""


@dataclass(frozen=True)
class Quantity:
    """A measured quantity.

    Attributes:
        symbol: The field's symbol, as used for the inputs of laws.
        meaning: A few words for help texts and plot axes.
        unit: Unit of the raw values.
        plausible: Range outside which a value is suspicious, in `unit`.
        aliases: Column names that mean this quantity. Case, separators and what trackers put in
            front do not count, nor does a unit in the name.
        weak: Names that mean it where no other column does.
        checked: Whether columns of it are checked: not where a law of your own may well use the
            name for something else.
    """

    symbol: str
    meaning: str
    unit: str
    plausible: tuple[float, float]
    aliases: tuple[str, ...] = ()
    checked: bool = True
    weak: tuple[str, ...] = ()

    @property
    def positive(self) -> bool:
        """Whether zero and negative values are impossible."""
        return self.plausible[0] > 0


N = Quantity(
    "N",
    "parameters",
    "parameters",
    (1e3, 1e15),
    (
        *("n", "params", "param", "parameters", "n_params", "n_parameters", "num_params"),
        *("num_parameters", "param_count", "params_count", "parameter_count", "param_size"),
        *("parameter_size", "model_size", "model_params", "model_parameters", "trainable_params"),
        *("trainable_parameters", "number of parameters", "number of params", "no of parameters"),
        *("no of params", "count of parameters", "model_size_params", "p_total", "parameter"),
        *("scaling_params", "num_scaling_params"),
    ),
)
D = Quantity(
    "D",
    "training tokens",
    "tokens",
    (1e3, 1e17),
    (
        *("d", "tokens", "training_tokens", "n_tokens", "num_tokens", "train_tokens"),
        *("tokens_seen", "tokens_trained", "trained_tokens", "total_tokens", "tokens_total"),
        *("token_count", "num_train_tokens", "n_train_tokens", "num_training_tokens"),
        *("n_training_tokens", "number of tokens", "number of training tokens", "seen_tokens"),
        *("num_tokens_seen", "n_tokens_seen", "train_tokens_seen", "consumed_tokens"),
        *("tokens_consumed", "tokens_processed", "pretraining_tokens", "pretrain_tokens"),
        *("dataset_tokens", "data_tokens", "total_train_tokens", "total_training_tokens"),
        *("train_tokens_total", "training_tokens_seen", "num_input_tokens_seen"),
        *("throughput/total_tokens",),
    ),
    weak=("data_size", "dataset_size", "training_data_size", "train_data_size"),
)
C = Quantity(
    "C",
    "training compute",
    "FLOP",
    (1e9, 1e32),
    (
        *("c", "flops", "flop", "compute", "training_flop", "training_flops", "train_flops"),
        *("train_flop", "total_flops", "total_flop", "training_compute", "train_compute"),
        *("total_compute", "compute_budget", "flops_budget", "flop_budget", "compute_flops"),
        *("compute_flop", "total_training_flops", "total_train_flops", "budget_flops"),
        *("budget_flop", "training_compute_budget", "num_flops", "n_flops", "flops_total"),
        *("training_compute_flops", "training_compute_flop", "number of flops"),
    ),
    weak=("budget",),
)
LOSS = Quantity("loss", "loss", "nats/token", (1e-3, 20.0))
"""Columns of losses are known by their words, see `scalejax.data.losses`."""

U = Quantity(
    "U",
    "unique training tokens",
    "tokens",
    (1e3, 1e17),
    ("unique_tokens", "tokens_unique", "unique", "data_budget"),
)
_BITS = (0.1, 128.0)
P_W = Quantity(
    "P_w",
    "bits of the weights",
    "bits",
    _BITS,
    ("weight_bits", "bits_w", "w_bits", "bits_weights", "precision_w"),
)
P_A = Quantity(
    "P_a",
    "bits of the activations",
    "bits",
    _BITS,
    ("activation_bits", "act_bits", "bits_a", "a_bits", "bits_activations", "precision_a"),
)
P_KV = Quantity(
    "P_kv",
    "bits of the KV cache",
    "bits",
    _BITS,
    ("kv_bits", "bits_kv", "kv_cache_bits", "precision_kv"),
)
P_POST = Quantity(
    "P_post",
    "bits of the weights after training",
    "bits",
    _BITS,
    ("post_bits", "ptq_bits", "bits_post", "post_training_bits", "precision_post"),
)
E_BITS = Quantity("E_bits", "exponent bits", "bits", (0.1, 16.0), ("exponent_bits", "exp_bits"))
M_BITS = Quantity("M_bits", "mantissa bits", "bits", (0.1, 64.0), ("mantissa_bits", "man_bits"))
BLOCK = Quantity(
    "block",
    "numbers per scaling factor",
    "numbers",
    (1.0, 1e9),
    ("block_size", "group_size", "quantization_block", "quantisation_block"),
)

X = Quantity("x", "amount of what is scaled", "units", (1e-12, 1e32), checked=False)
STEPS = Quantity(
    "S", "training steps", "steps", (1.0, 1e9), ("steps", "training_steps"), checked=False
)
STEP = Quantity(
    "step",
    "training step",
    "steps",
    (1.0, 1e9),
    ("steps", "global_step", "training_step", "training_steps", "train_steps", "iteration", "iter"),
)
M = Quantity(
    "M",
    "tokens per parameter",
    "tokens/parameter",
    (1e-3, 1e7),
    ("tokens_per_param", "tokens_per_parameter", "token_multiplier"),
    checked=False,
)
EXPERTS = Quantity("experts", "experts", "experts", (1.0, 1e6), ("n_experts", "num_experts"))
GRANULARITY = Quantity(
    "granularity", "experts that one dense layer is split into", "times", (0.01, 1e5)
)
SPARSITY = Quantity("sparsity", "share of the parameters that are zero or idle", "share", (0, 1))
N_V = Quantity("N_v", "parameters of the vocabulary", "parameters", (1e2, 1e12), ("n_vocab",))
D_C = Quantity("D_chars", "training characters", "characters", (1e3, 1e18), ("h_chars",))
L_TEACHER = Quantity(
    "L_teacher", "loss of the teacher", "nats/token", (1e-3, 20.0), ("teacher_loss",)
)
REPLICAS = Quantity("replicas", "model replicas", "replicas", (1.0, 1e6), ("n_replicas",))
STREAMS = Quantity("streams", "parallel streams of one model", "streams", (1.0, 1e5))
MSE = Quantity("mse", "squared error of a unit normal number after rounding", "", (0.0, 1.0))
K = Quantity(
    "k", "attempts at a problem", "attempts", (1.0, 1e9), ("attempts", "n_samples"), checked=False
)
D_F = Quantity("D_f", "fine-tuning data", "characters or examples", (1.0, 1e15), ("d_finetune",))
D_P = Quantity("D_p", "pre-training data", "tokens or examples", (1.0, 1e17), ("d_pretrain",))
L = Quantity(
    "L", "loss of the model", "nats/token", (1e-3, 20.0), ("loss", "val_loss"), checked=False
)
TASK_LOSS = Quantity("task_loss", "loss on the task", "nats", (1e-4, 50.0))
STAGE = Quantity("stage", "which of two responses a row holds", "0 or 1", (0, 1))
IS_COMPRESSED = Quantity("is_compressed", "whether trained in the format", "0 or 1", (0, 1))
SHARES = tuple(
    Quantity(f"r_{j}", f"share of domain {j} in the data", "share", (0.0, 1.0), aliases)
    for j in range(1, 6)
    for aliases in [(f"proportion_domain_{j}", f"share_{j}")]
)
DAYS = Quantity("days", "days since a start", "days", (0.0, 5e3))
UPSTREAM = Quantity("upstream_error", "upstream error", "share", (1e-6, 1.0))

_SPLITS = ("test", "val", "valid", "validation", "eval")
ERROR = Quantity(
    "error",
    "error rate",
    "share",
    (1e-6, 1.0),
    ("err", "error_rate", *(f"{split}_{one}" for split in _SPLITS for one in ("err", "error"))),
)
ACCURACY = Quantity(
    "accuracy",
    "accuracy",
    "share",
    (1e-6, 1.0),
    ("acc", *(f"{split}_{one}" for split in _SPLITS for one in ("acc", "accuracy"))),
)
OUTCOME = Quantity("outcome", "task loss, or odds of the accuracy", "see stage", (1e-9, 1e9))
COVERAGE = Quantity("coverage", "share of the problems solved", "share", (1e-9, 1.0))
LEARNING_RATE = Quantity(
    "lr",
    "peak learning rate",
    "per step",
    (1e-8, 10.0),
    ("learning_rate", "peak_lr", "max_lr", "peak_learning_rate", "max_learning_rate", "base_lr"),
)
BATCH = Quantity(
    "batch",
    "tokens per batch",
    "tokens",
    (1.0, 1e12),
    (
        *("batch_tokens", "tokens_per_batch", "tokens_per_step", "batch_size_tokens"),
        *("batch_size_in_tokens", "global_batch_tokens", "global_batch_size_tokens"),
    ),
)
EXTRA_LOSS = Quantity("extra_loss", "loss added", "nats/token", (1e-9, 20.0), ("delta_loss",))
DENSITY = Quantity("density", "parameters of the reference over one's own", "times", (1e-6, 1e6))
D_T = Quantity("D_t", "fine-tuning data that pre-training replaces", "characters", (1e-3, 1e20))
FLOP_PER_TOKEN = Quantity("flop_per_token", "training compute per token", "FLOP/token", (1e3, 1e16))
UNIGRAM_LOSS = Quantity(
    "unigram_loss",
    "loss less that of a unigram model",
    "nats/token",
    (-20.0, 20.0),
    ("lossu", "loss_u", "unigram_normalized_loss", "unigram_normalised_loss"),
)

QUANTITIES: dict[str, Quantity] = {
    q.symbol: q
    for q in (
        *(N, D, C, LOSS, U, P_W, P_A, P_KV, P_POST, E_BITS, M_BITS, BLOCK),
        *(
            X,
            STEPS,
            STEP,
            M,
            EXPERTS,
            GRANULARITY,
            SPARSITY,
            N_V,
            D_C,
            L_TEACHER,
            REPLICAS,
            STREAMS,
        ),
        *(MSE, K, D_F, D_P, L, TASK_LOSS, STAGE, IS_COMPRESSED, UPSTREAM),
        *(ERROR, ACCURACY, OUTCOME, COVERAGE, LEARNING_RATE, BATCH, EXTRA_LOSS, DENSITY),
        *(*SHARES, DAYS, D_T, FLOP_PER_TOKEN, UNIGRAM_LOSS),
    )
}

CHECKED: dict[str, Quantity] = {key: q for key, q in QUANTITIES.items() if q.checked}
"""The quantities whose columns are checked."""

_SCALES = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k"))


def short_number(value: float) -> str:
    """Three digits with k, M, B or T, as people write parameters and tokens."""
    size = abs(value)
    if not math.isfinite(value) or value == 0 or size >= 1e15 or size < 1e-3:
        return f"{value:.3g}"
    for scale, letter in _SCALES:
        # 999.6M is 1B and not 1e+03M.
        if size >= scale * 0.9995:
            return f"{value / scale:.3g}{letter}"
    return f"{value:.3g}"


def amount(value: float) -> str:
    """Five digits, or `short_number` for a thousand or more."""
    return f"{value:.5g}" if abs(value) < 1e3 else short_number(value)
