"""What everything in one emulation acts with and on; services and clients take of it what they need."""

import msgspec

from harness.cloud.deployment import Cloud
from harness.cloud.latency import Latencies
from harness.cloud.wire import Wire
from harness.engine.kernel import Kernel
from harness.faults.dice import Dice
from harness.recorder import Recorder


class Stage(msgspec.Struct, frozen=True):
    """Time, the state of the cloud, the way to it, how long things take, what breaks, and what is written
    down.
    """

    kernel: Kernel
    cloud: Cloud
    wire: Wire
    latencies: Latencies
    dice: Dice
    recorder: Recorder
