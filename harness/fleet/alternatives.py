"""What the same files would cost in another way: other settings of this system, and other systems.

A price that the table lacks is not guessed: the line then says which entry of the table it needs.
"""

from collections.abc import Iterator, Mapping
from math import ceil

import msgspec

from harness.bill.prices import Prices
from harness.cloud.limits import MB_PER_VCPU
from harness.fleet.calibration import Chain
from harness.fleet.projection import Flow, Plan
from harness.fleet.uncertainty import Case, Small

FARGATE_UTILISATION = 0.85
"""Of a task's vCPU that reads pages, while others wait for files and answers: an assumption, to be fair."""
FARGATE_GB_PER_VCPU = 2
BATCHES = (5, 15, 25)
MEMORIES = (884, 1769, 3008)
NOT_PRICED = (
    ("Lambda Managed Instances", "ec2.vcpu", "EC2's price and 15 %, for steady work such as this"),
    ("ECS on Fargate Spot", "fargate.vcpu.spot", "as Fargate; tasks end at two minutes' notice"),
    ("AWS Batch on EC2 Spot", "ec2.vcpu.spot", "its price moves by the hour; batches must survive an end"),
    ("Compute Savings Plan", "lambda.savings", "a year's commitment pays only if there is a year's work"),
    ("S3 Standard-IA for the files", "s3.storage.STANDARD_IA", "each reading is billed by the GB"),
    ("S3 Glacier Instant Retrieval", "s3.storage.GLACIER_IR", "for files that nobody reads again"),
)
"""Ways whose price this table does not have: (name, entry that it would need, what is to be known of it)."""


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
        *(
            Alternative(name, None, None, f"not priced: the table has no {entry}; {note}")
            for name, entry, note in NOT_PRICED
            if entry not in prices.prices
        ),
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
    worker = plan.system.functions[found.batches.function]
    stage = next(one for one in flow.stages if one.function == worker.logical_id)
    without = total * (
        1 - sum(base.lines.get((worker.logical_id, item), 0.0) for item in _compute_items(base)) / base.total
    )
    cpu_hours = stage.billed_ms / 3.6e6 * min(1.0, worker.memory_mb / MB_PER_VCPU)
    for kind in ("x86_64", "arm64"):
        hours = cpu_hours / FARGATE_UTILISATION
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
    tasks = ceil(cpu_hours / FARGATE_UTILISATION / 730)
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


def _compute_items(base: Case) -> set[str]:
    return {item for _, item in base.lines if item == "requests" or item.startswith("duration")}
