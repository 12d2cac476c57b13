"""`harness project`."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cloud import configurations
from harness.cloud.limits import ACCOUNT_CONCURRENCY, NEW_TABLE_SHARDS
from harness.commands import choices
from harness.errors import UsageError

if TYPE_CHECKING:
    from harness.commands.console import Screen
    from harness.config import Config
    from harness.fleet.calibration import Calibration
    from harness.fleet.inventory import Listed
    from harness.fleet.validation import Comparison
    from harness.fleet.workload import Arrivals, Workload
    from harness.runs.sampled import Sampled

DEFAULT_PAGES = "10"
DEFAULT_BYTES = 750_000.0
"""Of a file: 6 TB in 8 million files."""


def project(
    files: Annotated[int, typer.Option(help="How many files.", min=1, max=200_000_000)] = 8_000_000,
    calibration: Annotated[
        Path | None, typer.Option(help="Folder of a run; without one, the project's sample is run.")
    ] = None,
    pages_per_file: Annotated[
        str | None,
        typer.Option(
            help="A number, lognormal:MEDIAN,SIGMA, or a .csv of pages,files; by default as the files of "
            "--calibration have, else 10."
        ),
    ] = None,
    inventory: Annotated[
        Path | None,
        typer.Option(
            help="Your files: an S3 Inventory (manifest.json, CSV, Parquet, a folder of them), a listing "
            "with sizes, or a folder of the files themselves."
        ),
    ] = None,
    bytes_per_file: Annotated[
        float | None,
        typer.Option(
            help="Bytes of a file; by default as the files of --calibration have, else 750,000: 6 TB in 8 "
            "million files.",
            min=0,
        ),
    ] = None,
    rate: Annotated[
        float | None, typer.Option(help="Files uploaded a second; all at once by default.", min=1e-6)
    ] = None,
    daily: Annotated[
        Path | None, typer.Option(help="With --rate: a .csv of hour,weight, how it varies over a day.")
    ] = None,
    validate: Annotated[Path | None, typer.Option(help="Folder of a run to compare the fleet with.")] = None,
    failure_rate: Annotated[
        float | None,
        typer.Option(
            help="Part of the invocations that fail; as in the calibrated run by default.", min=0.0, max=0.9
        ),
    ] = None,
    shards: Annotated[
        int, typer.Option(help="Shards of the table's stream, one for each partition.", min=1, max=1000)
    ] = NEW_TABLE_SHARDS,
    cpu_factor: Annotated[
        float | None,
        typer.Option(help="How many times longer a Lambda vCPU takes than the calibration's core.", min=0.01),
    ] = None,
    account_concurrency: choices.AccountConcurrency = ACCOUNT_CONCURRENCY,
    batch_pages: choices.BatchPages = None,
    memory: choices.Memory = None,
    parameter: choices.Parameter = None,
    template: choices.Template = None,
    prices: choices.PriceTable = None,
    free_tier: choices.FreeTier = False,
    months: choices.Months = 1.0,
    seed: choices.Seed = 0,
    explorer: Annotated[
        bool, typer.Option(help="Fits what the report's sliders go by; it is kept for the next time.")
    ] = True,
    out: choices.Out = Path("runs/projection"),
) -> None:
    """What millions of files cost and how long they take, with intervals, without running a handler."""
    from harness.runs import out_folder

    config = choices.config(template)
    parameters = choices.parameters(config, {"batch-pages": batch_pages, "memory": memory}, parameter or [])
    if inventory is not None and (pages_per_file is not None or bytes_per_file is not None):
        raise UsageError(
            "--inventory tells pages and bytes of each file: leave --pages-per-file and --bytes-per-file out"
        )
    if daily is not None and rate is None:
        raise UsageError("--daily says how a rate varies over a day: give --rate, the mean of the day, too")
    out_folder.check(out, "projection")
    import msgspec

    from harness.bill import prices as price_tables
    from harness.cloud import deployment
    from harness.cloud import template as templates
    from harness.commands.console import Screen
    from harness.commands.reporting import reporter
    from harness.fleet import study, workload
    from harness.runs import known_files, planning

    screen, table = Screen(), price_tables.load(prices)
    with reporter() as write_report:
        listed = known_files.of(config, inventory, screen.progress) if inventory else None
        known, sampled = _calibration(config, template, calibration, parameters, screen)
        checked = _comparison(config, template, validate, calibration, known, sampled, screen)
        source = template or config.root / config.template
        loaded = templates.load(source, parameters, kept=config.root / ".harness" / "translated")
        system = deployment.described(loaded)
        configurations.check_reserved(system.reserved, account_concurrency)
        plan = planning.plan(
            config,
            loaded.parameters,
            system,
            known,
            cpu_factor=known.cpu_factor if cpu_factor is None else cpu_factor,
            shards=shards,
            failure_rate=failure_rate,
            account_concurrency=account_concurrency,
            seed=seed,
            months=months,
        )
        arrivals = workload.Arrivals(rate, workload.hours(daily) if daily else ())
        if listed is not None:
            make, said, doubt = _of_list(listed, known, arrivals, seed), f"of {inventory}", listed.doubt
        elif calibration is not None and pages_per_file is None:
            make, said, doubt = _alike(known, bytes_per_file, arrivals, seed), f"as in {calibration}", ""
        else:
            said, doubt = DEFAULT_PAGES if pages_per_file is None else pages_per_file, "as given"
            make = _drawn(said, bytes_per_file, known, arrivals, seed)
        numbers = study.answer(
            study.Question(
                plan=plan,
                calibration=known,
                files=files if listed is None else len(listed.sizes),
                workload=make,
                pages_said=said,
                pages_doubt=doubt,
                prices=table,
                free_tier=free_tier,
                estimate=config.estimate,
                validation=checked,
                surfaces=config.root / ".harness" / "surfaces" if explorer else None,
            ),
            screen.progress,
        )
        with out_folder.held(out, out_folder.Kind("projection", ("summary.json", "report.html"), ())):
            (out / "summary.json").write_bytes(msgspec.json.format(msgspec.json.encode(numbers), indent=1))
            write_report(out)
    screen.projection(numbers, out)


def _comparison(
    config: "Config",
    template: Path | None,
    validate: Path | None,
    calibration: Path | None,
    known: "Calibration",
    sampled: "Sampled | None",
    screen: "Screen",
) -> "Comparison":
    """With the run that is named, else with that of the calibration, where it is one's folder."""
    from harness.fleet.validation import Comparison
    from harness.runs import against_fleet

    if validate is not None:
        return against_fleet.of_folder(config, template, validate, screen.progress)
    if sampled is not None:
        return against_fleet.of_run(config, template, known, sampled.summary, sampled.events, screen.progress)
    try:
        return against_fleet.of_folder(config, template, calibration or Path(), screen.progress)
    except against_fleet.NoRun:  # a calibration of its own: nothing asked for a comparison
        return Comparison()


