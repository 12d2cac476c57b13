"""What the same files would cost in another way: other settings of this system, and other systems.

A price that the table lacks is not guessed: the line then says which entry of the table it needs.
"""

from collections.abc import Iterator, Mapping
from math import ceil

import msgspec

from harness.bill.prices import Prices
from harness.cloud.limits import MB_PER_VCPU
from harness.fleet.calibration import Chain
from harness.fleet.plan import Flow, Plan
from harness.fleet.uncertainty import Case, Small

FARGATE_UTILISATION = 0.85
"""Of a task's vCPU that reads pages, while others wait for files and answers: an assumption, to be fair."""
FARGATE_GB_PER_VCPU = 2
BATCHES = (5, 15, 25)
MEMORIES = (884, 1769, 3008)
MANAGED_FEE = 1.15
"""Of Lambda Managed Instances: EC2's price and 15 % (AWS Lambda pricing)."""


class Alternative(msgspec.Struct, frozen=True, rename="camel"):
    """dollars: of the whole bill; None when it is not priced. seconds: makespan, where it changes."""

    name: str
    dollars: float | None
    seconds: float | None
    note: str


def alternatives(
    small: Small, base: Case, plan: Plan, found: Chain, flow: Flow, total: float, pages: float, prices: Prices
) -> list[Alternative]:
    """`total`: dollars of the whole fleet as it is, `pages`: of all files."""
    return [
        *_settings(small, base, plan, found, flow, total),
        *_systems(base, plan, found, flow, total, pages, prices),
        *_unsourced(base, plan, found, flow, total, prices),
    ]


def _settings(
    small: Small, base: Case, plan: Plan, found: Chain, flow: Flow, total: float
) -> Iterator[Alternative]:
    worker = plan.system.functions[found.batches.function]
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
        **dict(_more_openers(plan, found)),
    }
    for name, (other_plan, note) in changed.items():
        case = small.case(plan=other_plan)
        yield Alternative(
            name,
            total * case.total / base.total,
            flow.makespan * case.makespan / base.makespan,
            note,
        )
    quiet = sum(dollars for (_, item), dollars in base.lines.items() if item in ("ingested", "stored"))
    yield Alternative(
        "platform's log lines off",
        total * (1 - quiet / base.total),
        None,
        "LoggingConfig: LogFormat JSON, SystemLogLevel WARN",
    )


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


def _with(plan: Plan, changes: Mapping[str, Mapping[str, object]]) -> Plan:
    functions = {
        name: msgspec.structs.replace(function, **changes.get(name, {}))
        for name, function in plan.system.functions.items()
    }
    return msgspec.structs.replace(plan, system=msgspec.structs.replace(plan.system, functions=functions))


def _systems(
    base: Case, plan: Plan, found: Chain, flow: Flow, total: float, pages: float, prices: Prices
) -> Iterator[Alternative]:
    """The worker replaced, all else as it is."""
    without, hours = _without_workers(base, plan, found, total), _vcpu_hours(plan, found, flow)
    for kind in ("x86_64", "arm64"):
        tasks = ceil(hours * 3600 / max(1.0, flow.makespan))
        vcpu, memory = prices.of(f"fargate.vcpu.{kind}"), prices.of(f"fargate.gb.{kind}")
        dollars = vcpu.cost(hours) + memory.cost(hours * FARGATE_GB_PER_VCPU)
        yield Alternative(
            f"workers on ECS/Fargate {kind}",
            without + dollars,
            flow.makespan,
            f"{tasks:,} tasks of 1 vCPU and {FARGATE_GB_PER_VCPU} GB, {FARGATE_UTILISATION:.0%} at work, "
            f"only as long as there is work",
        )
    month = prices.of("fargate.vcpu.x86_64").cost(730) + prices.of("fargate.gb.x86_64").cost(
        730 * FARGATE_GB_PER_VCPU
    )
    tasks = ceil(hours / 730)
    yield Alternative(
        "always-on ECS/Fargate, a month",
        without + tasks * month,
        730 * 3600.0,
        f"the fewest tasks that do it in a month: {tasks}",
    )
    yield Alternative(
        "Amazon Textract instead of OCR",
        without + prices.of("textract.pages").cost(pages),
        None,
        "DetectDocumentText; the workers' own cost not counted",
    )


def _unsourced(
    base: Case, plan: Plan, found: Chain, flow: Flow, total: float, prices: Prices
) -> Iterator[Alternative]:
    """Ways whose price is not in the table that comes along: priced when a user's table has it."""
    without, hours = _without_workers(base, plan, found, total), _vcpu_hours(plan, found, flow)
    worker = plan.system.functions[found.batches.function]
    stage = next(one for one in flow.stages if one.function == worker.logical_id)
    gb_seconds = stage.billed_ms / 1000 * worker.memory_mb / 1024
    stored = [key for key in base.lines if key[1].startswith("storage STANDARD")]
    files = total * sum(base.lines[key] for key in stored) / base.total
    gb_months = files / prices.of("s3.storage.STANDARD").cost(1.0)
    ways = (
        ("Lambda Managed Instances", "ec2.vcpu", hours * MANAGED_FEE, without, "for work as steady as this"),
        ("workers on ECS/Fargate Spot", "fargate.vcpu.spot", hours, without, "ends at two minutes' notice"),
        ("workers on AWS Batch, EC2 Spot", "ec2.vcpu.spot", hours, without, "its price moves by the hour"),
        ("Compute Savings Plan", "lambda.savings", gb_seconds, without, "pays if there is a year's work"),
        ("files in S3 Standard-IA", "s3.storage.STANDARD_IA", gb_months, total - files, "and each GB read"),
        ("files in Glacier Instant", "s3.storage.GLACIER_IR", gb_months, total - files, "and each GB read"),
    )
    for name, entry, quantity, rest, note in ways:
        if entry in prices.prices:
            yield Alternative(name, rest + prices.of(entry).cost(quantity), None, note)
        else:
            yield Alternative(name, None, None, f"not priced: the table has no {entry}; {note}")


def _without_workers(base: Case, plan: Plan, found: Chain, total: float) -> float:
    """Dollars of all but the workers' Lambda."""
    worker = plan.system.functions[found.batches.function].logical_id
    lambdas = sum(
        dollars
        for (resource, item), dollars in base.lines.items()
        if resource == worker and (item == "requests" or item.startswith("duration"))
    )
    return total * (1 - lambdas / base.total)


def _vcpu_hours(plan: Plan, found: Chain, flow: Flow) -> float:
    """Hours of a whole vCPU that the workers' work takes elsewhere, where it waits now and then."""
    worker = plan.system.functions[found.batches.function]
    stage = next(one for one in flow.stages if one.function == worker.logical_id)
    return stage.billed_ms / 3.6e6 * min(1.0, worker.memory_mb / MB_PER_VCPU) / FARGATE_UTILISATION
