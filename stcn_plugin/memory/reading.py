"""Reading from memory: similarity, affinity and readout as pure functions.

Legend: ``C`` key channels, ``D`` value channels of all objects together, ``N`` memory elements, ``P`` query pixels.
Similarities are ``(P, N)``, so top-k and softmax run along contiguous rows.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from stcn_plugin.device_failures import is_out_of_memory
from stcn_plugin.memory.products import product

_BLOCK = 16
"""Block size of the first round of :func:`largest`; 8 to 32 are about equally fast."""


def search_keys(memory_key: Tensor) -> Tensor:
    """Prepare memory keys for :func:`similarity`, once for all reads.

    Similarity is the negative squared L2 distance over sqrt(C) (STCN, eq. 5 and supplement). The query norm is constant
    along a row, so softmax cancels it; what remains is linear in the query with a 1 appended:
    ``(2 m, -|m|^2) / sqrt(C)``.

    Args:
        memory_key: ``(C, N)``.

    Returns:
        ``(C + 1, N)``.
    """
    norm = torch.linalg.vector_norm(memory_key, dim=0, keepdim=True).square()
    keys: Tensor = torch.cat([2 * memory_key, -norm]) * float(memory_key.shape[0]) ** -0.5
    return keys


def search_queries(query_key: Tensor) -> Tensor:
    """Prepare query keys ``(C, P)`` for :func:`similarity`: ``(P, C + 1)``, with a 1 appended."""
    return torch.cat([query_key, torch.ones_like(query_key[:1])]).T.contiguous()


def similarity(keys: Tensor, queries: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Compare every query pixel with every memory element.

    Args:
        keys: ``(C + 1, N)``, from :func:`search_keys`.
        queries: ``(P, C + 1)``, from :func:`search_queries`; same dtype and device as the keys.
        out: ``(P, N)`` buffer for the result.

    Returns:
        ``(P, N)``; larger means more similar.

    Raises:
        ValueError: The key channels differ.
    """
    if keys.shape[0] != queries.shape[1]:
        shapes = f"{tuple(keys.shape)} and {tuple(queries.shape)}"
        raise ValueError(f"keys and queries must have shapes (C + 1, N) and (P, C + 1), got {shapes}")
    return product(queries, keys, out=out)


def largest(similarities: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Return the ``count`` largest of each row and their indices, unsorted: ``topk`` in two rounds.

    The first round takes the maximum of each block of elements. The largest elements of a row are in the ``count`` blocks
    with the largest maxima, so the second round searches only those: a maximum is much cheaper than a selection.

    Args:
        similarities: ``(P, N)``.
        count: At most N.

    Returns:
        Values and indices, ``(P, count)`` each.
    """
    rows, elements = similarities.shape
    blocks = elements // _BLOCK
    if blocks <= count:
        values, positions = similarities.topk(count, dim=1, sorted=False)
        return values, positions
    # Elements of a block are `blocks` apart, so the maximum runs along whole rows. All remaining elements are candidates.
    blocked = similarities[:, : blocks * _BLOCK].view(rows, _BLOCK, blocks)
    winners = blocked.amax(1).topk(count, dim=1, sorted=False).indices
    candidates = blocked.gather(2, winners[:, None].expand(-1, _BLOCK, -1)).flatten(1)
    positions = (winners[:, None] + blocks * torch.arange(_BLOCK, device=winners.device)[:, None]).flatten(1)
    if blocks * _BLOCK < elements:
        rest = torch.arange(blocks * _BLOCK, elements, device=winners.device)
        candidates = torch.cat([candidates, similarities[:, rest]], 1)
        positions = torch.cat([positions, rest.expand(rows, -1)], 1)
    values, chosen = candidates.topk(count, dim=1, sorted=False)
    return values, positions.gather(1, chosen)


def readout(similarities: Tensor, memory_value: Tensor, *, top_k: int | None = 20) -> Tensor:
    """Sum the memory values, weighted by the affinity of each query pixel.

    The affinity is the softmax of the similarities, restricted to the ``top_k`` largest if given. With top-k only those
    values are read, so the cost grows with k, not N.

    Args:
        similarities: ``(P, N)``.
        memory_value: ``(N, D)`` values of the memory elements.
        top_k: Elements kept per query pixel, at most N; ``None`` keeps all.

    Returns:
        ``(P, D)``.

    Raises:
        ValueError: ``top_k`` is below 1.
    """
    if top_k is None:
        return product(similarities.softmax(1).to(memory_value.dtype), memory_value)
    if top_k < 1:
        raise ValueError(f"top_k must be at least 1, got {top_k}")
    best, elements = largest(similarities, min(top_k, similarities.shape[1]))
    affinity = best.softmax(1).to(memory_value.dtype)
    return functional.embedding_bag(elements, memory_value, per_sample_weights=affinity, mode="sum")


def read_memory(
    keys: Tensor,
    memory_value: Tensor,
    query_key: Tensor,
    *,
    top_k: int | None,
    budget_bytes: int,
    on_tile: Callable[[], None] = lambda: None,
) -> Tensor:
    """Read all query pixels, in tiles whose similarities fit the budget.

    If a tile does not fit in memory, smaller ones are tried, down to one query.

    Args:
        keys: ``(C + 1, N)``, from :func:`search_keys`.
        memory_value: ``(N, D)``.
        query_key: ``(C, P)``.
        top_k: As in :func:`readout`.
        budget_bytes: Maximum size of one tile of similarities; a tile holds at least one query.
        on_tile: Called after each tile. An exception that it raises stops the read.

    Returns:
        ``(P, D)``.

    Raises:
        RuntimeError: Even one query does not fit in memory; see `is_out_of_memory`.
    """
    queries = search_queries(query_key)
    row_bytes = keys.shape[1] * keys.element_size()
    rows = max(1, min(budget_bytes // row_bytes, len(queries)))
    tile = keys.new_empty(0)
    parts: list[Tensor] = []
    start = 0
    while start < len(queries):
        batch = queries[start : start + rows]
        try:
            if len(tile) < len(batch):
                tile = keys.new_empty(rows, keys.shape[1])
            # Not assigned to a name, which would keep the tile alive while a smaller one is allocated.
            parts.append(readout(similarity(keys, batch, out=tile[: len(batch)]), memory_value, top_k=top_k))
        except (MemoryError, RuntimeError) as error:
            if rows == 1 or not is_out_of_memory(error):
                raise
            rows, tile = rows // 2, keys.new_empty(0)
            continue
        start += len(batch)
        on_tile()
    return parts[0] if len(parts) == 1 else torch.cat(parts)
