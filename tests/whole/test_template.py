"""The template's promises that no run shows: what is stored is encrypted, and nobody comes without TLS."""

from typing import Any

import pytest

from harness.cloud import deployment, template
from tests import builders


@pytest.fixture(scope="module")
def resources() -> dict[str, Any]:
    return template.load(builders.PROJECT / "template.yaml", {}).document["Resources"]


def of_type(resources: dict[str, Any], kind: str) -> dict[str, Any]:
    return {name: resource["Properties"] for name, resource in resources.items() if resource["Type"] == kind}


def denies_without_tls(policy: dict[str, Any]) -> bool:
    statements = policy["PolicyDocument"]["Statement"]
    return any(
        statement["Effect"] == "Deny"
        and statement["Principal"] in ("*", {"AWS": "*"})
        and statement.get("Condition") == {"Bool": {"aws:SecureTransport": "false"}}
        for statement in statements
    )


def test_buckets_are_encrypted_private_and_for_tls_only(resources: dict[str, Any]) -> None:
    policies = of_type(resources, "AWS::S3::BucketPolicy").values()
    for name, bucket in of_type(resources, "AWS::S3::Bucket").items():
        assert bucket["BucketEncryption"]
        assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
        assert any(policy["Bucket"] == {"Ref": name} and denies_without_tls(policy) for policy in policies)


def test_what_lies_under_work_expires_and_so_do_its_earlier_versions(resources: dict[str, Any]) -> None:
    """Text layers of searchable PDFs hold values."""
    (bucket,) = of_type(resources, "AWS::S3::Bucket").values()
    rules = [one for one in bucket["LifecycleConfiguration"]["Rules"] if one.get("Prefix") == "work/"]
    assert {key for rule in rules for key in rule} >= {"ExpirationInDays", "NoncurrentVersionExpiration"}
    assert {rule["Status"] for rule in rules} == {"Enabled"}


def test_queues_are_encrypted_and_for_tls_only(resources: dict[str, Any]) -> None:
    queues = of_type(resources, "AWS::SQS::Queue")
    guarded = [
        queue["Ref"]
        for policy in of_type(resources, "AWS::SQS::QueuePolicy").values()
        if denies_without_tls(policy)
        for queue in policy["Queues"]
    ]
    assert sorted(guarded) == sorted(queues)
    assert all(queue["SqsManagedSseEnabled"] is True or queue["KmsMasterKeyId"] for queue in queues.values())


@pytest.mark.parametrize(("mode", "seconds", "at_once"), [("none", 120, 10), ("redacted", 600, 1)])
def test_an_aggregator_that_makes_pdfs_has_its_time_for_one(mode: str, seconds: int, at_once: int) -> None:
    parameters = {"PdfMode": mode, "AggregatorTimeout": "600"}
    loaded = template.load(builders.PROJECT / "template.yaml", parameters)
    with deployment.deployed(loaded, seed=0) as cloud:
        assert cloud.system.functions["AggregatorFunction"].timeout_seconds == seconds
        assert [source.batch_size for source in cloud.system.stream_sources] == [at_once]


def test_the_table_is_encrypted_and_forgets(resources: dict[str, Any]) -> None:
    for table in of_type(resources, "AWS::DynamoDB::Table").values():
        assert table["SSESpecification"]["SSEEnabled"] is True
        assert table["TimeToLiveSpecification"] == {"AttributeName": "expiresAt", "Enabled": True}
