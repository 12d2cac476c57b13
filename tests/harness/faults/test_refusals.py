"""Refusals that go on for some calls."""

from botocore.awsrequest import AWSPreparedRequest

from harness.engine.kernel import Kernel
from harness.faults import scenario
from harness.faults.dice import Dice
from harness.faults.refusals import Refusals
from harness.recorder import Recorder

REQUEST = AWSPreparedRequest("POST", "https://sqs.us-east-1.amazonaws.com/", {}, b"", False)


def test_a_service_that_refuses_some_calls_in_a_row_answers_when_nothing_breaks_any_more() -> None:
    weather = scenario.parse("[throttled]\nonly = [1]\nrepeats = [5, 5]\n", "five in a row")
    dice = Dice(weather, 0, Kernel(), Recorder())
    refusals = Refusals(dice)

    def is_refused() -> bool:
        where = "Worker sqs.SendMessage"
        return refusals.next("Worker/1", where, "sqs", "SendMessage", REQUEST) is not None

    assert [is_refused() for _ in range(3)] == [True, True, True]
    dice.rest()
    assert not is_refused()
