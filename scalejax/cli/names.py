"""Names of laws, published sets and datasets, so that the command knows them before JAX is loaded.

A test compares them with the registries.
"""

# fmt: off
LAWS = (
    "chinchilla", "chinchilla_tied", "outer_exponent", "quanta", "farseer", "rosenfeld2019",
    "kaplan", "kaplan_steps", "power_N", "floor_power_N", "power_D", "floor_power_D", "power_C",
    "floor_power_C", "floor_power_step", "m3", "m4", "bnsl1", "bnsl2", "bnsl3", "kumar2024",
    "kumar2024_ptq", "kumar2024_unified", "sun2025", "qat_degradation", "ouyang2024", "compressed",
    "data_constrained", "gadre2024", "error_of_loss", "ladder", "logistic_C", "clark2022",
    "krajewski2024", "ludziejewski2025", "abnar2025", "frantar2023", "tao2024", "mixture_5",
    "busbridge2025", "diloco2025", "lr_from_C", "lr_from_N_D", "lr_from_N_experts",
    "batch_from_C", "batch_from_D", "N_from_C", "D_from_C", "D_from_N", "M_from_C", "S_from_C",
    "flop_per_token_from_C", "N_v_from_C", "hernandez2021", "mikami2021", "rectified",
    "brown2024", "schaeffer2025", "parscale2025", "scalerl2025", "density_trend",
)
"""Laws of the registry."""

ALIASES = ("skaling",)
"""Other names that laws are found by."""

SETS = (
    "abnar2025", "besiroglu2024", "busbridge2025", "chen2025-W16A4", "chen2025-W16A4-FC2-A8",
    "chen2025-W4A16", "chen2025-W4A4", "chen2025-W4A4-FC2-A8", "clark2022-dense",
    "clark2022-hash", "clark2022-rl-r", "clark2022-s-base", "deepseek2024", "devries2023",
    "diloco2025", "frantar2023-t5", "frantar2023-vit", "gadre2024-c4", "gadre2024-c4-17",
    "gadre2024-c4-46", "gadre2024-redpajama", "gadre2024-redpajama-17", "gadre2024-redpajama-46",
    "gadre2024-refinedweb", "gadre2024-refinedweb-17", "gadre2024-refinedweb-46",
    "hernandez2021-text", "hernandez2021-text-and-code", "hoffmann2022", "hoffmann2022-tex",
    "kaplan2020", "kaplan2020-overfit", "krajewski2024", "krajewski2024-dense", "kumar2024",
    "llama3-figure", "llama3-text", "ludziejewski2025", "minicpm2024", "muennighoff2023",
    "muennighoff2023-repetition", "ouyang2024", "parscale2025-pile", "parscale2025-stack",
    "sardana2024-100", "sardana2024-250", "sardana2024-500", "sardana2024-all", "steplaw2025",
    "sun2025", "swebench-lite", "tao2024", "tao2024-refit",
)
"""Published sets of coefficients."""

DATASETS = (
    "golden36", "chinchilla", "chinchilla-isoflop", "hitchhiker", "gadre", "porian",
    "porian-optima", "porian-fits", "datablations", "datablations-curves", "llama1-curves",
    "multipower", "steplaw", "steplaw-bootstrap", "misfitting", "misfitting-fsx",
    "misfitting-moe", "isoflop-llama3", "clark", "clark-curves", "scalebench", "ptq",
    "published-constants", "latency-llama2", "parscale", "olmo-ladder", "pythia", "openclip",
    "openclip-curves", "sft", "vocabulary", "mixture", "gzip",
)
"""Tables that `scalejax.datasets` has."""
# fmt: on
