"""Chains of invocations: a function that is invoked by what it sent itself, round and round, is stopped.

Lambda counts, with a message, how often each function was invoked on its way, and refuses the next
invocation of one that was about 16 times, unless the function's RecursiveLoop is Allow. The count travels
through SQS and S3, not through DynamoDB ("Use Lambda recursive loop detection to prevent infinite loops",
https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html). AWS does not say what becomes of the
message: here the invocation fails, so that the queue's redrive policy decides. Nor does it say what holds for
a batch: here that of its messages with the longest chain.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import msgspec

from harness.cloud.wire import Exchange
from harness.engine.kernel import Process
from harness.services.stage import Stage

Chain = Mapping[str, int]
"""How often each function was invoked so far."""
NONE: Chain = {}


class Lineage:
    """The chain that each message belongs to."""

    def __init__(self, stage: Stage) -> None:
        self._kernel = stage.kernel
        self._chains: dict[str, Chain] = {}
        self._carried: dict[Process, Chain] = {}
        stage.wire.observe("sqs", self._on_call)

    def of(self, messages: Iterable[str]) -> Chain:
        """Of an invocation for these messages, before it."""
        chains = [self._chains[one] for one in messages if one in self._chains]
        if len(chains) < 2:
            return chains[0] if chains else NONE
        return {name: max(one.get(name, 0) for one in chains) for name in sorted(set().union(*chains))}

    def current(self) -> Chain:
        """Of the invocation that runs now."""
        process = self._kernel.current
        if process is None:
            return NONE
        chain: Chain = getattr(process.scope, "chain", NONE)
        return self._carried.get(process, chain)

    @contextmanager
    def carried(self, chain: Chain) -> Iterator[None]:
        """What the running process sends meanwhile belongs to this chain."""
        process = self._kernel.current
        assert process is not None
        self._carried[process] = chain
        try:
            yield
        finally:
            del self._carried[process]

    def _on_call(self, exchange: Exchange) -> None:
        if not exchange.operation.startswith("SendMessage") or not (chain := self.current()):
            return
        answer: dict[str, Any] = msgspec.json.decode(exchange.answer)
        for entry in answer.get("Successful", [answer]):
            self._chains[entry["MessageId"]] = chain


def longer(chain: Chain, function: str) -> Chain:
    """The chain with one more invocation."""
    return {**chain, function: chain.get(function, 0) + 1}
