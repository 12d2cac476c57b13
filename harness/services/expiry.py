"""Time to live: DynamoDB removes items whose time is past, some time later, and tells the stream that it did
so itself.

Source: DynamoDB developer guide, "Using time to live (TTL) in DynamoDB": expired items are typically deleted
within a few days, at no cost, and appear in the stream as REMOVE by the principal dynamodb.amazonaws.com.
"""

import time
from collections.abc import Callable

from harness.services.stage import Stage

SCAN_SECONDS = 3600.0
"""Between two looks at a table; AWS documents no rate."""
PRINCIPAL = {"type": "Service", "principalId": "dynamodb.amazonaws.com"}


class TimeToLive:
    """`on_removed` is told after items were removed."""

    def __init__(self, stage: Stage, on_removed: Callable[[], None]) -> None:
        self._kernel, self._cloud, self._on_removed = stage.kernel, stage.cloud, on_removed

    def start(self) -> None:
        if self._cloud.system.expiring:
            self._kernel.spawn("dynamodb:ttl", self._run)

    def _run(self) -> None:
        while True:
            self._kernel.sleep(SCAN_SECONDS)
            if sum(
                [
                    self._remove_expired(table, attribute)
                    for table, attribute in self._cloud.system.expiring.items()
                ]
            ):
                self._on_removed()

    def _remove_expired(self, name: str, attribute: str) -> int:
        table = self._cloud.moto_table(name)
        now = time.time()
        expired = [
            item
            for item in table.all_items()
            if attribute in item.attrs and float(item.attrs[attribute].value) < now
        ]
        for item in expired:
            table.delete_item(item.hash_key, item.range_key)
            if table.stream_shard is not None:
                table.stream_shard.items[-1].record["userIdentity"] = PRINCIPAL
        return len(expired)
