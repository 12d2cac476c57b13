"""What a person does after a fix: the messages that were given up go back to the queues that they came from.

In AWS that is StartMessageMoveTask, or "Start DLQ redrive" in the console (SQS developer guide, "Configure a
dead-letter queue redrive").
"""

from typing import Any

from harness.cloud.deployment import Cloud
from harness.cloud.limits import RECEIVE_LIMIT
from harness.services.queues import Queue, Queues


def redrive(cloud: Cloud, queues: Queues) -> int:
    """Moves the messages of every last dead-letter queue to the queue at the beginning of its chain. Returns
    how many.
    """
    return sum(_move_all(cloud, source, target) for source, target in routes(queues))


def holds_any(queues: Queues) -> bool:
    """Whether anything lies there to be given back."""
    return any(source.counts()[0] for source, _ in routes(queues))


def routes(queues: Queues) -> list[tuple[Queue, Queue]]:
    """(last dead-letter queue, queue that its messages were first sent to) for each chain of queues."""
    by_name = {queue.moto.name: queue for queue in queues.by_arn.values()}
    parents = {
        queue.moto.dead_letter_queue.name: queue
        for queue in by_name.values()
        if queue.moto.dead_letter_queue is not None
    }
    found = []
    for name, parent in parents.items():
        if by_name[name].moto.dead_letter_queue is None:
            origin = parent
            while origin.moto.name in parents:
                origin = parents[origin.moto.name]
            found.append((by_name[name], origin))
    return found


def _move_all(cloud: Cloud, source: Queue, target: Queue) -> int:
    moved = 0
    while messages := _receive(cloud, source):
        for message in messages:
            attributes = message.get("MessageAttributes", {})
            cloud.sqs.send_message(
                QueueUrl=cloud.queue_url(target.arn),
                MessageBody=message["Body"],
                MessageAttributes=attributes,
            )
            cloud.sqs.delete_message(
                QueueUrl=cloud.queue_url(source.arn), ReceiptHandle=message["ReceiptHandle"]
            )
            moved += 1
    return moved


def _receive(cloud: Cloud, queue: Queue) -> list[dict[str, Any]]:
    url = cloud.queue_url(queue.arn)
    answer = cloud.sqs.receive_message(
        QueueUrl=url, MaxNumberOfMessages=RECEIVE_LIMIT, WaitTimeSeconds=0, MessageAttributeNames=["All"]
    )
    return list(answer.get("Messages", []))
