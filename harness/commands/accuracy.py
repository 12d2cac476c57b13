"""`harness accuracy`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from harness.commands import choices


def accuracy(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Folders of inputs with a truth.json, files of labelled lines, or a review.json of harness "
            "serve; else the project's own.",
            show_default=False,
        ),
    ] = None,
    truth: Annotated[
        Path | None, typer.Option(help="What stands on the inputs; else truth.json beside them.")
    ] = None,
    parameter: choices.Parameter = None,
    against: Annotated[
        list[str] | None,
        typer.Option(help="Another finder on the same words, by the name that the project gives it."),
    ] = None,
    out: choices.Out = Path("runs/accuracy"),
) -> None:
    """Measures recall and precision of what the system finds, by kind of input and type."""
    import msgspec

    from harness.commands.console import Screen
    from harness.commands.reporting import write_report
    from harness.runs import out_folder
    from harness.tuning import accuracy as measures
    from harness.tuning import examination
    from harness.tuning import review as reviews

    kind = out_folder.Kind("accuracy", ("summary.json", "report.html"), ("sets",))
    config = choices.config(None)
    parameters = choices.parameters(config, {}, parameter or [])
    options = choices.options(config, None, parameters, seed=0)
    out_folder.check(out, kind.name)
    others = {name: examination.other(config, name) for name in against or []}
    screen, sets = Screen(), {}
    units: dict[str, list[measures.Unit]] = {name: [] for name in ("", *others)}
    reviewed = {}
    for path in paths or examination.sets(config):
        if path.suffix == ".json":
            reviewed[str(path)] = reviews.load(path)
            continue
        found = {"": examination.examine(config, path, truth, options, screen.progress)}
        if others:
            found |= examination.by_others(config, path, truth, options, others, screen.progress)
        name = path.name if path.name not in sets else str(path)
        sets[name] = {finder: measures.verdicts(those) for finder, those in found.items()}
        for finder, those in found.items():
            units[finder] += those
    summary = {
        "kind": kind.name,
        "words": config.words,
        "sets": {name: found[""] for name, found in sets.items()},
        **measures.measure(units[""]),
    }
    summary["against"] = {
        name: {"sets": {path: found[name] for path, found in sets.items()}, **measures.measure(units[name])}
        for name in others
    }
    if reviewed:
        summary["sets"] |= {name: reviews.verdicts(one) for name, one in reviewed.items()}
        summary["reviews"] = {name: reviews.measure(one) for name, one in reviewed.items()}
        if not sets and len(reviewed) == 1:
            (summary["all"],) = summary["sets"].values()
    summary = msgspec.to_builtins(summary)
    with out_folder.held(out, kind):
        (out / "summary.json").write_bytes(msgspec.json.format(msgspec.json.encode(summary), indent=1))
        write_report(out)
    screen.accuracy(summary, out)
    for name, found in summary.get("reviews", {}).items():
        screen.say(_threshold(name, found["threshold"]))


def _threshold(name: str, found: dict[str, Any]) -> str:
    """What a review says of the confidence that marks may be asked for."""
    wanted = f"recall above {found['wanted']:.0%}"
    if found["confidence"] is None:
        return f"{name}: no confidence that marks are asked for keeps {wanted}"
    return (
        f"{name}: asking marks for a confidence of {found['confidence']} % keeps {wanted} "
        f"({found['recall']:.1%}, precision {found['precision']:.1%}; by {found['units']} rightly marked)"
    )
