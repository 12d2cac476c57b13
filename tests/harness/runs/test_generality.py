"""The harness runs another system, from its own folder, with nothing changed: queue in, queue out."""

import json
from pathlib import Path

from tests.builders import PROJECT
from tests.harness.commands.test_command import harness

ORDERS = PROJECT / "examples" / "orders"


def test_the_orders_example_runs_as_it_is(tmp_path: Path) -> None:
    done = harness(
        "run", ORDERS / "inputs", "--template", ORDERS / "template.yaml", "--out", tmp_path / "out"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    receipt = json.loads((tmp_path / "out" / "results" / "order2.json.json").read_text())
    assert (receipt["status"], receipt["total"]) == ("PAID", 250)
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["orders"] == {"total": 3, "completed": 3, "partial": 0, "failed": 0}
    assert summary["queues"]["ReceiptQueue"]["sent"] == 3
    assert (tmp_path / "out" / "report.html").is_file()
