"""What a run leaves for the fleet: its calibration."""

import datetime

from harness.config import Config
from harness.errors import UsageError
from harness.fleet import calibration
from harness.fleet.calibration import Calibration
from harness.runs.emulation import Emulation
from harness.runs.results import Results
from harness.runs.rig import Options


def of(
    config: Config,
    options: Options,
    parameters: dict[str, str],
    emulation: Emulation,
    results: Results,
) -> Calibration | str:
    """The calibration, or why the run has none: the fleet models systems of one shape."""
    batch = parameters.get(config.parameters.get("batch-pages", ""), "")
    if not batch.isdigit() or not config.result.units:
        return (
            "[tool.harness] does not say what a result's units are, and which parameter is their batch size"
        )
    single = {key: found[0] for key, found in results.items() if len(found) == 1}
    try:
        return calibration.of_run(
            calibration.Evidence(
                events=emulation.recorder.events,
                system=emulation.system,
                holdings=emulation.holdings,
                units={key: result.units for key, result in single.items() if result.units},
                uploads_of={result.stored: key for key, result in single.items()},
                latencies=options.latencies,
                parameters=parameters,
                cpu_factor=options.cpu_factor,
                batch_pages=int(batch),
                made=datetime.datetime.now(datetime.UTC).date().isoformat(),
            )
        )
    except UsageError as error:
        return str(error)
