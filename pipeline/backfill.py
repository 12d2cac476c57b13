"""Sends files that lie in a bucket already to the File Queue, as if S3 told of their upload: at a set rate,
and no faster than the system takes them.

A user runs it, with credentials of their own: python -m pipeline.backfill --help. It may be stopped at any
moment and started again. A checkpoint tells how far it came; what was sent and not noted yet, ten files at
most, is sent again, and the controller, which knows a file by its bucket, key and version, does nothing
about it.
"""

import argparse
import itertools
import os
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus

import boto3
import msgspec
from botocore.exceptions import BotoCoreError, ClientError

from pipeline import inventory
from pipeline.inventory import InventoryError
from pipeline.messages import FileRef

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef

ENTRIES_PER_SEND = 10
"""Entries in one SendMessageBatch (SQS quotas)."""
LOOK_SECONDS = 10.0
"""Between two looks at the queues; their counts are exact only about a minute after the last message came
(SQS API reference, GetQueueAttributes)."""
PACE_SECONDS = 60.0
"""Over so long it is looked at how fast messages leave the queues."""
CATCH_UP_SECONDS = 1.0
"""By so much it may be behind its rate and make up for it; after a longer pause it goes on from there."""
MOST_TRIES = 8


class Checkpoint(msgspec.Struct, kw_only=True, rename="camel"):
    """How far a backfill came. source: what it reads; taken: files of it that were sent, or lay before the
    first; last: key of the last one.
    """

    source: str
    taken: int = 0
    last: str = ""

    @classmethod
    def load(cls, path: Path, source: str) -> "Checkpoint":
        """Of the file, or a new one. Raises `InventoryError` for one of another source."""
        try:
            found = msgspec.json.decode(path.read_bytes(), type=cls)
        except FileNotFoundError:
            return cls(source=source)
        except (OSError, msgspec.DecodeError) as error:
            raise InventoryError(f"the checkpoint {path} cannot be read: {error}") from error
        if found.source != source:
            raise InventoryError(f"the checkpoint {path} is of {found.source}: give another, or remove it")
        return found

    def save(self, path: Path) -> None:
        """All at once: whoever is killed meanwhile leaves the one before."""
        new = path.with_name(f"{path.name}.new")
        new.write_bytes(msgspec.json.encode(self))
        os.replace(new, path)


class Pace:
    """Lets so many files go a second."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._due = time.monotonic()

    def wait(self, files: int) -> None:
        """Until the next `files` may go."""
        now = time.monotonic()
        self._due = max(self._due, now - CATCH_UP_SECONDS)
        if self._due > now:
            time.sleep(self._due - now)
        self._due += files / self._rate


class Pressure:
    """How long a message waits in the queues. The oldest that waits: of so many that wait, it was sent that
    many messages ago. One that is sent now: as many as wait, at the pace at which they leave. Messages of
    others make both longer, which errs on the careful side.

    SQS's own measure, ApproximateAgeOfOldestMessage, is a metric of CloudWatch and minutes late.
    """

    def __init__(self, sqs: "SQSClient", queues: Sequence[str], messages_per_file: float) -> None:
        self._sqs, self._queues, self._messages_per_file = sqs, queues, messages_per_file
        began = time.monotonic()
        self._sent: deque[tuple[int, float]] = deque([(0, began)])
        self._gone: deque[tuple[float, float]] = deque([(0.0, began)])
        self._count = 0

    def note(self, files: int) -> None:
        """So many were sent just now."""
        self._count += files
        self._sent.append((self._count, time.monotonic()))

    def wait_seconds(self) -> float:
        """Of the oldest message, or of one that is sent now, whichever is longer."""
        now = time.monotonic()
        waiting = sum(map(self._waiting, self._queues)) / self._messages_per_file
        gone = self._count - waiting
        self._gone.append((gone, now))
        while len(self._gone) > 2 and self._gone[1][1] <= now - PACE_SECONDS:
            self._gone.popleft()
        if not waiting:
            return 0.0
        while len(self._sent) > 1 and self._sent[1][0] <= gone:
            self._sent.popleft()
        oldest = now - self._sent[min(1, len(self._sent) - 1)][1]
        before, then = self._gone[0]
        leaving = (gone - before) / (now - then) if now > then else 0.0
        return max(oldest, waiting / leaving if leaving > 0 else inf)

    def _waiting(self, queue: str) -> int:
        told = self._sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["ApproximateNumberOfMessages"])
        return int(told["Attributes"]["ApproximateNumberOfMessages"])


def upload_event(ref: FileRef) -> str:
    """What S3 would tell of the upload (Amazon S3 user guide, "Event message structure")."""
    told: dict[str, Any] = {
        "key": quote_plus(ref.key, safe="/"),
        "size": ref.size,
        "eTag": ref.etag,
        **({"versionId": ref.version_id} if ref.version_id else {}),
    }
    record = {
        "eventVersion": "2.1",
        "eventSource": "npi:backfill",
        "eventName": "ObjectCreated:Backfill",
        "s3": {"bucket": {"name": ref.bucket}, "object": told},
    }
    return msgspec.json.encode({"Records": [record]}).decode()


def send(sqs: "SQSClient", queue: str, refs: Sequence[FileRef]) -> None:
    """Sends them, those that SQS refuses again. Raises `RuntimeError` when it goes on refusing."""
    entries: list[SendMessageBatchRequestEntryTypeDef] = [
        {"Id": str(number), "MessageBody": upload_event(ref)} for number, ref in enumerate(refs)
    ]
    for attempt in range(MOST_TRIES):
        refused = sqs.send_message_batch(QueueUrl=queue, Entries=entries).get("Failed", [])
        if not refused:
            return
        again = {one["Id"] for one in refused}
        entries = [entry for entry in entries if entry["Id"] in again]
        time.sleep(min(30.0, 2.0**attempt))
    raise RuntimeError(f"SQS refuses {len(entries)} messages: {refused[0].get('Message', '')}")


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """queue: URL of the File Queue; behind: URLs of others that fill when the system does not keep up; rate:
    files a second; oldest_seconds: it pauses while a message is older.
    """

    queue: str
    behind: tuple[str, ...]
    rate: float
    oldest_seconds: float
    messages_per_file: float = 1.0

    @property
    def group(self) -> int:
        """Files sent at once: a second's, ten at most."""
        return max(1, min(ENTRIES_PER_SEND, int(self.rate)))


