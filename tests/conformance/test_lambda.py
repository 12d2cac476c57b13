"""Lambda's execution environments, concurrency, timeouts and billing."""

import re

import msgspec
import pytest

from harness.bill import platform_logs
from harness.cloud import limits
from harness.recorder import LoopStopped
from harness.services import lambda_service
from tests.conformance.test_sqs_source import SLOW
from tests.conformance.tunnel import (
    BASE_BYTES,
    SQS_ALLOWED,
    Free,
    Tunnel,
    bucket,
    gaps,
    put,
    queue,
    row,
    running,
    send,
)

RUNTIME = "Lambda developer guide, Understanding the Lambda execution environment lifecycle"
SCALING = "Lambda developer guide, Understanding Lambda function scaling"
TIMEOUT = "Lambda developer guide, Configure Lambda function timeout"
MEMORY = "Lambda developer guide, Configure Lambda function memory"
VARIABLES = "Lambda developer guide, Working with Lambda environment variables"
RESERVED = "Lambda developer guide, Configuring reserved concurrency for a function"
RECURSION = "Lambda developer guide, Use Lambda recursive loop detection to prevent infinite loops"
CONTEXT = "Lambda developer guide, Using the Lambda context object to retrieve Python function information"

LOGS = "Lambda developer guide, Log and monitor Python Lambda functions"
STORAGE = "Lambda developer guide, Configure ephemeral storage for Lambda functions"

COUNTER = """
    import time
    count = 0
    def handler(event, context):
        global count
        count += 1
        print(count)
        time.sleep(0.1)
"""


@row(RUNTIME)
def test_module_globals_live_as_long_as_their_environment(tunnel: Tunnel) -> None:
    """Objects outside of the handler stay initialised while an environment is reused."""
    tunnel.run(queue(), COUNTER, *(send("m", at=10.0 * number) for number in range(3)))
    assert tunnel.logs == ["1", "2", "3"]
    assert [one.cold for one in tunnel.invocations] == [True, False, False]


@row(RUNTIME)
def test_concurrent_invocations_have_environments_of_their_own(tunnel: Tunnel) -> None:
    """An environment processes one event at a time; concurrent ones have globals of their own."""
    tunnel.run(queue(), COUNTER.replace("0.1", "3"), send("a", "b", "c"))
    assert tunnel.logs == ["1", "1", "1"]
    assert len({one.environment for one in tunnel.invocations}) == 3


@row(RUNTIME)
def test_an_environment_idle_for_long_is_reclaimed(tunnel: Tunnel) -> None:
    """An environment that is idle for minutes is reclaimed; the next invocation is a cold start with fresh
    globals.
    """
    tunnel.run(queue(), COUNTER, send("a"), send("b", at=1800.0))
    assert tunnel.logs == ["1", "1"]
    assert [one.cold for one in tunnel.invocations] == [True, True]


@row(RUNTIME)
def test_an_environment_ends_after_some_hours_however_busy(tunnel: Tunnel) -> None:
    """Lambda ends execution environments every few hours, also those that are in use all the time."""
    tunnel.run(queue(), COUNTER, *(send("m", at=300.0 * number) for number in range(100)), longest=40_000)
    starts = [one.start for one in tunnel.invocations if one.cold]
    assert len(starts) == 3
    assert all(3_600 < gap < 5 * 3_600 for gap in gaps(starts))


@row(RUNTIME)
def test_an_init_of_more_than_ten_seconds_is_made_again_within_the_timeout(tunnel: Tunnel) -> None:
    """The init phase may take 10 seconds; one that takes longer is made again at the invocation, within the
    function's timeout.
    """
    handler = """
        import time
        time.sleep(12)
        def handler(event, context):
            print(context.get_remaining_time_in_millis())
    """
    tunnel.run(queue(visibility=60, function="Timeout: 30, MemorySize: 1769"), handler, send("a"))
    (invocation,) = tunnel.invocations
    assert tunnel.logs == ["17500"]  # the init takes 12.5 s
    assert invocation.duration_seconds == pytest.approx(12.5)


