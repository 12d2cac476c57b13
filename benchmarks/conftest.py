"""What the benchmarks share."""

from pathlib import Path

import pytest

from tests import builders


@pytest.fixture(scope="session")
def sample() -> Path:
    """The corpus of `make run`."""
    return builders.sample()
