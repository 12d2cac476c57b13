"""[tool.harness] of pyproject.toml: all that the harness is told about the application that it runs."""

import tomllib
from pathlib import Path
from typing import Literal, get_args

import msgspec

from harness.errors import UsageError


class ModelledCompute(msgspec.Struct, frozen=True, kw_only=True):
    """`--compute modelled`: CPU seconds are log-normal; `value` is what the function then returns, as plain
    data, and while its calls are being recorded. runs: it is run all the same, and only its time is drawn.
    """

    median_seconds: float
    sigma: float
    value: object = None
    runs: bool = False


class RecordedFunction(msgspec.Struct, frozen=True, kw_only=True):
    """A function ("module:name") whose compute is measured once and replayed.

    key: its arguments, or attributes of them, that decide its result. unit: what a call of it processes, for
    messages. counted: its calls are the work on the units of inputs, one each, of which tables, invariants
    and the fleet speak; others are charged to whoever calls them, as all of a handler's own compute is.
    versions: distributions that, in another version, would give other results. limit: the argument, or
    attribute of one, with the seconds that the function allows itself; a call that takes longer in virtual
    time, on a slow vCPU, ends then with `limit_error`. place and attempt: arguments, or attributes of them,
    that say which unit of its input a call is for, and how it goes about it; a call for the same place that
    goes about it otherwise than the one before, which failed or whose result is in doubt (its attribute
    `doubt` is not empty), is a further attempt, and no work done twice.
    """

    function: str
    unit: str = "call"
    counted: bool = True
    key: tuple[str, ...]
    versions: tuple[str, ...] = ()
    limit: str = ""
    limit_error: str = ""
    place: str = ""
    attempt: str = ""
    doubt: str = ""
    modelled: ModelledCompute

    @property
    def module(self) -> str:
        return self.function.partition(":")[0]

    @property
    def name(self) -> str:
        return self.function.partition(":")[2]


class Words(msgspec.Struct, frozen=True, kw_only=True):
    """What the application calls things, in tables, reports and the keys of summary.json. Nouns are
    (singular, plural).

    input: what is put in; unit: what an input is made of, as its result counts it. marked: label of the units
    that a result names (say "late items"), marked_as what they are ("late"), marked_key their key in
    summary.json; unread: what units with errors are; suspect: what units are whose verdict is in doubt.
    work: what the recorded functions do.
    """

    system: str = "Wind tunnel"
    input: tuple[str, str] = ("input", "inputs")
    unit: tuple[str, str] = ("unit", "units")
    marked: str = "marked"
    marked_as: str = "marked"
    marked_key: str = "marked"
    unread: str = "with errors"
    suspect: str = "in doubt"
    work: str = "recorded calls"


class ResultFields(msgspec.Struct, frozen=True, kw_only=True):
    """Names of a result's fields, and of the values of its status; "" where results have no such field.

    key: the upload that a result is about; units: how many units it has; marked: the list of those that are
    marked (1-based); errors: the list of those that failed, each an object with its number in `error_unit`;
    suspects: those whose verdict is in doubt, likewise; findings: objects with a `finding_type`, and where it
    is to be shown, the number of their unit likewise, a `finding_box` (left, top, right, bottom in pixels of
    the unit's picture) and a `finding_masked`, which is all of the value that may be seen; how sure it is
    stands in `finding_confidence`. same: other fields that do not depend on how an upload was worked on.
    """

    key: str = ""
    status: str = ""
    units: str = ""
    marked: str = ""
    errors: str = ""
    suspects: str = ""
    reason: str = ""
    completed: str = "COMPLETED"
    partial: str = "PARTIAL"
    failed: str = "FAILED"
    findings: str = "findings"
    finding_type: str = "type"
    finding_box: str = "box"
    finding_masked: str = "masked"
    finding_confidence: str = "confidence"
    error_unit: str = ""
    same: tuple[str, ...] = ()

    def named(self) -> tuple[str, ...]:
        """The fields that every result should have."""
        return tuple(
            name
            for name in (self.key, self.status, self.units, self.marked, self.errors, self.reason)
            if name
        )


_FORMER = {"pages": "units", "npi_pages": "marked", "page_errors": "errors", "error_page": "error_unit"}
"""Names of [tool.harness.result] before it was free of one application's words; they are still read."""


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """Where what a part holds stands: in an attribute of its item when its bytes are no more than this
    parameter of the template says (`most`), else in an object of the input's bucket, whose key is in the
    attribute `elsewhere`.
    """

    attribute: str
    most: str
    elsewhere: str


