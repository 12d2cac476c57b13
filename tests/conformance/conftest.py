from tests.conformance.tunnel import tunnel

__all__ = ["tunnel"]