def _of_list(
    listed: "Listed", known: "Calibration", arrivals: "Arrivals", seed: int
) -> "Callable[[int], Workload]":
    from harness.fleet import workload

    pages = listed.counted(known.bytes_a_page)
    return lambda files: workload.listed(pages, listed.sizes, files, len(known.pages), arrivals, seed)


def _alike(
    known: "Calibration", bytes_per_file: float | None, arrivals: "Arrivals", seed: int
) -> "Callable[[int], Workload]":
    """Files like the calibrated ones, of their pages and, unless it is said, their bytes."""
    from harness.fleet import workload

    pages = [len(one) for one in known.pages]
    sizes = known.sizes if bytes_per_file is None else [bytes_per_file] * len(pages)
    return lambda files: workload.like(pages, sizes, files, arrivals, seed)


def _drawn(
    pages: str, bytes_per_file: float | None, known: "Calibration", arrivals: "Arrivals", seed: int
) -> "Callable[[int], Workload]":
    from harness.fleet import workload

    size = DEFAULT_BYTES if bytes_per_file is None else bytes_per_file
    return lambda files: workload.drawn(files, pages, len(known.pages), size, arrivals, seed)


def _calibration(
    config: "Config",
    template: Path | None,
    folder: Path | None,
    parameters: dict[str, str],
    screen: "Screen",
) -> "tuple[Calibration, Sampled | None]":
    """Of a run's folder; else of the project's sample, and its run: with these parameters, but for those that
    the fleet itself knows what to make of.
    """
    from harness.fleet import calibration as calibrations

    if folder is not None:
        return calibrations.load(folder), None
    from harness.runs import sampled

    modelled = config.parameters.values()
    given = {name: value for name, value in parameters.items() if name not in modelled}
    found = sampled.of(config, choices.options(config, template, given, seed=0), screen.progress)
    return found.calibration, found
