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
}  # fmt: skip