@row(TIMEOUT)
def test_a_function_is_killed_at_its_timeout(tunnel: Tunnel) -> None:
    """An invocation that reaches the function's timeout is ended there, and fails."""
    handler = """
        import time
        def handler(event, context):
            time.sleep(60)
            print("never")
    """
    tunnel.run(queue(receives=1), handler, send("a"))
    (invocation,) = tunnel.invocations
    assert (invocation.outcome, invocation.duration_seconds) == ("timeout", 5.0)
    assert "Task timed out after 5.00 seconds" in invocation.error
    assert tunnel.logs == []


@row(TIMEOUT)
def test_a_call_that_the_timeout_cuts_off_never_happens(tunnel: Tunnel) -> None:
    """What a timed-out function would have done next, cleanup included, does not happen."""
    handler = """
        import boto3, time
        sqs = boto3.client("sqs")
        def handler(event, context):
            url = sqs.list_queues(QueueNamePrefix="system-Dead")["QueueUrls"][0]
            try:
                time.sleep(4.9995)
                sqs.send_message(QueueUrl=url, MessageBody="too late")
            finally:
                sqs.send_message(QueueUrl=url, MessageBody="cleanup")
    """
    tunnel.run(
        queue(visibility=60, function=f"Timeout: 5, MemorySize: 1769, {SQS_ALLOWED}"),
        handler,
        send("a"),
        longest=20,
    )
    assert tunnel.invocations[0].outcome == "timeout"
    assert tunnel.messages("sent", "Dead") == []


@row(RUNTIME)
def test_an_environment_is_reset_after_a_timeout(tunnel: Tunnel) -> None:
    """After a timeout the environment is not used again: the next invocation is a cold start."""
    handler = """
        import time
        count = 0
        def handler(event, context):
            global count
            count += 1
            print(count)
            time.sleep(60)
    """
    tunnel.run(queue(receives=2), handler, send("a"))
    assert tunnel.logs == ["1", "1"]
    assert [one.cold for one in tunnel.invocations] == [True, True]


@row(RUNTIME)
def test_an_environment_is_kept_after_an_error_of_the_handler(tunnel: Tunnel) -> None:
    """An exception that the handler raises does not end its environment."""
    handler = """
        count = 0
        def handler(event, context):
            global count
            count += 1
            print(count)
            raise ValueError
    """
    tunnel.run(queue(receives=2), handler, send("a"))
    assert tunnel.logs == ["1", "2"]


@row(RUNTIME)
def test_a_module_that_cannot_be_imported_fails_every_invocation(tunnel: Tunnel) -> None:
    """When initialisation fails the invocation fails, and the next one initialises again."""
    tunnel.run(queue(receives=2), "import no_such_module", send("a"))
    assert [(one.outcome, one.cold) for one in tunnel.invocations] == [("error", True), ("error", True)]
    assert "no_such_module" in tunnel.invocations[0].error


@row("AWS compute blog, AWS Lambda standardizes billing for INIT Phase")
def test_init_is_billed(tunnel: Tunnel) -> None:
    """Since August 2025 the init phase is billed too, by the millisecond, rounded up."""
    tunnel.run(queue(), COUNTER, send("a"))
    (invocation,) = tunnel.invocations
    assert (invocation.init_seconds, invocation.billed_ms) == (0.5, 600)


@row(
    "recorded against Lambda: When is the Lambda init phase free, and when is it billed? (bitesizedserverless.com)"
)
@pytest.mark.parametrize(
    ("init", "duration", "billed"),
    [(1.29383, 1.04963, 2344), (1.30768, 1.05815, 2366), (1.25824, 1.00225, 2261)],
)
def test_init_and_duration_are_rounded_up_together(init: float, duration: float, billed: int) -> None:
    """Init and duration are added up before they are rounded up to the millisecond."""
    assert lambda_service.billed_ms(init, duration) == billed


