"""A cache for the engine, which survives between jobs."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, final

if TYPE_CHECKING:
    from stcn_plugin.network.engine import Engine
    from stcn_plugin.presets.model import Preset

_Key = tuple[str, int, int, str, str, object]


@final
class Engines:
    """Caches the engine of the last job, because artists change settings far more often than weights."""

    def __init__(self) -> None:
        self._key: _Key | None = None
        self._engine: Engine | None = None
        self._threads: int | None = None

    def __call__(self, settings: Preset) -> Engine:
        """Return the engine for settings. It is loaded again only if weights, device, precision or threads differ.

        Raises:
            WeightsError: The weights cannot be found or read.
            DeviceError: The device is not available.
        """
        import torch

        from stcn_plugin.job.propagate import load_engine_for
        from stcn_plugin.network.devices import release_memory
        from stcn_plugin.weights.store import WeightsStore

        path = WeightsStore().path(settings.weights)
        stat, compute = path.stat(), settings.compute
        key = str(path), stat.st_mtime_ns, stat.st_size, compute.device, compute.precision, compute.threads
        if self._engine is None or key != self._key:
            self._threads = self._threads or torch.get_num_threads()
            torch.set_num_threads(self._threads)  # "auto" is torch's default, not the number of the last job
            if self._engine is not None:  # released first, because two engines would need twice the memory
                self._engine = None
                gc.collect()  # graphs of a traced network have reference cycles
                release_memory()
            self._engine, self._key = load_engine_for(settings), key
        return self._engine

    def release(self) -> None:
        """Release cached device memory. Call it after a job and its error are gone, because an error keeps its tensors."""
        if self._threads is not None:  # otherwise no job has loaded torch, which takes seconds
            from stcn_plugin.network.devices import release_memory

            release_memory()
