"""A run's bill, counted by hand from what AWS would bill. Every call takes exactly one millisecond."""

import csv
import datetime
import io

import pytest

from harness.bill import focus, meter, prices
from harness.bill.bill import Bill, bill
from tests.conformance.tunnel import Tunnel, bucket, put, queue, send, stream, write

HANDLER = """
import time
def handler(event, context):
    time.sleep(0.25)
    print("x" * 99)
"""


def charged(tunnel: Tunnel, months: float = 1.0) -> Bill:
    emulation = tunnel.emulation
    usage = meter.Usage(
        events=emulation.recorder.events,
        system=emulation.system,
        holdings=emulation.holdings,
        months=months,
    )
    return bill(meter.quantities(usage), prices.load())


def lines(made: Bill) -> dict[tuple[str, str], float]:
    return {(line.resource, line.item): line.quantity for line in made.lines}


def test_a_function_on_a_queue(tunnel: Tunnel) -> None:
    """Two messages, five seconds apart, to a function of 1,769 MB on arm64 that sleeps a quarter of a second."""
    function = "Timeout: 5, MemorySize: 1769, Architectures: [arm64], EphemeralStorage: {Size: 1536}"
    tunnel.run(queue(function=function), HANDLER, send("a"), send("b" * 65_537, at=5.0))
    made = charged(tunnel)
    counted = lines(made)
    # Init takes 0.5 s of one vCPU, which 1,769 MB have: the first is billed 750 ms, the second 250.
    seconds = 0.750 + 0.250
    assert counted["Function", "requests"] == 2
    assert counted["Function", "duration arm64"] == pytest.approx(seconds * 1769 / 1024)
    assert counted["Function", "ephemeral storage"] == pytest.approx(seconds * 1.0)  # 1 GB over the free half
    # The long message has two chunks of 64 KB, sent and received; a deletion carries none.
    assert counted["Queue", "SendMessage requests"] == 1 + 2
    assert counted["Queue", "ReceiveMessage requests"] == 1 + 2
    assert counted["Queue", "DeleteMessage requests"] == 2
    empty = counted.get(("Queue", "empty ReceiveMessage requests"), 0)
    assert empty == sum(not call.items for call in tunnel.calls("ReceiveMessage"))
    # 99 letters and a line's end, twice, and the platform's own lines as AWS writes them.
    text = [
        line for one in tunnel.invocations for line in (_start(one), _end(one), *_init(one), _report(one))
    ]
    assert counted["Function", "ingested"] * 2**30 == 2 * 100 + sum(len(line) + 1 for line in text)
    dollars = (
        2 * 0.20 / 1e6
        + seconds * 1769 / 1024 * 0.0000133334
        + seconds * 0.0000000309
        + (3 + 3 + 2 + empty) * 0.40 / 1e6
        + counted["Function", "ingested"] * (0.50 + 0.15 * 0.03)
    )
    assert made.total == pytest.approx(dollars, abs=1e-12)


def _start(one) -> str:
    return f"START RequestId: {one.request} Version: $LATEST"


def _end(one) -> str:
    return f"END RequestId: {one.request}"


def _init(one) -> list[str]:
    arn = "arn:aws:lambda:us-east-1::runtime:" + "0" * 64
    return [f"INIT_START Runtime Version: python:3.13.v1\tRuntime Version ARN: {arn}"] if one.cold else []


def _report(one) -> str:
    init = "\tInit Duration: 500.00 ms" if one.cold else ""
    return (
        f"REPORT RequestId: {one.request}\tDuration: 250.00 ms\tBilled Duration: {750 if one.cold else 250} ms"
        f"\tMemory Size: 1769 MB\tMax Memory Used: 40 MB{init}\t"
    )


def test_retries_timeouts_and_killed_invocations_are_billed(tunnel: Tunnel) -> None:
    """A function that never ends in its second, on a queue that gives a message two tries."""
    slow = "import time\ndef handler(event, context): time.sleep(60)"
    tunnel.run(queue(function="Timeout: 1, MemorySize: 1769", receives=2), slow, send("a"))
    counted = lines(charged(tunnel))
    # Each try has an environment of its own, since a timeout ends it: twice 500 ms of init and the whole second.
    assert counted["Function", "requests"] == 2
    assert counted["Function", "duration x86_64"] == pytest.approx(2 * 1.5 * 1769 / 1024)


def test_platform_lines_can_be_turned_off(tunnel: Tunnel) -> None:
    logging = "LoggingConfig: {LogFormat: JSON, SystemLogLevel: WARN, ApplicationLogLevel: WARN}"
    tunnel.run(queue(function=f"Timeout: 5, MemorySize: 1769, {logging}"), HANDLER, send("a"))
    assert lines(charged(tunnel))["Function", "ingested"] * 2**30 == 100


