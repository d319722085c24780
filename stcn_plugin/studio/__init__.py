"""Studio plugins extend the worker. The built-in behaviour is a plugin with the same interface.

``docs/how-to/studio-plugins.md`` shows how to write one, ``docs/reference/hooks.md`` lists every hook, and
``examples/sample_plugin`` is a complete plugin. This module exports the API for plugins, and for programs that run shots
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
from stcn_plugin.studio.lookup import preset_search_path, weights_store
from stcn_plugin.studio.plugins import builtin_hooks, studio_hooks

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
