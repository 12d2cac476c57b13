"""A living system from the command line: begun, told of, and left behind as a run is."""

import secrets
import sys
from contextlib import ExitStack
from math import inf
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

import msgspec

from harness.commands import choices, console_style
from harness.errors import UsageError

if TYPE_CHECKING:
    from harness.live.session import Session
    from harness.runs.emulation import Emulation


def serving(
    template: Path | None,
    out: Path | None,
    state: Path | None,
    drop: Path | None,
    review: Path | None,
    *,
    door: tuple[str, int, str, int],
    speed: str,
    paused: bool,
    faults: str,
    given: dict[str, int | None],
    pairs: list[str],
    compute: str,
    **chosen: Any,
) -> None:
    """door: host, port, token ("": none is given), and the most bytes of a request. Raises `UsageError`."""
    began = monotonic()
    config = choices.config(template)
    parameters = choices.parameters(config, given, pairs)
    pace = _speed(speed)
    if compute not in ("recorded", "modelled"):
        raise UsageError(f"--compute {compute} is none of recorded, modelled: nothing is measured here")
    from harness.faults import scenario
    from harness.live import page, server
    from harness.live.journal import Journal
    from harness.live.reviewing import Reviewing
    from harness.live.session import Session
    from harness.live.watching import CodeWatch, DropFolder
    from harness.runs import out_folder, run
    from harness.runs.rig import Rig

    options = choices.options(
        config,
        template,
        parameters,
        faults=scenario.load(faults),
        compute=choices.compute(compute),
        **chosen,
    )
    host, port, token, most_bytes = door
    if not token and not server.is_loopback(host):
        token = secrets.token_urlsafe(16)
    with ExitStack() as stack:
        if out is not None:
            stack.enter_context(out_folder.held(out, run.KIND))
        journal = Journal(state) if state is not None else None
        if journal is not None:
            stack.callback(journal.close)
        session = Session(Rig(config, (), options), pace, paused, journal)
        judged = Reviewing(review or config.root / ".harness" / "review.json", config.result)
        made: list[page.Page] = []
        gate = server.Gate(token, server.hosts(host), most_bytes)
        application = page.application(lambda: made[0], gate)
        listening = server.Server(host, port, server.Door(session, application, gate))
        stack.callback(listening.close)
        code = CodeWatch(session.rig.folders, session.rig.code.names, lambda files: _renew(session, files))
        stack.callback(code.close)
        dropped = DropFolder(session, drop, config.input_suffixes, most_bytes, _say) if drop else None

        def ready() -> None:
            listening.start()
            code.start()
            _tell(session, host, listening.port, token, monotonic() - began)
            if dropped is not None:
                dropped.start()
                stack.callback(dropped.close)

        with session.begun():
            made.append(page.Page(session, judged))
            emulation = session.run(ready)
            listening.close()
        if out is not None:
            _leave(session, emulation, out, began)


def _renew(session: "Session", files: list[str]) -> None:
    _say(f"{', '.join(files)} changed: the functions have the new code from their next cold start on")
    session.renew()


def _say(text: str) -> None:
    if not console_style.STYLE.quiet:
        print(text, file=sys.stderr, flush=True)


def _speed(text: str) -> float:
    try:
        speed = inf if text == "max" else float(text)
    except ValueError:
        speed = 0.0
    if not speed > 0 or (speed == inf and text != "max"):
        raise UsageError(f'--speed {text} is neither a number above 0 nor "max"')
    return speed


def _tell(session: "Session", host: str, port: int, token: str, seconds: float) -> None:
    """That it is ready, and how to use it."""
    shown = "localhost" if host in ("127.0.0.1", "::1", "0.0.0.0", "::") else host  # noqa: S104 not bound to
    url = f"http://{shown}:{port}"
    page = f"{url}/_live/{f'?token={token}' if token else ''}"
    uploads = session.world.place
    if console_style.STYLE.only_json:
        told = {
            "url": url,
            "page": page,
            "uploads": uploads,
            "token": token,
            "readySeconds": round(seconds, 3),
        }
        print(msgspec.json.encode(told).decode(), flush=True)
    elif not console_style.STYLE.quiet:
        access = f"AWS_ACCESS_KEY_ID={token or 'any'} AWS_SECRET_ACCESS_KEY=any "
        print(f"Ready in {seconds:.1f} s. The page: {page}")
        said = f"s3 cp FILE {uploads}"
        if session.world.queue:
            said = f"sqs send-message --queue-url {uploads.removeprefix('sqs://')} --message-body file://FILE"
        print(f"Upload: {access}aws --endpoint-url {url} {said}")
        print("Ctrl-C ends it.", flush=True)


def _leave(session: "Session", emulation: "Emulation", out: Path, began: float) -> None:
    """What a run leaves."""
    from harness.commands.reporting import write_report
    from harness.runs import run

    finished = run.finish(session.rig, emulation, None, began)
    run.write(finished, out)
    write_report(out)
    if not (console_style.STYLE.quiet or console_style.STYLE.only_json):
        print(f"Report: {out / 'report.html'}   Results: {out / 'results'}")
