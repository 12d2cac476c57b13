"""`harness serve`."""

from pathlib import Path
from typing import Annotated

import typer

from harness.cloud.limits import ACCOUNT_CONCURRENCY
from harness.commands import choices


def serve(
    port: Annotated[int, typer.Option(help="0: any that is free.", min=0, max=65_535)] = 5000,
    host: Annotated[
        str, typer.Option(help="Address to listen on; beyond this machine a token is needed.")
    ] = "127.0.0.1",
    token: Annotated[
        str, typer.Option(help="What who comes must know; drawn where it is needed and not given.")
    ] = "",
    speed: Annotated[
        str, typer.Option(help='Virtual seconds in a real one, or "max": no event waits for the clock.')
    ] = "1",
    paused: Annotated[bool, typer.Option("--paused", help="Time stands until the page lets it go.")] = False,
    max_upload: Annotated[int, typer.Option(help="MB of a request, at most.", min=1, max=5_120)] = 100,
    seed: choices.Seed = 0,
    batch_pages: choices.BatchPages = None,
    memory: choices.Memory = None,
    parameter: choices.Parameter = None,
    compute: Annotated[str, typer.Option(help="recorded or modelled.")] = "recorded",
    cpu_factor: choices.CpuFactor = 1.0,
    account_concurrency: choices.AccountConcurrency = ACCOUNT_CONCURRENCY,
    template: choices.Template = None,
    faults: choices.Faults = "calm",
    prices: choices.PriceTable = None,
    state: Annotated[
        Path | None,
        typer.Option(help="Folder that keeps what comes from outside; the next session goes on from there."),
    ] = None,
    drop: Annotated[
        Path | None, typer.Option(help="Folder that is watched; what is laid into it is uploaded.")
    ] = None,
    review: Annotated[
        Path | None,
        typer.Option(help="File for the verdicts of the page's review; else .harness/review.json."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for what came of it, as of a run, when it ends.")
    ] = None,
) -> None:
    """Runs the system as a local cloud for AWS clients, with a page to watch it, until it is interrupted."""
    from harness.commands.serving import serving

    serving(
        template,
        out,
        state,
        drop,
        review,
        door=(host, port, token, max_upload * 2**20),
        speed=speed,
        paused=paused,
        faults=faults,
        given={"batch-pages": batch_pages, "memory": memory},
        pairs=parameter or [],
        seed=seed,
        compute=compute,
        cpu_factor=cpu_factor,
        account_concurrency=account_concurrency,
        prices=prices,
    )
