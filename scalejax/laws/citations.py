"""The sources of the laws, by the keys that ``@law(cite=...)`` names."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Citation:
    """A paper or an article.

    Attributes:
        authors: First author, or two.
        year: Year of the first version.
        title: Title.
        where: arXiv id, or address.
    """

    authors: str
    year: int
    title: str
    where: str

    def __str__(self) -> str:
        return f"{self.authors} ({self.year}). {self.title}. {self.where}"


CITATIONS: dict[str, Citation] = {
    "hoffmann2022": Citation(
        "Hoffmann et al.",
        2022,
        "Training Compute-Optimal Large Language Models",
        "arXiv:2203.15556",
    ),
    "muennighoff2023": Citation(
        "Muennighoff et al.", 2023, "Scaling Data-Constrained Language Models", "arXiv:2305.16264"
    ),
    "busbridge2025": Citation(
        "Busbridge et al.", 2025, "Distillation Scaling Laws", "arXiv:2502.08606"
    ),
    "kaplan2020": Citation(
        "Kaplan et al.", 2020, "Scaling Laws for Neural Language Models", "arXiv:2001.08361"
    ),
    "henighan2020": Citation(
        "Henighan et al.",
        2020,
        "Scaling Laws for Autoregressive Generative Modeling",
        "arXiv:2010.14701",
    ),
    "kumar2024": Citation("Kumar et al.", 2024, "Scaling Laws for Precision", "arXiv:2411.04330"),
    "sun2025": Citation(
        "Sun et al.", 2025, "Scaling Laws for Floating Point Quantization Training",
        "arXiv:2501.02423",
    ),
    "sardana2024": Citation(
        "Sardana et al.", 2024, "Beyond Chinchilla-Optimal: Accounting for Inference in Language "
        "Model Scaling Laws", "arXiv:2401.00448",
    ),
    "alabdulmohsin2022": Citation(
        "Alabdulmohsin et al.", 2022, "Revisiting Neural Scaling Laws in Language and Vision",
        "arXiv:2209.06640",
    ),
    "caballero2022": Citation(
        "Caballero et al.", 2022, "Broken Neural Scaling Laws", "arXiv:2210.14891"
    ),
    "gadre2024": Citation(
        "Gadre et al.", 2024, "Language models scale reliably with over-training and on downstream "
        "tasks", "arXiv:2403.08540",
    ),
    "rosenfeld2019": Citation(
        "Rosenfeld et al.", 2019, "A Constructive Prediction of the Generalization Error Across "
        "Scales", "arXiv:1909.12673",
    ),
    "farseer2025": Citation(
        "Li et al.", 2025,
        "Predictable Scale: Part II, Farseer: A Refined Scaling Law in Large Language Models",
        "arXiv:2506.10972",
    ),
    "bhagia2024": Citation(
        "Bhagia et al.", 2024, "Establishing Task Scaling Laws via Compute-Efficient Model Ladders",
        "arXiv:2412.04403",
    ),
    "ruan2024": Citation(
        "Ruan et al.", 2024, "Observational Scaling Laws and the Predictability of Language Model "
        "Performance", "arXiv:2405.10938",
    ),
    "michaud2023": Citation(
        "Michaud et al.", 2023, "The Quantization Model of Neural Scaling", "arXiv:2303.13506"
    ),
    "chen2025": Citation(
        "Chen et al.", 2025, "Scaling Law for Quantization-Aware Training", "arXiv:2505.14302"
    ),
    "ouyang2024": Citation(
        "Ouyang et al.", 2024, "Low-Bit Quantization Favors Undertrained LLMs", "arXiv:2411.17691"
    ),
    "frantar2025": Citation(
        "Frantar et al.", 2025, "Compression Scaling Laws: Unifying Sparsity and Quantization",
        "arXiv:2502.16440",
    ),
    "clark2022": Citation(
        "Clark et al.", 2022, "Unified Scaling Laws for Routed Language Models", "arXiv:2202.01169"
    ),
    "krajewski2024": Citation(
        "Krajewski et al.", 2024, "Scaling Laws for Fine-Grained Mixture of Experts",
        "arXiv:2402.07871",
    ),
    "ludziejewski2025": Citation(
        "Ludziejewski et al.", 2025,
        "Joint MoE Scaling Laws: Mixture of Experts Can Be Memory Efficient", "arXiv:2502.05172",
    ),
    "abnar2025": Citation(
        "Abnar et al.", 2025,
        "Parameters vs FLOPs: Scaling Laws for Optimal Sparsity for Mixture-of-Experts Language "
        "Models",
        "arXiv:2501.12370",
    ),
    "frantar2023": Citation(
        "Frantar et al.", 2023, "Scaling Laws for Sparsely-Connected Foundation Models",
        "arXiv:2309.08520",
    ),
    "charles2025": Citation(
        "Charles et al.", 2025,
        "Communication-Efficient Language Model Training Scales Reliably and Robustly: "
        "Scaling Laws for DiLoCo",
        "arXiv:2503.09799",
    ),
    "tao2024": Citation(
        "Tao et al.", 2024,
        "Scaling Laws with Vocabulary: Larger Models Deserve Larger Vocabularies",
        "arXiv:2407.13623",
    ),
    "ye2024": Citation(
        "Ye et al.", 2024,
        "Data Mixing Laws: Optimizing Data Mixtures by Predicting Language Modeling Performance",
        "arXiv:2403.16952",
    ),
    "deepseek2024": Citation(
        "DeepSeek-AI", 2024,
        "DeepSeek LLM: Scaling Open-Source Language Models with Longtermism", "arXiv:2401.02954",
    ),
    "steplaw2025": Citation(
        "Li et al.", 2025,
        "Predictable Scale: Part I, Optimal Hyperparameter Scaling Law in Large Language Model "
        "Pretraining",
        "arXiv:2503.04715",
    ),
    "llama2024": Citation(
        "Dubey et al.", 2024, "The Llama 3 Herd of Models", "arXiv:2407.21783"
    ),
    "minicpm2024": Citation(
        "Hu et al.", 2024,
        "MiniCPM: Unveiling the Potential of Small Language Models with Scalable Training "
        "Strategies",
        "arXiv:2404.06395",
    ),
    "hernandez2021": Citation(
        "Hernandez et al.", 2021, "Scaling Laws for Transfer", "arXiv:2102.01293"
    ),
    "mikami2021": Citation(
        "Mikami et al.", 2021, "A Scaling Law for Synthetic-to-Real Transfer: How Much Is Your "
        "Pre-training Effective?",
        "arXiv:2108.11018",
    ),
    "lin2024": Citation(
        "Lin et al.", 2024,
        "Selecting Large Language Model to Fine-tune via Rectified Scaling Law",
        "arXiv:2402.02314",
    ),
    "brown2024": Citation(
        "Brown et al.", 2024,
        "Large Language Monkeys: Scaling Inference Compute with Repeated Sampling",
        "arXiv:2407.21787",
    ),
    "schaeffer2025": Citation(
        "Schaeffer et al.", 2025,
        "How Do Large Language Monkeys Get Their Power (Laws)?", "arXiv:2502.17578",
    ),
    "parscale2025": Citation(
        "Chen et al.", 2025, "Parallel Scaling Law for Language Models", "arXiv:2505.10475"
    ),
    "scalerl2025": Citation(
        "Khatri et al.", 2025,
        "The Art of Scaling Reinforcement Learning Compute for LLMs", "arXiv:2510.13786",
    ),
    "xiao2024": Citation("Xiao et al.", 2024, "Densing Law of LLMs", "arXiv:2412.04315"),
    "tissue2024": Citation(
        "Tissue et al.", 2024, "Scaling Law with Learning Rate Annealing", "arXiv:2408.11029"
    ),
    "luo2025": Citation(
        "Luo et al.", 2025,
        "A Multi-Power Law for Loss Curve Prediction Across Learning Rate Schedules",
        "arXiv:2503.12811",
    ),
}  # fmt: skip
"""The sources by key."""
