"""The number of threads of torch: it must not change what a job delivers.

A job changes it while it runs, and a job that was cancelled goes on to the same mattes, bit for bit. Most operations give the
same results with any number. These do not, and run on one thread of a CPU:

- sigmoid, and softmax over planes: each thread computes the last elements of its share one by one, which rounds differently
  than vector instructions.
- products of a matrix and a vector, and convolutions with many inputs but few results, whose sums are divided.

For products of matrices, see `stcn_plugin.memory.products`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def same_threads_after() -> Iterator[None]:
    """Restore the number of threads, which belongs to the whole process."""
    before = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(before)


def use_one_thread() -> None:
    """Let torch use only this thread for what it calls."""
    torch.set_num_threads(1)


@contextmanager
def one_thread(device: torch.device) -> Iterator[None]:
    """Run operations on one thread if the device is a CPU; elsewhere, change nothing."""
    if device.type != "cpu":
        yield
        return
    with same_threads_after():
        use_one_thread()
        yield
