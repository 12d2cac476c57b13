"""Other ways to do the same work: priced by sourced prices, and what is not priced says why."""

import msgspec
import pytest

from harness.bill import prices
from harness.bill.bill import bill
from harness.bill.meter import GB
from harness.bill.prices import Price, Prices
from harness.fleet import alternatives, uncertainty, workload
from harness.fleet.alternatives import Alternative, Asked
from harness.fleet.projection import simulate
from harness.fleet.usage import quantities
from tests import builders
from tests.whole.test_projection import plan_of

FILES = 20_000
LIST = prices.load()


@pytest.fixture(scope="module")
def asked() -> Asked:
    finished = builders.run(builders.sample(), compute="modelled")
    known, plan = finished.calibration, plan_of(finished, shards=4)

    def work(files: int) -> workload.Workload:
        return workload.drawn(files, "10", len(known.pages), 750e3, workload.Arrivals(), 0)

    whole = work(FILES)
    flow = simulate(plan, whole, known)
    small = uncertainty.Small(plan, known, LIST, False, FILES, work)
    total = bill(quantities(plan, whole, known, flow), LIST).total
    return Asked(small=small, base=small.case(), plan=plan, flow=flow, total=total, work=whole, prices=LIST)


@pytest.fixture(scope="module")
def found(asked: Asked) -> dict[str, Alternative]:
    return {one.name: one for one in alternatives.alternatives(asked)}


def test_every_way_that_a_fair_engineer_would_name_has_a_line(found: dict[str, Alternative]) -> None:
    assert found.keys() >= {
        "all functions on arm64",
        "provisioned pollers",
        "platform's log lines off",
        "Compute Savings Plan",
        "workers on ECS/Fargate x86_64",
        "workers on ECS/Fargate arm64",
        "workers on ECS/Fargate Spot",
        "always-on ECS/Fargate, a month",
        "Amazon Textract instead of OCR",
        "Lambda Managed Instances",
        "workers on AWS Batch, EC2 Spot",
        "files in S3 Standard-IA",
        "files in S3 Glacier Instant Retrieval",
    }
    unpriced = {name for name, one in found.items() if one.dollars is None}
    assert unpriced == {"workers on ECS/Fargate Spot", "workers on AWS Batch, EC2 Spot"}
    assert all("a Spot price moves" in found[name].note for name in unpriced)


def test_a_class_of_storage_costs_by_what_lies_there_and_by_each_read(
    asked: Asked, found: dict[str, Alternative]
) -> None:
    size = FILES * 750e3 / GB
    line = found["files in S3 Standard-IA"]
    puts = FILES * 0.01 / 1e3
    standard = asked.dollars("storage STANDARD", "PutObject", "GetObject")
    gets = asked.dollars("GetObject") / 0.0004 * 0.001
    results = asked.dollars("PutObject") / 0.005 * 0.01 - puts
    by_hand = asked.total - standard + size * (0.0125 + 0.01) + puts + results + gets
    assert line.dollars == pytest.approx(by_hand, rel=1e-6)
    assert "1 month at least" in line.note
    assert "3 months at least" in found["files in S3 Glacier Instant Retrieval"].note


def test_a_savings_plan_takes_at_most_17_percent_off_duration(
    asked: Asked, found: dict[str, Alternative]
) -> None:
    saved = asked.total - (found["Compute Savings Plan"].dollars or 0.0)
    assert saved == pytest.approx(0.17 * asked.dollars("duration"), rel=0.02)


def test_pollers_that_are_always_there_cost_by_the_hour(asked: Asked, found: dict[str, Alternative]) -> None:
    source = asked.found.batches
    pollers = -(-(source.maximum_concurrency or 0) // 10)
    assert f"{pollers} for {source.function}" in found["provisioned pollers"].note
    more = (found["provisioned pollers"].dollars or 0.0) - asked.total
    hours = asked.flow.makespan / 3600
    assert more == pytest.approx(pollers * hours * 0.00925, rel=0.35)  # beside fewer empty polls


def test_tasks_that_are_always_there_hold_the_makespan(asked: Asked, found: dict[str, Alternative]) -> None:
    while_needed = found["workers on ECS/Fargate x86_64"]
    always = found["always-on ECS/Fargate, a month"]
    assert always.seconds == while_needed.seconds == asked.flow.makespan
    assert (always.dollars or 0) > 100 * (while_needed.dollars or 1)  # a month for minutes of work
    slow = found["always-on ECS/Fargate that takes a month"]
    assert slow.seconds == 730 * 3600
    assert (slow.dollars or 0) < (always.dollars or 0)


def test_spot_is_priced_by_a_table_that_has_its_prices(asked: Asked) -> None:
    spot = {
        "fargate.vcpu.spot": Price(service="AWS Fargate", unit="vCPU-hour", price=0.0121),
        "fargate.gb.spot": Price(service="AWS Fargate", unit="GB-hour", price=0.0013),
        "ec2.vcpu.spot": Price(service="Amazon EC2", unit="vCPU-hour", price=0.016),
    }
    table = Prices(prices=LIST.prices | spot)
    own = msgspec.structs.replace(asked, prices=table)
    found = {one.name: one for one in alternatives.alternatives(own)}
    hours = alternatives._vcpu_hours(own)
    without = alternatives._without_workers(own)
    assert found["workers on ECS/Fargate Spot"].dollars == pytest.approx(
        without + hours * (0.0121 + 2 * 0.0013)
    )
    assert found["workers on AWS Batch, EC2 Spot"].dollars == pytest.approx(without + hours * 0.016)
