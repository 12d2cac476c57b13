"""`harness search`."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from harness.cloud.limits import ACCOUNT_CONCURRENCY, NEW_TABLE_SHARDS
from harness.commands import choices
from harness.commands import sweep as sweeps
from harness.errors import UsageError


def search(
    paths: sweeps.Paths = None,
    parameter: Annotated[
        list[str] | None,
        typer.Option(help="NAME=LOW:HIGH, NAME=LOW:HIGH:STEP or NAME=a,b,c: values of a parameter."),
    ] = None,
    trials: Annotated[int, typer.Option(help="Settings to try, at most.", min=1, max=100_000)] = 30,
    where: sweeps.Where = None,
    seeds: sweeps.Seeds = 1,
    seed: choices.Seed = 0,
    fleet: sweeps.Fleet = False,
    files: sweeps.Files = sweeps.FILES,
    pages_per_file: sweeps.PagesPerFile = None,
    bytes_per_file: sweeps.BytesPerFile = sweeps.FILE_BYTES,
    rate: sweeps.Rate = None,
    backend: sweeps.BackendName = None,
    address: sweeps.Address = None,
    jobs: sweeps.Jobs = None,
    compute: sweeps.Compute = "recorded",
    cpu_factor: sweeps.CpuFactor = 1.0,
    account_concurrency: choices.AccountConcurrency = ACCOUNT_CONCURRENCY,
    template: choices.Template = None,
    faults: choices.Faults = "calm",
    prices: choices.PriceTable = None,
    free_tier: choices.FreeTier = False,
    months: choices.Months = 1.0,
    out: choices.Out = Path("runs/search"),
) -> None:
    """Finds the best setting of a large grid without trying all of it."""
    from harness.commands.tuning import Wanted
    from harness.tuning import grid, search, wishes
    from harness.tuning.grid import Setting
    from harness.tuning.point import Outcome

    wanted = Wanted(
        paths,
        template,
        out,
        seeds=seeds,
        backend=(backend, address, jobs),
        fleet=sweeps.projected(fleet, files, pages_per_file, bytes_per_file, rate),
        kind="search",
    )
    axes = search.parse(parameter or [])
    if not axes:
        raise UsageError("nothing to search: give --parameter NAME=LOW:HIGH, or NAME=a,b,c")
    wishing = wishes.parse(where or [], {axis.name: axis.values for axis in axes})
    grid.defaults(wanted.source, axes)
    options = wanted.options(
        faults=faults,
        seed=seed,
        compute=choices.compute(compute),
        cpu_factor=cpu_factor,
        account_concurrency=account_concurrency,
        prices=prices,
        free_tier=free_tier,
        months=months,
    )
    with wanted.trials(axes, options, NEW_TABLE_SHARDS) as tried:
        found: list[Outcome] = []
        whole = math.prod(len(axis.values) for axis in axes)

        def evaluate(settings: Sequence[Setting]) -> list[Outcome]:
            done = len(found) // seeds
            return tried.outcomes(settings, f"Searching, {done} of {min(trials, whole)} settings tried")

        for outcomes in search.search(axes, tried.usual, wishing, trials, seed, evaluate):
            found += outcomes
        wanted.finish(tried, axes, found, wishing, {"ofSettings": whole})
