"""The public run tables that scalejax knows: where each is from, its units, and its traps.

They are kept as cleaned CSV files in a folder that ``SCALEJAX_DATA`` names; the SHA-256 of a file
says whether it is the one that published numbers were checked against. None is shipped.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class RunTable:
    """A public table of runs.

    Attributes:
        name: Name for `scalejax.datasets.load`.
        path: Path below the folder.
        sha256: SHA-256 of the file, hex.
        source: Repository and paper.
        licence: Licence of the numbers, as far as one is stated.
        units: The main columns, with their units.
        serves: What it is good for.
        caveat: What to mind when using it.
    """

    name: str
    path: str
    sha256: str
    source: str
    licence: str
    units: str
    serves: str
    caveat: str = ""


TABLES: dict[str, RunTable] = {
    table.name: table
    for table in (
        RunTable(
            "chinchilla-isoflop",
            "chinchilla_epoch/chinchilla_isoflop_scalefit.csv",
            "feaa13c18633dc6e3118aab042c297b0f9313da209d180cb7e240a1d473c7ea5",
            source="arXiv:2203.15556, figure 3, as digitised by apple/ml-scalefit",
            licence="numbers read from a figure",
            units="C FLOP, N, D; loss nats/token",
            serves="isoFLOP slices",
            caveat="qc_outlier marks points that the digitisers distrust",
        ),
        RunTable(
            "hitchhiker",
            "hitchhiker_families/hitchhiker_families.csv.gz",
            "588a4ac148b2533edddec269c6b6408e031bc9207b49c6570a5eebcf01d07f67",
            source="IBM/ColPret; arXiv:2410.11840",
            licence="MIT",
            units="N, D, C; value is a loss or a perplexity, by metric",
            serves="learning curves of 40 families, choice of checkpoints",
            caveat="losses of different families cannot be compared",
        ),
        RunTable(
            "gadre",
            "gadre_overtraining/gadre_overtraining.csv",
            "f01193507b890bbc6ba1f680999efcb44e32138992d81cb6eb963095094d2e26",
            source="mlfoundations/scaling; arXiv:2403.08540",
            licence="MIT",
            units="N, D, C = 6 N D; losses nats/token, errors shares",
            serves="over-training, downstream error",
            caveat="many losses: name one, such as loss_c4_val",
        ),
        RunTable(
            "porian",
            "porian_refinedweb/porian_refinedweb.csv",
            "e1983ee898fb0b61c70f7cfd6e88dcbefb34948506e7a684c5cf64d1896780e0",
            source="formll/resolving-scaling-law-discrepancies; arXiv:2406.19146",
            licence="MIT-style",
            units="C FLOP, N, D; loss nats/token",
            serves="compute-optimal exponents",
            caveat="one set of runs under three counts of parameters: choose one",
        ),
        RunTable(
            "porian-optima",
            "porian_refinedweb/porian_refinedweb_published_optima.csv",
            "5049bd79f3bbd26f1e55826ed3a7cce0e089d69162b38a13f1b563edee087abd",
            source="formll/resolving-scaling-law-discrepancies; arXiv:2406.19146",
            licence="MIT-style",
            units="C FLOP, N, D",
            serves="published optima of each budget",
            caveat="rows are results, not runs",
        ),
        RunTable(
            "porian-fits",
            "porian_refinedweb/porian_refinedweb_published_fits.csv",
            "09e6e84f724510f36c35c76ce641e62235a81f141f04aceeb5f4fd0a52b205b5",
            source="formll/resolving-scaling-law-discrepancies; arXiv:2406.19146",
            licence="MIT-style",
            units="exponents",
            serves="published exponents",
            caveat="rows are results, not runs",
        ),
        RunTable(
            "datablations",
            "datablations/datablations.csv",
            "5a92a549e426f2e8d85245dbd940cea1c9bfc7f3a35a6b0aceb4edcb60cc9190",
            source="huggingface/datablations; arXiv:2305.16264",
            licence="Apache-2.0 and MIT",
            units="N, D, U tokens; loss nats/token",
            serves="repeated data",
            caveat="in_fit182 marks the rows of the published fit; losses of many epochs rise",
        ),
        RunTable(
            "datablations-curves",
            "datablations/datablations_curves_c4.csv",
            "e38633b13c3cf74e64f64cf89bca0e0d7bff873433826f0bfd24b65b81f3bad6",
            source="huggingface/datablations; arXiv:2305.16264",
            licence="Apache-2.0 and MIT",
            units="N, D, U tokens; loss nats/token",
            serves="curves of runs with repeated data",
            caveat="checkpoints: declare the run as cluster",
        ),
        RunTable(
            "llama1-curves",
            "llama1_curves/llama1_curves.csv",
            "db1752a6f0ac9cc5a7b5c602e03a508b42d754a7ea152a436e7a37913521401c",
            source="espadrine/espadrine.github.com; arXiv:2302.13971",
            licence="numbers read from a figure",
            units="N, D; loss nats/token; gpu_hours",
            serves="loss against GPU-hours",
            caveat="training losses on a cosine schedule; the early hours are a few per cent off",
        ),
        RunTable(
            "multipower",
            "multipowerlaw_25m_100m/multipowerlaw_25m_100m.csv",
            "10dfdc9266ba1f12d12c59b023b4072b02c3770d008db8fb279ba993aca54a6f",
            source="thu-yao-01-luo/MultiPowerLaw; arXiv:2503.12811",
            licence="MIT",
            units="step; loss nats/token",
            serves="laws of the learning-rate schedule",
            caveat="the sums of the law include the warm-up steps, which the log does not show",
        ),
        RunTable(
            "steplaw",
            "steplaw_dense/steplaw_dense.csv",
            "c6809c6babce3e6b34ec985180957cee3105a1d7fa89347728fb811a364108a1",
            source="step-law/steplaw; arXiv:2503.04715",
            licence="no licence file",
            units="N without embeddings, D; batch_tokens; loss nats/token",
            serves="best learning rate and batch",
            caveat="diverged runs, of losses near 11, are kept on purpose",
        ),
        RunTable(
            "steplaw-bootstrap",
            "steplaw_dense/steplaw_published_bootstrap_params.csv",
            "46416eac8a2ca157f96d6f3fe1ee6ac3b509d1be71465da459886e67d310d1e2",
            source="step-law/steplaw; arXiv:2503.04715",
            licence="no licence file",
            units="logarithms and exponents",
            serves="published resamples of the step law",
            caveat="rows are results, not runs",
        ),
        RunTable(
            "misfitting",
            "misfitting/misfitting.csv",
            "12d869de17d5e64f003c3f0125840fbab69df2aeeefb793155f5ee67bce77f8a",
            source="hadasah/scaling_laws; arXiv:2502.18969",
            licence="no licence file",
            units="N, N_nonemb, D; loss nats/token",
            serves="what a fit depends on",
            caveat="checkpoints: declare the run as cluster; E is weakly identified",
        ),
        RunTable(
            "misfitting-fsx",
            "misfitting/misfitting_fsx_sweep.csv",
            "cb9ead9c5e3b0a3fec3bb7c27300f3efd3e9d9c92524105e80f82c84b25c917d",
            source="hadasah/scaling_laws; arXiv:2502.18969",
            licence="no licence file",
            units="N, N_nonemb, D; losses nats/token",
            serves="learning-rate sweeps",
            caveat="three losses: name one",
        ),
        RunTable(
            "misfitting-moe",
            "misfitting/misfitting_moe_pilot.csv",
            "e750dd8ff6aad78d57c880a5615bb511815fafa68c38b4d5e3b9527f02211bdc",
            source="hadasah/scaling_laws; arXiv:2502.18969",
            licence="no licence file",
            units="D; perplexities",
            serves="mixtures of experts, a pilot",
            caveat="perplexities, and no N",
        ),
        RunTable(
            "isoflop-llama3",
            "isoflop_llama3/isoflop_llama3.csv",
            "4e1cb988a16f421042329a32c32c1eaeb5c96f747942d11496484bcf24d0d7bd",
            source="Open-Athena/scaling-law-analysis; arXiv:2407.21783",
            licence="numbers read from a figure",
            units="C FLOP, N, D; loss in the unit of the figure",
            serves="isoFLOP slices",
            caveat="the loss is not in nats per token; the points give .50, not the published .53",
        ),
        RunTable(
            "clark",
            "routed_moe_clark/routed_moe_clark.csv",
            "b026c089aa7bbf1df57d8d18a532d2ab1f98559ea120c16ec7f3bc143fe2c165",
            source="google-deepmind/scaling_laws_for_routing; arXiv:2202.01169",
            licence="CC BY 4.0",
            units="N_dense, E experts; loss nats/token",
            serves="routed experts",
            caveat="choose router_type, k and routing_frequency",
        ),
        RunTable(
            "clark-curves",
            "routed_moe_clark/routed_moe_clark_curves.csv.gz",
            "924d393b976c8ecf1e852ac8f1d7a541b236da4c2dfe9ff6f9e389c93e195db9",
            source="google-deepmind/scaling_laws_for_routing; arXiv:2202.01169",
            licence="CC BY 4.0",
            units="N_dense, E experts; loss nats/token",
            serves="routed experts along training",
            caveat="checkpoints: declare the run as cluster",
        ),
        RunTable(
            "scalebench",
            "sparsity_scalebench/sparsity_scalebench.csv",
            "e5905d1442c502f6951a8e02291b2d0f5d4dd5c92626af3f7d64baec370ec6ff",
            source="PlanarG/active-sl; arXiv:2604.22753",
            licence="MIT, CC BY 4.0",
            units="P, N_active, N_dense parameters; D1, D2 tokens; loss nats/token",
            serves="sparsity after dense pre-training",
        ),
        RunTable(
            "ptq",
            "ptq_weight_tables/ptq_weight_tables.csv",
            "f65484d1655801bd1c451ee3ac002a69be6ea6aaf6cb8bebf94b2f1c9501d2e9",
            source="tables of arXiv:2210.17323 and arXiv:2306.00978; cs-giung/transformerx",
            licence="numbers from publications",
            units="N, D, bits; perplexities and delta_loss nats/token",
            serves="quantisation after training",
            caveat="some rows of 2 and 3 bits have collapsed (perplexity above 100)",
        ),
        RunTable(
            "published-constants",
            "published_constants/published_constants.csv",
            "eb405a994f30abe3f0a3dc3cd09d0f0526937f112511e9bf291eabfb8b02647a",
            source="the papers named in each row",
            licence="numbers from publications",
            units="by row",
            serves="published coefficients",
            caveat="rows are results, not runs",
        ),
        RunTable(
            "latency-llama2",
            "inference_latency_llama2/inference_latency_llama2.csv",
            "a0e12a6b846117d3804bf834b2e2975fafed1eb1480646b34521434c9969f909",
            source="NX-AI/xlstm_scaling_laws; arXiv:2510.02228",
            licence="no licence file",
            units="N; ms",
            serves="time per token in inference",
        ),
        RunTable(
            "parscale",
            "parallel_parscale/parallel_parscale.csv",
            "81adef4cf3cf288417507449caea2679683da83e786775409ee8356f08be2e82",
            source="PlanarG/active-sl; arXiv:2505.10475",
            licence="MIT, CC BY 4.0",
            units="N, P streams; loss nats/token",
            serves="parallel streams of one model",
            caveat="two datasets in one table",
        ),
        RunTable(
            "olmo-ladder",
            "olmo_ladder/olmo_ladder.csv.gz",
            "8cf5dad8c4ab182c7e3c02fb09844370c4882ff7195a33af04c6cb9ce2998d88",
            source="allenai/OLMo-ladder; arXiv:2412.04403",
            licence="Apache-2.0",
            units="N, D, C; ce_ nats/token, bpb_ bits per byte, acc_ shares",
            serves="two-step downstream laws",
            caveat="checkpoints on an annealed schedule: take the last",
        ),
        RunTable(
            "pythia",
            "pythia_zero_shot/pythia_zero_shot.csv",
            "4e35479639b7abed293d18d68b9801be5c6c7155575ecb9247c2d68abe52dde8",
            source="EleutherAI/pythia; arXiv:2304.01373; arXiv:2410.11840",
            licence="Apache-2.0",
            units="N, N_nonemb, D; accuracies and perplexities",
            serves="downstream results along training",
            caveat="checkpoints: declare the model as cluster",
        ),
        RunTable(
            "openclip",
            "openclip_scaling/openclip_scaling.csv",
            "df8aef03d27f1924c5332b403913797882f83668417dfb288247c0164ca01ac0",
            source="LAION-AI/scaling-laws-openclip; arXiv:2212.07143",
            licence="no licence file",
            units="gmacs_total; accuracies",
            serves="power laws of downstream error in compute",
            caveat="params_M in millions",
        ),
        RunTable(
            "openclip-curves",
            "openclip_scaling/openclip_learning_curves.csv",
            "35e0079417dd89c53d7c92856469e55db8105b6faa9a3b4730e1bd7c1bddbb5b",
            source="LAION-AI/scaling-laws-openclip; arXiv:2212.07143",
            licence="no licence file",
            units="samples_seen; accuracies",
            serves="error along training",
            caveat="checkpoints: declare the run as cluster",
        ),
        RunTable(
            "sft",
            "sft_rectified/sft_rectified.csv",
            "de40b552d3e1a6be67c9b2b17fc5da8980c80b628ef3fce2c831f133338de0e8",
            source="linhaowei1/SLD; arXiv:2402.02314",
            licence="MIT",
            units="sft_examples; test_loss nats/token",
            serves="loss after fine-tuning",
        ),
        RunTable(
            "vocabulary",
            "vocab_scaling/vocab_scaling.csv",
            "08695d6ed93413761fdf6371759c9b4a688edb69ac3cfbf4f0d7ba0b2b5ec250",
            source="PlanarG/active-sl; arXiv:2407.13623",
            licence="MIT, CC BY 4.0",
            units="N_nonvocab, V, H_chars; lossu nats relative to a unigram model",
            serves="size of the vocabulary",
            caveat="lossu is negative: fit it as it is, not its logarithm",
        ),
        RunTable(
            "mixture",
            "domain_mixture/domain_mixture.csv",
            "a6a4629cf6ca9b55e8ff938aff38b6430a8b6974c9d7f89126b96f432f529c8a",
            source="PlanarG/active-sl; arXiv:2403.16952",
            licence="MIT, CC BY 4.0",
            units="proportions; losses nats/token",
            serves="mixtures of domains",
            caveat="five losses: name one",
        ),
        RunTable(
            "gzip",
            "gzip_complexity/gzip_complexity.csv",
            "1866a3144871d318d3d5f3e201bc2f992f282ec4e737ccdd271c97b95a8072b2",
            source="IBM/ColPret; arXiv:2405.16684",
            licence="MIT",
            units="N, D; valid_loss nats/token",
            serves="data of different complexity",
        ),
    )
}
