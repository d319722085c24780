"""Fixtures of the tests of shot files."""

from config.conftest import write  # noqa: F401 - a fixture
