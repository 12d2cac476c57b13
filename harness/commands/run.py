"""`harness run`."""

from pathlib import Path
from typing import Annotated

import typer

from harness.cloud.limits import ACCOUNT_CONCURRENCY
from harness.commands import choices
from harness.errors import UsageError


def run(
    paths: choices.Paths = None,
    sample: choices.Sample = False,
    seed: choices.Seed = 0,
    batch_pages: choices.BatchPages = None,
    memory: choices.Memory = None,
    parameter: choices.Parameter = None,
    compute: choices.Compute = "recorded",
    cpu_factor: choices.CpuFactor = 1.0,
    account_concurrency: choices.AccountConcurrency = ACCOUNT_CONCURRENCY,
    template: choices.Template = None,
    latencies: Annotated[
        Path | None, typer.Option("--latency", help="TOML file that replaces entries of latency.toml.")
    ] = None,
    faults: choices.Faults = "calm",
    world: Annotated[
        Path | None,
        typer.Option(
            help="Plays the world in this file, of `harness explore`; it says seed, faults and all."
        ),
    ] = None,
    prices: choices.PriceTable = None,
    free_tier: choices.FreeTier = False,
    months: choices.Months = 1.0,
    thumbnails: Annotated[
        str,
        typer.Option(
            help="Of what the report gets small pictures, with what was found framed and black: npi (those "
            "with it, or suspect; each application has its own word), all, or none."
        ),
    ] = "none",
    out: choices.Out = Path("runs/latest"),
) -> None:
    """Runs the system on input files, in virtual time, and tells what came of each."""
    from harness.commands.carry_out import carry_out

    if world is not None:
        from harness.commands.replay import replay

        chosen = choices.chosen(
            seed=seed != 0,
            faults=faults != "calm",
            sample=sample,
            compute=compute != "recorded",
            cpu_factor=cpu_factor != 1.0,
            account_concurrency=account_concurrency != ACCOUNT_CONCURRENCY,
            thumbnails=thumbnails != "none",
        )
        if chosen:
            raise UsageError(f"--world and --{chosen[0]} do not go together: a world says all that itself")
        replay(
            paths,
            world,
            template,
            out,
            given={"batch-pages": batch_pages, "memory": memory},
            pairs=parameter or [],
            latencies=latencies,
            prices=prices,
            free_tier=free_tier,
            months=months,
        )
        return
    carry_out(
        paths,
        sample,
        template,
        out,
        faults=faults,
        given={"batch-pages": batch_pages, "memory": memory},
        pairs=parameter or [],
        seed=seed,
        compute=choices.compute(compute),
        latencies=latencies,
        cpu_factor=cpu_factor,
        account_concurrency=account_concurrency,
        prices=prices,
        free_tier=free_tier,
        months=months,
        thumbnails=thumbnails,
    )
