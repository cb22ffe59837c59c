"""The families of the study in hitchhiker.py: every public table that has models of several sizes.

A row is a checkpoint (or the end) of one model: family, model, N, D, loss. A family is one set of
models under one evaluation, so that the same models count again for another text.
"""

import numpy as np
import pandas as pd

import scalejax as sj

COLUMNS = ["family", "model", "N", "D", "loss"]
FEWEST_MODELS = 3
CLARK_TOKENS_PER_STEP = 256 * 2048
"""Tokens of a step of Clark et al. (arXiv:2202.01169): 128 or 256 sequences of 2048."""


def families() -> pd.DataFrame:
    """All families, as one frame with `COLUMNS`."""
    parts = [
        opt(), olmo1(), module_former(), olmo_ladder(), misfitting(), datablations(), gadre(),
        porian(), clark(), step_law(), gzip(), llama1(), pythia(), chinchilla(),
    ]  # fmt: skip
    runs = pd.concat([part[COLUMNS] for part in parts], ignore_index=True)
    good = np.isfinite(runs[["N", "D", "loss"]]).all(axis=1) & (runs[["N", "D", "loss"]] > 0).all(
        axis=1
    )
    runs = runs[good]
    sizes = runs.groupby("family")["N"].transform("nunique")
    return runs[sizes >= FEWEST_MODELS].reset_index(drop=True)


def _named(runs: pd.DataFrame, family: object, model: object) -> pd.DataFrame:
    return runs.assign(family=family, model=model)


def opt() -> pd.DataFrame:
    """OPT, perplexity on its validation text."""
    runs = sj.datasets.load("hitchhiker").query("family == 'OPT'")
    return _named(runs.assign(loss=np.log(runs["value"])), "OPT", runs["model"])


def olmo1() -> pd.DataFrame:
    """OLMo 1: two or three models, on many texts."""
    runs = sj.datasets.load("hitchhiker").query("family == 'OLMo-1'")
    runs = runs[runs["metric"].str.startswith("loss:")].rename(columns={"value": "loss"})
    name = "OLMo-1 " + runs["metric"].str.removeprefix("loss:")
    return _named(runs, name, runs["model"])


def module_former() -> pd.DataFrame:
    """ModuleFormer, a mixture of experts with N the active parameters."""
    runs = sj.datasets.load("hitchhiker").query("family == 'ModuleFormer-MoE'")
    runs = runs[runs["metric"].str.startswith("perplexity")]
    name = "ModuleFormer " + runs["metric"].str.removeprefix("perplexity:")
    return _named(runs.assign(loss=np.log(runs["value"])), name, runs["model"])


def olmo_ladder() -> pd.DataFrame:
    """The OLMo ladder: five sizes x five lengths with checkpoints (every eighth), eleven texts."""
    runs = sj.datasets.load("olmo-ladder")
    late = runs["D"] == runs.groupby("run")["D"].transform("max")
    runs = runs[(runs.groupby("run").cumcount() % 8 == 0) | late]
    texts = [name for name in runs if name.startswith("ce_")]
    long = runs.melt(["run", "N", "D"], texts, var_name="text", value_name="loss")
    return _named(long, "OLMo ladder " + long["text"].str.removeprefix("ce_"), long["run"])


def misfitting() -> pd.DataFrame:
    """The runs of (Mis)Fitting: for each size and length the best rate, with its checkpoints."""
    runs = sj.datasets.load("misfitting")
    last = runs.loc[runs.groupby("run")["D"].idxmax()]
    best = last.loc[last.groupby(["N", "D_planned"])["loss"].idxmin(), "run"]
    return _named(runs[runs["run"].isin(best)], "(Mis)Fitting", runs["run"])


def datablations() -> pd.DataFrame:
    """Muennighoff et al.: the runs with at most four epochs."""
    runs = sj.datasets.load("datablations")
    kept = runs[(runs["epochs"] <= 4) & (runs["variant"] == "main")]
    return _named(kept, "datablations", kept["run"])


def gadre() -> pd.DataFrame:
    """Gadre et al.: three training sets, each on three texts."""
    runs = sj.datasets.load("gadre")
    texts = ["loss_openlm", "loss_c4_val", "loss_paloma_c4_en"]
    long = runs.melt(["run", "train_data", "N", "D"], texts, var_name="text", value_name="loss")
    name = "Gadre " + long["train_data"] + " " + long["text"].str.removeprefix("loss_")
    return _named(long, name, long["run"])


def porian() -> pd.DataFrame:
    """Porian et al.: a family for each way to train and to count."""
    runs = sj.datasets.load("porian")
    ways = ["hparams", "warmup", "decay", "param_count", "loss_split"]
    name = "Porian " + runs[ways].astype(str).agg(" ".join, axis=1)
    return _named(runs, name, runs["N"].astype(int).astype(str) + "-" + runs.index.astype(str))


def clark() -> pd.DataFrame:
    """Clark et al.: sizes with checkpoints for each router and number of experts, on two texts."""
    runs = sj.datasets.load("clark-curves")
    runs = runs[(runs["step"] > 0) & (runs["k"] == 1)]
    runs = runs.assign(D=runs["step"] * CLARK_TOKENS_PER_STEP, N=runs["N_dense"])
    texts = ["loss_validation", "loss_pile"]
    keys = ["hyper_id", "router_type", "E", "N", "D"]
    long = runs.melt(keys, texts, var_name="text", value_name="loss")
    name = "Clark " + long["router_type"] + " E=" + long["E"].astype(str)
    return _named(long, name + " " + long["text"].str.removeprefix("loss_"), long["hyper_id"])


def step_law() -> pd.DataFrame:
    """The step law's grid: the best rate and batch for each size and length."""
    runs = sj.datasets.load("steplaw")
    best = runs.loc[runs.groupby(["N", "D"])["loss"].idxmin()]
    return _named(best, "step law", best.index.astype(str))


def gzip() -> pd.DataFrame:
    """Pandey: five grammars of different complexity."""
    runs = sj.datasets.load("gzip").rename(columns={"valid_loss": "loss"})
    return _named(runs, runs["dataset"], runs.index.astype(str))


def llama1() -> pd.DataFrame:
    """The training curves of LLaMA 1, every tenth point."""
    runs = sj.datasets.load("llama1-curves").iloc[::10]
    return _named(runs, "LLaMA 1", runs["model"])


def pythia() -> pd.DataFrame:
    """Pythia, perplexity on LAMBADA."""
    runs = sj.datasets.load("pythia")
    runs = runs[runs["D"] > 0]
    return _named(runs.assign(loss=np.log(runs["lambada_openai:ppl"])), "Pythia", runs["model"])


def chinchilla() -> pd.DataFrame:
    """The digitised Chinchilla runs and Llama 3's isoflops."""
    one = sj.datasets.load("chinchilla")
    one = one[~one["outlier5"].astype(bool)]
    two = sj.datasets.load("isoflop-llama3").query("qc_outlier == 0")
    return pd.concat(
        [
            _named(one, "Chinchilla", one.index.astype(str)),
            _named(two, "Llama 3", two.index.astype(str)),
        ]
    )
