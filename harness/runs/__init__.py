"""One run: inputs go in, the system is emulated, results, invariants and numbers come out and are written
down.

Must never know that there are other runs: searching and comparing is for the rooms above.
"""
