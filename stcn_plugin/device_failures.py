"""Detects out-of-memory errors and GPU failures from torch and Python, without importing torch."""

from __future__ import annotations

from stcn_plugin.errors import DeviceError

_OUT_OF_MEMORY = ("out of memory", "_STATUS_ALLOC_FAILED", "not enough memory", "can't allocate memory")
"""Messages of drivers, libraries, Windows and Linux; torch has an exception class only for its GPU allocator."""

_LOST = (
    "CUDA error",
    "CUDA driver error",
    "HIP error",
    "_STATUS_EXECUTION_FAILED",
    "_STATUS_INTERNAL_ERROR",
    "_STATUS_MAPPING_ERROR",
    "_STATUS_NOT_INITIALIZED",
)
"""Messages of CUDA, HIP, cuDNN and cuBLAS after which the process can no longer use the GPU."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error of torch or Python means that memory is exhausted."""
    if isinstance(error, MemoryError) or _is_named(error, "OutOfMemoryError"):
        return True
    return isinstance(error, RuntimeError) and any(text in str(error) for text in _OUT_OF_MEMORY)


def is_device_lost(error: BaseException) -> bool:
    """Whether an error, or one of its causes, is a GPU failure after which this process can no longer use the GPU."""
    return _is_lost(error) or (error.__cause__ is not None and is_device_lost(error.__cause__))


def device_error(error: BaseException, *, where: str | None = None) -> DeviceError | None:
    """Return the error for a user about exhausted memory or a failed GPU; ``None`` for other errors.

    Args:
        error: The exception.
        where: The file or frame that was being processed.
    """
    if is_out_of_memory(error):
        return DeviceError(
            "the device is out of memory",
            where=where,
            fix="Set a smaller size, memory.max_frames or memory.budget_mb, or compute.device to cpu",
            retry=True,
        )
    if _is_lost(error):
        reason = str(error).strip().partition("\n")[0].rstrip(".")
        return DeviceError(
            f"the GPU stopped working ({reason})",
            where=where,
            fix="Run the job again in a new process; if it fails again, check the GPU and its driver, or set "
            "compute.device to cpu",
            retry=True,
        )
    return None


def _is_lost(error: BaseException) -> bool:
    if is_out_of_memory(error):
        return False
    is_text = isinstance(error, RuntimeError) and any(text in str(error) for text in _LOST)
    return is_text or _is_named(error, "AcceleratorError")


def _is_named(error: BaseException, name: str) -> bool:
    """Whether an error is an instance of a torch class with this name."""
    return any(base.__name__ == name and base.__module__.startswith("torch") for base in type(error).__mro__)
