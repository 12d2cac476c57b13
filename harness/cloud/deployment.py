"""moto, with a template deployed into it: the state of S3, SQS, DynamoDB and IAM, without behaviour over
time.

CloudFormation in moto creates the resources; what it skips (bucket notifications, event source mappings,
policies of queues) the harness's own services take from the translated template. Dummy credentials are given
here; nothing of AWS is ever contacted.
"""

import io
import json
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from functools import cache
from pathlib import Path
from typing import Any, Literal

import boto3
import botocore.loaders
import botocore.session
import msgspec
from boto3.dynamodb.types import TypeDeserializer
from botocore.config import Config
from moto import mock_aws
from moto.dynamodb.models import dynamodb_backends
from moto.moto_api._internal import mock_random
from moto.s3.models import s3_backends
from moto.sqs.models import sqs_backends

from harness.cloud import botocore_patches, configurations, moto_mended, moto_patches, scope
from harness.cloud.item_size import item_bytes
from harness.cloud.moto_imports import cloudformation, cloudformation_parsing
from harness.cloud.system import DESCRIBED, System, describe
from harness.cloud.template import Template
from harness.engine import clock
from harness.errors import UsageError
from harness.region import REGION

ACCOUNT = "123456789012"
STACK = "system"

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7WINDTUN",
    "AWS_SECRET_ACCESS_KEY": "no-secret-the-cloud-is-in-this-process",
    "AWS_SESSION_TOKEN": "none",
    "AWS_DEFAULT_REGION": REGION,
    "AWS_REGION": REGION,
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_ACCOUNT_ID_ENDPOINT_MODE": "disabled",  # account-based endpoints are hosts that moto does not know
}
"""Environment of every function and of the harness's own clients: dummy credentials, and no way to find real
ones.
"""

_CREATED_ELSEWHERE = (
    "AWS::Lambda::EventSourceMapping",  # moto would invoke functions in containers of its own
    "AWS::Lambda::Permission",
    "AWS::SQS::QueuePolicy",
    "AWS::S3::BucketPolicy",
)


class Holding(msgspec.Struct, frozen=True):
    """What lies in a table, or in a bucket under one storage class; `is_earlier`: versions that others have
    replaced. `resource`: logical id.
    """

    kind: Literal["table", "bucket"]
    resource: str
    size_bytes: int
    count: int
    storage_class: str = "STANDARD"
    is_earlier: bool = False


