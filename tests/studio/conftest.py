"""Hooks from functions, and the clip of drifting discs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from job.conftest import clip, engine, plates  # noqa: F401 - fixtures

from stcn_plugin.bridge.hooks import Hooks
from stcn_plugin.studio import StudioHooks, hookimpl
from stcn_plugin.studio.builtin import NAME, BuiltIn

SAMPLE = Path(__file__).parents[2] / "examples" / "sample_plugin"


@pytest.fixture
def hooks() -> Callable[..., Hooks]:
    """Build hooks from one dict of functions per plugin; the plugins are named p0, p1 ... in the order of loading."""

    def build(*plugins: dict[str, Callable[..., object]]) -> Hooks:
        named = [
            (f"p{number}", SimpleNamespace(**{hook: hookimpl(function) for hook, function in plugin.items()}))
            for number, plugin in enumerate(plugins)
        ]
        return Hooks(StudioHooks, [(NAME, BuiltIn()), *named])

    return build
