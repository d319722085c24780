"""The network that stays loaded between jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

if TYPE_CHECKING:
    from stcn_plugin.network.stcn import STCN
    from stcn_plugin.presets.model import Preset

_Key = tuple[str, int, int, str, object]


@final
class Networks:
    """Keeps the network of the last job: artists change settings far more often than weights."""

    def __init__(self) -> None:
        self._key: _Key | None = None
        self._network: STCN | None = None
        self._threads: int | None = None

    def __call__(self, settings: Preset) -> STCN:
        """Return the network for settings, loaded anew only for other weights, another device or other threads.

        Raises:
            WeightsError: The weights are not to be had.
            DeviceError: The device is not there.
        """
        import torch

        from stcn_plugin.network.store import WeightsStore
        from stcn_plugin.shot.propagate import load_network

        path = WeightsStore().path(settings.weights)
        stat = path.stat()
        key = str(path), stat.st_mtime_ns, stat.st_size, settings.compute.device, settings.compute.threads
        if self._network is None or key != self._key:
            self._threads = self._threads or torch.get_num_threads()
            torch.set_num_threads(self._threads)  # "auto" means torch's own choice, not that of the last job
            self._network = None  # before the next is loaded: two would need twice the memory
            self._network, self._key = load_network(settings), key
        return self._network
