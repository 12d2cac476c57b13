"""The region that is emulated: prices, limits and identifiers are those of us-east-1."""

REGION = "us-east-1"
