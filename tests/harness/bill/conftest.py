"""The wind tunnel of the conformance tests, for bills that are counted by hand."""

from tests.conformance.tunnel import tunnel

__all__ = ["tunnel"]
