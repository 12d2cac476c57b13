"""The command `harness`. Exit codes: 0 done; 1 done, but an invariant failed, or a guard; 2 bad input or
usage, with one line; 130 interrupted.

Each command stands in a module of its own, which imports the wind tunnel only when it is called: help and
errors come at once.
"""

import errno
import gc
import os
import sqlite3
import sys

import typer
from typer.exceptions import TyperException

from harness.commands import (
    accuracy,
    compare,
    explore,
    fixtures,
    guard,
    prices,
    project,
    redrive,
    report,
    run,
    search,
    sweep,
    trace,
)
from harness.engine import interrupt, memory
from harness.errors import UsageError

INTERRUPTED = 130

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    help="A local wind tunnel for serverless document pipelines.",
)
for command in (
    run.run,
    project.project,
    sweep.sweep,
    search.search,
    prices.prices,
    redrive.redrive,
    explore.explore,
    fixtures.fixtures,
    accuracy.accuracy,
    guard.guard,
    compare.compare,
    report.report,
    trace.trace,
):
    app.command()(command)


def main() -> None:
    """Entry point: every error that a user can act on is one line."""
    interrupt.install()
    _say_all_names()
    try:
        with memory.thrifty():  # a fifth of a short command would go into collecting what imports leave
            code = app(standalone_mode=False)
        sys.stdout.flush()
        if code == INTERRUPTED:  # typer's answer to a KeyboardInterrupt
            raise KeyboardInterrupt
    except UsageError as error:
        code = _fail(str(error))
    except TyperException as error:  # its usage errors put the option's name into format_message
        code = _fail(getattr(error, "format_message", error.__str__)())
    except (typer.Abort, KeyboardInterrupt, interrupt.Interrupted) as error:
        code = _fail("interrupted" + (f"; {error}" if str(error) else ""), INTERRUPTED)
    except SystemError as error:
        if not _was_interrupted(error):
            raise
        code = _fail("interrupted", INTERRUPTED)
    except (
        BrokenPipeError,
        SystemExit,
    ):  # who reads has seen enough (rich exits then); what was written stands
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        where = error.filename or (
            "the disk is full, free some or give --out elsewhere" if full else "a file"
        )
        code = _fail(f"{where}: {error.strerror or error}")
    except sqlite3.Error as error:
        code = _fail(
            f"the ledger .harness/ledger.sqlite cannot be used: {error}; free the disk, or remove it and "
            f"all is measured anew"
        )
    gc.freeze()  # or Python, leaving, looks through all of moto and matplotlib again and again: a second
    sys.exit(code if isinstance(code, int) else 0)


def _was_interrupted(error: BaseException | None) -> bool:
    """Compiled code hands an interrupt on as the cause of a SystemError, or of one that caused another."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__
    return error is not None


def _say_all_names() -> None:
    """Names that a locale cannot spell are spelled in escapes."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def _fail(message: str, code: int = 2) -> int:
    print(f"harness: {' '.join(message.split())}", file=sys.stderr)
    return code
