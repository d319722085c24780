"""Reading from memory: similarity, affinity, readout, as pure functions.

Legend: ``C`` key channels, ``D`` value channels of all objects together, ``N`` memory elements, ``P`` query pixels.
Queries stand first, so that what belongs to one query lies together: top-k and softmax run along rows.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from stcn_plugin.device_failures import is_out_of_memory

_BLOCK = 16
"""Elements of which only the largest stands in the first round of :func:`largest`; 8 to 32 measured about the same."""


def search_keys(memory_key: Tensor) -> Tensor:
    """Bring memory keys into the form in which they are compared, once for all the times that they are read.

    Negative squared L2 distance over sqrt(C) (STCN, eq. 5 and supplement) is, without the query's own norm, linear in
    the query and a 1 below it: ``(2 m, -|m|^2) / sqrt(C)``. The query's own norm is the same for all elements, so
    softmax cancels it.

    Args:
        memory_key: ``(C, N)``.

    Returns:
        ``(C + 1, N)``.
    """
    norm = torch.linalg.vector_norm(memory_key, dim=0, keepdim=True).square()
    keys: Tensor = torch.cat([2 * memory_key, -norm]) * float(memory_key.shape[0]) ** -0.5
    return keys


def search_queries(query_key: Tensor) -> Tensor:
    """Return query keys ``(C, P)`` in the form that :func:`search_keys` is multiplied with, ``(P, C + 1)``."""
    return torch.cat([query_key, torch.ones_like(query_key[:1])]).T.contiguous()


def similarity(keys: Tensor, queries: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Compare every query pixel with every memory element.

    Args:
        keys: ``(C + 1, N)``, from :func:`search_keys`.
        queries: ``(P, C + 1)``, from :func:`search_queries`; same dtype and device.
        out: ``(P, N)`` to write to.

    Returns:
        ``(P, N)``; larger is more alike.

    Raises:
        ValueError: The key channels differ.
    """
    if keys.shape[0] != queries.shape[1]:
        raise ValueError(f"keys of (C + 1, N) and (P, C + 1) with one C, got {keys.shape} and {queries.shape}")
    return torch.mm(queries, keys, out=out)


def largest(similarities: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Return the ``count`` largest of each row and where they are, in any order: ``topk``, in two rounds.

    Of every block of elements only the largest goes into the first round. The largest elements of all lie in the
    ``count`` blocks that win it, so the second round need look at no others. A selection costs far more a number than a
    maximum does, and this one sees few.

    Args:
        similarities: ``(P, N)``.
        count: At most N.

    Returns:
        Values and positions, ``(P, count)`` each.
    """
    rows, elements = similarities.shape
    blocks = elements // _BLOCK
    if blocks <= count:
        values, positions = similarities.topk(count, dim=1, sorted=False)
        return values, positions
    # A block is every blocks-th element: so the maximum runs along whole rows. What is left over stands for itself.
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
) -> Tensor:
    """Read for all query pixels, in tiles of queries whose similarities fit the budget.

    Where memory does not suffice for a tile, smaller ones are tried, down to a single query.

    Args:
        keys: ``(C + 1, N)``, from :func:`search_keys`.
        memory_value: ``(N, D)``.
        query_key: ``(C, P)``.
        top_k: As in :func:`readout`.
        budget_bytes: Largest size of one tile of similarities; at least one query is read at a time.

    Returns:
        ``(P, D)``.

    Raises:
        RuntimeError: There is no room for one query; see `is_out_of_memory`.
    """
    queries = search_queries(query_key)
    row_bytes = keys.shape[1] * keys.element_size()
    rows = max(1, min(budget_bytes // row_bytes, len(queries)))
    tile = keys.new_empty(0)
    parts: list[Tensor] = []
    start = 0
    while start < len(queries):
        some = queries[start : start + rows]
        try:
            if len(tile) < len(some):
                tile = keys.new_empty(rows, keys.shape[1])
            # Not named: where this fails, nothing may hold the tile while a smaller one is got.
            parts.append(readout(similarity(keys, some, out=tile[: len(some)]), memory_value, top_k=top_k))
        except (MemoryError, RuntimeError) as error:
            if rows == 1 or not is_out_of_memory(error):
                raise
            rows, tile = rows // 2, keys.new_empty(0)
            continue
        start += len(some)
    return parts[0] if len(parts) == 1 else torch.cat(parts)
