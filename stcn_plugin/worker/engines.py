"""The engine that stays loaded between jobs."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, final

if TYPE_CHECKING:
    from stcn_plugin.network.engine import Engine
    from stcn_plugin.presets.model import Preset

_Key = tuple[str, int, int, str, str, object]


@final
class Engines:
    """Keeps the engine of the last job: artists change settings far more often than weights."""

    def __init__(self) -> None:
        self._key: _Key | None = None
        self._engine: Engine | None = None
        self._threads: int | None = None

    def __call__(self, settings: Preset) -> Engine:
        """Return the engine for settings, loaded anew only for other weights, another device or other threads.

        Raises:
            WeightsError: The weights are not to be had.
            DeviceError: The device is not there.
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
            torch.set_num_threads(self._threads)  # "auto" means torch's own choice, not that of the last job
            if self._engine is not None:  # before the next is loaded: two would need twice the memory
                self._engine = None
                gc.collect()  # graphs of a traced network refer to themselves
                release_memory()
            self._engine, self._key = load_engine_for(settings), key
        return self._engine

    def release(self) -> None:
        """Give back to the host's machine what a job computed with, which lives as long as its error does."""
        if self._has_torch:
            from stcn_plugin.network.devices import release_memory

            release_memory()

    @property
    def _has_torch(self) -> bool:
        """Whether a job has come as far as to need torch, which takes seconds to load."""
        return self._threads is not None