class Cloud:
    """The deployed system: its description, clients for the harness's own calls, and moto's view of the
    queues and tables.
    """

    def __init__(self, template: Template, keeps_versions: bool = True) -> None:
        self._session = _session()
        self.sqs: Any = self.client("sqs")
        self.s3: Any = self.client("s3")
        self.system: System = self._deploy(template, keeps_versions)
        self.queues = {arn: self.moto_queue(arn) for arn in self.system.queues.values()}

    def client(self, service: str) -> Any:
        make: Any = self._session.client  # typed by the service's literal name, which is not known here
        return make(service, config=Config(retries={"max_attempts": 0}))

    def moto_queue(self, arn: str) -> Any:
        return sqs_backends[ACCOUNT][REGION].get_queue(arn.rpartition(":")[2])

    def moto_table(self, name: str) -> Any:
        return dynamodb_backends[ACCOUNT][REGION].get_table(name)

    def queue_url(self, arn: str) -> str:
        return f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{arn.rpartition(':')[2]}"

    def items(self, table: str) -> list[dict[str, object]]:
        """All items of a table, as plain values, read past the API."""
        load = TypeDeserializer().deserialize
        return [
            {name: load(value) for name, value in item.to_json()["Attributes"].items()}
            for item in self.moto_table(table).all_items()
        ]

    def holdings(self) -> Iterator[Holding]:
        """What is stored now."""
        for logical_id, name in self.system.tables.items():
            sizes = [item_bytes(item.to_json()["Attributes"]) for item in self.moto_table(name).all_items()]
            yield Holding("table", logical_id, sum(sizes), len(sizes))
        for logical_id, name in self.system.buckets.items():
            stored: dict[tuple[str, bool], list[int]] = {}
            keys = s3_backends[ACCOUNT]["aws"].buckets[name].keys
            for key in list(keys):
                current = keys.get(key)
                for version in keys.getlist(key):
                    if hasattr(version, "storage_class"):  # a delete marker has none
                        place = version.storage_class, version is not current
                        stored.setdefault(place, []).append(version.size)
            for (storage_class, is_earlier), sizes in sorted(stored.items()):
                yield Holding("bucket", logical_id, sum(sizes), len(sizes), storage_class, is_earlier)

    def stream_records(self, table: str) -> list[dict[str, Any]]:
        """All records of a table's stream since it was made; none for a table without one."""
        shard = self.moto_table(table).stream_shard
        return [entry.to_json() for entry in shard.items] if shard is not None else []

    def stored_object(self, bucket: str, key: str) -> Any:
        """moto's current object under a key, None where there is none."""
        return s3_backends[ACCOUNT]["aws"].buckets[bucket].keys.get(key)

    def bucket(self, logical_id: str) -> str:
        """The name of a bucket. Raises `UsageError` when the template makes none with these parameters."""
        if logical_id not in self.system.buckets:
            raise UsageError(f"the template makes no {logical_id} with these parameters: input has no place")
        return self.system.buckets[logical_id]

    def lay(self, bucket: str, key: str, content: bytes) -> None:
        """Puts an object where it lies from the beginning: no call, no event."""
        s3_backends[ACCOUNT]["aws"].put_object(bucket, key, content)

    def objects(self, bucket: str, prefix: str) -> Iterator[tuple[str, bytes]]:
        """(key, body) of the current objects of a bucket under a prefix, read past the API: for looking, not
        for acting.
        """
        for key, entry in s3_backends[ACCOUNT]["aws"].buckets[bucket].keys.items():
            if key.startswith(prefix):
                yield key, entry.value

    def _create(self, formation: Any, **stack: Any) -> None:
        """Raises `UsageError` when moto cannot create the stack."""
        try:
            formation.create_stack(**stack)
        except Exception as error:
            raise UsageError(
                f"the template cannot be deployed: {type(error).__name__}: {' '.join(str(error).split())}"
            ) from error

    def _deploy(self, template: Template, keeps_versions: bool) -> System:
        document = template.document
        resources = document["Resources"]
        kept = {
            key: value
            for key, value in resources.items()
            if value["Type"] not in _CREATED_ELSEWHERE and scope.is_deployed(value["Type"])
        }
        deployed = {
            **{key: value for key, value in document.items() if key != "Outputs"},
            "Resources": {key: _mended(value, kept) for key, value in kept.items()},
        }
        formation = self.client("cloudformation")
        with redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._create(
                formation,
                StackName=STACK,
                TemplateBody=json.dumps(deployed),
                Capabilities=["CAPABILITY_IAM"],
                Parameters=[
                    {"ParameterKey": name, "ParameterValue": value}
                    for name, value in template.parameters.items()
                ],
            )
            stack = cloudformation.cloudformation_backends[ACCOUNT][REGION].get_stack(STACK)
            conditions = stack.resource_map.lazy_condition_map
            resources = {
                key: value for key, value in resources.items() if conditions.get(value.get("Condition"), True)
            }
            described = {key: value for key, value in resources.items() if value["Type"] in DESCRIBED}
            resolved = {
                key: cloudformation_parsing.clean_json(value, stack.resource_map)
                for key, value in described.items()
            }
        physical = {
            logical_id: resource.physical_resource_id
            for logical_id, resource in stack.resource_map.items()
            if hasattr(resource, "physical_resource_id")
        }
        arns = {
            logical_id: stack.resource_map[logical_id].get_cfn_attribute("Arn")
            for logical_id, resource in resources.items()
            if resource["Type"] in ("AWS::Lambda::Function", "AWS::SQS::Queue", "AWS::IAM::Role")
        }
        configurations.check(resolved)
        for logical_id, resource in resolved.items():
            versioning = resource.get("Properties", {}).get("VersioningConfiguration")
            if resource["Type"] == "AWS::S3::Bucket" and versioning and keeps_versions:
                self.s3.put_bucket_versioning(Bucket=physical[logical_id], VersioningConfiguration=versioning)
        return describe(template, resolved, physical, arns)


class _SharedLoader(botocore.loaders.Loader):
    """Parses each service model once for all sessions. Every boto3 session would add its data folder again:
    it is in already.
    """

    @property
    def search_paths(self) -> list[str]:
        return [str(Path(boto3.__file__).parent / "data"), self.BUILTIN_DATA_PATH]


@cache
def _shared_loader() -> botocore.loaders.Loader:
    return _SharedLoader()


def _session() -> boto3.Session:
    return boto3.Session(
        aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        region_name=REGION,
    )


def described(template: Template) -> System:
    """The system that a template makes up. The same template gives the same one: names that hold the moment
    of their making hold that of a run's beginning.
    """
    with clock.still(), deployed(template, 0) as cloud:
        return cloud.system


@contextmanager
def deployed(template: Template, seed: int, keeps_versions: bool = True) -> Iterator[Cloud]:
    """A fresh cloud with the template in it, gone when the context ends; identifiers are drawn from
    `seed`. keeps_versions: buckets have versions if the template says so; else none has.
    """
    kept = {name: os.environ.get(name) for name in CREDENTIALS}
    os.environ.update(CREDENTIALS)
    create_loader = botocore.session.create_loader
    try:
        with (
            moto_patches.applied(),
            moto_mended.applied(),
            botocore_patches.applied(),
            mock_aws(config={"core": {"mock_credentials": False}}),
        ):
            botocore.session.create_loader = lambda *_: _shared_loader()
            mock_random.seed(seed)
            yield Cloud(template, keeps_versions)
    finally:
        botocore.session.create_loader = create_loader
        for name, value in kept.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _mended(resource: dict[str, Any], kept: dict[str, Any]) -> dict[str, Any]:
    """A resource as moto can create it: no dependencies on what is not deployed, no notifications (they are
    emulated).
    """
    mended: dict[str, Any] = json.loads(json.dumps(resource))
    depends = mended.pop("DependsOn", [])
    depends = [depends] if isinstance(depends, str) else depends
    if remaining := [name for name in depends if name in kept]:
        mended["DependsOn"] = remaining
    if resource["Type"] == "AWS::S3::Bucket":
        mended.get("Properties", {}).pop("NotificationConfiguration", None)
    return mended
