"""What the same files would cost in another way: other settings of this system, and other systems.

A price that the table lacks is not guessed: the line then says which entry of the table it needs.
"""

from collections.abc import Iterator, Mapping
from math import ceil

import msgspec

from harness.bill.meter import GB
from harness.bill.prices import Prices
from harness.cloud.limits import MB_PER_VCPU, PROVISIONED_LANES_PER_POLLER
from harness.cloud.system import Function
from harness.fleet.calibration import Chain, chain
from harness.fleet.plan import Flow, Plan, lanes_of
from harness.fleet.uncertainty import Case, Small
from harness.fleet.workload import Workload

FARGATE_UTILISATION = 0.85
"""Of a task's vCPU that reads pages, while others wait for files and answers: an assumption, to be fair."""
FARGATE_GB_PER_VCPU = 2
BATCHES = (5, 15, 25)
MEMORIES = (884, 1769, 3008)
HOURS_A_MONTH = 730
CLASSES = (("S3 Standard-IA", "STANDARD_IA", 1), ("S3 Glacier Instant Retrieval", "GLACIER_IR", 3))
"""Of storage from which a file can be read at once, and how many months are billed at least (Amazon S3
pricing).
"""
MANAGED_FEE = 1.15
"""Of Lambda Managed Instances: EC2's price and 15 % (AWS Lambda pricing)."""


class Alternative(msgspec.Struct, frozen=True, rename="camel"):
    """dollars: of the whole bill; None when it is not priced. seconds: makespan, where it changes."""

    name: str
    dollars: float | None
    seconds: float | None
    note: str


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What an alternative is told by: the fleet as it is, small (`base`) and whole (`flow`, and `total`
    dollars of it), its workload and the prices.
    """

    small: Small
    base: Case
    plan: Plan
    flow: Flow
    total: float
    work: Workload
    prices: Prices

    @property
    def found(self) -> Chain:
        return chain(self.plan.system)

    @property
    def worker(self) -> Function:
        return self.plan.system.functions[self.found.batches.function]

    def dollars(self, *items: str, resource: str = "") -> float:
        """Of the whole fleet's lines whose item begins with one of these."""
        part = sum(
            dollars
            for (where, item), dollars in self.base.lines.items()
            if item.startswith(items) and resource in ("", where)
        )
        return self.total * part / self.base.total


def alternatives(asked: Asked) -> list[Alternative]:
    return [*_settings(asked), *_systems(asked), *_instances(asked), *_storage(asked)]


def _settings(asked: Asked) -> Iterator[Alternative]:
    plan, worker = asked.plan, asked.worker
    other = "x86_64" if worker.architecture == "arm64" else "arm64"
    changed = {
        f"all functions on {other}": (
            _with(plan, {name: {"architecture": other} for name in plan.system.functions}),
            "at equal speed; calibrate on the other architecture first",
        ),
        **{
            f"worker with {memory} MB": (
                _with(plan, {worker.logical_id: {"memory_mb": memory}}),
                "one thread: more than 1,769 MB buys nothing" if memory > MB_PER_VCPU else "",
            )
            for memory in MEMORIES
            if memory != worker.memory_mb
        },
        **{
            f"{batch} pages a batch": (msgspec.structs.replace(plan, batch_pages=batch), "")
            for batch in BATCHES
            if batch != plan.batch_pages
        },
        **dict(_more_openers(plan, asked.found)),
        **dict(_provisioned(plan, asked.found)),
    }
    for name, (other_plan, note) in changed.items():
        case = asked.small.case(plan=other_plan)
        yield Alternative(
            name,
            asked.total * case.total / asked.base.total,
            asked.flow.makespan * case.makespan / asked.base.makespan,
            note,
        )
    yield Alternative(
        "platform's log lines off",
        asked.total - asked.dollars("ingested", "stored"),
        None,
        "LoggingConfig: LogFormat JSON, SystemLogLevel WARN",
    )
    yield _savings_plan(asked)


