"""Choice of device and precision."""

from __future__ import annotations

import re
from contextlib import suppress

import torch

from stcn_plugin.errors import DeviceError
from stcn_plugin.network.convolution import packs

_BUILT_FOR = re.compile(r"(sm|compute)_(\d+)(\d)([af]?)")
"""A CUDA target of torch, such as ``sm_86``; ``compute`` is PTX, ``a`` is that GPU only, ``f`` its family."""

_PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def available_devices() -> tuple[str, ...]:
    """Return the names of all usable devices; ``auto`` is the first."""
    gpus = [name for name in _gpus() if _has_code_for(torch.cuda.get_device_capability(name))]
    apple = ["mps"] if torch.backends.mps.is_available() else []
    return (*gpus, "cpu", *apple)  # last, because it is untested


def choose_device(name: str) -> torch.device:
    """Return a device.

    Args:
        name: ``auto`` (the fastest), ``cpu``, ``cuda``, ``cuda:1`` or ``mps``.

    Raises:
        DeviceError: The device does not exist, or this torch was built without support for it.
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
            fix="Install a torch build that supports it, or set compute.device to auto",
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
        name: ``auto`` (the fastest native format), ``float32``, ``bfloat16`` or ``float16``.
        device: Device that the network will run on.

    Raises:
        DeviceError: The device does not support the format.
    """
    if name == "auto":
        return _native_precision(device)
    precision = _PRECISIONS[name]
    if device.type == "cpu" and precision is torch.float16:
        raise DeviceError(
            "float16 is not supported on the CPU",
            fix="Set compute.precision to auto, bfloat16 or float32",
            setting="compute.precision",
        )
    return precision


def object_budget(device: torch.device) -> int:
    """Return the maximum size in bytes of the features of objects that are computed together.

    On the CPU one object at a time is as fast as many and needs the least memory.
    """
    if device.type == "cpu":
        return 0
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        # Memory that torch has cached is free as well.
        cached = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return (free + cached) // 4
    return 512 << 20


def release_memory() -> None:
    """Return the GPU memory that torch has cached to the system."""
    with suppress(torch.AcceleratorError):  # a failed GPU has nothing to return, and its error is reported elsewhere
        torch.cuda.empty_cache()  # does nothing without a GPU


def _gpus() -> list[str]:
    return [f"cuda:{number}" for number in range(torch.cuda.device_count())] if torch.cuda.is_available() else []


def _has_code_for(capability: tuple[int, int]) -> bool:
    """Return whether this torch has code for a GPU of a compute capability.

    Machine code runs on later GPUs of its generation, PTX on all later GPUs, since the driver compiles it.
    """
    built = [match.groups() for name in torch.cuda.get_arch_list() if (match := _BUILT_FOR.fullmatch(name))]
    for kind, major, minor, limit in built:
        own = int(major), int(minor)
        is_related = own[0] == capability[0] or (kind == "compute" and not limit)
        if own == capability or (own < capability and is_related and limit != "a"):
            return True
    return not built  # unknown, as for AMD builds


def _native_precision(device: torch.device) -> torch.dtype:
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.get_device_capability(device) >= (8, 0) else torch.float16
    if device.type == "cpu" and _cpu_has_bfloat16() and packs(torch.bfloat16):
        return torch.bfloat16
    return torch.float32


def _cpu_has_bfloat16() -> bool:
    """Return whether the CPU has bfloat16 instructions (x86, ARM); emulated, it is slower than float32."""
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16") or capabilities.get("bf16"))
