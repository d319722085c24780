"""The presets, weights and devices of this worker, for the menus of a panel."""

from __future__ import annotations

from contextlib import suppress

from stcn_plugin.bridge.description import Choice, Description
from stcn_plugin.errors import DeviceError, PresetError


def describe() -> Description:
    """Return the presets, weights and devices; the first of each is the default.

    Raises:
        STCNError: They cannot be listed.
    """
    from stcn_plugin.presets.library import list_presets
    from stcn_plugin.presets.resolve import load_preset
    from stcn_plugin.studio.lookup import preset_search_path, weights_store
    from stcn_plugin.studio.plugins import studio_hooks

    studio = studio_hooks()
    folders = preset_search_path(studio)
    presets = [Choice(info.name, info.description) for info in list_presets(folders)]
    presets.sort(key=lambda choice: choice.name != "default")
    weights = (
        Choice(entry.name, f"{entry.variant or 'unreadable'}, {entry.licence}")
        for entry in weights_store(studio).entries()
    )
    preset_weights = {}
    for preset in presets:
        with suppress(PresetError):  # an invalid preset is listed with its problem
            preset_weights[preset.name] = load_preset(preset.name, search_path=folders).weights
    devices = (Choice("auto", "the fastest available"), *_devices())
    return Description(tuple(presets), tuple(weights), devices, preset_weights)


def _devices() -> list[Choice]:
    import torch

    from stcn_plugin.network.devices import available_devices, choose_device

    found = []
    for name in available_devices():
        try:
            device = choose_device(name)
        except DeviceError:
            continue
        label = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
        found.append(Choice(name, label if device.type != "mps" else "Apple GPU"))
    return found
