"""Where input goes in and results come out of a system: a prefix of a bucket, or a queue."""

import msgspec


class Place(msgspec.Struct, frozen=True):
    """`resource`: logical id of a bucket or queue; `prefix`: of keys, in a bucket."""

    resource: str
    prefix: str = ""

    @classmethod
    def parse(cls, text: str) -> "Place":
        """From "Bucket/prefix/" or "Queue"."""
        resource, _, prefix = text.partition("/")
        return cls(resource, prefix)
