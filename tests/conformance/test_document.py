"""The table in docs is that of the tests."""

from tests.conformance import document


def test_the_document_is_up_to_date() -> None:
    """Renew it with `python -m tests.conformance.document`."""
    assert document.TARGET.read_text() == document.document()


def test_every_row_says_what_and_where_from() -> None:
    for module in document.MODULES:
        for test in document.rows(module):
            assert test.__doc__
            assert test.source
