"""moto's backends, asked directly: botocore has said which service a request is for, and the request is taken
as it stands.
"""

import re
from functools import cache
from io import BytesIO
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

from botocore.awsrequest import AWSPreparedRequest
from moto.backends import get_backend
from moto.core import DEFAULT_ACCOUNT_ID
from moto.core.exceptions import HTTPException
from moto.core.models import botocore_stubber
from moto.core.request import (
    PRESERVED_HEADER_NAMES_ENVIRON_KEY,
    Request,
    environ_key_for_header,
    should_preserve_original_header_name,
)
from moto.dynamodb.models import dynamodb_backends
from moto.dynamodb.models.dynamo_type import DynamoType

from harness.cloud.throughput import Mode
from harness.region import REGION

DIRECT = frozenset({"dynamodb", "s3", "sqs"})
"""Services whose requests go straight to their backend; the others are few and take moto's own way."""


def answer(service: str, request: AWSPreparedRequest) -> tuple[int, Any, Any] | None:
    """moto's answer to a request (status, headers, body); None for one that goes to no host of AWS.

    moto tries the URL patterns of all its services for each request, and has werkzeug make up an HTTP request
    that it then parses.
    """
    parts = urlsplit(request.url)
    if service not in DIRECT or not parts.netloc.endswith(".amazonaws.com"):
        return botocore_stubber.process_request(request)  # type: ignore[no-any-return]
    url = f"{parts.scheme}://{parts.netloc}{parts.path}"
    for pattern, method in _routes(service):
        if pattern.match(url):
            normalized = Request(environ(request))
            try:
                return method(normalized, normalized.raw_url, normalized.headers)  # type: ignore[no-any-return]
            except HTTPException as error:
                return error.code, error.get_headers(), error.get_body()
    return botocore_stubber.process_request(request)  # type: ignore[no-any-return]


def stored_item(table: str, key: dict[str, Any]) -> dict[str, Any] | None:
    """The item that stands in a table under the key in an item, read past the API."""
    tables = dynamodb_backends[DEFAULT_ACCOUNT_ID][REGION].tables
    if table not in tables:
        return None
    found, names = tables[table], (tables[table].hash_key_attr, tables[table].range_key_attr)
    if any(name and name not in key for name in names):
        return None
    parts = [DynamoType(key[name]) if name else None for name in names]
    item = found.get_item(parts[0], parts[1])
    return item.to_json()["Attributes"] if item else None


def key_of(table: str, item: dict[str, Any]) -> str:
    """The key of an item of a table (or the key alone), its parts joined by "/"; "" where it has none."""
    tables = dynamodb_backends[DEFAULT_ACCOUNT_ID][REGION].tables
    if table not in tables:
        return ""
    names = [name for name in (tables[table].hash_key_attr, tables[table].range_key_attr) if name]
    values = [value for name in names for value in item.get(name, {}).values()]
    return "/".join(map(str, values)) if len(values) == len(names) else ""


def table_mode(table: str) -> Mode | None:
    """How the capacity of a table is set; None where there is no such table."""
    tables = dynamodb_backends[DEFAULT_ACCOUNT_ID][REGION].tables
    if table not in tables:
        return None
    found = tables[table]
    if found.billing_mode == "PAY_PER_REQUEST":
        return Mode(None, None, found.hash_key_attr)
    given = found.throughput
    return Mode(float(given["ReadCapacityUnits"]), float(given["WriteCapacityUnits"]), found.hash_key_attr)


def environ(request: AWSPreparedRequest) -> dict[str, Any]:
    """The WSGI environment of a request, as moto's `Request.from_primitives` has werkzeug build it (PEP
    3333).
    """
    parts = urlsplit(request.url)
    body: Any = request.body
    if hasattr(body, "read"):
        body = body.read()
    content = body.encode() if isinstance(body, str) else bytes(body or b"")
    path = parts.path or "/"
    raw = f"{path}?{parts.query}" if parts.query else path
    made: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path).decode("latin1"),
        "QUERY_STRING": parts.query,
        "REQUEST_URI": raw,
        "RAW_URI": raw,
        "SERVER_NAME": parts.hostname,
        "SERVER_PORT": str(parts.port or (443 if parts.scheme == "https" else 80)),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.url_scheme": parts.scheme,
        "wsgi.input": BytesIO(content),
        PRESERVED_HEADER_NAMES_ENVIRON_KEY: {},
    }
    for name, value in request.headers.items():
        if name.lower() == "transfer-encoding":
            continue
        made[environ_key_for_header(name)] = value.decode() if isinstance(value, bytes) else value
        if should_preserve_original_header_name(name):
            made[PRESERVED_HEADER_NAMES_ENVIRON_KEY][environ_key_for_header(name)] = name
    made["HTTP_HOST"] = parts.netloc
    made["CONTENT_LENGTH"] = str(len(content))
    return made


@cache
def _routes(service: str) -> list[tuple[re.Pattern[str], Any]]:
    backends: Any = get_backend(service)
    regions = backends[DEFAULT_ACCOUNT_ID]
    backend = regions["us-east-1"] if "us-east-1" in regions else regions["aws"]
    return [(re.compile(url), method) for url, method in backend.urls.items()]
