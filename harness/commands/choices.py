"""What several commands let their user choose, and how it becomes the options of a run."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harness import config as configs
from harness.config import Config
from harness.errors import UsageError

if TYPE_CHECKING:
    from harness.runs.rig import ComputeKind, Options

Paths = Annotated[
    list[Path] | None, typer.Argument(help="Input files, or folders of them.", show_default=False)
]
Sample = Annotated[bool, typer.Option("--sample", help="Run the project's sample; it is made first.")]
Seed = Annotated[int, typer.Option(help="Decides every random draw.", min=0)]
BatchPages = Annotated[
    int | None, typer.Option(help="Sets the parameter that [tool.harness.parameters] names for it.", min=1)
]
Memory = Annotated[
    int | None,
    typer.Option(help="MB; sets the parameter that [tool.harness.parameters] names for it.", min=128),
]
Parameter = Annotated[list[str] | None, typer.Option(help="NAME=VALUE: any parameter of the template.")]
Template = Annotated[Path | None, typer.Option(help="The SAM template to deploy.")]
PriceTable = Annotated[
    Path | None,
    typer.Option("--prices", help="TOML file that replaces entries of the table of prices."),
]
FreeTier = Annotated[bool, typer.Option("--free-tier", help="The bill is an account's only one this month.")]
Months = Annotated[
    float, typer.Option(help="Months that what is stored stays there, for the bill.", min=0.0, max=1200)
]
AccountConcurrency = Annotated[
    int,
    typer.Option(help="Invocations of all functions together, at most; a new account may have 10.", min=1),
]
Compute = Annotated[str, typer.Option(help="measured, recorded or modelled.")]
CpuFactor = Annotated[
    float,
    typer.Option(
        help="How many times longer a Lambda vCPU takes than a core of this machine.", min=0.01, max=100
    ),
]
Faults = Annotated[str, typer.Option(help="What breaks: calm, rough, hostile, or a TOML file.")]
Out = Annotated[Path, typer.Option(help="Folder for the results.")]


def config(template: Path | None) -> Config:
    """The configuration beside the template or above it; without a template, of the project that one stands
    in.
    """
    if template is not None and not template.is_file():
        raise UsageError(
            f"cannot read the template {template}: "
            f"{'it is a folder' if template.is_dir() else 'there is no such file'}"
        )
    found = configs.load(template.resolve().parent if template else Path.cwd())
    if template is None and found.source is None:
        raise UsageError(
            f"no pyproject.toml with [tool.harness] lies in {Path.cwd()} or above it: give --template, or "
            f"write one"
        )
    return found


def options(
    found: Config,
    template: Path | None,
    parameters: dict[str, str],
    latencies: Path | None = None,
    compute: "ComputeKind" = "recorded",
    prices: Path | None = None,
    **chosen: Any,
) -> "Options":
    """Options with what a command does not let its user choose."""
    from harness.bill import prices as price_tables
    from harness.cloud import latency
    from harness.runs.rig import Options

    return Options(
        template=template or found.root / found.template,
        parameters=parameters,
        compute=compute,
        latencies=latency.load(latencies),
        ledger=found.root / ".harness" / "ledger.sqlite",
        prices=price_tables.load(prices),
        **chosen,
    )


def parameters(found: Config, given: dict[str, int | None], pairs: list[str]) -> dict[str, str]:
    """Values of the template's parameters. Raises `UsageError`."""
    values = {}
    for option, value in given.items():
        if value is not None:
            if option not in found.parameters:
                raise UsageError(
                    f"[tool.harness.parameters] does not say which parameter --{option} sets; use "
                    f"--parameter NAME=VALUE"
                )
            values[found.parameters[option]] = str(value)
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals:
            raise UsageError(f"--parameter {pair} is not of the form NAME=VALUE")
        values[name] = text
    return values


def spelled(values: dict[str, str], template: Path | None) -> list[str]:
    """Parameters and template as options of the command line."""
    words = [word for name, value in values.items() for word in ("--parameter", f"{name}={value}")]
    return [*words, *(["--template", str(template)] if template else [])]


def chosen(**options: bool) -> list[str]:
    """Names of the options of the command line that somebody has chosen."""
    return [name.replace("_", "-") for name, is_chosen in options.items() if is_chosen]


def compute(kind: str) -> "ComputeKind":
    match kind:
        case "measured" | "recorded" | "modelled":
            return kind
        case _:
            raise UsageError(f"--compute {kind} is none of measured, recorded, modelled")


def paths(given: list[Path] | None, sample: bool, found: Config) -> list[Path]:
    """The folders and files to run; the sample is made when it is wanted and not there."""
    if not sample:
        if not given:
            raise UsageError("nothing to run: give input files or folders of them, or --sample")
        return given
    from harness.runs import application

    return [application.sample(found), *(given or [])]