class PartFields(msgspec.Struct, frozen=True, kw_only=True):
    """Where the state of a part of a file (a batch of its units) stands: in an item of its own, under the
    partition key of the file's, and in sets of the file's item.

    number, status: attributes of the part's item, the first of which no other item has; completed: the status
    of one that is stored. units: its attribute with the units that it holds, like "1-10"; marked: the
    attribute of both items with those that are marked; "" where there is none. counted: the set of the file's
    item with the numbers of the parts that are counted; failed: that of those among them that failed.
    content: where what it holds stands; None where that is not to be looked at. handed: the attribute of
    the part's item that says which message handed back what was left of it; "" where nothing says so.
    """

    number: str
    status: str
    completed: str
    counted: str
    failed: str
    units: str = ""
    marked: str = ""
    content: Content | None = None
    handed: str = ""


class Life(msgspec.Struct, frozen=True, kw_only=True):
    """When an item of the state expires: `attribute` says it, in seconds since 1970, which is the days of
    [tool.harness.parameters] record-days after one of `since`, the first of these attributes that it has.
    """

    attribute: str
    since: tuple[str, ...]


class StateFields(msgspec.Struct, frozen=True, kw_only=True):
    """Where the state of a file stands in its item of a table: attributes, and the status of one that is not
    done.

    counted: numbers of batches that are done, the successful ones first; with `remaining` they make up
    `total`. parts: where each of the batches stands; None where that is not to be looked at. abandoned: an
    attribute that counts how often somebody tried to close a file that could not be put together, and after
    how many nobody tries again, but for a redrive: until then it may be left as it is. life: when its items
    expire. opener: the attribute with the id of the message that the file was opened for.
    """

    file: str
    status: str
    processing: str
    total: str
    counted: tuple[str, ...]
    remaining: str
    parts: PartFields | None = None
    abandoned: tuple[str, int] | None = None
    life: Life | None = None
    opener: str = ""


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """`make`: "module:function" of (folder, files, seed, tell), which makes `files` inputs with truth; where
    it also takes `pages`, the units of each, `harness fixtures --pages` may say them.
    """

    make: str = ""
    files: int = 12
    seed: int = 7


class Tuning(msgspec.Struct, frozen=True, kw_only=True):
    """The corpus that settings are tried on: made as a sample is, as large as to tell them apart."""

    make: str = ""
    files: int = 50
    seed: int = 7


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody expects the whole to cost: dollars (from, to) by AWS's name of a service, and in all."""

    files: int
    services: dict[str, tuple[float, float]] = {}
    total: tuple[float, float] | None = None


class HandBack(msgspec.Struct, frozen=True, kw_only=True):
    """A function that reads a batch gives back what is left of it when its timeout is less than the seconds
    away that this parameter of the template has, and so many more.
    """

    parameter: str = ""
    seconds: float = 0.0


class Accuracy(msgspec.Struct, frozen=True, kw_only=True):
    """What `harness accuracy` measures when it is given nothing: the sample, inputs that makers
    ("module:function") make, so many of each, and files of labelled lines. lines: "module:function" of
    (texts) -> [[{type, masked}, ...], ...], what is found in text. against: other finders by name, such
    functions too; words: "module:function" of (an input's bytes) -> [text of each of its units, ...], what
    they are given of an input.
    """

    sample: bool = True
    made: dict[str, int] = {}
    texts: tuple[str, ...] = ()
    lines: str = ""
    against: dict[str, str] = {}
    words: str = ""


class Guard(msgspec.Struct, frozen=True, kw_only=True):
    """What `harness guard` measures. made: inputs that makers ("module:function", as for accuracy) make, so
    many of each. readings: "module:function" of (an input's bytes) -> [a function that reads one of its
    units, ...]; base and working tree have their own, and a base that has none is called by ours.
    environment: variables of the measured processes. lock: the file with the versions of all requirements;
    a base with others runs in an environment made of its own.
    """

    made: dict[str, int]
    readings: str
    environment: dict[str, str] = {}
    lock: str = ""


class Backfill(msgspec.Struct, frozen=True, kw_only=True):
    """The script that `harness backfill` runs. run: "module:function", which takes a list of arguments and
    returns an exit code; arguments: with {inventory}, {checkpoint}, {rate}, {oldest}, and the logical ids of
    queues in braces for their URLs.
    """

    run: str
    arguments: tuple[str, ...]


class Calibrate(msgspec.Struct, frozen=True, kw_only=True):
    """Embedded metrics of the application that `harness calibrate` reads, and that invariants compare with
    the work that was done: pages of an invocation, and the seconds that reading them took, of each or of all;
    files that were opened, and that were closed.
    """

    pages: str = ""
    seconds: str = ""
    opened: str = ""
    closed: str = ""


Redrive = Literal["", "middle", "end"]
"""When what was given up is given back: never, while things break, or when nothing does any more."""


