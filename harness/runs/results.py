"""The results of a system, read as [tool.harness] names their fields; what a result lacks is neutral, and
said.
"""

import hashlib
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

import msgspec

from harness.config import ResultFields

Results = Mapping[str, "list[Outcome]"]
"""By the key of the upload that they are about."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """One result. `stored`: the key it was stored under, or the id of its message; `units`: how many units
    its input has; `marked`: their numbers; `errors`, `suspects`: objects with the number of a unit;
    `missing`: fields that it should have and lacks; `whole`: all of it; `beside`: digests of the other
    objects of its name (a PDF, a picture), by their suffix.
    """

    stored: str
    upload: str
    status: str
    units: int
    marked: list[int]
    errors: list[dict[str, Any]]
    suspects: list[dict[str, Any]]
    reason: str
    findings: list[dict[str, Any]]
    missing: tuple[str, ...]
    whole: dict[str, Any]
    beside: dict[str, str] = {}


def by_upload(objects: Mapping[str, bytes], fields: ResultFields) -> dict[str, list[Outcome]]:
    """The results among stored objects: those that are JSON objects. Others (a PDF, a picture) stand beside
    them and are not read.
    """
    results: dict[str, list[Outcome]] = {}
    others: dict[str, dict[str, str]] = {}
    found: list[Outcome] = []
    for stored, body in sorted(objects.items()):
        whole = _decoded(body)
        if whole is not None:
            found.append(_read(stored, whole, fields))
        else:
            path = PurePosixPath(stored)
            digest = hashlib.blake2b(body, digest_size=16).hexdigest()
            others.setdefault(stem(stored), {})[path.suffix] = digest
    for outcome in found:
        beside = others.get(stem(outcome.stored), {})
        results.setdefault(outcome.upload, []).append(msgspec.structs.replace(outcome, beside=beside))
    return results


def stem(key: str) -> str:
    """What a result and what lies beside it have in common: their key without its suffix."""
    return PurePosixPath(key).with_suffix("").as_posix()


def _decoded(body: bytes) -> dict[str, Any] | None:
    if body.lstrip()[:1] != b"{":
        return None
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _read(stored: str, whole: dict[str, Any], fields: ResultFields) -> Outcome:
    missing = []

    def take(name: str, kind: type, neutral: Any) -> Any:
        value = whole.get(name) if name else neutral
        if name and not isinstance(value, kind):
            missing.append(name)
            return neutral
        return value

    return Outcome(
        stored=stored,
        upload=str(take(fields.key, str, "")),
        status=str(take(fields.status, str, "")),
        units=take(fields.units, int, 0),
        marked=take(fields.marked, list, []),
        errors=take(fields.errors, list, []),
        suspects=take(fields.suspects, list, []),
        reason=str(take(fields.reason, str, "")),
        findings=[one for one in whole.get(fields.findings) or () if isinstance(one, dict)]
        if fields.findings
        else [],
        missing=tuple(missing),
        whole=whole,
    )