def _savings_plan(asked: Asked) -> Alternative:
    dollars = asked.total
    for stage in asked.flow.stages:
        function = asked.plan.system.functions[stage.function]
        entry = f"lambda.savings.{function.architecture}"
        if entry not in asked.prices.prices:
            return Alternative("Compute Savings Plan", None, None, f"not priced: the table has no {entry}")
        seconds = stage.billed_ms / 1000 * function.memory_mb / 1024
        dollars += asked.prices.of(entry).cost(seconds) - asked.dollars("duration", resource=stage.function)
    note = "for all functions, at the most that it saves: a promise of so much an hour for three years"
    return Alternative("Compute Savings Plan", dollars, asked.flow.makespan, note)


def _more_openers(plan: Plan, found: Chain) -> Iterator[tuple[str, tuple[Plan, str]]]:
    """Twice as many of the first function at once: where it is the busiest, workers wait for it."""
    most = found.files.maximum_concurrency
    if not most or found.files.provisioned_pollers:
        return
    more = msgspec.structs.replace(found.files, maximum_concurrency=2 * most)
    sources = tuple(more if one == found.files else one for one in plan.system.sqs_sources)
    system = msgspec.structs.replace(plan.system, sqs_sources=sources)
    name = f"{2 * most} of {found.files.function} at once"
    yield name, (msgspec.structs.replace(plan, system=system), f"instead of {most}")


def _provisioned(plan: Plan, found: Chain) -> Iterator[tuple[str, tuple[Plan, str]]]:
    """Pollers of the workers' queue that are there all the time, for as many workers."""
    source = found.batches
    if source.provisioned_pollers:
        return
    pollers = ceil(lanes_of(source).most / PROVISIONED_LANES_PER_POLLER)
    other = msgspec.structs.replace(source, maximum_concurrency=None, provisioned_pollers=(pollers, pollers))
    sources = tuple(other if one == source else one for one in plan.system.sqs_sources)
    system = msgspec.structs.replace(plan.system, sqs_sources=sources)
    note = f"{pollers} for {source.function}: workers are there at once, and each poller costs by the hour"
    yield "provisioned pollers", (msgspec.structs.replace(plan, system=system), note)


def _with(plan: Plan, changes: Mapping[str, Mapping[str, object]]) -> Plan:
    functions = {
        name: msgspec.structs.replace(function, **changes.get(name, {}))
        for name, function in plan.system.functions.items()
    }
    return msgspec.structs.replace(plan, system=msgspec.structs.replace(plan.system, functions=functions))


def _systems(asked: Asked) -> Iterator[Alternative]:
    """The worker replaced, all else as it is."""
    prices, makespan = asked.prices, asked.flow.makespan
    without, hours = _without_workers(asked), _vcpu_hours(asked)
    tasks = ceil(hours * 3600 / max(1.0, makespan))
    size = f"of 1 vCPU and {FARGATE_GB_PER_VCPU} GB, {FARGATE_UTILISATION:.0%} at work"

    def fargate(kind: str, hours: float) -> float:
        vcpu, memory = prices.of(f"fargate.vcpu.{kind}"), prices.of(f"fargate.gb.{kind}")
        return vcpu.cost(hours) + memory.cost(hours * FARGATE_GB_PER_VCPU)

    for kind in ("x86_64", "arm64"):
        note = f"{tasks:,} tasks {size}, only as long as there is work"
        yield Alternative(f"workers on ECS/Fargate {kind}", without + fargate(kind, hours), makespan, note)
    spot = "workers on ECS/Fargate Spot"
    if {"fargate.vcpu.spot", "fargate.gb.spot"} <= prices.prices.keys():
        note = f"{tasks:,} tasks {size}, each ended at two minutes' notice now and then"
        yield Alternative(spot, without + fargate("spot", hours), makespan, note)
    else:
        yield Alternative(spot, None, None, _moves("fargate.vcpu.spot and fargate.gb.spot"))
    always = fargate("x86_64", tasks * HOURS_A_MONTH)
    note = f"{tasks:,} tasks {size}: the fewest that hold this makespan, there all month"
    yield Alternative("always-on ECS/Fargate, a month", without + always, makespan, note)
    fewest = ceil(hours / HOURS_A_MONTH)
    note = f"the fewest tasks {size} that do it in a month: {fewest}"
    dollars = without + fargate("x86_64", fewest * HOURS_A_MONTH)
    yield Alternative("always-on ECS/Fargate that takes a month", dollars, HOURS_A_MONTH * 3600.0, note)
    textract = prices.of("textract.pages").cost(float(asked.work.pages.sum()))
    note = "DetectDocumentText; the workers' own cost not counted"
    yield Alternative("Amazon Textract instead of OCR", without + textract, None, note)


