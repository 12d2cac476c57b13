"""What a function imports only when it needs it: known from its code, and measured beside its handler."""

from pathlib import Path
from typing import Any

import pytest

from harness.cloud.system import Function
from harness.compute.ledger import Ledger, brought_by
from harness.compute.policies import NOTHING, Recorded
from harness.compute.sandbox import CodeBase

MEGABYTE = 2**20
MODULES = {
    "toy": "import early\ndef handler(event, context):\n    from late import work\n    return work()\n",
    "early": "def work(): return 1\n",
    "late": "import deeper\nheld = bytearray(range(256)) * 160_000\ndef work(): return len(held)\n",
    "deeper": "",
}
"""`late` holds 39 MB."""


@pytest.fixture
def code(tmp_path: Path) -> CodeBase:
    for name, source in MODULES.items():
        (tmp_path / f"{name}.py").write_text(source)
    return CodeBase([tmp_path], ["toy.handler"])


def function(folder: Path) -> Function:
    nobody: Any = None
    return Function(
        logical_id="Function",
        name="function",
        arn="arn",
        handler="toy.handler",
        code=folder,
        memory_mb=512,
        timeout_seconds=5,
        environment={},
        identity=nobody,
    )


def test_a_module_brings_what_the_top_of_its_code_imports(code: CodeBase) -> None:
    assert brought_by("toy", code) == {"toy", "early"}
    assert brought_by("late", code) == {"late", "deeper"}


def test_a_late_import_takes_time_and_memory_beyond_the_handlers(code: CodeBase, tmp_path: Path) -> None:
    ledger = Ledger(None)
    late = Recorded(ledger, code).late_import(function(tmp_path), "late")
    assert late.cpu_seconds > 0
    assert late.memory_bytes is not None
    assert 38 * MEGABYTE < late.memory_bytes < 45 * MEGABYTE
    assert Recorded(ledger, code).late_import(function(tmp_path), "late") == late  # kept


def test_what_the_handler_brings_is_neither_measured_nor_kept(code: CodeBase, tmp_path: Path) -> None:
    policy = Recorded(Ledger(None), code)
    assert policy.late_import(function(tmp_path), "early") == NOTHING
