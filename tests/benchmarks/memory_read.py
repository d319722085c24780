"""The memory read alone: ours against a dense affinity, at several sizes of the memory."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from benchmarks.cases import Case, Workshop
from benchmarks.footage import Footage
from benchmarks.published import PublishedCode
from benchmarks.timings import Timing, synchronise
from torch import Tensor
from torch.nn import functional

from stcn_plugin.job.job import Job
from stcn_plugin.job.prepare import prepare
from stcn_plugin.job.run import propagation_settings
from stcn_plugin.memory.bank import MemoryBank
from stcn_plugin.network.variants import STRIDE

FRAMES = (1, 5, 10, 24, 50)
_SHARE = 0.3
"""Fraction of the machine's memory that a dense affinity may use; larger ones are skipped."""


class DenseBank(Protocol):
    """The interface of the published memory bank."""

    def add_memory(self, key: Tensor, value: Tensor) -> None: ...

    def match_memory(self, query_key: Tensor) -> Tensor: ...


@dataclass(frozen=True)
class ReadResult:
    """The result for one memory size.

    Args:
        case: The case with the keys and values.
        frames: Memory frames.
        elements: Memory elements.
        queries: Query pixels.
        ours: Seconds of one read.
        dense: The same with an affinity of all elements and queries; ``None`` if it does not fit in memory.
        ratio: Dense over ours, from the medians.
        difference: Largest difference of our readout to an exact dense one, relative to its largest value.
    """

    case: Case
    frames: int
    elements: int
    queries: int
    ours: Timing
    dense: Timing | None
    ratio: float | None
    difference: float | None


class OwnDenseBank:
    """The dense form, without a checkout: the affinity of all elements and queries, 0 outside the top k."""

    def __init__(self, *, top_k: int) -> None:
        self._top_k = top_k
        self._keys: list[Tensor] = []
        self._values: list[Tensor] = []

    def add_memory(self, key: Tensor, value: Tensor) -> None:
        """Add a key ``(1, C, 1, h, w)`` and values ``(O, D, 1, h, w)``."""
        self._keys = [torch.cat([*self._keys, key.flatten(2)], 2)]
        self._values = [torch.cat([*self._values, value.flatten(2)], 2)]

    def match_memory(self, query_key: Tensor) -> Tensor:
        """Return the readout ``(O, D, h, w)`` of a query key ``(1, C, h, w)``."""
        key, value = self._keys[0], self._values[0]
        product = key.mT @ query_key.flatten(2)
        similarities = (2 * product - key.square().sum(1).unsqueeze(-1)) / math.sqrt(key.shape[1])
        best, elements = similarities.topk(self._top_k, dim=1)
        affinity = torch.zeros_like(similarities).scatter_(1, elements, best.softmax(1))
        readout = torch.bmm(value, affinity.expand(value.shape[0], -1, -1))
        return readout.reshape(*readout.shape[:2], *query_key.shape[-2:])


@torch.inference_mode()
def measure_reads(
    case: Case, footage: Footage, workshop: Workshop, *, code: PublishedCode | None, repeat: int
) -> Iterator[ReadResult]:
    """Fill a memory with the keys of real frames, and read it for one more; both implementations alternate.

    The published read returns NaN for keys far from the origin, such as those of the lite variant, because its
    exponential can overflow. Differences are therefore always to the dense form here.

    Args:
        case: Variant, device, objects and size; the read is float32 in any case.
        footage: The footage.
        workshop: Makes shot and engine.
        code: The published code, whose memory bank is then the dense one; ``None`` uses the one here.
        repeat: Number of runs of each, per size.
    """
    shot = workshop.shot(case, footage)
    job, engine = prepare(shot), workshop.engine(case)
    settings = propagation_settings(shot.settings).read_settings(engine.device)
    top_k = settings.top_k or 20
    *keys, query_key = [_key(engine, job, frame) for frame in job.frames]
    device = engine.device
    shape = (case.objects, engine.variant.memory_value_channels, *query_key.shape[-2:])
    generator = torch.Generator().manual_seed(1)
    values = [torch.randn(shape, generator=generator).to(device) for _ in range(3)]
    queries = query_key.shape[-2] * query_key.shape[-1]
    for frames in FRAMES:
        bank, exact = MemoryBank(settings), OwnDenseBank(top_k=top_k)
        banks: dict[str, DenseBank] = {}
        if 4 * 3 * frames * queries**2 < _SHARE * _memory_bytes(device):
            banks = {"dense": code.bank(k=case.objects, top_k=top_k) if code else exact, "exact": exact}
        for number in range(frames):
            # Repeated frames get slight noise, because equal elements would be ties.
            key = keys[number % len(keys)] * (1 + 0.002 * (number // len(keys)))
            value = values[number % len(values)]
            bank.add(key, value, retention="permanent")
            for dense in {id(dense): dense for dense in banks.values()}.values():
                dense.add_memory(key[None, :, None], value[:, :, None])
        ours = _reading_ours(bank, query_key)
        reads = {"ours": ours} | {name: _reading(dense, query_key) for name, dense in banks.items() if name == "dense"}
        difference = _difference(ours(), exact.match_memory(query_key[None])) if banks else None
        seconds = _in_turns(reads, repeat, device)
        yield ReadResult(
            case,
            frames,
            frames * queries,
            queries,
            seconds["ours"],
            seconds.get("dense"),
            seconds["dense"].median / seconds["ours"].median if banks else None,
            difference,
        )


def _reading_ours(bank: MemoryBank, query_key: Tensor) -> Callable[[], Tensor]:
    def read() -> Tensor:
        answer: Any = bank.read(query_key)
        readout: Tensor = answer[0] if isinstance(answer, tuple) else answer
        return readout

    return read


def _reading(bank: DenseBank, query_key: Tensor) -> Callable[[], Tensor]:
    return lambda: bank.match_memory(query_key[None])


def _in_turns(reads: dict[str, Callable[[], Tensor]], repeat: int, device: torch.device) -> dict[str, Timing]:
    seconds: dict[str, list[float]] = {name: [] for name in reads}
    for _ in range(repeat):
        for name, read in reads.items():
            synchronise(device)
            started = time.perf_counter()
            read()
            synchronise(device)
            seconds[name].append(time.perf_counter() - started)
    return {name: Timing.of(runs) for name, runs in seconds.items()}


def _key(engine: Any, job: Job, frame: int) -> Tensor:
    """Return a frame's key ``(C, h, w)``."""
    image = torch.from_numpy(job.plates.read(frame).image(window=job.window, size=job.size)).to(engine.device)
    normal = engine.normalise(image.permute(2, 0, 1))
    rows, columns = -normal.shape[-2] % STRIDE, -normal.shape[-1] % STRIDE
    key: Tensor = engine.encode_key(functional.pad(normal, (0, columns, 0, rows))[None]).query_key[0]
    return key


def _difference(ours: Tensor, dense: Tensor) -> float:
    return float((ours - dense).abs().max() / dense.abs().max())


def _memory_bytes(device: torch.device) -> int:
    if device.type == "cuda":
        return torch.cuda.get_device_properties(device).total_memory
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
