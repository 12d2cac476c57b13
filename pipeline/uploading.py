"""Writes an object of S3 as a stream: what is short is put at once, what is long goes part by part, so that
memory holds one part. Nothing is to be seen of it before it is complete.
"""

from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

PART_BYTES = 8 * 2**20
"""S3 takes parts of 5 MB and more, the last aside, and 10,000 of them (Amazon S3 user guide, "Multipart
upload limits").
"""


class Upload:
    """Within a `with`: what was written becomes the object when it ends, and nothing when it fails.

    What is left of an upload when the function itself is ended goes by the bucket's lifecycle.
    """

    def __init__(self, s3: "S3Client", bucket: str, key: str, content_type: str) -> None:
        self._s3, self._bucket, self._key, self._type = s3, bucket, key, content_type
        self._waiting = bytearray()
        self._id = ""
        self._parts: list[CompletedPartTypeDef] = []

    def write(self, data: bytes) -> None:
        self._waiting += data
        while len(self._waiting) >= PART_BYTES:
            with memoryview(self._waiting)[:PART_BYTES] as view:
                part = bytes(view)
            del self._waiting[:PART_BYTES]
            self._send(part)

    def __enter__(self) -> "Upload":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self._complete()
        elif isinstance(error, Exception) and self._id:
            self._s3.abort_multipart_upload(Bucket=self._bucket, Key=self._key, UploadId=self._id)

    def _send(self, part: bytes) -> None:
        if not self._id:
            begun = self._s3.create_multipart_upload(
                Bucket=self._bucket, Key=self._key, ContentType=self._type, ChecksumAlgorithm="CRC32"
            )
            self._id = begun["UploadId"]
        number = len(self._parts) + 1
        sent = self._s3.upload_part(
            Bucket=self._bucket,
            Key=self._key,
            UploadId=self._id,
            PartNumber=number,
            Body=part,
            ChecksumAlgorithm="CRC32",
        )
        done: CompletedPartTypeDef = {"PartNumber": number, "ETag": sent["ETag"]}
        if "ChecksumCRC32" in sent:  # S3 wants to be told again what it was begun with
            done["ChecksumCRC32"] = sent["ChecksumCRC32"]
        self._parts.append(done)

    def _complete(self) -> None:
        if not self._id:
            self._s3.put_object(
                Bucket=self._bucket, Key=self._key, Body=bytes(self._waiting), ContentType=self._type
            )
            return
        if self._waiting:
            self._send(bytes(self._waiting))
        self._s3.complete_multipart_upload(
            Bucket=self._bucket, Key=self._key, UploadId=self._id, MultipartUpload={"Parts": self._parts}
        )