def _instances(asked: Asked) -> Iterator[Alternative]:
    """Workers on EC2, in two ways."""
    prices, makespan, hours = asked.prices, asked.flow.makespan, _vcpu_hours(asked)
    without = _without_workers(asked)
    vcpus = ceil(hours * 3600 / max(1.0, makespan))
    managed, entry = "Lambda Managed Instances", "ec2.vcpu.arm64"
    if entry in prices.prices:
        requests = asked.dollars("requests", resource=asked.worker.logical_id)
        dollars = without + requests + prices.of(entry).cost(hours * MANAGED_FEE)
        note = f"{vcpus:,} vCPUs of m7g, at equal speed: EC2's price and 15 %, and requests"
        yield Alternative(managed, dollars, makespan, note)
    else:
        yield Alternative(managed, None, None, f"not priced: the table has no {entry}")
    batch = "workers on AWS Batch, EC2 Spot"
    if "ec2.vcpu.spot" in prices.prices:
        note = f"{vcpus:,} vCPUs, each ended at two minutes' notice now and then"
        yield Alternative(batch, without + prices.of("ec2.vcpu.spot").cost(hours), makespan, note)
    else:
        yield Alternative(batch, None, None, _moves("ec2.vcpu.spot"))


def _moves(entries: str) -> str:
    return f"not priced: a Spot price moves from day to day; give today's to --prices, as {entries}"


def _storage(asked: Asked) -> Iterator[Alternative]:
    """The files in another class of storage, from which each of them is read once."""
    prices, size = asked.prices, asked.work.total_bytes / GB
    usual = asked.dollars("storage STANDARD", "PutObject", "GetObject")
    for name, kind, months in CLASSES:
        entries = [
            f"s3.{what}.{kind}" for what in ("storage", "retrieval", "requests.write", "requests.read")
        ]
        lacking = [entry for entry in entries if entry not in prices.prices]
        if lacking:
            note = f"not priced: the table has no {lacking[0]}"
            yield Alternative(f"files in {name}", None, None, note)
            continue
        stored, read, puts, gets = map(prices.of, entries)
        kept = max(asked.plan.months, months)
        dollars = asked.total - usual + kept * stored.cost(size) + read.cost(size)
        for item, price, now in (("PutObject", puts, "write"), ("GetObject", gets, "read")):
            dollars += price.cost(asked.dollars(item) / prices.of(f"s3.requests.{now}").cost(1.0))
        note = f"each GB read costs as well, and {months} month{'s' * (months > 1)} at least are billed"
        yield Alternative(f"files in {name}", dollars, None, note)


def _without_workers(asked: Asked) -> float:
    """Dollars of all but the workers' Lambda."""
    return asked.total - asked.dollars("requests", "duration", resource=asked.worker.logical_id)


def _vcpu_hours(asked: Asked) -> float:
    """Hours of a whole vCPU that the workers' work takes elsewhere, where it waits now and then."""
    worker = asked.worker
    stage = next(one for one in asked.flow.stages if one.function == worker.logical_id)
    return stage.billed_ms / 3.6e6 * min(1.0, worker.memory_mb / MB_PER_VCPU) / FARGATE_UTILISATION
