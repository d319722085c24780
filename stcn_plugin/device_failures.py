"""Detects out-of-memory errors and GPU failures among the exceptions of torch and Python, without importing torch."""

from __future__ import annotations

from stcn_plugin.errors import DeviceError

_OUT_OF_MEMORY = ("out of memory", "_STATUS_ALLOC_FAILED", "not enough memory", "can't allocate memory")
"""Messages of drivers, libraries, Windows and Linux; torch raises `OutOfMemoryError` only from its GPU allocator."""

_LOST = (
    "CUDA error",
    "CUDA driver error",
    "HIP error",
    "_STATUS_EXECUTION_FAILED",
    "_STATUS_INTERNAL_ERROR",
    "_STATUS_MAPPING_ERROR",
    "_STATUS_NOT_INITIALIZED",
)
"""Messages of the CUDA and HIP runtimes, cuDNN and cuBLAS after which the process can no longer use the GPU."""


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an exception of torch or Python means that memory ran out."""
    if isinstance(error, MemoryError) or _is_named(error, "OutOfMemoryError"):
        return True
    return isinstance(error, RuntimeError) and any(text in str(error) for text in _OUT_OF_MEMORY)


def is_device_lost(error: BaseException) -> bool:
    """Return whether an exception, or its cause, means that this process can no longer use the GPU."""
    return _is_lost(error) or (error.__cause__ is not None and is_device_lost(error.__cause__))


def device_error(error: BaseException, *, where: str | None = None) -> DeviceError | None:
    """Return the error to show to the user if memory ran out or a GPU failed; ``None`` for other exceptions.

    Args:
        error: The exception.
        where: The file or frame that was being processed.
    """
    if is_out_of_memory(error):
        return DeviceError(
            "the device is out of memory",
            where=where,
            fix="Set a smaller size, memory.max_frames or memory.budget_mb, or compute.device to cpu",
        )
    if _is_lost(error):
        reason = str(error).strip().partition("\n")[0].rstrip(".")
        return DeviceError(
            f"the GPU stopped working ({reason})",
            where=where,
            fix="Run the job again, in a new process; if that fails too, check the GPU and its driver, or set "
            "compute.device to cpu",
        )
    return None


def _is_lost(error: BaseException) -> bool:
    if is_out_of_memory(error):
        return False
    is_text = isinstance(error, RuntimeError) and any(text in str(error) for text in _LOST)
    return is_text or _is_named(error, "AcceleratorError")


def _is_named(error: BaseException, name: str) -> bool:
    """Return whether an exception is an instance of a class of torch with this name."""
    return any(each.__name__ == name and each.__module__.startswith("torch") for each in type(error).__mro__)
