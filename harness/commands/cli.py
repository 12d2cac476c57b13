"""The command `harness`. Exit codes: 0 done; 1 done, but an invariant failed; 2 bad input or usage, with one line that says what."""

import sys
import time
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from typer.exceptions import TyperException

from harness import config as configs
from harness import recorder
from harness.cloud import latency
from harness.commands.console import Screen
from harness.config import Config
from harness.errors import UsageError
from harness.exploration import explorer as explorers
from harness.exploration import findings
from harness.faults import scenario
from harness.runs import inputs, perfetto
from harness.runs import run as runs
from harness.runs.rig import ComputeKind, Options, Rig

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    help="A local wind tunnel for serverless document pipelines.",
)

PathsArgument = Annotated[list[Path] | None, typer.Argument(help="TIFF files, or folders of them.", show_default=False)]


@app.command()
def run(
    paths: PathsArgument = None,
    sample: Annotated[bool, typer.Option("--sample", help="Run the bundled sample corpus; it is made first.")] = False,
    seed: Annotated[int, typer.Option(help="Decides every random draw.", min=0)] = 0,
    batch_pages: Annotated[int | None, typer.Option(help="Pages a worker reads in one invocation.", min=1)] = None,
    memory: Annotated[int | None, typer.Option(help="Memory of a worker in MB.", min=128)] = None,
    parameter: Annotated[list[str] | None, typer.Option(help="NAME=VALUE: any parameter of the template.")] = None,
    compute: Annotated[str, typer.Option(help="measured, recorded or modelled.")] = "recorded",
    cpu_factor: Annotated[
        float, typer.Option(help="How many times longer a Lambda vCPU takes than a core of this machine.", min=0.01, max=100)
    ] = 1.0,
    template: Annotated[Path | None, typer.Option(help="The SAM template to deploy.")] = None,
    latencies: Annotated[Path | None, typer.Option("--latency", help="TOML file that replaces entries of latency.toml.")] = None,
    faults: Annotated[str, typer.Option(help="What breaks: calm, rough, hostile, or a TOML file.")] = "calm",
    out: Annotated[Path, typer.Option(help="Folder for the results.")] = Path("runs/latest"),
) -> None:
    """Runs the system on TIFF files, in virtual time, and tells which pages carry NPI."""
    config = _config(template)
    chosen = {"batch-pages": batch_pages, "memory": memory}
    options = _options(
        config,
        template,
        _parameters(config, chosen, parameter or []),
        seed=seed,
        compute=_compute(compute),
        latencies=latencies,
        cpu_factor=cpu_factor,
        faults=scenario.load(faults),
    )
    _carry_out(config, inputs.collect(_paths(paths, sample, config), config.input_suffixes), options, out)


@app.command()
def redrive(
    paths: PathsArgument = None,
    sample: Annotated[bool, typer.Option("--sample", help="Run the bundled sample corpus; it is made first.")] = False,
    seed: Annotated[int, typer.Option(help="Decides every random draw.", min=0)] = 0,
    faults: Annotated[str, typer.Option(help="What breaks until it is mended: rough, hostile, or a TOML file.")] = "hostile",
    parameter: Annotated[list[str] | None, typer.Option(help="NAME=VALUE: any parameter of the template.")] = None,
    template: Annotated[Path | None, typer.Option(help="The SAM template to deploy.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for the results.")] = Path("runs/redrive"),
) -> None:
    """Runs the system while things break; then mends them, gives back every message that was given up, and shows what heals."""
    config = _config(template)
    parameters = _parameters(config, {}, parameter or [])
    options = _options(config, template, parameters, seed=seed, faults=scenario.load(faults), redrive=True)
    _carry_out(config, inputs.collect(_paths(paths, sample, config), config.input_suffixes), options, out)


