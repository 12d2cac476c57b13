"""What a template may configure, and what a configuration that is off does."""

from tests.conformance.tunnel import Tunnel, queue, row, send

PRINT = "def handler(event, context): print(len(event['Records']))"


@row("Lambda developer guide, Creating and configuring an Amazon SQS event source mapping, parameter Enabled")
def test_a_disabled_mapping_receives_nothing(tunnel: Tunnel) -> None:
    """A mapping with Enabled: false does not poll its queue; the messages stay there."""
    tunnel.run(queue(mapping="BatchSize: 1, Enabled: false"), PRINT, send("a"))
    assert tunnel.invocations == []
    assert tunnel.emulation.leftovers["Queue"].messages == 1
