"""Reads documents from S3: small files with one GET, of large ones only the blocks or pages needed.

A `PageFile` is one page as plain data: the bytes that the page is made of. Every error that
means "this object cannot be read, ever" becomes `BadFile`; the rest is transient and rises.
"""

import hashlib
import io
import tempfile
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING, Any

import msgspec
from botocore.exceptions import ClientError

from pipeline import tiff
from pipeline.failures import BadFile, PageUnreadable
from pipeline.messages import FileRef

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

BLOCK_BYTES = 256 * 2**10
"""A ranged read of the directory walk: large enough that directories written together come in one GET."""
MERGE_GAP_BYTES = 128 * 2**10
"""Ranges closer than this are fetched in one GET: the bytes between cost less than another request."""
WIDEST_BYTES = 256 * 2**20
"""The most that is fetched of a page whose byte counts may be too small: its samples have no more than half,
and a worker decodes them beside it.
"""
IN_MEMORY_BYTES = 16 * 2**20
"""Page files up to this size are opened in memory, larger ones as a sparse file on disk: to fill the places
of other pages with zeros would take longer than to read the page, and as much memory.
"""

_GONE = {
    "NoSuchKey": "the file was deleted before it could be read",
    "NoSuchVersion": "this version of the file was deleted before it could be read",
    "404": "the file was deleted before it could be read",
    "PreconditionFailed": (
        "the file was replaced while it was being processed; the new upload is processed on its own"
    ),
    "412": "the file was replaced while it was being processed; the new upload is processed on its own",
    "InvalidObjectState": "the file is in an archive storage class; restore it and upload it again",
}


class PageFile(msgspec.Struct, frozen=True):
    """One page of a file: `segments` are (offset, bytes) of a file of `size` bytes, `offset` is that of the
    page's IFD.
    """

    layout: tiff.Layout
    offset: int
    size: int
    segments: tuple[tuple[int, bytes], ...]

    @property
    def content(self) -> bytes:
        """Names what a decoder makes of the page: the page's own bytes, or all that were fetched where those
        are not known for sure.
        """
        digest = tiff.page_digest(self._read, self.size, self.layout, self.offset)
        if digest is not None:
            # What is beyond its byte counts, and was not fetched, cannot mend it.
            return digest if self.is_wide else hashlib.blake2b(digest, digest_size=20).digest()
        hasher = hashlib.blake2b(f"{self.offset}/{self.size}".encode(), digest_size=20)
        for offset, data in self.segments:
            hasher.update(f"{offset}/{len(data)}".encode() + data)
        return hasher.digest()

    def open(self, mended: bool = False) -> IO[bytes]:
        """The page as a seekable binary file whose first page it is; what lies between the segments reads as
        zeros, and is none of the page's. `mended`: with byte counts that reach as far as the data may.

        Raises `PageUnreadable` when bytes of the page were not fetched.
        """
        self._check()
        first, added = self.offset, b""
        if mended:
            if not self.is_wide:
                raise PageUnreadable("what lies beyond the byte counts of the page was not fetched")
            first, added = tiff.with_counts(self._read, self.size, self.layout, self.offset)
        small = self.size <= IN_MEMORY_BYTES
        file: IO[bytes] = io.BytesIO() if small else tempfile.TemporaryFile()  # noqa: SIM115 the caller closes it
        file.truncate(self.size)
        for offset, data in (*self.segments, self.layout.pointer_to(first), (first, added)):
            file.seek(offset)
            file.write(data)
        file.seek(0)
        return file

    @property
    def is_wide(self) -> bool:
        """Whether all is here that its data may be where byte counts are too small: it can be mended."""
        return all(
            any(start <= place and place + length <= start + len(data) for start, data in self.segments)
            for place, length in self.wide_extents()
        )

    def wide_extents(self) -> list[tuple[int, int]]:
        return tiff.page_extents(self._read, self.size, self.layout, self.offset, generous=True)

    def tags(self) -> dict[int, tuple[float, ...]]:
        """The numbers in its directory, by tag."""
        return tiff.page_tags(self._read, self.size, self.layout, self.offset)

    @property
    def held_bytes(self) -> int:
        """How much of the file is in memory for it."""
        return sum(len(data) for _, data in self.segments)

    def bytes_of(self, tag: int) -> bytes:
        """The bytes of a tag's value in its directory, of whatever type; none where it is not there."""
        return tiff.tag_bytes(self._read, self.size, self.layout, self.offset, tag)

    def segment(self, offset: int, size: int) -> bytes:
        """Bytes of the page, as they stand in the file. Raises `PageUnreadable` when they were not
        fetched.
        """
        data = self._read(offset, size)
        if len(data) < size:
            raise PageUnreadable(f"bytes {offset} to {offset + size - 1} of the page were not fetched")
        return data

    def image_data(self) -> Iterator[bytes]:
        """The page's strips or tiles, as they stand in the file. Raises `PageUnreadable` when one was not
        fetched.
        """
        tags = self.tags()
        for offsets_tag, counts_tag in tiff.DATA_OFFSETS.items():
            for place, count in zip(tags.get(offsets_tag, ()), tags.get(counts_tag, ()), strict=False):
                yield self.segment(int(place), min(int(count), max(0, self.size - int(place))))

    def _check(self) -> None:
        for start, length in tiff.page_extents(self._read, self.size, self.layout, self.offset):
            self.segment(start, length)

    def _read(self, offset: int, size: int) -> bytes:
        """Bytes that were fetched; fewer where they were not, or where the file ends."""
        for start, data in self.segments:
            if start <= offset < start + len(data):
                return data[offset - start : offset - start + size]
        return b""


