"""Studio plugins: how a studio extends the worker. The built-in behaviour is a plugin of the same interface.

``docs/how-to/studio-plugins.md`` shows how to write one, ``docs/reference/hooks.md`` lists every hook, and
``examples/sample_plugin`` is a complete plugin. This module exports what plugins need, and what programs need that run shots
with plugins::

    from stcn_plugin import load_shot, propagate
    from stcn_plugin.studio import preset_search_path, studio_hooks

    studio = studio_hooks()
    propagate(load_shot("sh010.yaml", search_path=preset_search_path(studio)), studio=studio)
"""

from stcn_plugin.bridge.hooks import hookimpl
from stcn_plugin.media.plate_files import PlateFiles, PlatePicture
from stcn_plugin.media.window import FrameHeader, Window
from stcn_plugin.studio.hooks import StudioHooks
from stcn_plugin.studio.plugins import builtin_hooks, studio_hooks
from stcn_plugin.studio.presets import preset_search_path
from stcn_plugin.studio.weights import weights_store

__all__ = [
    "FrameHeader",
    "PlateFiles",
    "PlatePicture",
    "StudioHooks",
    "Window",
    "builtin_hooks",
    "hookimpl",
    "preset_search_path",
    "studio_hooks",
    "weights_store",
]
