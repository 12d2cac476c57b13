"""The door: one port on which AWS clients find the cloud, and a browser its page.

Requests are handled in threads of werkzeug's server, which moto's own uses too; each hands what it wants to
the event loop and waits for its answer.
"""

import hmac
import threading
from collections.abc import Callable, Iterable
from http import HTTPStatus
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit
from xml.sax.saxutils import escape

import msgspec
from moto.moto_server.werkzeug_app import MotoRequestHandler
from werkzeug.http import parse_cookie
from werkzeug.serving import ThreadedWSGIServer

from harness.errors import UsageError
from harness.live import requests
from harness.live.requests import NotServed
from harness.live.session import Session

PAGE = "/_live"
"""Where the page lies. S3 lets no bucket begin with an underscore (S3 user guide, "Bucket naming rules")."""
COOKIE = "harness-live"
Start = Callable[..., Any]
Wsgi = Callable[[dict[str, Any], Start], Iterable[bytes]]


class Gate:
    """Who may come in. token: what who comes must know, "" where only this machine can come; hosts: names
    that this server is called by, so that no page of somebody else reaches it under a name of theirs (DNS
    rebinding); most_bytes: of a request's body.
    """

    def __init__(self, token: str, hosts: frozenset[str], most_bytes: int) -> None:
        self._token, self._hosts, self.most_bytes = token, hosts, most_bytes

    def refusal(self, environ: dict[str, Any]) -> tuple[HTTPStatus, str] | None:
        """Why this request is not let in."""
        host = urlsplit(f"//{environ.get('HTTP_HOST', '')}").hostname or ""
        if host not in self._hosts and not host.endswith(".localhost") and not self._token:
            return HTTPStatus.FORBIDDEN, f"{host} is no name of this server"
        origin = environ.get("HTTP_ORIGIN")
        if origin and urlsplit(origin).netloc != environ.get("HTTP_HOST"):
            return HTTPStatus.FORBIDDEN, "a page of somebody else asks"
        if self._token and not self._knows(environ):
            return HTTPStatus.FORBIDDEN, (
                "the token is missing: open the address that harness serve has printed; an AWS client gives "
                "it as its access key id"
            )
        if not (length := environ.get("CONTENT_LENGTH") or "0").isdigit():
            return HTTPStatus.BAD_REQUEST, "Content-Length is no number"
        if int(length) > self.most_bytes:
            return self.too_large
        return None

    def read(self, environ: dict[str, Any]) -> bytes:
        """The body; of one that is sent in chunks a byte more than is allowed, at most."""
        if environ.get("wsgi.input_terminated"):
            most = self.most_bytes + 1
        else:
            most = int(environ.get("CONTENT_LENGTH") or 0)
        return bytes(environ["wsgi.input"].read(most)) if most else b""

    @property
    def too_large(self) -> tuple[HTTPStatus, str]:
        megabytes = self.most_bytes / 2**20
        return HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"more than {megabytes:g} MB: --max-upload allows more"

    def is_token(self, text: str) -> bool:
        return hmac.compare_digest(text.encode(), self._token.encode())

    def _knows(self, environ: dict[str, Any]) -> bool:
        scope = environ.get("HTTP_AUTHORIZATION", "").partition("Credential=")[2].partition("/")[0]
        query = dict(part.partition("=")[::2] for part in environ.get("QUERY_STRING", "").split("&"))
        told = (
            scope,
            query.get("token", ""),
            query.get("X-Amz-Credential", "").partition("%2F")[0],
            parse_cookie(environ).get(COOKIE, ""),
        )
        return any(self.is_token(one) for one in told)


class Door:
    """The WSGI application: the page where a browser asks for it, else the cloud."""

    def __init__(self, session: Session, page: Wsgi, gate: Gate) -> None:
        self._session, self._page, self._gate = session, page, gate

    def __call__(self, environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if refused := self._gate.refusal(environ):
            return _refused(environ, start, *refused)
        is_signed = "HTTP_AUTHORIZATION" in environ or "HTTP_X_AMZ_TARGET" in environ
        if path.startswith(f"{PAGE}/") or (path in ("/", PAGE, "/favicon.ico") and not is_signed):
            return self._page(environ, start)
        body = self._gate.read(environ)
        if len(body) > self._gate.most_bytes:
            return _refused(environ, start, *self._gate.too_large)
        try:
            request = requests.parse(environ, body)
        except NotServed as error:
            return _refused(environ, start, HTTPStatus.NOT_IMPLEMENTED, str(error))
        answer = self._session.ask(request)
        start(f"{answer.status} {_phrase(answer.status)}", answer.headers)
        return [answer.body] if request.method != "HEAD" else []


class Server:
    """Listens from when it is made; serves from `start` on. Raises `UsageError` where it cannot listen."""

    def __init__(self, host: str, port: int, application: Wsgi) -> None:
        try:
            self._server = _Threaded(host, port, application, _Quiet)
        except (OSError, SystemExit) as error:
            why = getattr(error, "strerror", None) or "it is taken"
            raise UsageError(f"cannot listen on port {port} of {host}: {why}; give --port another") from error
        self.port = int(self._server.port)
        self._thread = threading.Thread(target=self._server.serve_forever, name="door", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        if self._thread.is_alive():
            self._server.shutdown()
        self._server.server_close()


def is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def hosts(host: str) -> frozenset[str]:
    """Names under which clients know a server that listens there."""
    return frozenset({host, "localhost", "127.0.0.1", "::1"})


class _Threaded(ThreadedWSGIServer):
    daemon_threads = True
    block_on_close = False


class _Quiet(MotoRequestHandler):  # type: ignore[misc]
    """Says nothing of requests, and keeps connections open, as S3 does."""

    protocol_version = "HTTP/1.1"

    def log(self, type: str, message: str, *args: Any) -> None:
        pass


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _refused(environ: dict[str, Any], start: Start, status: HTTPStatus, why: str) -> list[bytes]:
    """As the service says what is wrong that the client believes to talk to: in JSON, as S3 does ("REST error
    responses"), or by the query protocol.
    """
    if "HTTP_X_AMZ_TARGET" in environ:
        kind, body = (
            "application/x-amz-json-1.0",
            msgspec.json.encode({"__type": status.name, "message": why}),
        )
    else:
        error = f"<Error><Code>{status.name}</Code><Message>{escape(why)}</Message></Error>"
        is_query = environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded")
        kind = "application/xml"
        body = (f"<ErrorResponse>{error}</ErrorResponse>" if is_query else error).encode()
    headers = [("Content-Type", kind), ("Content-Length", str(len(body))), ("Connection", "close")]
    start(f"{status.value} {status.phrase}", headers)
    return [body]
