"""What can go wrong with a document, as errors that a person can act on.

Both errors here are *permanent*: trying again cannot help, so they are recorded in the result and never
retried. Anything else that a handler meets (throttling, a lost connection) is left to rise, and SQS delivers
the message again.
"""


class BadFile(Exception):
    """The whole file cannot be processed; the message is the reason that stands in its result."""


class PageUnreadable(Exception):
    """One page cannot be read; the message is the reason that stands beside its number in the result."""


class PageTooSlow(PageUnreadable):
    """The page was not read in the time that a page has."""
