"""A wind tunnel of one's own: a template and handlers as text, clients as functions, exact latencies, free
compute.
"""

import itertools
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from harness.cloud import template as templates
from harness.cloud.latency import Distribution
from harness.cloud.limits import ACCOUNT_CONCURRENCY
from harness.compute.policies import NOTHING, Init, Outcome
from harness.compute.sandbox import CodeBase
from harness.config import ModelledCompute, RecordedFunction
from harness.faults import scenario
from harness.recorder import Call, Invocation, Log, Message, Throttle
from harness.runs.emulation import Client, Emulation, Setting, emulate
from harness.runs.places import Place
from harness.services.stage import Stage

MILLISECOND = {"default": Distribution(median_ms=1.0, sigma=0.0)}
"""Every call and every event takes exactly one millisecond."""


BASE_BYTES = 40 * 2**20
"""What a function of the tunnel takes in memory before it has done anything."""


class Free:
    """Compute that costs nothing, so that times are those of the services alone; init takes half a second of
    one vCPU.

    needed: of each call of a recorded function in turn, the bytes that it needs (the last for all further
    calls), and the CPU seconds that it takes.
    """

    def __init__(self, needed: Sequence[int | None] = (0,), call_seconds: float = 0.0) -> None:
        self._needed, self._call_seconds = list(needed), call_seconds

    def clock(self, function: object) -> float:
        return 0.0

    def segment(self, function: object, label: str, measured: float) -> float:
        return 0.0

    def init(self, function: object) -> Init:
        return Init(0.5, BASE_BYTES)

    def late_import(self, function: object, module: str) -> Init:
        return NOTHING

    def call(self, spec: object, original: Callable[..., Any], args: Any, kwargs: Any) -> Outcome:
        needed = self._needed.pop(0) if len(self._needed) > 1 else self._needed[0]
        return Outcome(self._call_seconds, original(*args, **kwargs), memory_bytes=needed)


