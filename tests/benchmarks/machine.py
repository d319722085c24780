"""The machine of a measurement, and its speed at matrix products."""

from __future__ import annotations

import os
import platform
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from benchmarks.timings import synchronise

_INSTRUCTIONS = ("avx2", "avx512_f", "avx512_vnni", "avx512_bf16", "amx_bf16", "asimd", "bf16", "sve", "sve2")
_SIDE = {"cuda": 8192}
_CPU_SIDE = 2048
_TRIES = 10


@dataclass(frozen=True)
class Machine:
    """The machine and the process.

    Args:
        processor: Its name.
        instructions: Those that matter to matrices.
        cores: That the process may use.
        threads: That torch uses.
        gpu: Name of the first GPU, empty where there is none.
        torch: Its version.
        load: Processes that wanted to run, over the last minute, before the first run and after the last. Much above
            what the benchmark itself uses, the figures are not worth keeping.
    """

    processor: str
    instructions: tuple[str, ...]
    cores: int
    threads: int
    gpu: str
    torch: str
    load: tuple[float, float]


def machine(load_before: float) -> Machine:
    """Return this machine and process."""
    return Machine(
        processor=_processor(),
        instructions=tuple(name for name in _INSTRUCTIONS if torch.cpu.get_capabilities().get(name)),
        cores=len(os.sched_getaffinity(0)),
        threads=torch.get_num_threads(),
        gpu=torch.cuda.get_device_name() if torch.cuda.is_available() else "",
        torch=torch.__version__,
        load=(load_before, load()),
    )


def load() -> float:
    """Return the load: the mean number of ready processes over the last minute."""
    return os.getloadavg()[0]


def matmul_peak(device: torch.device, precision: torch.dtype) -> float:
    """Return the fastest of several large matrix products, in multiply-adds per second."""
    side = _SIDE.get(device.type, _CPU_SIDE)
    left, right = (torch.randn(side, side, device=device).to(precision) for _ in range(2))
    fastest = float("inf")
    for _ in range(_TRIES):
        synchronise(device)
        started = time.perf_counter()
        torch.mm(left, right)
        synchronise(device)
        fastest = min(fastest, time.perf_counter() - started)
    return float(side**3 / fastest)


def resident_bytes() -> int:
    """Return the resident memory of the process (VmRSS); Linux only."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor())
