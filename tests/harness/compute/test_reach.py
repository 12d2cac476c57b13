"""What may run where recorded calls are replayed."""

from pathlib import Path

import pytest

from harness.compute import modules, reach
from harness.compute.sandbox import CodeBase

FILES = {
    "app/__init__.py": "",
    "app/handler.py": """
from app import reading
from app.store import Store, helper as helped

STORE = Store()

def handler(event, context):
    for page in event:
        STORE.put(reading.read(page))
    return helped()
""",
    "app/reading.py": """
from app.eyes import look
from app import words

def read(page):
    return look(page)

def unused():
    return words.count
""",
    "app/eyes.py": """
def look(page):
    return _deeper(page)

def _deeper(page):
    return page
""",
    "app/words.py": """
def count():
    return 1
""",
    "app/store.py": """
class Store:
    def __init__(self):
        self._items = []

    def put(self, item):
        self._items.append(item)

    def never(self):
        return helper

class Other:
    def put(self, item):
        pass

def helper():
    def inner():
        return 1
    return inner()
""",
}


@pytest.fixture
def live(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> set[reach.Place]:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    code = CodeBase([tmp_path], ["app.handler.handler"])
    found = modules.reached(["app.handler"], code)
    assert set(found) == {
        "app",
        *(f"app.{name}" for name in ("handler", "reading", "eyes", "words", "store")),
    }
    return reach.outside(found, ["app.handler.handler"], ["app.reading:read"])


def test_what_only_a_recorded_function_calls_is_not_reached(live: set[reach.Place]) -> None:
    assert ("app.eyes", "look") not in live
    assert ("app.eyes", "_deeper") not in live
    assert ("app.reading", "read") not in live


def test_what_nobody_refers_to_is_not_reached(live: set[reach.Place]) -> None:
    assert ("app.words", "count") not in live
    assert ("app.store", "Store.never") not in live
    assert ("app.store", "Other.put") not in live  # a method of that name is called, but of no such class


def test_handlers_what_they_call_and_what_imports_do_are_reached(live: set[reach.Place]) -> None:
    assert {
        ("app.handler", "handler"),
        ("app.handler", ""),
        ("app.eyes", ""),
        ("app.store", "helper"),
        ("app.store", "helper.inner"),
        ("app.store", "Store.__init__"),
        ("app.store", "Store.put"),
    } <= live
