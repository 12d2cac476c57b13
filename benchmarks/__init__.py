"""pytest-benchmark suites: `make bench` runs them all."""
