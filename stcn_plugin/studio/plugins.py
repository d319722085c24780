"""Which plugins extend the pipeline."""

from __future__ import annotations

from collections.abc import Sequence

from stcn_plugin.bridge.plugins import Hooks, studio_plugins
from stcn_plugin.studio.builtin import NAME, BuiltIn
from stcn_plugin.studio.hooks import StudioHooks


def studio_hooks(named: Sequence[str] = ()) -> Hooks:
    """Load the studio's plugins: those named here come first, then ``STCN_PLUGINS``, installed ones, and the built-in.

    Args:
        named: Modules, files or folders.

    Raises:
        PluginError: One cannot be found, fails while it loads, or has a hook that does not exist.
    """
    return Hooks(StudioHooks, [(NAME, BuiltIn()), *studio_plugins(named)])


def builtin_hooks() -> Hooks:
    """Return the built-in plugin alone, for who wants no other."""
    return Hooks(StudioHooks, [(NAME, BuiltIn())])