def run(
    sqs: "SQSClient",
    plan: Plan,
    refs: Iterable[FileRef],
    checkpoint: Checkpoint,
    path: Path,
    tell: Callable[[str], None],
) -> int:
    """Sends what is left of them; returns how many that were."""
    pace, pressure = Pace(plan.rate), Pressure(sqs, (plan.queue, *plan.behind), plan.messages_per_file)
    sent, looked = 0, time.monotonic()
    for group in _groups(refs, plan.group):
        if time.monotonic() - looked >= LOOK_SECONDS:
            _hold(pressure, plan.oldest_seconds, tell)
            looked = time.monotonic()
        pace.wait(len(group))
        send(sqs, plan.queue, group)
        sent += len(group)
        checkpoint.taken += len(group)
        checkpoint.last = group[-1].key
        checkpoint.save(path)
        pressure.note(len(group))
    return sent


def _hold(pressure: Pressure, oldest_seconds: float, tell: Callable[[str], None]) -> None:
    """Sleeps while messages wait too long."""
    held = 0.0
    while (wait := pressure.wait_seconds()) > oldest_seconds:
        if not held:
            tell(f"paused: messages wait {wait:.0f} s, {oldest_seconds:.0f} s is the limit")
        time.sleep(LOOK_SECONDS)
        held += LOOK_SECONDS
    if held:
        tell(f"going on after {held:.0f} s")


def _groups(refs: Iterable[FileRef], size: int) -> Iterator[list[FileRef]]:
    iterator = iter(refs)
    while group := list(itertools.islice(iterator, size)):
        yield group


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit codes: 0 done, 2 bad input or usage, 130 interrupted: run it again to go on."""
    asked = _parser().parse_args(arguments)
    try:
        return _carry_out(asked)
    except (InventoryError, RuntimeError, BotoCoreError, ClientError) as error:
        print(f"backfill: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"backfill: interrupted; run it again to go on from {asked.checkpoint}", file=sys.stderr)
        return 130


def _carry_out(asked: argparse.Namespace) -> int:
    s3 = boto3.client("s3")
    source = asked.inventory or f"s3://{asked.bucket}/{asked.prefix}"
    path = Path(asked.checkpoint)
    checkpoint = Checkpoint.load(path, source)
    refs: Iterable[FileRef]
    if asked.inventory:
        refs = itertools.islice(
            inventory.inventoried(s3, asked.inventory, asked.columns), checkpoint.taken, None
        )
    else:
        refs = inventory.listed(s3, asked.bucket, asked.prefix, checkpoint.last)
    if asked.dry_run:
        files = size = 0
        for ref in refs:
            files, size = files + 1, size + ref.size
        print(
            f"{files:,} files of {size / 1e9:,.1f} GB, in {files / asked.rate / 3600:,.1f} hours at the least"
        )
        return 0
    plan = Plan(
        queue=asked.queue,
        behind=tuple(asked.behind),
        rate=asked.rate,
        oldest_seconds=asked.oldest,
        messages_per_file=asked.messages_per_file,
    )
    before, began = checkpoint.taken, time.monotonic()
    sent = run(
        boto3.client("sqs"),
        plan,
        refs,
        checkpoint,
        path,
        lambda text: print(text, flush=True),
    )
    took = time.monotonic() - began
    print(f"{sent:,} files sent in {took:,.0f} s, {before:,} before; all of {source} is sent")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m pipeline.backfill", description=__doc__.partition("\n\n")[0]
    )
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument(
        "--inventory", help="manifest.json of an S3 Inventory (a path or s3://...), or a CSV file"
    )
    where.add_argument("--bucket", help="list this bucket instead")
    parser.add_argument("--prefix", default="", help="with --bucket: keys that begin so")
    parser.add_argument(
        "--columns", default="", help='of a CSV file without a manifest: "Bucket, Key, Size, ETag"'
    )
    parser.add_argument("--queue", required=True, help="URL of the File Queue")
    parser.add_argument(
        "--behind", action="append", default=[], help="URL of the Batch Queue, whose age counts as well"
    )
    parser.add_argument("--rate", type=_positive, default=20.0, help="files a second (default 20)")
    parser.add_argument(
        "--oldest", type=_positive, default=900.0, help="pause while a message is older (seconds)"
    )
    parser.add_argument(
        "--messages-per-file", type=_positive, default=1.0, help="messages that a file is, in the mean"
    )
    parser.add_argument("--checkpoint", default="backfill.json", help="file that tells how far it came")
    parser.add_argument("--dry-run", action="store_true", help="only count")
    return parser


def _positive(text: str) -> float:
    value = float(text)
    if not value > 0:
        raise argparse.ArgumentTypeError("must be above 0")
    return value


if __name__ == "__main__":
    sys.exit(main())
