"""Nobody waits for needless programs, nor in silence: counts, and what a terminal shows."""

import os
import subprocess
import sys

import jax
import pytest
from jax import monitoring

import scalejax as sj
from scalejax.cli import main

REQUESTED = "/jax/compilation_cache/compile_requests_use_cache"

VERBS = {
    "fit": (("fit", "golden36", "--resamples", "50", "--quick"), 7),
    "plan": (("plan", "FIT", "--budget", "1e24"), 20),
    "plan --quick": (("plan", "FIT", "--budget", "1e24", "--quick"), 12),
    "sensitivity": (("sensitivity", "FIT"), 9),
    "design": (("design", "FIT", "--budget", "1e21"), 9),
}
"""Words of a verb, and the most programs that it may compile: those of today and one or two."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return sj.fit(sj.datasets.load("golden36"), resamples=50).save(
        tmp_path_factory.mktemp("fits") / "one"
    )


@pytest.fixture
def programs():
    """Programs compiled since, counted in a process that has none yet."""
    counted = []

    def count(event, **_):
        if event == REQUESTED:
            counted.append(event)

    jax.clear_caches()
    monitoring.register_event_listener(count)
    yield counted
    monitoring.unregister_event_listener(count)


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_compiles_few_programs(verb, folder, programs, capsys):
    words, most = VERBS[verb]
    with pytest.raises(SystemExit) as end:
        main([str(folder) if word == "FIT" else word for word in words])
    assert not end.value.code
    assert capsys.readouterr().out
    assert len(programs) <= most


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals")
@pytest.mark.parametrize(
    "words",
    [
        ("fit", "golden36", "--resamples", "0", "--quick"),
        ("plan", "FIT", "--budget", "1e24", "--quick"),
        ("sensitivity", "FIT", "--quick"),
        ("design", "FIT", "--budget", "1e21"),
        ("report", "FIT", "--out", "page.html"),
        ("page", "FIT", "--out", "page.html"),
    ],
    ids=lambda words: words[0],
)
def test_the_first_words_on_a_terminal_come_before_jax_is_loaded(words, folder, tmp_path):
    """What is said first is said before anything that takes time: without JAX it is said too."""
    import pty

    (tmp_path / "jax.py").write_text("raise SystemExit('JAX was loaded')\n")
    terminal, end = pty.openpty()
    subprocess.run(
        [sys.executable, "-m", "scalejax", *(str(folder) if w == "FIT" else w for w in words)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])},
        stdout=subprocess.DEVNULL, stderr=end, check=False,
    )  # fmt: skip
    os.close(end)
    said = os.read(terminal, 10_000).decode()
    os.close(terminal)
    assert said.startswith("scalejax: ")
    assert " ...\r\n" in said.partition("JAX was loaded")[0]
