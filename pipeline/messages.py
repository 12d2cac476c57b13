"""What travels in the queues: S3's upload events and our batches of pages; and how a file's pages are cut
into batches.
"""

import hashlib
import itertools
from urllib.parse import unquote_plus

import msgspec


class FileRef(msgspec.Struct, frozen=True, rename="camel"):
    """One upload: this version of this object. `size` in bytes; `version_id` is empty in an unversioned
    bucket.
    """

    bucket: str
    key: str
    size: int
    etag: str
    version_id: str = ""

    @property
    def file_id(self) -> str:
        """Digest of bucket, key and version (else ETag): the same upload is one file, a new upload a new
        file.
        """
        identity = "\0".join((self.bucket, self.key, self.version_id or self.etag))
        return hashlib.blake2b(identity.encode(), digest_size=16).hexdigest()


class PageRange(msgspec.Struct, frozen=True, rename="camel"):
    """A run of pages: the first's number (1-based) and every page's IFD offset."""

    first: int
    offsets: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.first}-{self.first + len(self.offsets) - 1}"


class BatchMessage(msgspec.Struct, frozen=True, rename="camel"):
    """A batch for one worker. `done` carries the outcome of pages that an earlier worker finished before its
    deadline, `text_parts` which runs of them have a text layer.
    """

    file: FileRef
    batch_id: int
    pages: PageRange
    big_tiff: bool = False
    byte_order: str = "<"
    done: msgspec.Raw = msgspec.Raw(b"[]")
    text_parts: tuple[str, ...] | msgspec.UnsetType = msgspec.UNSET

    def encode(self) -> str:
        return msgspec.json.encode(self).decode()


def decode_batch(body: str) -> BatchMessage:
    """Raises `msgspec.DecodeError` when `body` is no batch message."""
    return msgspec.json.decode(body, type=BatchMessage)


def plan_batches(offsets: tuple[int, ...], batch_pages: int) -> list[PageRange]:
    """Cuts pages into the fewest batches of at most `batch_pages`, balanced: 16 pages at 15 a batch are 8 +
    8, not 15 + 1.

    Balance matters because the file is done when its longest batch is.
    """
    return split_pages(offsets, -(-len(offsets) // batch_pages))


def split_pages(offsets: tuple[int, ...], count: int) -> list[PageRange]:
    """Cuts pages into so many batches of the same size, but for one page; no batches are cut into none."""
    bounds = [len(offsets) * index // (count or 1) for index in range(count + 1)]
    return [PageRange(a + 1, offsets[a:b]) for a, b in itertools.pairwise(bounds)]


class _Object(msgspec.Struct, rename="camel"):
    key: str
    size: int = 0
    e_tag: str = ""
    version_id: str | None = ""


class _Bucket(msgspec.Struct):
    name: str


class _S3(msgspec.Struct):
    bucket: _Bucket
    object: _Object


class _Record(msgspec.Struct, rename="camel"):
    event_name: str
    s3: _S3


class _Notification(msgspec.Struct):
    records: list[_Record] = msgspec.field(name="Records", default_factory=list)
    event: str = msgspec.field(name="Event", default="")


def decode_uploads(body: str) -> list[FileRef]:
    """The uploads that an S3 notification tells of; none for the `s3:TestEvent` that S3 sends on
    configuration.

    Keys arrive URL-encoded with + for space (Amazon S3 user guide, "Event message structure"). Raises
    `msgspec.DecodeError` when `body` is no S3 notification.
    """
    notification = msgspec.json.decode(body, type=_Notification)
    if not notification.records and notification.event != "s3:TestEvent":
        raise msgspec.ValidationError("not an S3 notification: it has no Records")
    return [
        FileRef(
            bucket=record.s3.bucket.name,
            key=unquote_plus(record.s3.object.key),
            size=record.s3.object.size,
            etag=record.s3.object.e_tag.strip('"'),
            version_id=record.s3.object.version_id or "",
        )
        for record in notification.records
        if record.event_name.removeprefix("s3:").startswith("ObjectCreated:")
    ]


class StreamBatch(msgspec.Struct, frozen=True, rename="camel"):
    """Records of a stream, by their place: from one sequence number to another, in one shard."""

    stream_arn: str
    shard_id: str
    start_sequence_number: str
    end_sequence_number: str


class Unclosed(msgspec.Struct, frozen=True, rename="camel"):
    """Files whose results could not be written, kept for a redrive."""

    unclosed_files: tuple[str, ...]

    def encode(self) -> str:
        return msgspec.json.encode(self).decode()


class _AggregatorFailure(msgspec.Struct, rename="camel"):
    unclosed_files: tuple[str, ...] = ()
    batch: StreamBatch | None = msgspec.field(name="DDBStreamBatchInfo", default=None)


def decode_aggregator_failure(body: str) -> StreamBatch | Unclosed:
    """What Lambda sends to the on-failure destination of a stream ("Using Lambda with Amazon DynamoDB",
    example invocation record), or what we made of it. Raises `msgspec.DecodeError` when `body` is neither.
    """
    failure = msgspec.json.decode(body, type=_AggregatorFailure)
    if failure.batch is None and not failure.unclosed_files:
        raise msgspec.ValidationError("neither a batch of a stream nor unclosed files")
    return failure.batch or Unclosed(failure.unclosed_files)
