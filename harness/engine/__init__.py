"""Discrete events: a clock that jumps, processes that take turns, one source of randomness, a process's
memory.

Must never know that there is such a thing as AWS.
"""
