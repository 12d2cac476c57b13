"""The wind tunnel: runs any SAM template of S3, SQS, DynamoDB Streams and Lambda, with its real handlers, in virtual time.

template (SAM file -> resources) -> cloud (moto, deployed) -> kernel (clock, event loop, processes) driving services (Lambda, event
sources, S3 notifications) -> recorder (what happened) -> result files. Knows nothing of the application that it runs but what
[tool.harness] of pyproject.toml says.
"""
