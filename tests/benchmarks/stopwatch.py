"""The seconds of each stage of a job, measured by wrapping parts of the library."""

from __future__ import annotations

import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Literal
from unittest import mock

import torch
from benchmarks.timings import synchronise
from torch import Tensor

from stcn_plugin.media.oiio_plates import OpenImageIOPlates
from stcn_plugin.memory.bank import MemoryBank
from stcn_plugin.network.stcn import KeyFeatures
from stcn_plugin.propagation.aggregation import aggregate

Stage = Literal["read", "encode key", "encode value", "memory read", "memory add", "share", "decode", "aggregate"]


@dataclass(frozen=True)
class Work:
    """The work of one call.

    Args:
        stage: Name of the stage.
        objects: Number of objects in the call.
        height: Height of the stride-16 features.
        width: Width of the stride-16 features.
        elements: Memory elements in the comparison; 0 outside the memory read.
    """

    stage: Stage
    objects: int
    height: int
    width: int
    elements: int = 0


@dataclass
class Stopwatch:
    """Sums of seconds, calls and work by stage. Thread-safe.

    Args:
        device: Synchronised before and after every measurement, so that work is attributed to the right stage.
    """

    device: torch.device
    seconds: dict[Stage, float] = field(default_factory=lambda: defaultdict(float))
    work: Counter[Work] = field(default_factory=Counter)
    _lock: Lock = field(default_factory=Lock)

    @contextmanager
    def measuring(self, stage: Stage) -> Iterator[None]:
        """Add the time of the context to a stage."""
        if stage != "read":  # runs on another thread, without the device
            synchronise(self.device)
        started = time.perf_counter()
        yield
        if stage != "read":
            synchronise(self.device)
        seconds = time.perf_counter() - started
        with self._lock:
            self.seconds[stage] += seconds

    @property
    def decoded(self) -> float:
        """The decoded fraction of all objects' whole images."""
        area: Counter[Stage] = Counter()
        for work, count in self.work.items():
            area[work.stage] += count * work.objects * work.height * work.width
        return area["decode"] / area["memory read"] if area["memory read"] else 0.0


class TimedEngine:
    """An engine that measures its calls; all other attributes are those of the engine."""

    def __init__(self, engine: Any, stopwatch: Stopwatch) -> None:
        self._engine = engine
        self._stopwatch = stopwatch

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def encode_key(self, image: Tensor, *more: Any, **named: Any) -> Any:
        height, width = image.shape[-2] // 16, image.shape[-1] // 16
        self._stopwatch.work[Work("encode key", 1, height, width)] += 1
        with self._stopwatch.measuring("encode key"):
            return self._engine.encode_key(image, *more, **named)

    def encode_value(
        self, image: Tensor, features: KeyFeatures, probabilities: Tensor, *more: Any, **named: Any
    ) -> Any:
        height, width = image.shape[-2] // 16, image.shape[-1] // 16
        self._stopwatch.work[Work("encode value", probabilities.shape[0], height, width)] += 1
        with self._stopwatch.measuring("encode value"):
            return self._engine.encode_value(image, features, probabilities, *more, **named)

    def decoder_context(self, features: KeyFeatures) -> Any:
        self._stopwatch.work[Work("share", 1, *features.f16.shape[-2:])] += 1
        with self._stopwatch.measuring("share"):
            return self._engine.decoder_context(features)

    def decode(self, readout: Tensor, *more: Any, **named: Any) -> Any:
        self._stopwatch.work[Work("decode", readout.shape[0], *readout.shape[-2:])] += 1
        with self._stopwatch.measuring("decode"):
            return self._engine.decode(readout, *more, **named)


@contextmanager
def watching(stopwatch: Stopwatch) -> Iterator[None]:
    """Measure memory, aggregation and file reading while the context lasts; `TimedEngine` measures the engine."""
    read, add, picture = MemoryBank.read, MemoryBank.add, OpenImageIOPlates.picture

    def timed_read(bank: MemoryBank, query_key: Tensor, *more: Any, **named: Any) -> Any:
        height, width = query_key.shape[-2:]
        with stopwatch.measuring("memory read"):
            readout: Any = read(bank, query_key, *more, **named)
        objects = (readout[0] if isinstance(readout, tuple) else readout).shape[0]
        stopwatch.work[Work("memory read", objects, height, width, bank.elements)] += 1
        return readout

    def timed_add(bank: MemoryBank, *all_of_it: Any, **named: Any) -> Any:
        with stopwatch.measuring("memory add"):
            return add(bank, *all_of_it, **named)

    def timed_picture(plates: OpenImageIOPlates, *all_of_it: Any, **named: Any) -> Any:
        with stopwatch.measuring("read"):
            return picture(plates, *all_of_it, **named)

    def timed_aggregate(probabilities: Tensor) -> Tensor:
        with stopwatch.measuring("aggregate"):
            return aggregate(probabilities)

    with ExitStack() as stack:
        stack.enter_context(mock.patch.object(MemoryBank, "read", timed_read))
        stack.enter_context(mock.patch.object(MemoryBank, "add", timed_add))
        stack.enter_context(mock.patch.object(OpenImageIOPlates, "picture", timed_picture))
        for module in _modules_that_have("aggregate", aggregate):
            stack.enter_context(mock.patch.object(module, "aggregate", timed_aggregate))
        yield


def _modules_that_have(name: str, function: Callable[..., Any]) -> list[Any]:
    """Return the library's modules that have imported a function by name."""
    modules = [module for path, module in sys.modules.items() if path.startswith("stcn_plugin.")]
    return [module for module in modules if vars(module).get(name) is function]
