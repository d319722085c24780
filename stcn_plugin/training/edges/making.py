"""Making the scenes of a run in processes of their own, while the run goes on."""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import torch

from stcn_plugin.bridge.signals import STOP_SIGNALS
from stcn_plugin.errors import TrainingError
from stcn_plugin.training.edges.config import EdgeTrainingConfig
from stcn_plugin.training.edges.library import Library
from stcn_plugin.training.edges.pool import SceneMaker, scene_file
from stcn_plugin.weights.loading import load_engine
from stcn_plugin.weights.store import WeightsStore

_FEWEST = 16
"""Scenes that training starts with."""

_SECONDS_BETWEEN_LOOKS = 0.2


class Scenes:
    """The scenes of a run, some of which may still be in the making.

    Args:
        config: The configuration.
        pending: The scenes that are being made.
    """

    def __init__(self, config: EdgeTrainingConfig, pending: list[Future[None]]) -> None:
        self._config = config
        self._pending = pending

    def files(self, *, held_out: bool = False) -> list[Path]:
        """Return the files of the scenes that are complete, in order.

        Raises:
            STCNError: A scene could not be made.
        """
        try:
            for future in [each for each in self._pending if each.done()]:
                self._pending.remove(future)
                future.result()
        except BrokenProcessPool as error:
            fix = "If memory ran out, lower compute.workers or scenes.largest"
            raise TrainingError("a process that makes scenes died", fix=fix) from error
        config = self._config
        count = config.validation.scenes if held_out else config.scenes.count
        files = [scene_file(config, number, held_out=held_out) for number in range(count)]
        return [file for file in files if file.exists()]

    def wait(self, is_stopped: Callable[[], bool]) -> bool:
        """Wait until there are enough scenes to start with; return false if stopped.

        Raises:
            STCNError: A scene could not be made.
        """
        config = self._config
        fewest = min(_FEWEST, config.scenes.count)
        while len(self.files(held_out=True)) < config.validation.scenes or len(self.files()) < fewest:
            if is_stopped():
                return False
            time.sleep(_SECONDS_BETWEEN_LOOKS)
        return True


@contextmanager
def scenes_in_the_making(config: EdgeTrainingConfig, store: WeightsStore) -> Iterator[Scenes]:
    """Make the scenes that do not exist yet: the held-out ones first. Leaving the context stops after those begun.

    Args:
        config: The configuration. Without ``compute.workers``, this process makes all scenes first.
        store: Store of the weights of the propagation.

    Raises:
        STCNError: A scene could not be made.
    """
    jobs = [(number, True) for number in range(config.validation.scenes)]
    jobs += [(number, False) for number in range(config.scenes.count)]
    jobs = [
        (number, held_out) for number, held_out in jobs if not scene_file(config, number, held_out=held_out).exists()
    ]
    weights = str(store.path(config.scenes.weights)) if jobs else ""
    if not config.compute.workers or not jobs:
        for number, held_out in jobs:
            _make(config.model_dump_json(), weights, number, held_out)
        yield Scenes(config, [])
        return
    # A forked child may hang if threads are running in the parent.
    context = multiprocessing.get_context("spawn")
    executor = ProcessPoolExecutor(config.compute.workers, context, initializer=_init_worker)
    try:
        yield Scenes(config, [executor.submit(_make, config.model_dump_json(), weights, *job) for job in jobs])
    finally:
        executor.shutdown(cancel_futures=True)


def _init_worker() -> None:
    """Use one thread, and leave signals to the main process."""
    torch.set_num_threads(1)
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def _make(config: str, weights: str, number: int, held_out: bool) -> None:
    _maker(config, weights, held_out).make(number)


@lru_cache(2)
def _maker(config: str, weights: str, held_out: bool) -> SceneMaker:
    settings = EdgeTrainingConfig.model_validate_json(config)
    engine = load_engine(weights, device="cpu", precision=settings.compute.precision)
    return SceneMaker(settings, Library(settings.data, held_out=held_out), engine, held_out=held_out)
