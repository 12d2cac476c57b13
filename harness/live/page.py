"""The page: what a browser sees of a living system, and what its buttons do.

The browser is told of changes by server-sent events. Everything that changes something needs a header that no
form and no page of somebody else can send.
"""

from collections.abc import Callable, Iterator
from importlib import resources
from math import inf
from time import monotonic, sleep
from typing import Any

import msgspec
from flask import Flask, Response, redirect, request

from harness.errors import UsageError
from harness.faults import scenario
from harness.live import pictures
from harness.live.pictures import NoPicture
from harness.live.reviewing import Reviewing
from harness.live.server import COOKIE, PAGE, Gate
from harness.live.session import Session, SessionEnded
from harness.live.view import Bills, View
from harness.runs.results import Outcome

TICK_SECONDS, BILL_SECONDS = 0.4, 2.0
"""Real time between two looks, and between two bills."""
HEADER = "X-Harness"
ASSETS = {
    "": ("page.html", "text/html"),
    "review": ("review.html", "text/html"),
    "review.js": ("review.js", "text/javascript"),
    "page.js": ("page.js", "text/javascript"),
    "pages.js": ("pages.js", "text/javascript"),
    "page.css": ("page.css", "text/css"),
}
SPEEDS = {"1": 1.0, "10": 10.0, "100": 100.0, "max": inf}
_SAFE = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' blob:; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


class Page:
    """What it shows, and does. Made when the system is deployed, before it lives."""

    def __init__(self, session: Session, review: Reviewing) -> None:
        self.session, self.config, self.review = session, session.rig.config, review
        self.view = View(self.config, session.stage, session.world)
        options = session.rig.options
        system = session.stage.cloud.system
        self._bills = Bills(system, options.prices, options.free_tier, options.months)
        self._paces: dict[str, Callable[[str], None]] = {
            "pause": lambda _: session.change_pace(is_paused=True),
            "go": lambda _: session.change_pace(is_paused=False),
            "speed": lambda name: session.change_pace(speed=_one_of(SPEEDS, name)),
        }

    def about(self) -> dict[str, Any]:
        """What does not change."""
        return {
            "words": msgspec.to_builtins(self.config.words),
            "uploads": self.session.world.place,
            "suffixes": self.config.input_suffixes,
            "kinds": scenario.KINDS,
            "presets": scenario.PRESETS,
            "speeds": list(SPEEDS),
            "pictures": bool(self.config.picture),
        }

    def updates(self) -> Iterator[dict[str, Any]]:
        """What has changed, again and again; at first all there is."""
        version = line = 0
        billed, cost = -BILL_SECONDS, None
        try:
            while not self.session.has_ended:
                seen = self.session.look(lambda: self._seen(version, line))  # noqa: B023 it is done by then
                version = seen["version"]
                line = seen["log"][-1]["number"] if seen["log"] else line
                if monotonic() - billed >= BILL_SECONDS:
                    billed, cost = monotonic(), self._cost()
                yield {**seen, "cost": cost}
                sleep(TICK_SECONDS)
        except SessionEnded:
            return

    def act(self, action: str, value: str) -> None:
        """Does what a button says. Raises `UsageError`."""
        if action in self._paces:
            self._paces[action](value)
        else:
            self.session.change(action, value)

    def detail(self, key: str) -> dict[str, Any]:
        """An input's result as the page shows it. Raises `KeyError`."""
        fields = self.config.result
        outcome = self.session.look(lambda: self.view.outcomes[key])
        return {
            "key": key,
            "name": key.removeprefix(self.session.world.prefix),
            "status": outcome.status,
            "units": outcome.units,
            "marked": outcome.marked,
            "reason": outcome.reason,
            "errors": _by_unit(outcome.errors, fields.error_unit, fields.reason or "reason"),
            "suspects": _by_unit(outcome.suspects, fields.error_unit, fields.reason or "reason"),
            "findings": [
                {
                    "unit": found.get(fields.error_unit),
                    "type": found.get(fields.finding_type),
                    "box": found.get(fields.finding_box),
                    "confidence": found.get(fields.finding_confidence),
                    "masked": found.get(fields.finding_masked, ""),
                }
                for found in outcome.findings
            ],
        }

    def draw(self, wanted: int, seed: int) -> None:
        """A sample for the review, of all results so far. Raises `UsageError`."""
        self.review.draw(self.session.look(self._outcomes), wanted, seed)

    def _outcomes(self) -> dict[str, Outcome]:
        self.view.catch_up()
        return dict(self.view.outcomes)

    def picture(self, key: str, number: int, is_masked: bool) -> pictures.Picture:
        """Raises `NoPicture`."""
        bucket = self.session.world.bucket
        return pictures.of(self.session, self.config.picture, bucket, key, number, is_masked)

    def _seen(self, version: int, line: int) -> dict[str, Any]:
        pace = self.session.pace
        return {
            **self.view.since(version, line),
            "now": round(max(pace.shown, self.session.stage.kernel.now), 3),
            "speed": next((name for name, speed in SPEEDS.items() if speed == pace.speed), f"{pace.speed:g}"),
            "paused": pace.is_paused,
            "idle": self.session.world.is_idle,
            "clients": self.session.world.clients,
            "underway": self.session.underway,
            "faults": self.session.stage.dice.scenario.name,
        }

    def _cost(self) -> dict[str, Any]:
        events, holdings = self.session.look(
            lambda: (list(self.session.stage.recorder.events), tuple(self.session.stage.cloud.holdings()))
        )
        bill = self._bills.of(events, holdings)
        services: dict[str, float] = {}
        for one in bill.lines:
            services[one.service] = services.get(one.service, 0.0) + one.dollars
        return {"total": bill.total, "currency": bill.currency, "services": services}


