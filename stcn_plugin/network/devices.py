"""Where the network runs and in which number format."""

from __future__ import annotations

import torch

from stcn_plugin.errors import DeviceError
from stcn_plugin.network.convolution import packs

_PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def available_devices() -> tuple[str, ...]:
    """Name every device that can be asked for; the first is the one that ``auto`` takes."""
    gpus = [f"cuda:{number}" for number in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
    apple = ["mps"] if torch.backends.mps.is_available() else []
    return (*gpus, "cpu", *apple)  # Apple's is there to be tried, and not yet proven


def choose_device(name: str) -> torch.device:
    """Return a device.

    Args:
        name: ``auto`` takes the fastest there is; else ``cpu``, ``cuda``, ``cuda:1``, ``mps``.

    Raises:
        DeviceError: There is no such device here.
    """
    available = available_devices()
    if name == "auto":
        return torch.device(available[0])
    wanted = "cuda:0" if name == "cuda" else name
    if wanted not in available:
        raise DeviceError(
            f"the device '{name}' is not available; this machine has: {', '.join(available)}",
            fix="Set compute.device to one of them or to auto",
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
        raise DeviceError("float16 is not for the CPU", fix="Set compute.precision to auto, bfloat16 or float32")
    return precision


def object_budget(device: torch.device) -> int:
    """Return the bytes that features of objects that are computed at once may take.

    On the CPU one object at a time is as fast as many, and needs the least memory.
    """
    if device.type == "cpu":
        return 0
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return free // 4
    return 512 << 20


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
