"""Where the network runs and in which number format."""

from __future__ import annotations

import re
from contextlib import suppress

import torch

from stcn_plugin.errors import DeviceError
from stcn_plugin.network.convolution import packs

_BUILT_FOR = re.compile(r"(sm|compute)_(\d+)(\d)([af]?)")
"""What torch was built for, such as ``sm_86``; ``compute`` is PTX, ``a`` for that card alone, ``f`` for its family."""

_PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def available_devices() -> tuple[str, ...]:
    """Name every device that can be asked for; the first is the one that ``auto`` takes."""
    gpus = [name for name in _gpus() if _has_code_for(torch.cuda.get_device_capability(name))]
    apple = ["mps"] if torch.backends.mps.is_available() else []
    return (*gpus, "cpu", *apple)  # Apple's is there to be tried, and not yet proven


def choose_device(name: str) -> torch.device:
    """Return a device.

    Args:
        name: ``auto`` takes the fastest there is; else ``cpu``, ``cuda``, ``cuda:1``, ``mps``.

    Raises:
        DeviceError: There is no such device here, or this torch has no code for it.
    """
    available = available_devices()
    if name == "auto":
        return torch.device(available[0])
    wanted = "cuda:0" if name == "cuda" else name
    if wanted not in available and wanted in _gpus():
        major, minor = torch.cuda.get_device_capability(wanted)
        raise DeviceError(
            f"torch {torch.__version__} has no code for {torch.cuda.get_device_name(wanted)}"
            f" (compute capability {major}.{minor})",
            where=name,
            fix="Install a torch that was built for it, or set compute.device to auto",
            setting="compute.device",
        )
    if wanted not in available:
        raise DeviceError(
            f"the device '{name}' is not available; this machine has: {', '.join(available)}",
            fix="Set compute.device to one of them or to auto",
            setting="compute.device",
        )
    return torch.device(wanted)


def choose_precision(name: str, device: torch.device) -> torch.dtype:
    """Return the number format of encoders and decoder.

    Args:
        name: ``auto`` takes the fastest that the device computes natively; else ``float32``, ``bfloat16``, ``float16``.
        device: Where the network will run.

    Raises:
        DeviceError: The device cannot compute in that format.
    """
    if name == "auto":
        return _native_precision(device)
    precision = _PRECISIONS[name]
    if device.type == "cpu" and precision is torch.float16:
        raise DeviceError(
            "float16 is not for the CPU",
            fix="Set compute.precision to auto, bfloat16 or float32",
            setting="compute.precision",
        )
    return precision


def object_budget(device: torch.device) -> int:
    """Return the bytes that features of objects that are computed at once may take.

    On the CPU one object at a time is as fast as many, and needs the least memory.
    """
    if device.type == "cpu":
        return 0
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        # What torch keeps of what was given back to it is free as well.
        kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return (free + kept) // 4
    return 512 << 20


def release_memory() -> None:
    """Give back to the machine what torch keeps of a GPU's memory and nothing uses."""
    with suppress(torch.AcceleratorError):  # a GPU that failed has nothing to give, and its error is told already
        torch.cuda.empty_cache()  # nothing happens where no GPU is used


def _gpus() -> list[str]:
    return [f"cuda:{number}" for number in range(torch.cuda.device_count())] if torch.cuda.is_available() else []


def _has_code_for(card: tuple[int, int]) -> bool:
    """Tell whether this torch runs on a card of a compute capability.

    Machine code runs on later cards of its generation; PTX, which the driver compiles, on all that are later.
    """
    built = [match.groups() for name in torch.cuda.get_arch_list() if (match := _BUILT_FOR.fullmatch(name))]
    for kind, major, minor, limit in built:
        own = int(major), int(minor)
        is_related = own[0] == card[0] or (kind == "compute" and not limit)
        if own == card or (own < card and is_related and limit != "a"):
            return True
    return not built  # a torch that does not say, such as AMD's


def _native_precision(device: torch.device) -> torch.dtype:
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.get_device_capability(device) >= (8, 0) else torch.float16
    if device.type == "cpu" and _cpu_has_bfloat16() and packs(torch.bfloat16):
        return torch.bfloat16
    return torch.float32


def _cpu_has_bfloat16() -> bool:
    """Tell whether the processor multiplies bfloat16 itself (x86, ARM); emulated, it is slower than float32."""
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16") or capabilities.get("bf16"))