def application(page: Callable[[], Page], gate: Gate) -> Flask:
    """The web application; `page`: of the system, which is deployed when somebody comes."""
    app = Flask("harness.live", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = gate.most_bytes

    @app.before_request
    def guarded() -> Any:
        if request.method != "GET" and HEADER not in request.headers:
            return Response(f"the header {HEADER} is missing", 403)
        return None

    @app.after_request
    def safe(response: Response) -> Response:
        response.headers.update(_SAFE)
        token = request.args.get("token", "")
        if token and gate.is_token(token):
            response.set_cookie(COOKIE, token, httponly=True, samesite="Strict", path=PAGE)
        return response

    @app.get("/")
    @app.get(PAGE)
    def home() -> Any:
        return redirect(f"{PAGE}/")

    @app.get("/favicon.ico")
    def icon() -> Any:
        return Response(status=204)

    @app.get(f"{PAGE}/")
    @app.get(f"{PAGE}/<name>")
    def asset(name: str = "") -> Any:
        if name not in ASSETS:
            return Response("there is no such page", 404)
        file, kind = ASSETS[name]
        return Response(
            resources.files("harness.live").joinpath(file).read_bytes(), content_type=f"{kind}; charset=utf-8"
        )

    @app.get(f"{PAGE}/api/about")
    def about() -> Any:
        return _json(page().about())

    @app.get(f"{PAGE}/api/events")
    def events() -> Any:
        def lines() -> Iterator[bytes]:
            for update in page().updates():
                yield b"data: " + msgspec.json.encode(update) + b"\n\n"

        return Response(lines(), content_type="text/event-stream")

    @app.post(f"{PAGE}/api/act/<action>")
    def act(action: str) -> Any:
        try:
            page().act(action, request.get_data(as_text=True))
        except UsageError as error:
            return Response(str(error), 400)
        return _json({})

    @app.put(f"{PAGE}/api/upload/<path:name>")
    def upload(name: str) -> Any:
        answer = page().session.upload(name, request.get_data())
        return Response(answer.body, answer.status)

    @app.get(f"{PAGE}/api/result")
    def result() -> Any:
        try:
            return _json(page().detail(request.args["key"]))
        except KeyError:
            return Response("there is no such result", 404)

    @app.get(f"{PAGE}/api/picture")
    def picture() -> Any:
        number = request.args.get("unit", "")
        if not number.isdigit() or int(number) < 1:
            return Response("unit must be a number from 1", 400)
        try:
            made = page().picture(request.args.get("key", ""), int(number), "clear" not in request.args)
        except NoPicture as error:
            return Response(str(error), 404)
        size = {"X-Width": str(made.size[0]), "X-Height": str(made.size[1])}
        return Response(made.png, content_type="image/png", headers=size)

    @app.get(f"{PAGE}/api/review")
    def review() -> Any:
        return _json(page().review.told())

    @app.post(f"{PAGE}/api/review/<action>")
    def reviewed(action: str) -> Any:
        try:
            if action == "draw":
                drawn = msgspec.json.decode(request.get_data(), type=_Draw)
                page().draw(drawn.wanted, drawn.seed)
            else:
                judged = msgspec.json.decode(request.get_data(), type=_Verdict)
                page().review.judge(judged.place, judged.verdict)
        except (UsageError, msgspec.DecodeError) as error:
            return Response(str(error), 400)
        return _json(page().review.told())

    return app


class _Draw(msgspec.Struct):
    wanted: int
    seed: int


class _Verdict(msgspec.Struct):
    place: int
    verdict: str


def _json(value: Any) -> Response:
    return Response(msgspec.json.encode(value), content_type="application/json")


def _one_of(known: dict[str, Any], name: str) -> Any:
    if name not in known:
        raise UsageError(f"{name or 'nothing'} is none of {', '.join(known)}")
    return known[name]


def _by_unit(entries: list[dict[str, Any]], unit: str, reason: str) -> list[dict[str, Any]]:
    return [{"unit": one.get(unit), "reason": one.get(reason, "")} for one in entries]
