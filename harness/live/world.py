"""The services of a living system: those of an emulation, and a watch that does not end."""

import sys
from collections.abc import Callable
from math import ceil
from queue import SimpleQueue

import msgspec

from harness.cloud.addresses import bucket_and_key
from harness.engine.kernel import Signal
from harness.engine.pace import WallClock
from harness.errors import UsageError
from harness.live import requests
from harness.live.requests import Answer, Outside
from harness.recorder import Upload
from harness.runs.emulation import GAUGE_SECONDS, Client, Setting, World
from harness.runs.places import Place
from harness.services.lambda_service import LambdaService
from harness.services.stage import Stage

UPLOADS = ("PutObject", "CopyObject", "CompleteMultipartUpload")
GONE = Answer(503, [("Content-Type", "text/plain")], b"this cloud has ended")
REFUSED = Answer(
    500, [("Content-Type", "text/plain")], b"moto could not answer: see the log of harness serve"
)


class LivingWorld(World):
    """`uploads`: where input goes."""

    def __init__(
        self, setting: Setting, stage: Stage, functions: LambdaService, pace: WallClock, uploads: Place
    ) -> None:
        super().__init__(setting, stage, functions)
        self.stage = stage
        self._pace, self._came = pace, Signal(stage.kernel)
        self.bucket = stage.cloud.system.buckets.get(uploads.resource, "")
        self.queue = stage.cloud.system.queues.get(uploads.resource, "").rpartition(":")[2]
        self.prefix = uploads.prefix
        if not self.bucket and not self.queue:
            raise UsageError(f"inputs go to {uploads.resource}, which is no bucket or queue of the template")

    @property
    def uploaded(self) -> list[str]:
        """Names of the inputs so far."""
        events = self._recorder.events
        return [one.key.removeprefix(self.prefix) for one in events if isinstance(one, Upload)]

    def interrupt(self) -> None:
        """Who ends it while nothing is left to do interrupts nothing."""
        self._interrupted = not self._is_idle()
        self._kernel.stop()

    @property
    def names(self) -> dict[str, str]:
        """What buckets, queues and tables are called, by logical id."""
        system = self._cloud.system
        queues = {name: arn.rpartition(":")[2] for name, arn in system.queues.items()}
        return {**system.buckets, **queues, **system.tables}

    @property
    def clients(self) -> int:
        """Who is served now, or waits for it."""
        return self._clients_busy

    @property
    def is_idle(self) -> bool:
        return self._is_idle()

    def visit(self, client: Client, name: str = "client") -> None:
        super().visit(client, name)
        self._came.fire()

    @property
    def place(self) -> str:
        """Where inputs go, as a client names it."""
        return f"s3://{self.bucket}/{self.prefix}" if self.bucket else f"sqs://{self.queue}"

    def upload(self, name: str, body: bytes) -> Outside:
        """The request of a client that puts an input where the system takes it."""
        if self.bucket:
            return requests.put(self.bucket, self.prefix + name, body)
        return requests.send(self._cloud.queue_url(f":{self.queue}"), body.decode("utf-8", "replace"))

    def perform(self, request: Outside, answered: "SimpleQueue[Answer]") -> None:
        """Has a request of somebody outside answered, in its own time; one that only looks at once, past the
        wire: it uses no capacity and is on no bill.
        """
        if request.only_looks:
            answered.put(self._tried(request, lambda: requests.answered(request)))
        else:
            self.visit(lambda stage: self._carry(request, answered))

    def _carry(self, request: Outside, answered: "SimpleQueue[Answer]") -> None:
        answer = GONE  # for one who is still waiting when all ends
        try:
            answer = self._answer(request)
        finally:
            answered.put(answer)
        if answer.status >= 300:
            return
        if request.operation in UPLOADS:
            self._uploaded(*bucket_and_key(requests.prepared(request).url))
        elif request.operation == "SendMessage" and self.queue:
            self._sent(request, answer)

    def _answer(self, request: Outside) -> Answer:
        def carried() -> Answer:
            by_moto = requests.by_moto(request)
            sent = requests.prepared(request)
            made = self.stage.wire.carry(request.service, request.operation, sent, by_moto)
            return Answer(made.status_code, list(dict(made.headers).items()), made.raw.read())

        return self._tried(request, carried)

    def _tried(self, request: Outside, ask: Callable[[], Answer]) -> Answer:
        try:
            return ask()
        except Exception as error:
            told = f"{request.operation} could not be answered: {type(error).__name__}: {error}"
            print(told, file=sys.stderr, flush=True)
            return REFUSED

    def _uploaded(self, bucket: str, key: str) -> None:
        stored = self._cloud.stored_object(bucket, key)
        if bucket == self.bucket and key.startswith(self.prefix) and stored is not None:
            self._recorder.record(Upload(t=self._kernel.now, key=key, size_bytes=stored.size))

    def _sent(self, request: Outside, answer: Answer) -> None:
        """A message that is an input."""
        asked, told = msgspec.json.decode(request.body), msgspec.json.decode(answer.body)
        if asked["QueueUrl"].rpartition("/")[2] == self.queue:
            size = len(asked["MessageBody"])
            self._recorder.record(Upload(t=self._kernel.now, key=told["MessageId"], size_bytes=size))

    def _until_next_look(self) -> float:
        """While somebody is at work, the next event may come before the one that is known: a look at every
        second misses none, and one in which nothing has changed leaves nothing.
        """
        return GAUGE_SECONDS if self._pace.is_held else super()._until_next_look()

    def _watch(self) -> None:
        """As in a run, but that it goes on: when there is nothing left to do time may rest, and when somebody
        comes it looks again in that second.
        """
        while True:
            if self._look():
                self._pace.rest()
            if self._kernel.wait(self._came, self._until_next_look()):
                self._kernel.sleep_until(float(ceil(self._kernel.now)))
