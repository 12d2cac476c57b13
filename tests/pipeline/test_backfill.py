"""The backfill: at its rate, no faster than the system takes it, from where it was stopped."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline import backfill, messages
from pipeline.backfill import Checkpoint, Pace, Plan, Pressure
from pipeline.messages import FileRef


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(backfill, "time", made)
    return made


class Queue:
    """A queue that a system empties, so many messages a second; `survives`: sends before its user is gone."""

    def __init__(self, clock: Clock, drained: float = 1e9, refuses: int = 0, survives: int = 10**9) -> None:
        self._clock, self._drained, self._refuses, self._left = clock, drained, refuses, survives
        self.bodies: list[str] = []
        self._at = clock.now
        self._waiting = 0.0
        self.longest_seconds = 0.0

    @property
    def waiting(self) -> int:
        self.hold(0)
        return int(self._waiting)

    def hold(self, messages: int) -> None:
        """So many more wait."""
        left = max(0.0, self._waiting - (self._clock.now - self._at) * self._drained)
        self._waiting, self._at = left + messages, self._clock.now
        self.longest_seconds = max(
            self.longest_seconds, self._waiting / self._drained if self._drained else 0.0
        )

    def get_queue_attributes(self, QueueUrl: str, AttributeNames: list[str]) -> dict:
        return {"Attributes": {AttributeNames[0]: str(self.waiting)}}

    def send_message_batch(self, QueueUrl: str, Entries: list[dict]) -> dict:
        if self._left == 0:
            raise KeyboardInterrupt
        self._left -= 1
        if self._refuses:
            self._refuses -= 1
            refused, Entries = Entries[:1], Entries[1:]
        else:
            refused = []
        self.bodies += [entry["MessageBody"] for entry in Entries]
        self.hold(len(Entries))
        return {"Failed": [{"Id": entry["Id"], "Message": "busy"} for entry in refused]}

    @property
    def keys(self) -> list[str]:
        return [ref.key for body in self.bodies for ref in messages.decode_uploads(body)]


def refs(count: int, first: int = 0) -> Iterator[FileRef]:
    return (FileRef("documents", f"uploads/{number:05}.tif", 9, "e", "v") for number in range(first, count))


def sent(queue: Queue, path: Path, count: int, rate: float, oldest: float = 900.0) -> int:
    checkpoint = Checkpoint.load(path, "here")
    plan = Plan(queue="q", behind=(), rate=rate, oldest_seconds=oldest)
    return backfill.run(queue, plan, refs(count, checkpoint.taken), checkpoint, path, lambda text: None)


@pytest.mark.parametrize("rate", [0.5, 3, 20, 250])
def test_files_go_at_the_rate_that_was_asked_for(clock: Clock, tmp_path: Path, rate: float) -> None:
    began = clock.now
    sent(Queue(clock), tmp_path / "c", 1_000, rate)
    assert 1_000 / (clock.now - began) == pytest.approx(rate, rel=0.02)


def test_a_slow_answer_is_made_up_for_but_a_long_pause_is_not(clock: Clock) -> None:
    pace = Pace(10.0)
    pace.wait(10)
    clock.now += 1.5
    pace.wait(10)
    assert clock.now == 1_001.5, "half a second late: at once"
    pace.wait(10)
    assert clock.now == 1_002.0, "and back in step"
    clock.now += 60.0
    for _ in range(3):
        pace.wait(10)
    assert clock.now == pytest.approx(1_063.0), "a minute late: a second's worth is made up for"


def test_an_event_is_read_by_the_controller_as_the_upload_that_it_tells_of() -> None:
    ref = FileRef("documents", "uploads/a b+ü/1.tif", 12, "e1", "v1")
    assert messages.decode_uploads(backfill.upload_event(ref)) == [ref]
    plain = FileRef("documents", "1.tif", 12, "e1")
    assert messages.decode_uploads(backfill.upload_event(plain)) == [plain]
    assert plain.file_id != ref.file_id


@pytest.mark.parametrize("drained", [5.0, 20.0, 45.0])
def test_it_pauses_before_messages_wait_too_long(clock: Clock, tmp_path: Path, drained: float) -> None:
    """Between two looks it cannot know: what it sends meanwhile comes on top."""
    queue, began = Queue(clock, drained), clock.now
    sent(queue, tmp_path / "c", 5_000, rate=50.0, oldest=60.0)
    unseen = backfill.LOOK_SECONDS * (50.0 - drained) / drained
    assert queue.longest_seconds < 1.1 * (60.0 + unseen)
    took = clock.now - began + queue.waiting / drained
    assert 5_000 / took == pytest.approx(drained, rel=0.1), "and the system never stands idle"


def test_a_system_that_stands_still_is_sent_nothing_more(clock: Clock, tmp_path: Path) -> None:
    queue = Queue(clock, drained=0.0)
    sleep = clock.sleep

    def gives_up(seconds: float) -> None:
        sleep(seconds)
        if clock.now > 5_000:
            raise KeyboardInterrupt

    clock.sleep = gives_up
    with pytest.raises(KeyboardInterrupt):
        sent(queue, tmp_path / "c", 10**6, rate=50.0)
    assert len(queue.bodies) <= 50 * (backfill.LOOK_SECONDS + 1)


def test_messages_of_others_make_the_wait_longer_not_shorter(clock: Clock) -> None:
    alone, shared = (Pressure(Queue(clock, drained=1.0), ("q",), 1.0) for _ in range(2))
    shared._sqs.hold(30)
    for _ in range(4):
        clock.now += 10.0
        for pressure in (alone, shared):
            pressure._sqs.hold(30)
            pressure.note(30)
        waits = shared.wait_seconds(), alone.wait_seconds()
    assert waits[0] > waits[1] > 0


def test_the_wait_is_that_of_the_oldest_message_at_least(clock: Clock) -> None:
    queue = Queue(clock, drained=0.0)
    pressure = Pressure(queue, ("q",), 1.0)
    for _ in range(5):
        pressure.note(10)
        clock.now += 4.0
    queue.hold(20)
    assert pressure.wait_seconds() == pytest.approx(max(8.0, 20 / (30 / 20.0)))
    queue._waiting = 0.0
    assert pressure.wait_seconds() == 0.0


@pytest.mark.parametrize("survives", [0, 1, 7])
def test_stopped_at_any_send_it_goes_on_without_a_double(clock: Clock, tmp_path: Path, survives: int) -> None:
    path = tmp_path / "c"
    first = Queue(clock, survives=survives)
    with pytest.raises(KeyboardInterrupt):
        sent(first, path, 100, rate=50.0)
    second = Queue(clock)
    sent(second, path, 100, rate=50.0)
    assert first.keys + second.keys == [ref.key for ref in refs(100)]
    assert sent(Queue(clock), path, 100, rate=50.0) == 0, "all is sent"


def test_killed_between_a_send_and_its_note_it_sends_one_call_again(
    clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing can send and note at once; the controller knows the files."""
    path, first, second = tmp_path / "c", Queue(clock), Queue(clock)
    with monkeypatch.context() as patched:

        def dies(checkpoint: Checkpoint, where: Path) -> None:
            raise KeyboardInterrupt

        patched.setattr(Checkpoint, "save", dies)
        with pytest.raises(KeyboardInterrupt):
            sent(first, path, 100, rate=50.0)
    sent(second, path, 100, rate=50.0)
    assert second.keys == [ref.key for ref in refs(100)]
    assert len(first.keys) == backfill.ENTRIES_PER_SEND


