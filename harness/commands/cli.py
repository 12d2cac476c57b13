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
from importlib import metadata
from typing import Annotated, cast

import typer
import typer.core
from typer.exceptions import TyperException

from harness.commands import (
    accuracy,
    backfill,
    calibrate,
    compare,
    console_style,
    doctor,
    explore,
    fixtures,
    guard,
    prices,
    project,
    redrive,
    report,
    run,
    search,
    serve,
    sweep,
    trace,
)
from harness.engine import interrupt, memory
from harness.errors import UsageError

INTERRUPTED = 130

FIRST = ("run", "serve", "project", "sweep", "explore", "doctor")
"""What a newcomer needs."""

app = typer.Typer(
    pretty_exceptions_enable=False,
    help="A local wind tunnel for serverless document pipelines.",
    epilog="--json, --quiet and --no-color may also stand after any command.",
)
for command in (
    run.run,
    serve.serve,
    project.project,
    calibrate.calibrate,
    sweep.sweep,
    search.search,
    prices.prices,
    redrive.redrive,
    backfill.backfill,
    explore.explore,
    fixtures.fixtures,
    accuracy.accuracy,
    guard.guard,
    compare.compare,
    report.report,
    trace.trace,
    doctor.doctor,
):
    app.command()(command)


@app.callback(invoke_without_command=True)
def harness(
    context: typer.Context,
    json: Annotated[
        bool, typer.Option("--json", help="Print the summary as JSON, and nothing else.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing but errors.")] = False,
    no_color: Annotated[
        bool, typer.Option("--no-color", help="No colours; the variable NO_COLOR does the same.")
    ] = False,
    version: Annotated[bool, typer.Option("--version", help="Print the version and leave.")] = False,
) -> None:
    """A local wind tunnel for serverless document pipelines."""
    if version:
        print(f"harness {metadata.version('npi-wind-tunnel')}")
        raise typer.Exit
    console_style.STYLE = console_style.Style(only_json=json, quiet=quiet, color=not no_color)
    if context.invoked_subcommand is None:
        _first_steps(context)


def _first_steps(context: typer.Context) -> None:
    """The commands that come first, with what each does."""
    print("A local wind tunnel for serverless document pipelines. To begin with:\n")
    group = cast(typer.core.TyperGroup, context.command)
    for name in FIRST:
        does = (group.commands[name].help or "").replace("\n", " ").partition(". ")[0].rstrip(".")
        print(f"  harness {name:8}  {does}.")
    print("\n`harness run --sample` runs the system on a small sample. All commands: harness --help")


def main() -> None:
    """Entry point: every error that a user can act on is one line."""
    interrupt.install()
    _say_all_names()
    sys.argv[1:] = console_style.first(sys.argv[1:])
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
