"""`harness project`."""

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
    from harness.fleet.validation import Row

DEFAULT_PAGES = "10"


def project(
    files: Annotated[int, typer.Option(help="How many files.", min=1, max=200_000_000)] = 8_000_000,
    calibration: Annotated[
        Path | None, typer.Option(help="Folder of a run; without one, the project's sample is run.")
    ] = None,
    pages_per_file: Annotated[
        str | None, typer.Option(help="A number, lognormal:MEDIAN,SIGMA, or a .csv of pages,files.")
    ] = None,
    inventory: Annotated[
        Path | None,
        typer.Option(
            help="Your files: an S3 Inventory (CSV, Parquet, a folder of them), or a listing with sizes."
        ),
    ] = None,
    bytes_per_file: Annotated[
        float, typer.Option(help="Bytes of a file; 6 TB in 8 million files by default.", min=0)
    ] = 750_000,
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
    if inventory is not None and pages_per_file is not None:
        raise UsageError("--inventory tells the pages of each file: leave --pages-per-file out")
    if daily is not None and rate is None:
        raise UsageError("--daily says how a rate varies over a day: give --rate, the mean of the day, too")
    out_folder.check(out, "projection")
    import msgspec

    from harness.bill import prices as price_tables
    from harness.cloud import deployment
    from harness.cloud import template as templates
    from harness.commands.console import Screen
    from harness.commands.reporting import reporter
    from harness.fleet import inventory as inventories
    from harness.fleet import study, workload
    from harness.runs import planning

    screen, table = Screen(), price_tables.load(prices)
    with reporter() as write_report:
        sizes = inventories.sizes(inventory) if inventory else None
        known = _calibration(config, template, calibration, parameters, screen)
        checked = _validation(
            config, template, validate or calibration, screen, required=validate is not None
        )
        source = template or config.root / config.template
        loaded = templates.load(source, parameters, kept=config.root / ".harness" / "translated")
        with deployment.deployed(loaded, 0) as cloud:
            configurations.check_reserved(cloud.system.reserved, account_concurrency)
        plan = planning.plan(
            config,
            loaded.parameters,
            cloud.system,
            known,
            cpu_factor=known.cpu_factor if cpu_factor is None else cpu_factor,
            shards=shards,
            failure_rate=failure_rate,
            account_concurrency=account_concurrency,
            seed=seed,
            months=months,
        )
        arrivals = workload.Arrivals(rate, workload.hours(daily) if daily else ())
        said = pages_per_file or DEFAULT_PAGES
        counts = None if sizes is None else inventories.pages(sizes, known.bytes_a_page)

        def make(number: int) -> workload.Workload:
            if counts is not None and sizes is not None:
                return workload.listed(counts, sizes, number, len(known.pages), arrivals, seed)
            return workload.drawn(number, said, len(known.pages), bytes_per_file, arrivals, seed)

        numbers = study.answer(
            study.Question(
                plan=plan,
                calibration=known,
                files=files if counts is None else len(counts),
                workload=make,
                pages_said=said if counts is None else f"of {inventory}",
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


def _calibration(
    config: "Config",
    template: Path | None,
    folder: Path | None,
    parameters: dict[str, str],
    screen: "Screen",
) -> "Calibration":
    """Of a run's folder; else of the project's sample, which is run now: with these parameters, but for those
    that the fleet itself knows what to make of.
    """
    from harness.fleet import calibration as calibrations

    if folder is not None:
        return calibrations.load(folder)
    from harness.runs import application, inputs
    from harness.runs import run as runs

    files = inputs.collect([application.sample(config)], config.input_suffixes)
    modelled = config.parameters.values()
    given = {name: value for name, value in parameters.items() if name not in modelled}
    finished = runs.run(config, files, choices.options(config, template, given, seed=0), screen.progress)
    if isinstance(finished.calibration, str):
        raise UsageError(f"the sample gives no calibration: {finished.calibration}")
    return finished.calibration


def _validation(
    config: "Config", template: Path | None, folder: Path | None, screen: "Screen", required: bool
) -> "list[Row]":
    """The fleet against an emulated run: the one that is named, or the calibration's own."""
    if folder is None or not folder.is_dir():
        return []
    import json

    from harness import recorder
    from harness.bill import prices as price_tables
    from harness.cloud import deployment
    from harness.cloud import template as templates
    from harness.fleet import calibration as calibrations
    from harness.fleet import validation
    from harness.runs import planning

    try:
        summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
        events = list(recorder.read(folder / "trace.jsonl"))
        parameters, lines = summary["parameters"], summary["bill"]["lines"]
        factor, account, months = (summary[name] for name in ("cpuFactor", "accountConcurrency", "months"))
    except (OSError, ValueError, KeyError) as error:
        if not required:
            return []
        raise UsageError(f"{folder} holds no run that the fleet can be compared with: {error}") from error
    known = calibrations.load(folder)
    kept = config.root / ".harness" / "translated"
    loaded = templates.load(template or config.root / config.template, parameters, kept=kept)
    with deployment.deployed(loaded, 0) as cloud:
        plan = planning.plan(
            config,
            parameters,
            cloud.system,
            known,
            cpu_factor=factor,
            account_concurrency=account,
            months=months,
            shards=config.stream_shards or cloud.system.stream_shards,
            table_months=months,
        )
    with screen.progress("Comparing with the run", 1) as tell:
        rows = validation.validate(plan, validation.replay(known), known, events, lines, price_tables.load())
        tell(1)
    return rows
