"""What logs tell, as plain values, whatever format they came in."""

import msgspec


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """Of an invocation. init_seconds: of the import of its module, None for a warm one; status: "" where the
    line says none, which is a success.
    """

    request: str
    seconds: float
    billed_seconds: float
    memory_mb: int
    max_memory_mb: int
    init_seconds: float | None = None
    status: str = ""

    @property
    def succeeded(self) -> bool:
        return self.status in ("", "success")


class Metric(msgspec.Struct, frozen=True, kw_only=True):
    """An embedded metric: its values in a unit of CloudWatch's, and the request that they are of, if said."""

    name: str
    values: tuple[float, ...]
    unit: str = "None"
    request: str = ""


class Answer(msgspec.Struct, frozen=True):
    """An AWS call that X-Ray saw: "<service>.<operation>" as in a table of latencies, and its seconds."""

    call: str
    seconds: float
    received_bytes: int = 0


class Gauge(msgspec.Struct, frozen=True):
    """A metric of CloudWatch over time, of a queue: its name, and its highest and summed values."""

    name: str
    highest: float
    total: float


class Samples(msgspec.Struct, frozen=True):
    """All that files of logs tell, reports by the function that they are of ("" where nobody says)."""

    reports: dict[str, list[Report]] = {}
    metrics: list[Metric] = []
    answers: list[Answer] = []
    gauges: list[Gauge] = []
    unread: int = 0

    def __len__(self) -> int:
        return sum(map(len, self.reports.values())) + len(self.metrics) + len(self.answers) + len(self.gauges)
