"""Nobody's SSN leaves the worker: planted values are searched for, whole and in parts, in all that the system
writes or says.
"""

import json
import re
from pathlib import Path

import pytest

from harness.cloud import backends
from harness.compute.sandbox import Sandbox
from harness.faults import scenario
from harness.recorder import Log
from harness.runs import perfetto
from harness.runs import run as runs
from reports import pages
from tests import builders

SHORTEST_PART = 5
"""Letters or digits in a row that would give a value away; masks show two at most."""


def planted(folder: Path) -> set[str]:
    """Every value of the corpus, as printed and without its separators."""
    truth = json.loads((folder / "truth.json").read_text())
    values = {npi["value"] for pages in truth.values() for page in pages for npi in page["npi"]}
    return values | {re.sub(r"[^0-9A-Za-z]", "", value) for value in values}


def parts(value: str) -> set[str]:
    """The pieces of a value that must not appear: all runs of letters and digits of that length, if they hold
    two digits or more.
    """
    runs_of = {value[start : start + SHORTEST_PART] for start in range(len(value) - SHORTEST_PART + 1)}
    return {part for part in runs_of if part.isalnum() and sum(map(str.isdigit, part)) >= SHORTEST_PART}


CHANCE = re.compile(
    "|".join(
        (
            r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",  # a random name
            r"[0-9a-fA-F]{16,}|[0-9A-Za-z+/=]{40,}",  # a digest (so a fileId), a receipt handle
            r"\d+\.\d{3,}",  # a coordinate
            r"\b17[67]\d{7}(\d{3})?\b",  # a virtual time, in seconds or milliseconds: they begin in 2026
            r"\b(?:file|p|m)[0-9a-f]{5,10}\b|#[0-9a-f]{6}\b",  # a file's name, a place in a drawing, a colour
            r"""'size'\W+(?:\w+\W+)?\d+|"size"\W+(?:\w+\W+)?\d+""",  # a file's bytes
            r"(?<=[:\[,=(])\s*-?\d+(?:\.\d+)?(?:[eE]-?\d+)?(?=\s*[,\]})])",  # a number as a JSON value
        )
    )
)
"""What only looks like digits of a value. It changes with the machine's OCR times, so without this the search
would fail now and then.
"""


TIMES = re.compile(r'"(?:ts|dur)": ?[\d.e+-]+')
"""When a span of the timeline begins and how long it takes, in microseconds: thousands of numbers of eight
digits.
"""


def told(text: str) -> str:
    """The text without what holds such digits by chance."""
    return CHANCE.sub(" ", text)


def holds(text: str, value: str) -> bool:
    """Whether the text has the value. Digits alone are one only where no other digit touches them: a longer
    number of the machine's clock or of an id has any eight digits now and then.
    """
    if not value.isdigit():
        return value in text
    return re.search(rf"(?<!\d){value}(?!\d)", text) is not None


def as_text(body: object) -> str:
    """A request's or an answer's body; what is sent in chunks from a file is a scan, and nothing is said by
    it.
    """
    if isinstance(body, str):
        return body
    return bytes(body).decode("latin1") if isinstance(body, bytes) else ""


@pytest.fixture(scope="module")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> tuple[runs.Run, dict[str, str], set[str]]:
    """A hostile run with real OCR values in the ledger, with every request and answer on the wire, and all
    files that it leaves.
    """
    folder = builders.sample()
    requests: list[str] = []
    original = backends.answer

    def overheard(service, request):
        answered = original(service, request)
        uploads = (
            service == "s3" and "/uploads/" in request.url
        )  # the scans themselves hold the values, of course
        if not uploads and answered is not None:
            requests.extend(map(as_text, (request.body, answered[2])))
        return answered

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(backends, "answer", overheard)
        finished = builders.run(
            folder,
            seed=4,
            faults=scenario.load("hostile"),
            parameters={"LogLevel": "DEBUG", "MaxReceives": "2"},
        )
    out = tmp_path_factory.mktemp("secrets")
    runs.write(finished, out)
    pages.write(out)
    emulation = finished.emulation
    (out / "timeline.json").write_bytes(perfetto.timeline(emulation.recorder.events))
    written = {
        "DynamoDB": repr(emulation.items) + repr(emulation.changes),
        "objects in S3": b"".join(emulation.results.values()).decode("latin1"),
        "messages": repr([gone.body for gone in emulation.gone]),
        "logs": "\n".join(event.text for event in emulation.recorder.events if isinstance(event, Log)),
        "requests and answers": "\n".join(requests),
        **{path.name: path.read_text("latin1") for path in out.rglob("*") if path.is_file()},
    }
    written["timeline.json"] = TIMES.sub("", written["timeline.json"])
    return finished, written, planted(folder)


def test_the_corpus_plants_every_type_and_the_run_finds_them(spoken) -> None:
    finished, _, values = spoken
    found = {finding["type"] for result in finished.results.values() for finding in result["findings"]}
    assert len(found) >= 8
    assert len(values) > 40


def test_no_value_is_written_or_said(spoken) -> None:
    _, written, values = spoken
    assert {
        (place, value)
        for place, text in written.items()
        for value in values
        if len(value) >= SHORTEST_PART and holds(text, value)
    } == set()


def test_a_whole_value_would_be_noticed(spoken) -> None:
    value = next(value for value in spoken[2] if value.isdigit() and len(value) == 9)
    for leak in (f'{{"detail": "near {value}"}}', f'{{"number": {value}}}', f"SSN{value}."):
        assert holds(leak, value)
    assert not holds(f'"ts": 17{value}.25', value)


def test_no_part_of_a_value_is_written_or_said(spoken) -> None:
    _, written, values = spoken
    forbidden = {part for value in values for part in parts(value)}
    assert len(forbidden) > 100
    found = {
        (place, part)
        for place, text in written.items()
        for said in (told(text),)
        for part in forbidden
        if part in said
    }
    assert found == set()


def test_a_part_of_a_value_would_be_noticed(spoken) -> None:
    """The search itself: a value's digits in the midst of a log line are found, whatever is taken out
    before.
    """
    value = next(value for value in spoken[2] if value.isdigit() and len(value) == 9)
    for leak in (f'{{"detail": "near {value}"}}', f"x{value[:6]}", f'"{value[2:8]}"'):
        assert any(part in told(leak) for part in parts(value))


def test_masks_show_two_characters_at_most(spoken) -> None:
    finished, _, _ = spoken
    masked = [finding["masked"] for result in finished.results.values() for finding in result["findings"]]
    assert masked
    assert all(sum(letter.isalnum() for letter in mask) <= 2 for mask in masked)


def test_tmp_is_empty_after_each_invocation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With real OCR, which goes by files: when an environment pauses between two invocations, its /tmp holds
    nothing.
    """
    name = "file00002.tiff"
    (tmp_path / name).write_bytes((builders.sample() / name).read_bytes())
    left: list[str] = []
    discard = Sandbox.discard

    def look(self: Sandbox) -> None:
        if self._folder is not None:
            left.extend(str(path) for path in Path(self._folder.name).rglob("*"))
        discard(self)

    monkeypatch.setattr(Sandbox, "discard", look)
    finished = builders.run(tmp_path, compute="measured")
    assert finished.results[name]["npiPages"]
    assert left == []
