"""Mattes through the plugins' hands."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from stcn_plugin.bridge.hooks import Hooks
from stcn_plugin.studio.answers import kind, nonsense

Matte = NDArray[np.float32]

_HOOK = "stcn_process_mattes"
_ROUNDING = 1e-4
"""How far beyond 0 and 1 a filter may come by rounding."""


def process_mattes(hooks: Hooks, frame: int, mattes: Mapping[str, Matte]) -> Mapping[str, Matte]:
    """Let every plugin change a frame's mattes, each given what the one before gave.

    Args:
        hooks: The plugins.
        frame: Frame number.
        mattes: Object name to ``(H, W)`` float32 in 0-1.

    Returns:
        The mattes to write, at most 1 in sum; the very mapping given where no plugin changed anything.

    Raises:
        PluginError: A plugin raised, or gave what are no mattes of this frame; names it.
    """
    current = {name: _read_only(matte) for name, matte in mattes.items()}
    changed = False
    # Plugins are called one at a time as the answers are taken, so each sees those before it through this mapping.
    for plugin, answer in hooks.results(_HOOK, frame=frame, mattes=MappingProxyType(current)):
        if not isinstance(answer, Mapping):
            raise nonsense(plugin, _HOOK, f"{kind(answer)} for frame {frame}, not mattes by object name")
        for name, matte in answer.items():
            if name not in current:
                raise nonsense(plugin, _HOOK, f"a matte of '{name}' for frame {frame}; it has {', '.join(current)}")
            current[name] = _read_only(_checked(matte, current[name], plugin, f"'{name}' for frame {frame}"))
            changed = True
    return _at_most_one(current) if changed else mattes


def _checked(matte: object, before: Matte, plugin: str, of: str) -> Matte:
    """Return a matte as float32 in 0-1."""
    if not isinstance(matte, np.ndarray):
        raise nonsense(plugin, _HOOK, f"{kind(matte)} as the matte of {of}, not an array")
    if matte.shape != before.shape:
        raise nonsense(plugin, _HOOK, f"a matte of {of} of shape {matte.shape}, not {before.shape}")
    if not np.issubdtype(matte.dtype, np.floating):
        raise nonsense(plugin, _HOOK, f"a matte of {of} in {matte.dtype}, not in float32")
    least, most = float(matte.min()), float(matte.max())
    if np.isnan(least) or np.isnan(most):
        raise nonsense(plugin, _HOOK, f"a matte of {of} with pixels that are no numbers")
    if least < -_ROUNDING or most > 1 + _ROUNDING:
        raise nonsense(plugin, _HOOK, f"a matte of {of} from {least:g} to {most:g}, not in 0-1")
    single: Matte = np.asarray(matte, np.float32)
    return single if least >= 0 and most <= 1 else np.clip(single, np.float32(0), np.float32(1))


def _at_most_one(mattes: Mapping[str, Matte]) -> Mapping[str, Matte]:
    """Scale objects that overlap to 1 in sum, as all mattes are."""
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
