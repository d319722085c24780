"""What this worker offers, for a panel's menus."""

from __future__ import annotations

from stcn_plugin.bridge.job import Choice, Description
from stcn_plugin.errors import DeviceError


def describe() -> Description:
    """Return presets, weights and devices; the first of each is what a job takes by default.

    Raises:
        STCNError: They cannot be listed.
    """
    from stcn_plugin.presets.library import list_presets
    from stcn_plugin.studio.plugins import studio_hooks
    from stcn_plugin.studio.presets import preset_search_path
    from stcn_plugin.studio.weights import weights_store

    studio = studio_hooks()
    presets = [Choice(info.name, info.description) for info in list_presets(preset_search_path(studio))]
    presets.sort(key=lambda choice: choice.name != "default")
    weights = (
        Choice(entry.name, f"{entry.variant or 'unreadable'}, {entry.licence}")
        for entry in weights_store(studio).entries()
    )
    return Description(tuple(presets), tuple(weights), (Choice("auto", "the fastest available"), *_devices()))


def _devices() -> list[Choice]:
    import torch

    from stcn_plugin.network.devices import available_devices, choose_device

    found = []
    for name in available_devices():
        try:
            device = choose_device(name)
        except DeviceError:
            continue
        label = torch.cuda.get_device_name(device) if device.type == "cuda" else "processor"
        found.append(Choice(name, label if device.type != "mps" else "Apple GPU"))
    return found