def read_chain(s3: "S3Client", ref: FileRef, whole_file_bytes: int) -> tiff.Chain:
    """The pages of an upload. Raises `BadFile`."""
    if ref.size == 0:
        raise BadFile("the file is empty")
    if ref.size <= whole_file_bytes:
        data = _get(s3, ref)
        return tiff.read_chain(lambda offset, size: data[offset : offset + size], len(data))
    return tiff.read_chain(_Blocks(s3, ref).read, ref.size)


def read_pages(
    s3: "S3Client", ref: FileRef, layout: tiff.Layout, offsets: tuple[int, ...], whole_file_bytes: int
) -> Iterator[PageFile]:
    """The pages at these IFD offsets, one after the other, so that memory holds one page of a large file.
    Raises `BadFile`.
    """
    blocks = None
    segments: tuple[tuple[int, bytes], ...] = ()
    if ref.size <= whole_file_bytes:
        segments = ((0, _get(s3, ref)),)
    else:
        blocks = _Blocks(s3, ref)
    for offset in offsets:
        if blocks is not None:
            extents = _joined(tiff.page_extents(blocks.read, ref.size, layout, offset))
            known = {start: data for start, data in segments if start == 0}  # the header is every page's
            segments = tuple(
                (start, known[start][:length])
                if len(known.get(start, b"")) >= length
                else (start, _get(s3, ref, start, length))
                for start, length in extents
            )
        yield PageFile(layout, offset, ref.size, segments)


def widened(s3: "S3Client", ref: FileRef, page: PageFile) -> PageFile | None:
    """The page with what its data may reach to where byte counts are too small; None when all of that is
    here, or is more than a worker should hold. Raises `BadFile`.
    """
    extents = _joined(page.wide_extents())
    if page.is_wide or sum(length for _, length in extents) > WIDEST_BYTES:
        return None
    segments = tuple((start, _get(s3, ref, start, length)) for start, length in extents)
    return msgspec.structs.replace(page, segments=segments)


class _Blocks:
    """Ranged reads of one object through a cache of the latest blocks."""

    KEPT = 8

    def __init__(self, s3: "S3Client", ref: FileRef) -> None:
        self._s3, self._ref = s3, ref
        self._blocks: dict[int, bytes] = {}

    def read(self, offset: int, size: int) -> bytes:
        end = min(offset + size, self._ref.size)
        found = b"".join(
            self._block(number) for number in range(offset // BLOCK_BYTES, -(-end // BLOCK_BYTES))
        )
        start = offset % BLOCK_BYTES
        return found[start : start + max(0, end - offset)]

    def _block(self, number: int) -> bytes:
        if number not in self._blocks:
            while len(self._blocks) >= self.KEPT:
                del self._blocks[next(iter(self._blocks))]
            start = number * BLOCK_BYTES
            self._blocks[number] = _get(self._s3, self._ref, start, min(BLOCK_BYTES, self._ref.size - start))
        return self._blocks[number]


def _get(s3: "S3Client", ref: FileRef, start: int = 0, length: int | None = None) -> bytes:
    request: dict[str, Any] = {"Bucket": ref.bucket, "Key": ref.key}
    if ref.version_id:
        request["VersionId"] = ref.version_id
    else:
        request["IfMatch"] = f'"{ref.etag}"'
    if length is not None:
        request["Range"] = f"bytes={start}-{start + length - 1}"
    try:
        return s3.get_object(**request)["Body"].read()
    except ClientError as error:
        if reason := _GONE.get(error.response["Error"]["Code"]):
            raise BadFile(reason) from error
        raise


def _joined(extents: list[tuple[int, int]]) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for start, length in extents:
        if joined and start - sum(joined[-1]) <= MERGE_GAP_BYTES:
            joined[-1] = (joined[-1][0], start + length - joined[-1][0])
        else:
            joined.append((start, length))
    return joined
