"""Prices orders and writes receipts: a toy, but deployed and run like any system."""
