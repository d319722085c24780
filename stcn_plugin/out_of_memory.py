"""What it looks like when memory does not suffice; memory and network, which do not know each other, both make do then."""

from __future__ import annotations

import torch

_SAID = ("out of memory", "_STATUS_ALLOC_FAILED", "not enough memory", "can't allocate memory")
"""What drivers, libraries, Windows and Linux say; torch has a class of its own only for its allocator on GPUs."""


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an error of torch, or of Python, says that memory does not suffice."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(text in str(error) for text in _SAID)
