"""Out-of-memory errors and GPU failures, recognised by what torch, its libraries and Python raise; torch is not loaded."""

from __future__ import annotations

from stcn_plugin.errors import DeviceError

_OUT_OF_MEMORY = ("out of memory", "_STATUS_ALLOC_FAILED", "not enough memory", "can't allocate memory")
"""Messages of drivers, libraries, Windows and Linux; torch has a class of its own only for its allocator on GPUs."""

_LOST = (
    "CUDA error",
    "CUDA driver error",
    "HIP error",
    "_STATUS_EXECUTION_FAILED",
    "_STATUS_INTERNAL_ERROR",
    "_STATUS_MAPPING_ERROR",
    "_STATUS_NOT_INITIALIZED",
)
"""Messages of the CUDA and HIP runtimes, cuDNN and cuBLAS after which a process can compute nothing more on that GPU."""


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an error of torch, or of Python, says that memory does not suffice."""
    if isinstance(error, MemoryError) or _is_named(error, "OutOfMemoryError"):
        return True
    return isinstance(error, RuntimeError) and any(text in str(error) for text in _OUT_OF_MEMORY)


def is_device_lost(error: BaseException) -> bool:
    """Tell whether an error, or what caused it, is a GPU's after which this process can compute nothing more on it."""
    return _is_lost(error) or (error.__cause__ is not None and is_device_lost(error.__cause__))


def device_error(error: BaseException, *, where: str | None = None) -> DeviceError | None:
    """Describe an error of memory or of a GPU for a person; ``None`` for any other.

    Args:
        error: What was raised.
        where: The file or frame that was being worked on.
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
    """Tell whether an error is of a class of torch."""
    return any(each.__name__ == name and each.__module__.startswith("torch") for each in type(error).__mro__)