@row("Lambda pricing page")
def test_duration_is_billed_by_the_millisecond_rounded_up(tunnel: Tunnel) -> None:
    """Duration is rounded up to the next millisecond."""
    tunnel.run(queue(), "import time\ndef handler(e, c): time.sleep(0.1001)", send("a"), send("b", at=5.0))
    assert tunnel.invocations[1].billed_ms == 101


@row(MEMORY)
def test_compute_takes_longer_with_less_than_one_vcpu(tunnel: Tunnel) -> None:
    """CPU is in proportion to memory, one vCPU at 1,769 MB: half of that doubles the time of one thread; more
    changes nothing.
    """
    inits = []
    for memory in (884, 1769, 3538):
        tunnel.run(queue(function=f"Timeout: 5, MemorySize: {memory}"), COUNTER, send("a"))
        inits.append(round(tunnel.invocations[0].init_seconds, 2))
    assert inits == [1.0, 0.5, 0.5]


@row(SCALING)
def test_reserved_concurrency_limits_a_function(tunnel: Tunnel) -> None:
    """A function never runs more often at once than its reserved concurrency."""
    function = "Timeout: 5, MemorySize: 1769, ReservedConcurrentExecutions: 2"
    tunnel.run(
        queue(visibility=600, function=function),
        "import time\ndef handler(e, c): time.sleep(3)",
        send(*"abcdefgh"),
    )
    assert len({one.environment for one in tunnel.invocations}) == 2
    assert {throttle.reason for throttle in tunnel.throttles} == {"reserved concurrency"}


@row(VARIABLES)
def test_each_function_sees_its_own_environment_variables(tunnel: Tunnel) -> None:
    """A function sees the variables of its configuration and those that the runtime defines."""
    handler = """
        import os
        def handler(event, context):
            print(os.environ["KIND"], os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"], os.environ["AWS_REGION"])
    """
    tunnel.run(
        queue(function="Timeout: 5, MemorySize: 512, Environment: {Variables: {KIND: letter}}"),
        handler,
        send("a"),
    )
    assert tunnel.logs == ["letter 512 us-east-1"]


@row(CONTEXT)
def test_the_context_object_has_the_documented_attributes(tunnel: Tunnel) -> None:
    """The context tells name, version, ARN, memory, request id, log group and stream."""
    handler = """
        def handler(event, context):
            named = context.invoked_function_arn.endswith(":function:" + context.function_name)
            print(context.function_version, context.memory_limit_in_mb, named)
            print(bool(context.aws_request_id and context.log_group_name and context.log_stream_name))
    """
    tunnel.run(queue(), handler, send("a"))
    assert tunnel.logs == ["$LATEST 1769 True", "True"]


@row(CONTEXT)
def test_the_remaining_time_shrinks_as_time_passes(tunnel: Tunnel) -> None:
    """get_remaining_time_in_millis tells the time left until the timeout."""
    handler = """
        import time
        def handler(event, context):
            print(context.get_remaining_time_in_millis())
            time.sleep(2)
            print(context.get_remaining_time_in_millis())
    """
    tunnel.run(queue(), handler, send("a"))
    assert tunnel.logs == ["5000", "3000"]


@row(RUNTIME)
def test_tmp_is_kept_within_an_environment_and_not_shared(tunnel: Tunnel) -> None:
    """Files in /tmp stay for the next invocation of the environment, and no other environment sees them."""
    handler = """
        import os, tempfile, time
        def handler(event, context):
            folder = tempfile.gettempdir()
            print(len(os.listdir(folder)))
            open(os.path.join(folder, "kept"), "w").close()
            time.sleep(2)
    """
    tunnel.run(queue(), handler, send("a", "b"), send("c", at=10.0))
    assert tunnel.logs == ["0", "0", "1"]


@row("Lambda developer guide, Lambda quotas")
def test_a_response_larger_than_six_megabytes_is_an_error(tunnel: Tunnel) -> None:
    """A synchronous response may have 6 MB; a larger one fails the invocation."""
    tunnel.run(queue(receives=1), "def handler(e, c): return 'x' * 6_500_000", send("a"))
    assert tunnel.invocations[0].outcome == "error"
    assert "Response payload size exceeded" in tunnel.invocations[0].error


