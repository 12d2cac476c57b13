"""What all tests share: no network, the sample corpus, and one ledger, so that a page is OCRed once for the
whole suite.
"""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import builders
from tests.watchdog import watched

SHARED_CORPORA = builders.PROJECT.parent / "shared" / "corpora"


def pytest_sessionstart(session: pytest.Session) -> None:
    """Before pytest-xdist starts its processes: what all of them would make for themselves at the same
    time.
    """
    if session.config.getoption("numprocesses", None):
        builders.run(builders.sample())


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What tests counted on their way (`record_property`): crash points, inputs of the fuzzers, seeds that a
    deliberate bug took.
    """
    for report in terminalreporter.getreports("passed"):
        for what, number in report.user_properties if report.when == "call" else ():
            terminalreporter.write_line(f"{what}: {number}")


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection to anywhere but this machine fails the test."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: object) -> None:
        host = address[0] if isinstance(address, tuple) else ""
        if self.family != socket.AF_UNIX and host not in ("127.0.0.1", "::1", "localhost"):
            raise AssertionError(f"a test tried to reach {address}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture(autouse=True)
def no_run_stands_still() -> Iterator[None]:
    """A run that really waits for something fails the test."""
    with watched():
        yield


@pytest.fixture(scope="session")
def shared_corpora() -> Path:
    """Real scanned files beside the project; tests that need them are skipped where they are not."""
    if not SHARED_CORPORA.is_dir():
        pytest.skip("the corpora of real TIFFs (../shared/corpora) are not on this machine")
    return SHARED_CORPORA
