"""Errors that a user of the command line can do something about. The command prints the message, one line,
and exits with 2.
"""


class UsageError(Exception):
    """The input, an option or a setting is wrong; the message names it and says what to do."""