@app.command()
def explore(
    paths: PathsArgument = None,
    seeds: Annotated[int, typer.Option(help="Emulations, each with faults of its own.", min=1)] = 100,
    first_seed: Annotated[int, typer.Option(help="The first seed.", min=0)] = 0,
    faults: Annotated[str, typer.Option(help="What breaks: rough, hostile, or a TOML file.")] = "hostile",
    crash_points: Annotated[
        str, typer.Option(help="Instead of seeds: kill each invocation at each of its API calls; singles, or pairs as well.")
    ] = "",
    files: Annotated[int, typer.Option(help="Files of the sample corpus to use when no PATHS are given.", min=1)] = 3,
    redriven: Annotated[
        bool, typer.Option("--redrive", help="After each, mend everything, give back what was given up, and expect all to heal.")
    ] = False,
    stop_at_first: Annotated[bool, typer.Option("--stop-at-first", help="Stop when an invariant is broken.")] = False,
    jobs: Annotated[int | None, typer.Option(help="Processes; all cores by default.", min=1)] = None,
    batch_pages: Annotated[int | None, typer.Option(help="Pages a worker reads in one invocation.", min=1)] = None,
    parameter: Annotated[list[str] | None, typer.Option(help="NAME=VALUE: any parameter of the template.")] = None,
    template: Annotated[Path | None, typer.Option(help="The SAM template to deploy.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for what is found.")] = Path("runs/explore"),
) -> None:
    """Breaks everything in many emulations, and shows the smallest set of faults that the system does not survive."""
    screen = Screen()
    config = _config(template)
    inputs_found = inputs.collect(_paths(paths, not paths, config), config.input_suffixes)[: None if paths else files]
    chosen = scenario.load(faults)
    parameters = _parameters(config, {"batch-pages": batch_pages}, parameter or [])
    options = _options(config, template, parameters, seed=first_seed, faults=chosen, redrive=redriven)
    if crash_points not in ("", "singles", "pairs"):
        raise UsageError(f"--crash-points {crash_points} is neither singles nor pairs")
    findings.prepare(out)
    began = time.monotonic()
    explorer = explorers.Explorer(Rig(config, inputs_found, options), chosen, screen.progress)
    command = ["harness", "run", *(str(file.path) for file in inputs_found), *_spelled(options.parameters, template)]
    if redriven:
        command[1] = "redrive"
    found = findings.Findings(out, command)
    cases = explorer.crash_points(crash_points == "pairs") if crash_points else explorer.seeds(first_seed, seeds)
    with screen.progress("Exploring", 0 if crash_points else seeds) as tell:
        for trial in explorer.attempts(cases, jobs):
            found.add(trial)
            tell(found.trials)
            if trial.failed and stop_at_first:
                break
    for trial in found.failed[: findings.MOST_FAILURES]:
        with screen.progress("Shrinking", explorers.SHRINK_TRIALS) as tell:
            small = explorer.shrink(trial, tell)
        found.write_failure(explorer, trial, small)
    name = f"crash points, {crash_points}" if crash_points else chosen.name
    numbers = found.numbers(name, explorers.KILLS if crash_points else chosen.faults, time.monotonic() - began)
    (out / "summary.json").write_bytes(msgspec.json.format(msgspec.json.encode(numbers), indent=2))
    _report(out)
    screen.exploration(numbers, found.failures, out)
    if found.failed:
        raise typer.Exit(1)


@app.command()
def fixtures(
    out: Annotated[Path, typer.Argument(help="Folder for the corpus.")],
    files: Annotated[int, typer.Option(help="Number of TIFF files.", min=1, max=1_000_000)] = 12,
    seed: Annotated[int, typer.Option(help="Decides every page.", min=0)] = 0,
) -> None:
    """Makes a corpus of TIFF files with known NPI: truth.json says what stands where."""
    from fixtures import corpus

    screen = Screen()
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out} is not an empty folder: give another one")
    with screen.progress("Making files", files) as tell:
        made = corpus.make(out, files, seed, tell)
    screen.say(
        f"{files} files with {made.pages} pages, {made.npi_pages} of them with NPI, in {out}; what stands where: {out / 'truth.json'}"
    )


@app.command()
def report(directory: Annotated[Path, typer.Argument(help="Folder of a run.")]) -> None:
    """Makes report.html of a run or an exploration anew from its files."""
    if not (directory / "summary.json").is_file():
        raise UsageError(f"{directory} holds no run: summary.json is missing")
    _report(directory)
    Screen().say(f"Report: {directory / 'report.html'}")


