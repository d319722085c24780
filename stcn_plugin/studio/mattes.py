"""Processing of mattes by plugins."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from stcn_plugin.bridge.hooks import Hooks
from stcn_plugin.studio.lookup import invalid_result, type_name

Matte = NDArray[np.float32]

_HOOK = "stcn_process_mattes"
_ROUNDING = 1e-4
"""Tolerance outside 0-1, for rounding."""


def process_mattes(hooks: Hooks, frame: int, mattes: Mapping[str, Matte]) -> Mapping[str, Matte]:
    """Call the plugins on the mattes of a frame, each with the result of the previous one.

    Args:
        hooks: The plugins.
        frame: Frame number.
        mattes: Object name to ``(H, W)`` float32 in 0-1.

    Returns:
        The mattes to write; their sum is at most 1. The given mapping if no plugin changed anything.

    Raises:
        PluginError: A plugin raised, or its result is not valid.
    """
    current = {name: _read_only(matte) for name, matte in mattes.items()}
    changed = False
    # Plugins are called one by one while iterating, so each sees the results of the previous ones in this mapping.
    for plugin, result in hooks.results(_HOOK, frame=frame, mattes=MappingProxyType(current)):
        if not isinstance(result, Mapping):
            raise invalid_result(plugin, _HOOK, f"{type_name(result)} for frame {frame}, not mattes by object name")
        for name, matte in result.items():
            if name not in current:
                raise invalid_result(
                    plugin, _HOOK, f"a matte of '{name}' for frame {frame}; it has {', '.join(current)}"
                )
            current[name] = _read_only(_checked(matte, current[name], plugin, f"'{name}' for frame {frame}"))
            changed = True
    return _limit_sum(current) if changed else mattes


def _checked(matte: object, before: Matte, plugin: str, which: str) -> Matte:
    """Return a matte as float32 in 0-1, after checking it."""
    if not isinstance(matte, np.ndarray):
        raise invalid_result(plugin, _HOOK, f"{type_name(matte)} as the matte of {which}, not an array")
    if matte.shape != before.shape:
        raise invalid_result(plugin, _HOOK, f"a matte of {which} of shape {matte.shape}, not {before.shape}")
    if not np.issubdtype(matte.dtype, np.floating):
        raise invalid_result(plugin, _HOOK, f"a matte of {which} as {matte.dtype}, not float32")
    least, most = float(matte.min()), float(matte.max())
    if np.isnan(least) or np.isnan(most):
        raise invalid_result(plugin, _HOOK, f"a matte of {which} with NaN pixels")
    if least < -_ROUNDING or most > 1 + _ROUNDING:
        raise invalid_result(plugin, _HOOK, f"a matte of {which} with values from {least:g} to {most:g}, not in 0-1")
    single: Matte = np.asarray(matte, np.float32)
    return single if least >= 0 and most <= 1 else np.clip(single, np.float32(0), np.float32(1))


def _limit_sum(mattes: Mapping[str, Matte]) -> Mapping[str, Matte]:
    """Scale overlapping objects to a sum of 1."""
    if len(mattes) == 1:
        return mattes
    total = np.add.reduce(list(mattes.values()))
    if total.max() <= 1:
        return mattes
    np.maximum(total, 1, out=total)
    return {name: matte / total for name, matte in mattes.items()}


def _read_only(matte: Matte) -> Matte:
    view: Matte = matte.view()
    view.flags.writeable = False
    return view
