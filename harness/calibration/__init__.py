"""What AWS's own logs say of a real run, and what a projection should have known."""