def test_what_sqs_refuses_is_sent_again_alone(clock: Clock, tmp_path: Path) -> None:
    queue = Queue(clock, refuses=3)
    sent(queue, tmp_path / "c", 20, rate=50.0)
    assert sorted(queue.keys) == [ref.key for ref in refs(20)]


def test_it_gives_up_when_sqs_goes_on_refusing(clock: Clock, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="SQS refuses 1 messages: busy"):
        sent(Queue(clock, refuses=10**6), tmp_path / "c", 1, rate=1.0)
    assert Checkpoint.load(tmp_path / "c", "here").taken == 0


def command(world, tmp_path: Path, *more: str) -> int:
    arguments = ["--queue", world.queue, "--checkpoint", str(tmp_path / "c"), "--rate", "1000", *more]
    return backfill.main(arguments)


def test_a_bucket_is_sent_file_by_file_and_not_again(world, tmp_path: Path, capsys) -> None:
    files = [world.upload(b"II*\0", f"uploads/{number:02}.tif") for number in range(25)]
    assert command(world, tmp_path, "--bucket", "documents", "--prefix", "uploads/") == 0
    assert "25 files sent" in capsys.readouterr().out
    told = [ref for body in world.sent() for ref in messages.decode_uploads(body)]
    assert sorted(told, key=lambda ref: ref.key) == files
    more = world.upload(b"II*\0", "uploads/99.tif")
    assert command(world, tmp_path, "--bucket", "documents", "--prefix", "uploads/") == 0
    assert [messages.decode_uploads(body) for body in world.sent()] == [[more]]


def test_a_dry_run_sends_nothing(world, tmp_path: Path, capsys) -> None:
    world.upload(b"x" * 1000)
    assert command(world, tmp_path, "--bucket", "documents", "--dry-run") == 0
    assert capsys.readouterr().out.startswith("1 files of 0.0 GB, in 0.0 hours")
    assert world.sent() == []
    assert not (tmp_path / "c").exists()


def test_bad_input_is_one_line(world, tmp_path: Path, capsys) -> None:
    assert command(world, tmp_path, "--inventory", str(tmp_path / "none.json")) == 2
    assert command(world, tmp_path, "--bucket", "of-nobody") == 2
    (tmp_path / "c").write_text(json.dumps({"source": "s3://another/"}))
    assert command(world, tmp_path, "--bucket", "documents") == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3
    assert "is of s3://another/: give another, or remove it" in lines[2]
