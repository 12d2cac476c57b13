"""Requests of AWS clients over HTTP: which operation of which service each is, and what moto's own server
answers.

The server is moto's WSGI application (`python -m moto.server` runs the same), called in the thread of the
event loop and at a moment of virtual time. For the wire a request is made to look as an SDK in this process
sends it.
"""

from collections.abc import Callable
from functools import cache
from io import BytesIO
from typing import Any
from urllib.parse import quote

import msgspec
from botocore.awsrequest import AWSPreparedRequest
from botocore.compat import HTTPHeaders
from moto.core.request import Request
from moto.core.routing import get_service_router
from moto.moto_api._internal import mock_random
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.exceptions import HTTPException
from werkzeug.test import run_wsgi_app

from harness.cloud.deployment import ACCOUNT
from harness.region import REGION

TARGETS = {
    "AmazonSQS": ("sqs", "sqs"),
    "DynamoDB_20120810": ("dynamodb", "dynamodb"),
    "DynamoDBStreams_20120810": ("dynamodb", "dynamodb-streams"),
}
"""What X-Amz-Target begins with: -> (name in signatures, name on the wire)."""
LOOKING = ("Get", "Head", "List", "Describe", "Query", "Scan", "BatchGet", "TransactGet")
"""How names of operations begin that change nothing."""
VIRTUAL_HOSTED = ".localhost"
"""What follows a bucket in the name of a host, where a client puts it there."""
LONGEST_WAIT_SECONDS = 60
"""That the SDKs wait for an answer, when they are told nothing else."""
_KEPT = ("HTTP_", "CONTENT_", "moto.")
_SIGNATURES = ("HTTP_AUTHORIZATION", "HTTP_COOKIE", "HTTP_X_AMZ_SECURITY_TOKEN")


class NotServed(Exception):
    """A request that nothing here stands for; the message says what to do."""


class Outside(msgspec.Struct, frozen=True):
    """A request as it came, without its signature, which nobody checks. service, operation: as the wire names
    them; headers: of its WSGI environment (PEP 3333).
    """

    service: str
    operation: str
    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes = b""

    @property
    def only_looks(self) -> bool:
        return self.operation.startswith(LOOKING)


class Answer(msgspec.Struct, frozen=True):
    status: int
    headers: list[tuple[str, str]]
    body: bytes


def parse(environ: dict[str, Any], body: bytes) -> Outside:
    """Raises `NotServed`."""
    bucket, is_in_host, host = environ.get("HTTP_HOST", "").partition(VIRTUAL_HOSTED)
    if is_in_host:
        path = environ["PATH_INFO"]
        environ = {**environ, "HTTP_HOST": f"localhost{host}", "PATH_INFO": f"/{bucket}{path}"}
        environ.pop("RAW_URI", None)
        environ.pop("REQUEST_URI", None)
    headers = {
        name: value
        for name, value in environ.items()
        if name.startswith(_KEPT) and name not in _SIGNATURES and isinstance(value, str)
    }
    path = environ["PATH_INFO"].encode("latin1").decode("utf-8", "replace")
    service, operation = _named(environ, body)
    return Outside(
        service, operation, environ["REQUEST_METHOD"], path, environ.get("QUERY_STRING", ""), headers, body
    )


def put(bucket: str, key: str, body: bytes) -> Outside:
    """An upload that somebody makes by the page or the folder."""
    return Outside("s3", "PutObject", "PUT", f"/{bucket}/{key}", "", {"HTTP_HOST": "localhost"}, body)


def send(queue_url: str, text: str) -> Outside:
    """A message that somebody sends by the page or the folder."""
    headers = {
        "HTTP_HOST": "localhost",
        "HTTP_X_AMZ_TARGET": "AmazonSQS.SendMessage",
        "CONTENT_TYPE": "application/x-amz-json-1.0",
    }
    body = msgspec.json.encode({"QueueUrl": queue_url, "MessageBody": text})
    return Outside("sqs", "SendMessage", "POST", "/", "", headers, body)