@app.command()
def trace(
    directory: Annotated[Path, typer.Argument(help="Folder of a run.")],
    to_perfetto: Annotated[bool, typer.Option("--perfetto", help="Write a timeline for ui.perfetto.dev.")] = False,
) -> None:
    """Turns the trace of a run into a timeline."""
    source = directory / "trace.jsonl"
    if not source.is_file():
        raise UsageError(f"{directory} holds no run: trace.jsonl is missing")
    if not to_perfetto:
        raise UsageError("say what to make of the trace: --perfetto")
    target = directory / "trace.perfetto.json"
    target.write_bytes(perfetto.timeline(recorder.read(source)))
    Screen().say(f"Timeline: {target} (open it at ui.perfetto.dev)")


def main() -> None:
    """Entry point: every error that a user can act on is one line and exit code 2."""
    try:
        code = app(standalone_mode=False)
    except UsageError as error:
        code = _fail(str(error))
    except TyperException as error:  # its usage errors put the option's name into format_message
        code = _fail(getattr(error, "format_message", error.__str__)())
    except (typer.Abort, KeyboardInterrupt):
        code = _fail("interrupted")
    sys.exit(code if isinstance(code, int) else 0)


def _fail(message: str) -> int:
    print(f"harness: {' '.join(message.split())}", file=sys.stderr)
    return 2


def _config(template: Path | None) -> Config:
    return configs.load(template.resolve().parent if template else Path.cwd())


def _options(
    config: Config,
    template: Path | None,
    parameters: dict[str, str],
    latencies: Path | None = None,
    compute: ComputeKind = "recorded",
    **chosen: Any,
) -> Options:
    """Options with what a command does not let its user choose."""
    return Options(
        template=template or config.root / config.template,
        parameters=parameters,
        compute=compute,
        latencies=latency.load(latencies),
        ledger=config.root / ".harness" / "ledger.sqlite",
        **chosen,
    )


def _carry_out(config: Config, files: list[inputs.InputFile], options: Options, out: Path) -> None:
    """One run, with all that it leaves; exit code 1 when an invariant failed."""
    screen = Screen()
    runs.prepare(out)
    finished = runs.run(config, files, options, screen.progress)
    runs.write(finished, out)
    _report(out)
    screen.run(finished.summary, finished.files, out)
    if "redrive" in finished.summary:
        screen.healing(finished.summary["redrive"])
    if finished.summary["invariants"]["violations"]:
        raise typer.Exit(1)


def _report(directory: Path) -> None:
    from reports import pages

    try:
        pages.write(directory)
    except (KeyError, ValueError, FileNotFoundError) as error:
        raise UsageError(f"the files in {directory} are damaged, or of another version: run it again ({error})") from error


def _paths(paths: list[Path] | None, sample: bool, config: Config) -> list[Path]:
    if not sample:
        if not paths:
            raise UsageError("nothing to run: give TIFF files or folders of them, or --sample")
        return paths
    from fixtures import corpus

    folder = config.root / ".harness" / f"sample-{corpus.VERSION}-{config.sample.files}-{config.sample.seed}"
    if not (folder / "truth.json").is_file():
        corpus.make(folder, config.sample.files, config.sample.seed)
    return [folder, *(paths or [])]


def _parameters(config: Config, options: dict[str, int | None], pairs: list[str]) -> dict[str, str]:
    parameters = {}
    for option, value in options.items():
        if value is not None:
            if option not in config.parameters:
                raise UsageError(f"[tool.harness.parameters] does not say which parameter --{option} sets; use --parameter NAME=VALUE")
            parameters[config.parameters[option]] = str(value)
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals:
            raise UsageError(f"--parameter {pair} is not of the form NAME=VALUE")
        parameters[name] = text
    return parameters


def _spelled(parameters: dict[str, str], template: Path | None) -> list[str]:
    """Parameters and template as options of the command line."""
    words = [word for name, value in parameters.items() for word in ("--parameter", f"{name}={value}")]
    return [*words, *(["--template", str(template)] if template else [])]


def _compute(kind: str) -> ComputeKind:
    match kind:
        case "measured" | "recorded" | "modelled":
            return kind
        case _:
            raise UsageError(f"--compute {kind} is none of measured, recorded, modelled")