@row(SCALING)
def test_new_environments_come_at_a_thousand_in_ten_seconds(
    tunnel: Tunnel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A function gets up to 1,000 new environments every 10 seconds, refilled continuously; beyond that it is
    throttled.
    """
    assert (lambda_service.NEW_ENVIRONMENTS, lambda_service.NEW_ENVIRONMENTS_SECONDS) == (1_000, 10.0)
    monkeypatch.setattr(lambda_service, "NEW_ENVIRONMENTS", 10)  # the same with fewer environments
    mapping = "BatchSize: 1, ProvisionedPollerConfig: {MinimumPollers: 3, MaximumPollers: 3}"
    tunnel.run(queue(visibility=3600, mapping=mapping), SLOW, send(*map(str, range(30))))
    starts = sorted(one.start for one in tunnel.invocations if one.cold)
    assert sum(start < 0.5 for start in starts) == 10
    assert {throttle.reason for throttle in tunnel.throttles} == {"scaling rate"}


@row(SCALING)
def test_the_account_has_a_thousand_concurrent_executions(tunnel: Tunnel) -> None:
    """All functions of an account share 1,000 concurrent executions by default; beyond that invocations are
    throttled.
    """
    assert limits.ACCOUNT_CONCURRENCY == 1_000
    tunnel.run(queue(visibility=3600), SLOW, send(*map(str, range(12))), account_concurrency=3)
    assert running(tunnel) == 3
    assert {throttle.reason for throttle in tunnel.throttles} == {"account concurrency"}


@row(RESERVED)
def test_reserved_concurrency_is_taken_out_of_the_accounts(tunnel: Tunnel) -> None:
    """What a function has reserved no other may use: the functions without share what is left."""
    tunnel.run(two_functions(reserved=3), SLOW, send(*["a"] * 150), account_concurrency=103)
    assert running(tunnel) == 100
    assert {throttle.reason for throttle in tunnel.throttles} == {"account concurrency"}


@row(RESERVED)
def test_reserved_concurrency_is_guaranteed(tunnel: Tunnel) -> None:
    """A function gets what it has reserved, however much the others use."""
    tunnel.run(
        two_functions(reserved=3),
        SLOW,
        send(*["a"] * 150),
        send(*"ijk", queue="Other", at=1.0),
        account_concurrency=103,
    )
    other = [one for one in tunnel.invocations if one.function == "Reserved"]
    assert len(other) == 3
    assert max(one.start for one in other) < 1.5
    assert running(tunnel) == 103


CHAINED = """
    import boto3, os
    def handler(event, context):
        for record in event["Records"]:
            print(record["body"])
            boto3.client("sqs").send_message(QueueUrl=os.environ["URL"], MessageBody=str(int(record["body"]) + 1))
"""


POLLERS = "ProvisionedPollerConfig: {MinimumPollers: 11, MaximumPollers: 11}"
"""110 lanes from the beginning."""


def two_functions(reserved: int) -> str:
    """A function on a queue, and one with concurrency of its own on another queue."""
    other = queue(
        visibility=3600,
        function=f"Timeout: 5, MemorySize: 1769, ReservedConcurrentExecutions: {reserved}",
    )
    for name, another in (("Queue", "Other"), ("Dead", "OtherDead"), ("Function", "Reserved")):
        other = re.sub(rf"\b{name}\b(:\n|: {{Type|\.)", rf"{another}\1", other)
    return queue(visibility=3600, mapping=f"BatchSize: 1, {POLLERS}") + other


def chained(more: str = "", url: str = "!Ref Queue") -> str:
    return queue(
        receives=2,
        function=f"Timeout: 5, {SQS_ALLOWED}, Environment: {{Variables: {{URL: {url}}}}}{more}",
    )


@row(RECURSION)
def test_a_function_that_feeds_its_own_queue_is_stopped_after_sixteen_invocations(tunnel: Tunnel) -> None:
    """A function that was invoked about 16 times in a chain of requests through SQS is not invoked again; its
    message stays with the queue, whose redrive policy moves it to the dead-letter queue.
    """
    tunnel.run(chained(), CHAINED, send("1"))
    assert tunnel.logs == [str(number) for number in range(1, 17)]
    assert tunnel.emulation.leftovers["Dead"].messages == 1
    assert {one.function for one in tunnel.events(LoopStopped)} == {"Function"}


@row(RECURSION)
def test_a_function_that_may_recur_is_not_stopped(tunnel: Tunnel) -> None:
    """With RecursiveLoop: Allow no chain is cut."""
    tunnel.run(chained(", RecursiveLoop: Allow"), CHAINED, send("1"), longest=8)
    assert len(tunnel.logs) > 40


@row(RECURSION)
def test_a_chain_goes_through_s3_as_well(tunnel: Tunnel) -> None:
    """A function that writes objects whose notifications invoke it is stopped as well."""
    handler = """
        import boto3, json, os
        def handler(event, context):
            for record in event["Records"]:
                for told in json.loads(record["body"]).get("Records", []):
                    number = int(told["s3"]["object"]["key"]) + 1
                    print(number)
                    boto3.client("s3").put_object(Bucket=told["s3"]["bucket"]["name"], Key=str(number), Body=b"x")
    """
    allowed = "Policies: [{Statement: [{Effect: Allow, Action: 's3:*', Resource: '*'}]}]"
    tunnel.run(bucket(function=f"Timeout: 5, MemorySize: 1769, {allowed}"), handler, put("0"), longest=600)
    assert tunnel.logs == [str(number) for number in range(1, 17)]


@row(RECURSION)
def test_every_chain_is_counted_by_itself(tunnel: Tunnel) -> None:
    """Invocations count within a chain of requests: many messages of clients are as many chains."""
    tunnel.run(chained(url="!Ref Dead"), CHAINED, send(*map(str, range(40))))
    assert len(tunnel.invocations) == 40
    assert tunnel.events(LoopStopped) == []


@row(RUNTIME)
@pytest.mark.parametrize("fault", ["killed_before_call", "killed_after_call", "out_of_memory"])
def test_after_a_crash_the_environment_is_fresh(tunnel: Tunnel, fault: str) -> None:
    """When the runtime crashes the invocation fails, and the next one runs in a fresh environment."""
    handler = """
        import boto3
        count = 0
        def handler(event, context):
            global count
            count += 1
            print("run", count)
            boto3.client("sqs").list_queues()
            print("end")
    """
    function = f"Timeout: 5, MemorySize: 1769, {SQS_ALLOWED}"
    tunnel.run(queue(function=function), handler, send("a"), faults=f"[{fault}]\nonly = [1]")
    assert tunnel.logs == ["run 1", "run 1", "end"]
    assert [one.outcome for one in tunnel.invocations] == ["killed", "success"]
    assert [one.cold for one in tunnel.invocations] == [True, True]


@row(RUNTIME)
def test_an_idle_environment_may_be_lost_at_any_time(tunnel: Tunnel) -> None:
    """Lambda may end an idle environment at any time; the next invocation is a cold start (at a rate of the
    scenario's).
    """
    tunnel.run(
        queue(),
        COUNTER,
        send("a"),
        send("b", at=20.0),
        send("c", at=40.0),
        faults="[environment_lost]\nonly = [1]",
    )
    assert [one.cold for one in tunnel.invocations] == [True, True, False]
    assert tunnel.logs == ["1", "1", "2"]


MEGABYTE = 2**20
WORKING = """
    import boto3
    count = 0
    def work():
        return None
    def handler(event, context):
        global count
        count += 1
        print("run", count)
        work()
        boto3.client("sqs").list_queues()
        print("end")
"""
"""Of a function whose recorded call `work` is what needs memory."""


def _working(memory: int) -> str:
    return queue(receives=3, function=f"Timeout: 5, MemorySize: {memory}, {SQS_ALLOWED}")


@row(MEMORY)
@pytest.mark.parametrize(("more", "outcome"), [(88 * MEGABYTE, "success"), (88 * MEGABYTE + 1, "killed")])
def test_an_invocation_over_the_functions_memory_is_killed(tunnel: Tunnel, more: int, outcome: str) -> None:
    """A function has the memory that is configured, its code and libraries included: an invocation that needs
    more is killed there, with "signal: killed", and nothing of the handler runs any more.
    """
    assert BASE_BYTES == 40 * MEGABYTE
    tunnel.run(_working(128), WORKING, send("a"), recorded="work", compute=Free([more, 0]))
    first = tunnel.invocations[0]
    assert first.outcome == outcome
    assert ("end" in tunnel.logs[:2], "signal: killed" in first.error) == (
        outcome == "success",
        outcome == "killed",
    )


@row(MEMORY)
def test_an_invocation_that_is_killed_for_its_memory_is_billed_until_then(tunnel: Tunnel) -> None:
    """What an invocation took until it was killed is billed, with the memory that is configured; its message
    comes back, and after its last delivery goes to the dead-letter queue.
    """
    compute = Free([1000 * MEGABYTE], call_seconds=0.25)
    tunnel.run(_working(512), WORKING, send("a"), recorded="work", compute=compute)
    took = 0.25 * limits.MB_PER_VCPU / 512
    assert [one.outcome for one in tunnel.invocations] == ["killed"] * 3
    for one in tunnel.invocations:
        assert one.duration_seconds == pytest.approx(took)
        assert (one.memory_mb, one.max_memory_mb) == (512, 512)
        assert one.billed_ms == lambda_service.billed_ms(one.init_seconds, one.duration_seconds)
    assert len(tunnel.messages("redriven")) == 1


@row(RUNTIME)
def test_after_an_invocation_ran_out_of_memory_the_environment_is_fresh(tunnel: Tunnel) -> None:
    """When an invocation is killed for its memory, the next one is a cold start with fresh globals."""
    tunnel.run(_working(128), WORKING, send("a"), recorded="work", compute=Free([500 * MEGABYTE, 0]))
    assert tunnel.logs == ["run 1", "run 1", "end"]
    assert [one.cold for one in tunnel.invocations] == [True, True]
    assert [one.max_memory_mb for one in tunnel.invocations] == [128, 40]


@row(MEMORY)
def test_a_function_whose_code_alone_needs_more_than_its_memory_never_runs(
    tunnel: Tunnel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A module whose import needs more memory than the function has ends every invocation in its init."""
    monkeypatch.setattr("tests.conformance.tunnel.BASE_BYTES", 200 * MEGABYTE)
    tunnel.run(_working(128), WORKING, send("a"))
    assert [(one.outcome, one.cold) for one in tunnel.invocations] == [("killed", True)] * 3
    assert tunnel.logs == []


@row(LOGS)
def test_the_report_says_the_most_memory_that_the_environment_has_used(tunnel: Tunnel) -> None:
    """Max Memory Used is the maximum of all invocations that shared the environment, not of the last one."""
    needed = [10 * MEGABYTE, 60 * MEGABYTE, 20 * MEGABYTE]
    clients = [send("m", at=10.0 * number) for number in range(3)]
    tunnel.run(_working(1024), WORKING, *clients, recorded="work", compute=Free(needed))
    assert [one.max_memory_mb for one in tunnel.invocations] == [50, 100, 100]
    assert tunnel.emulation is not None
    function = tunnel.emulation.system.functions["Function"]
    sizes = [platform_logs.size_bytes(one, function) for one in tunnel.invocations[1:]]
    unknown = [msgspec.structs.replace(one, max_memory_mb=0) for one in tunnel.invocations[1:]]
    assert [size + 1 for size in sizes] == [platform_logs.size_bytes(one, function) for one in unknown]


@row(LOGS)
def test_memory_that_nobody_measured_is_not_reported(tunnel: Tunnel) -> None:
    """Max Memory Used is what was used: of calls whose memory is not known it says nothing, and kills none."""
    tunnel.run(_working(128), WORKING, send("a"), recorded="work", compute=Free([None]))
    assert [(one.outcome, one.max_memory_mb) for one in tunnel.invocations] == [("success", 0)]


@row(
    "Python documentation, time.perf_counter; Lambda developer guide, Define Lambda function handler in Python"
)
def test_a_handler_that_times_itself_reads_the_time_that_passes(tunnel: Tunnel) -> None:
    """time.perf_counter and time.monotonic, in seconds or nanoseconds, tell how long a handler slept."""
    tunnel.run(
        queue(),
        """
        import time
        def handler(event, context):
            clocks = (time.perf_counter, time.monotonic, time.perf_counter_ns, time.monotonic_ns)
            began = [clock() for clock in clocks]
            time.sleep(3)
            print(*[round(clock() - start, 6) for clock, start in zip(clocks, began)])
        """,
        send("m"),
    )
    assert tunnel.logs == ["3.0 3.0 3000000000 3000000000"]


FILLING = """
    import os, tempfile
    from pathlib import Path
    def handler(event, context):
        file = Path(tempfile.gettempdir(), event["Records"][0]["body"])
        if file.name == "empty":
            for one in file.parent.iterdir():
                one.unlink()
            return
        with file.open("wb") as opened:
            os.posix_fallocate(opened.fileno(), 0, 290 * 2**20)
        print("wrote", file.name)
"""


@row(STORAGE)
@pytest.mark.parametrize(
    ("storage", "outcomes"),
    [("", ["success", "error"]), (", EphemeralStorage: {Size: 600}", ["success"] * 2)],
)
def test_tmp_holds_512_mb_unless_more_is_configured(
    tunnel: Tunnel, storage: str, outcomes: list[str]
) -> None:
    """/tmp has 512 MB, or what EphemeralStorage says: beyond that there is no space left on the device."""
    function = f"Timeout: 5, MemorySize: 1769{storage}"
    tunnel.run(queue(function=function), FILLING, send("a"), send("b", at=2.0), longest=20)
    assert [one.outcome for one in tunnel.invocations] == outcomes
    assert all("No space left on device" in one.error for one in tunnel.invocations if one.error)


@row(STORAGE)
def test_a_handler_may_make_room_in_a_full_tmp(tunnel: Tunnel) -> None:
    """That /tmp is full is an OSError where it happens (here: of a recorded call): a handler that catches it and
    deletes what it wrote goes on.
    """
    handler = """
        import errno, os, tempfile
        from pathlib import Path
        def path():
            return Path(tempfile.gettempdir(), "large")
        def work():
            with path().open("wb") as opened:
                os.posix_fallocate(opened.fileno(), 0, 600 * 2**20)
        def handler(event, context):
            try:
                work()
            except OSError as error:
                print(error.errno == errno.ENOSPC)
                path().unlink()
    """
    tunnel.run(queue(), handler, send("a"), recorded="work", longest=20)
    assert tunnel.logs == ["True"]
    assert [one.outcome for one in tunnel.invocations] == ["success"]


@row(RUNTIME)
def test_a_full_tmp_stays_full_for_the_next_invocation_of_its_environment(tunnel: Tunnel) -> None:
    """What lies in /tmp is kept for the next invocation of the environment: once it is full, also an
    invocation that writes little fails, until something is deleted.
    """
    bodies = ("a", "b", "c", "empty", "d")
    clients = [send(body, at=2.0 * number) for number, body in enumerate(bodies)]
    tunnel.run(queue(), FILLING, *clients, longest=20)
    assert [one.outcome for one in tunnel.invocations] == ["success", "error", "error", "success", "success"]
    assert len({one.environment for one in tunnel.invocations}) == 1