class Explore(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the worlds of `harness explore` are drawn from. pool: the maker of their inputs, and how many it
    makes. parameters: of the template, each with the two ends of its range (numbers) or with its values
    (texts); together: narrower ranges of several of them, and of `redrive`, by what they bring about, which
    some worlds take as they stand; aims: where faults of calls, or of a queue's messages, strike in a world
    that takes the ranges of that name, as `Fault.where` says it. reads: those that decide what is read of an
    input, and so what is right.
    concurrency, slowness, shards: ranges of the account's concurrency, of how many times longer the recorded
    functions take, and of a stream's shards. most_inputs, most_units: of a world, though one input may have
    more.
    happenings: what an exploration counts the worlds of, by name, each a pattern of the calls that tell of
    it: "<function> <service>.<operation> <target>", with * and ? as in file names. sometimes: those that must
    have come up, or the exploration says little. beyond: why some branches of the handlers' code are not to
    be reached by emulations, by patterns of "<file>:<line> <way> in <function>".
    """

    pool: Sample = Sample()
    parameters: dict[str, tuple[int | str, ...]] = {}
    together: dict[str, dict[str, tuple[int | str, ...]]] = {}
    aims: dict[str, tuple[str, ...]] = {}
    reads: tuple[str, ...] = ()
    concurrency: tuple[int, int] = (1000, 1000)
    slowness: tuple[float, float] = (1.0, 1.0)
    shards: tuple[int, int] = (1, 1)
    most_inputs: int = 4
    most_units: int = 1_000
    happenings: dict[str, str] = {}
    sometimes: tuple[str, ...] = ()
    beyond: dict[str, str] = {}

    def __post_init__(self) -> None:
        ranges = {"concurrency": self.concurrency, "slowness": self.slowness, "shards": self.shards}
        told = [*ranges.items(), *self.parameters.items()]
        for some in self.together.values():
            ranges_of = {name: values for name, values in some.items() if name != "redrive"}
            told += ranges_of.items()
            if strange := [one for one in some.get("redrive", ()) if one not in get_args(Redrive)]:
                raise ValueError(f"redrive is {strange[0]!r}; it must be middle or end, or empty")
            if others := [name for name in ranges_of if name not in self.parameters or name in self.reads]:
                raise ValueError(f"together names {others[0]}, which is none of parameters, or one of reads")
        if strange := [name for name, some in self.aims.items() if name not in self.together or not some]:
            raise ValueError(f"aims names {strange[0]}, which is none of together, or has no aim for it")
        for name, values in told:
            numbers = [value for value in values if not isinstance(value, str)]
            if not values or (numbers and (len(numbers), len(values)) != (2, 2)):
                raise ValueError(f"{name} must be two numbers (a range) or texts (values)")
            if numbers and not 0 < numbers[0] <= numbers[1]:
                raise ValueError(f"{name} must be two numbers above 0, the lower first")
        for name in self.reads:
            if not all(isinstance(value, str) for value in self.parameters.get(name, (0,))):
                raise ValueError(f"reads names {name}, which has no texts in parameters")
        if min(self.most_inputs, self.most_units) < 1:
            raise ValueError("most_inputs and most_units must be 1 at least")


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """See the comments in pyproject.toml. `inputs` and `results` are "<logical id of a bucket>/<prefix>" or
    that of a queue.

    root: the project's folder; source: the file that says all this, None when there is none. stream_shards:
    shards of a table's stream; DynamoDB has one for each partition of the table, and so has 0. about:
    "module:function" that tells `harness doctor` {subject: text}, or raises what is wrong. picture:
    "module:function", (content of an input, number of a unit) -> its upright picture as a PIL image, in whose
    pixels the boxes of findings are, or None. units: "module:function", content of an input -> how many units
    it has.
    """

    root: Path = Path()
    source: Path | None = None

    template: str = "template.yaml"
    inputs: str = ""
    results: str = ""
    input_suffixes: tuple[str, ...] = ()
    stream_shards: int = 1
    sample: Sample = Sample()
    tuning: Tuning = Tuning()
    parameters: dict[str, str] = {}
    words: Words = Words()
    result: ResultFields = ResultFields()
    state: StateFields | None = None
    estimate: Estimate | None = None
    hand_back: HandBack | None = None
    accuracy: Accuracy | None = None
    guard: Guard | None = None
    backfill: Backfill | None = None
    calibrate: Calibrate = Calibrate()
    explore: Explore = Explore()
    record: tuple[RecordedFunction, ...] = ()
    about: str = ""
    picture: str = ""
    units: str = ""


def load(directory: Path) -> Config:
    """The configuration of the project that `directory` lies in; without one nothing is known of the system.
    Raises `UsageError`.
    """
    for folder in (directory, *directory.parents):
        file = folder / "pyproject.toml"
        if not file.is_file():
            continue
        try:
            section = tomllib.loads(file.read_text(encoding="utf-8")).get("tool", {}).get("harness")
            if section is None:
                continue
            result = section.get("result", {})
            section["result"] = {_FORMER.get(name, name): value for name, value in result.items()}
            return msgspec.structs.replace(msgspec.convert(section, Config), root=folder, source=file)
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise UsageError(f"{file} is not TOML: {error}") from error
        except (msgspec.ValidationError, AttributeError) as error:
            raise UsageError(f"{file}: [tool.harness] is wrong: {error}") from error
    return Config(root=directory)
