"""The clients of the functions: how long they wait in vain."""

import pytest

from pipeline import clients
from pipeline.reading import DEADLINE_MARGIN_SECONDS
from tests.pipeline.conftest import World

LONGEST_FIRST_PAUSE = 1.0
"""Seconds before the first retry in standard mode (Boto3 documentation, Retries: b, of 0 to 1, times 2^0)."""


@pytest.mark.parametrize("client", ["s3", "sqs", "dynamodb", "streams"])
def test_a_call_that_is_never_answered_is_made_again_before_a_workers_margin_is_over(
    world: World, client: str
) -> None:
    config = getattr(clients, client).__wrapped__().meta.config
    lost = max(config.connect_timeout, config.read_timeout) + LONGEST_FIRST_PAUSE
    assert lost + 1 < DEADLINE_MARGIN_SECONDS
