"""The engine that stays loaded between jobs."""

from __future__ import annotations

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

        from stcn_plugin.network.store import WeightsStore
        from stcn_plugin.shot.propagate import load_engine

        path = WeightsStore().path(settings.weights)
        stat, compute = path.stat(), settings.compute
        key = str(path), stat.st_mtime_ns, stat.st_size, compute.device, compute.precision, compute.threads
        if self._engine is None or key != self._key:
            self._threads = self._threads or torch.get_num_threads()
            torch.set_num_threads(self._threads)  # "auto" means torch's own choice, not that of the last job
            self._engine = None  # before the next is loaded: two would need twice the memory
            self._engine, self._key = load_engine(settings), key
        return self._engine
