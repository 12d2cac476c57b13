"""The command line: what a person types, and what a person then sees.

Must never compute what is shown; each command imports what it needs when it is called, so that help and
errors come at once.
"""
