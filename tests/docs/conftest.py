"""The clip of drifting discs, for the example host."""

from job.conftest import clip, plates  # noqa: F401 - fixtures