class Tunnel:
    """Builds and runs one small system; afterwards what happened can be asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.emulation: Emulation | None = None

    def run(
        self,
        resources: str,
        handler: str,
        *clients: Client,
        seed: int = 0,
        longest: float = 20_000,
        latencies: Any = MILLISECOND,
        faults: str = "",
        stream_shards: int = 1,
        account_concurrency: int = ACCOUNT_CONCURRENCY,
        recorded: str = "",
        compute: Free | None = None,
        redrive: bool = False,
    ) -> Emulation:
        """`resources`: YAML of the template's Resources; `handler`: the source of toy.py, with the function;
        `faults`: TOML; recorded: the function of toy.py whose compute, and memory, is recorded.
        """
        (self.folder / "toy.py").write_text(textwrap.dedent(handler))
        text = "AWSTemplateFormatVersion: '2010-09-09'\nTransform: AWS::Serverless-2016-10-31\nResources:\n"
        path = self.folder / "template.yaml"
        path.write_text(text + textwrap.indent(textwrap.dedent(resources), "  "))
        loaded = templates.load(path, {})
        setting = Setting(
            template=loaded,
            clients=clients,
            results=Place(""),
            seed=seed,
            latencies=latencies,
            recorded=(_recorded(recorded),) if recorded else (),
            longest=longest,
            faults=scenario.parse(textwrap.dedent(faults), "test"),
            stream_shards=stream_shards,
            account_concurrency=account_concurrency,
            redrive=redrive,
        )
        code = CodeBase(list(loaded.code.values()), ["toy.handler"])
        self.emulation = emulate(setting, code, compute or Free())
        return self.emulation

    def events(self, kind: type) -> list[Any]:
        assert self.emulation is not None
        return [event for event in self.emulation.recorder.events if isinstance(event, kind)]

    @property
    def invocations(self) -> list[Invocation]:
        return self.events(Invocation)

    @property
    def logs(self) -> list[str]:
        """What the handler printed, in order."""
        return [event.text for event in self.events(Log)]

    def messages(self, action: str, queue: str = "Queue") -> list[Message]:
        return [event for event in self.events(Message) if (event.action, event.queue) == (action, queue)]

    def calls(self, operation: str, caller: str | None = None) -> list[Call]:
        return [
            event
            for event in self.events(Call)
            if event.operation == operation and caller in (None, event.caller)
        ]

    @property
    def throttles(self) -> list[Throttle]:
        return self.events(Throttle)


def _recorded(name: str) -> RecordedFunction:
    modelled = ModelledCompute(median_seconds=0.0, sigma=0.0, value=None)
    return RecordedFunction(function=f"toy:{name}", key=(), modelled=modelled)


def send(*bodies: str, queue: str = "Queue", at: float = 0.0, **options: Any) -> Client:
    """A client that sends these messages at a time."""

    def client(stage: Stage) -> None:
        stage.kernel.sleep(at)
        for body in bodies:
            url = stage.cloud.queue_url(stage.cloud.system.queues[queue])
            stage.cloud.sqs.send_message(QueueUrl=url, MessageBody=body, **options)

    return client


def put(key: str, body: bytes = b"x", at: float = 0.0, bucket: str = "Bucket") -> Client:
    """A client that puts an object at a time."""

    def client(stage: Stage) -> None:
        stage.kernel.sleep(at)
        stage.cloud.s3.put_object(Bucket=stage.cloud.system.buckets[bucket], Key=key, Body=body)

    return client


def write(*items: dict[str, Any], at: float = 0.0, table: str = "Table") -> Client:
    """A client that puts items into the table at a time; values are plain strings and numbers."""

    def client(stage: Stage) -> None:
        stage.kernel.sleep(at)
        dynamodb = stage.cloud.client("dynamodb")
        for item in items:
            typed = {
                name: {"S": value} if isinstance(value, str) else {"N": str(value)}
                for name, value in item.items()
            }
            dynamodb.put_item(TableName=stage.cloud.system.tables[table], Item=typed)

    return client


SQS_ALLOWED = "Policies: [{Statement: [{Effect: Allow, Action: 'sqs:*', Resource: '*'}]}]"
"""Of a function that calls SQS itself."""


def queue(
    *,
    visibility: int = 30,
    receives: int | None = None,
    function: str = "Timeout: 5, MemorySize: 1769",
    mapping: str = "BatchSize: 1",
    retention: int = 345_600,
) -> str:
    """Resources: a queue with a function on it, and a dead-letter queue if `receives` is given."""
    redrive = (
        f", RedrivePolicy: {{deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: {receives}}}"
        if receives
        else ""
    )
    return f"""
        Queue:
          Type: AWS::SQS::Queue
          Properties: {{VisibilityTimeout: {visibility}, MessageRetentionPeriod: {retention}{redrive}}}
        Dead: {{Type: AWS::SQS::Queue}}
        Function:
          Type: AWS::Serverless::Function
          Properties:
            {{Handler: toy.handler, Runtime: python3.13, CodeUri: ., {function},
              Events: {{E: {{Type: SQS, Properties: {{Queue: !GetAtt Queue.Arn, {mapping}}}}}}}}}
    """


def wait(seconds: float) -> Client:
    """A client that does nothing but keep the run going."""
    return lambda stage: stage.kernel.sleep(seconds)


def stream(
    *, function: str = "Timeout: 5, MemorySize: 1769", mapping: str = "BatchSize: 10", ttl: str = ""
) -> str:
    """Resources: a table with a function on its stream, and a queue for what fails."""
    return f"""
        Table:
          Type: AWS::DynamoDB::Table
          Properties:
            BillingMode: PAY_PER_REQUEST
            AttributeDefinitions: [{{AttributeName: PK, AttributeType: S}}, {{AttributeName: SK, AttributeType: S}}]
            KeySchema: [{{AttributeName: PK, KeyType: HASH}}, {{AttributeName: SK, KeyType: RANGE}}]
            StreamSpecification: {{StreamViewType: NEW_AND_OLD_IMAGES}}
            {f"TimeToLiveSpecification: {{AttributeName: {ttl}, Enabled: true}}" if ttl else ""}
        Failures: {{Type: AWS::SQS::Queue}}
        Function:
          Type: AWS::Serverless::Function
          Properties:
            {{Handler: toy.handler, Runtime: python3.13, CodeUri: ., {function},
              Events:
                {{E: {{Type: DynamoDB, Properties: {{Stream: !GetAtt Table.StreamArn, StartingPosition: TRIM_HORIZON, {mapping}}}}}}}}}
    """


def bucket(rules: str = "", event: str = "s3:ObjectCreated:*", versioning: str = "", **of_queue: Any) -> str:
    """Resources: a bucket that tells a queue of its objects, and a function that prints what it is told."""
    return f"""
        Bucket:
          Type: AWS::S3::Bucket
          Properties:
            {versioning}
            NotificationConfiguration:
              QueueConfigurations: [{{Event: '{event}', Queue: !GetAtt Queue.Arn, Filter: {{S3Key: {{Rules: [{rules}]}}}}}}]
    """ + queue(**of_queue)


def row(source: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Marks a test as a row of docs/conformance.md: its docstring is the behaviour, `source` the page of
    AWS's that documents it.
    """

    def mark(test: Callable[..., None]) -> Callable[..., None]:
        test.source = source  # type: ignore[attr-defined]
        return test

    return mark


@pytest.fixture
def tunnel(tmp_path: Path) -> Tunnel:
    return Tunnel(tmp_path)


def gaps(times: Sequence[float]) -> list[float]:
    """Seconds between successive times."""
    return [round(b - a, 3) for a, b in itertools.pairwise(times)]


def running(tunnel: Tunnel) -> int:
    """Most invocations at once."""
    moves = sorted(
        [(one.start, 1) for one in tunnel.invocations] + [(one.t, -1) for one in tunnel.invocations]
    )
    most = now = 0
    for _, change in moves:
        now += change
        most = max(most, now)
    return most
