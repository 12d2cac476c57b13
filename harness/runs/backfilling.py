"""A backfill in the tunnel: the inputs lie in their bucket at the beginning, no event tells of them, and the
application's own script sends them to the system by an inventory, as its user would run it.

The script is killed where the user says so, and started again, until it has come to its end.
"""

import csv
import datetime
import gzip
import hashlib
import io
import itertools
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from math import inf
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import msgspec

from harness.cloud.deployment import ACCOUNT, CREDENTIALS
from harness.cloud.identity import ALL_ALLOWED, Identity
from harness.cloud.template import Template
from harness.compute.sandbox import CodeBase, Sandbox
from harness.config import Backfill, Config
from harness.engine.clock import EPOCH
from harness.errors import UsageError
from harness.recorder import Call, Recorder, Upload
from harness.region import REGION
from harness.runs.emulation import Client
from harness.runs.inputs import InputFile
from harness.runs.places import Place
from harness.services.stage import Stage

SCRIPT = "backfill"
"""Who makes its calls, in a trace."""
MOST_STARTS = 1_000
"""Of a script that what breaks kills again and again."""
COLUMNS = "Bucket, Key, VersionId, IsLatest, IsDeleteMarker, Size, LastModifiedDate, ETag"


class Course(msgspec.Struct, frozen=True, kw_only=True):
    """How the script is run. rate: inputs a second; oldest_seconds: how old a message may become before it
    pauses; killed_at: virtual seconds after its start at which it is killed, each time from its last start.
    """

    rate: float
    oldest_seconds: float
    killed_at: tuple[float, ...] = ()


class Told(msgspec.Struct):
    """What the script said, line by line, and how often it was started."""

    lines: list[str] = msgspec.field(default_factory=list)
    starts: int = 0


def clients(
    config: Config, course: Course, told: Told
) -> Callable[[Sequence[InputFile], Place, Template], list[Client]]:
    """Makes the one client of a backfill. Raises `UsageError` where [tool.harness] names no script."""
    if config.backfill is None:
        raise UsageError(
            'there is no backfill here: [tool.harness.backfill] run = "module:function" would name the script'
        )
    backfill = config.backfill

    def make(files: Sequence[InputFile], place: Place, template: Template) -> list[Client]:
        if template.document["Resources"].get(place.resource, {}).get("Type") != "AWS::S3::Bucket":
            raise UsageError(f"a backfill is of a bucket, and {place.resource} is none of {template.path}")
        return [lambda stage: _carry_out(stage, files, place, config, backfill, course, told)]

    return make


def _carry_out(
    stage: Stage,
    files: Sequence[InputFile],
    place: Place,
    config: Config,
    backfill: Backfill,
    course: Course,
    told: Told,
) -> None:
    told.lines.clear()
    told.starts = 0
    _lay(stage, files, place)
    with tempfile.TemporaryDirectory() as folder:
        manifest = inventory(Path(folder), list(_rows(stage, files, place)))
        places = {name: stage.cloud.queue_url(arn) for name, arn in stage.cloud.system.queues.items()} | {
            "inventory": str(manifest),
            "checkpoint": str(Path(folder) / "checkpoint"),
            "rate": f"{course.rate:g}",
            "oldest": f"{course.oldest_seconds:g}",
        }
        arguments = [_filled(one, places) for one in backfill.arguments]
        for limit in itertools.islice(itertools.chain(course.killed_at, itertools.repeat(inf)), MOST_STARTS):
            if _run(stage, config, backfill.run, arguments, limit, told):
                told.lines[:] = [line.replace(folder, "") for line in told.lines]
                return
        raise UsageError(f"{backfill.run} was killed {MOST_STARTS} times and has not come to its end")


def _filled(text: str, places: Mapping[str, str]) -> str:
    try:
        return text.format_map(places)
    except (KeyError, ValueError) as error:
        raise UsageError(
            f"[tool.harness.backfill] arguments: {text} names {error}, which is none of {', '.join(places)}"
        ) from error


def _run(stage: Stage, config: Config, name: str, arguments: Sequence[str], limit: float, told: Told) -> bool:
    """Runs the script once; whether it came to its end. Raises `UsageError` when that was a bad one."""
    script = _Script(config, told)
    module, _, attribute = name.partition(":")

    def body() -> object:
        try:
            return script.sandbox.load(f"{module}.{attribute}")(arguments)
        except SystemExit as left:
            return left.code

    process = stage.kernel.spawn(f"{SCRIPT}:{told.starts}", body, script)
    told.starts += 1
    stage.kernel.wait(process.done, None if limit == inf else limit)
    if process.alive:
        process.kill()
        stage.kernel.wait(process.done)
    script.sandbox.discard()
    if process.killed:
        return False
    if process.result:
        raise UsageError(f"{name} ended with {process.result}: {' '.join(told.lines[-1:])}")
    return True


