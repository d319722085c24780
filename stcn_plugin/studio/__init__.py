"""Studio plugins: how a studio extends the pipeline, and the built-in ways as a plugin of the same interface.

Every hook is documented in ``hosts/HOOKS.md``; ``examples/sample_plugin`` is a plugin in full. What a plugin needs, and what
a program needs that runs shots with plugins, is here::

    from stcn_plugin import load_shot, propagate
    from stcn_plugin.studio import preset_search_path, studio_hooks

    studio = studio_hooks()
    propagate(load_shot("sh010.yaml", search_path=preset_search_path(studio)), studio=studio)
"""

from stcn_plugin.bridge.plugins import hookimpl
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
