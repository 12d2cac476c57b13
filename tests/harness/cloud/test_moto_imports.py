"""moto's CloudFormation is imported without services that are never emulated, and they are there for who
asks.
"""

import subprocess
import sys

SCRIPT = """
import sys
from harness.cloud import deployment, moto_imports
from harness.cloud.scope import KINDS
assert not [name for name in sys.modules if name.startswith("moto.") and name.split(".")[1] in moto_imports.LEFT_OUT], "left behind"
assert not [kind for kind, _, given in KINDS if given and kind.split("::")[1].lower() in moto_imports.LEFT_OUT]
from moto.ec2.models import ec2_backends
assert "us-east-1" in ec2_backends["123456789012"]
print(type(ec2_backends["123456789012"]["us-east-1"]).__module__)
"""


def test_left_out_services_leave_nothing_behind_and_come_when_they_are_asked_for() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "moto.ec2.models", done.stderr
