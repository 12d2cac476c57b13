"""How long code takes, and where it runs: measured, recorded in a ledger, or modelled; the sandbox of an
execution environment.

Must never know why a function was invoked, nor what its events mean.
"""
