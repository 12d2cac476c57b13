"""How requests name what they are about."""

from urllib.parse import unquote, urlsplit


def bucket_and_key(url: str) -> tuple[str, str]:
    """(bucket, key) of an S3 request's URL, whose host begins with the bucket; "" for what it does not
    name.
    """
    parts = urlsplit(url)
    bucket, virtual_hosted, _ = parts.netloc.partition(".s3.")
    return bucket if virtual_hosted else "", unquote(parts.path.lstrip("/"))
