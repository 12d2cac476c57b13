"""[tool.harness] of pyproject.toml: all that the harness is told about the application that it runs."""

import tomllib
from pathlib import Path

import msgspec

from harness.errors import UsageError


class ModelledCompute(msgspec.Struct, frozen=True, kw_only=True):
    """`--compute modelled`: CPU seconds are log-normal; `value` is what the function then returns, as plain data."""

    median_seconds: float
    sigma: float
    value: object


class RecordedFunction(msgspec.Struct, frozen=True, kw_only=True):
    """A function ("module:name") whose compute is measured once and replayed.

    key: its arguments, or attributes of them, that decide its result. unit: what a call of it processes, for messages.
    versions: distributions that, in another version, would give other results. limit: the argument, or attribute of one, with the
    seconds that the function allows itself; a call that takes longer in virtual time, on a slow vCPU, ends then with `limit_error`.
    """

    function: str
    unit: str = "call"
    key: tuple[str, ...]
    versions: tuple[str, ...] = ()
    limit: str = ""
    limit_error: str = ""
    modelled: ModelledCompute

    @property
    def module(self) -> str:
        return self.function.partition(":")[0]

    @property
    def name(self) -> str:
        return self.function.partition(":")[2]


class ResultFields(msgspec.Struct, frozen=True, kw_only=True):
    """Names of a result's fields, and of the values of its status."""

    key: str
    status: str
    pages: str
    npi_pages: str
    page_errors: str
    reason: str
    completed: str
    partial: str
    failed: str
    findings: str = "findings"
    finding_type: str = "type"
    error_page: str = "page"


class StateFields(msgspec.Struct, frozen=True, kw_only=True):
    """Where the state of a file stands in its item of a table: attributes, and the status of one that is not done.

    counted: numbers of batches that are done, the successful ones first; with `remaining` they make up `total`.
    """

    file: str
    status: str
    processing: str
    total: str
    counted: tuple[str, ...]
    remaining: str


class Sample(msgspec.Struct, frozen=True):
    files: int
    seed: int


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """See the comments in pyproject.toml. `inputs` and `results` are "<logical id of a bucket>/<prefix>".

    root: the project's folder. stream_shards: shards of a table's stream; DynamoDB has one for each partition of the table.
    """

    root: Path = Path()

    template: str = "template.yaml"
    inputs: str = ""
    results: str = ""
    input_suffixes: tuple[str, ...] = ()
    stream_shards: int = 1
    sample: Sample = Sample(12, 7)
    parameters: dict[str, str] = {}
    result: ResultFields | None = None
    state: StateFields | None = None
    record: tuple[RecordedFunction, ...] = ()


def load(directory: Path) -> Config:
    """The configuration of the project that `directory` lies in, else of the one that this package lies in. Raises `UsageError`."""
    for folder in (directory, *directory.parents, Path(__file__).parent.parent):
        file = folder / "pyproject.toml"
        if file.is_file():
            tables = tomllib.loads(file.read_text())
            section = tables.get("tool", {}).get("harness")
            if section is None:
                continue
            try:
                return msgspec.structs.replace(msgspec.convert(section, Config), root=folder)
            except msgspec.ValidationError as error:
                raise UsageError(f"{file}: [tool.harness] is wrong: {error}") from error
    return Config()
