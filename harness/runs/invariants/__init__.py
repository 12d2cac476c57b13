"""What must be true of every run, whatever happened in it. Each invariant has a name; a violation says what
broke it.

Some look at the end of a run, others at its way: at every change that the tables' streams told of, at every
invocation. A fault that destroys an input excuses its result; a message that ended in a dead-letter queue
excuses a result that says so.
"""

from harness.runs.invariants import of_calls, of_messages, of_results, of_the_state, of_work
from harness.runs.invariants.evidence import Evidence, Usual, Violation, usual

__all__ = ["NAMES", "Evidence", "Usual", "Violation", "check", "usual"]

_INVARIANTS = {
    **of_calls.INVARIANTS,
    **of_messages.INVARIANTS,
    **of_results.INVARIANTS,
    **of_the_state.INVARIANTS,
    **of_work.INVARIANTS,
}

NAMES = tuple(_INVARIANTS)


def check(evidence: Evidence) -> tuple[list[str], list[Violation]]:
    """(names of the invariants checked, violations)."""
    violations = [
        Violation(name, *found) for name, invariant in _INVARIANTS.items() for found in invariant(evidence)
    ]
    return list(_INVARIANTS), violations
