"""Products of matrices with the same bits for any number of threads.

MKL's kernels for AVX2 round differently if they share a product among other numbers of threads. Here, every thread multiplies
blocks of rows of a fixed size alone.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor

from stcn_plugin.threads import one_thread, use_one_thread

_ROWS = 128
"""Rows of a block: few enough for 12 threads to share the query pixels of a frame at 480 lines."""


def product(left: Tensor, right: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Multiply two matrices.

    With gradients, as in training, or on a GPU, this is `torch.mm`.

    Args:
        left: ``(P, K)``.
        right: ``(K, N)``, same dtype and device.
        out: ``(P, N)`` buffer for the result.

    Returns:
        ``(P, N)``.
    """
    if left.device.type != "cpu" or (torch.is_grad_enabled() and (left.requires_grad or right.requires_grad)):
        return torch.mm(left, right, out=out)
    found = left.new_empty(left.shape[0], right.shape[1]) if out is None else out
    is_inference = torch.is_inference_mode_enabled()  # of this thread only

    def multiply(block: tuple[Tensor, Tensor]) -> None:
        rows, result = block
        with torch.inference_mode(is_inference):
            torch.mm(rows, right, out=result)

    blocks = list(zip(torch.split(left, _ROWS), torch.split(found, _ROWS), strict=True))
    threads = min(torch.get_num_threads(), len(blocks))
    if threads > 1:
        with ThreadPoolExecutor(threads, initializer=use_one_thread) as pool:
            list(pool.map(multiply, blocks))
    else:
        with one_thread(left.device):
            for block in blocks:
                multiply(block)
    return found
