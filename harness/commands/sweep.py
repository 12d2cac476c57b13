"""`harness sweep`."""

from pathlib import Path
from typing import Annotated

import typer

from harness.cloud.limits import ACCOUNT_CONCURRENCY, NEW_TABLE_SHARDS
from harness.commands import choices
from harness.errors import UsageError

SEEDS = 2
"""Of each setting: as few as give an interval, since each is a whole emulation."""
MOST_POINTS = 100_000
FILES, FILE_BYTES = 8_000_000, 750_000.0
"""Of a projection, unless it is said otherwise: 6 TB in all."""
Paths = Annotated[
    list[Path] | None,
    typer.Argument(
        help="Input files, or folders of them; else the project's corpus to tune on.", show_default=False
    ),
]
Where = Annotated[
    list[str] | None,
    typer.Option(help='What must hold: "p95<15min", "makespan<24h", "cost<$1500", "BatchPages<=15".'),
]
Seeds = Annotated[int, typer.Option(help="Emulations, or projections, of each setting.", min=1, max=1000)]
Fleet = Annotated[
    bool, typer.Option("--fleet", help="Project millions of files in place of emulating the inputs.")
]
Files = Annotated[int, typer.Option(help="With --fleet: how many.", min=1, max=200_000_000)]
PagesPerFile = Annotated[
    str | None,
    typer.Option(
        help="With --fleet: a number, lognormal:MEDIAN,SIGMA, or a .csv of pages,files; else as the inputs."
    ),
]
BytesPerFile = Annotated[
    float, typer.Option(help="With --fleet and --pages-per-file: bytes of a file.", min=0)
]
Rate = Annotated[
    float | None, typer.Option(help="With --fleet: files a second; all at once by default.", min=1e-6)
]
BackendName = Annotated[
    str | None, typer.Option("--backend", help="dask or ray: a cluster in place of this machine's cores.")
]
Address = Annotated[
    str | None,
    typer.Option(help="With --backend: its scheduler; else HARNESS_CLUSTER's, else a cluster made here."),
]
Jobs = Annotated[int | None, typer.Option(help="Points at once here; all cores by default.", min=1)]
Compute = Annotated[str, typer.Option(help="recorded or modelled.")]
CpuFactor = Annotated[
    float,
    typer.Option(
        help="How many times longer a Lambda vCPU takes than a core of this machine.", min=0.01, max=100
    ),
]


def projected(
    fleet: bool, files: int, pages: str | None, size_bytes: float, rate: float | None
) -> tuple[int, str | None, float, float | None] | None:
    """What `Wanted` is told of a projection; None for an emulation. Raises `UsageError` for what would have
    no effect.
    """
    said = {
        "--files": files != FILES,
        "--pages-per-file": pages is not None,
        "--bytes-per-file": size_bytes != FILE_BYTES,
        "--rate": rate is not None,
    }
    idle = [option for option, is_said in said.items() if is_said]
    if idle and not fleet:
        raise UsageError(
            f"{' and '.join(idle)} would have no effect: an emulation takes the inputs as they are; "
            f"give --fleet to project"
        )
    if said["--bytes-per-file"] and pages is None:
        raise UsageError(
            "--bytes-per-file would have no effect: without --pages-per-file files are like the inputs"
        )
    return (files, pages, size_bytes, rate) if fleet else None


def sweep(
    paths: Paths = None,
    batch_pages: Annotated[
        str | None, typer.Option(help="Values of the batch size, parted by commas: 1,5,10,15.")
    ] = None,
    memory: Annotated[str | None, typer.Option(help="Values of the memory in MB: 1769,3008.")] = None,
    parameter: Annotated[
        list[str] | None,
        typer.Option(help="NAME=a,b,c: values of any parameter; NAME=a;b where they have commas themselves."),
    ] = None,
    where: Where = None,
    seeds: Seeds = SEEDS,
    seed: choices.Seed = 0,
    fleet: Fleet = False,
    files: Files = FILES,
    pages_per_file: PagesPerFile = None,
    bytes_per_file: BytesPerFile = FILE_BYTES,
    rate: Rate = None,
    backend: BackendName = None,
    address: Address = None,
    jobs: Jobs = None,
    compute: Compute = "recorded",
    cpu_factor: CpuFactor = 1.0,
    account_concurrency: choices.AccountConcurrency = ACCOUNT_CONCURRENCY,
    template: choices.Template = None,
    faults: choices.Faults = "calm",
    prices: choices.PriceTable = None,
    free_tier: choices.FreeTier = False,
    months: choices.Months = 1.0,
    out: choices.Out = Path("runs/sweep"),
) -> None:
    """Tries every combination of settings on the same inputs, and says which is best and why."""
    from harness.commands.tuning import Wanted
    from harness.tuning import grid, wishes

    wanted = Wanted(
        paths,
        template,
        out,
        seeds=seeds,
        backend=(backend, address, jobs),
        fleet=projected(fleet, files, pages_per_file, bytes_per_file, rate),
        kind="sweep",
    )
    axes = grid.axes(wanted.config, {"batch-pages": batch_pages, "memory": memory}, parameter or [])
    if not axes:
        raise UsageError("nothing to try: give --batch-pages 1,5,10,15, --memory 1024,1769 or --parameter")
    wishing = wishes.parse(where or [], {axis.name: axis.values for axis in axes})
    settings = grid.settings(axes)
    if len(settings) * seeds > MOST_POINTS:
        raise UsageError(
            f"the grid has {len(settings) * seeds:,} points, more than {MOST_POINTS:,}: harness search finds "
            f"the best of a large one"
        )
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
    with wanted.trials(axes, options, NEW_TABLE_SHARDS) as trials:
        outcomes = trials.outcomes(settings, "Sweeping")
        wanted.finish(trials, axes, outcomes, wishing)
