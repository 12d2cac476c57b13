"""What the benchmarks share: the sample corpus, and a run of it."""

from pathlib import Path

import pytest

from fixtures import corpus
from tests.builders import CONFIG, PROJECT


@pytest.fixture(scope="session")
def sample() -> Path:
    """The corpus of `make run`."""
    folder = PROJECT / ".harness" / f"sample-{corpus.VERSION}-{CONFIG.sample.files}-{CONFIG.sample.seed}"
    if not (folder / "truth.json").is_file():
        corpus.make(folder, CONFIG.sample.files, CONFIG.sample.seed)
    return folder
