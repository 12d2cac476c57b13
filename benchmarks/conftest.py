"""What the benchmarks share: the corpora, and the table of what batch sizes cost."""

from pathlib import Path
from typing import Any

import pytest

from benchmarks.virtual import BATCH_PAGES, emulated
from harness.commands.console import Screen
from harness.runs import application
from tests import builders

Costs = dict[int, dict[str, Any]]
"""Pages a batch -> what a run with it takes."""
COSTS = pytest.StashKey[Costs]()


@pytest.fixture(scope="session")
def tuning(request: pytest.FixtureRequest) -> Path:
    """The corpus of `harness sweep`: files as archives have them, some 600 pages. It is made and recorded
    here, which may take a minute or two, and says how far it is.
    """
    with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        folder = application.tuning(builders.CONFIG, Screen().progress)
        emulated(folder, BATCH_PAGES[0], 0)
    return folder


@pytest.fixture
def costs(request: pytest.FixtureRequest) -> Costs:
    return request.config.stash.setdefault(COSTS, {})


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Dollars, which pytest-benchmark has no column for."""
    costs = terminalreporter.config.stash.get(COSTS, {})
    if not costs:
        return
    terminalreporter.section("dollars by pages a batch, at list prices")
    terminalreporter.write_line("pages a batch  $ a million pages  worker invocations  cold starts  billed s")
    for pages, one in sorted(costs.items()):
        terminalreporter.write_line(
            f"{pages:13}  {one['dollars_per_million_pages']:17.2f}  {one['worker_invocations']:18.0f}"
            f"  {one['worker_cold_starts']:11.0f}  {one['worker_billed_seconds']:8.1f}"
        )
