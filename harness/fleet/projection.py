"""A fleet's way through the stages, in the faster of two ways that is right for it."""

from harness.cloud.limits import LONG_POLL_SECONDS
from harness.fleet import apart, coupled
from harness.fleet.calibration import Calibration, Chain, chain
from harness.fleet.plan import Flow, Plan, lanes_of
from harness.fleet.workload import Workload


def simulate(plan: Plan, work: Workload, calibration: Calibration) -> Flow:
    """Every file through every stage. Times are virtual seconds. Raises `UsageError` for a system of another
    shape.
    """
    found = chain(plan.system)
    why = why_coupled(plan, found, work, calibration)
    if not why:
        try:
            return apart.simulate(plan, found, work, calibration)
        except apart.Coupled as shared:
            why = str(shared)
    return coupled.simulate(plan, found, work, calibration, why)


def why_coupled(plan: Plan, found: Chain, work: Workload, calibration: Calibration) -> str:
    """Why the stages cannot be simulated one after the other; "" when perhaps they can."""
    for source in (found.files, found.batches):
        if source.batch_size > 1 or source.window_seconds:
            return f"{source.logical_id} takes several messages an invocation"
        function = plan.system.functions[source.function]
        if function.reserved is not None and function.reserved < lanes_of(source).most:
            return f"the concurrency of {source.function} is reserved and less than its mapping's"
    for stage in calibration.stages:
        if plan.fail_rate(stage):
            return f"invocations of {stage.function} fail"
    if len(work.uploaded) and work.uploaded.max() - work.uploaded.min() > LONG_POLL_SECONDS:
        return "files come over time, and mappings have fewer lanes while nothing waits"
    return ""
