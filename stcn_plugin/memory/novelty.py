"""Eviction: when the memory is full, the least novel elements are evicted first.

Most of a frame resembles earlier frames, so memorising it again adds no new appearance, only the errors of another
prediction. Of two similar elements, the older one is fewer predictions away from the artist's keyframe. The novelty of an
element is therefore its distance to the memory at the time it was added.
"""

from __future__ import annotations

import torch
from torch import Tensor

from stcn_plugin.memory.reading import search_queries, similarity


def novelty(keys: Tensor, key: Tensor, *, budget_bytes: int) -> Tensor:
    """Return the squared L2 distance of each new element to the nearest key in memory.

    Args:
        keys: ``(C + 1, N)`` keys in memory, from :func:`~stcn_plugin.memory.reading.search_keys`; at least one.
        key: ``(C, P)`` keys of the new elements.
        budget_bytes: Maximum size of one tile of similarities; a tile holds at least one row.

    Returns:
        ``(P,)``
    """
    rows = max(1, budget_bytes // (keys.shape[1] * keys.element_size()))
    nearest = torch.cat([similarity(keys, tile).amax(1) for tile in torch.split(search_queries(key), rows)])
    # similarity = -distance / sqrt(C), without the norm of the new key itself.
    distance: Tensor = key.square().sum(0) - nearest * float(key.shape[0]) ** 0.5
    return distance.clamp(min=0)


def select_replacements(stored: Tensor, new: Tensor) -> tuple[Tensor, Tensor]:
    """Choose which stored elements are replaced by new ones, so that the most novel remain.

    Args:
        stored: ``(N,)`` novelty of the elements in memory; infinite for permanent ones.
        new: ``(P,)`` novelty of the new elements.

    Returns:
        Indices of the evicted elements, and the same number of indices of new elements that replace them.
    """
    leaving = torch.cat([stored, new]).topk(len(new), largest=False).indices
    is_new = leaving >= len(stored)
    stays = torch.ones(len(new), dtype=torch.bool, device=new.device)
    stays[leaving[is_new] - len(stored)] = False
    return leaving[~is_new], stays.nonzero()[:, 0]