def prepared(request: Outside) -> AWSPreparedRequest:
    """The request as an SDK sends it to AWS."""
    query = f"?{request.query}" if request.query else ""
    if request.service == "s3":
        bucket, _, key = request.path.lstrip("/").partition("/")
        host = f"{bucket}.s3.amazonaws.com" if bucket else "s3.amazonaws.com"
        url = f"https://{host}/{quote(key, safe='/~')}{query}"
    else:
        url = f"https://{request.service}.{REGION}.amazonaws.com/"
    headers = HTTPHeaders()
    for name, value in request.headers.items():
        headers[name.removeprefix("HTTP_").replace("_", "-").title()] = value
    headers["Content-Length"] = str(len(request.body))
    made = AWSPreparedRequest(request.method, url, headers, request.body, False)
    made.context = {"read_timeout": LONGEST_WAIT_SECONDS}  # type: ignore[attr-defined]
    return made


def by_moto(request: Outside) -> Callable[[str, AWSPreparedRequest], tuple[int, Any, Any]]:
    """What moto's server answers to it, whatever the wire made of it."""

    def answer(service: str, _: AWSPreparedRequest) -> tuple[int, Any, Any]:
        made = answered(request)
        return made.status, dict(made.headers), made.body

    return answer


def answered(request: Outside) -> Answer:
    """What moto's server answers."""
    drawn = mock_random.getstate()  # moto numbers its answers, and looking must change nothing
    made, status, headers = run_wsgi_app(_application(), _environ(request))
    body = b"".join(made)
    if request.only_looks:
        mock_random.setstate(drawn)
    return Answer(int(status.partition(" ")[0]), list(headers), body)


def warm() -> None:
    """Loads now what the first request of a service would wait for."""
    probe = Outside("s3", "ListBuckets", "GET", "/", "", {"HTTP_HOST": "localhost"})
    answered(probe)
    get_service_router("s3").match(Request(_environ(probe)))


def _named(environ: dict[str, Any], body: bytes) -> tuple[str, str]:
    """(service, operation) as the wire names them."""
    prefix, _, operation = environ.get("HTTP_X_AMZ_TARGET", "").rpartition(".")
    if prefix in TARGETS:
        return TARGETS[prefix][1], operation
    service = _signed_for(environ)
    if prefix or service not in ("", "s3"):
        if service == "sqs" and b"Action=" in body:
            raise NotServed(
                "this client speaks the query protocol to SQS; take an SDK or CLI that speaks JSON, since "
                "November 2023"
            )
        raise NotServed(f"{service or prefix} is not served here: S3, SQS, DynamoDB and its streams are")
    try:
        return "s3", str(get_service_router("s3").match(Request(dict(environ)))[0].name)
    except (HTTPException, NotImplementedError):
        raise NotServed("S3 has no such operation") from None


def _signed_for(environ: dict[str, Any]) -> str:
    """The service in the signature's scope (AWS Signature Version 4:
    Credential=<key>/<date>/<region>/<service>); "" where it is not signed so.
    """
    scope = environ.get("HTTP_AUTHORIZATION", "").partition("Credential=")[2].partition(",")[0].split("/")
    return scope[3] if len(scope) == 5 else ""


def _environ(request: Outside) -> dict[str, Any]:
    service = next((name for name, wired in TARGETS.values() if wired == request.service), request.service)
    scope = f"none/20260101/{REGION}/{service}/aws4_request"
    raw = quote(request.path, safe="/~")
    raw = f"{raw}?{request.query}" if request.query else raw
    return {
        **request.headers,
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": request.path.encode().decode("latin1"),
        "QUERY_STRING": request.query,
        "REQUEST_URI": raw,
        "RAW_URI": raw,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "CONTENT_LENGTH": str(len(request.body)),
        "HTTP_AUTHORIZATION": f"AWS4-HMAC-SHA256 Credential={scope}, none",
        "HTTP_X_MOTO_ACCOUNT_ID": ACCOUNT,
        "wsgi.url_scheme": "http",
        "wsgi.input": BytesIO(request.body),
        "wsgi.errors": BytesIO(),
        "wsgi.version": (1, 0),
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }


@cache
def _application() -> Any:
    return DomainDispatcherApplication(create_backend_app)
