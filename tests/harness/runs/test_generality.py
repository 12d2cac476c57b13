"""The harness runs another system, from its own folder, with nothing changed: queue in, queue out."""

import json
import shutil
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


def test_a_parameter_of_another_template_does_not_cost_a_run_its_results(tmp_path: Path) -> None:
    """[tool.harness] may speak of another template than the one that is run."""
    folder = tmp_path / "orders"
    shutil.copytree(ORDERS, folder, ignore=shutil.ignore_patterns(".harness", "__pycache__"))
    with (folder / "pyproject.toml").open("a") as own:
        own.write('\n[tool.harness.hand_back]\nparameter = "SecondsOfAPage"\nseconds = 10\n')
    done = harness(
        "run", folder / "inputs", "--template", folder / "template.yaml", "--out", tmp_path / "out"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "out" / "summary.json").is_file()
