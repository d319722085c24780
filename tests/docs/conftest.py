"""The clip of drifting discs, for the example host."""

from shot.conftest import clip, plates  # noqa: F401 - fixtures