def test_a_tables_writes_storage_and_key(tunnel: Tunnel) -> None:
    """Three writes of one item: 2,000 bytes, then 10, then 10 once more, half an hour later."""
    ok = "def handler(event, context): pass"
    big, small = {"PK": "a", "SK": "m", "v": "x" * 2_000}, {"PK": "a", "SK": "m", "v": "x" * 10}
    tunnel.run(stream(), ok, write(big, small), write(small, at=1800.0))
    counted = lines(charged(tunnel, months=2.0))
    assert counted["Table", "write request units"] == 2 + 2 + 1  # the second replaces the item of 2 KB
    item = len("PKa" + "SKm" + "v") + 10
    assert counted["Table", "storage, 2 months"] * 2**30 == pytest.approx(2 * (item + 100))


def test_the_bill_has_the_columns_that_cost_tools_read(tunnel: Tunnel) -> None:
    tunnel.run(queue(), HANDLER, send("a"))
    made, begin = charged(tunnel), datetime.datetime(2026, 12, 31, tzinfo=datetime.UTC)
    file = io.StringIO()
    focus.write(file, made, "1", begin, begin + datetime.timedelta(hours=3))
    rows = list(csv.DictReader(io.StringIO(file.getvalue())))
    assert sum(float(row["BilledCost"]) for row in rows) == pytest.approx(made.total, abs=1e-15)
    assert {row["BillingPeriodEnd"] for row in rows} == {"2027-01-01T00:00:00Z"}
    assert {row["ChargePeriodEnd"] for row in rows} == {"2026-12-31T03:00:00Z"}
    for row in rows:
        assert float(row["ListUnitPrice"]) * float(row["PricingQuantity"]) == pytest.approx(
            float(row["ListCost"])
        )
        assert row["ServiceCategory"] != "Other"


ENCRYPTED = """
    VersioningConfiguration: {Status: Enabled}
            BucketEncryption:
              ServerSideEncryptionConfiguration: [{ServerSideEncryptionByDefault: {SSEAlgorithm: 'aws:kms'}}]
"""


def test_a_bucket_that_keeps_versions_under_a_key(tunnel: Tunnel) -> None:
    """Two objects, one of them put again, under a key of KMS that S3 asks for with each request (no bucket key):
    what is replaced lies there as an earlier version.
    """
    resources = bucket(versioning=ENCRYPTED.strip())
    again = put("a", b"x" * 4_000, at=5.0)
    tunnel.run(resources, HANDLER, put("a", b"x" * 3_000), put("b", b"x" * 500), again)
    made = charged(tunnel, months=3.0)
    counted = lines(made)
    assert counted["Bucket", "PutObject requests"] == 3
    assert counted["Bucket", "requests for its key"] == 3
    assert counted["Bucket", "storage STANDARD, 3 months"] * 2**30 == pytest.approx(3 * (4_000 + 500))
    assert counted["Bucket", "storage STANDARD, earlier versions, 3 months"] * 2**30 == pytest.approx(
        3 * 3_000
    )
    of_bucket = sum(line.dollars for line in made.lines if line.resource == "Bucket")
    by_hand = 3 * 0.005 / 1e3 + 3 * 0.03 / 1e4 + 3 * (7_500 / 2**30) * 0.023
    assert of_bucket == pytest.approx(by_hand, abs=1e-12)


READS = """
import boto3, os
def handler(event, context):
    table = boto3.client("dynamodb")
    name, key = os.environ["TABLE"], {"PK": {"S": "a"}, "SK": {"S": "m"}}
    table.get_item(TableName=name, Key=key, ConsistentRead=True)
    table.get_item(TableName=name, Key=key)
    table.query(TableName=name, KeyConditionExpression="PK = :k", ExpressionAttributeValues={":k": key["PK"]})
    read = {"Get": {"TableName": name, "Key": key}}
    table.transact_get_items(TransactItems=[read])
    write = {"Put": {"TableName": name, "Item": {**key, "v": {"S": "x" * 100}}}}
    table.transact_write_items(TransactItems=[write])
"""


def test_reads_and_transactions_of_a_table(tunnel: Tunnel) -> None:
    """An item of 5 KB: two units by a consistent read, one by another, one by a query, four by a transaction; then
    100 bytes in its place by a transaction, which pays for the 5 KB twice. The second half of the bill is the
    queue's and the function's, and is not looked at here.
    """
    granted = "Policies: [{Statement: [{Effect: Allow, Action: 'dynamodb:*', Resource: '*'}]}]"
    told = "Environment: {Variables: {TABLE: !Ref Table}}"
    table = stream().split("Failures:")[0]
    resources = table + queue(function=f"Timeout: 5, MemorySize: 1769, {granted}, {told}")
    item = {"PK": "a", "SK": "m", "v": "x" * (5 * 1024 - len("PKaSKmv"))}
    tunnel.run(resources, READS, write(item), send("go", at=1.0))
    made = charged(tunnel)
    counted = lines(made)
    assert counted["Table", "read request units"] == 2 + 1 + 1 + 4
    assert counted["Table", "write request units"] == 5 + 2 * 5
    left = len("PKaSKmv") + 100 + 100  # and DynamoDB's own bytes for an item
    of_table = sum(line.dollars for line in made.lines if line.resource == "Table")
    by_hand = 8 * 0.125 / 1e6 + 15 * 0.625 / 1e6 + left / 2**30 * 0.25
    assert of_table == pytest.approx(by_hand, abs=1e-13)
