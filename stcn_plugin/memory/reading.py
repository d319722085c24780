"""Reading from memory: similarity, affinity, readout, as pure functions.

Legend: ``C`` key channels, ``D`` value channels of all objects together, ``N`` memory elements, ``P`` query pixels.
Queries stand first, so that what belongs to one query lies together: top-k and softmax run along rows.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def similarity(memory_key: Tensor, query_key: Tensor, *, memory_norm: Tensor | None = None) -> Tensor:
    """Compare every query pixel with every memory element.

    Negative squared L2 distance over sqrt(C) (STCN, eq. 5 and supplement), without the query's own norm: it is the
    same for all elements of a query, so softmax cancels it.

    Args:
        memory_key: ``(C, N)`` keys of the memory elements.
        query_key: ``(C, P)`` keys of the query pixels; same dtype and device.
        memory_norm: ``(N,)`` squared norms of the memory keys, for who compares with them many times.

    Returns:
        ``(P, N)``; larger is more alike.

    Raises:
        ValueError: The key channels differ.
    """
    if memory_key.shape[0] != query_key.shape[0]:
        raise ValueError(f"keys of (C, N) and (C, P) with one C, got {memory_key.shape} and {query_key.shape}")
    scale = float(memory_key.shape[0]) ** -0.5
    norm = squared_norm(memory_key) if memory_norm is None else memory_norm
    similarities: Tensor = torch.addmm(norm[None], query_key.T, memory_key, beta=-scale, alpha=2 * scale)
    return similarities


def squared_norm(memory_key: Tensor) -> Tensor:
    """Return the squared norms ``(N,)`` of keys ``(C, N)``, without a second copy of the keys."""
    norm: Tensor = torch.linalg.vector_norm(memory_key, dim=0)
    return norm.square()


def readout(similarities: Tensor, memory_value: Tensor, *, top_k: int | None = 20) -> Tensor:
    """Weigh the memory values by the affinity of every query pixel and add them up.

    The affinity is the softmax of the similarities, over the ``top_k`` largest where that is given. With top-k only
    the values that count are touched: cost follows k, not N.

    Args:
        similarities: ``(P, N)``.
        memory_value: ``(N, D)`` values of the memory elements.
        top_k: Elements that count per query pixel, at most N; ``None`` counts all.

    Returns:
        ``(P, D)``.

    Raises:
        ValueError: ``top_k`` is below 1.
    """
    if top_k is None:
        return similarities.softmax(1).to(memory_value.dtype) @ memory_value
    if top_k < 1:
        raise ValueError(f"top_k must be at least 1, got {top_k}")
    best, elements = similarities.topk(min(top_k, similarities.shape[1]), dim=1, sorted=False)
    affinity = best.softmax(1).to(memory_value.dtype)
    return functional.embedding_bag(elements, memory_value, per_sample_weights=affinity, mode="sum")


def read_memory(
    memory_key: Tensor, memory_value: Tensor, query_key: Tensor, *, top_k: int | None, budget_bytes: int
) -> Tensor:
    """Read for all query pixels, in tiles of queries whose similarities fit the budget.

    Args:
        memory_key: ``(C, N)``.
        memory_value: ``(N, D)``.
        query_key: ``(C, P)``.
        top_k: As in :func:`readout`.
        budget_bytes: Largest size of one tile of similarities; at least one query is read at a time.

    Returns:
        ``(P, D)``.
    """
    row_bytes = memory_key.shape[1] * memory_key.element_size()
    tile = max(1, budget_bytes // row_bytes)
    queries = torch.split(query_key, tile, dim=1)
    norm = squared_norm(memory_key)
    tiles = [readout(similarity(memory_key, some, memory_norm=norm), memory_value, top_k=top_k) for some in queries]
    return tiles[0] if len(tiles) == 1 else torch.cat(tiles)
