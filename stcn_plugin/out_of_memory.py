"""Detect out-of-memory errors of torch and Python."""

from __future__ import annotations

import torch

_MESSAGES = ("out of memory", "_STATUS_ALLOC_FAILED", "not enough memory", "can't allocate memory")
"""Texts of drivers, libraries, Windows and Linux; torch has an exception class only for its GPU allocator."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error of torch or Python means that memory ran out."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(text in str(error) for text in _MESSAGES)
