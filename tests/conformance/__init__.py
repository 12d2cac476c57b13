"""One test for each documented behaviour of AWS that can touch a pipeline of this kind.

Each runs a tiny SAM template with a toy handler of its own, so what is shown is the harness and not the
application. docs/conformance.md
is generated from the tests: `python -m tests.conformance.document`.
"""