class _Script:
    """A user's process: a `kernel.Scope` and a `wire.Caller`. It may do all; its compute costs nothing. Its
    modules come from the project, whatever the functions' packages carry.
    """

    id = name = SCRIPT
    request_id = ended_by = ""
    deadline = inf
    identity = Identity(ACCOUNT, ALL_ALLOWED)

    def __init__(self, config: Config, told: Told) -> None:
        module = config.backfill.run.partition(":")[0] if config.backfill else ""
        variables = {**CREDENTIALS, "AWS_REGION": REGION, "AWS_DEFAULT_REGION": REGION}
        self._code = CodeBase([config.root], [module])
        self.sandbox = Sandbox(self._code, variables, [config.root])
        self._told = told
        self._line = ""

    def enter(self) -> None:
        sys.meta_path.insert(0, self._code)
        self.sandbox.enter()

    def leave(self) -> None:
        self.sandbox.leave()
        sys.meta_path.remove(self._code)

    def settle(self, operation: str) -> float:
        return 0.0

    def resumed(self) -> None:
        pass

    def log(self, text: str) -> None:
        *lines, self._line = (self._line + text).split("\n")
        self._told.lines += lines


def _lay(stage: Stage, files: Sequence[InputFile], place: Place) -> None:
    bucket = stage.cloud.bucket(place.resource)
    for file in files:
        key = place.prefix + file.name
        stage.cloud.lay(bucket, key, file.path.read_bytes())
        size = file.path.stat().st_size
        stage.recorder.record(Upload(t=stage.kernel.now, key=key, size_bytes=size, lay_there=True))


def _rows(stage: Stage, files: Sequence[InputFile], place: Place) -> Iterator[list[str]]:
    """Of an inventory, with the columns of `COLUMNS`."""
    bucket = stage.cloud.bucket(place.resource)
    date = EPOCH.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    for file in files:
        stored = stage.cloud.stored_object(bucket, place.prefix + file.name)
        version = str(stored.version_id or "")
        key = quote_plus(place.prefix + file.name, safe="/")
        yield [bucket, key, version, "true", "false", str(stored.size), date, stored.etag.strip('"')]


def inventory(folder: Path, rows: Sequence[Sequence[str]]) -> Path:
    """Writes an inventory as S3 does ("Amazon S3 Inventory list"); returns the path of its manifest."""
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(rows)
    content = gzip.compress(text.getvalue().encode(), mtime=0)
    (folder / "data").mkdir()
    (folder / "data" / "list.csv.gz").write_bytes(content)
    when = EPOCH + datetime.timedelta(days=-1)
    manifest: dict[str, Any] = {
        "sourceBucket": rows[0][0] if rows else "",
        "version": "2016-11-30",
        "creationTimestamp": f"{when.timestamp() * 1000:.0f}",
        "fileFormat": "CSV",
        "fileSchema": COLUMNS,
        "files": [
            {
                "key": "inventory/data/list.csv.gz",
                "size": len(content),
                "MD5checksum": hashlib.md5(content, usedforsecurity=False).hexdigest(),
            }
        ],
    }
    made = folder / f"{when:%Y-%m-%dT%H-%MZ}"
    made.mkdir()
    (made / "manifest.json").write_bytes(msgspec.json.encode(manifest))
    return made / "manifest.json"


class Sent(msgspec.Struct, frozen=True):
    """What the script did. messages: that it sent; seconds: from its first call that sent any to its last;
    rate: messages a second meanwhile, those of the last call left out; starts: how often it was started;
    said: its last words.
    """

    messages: int
    seconds: float
    rate: float
    starts: int
    said: list[str]


def sent(recorder: Recorder, told: Told) -> Sent:
    """By what the trace says."""
    calls = [
        event
        for event in recorder.events
        if isinstance(event, Call)
        and event.caller == SCRIPT
        and event.operation in ("SendMessage", "SendMessageBatch")
        and event.status < 300
    ]
    counts = [max(1, len(call.items)) for call in calls]
    seconds = calls[-1].t - calls[0].t if calls else 0.0
    return Sent(
        messages=sum(counts),
        seconds=seconds,
        rate=sum(counts[:-1]) / seconds if seconds else 0.0,
        starts=told.starts,
        said=told.lines[-3:],
    )
