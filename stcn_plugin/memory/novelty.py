"""Which memory elements stay when there is no room for all: those unlike what was there when they came.

Most of a frame is like the frames before it, and remembering it again says nothing new. What it does say is what the
network guessed this time, errors included; an older element that looks the same is fewer guesses away from the artist's
matte. So of two elements that are alike the older one stays, and an element leaves when others bring more news.
"""

from __future__ import annotations

import torch
from torch import Tensor

from stcn_plugin.memory.reading import search_queries, similarity


def novelty(keys: Tensor, key: Tensor, *, budget_bytes: int) -> Tensor:
    """Return how far new elements are from all that is in memory: the squared L2 distance to the nearest key.

    Args:
        keys: ``(C + 1, N)`` keys in memory, from :func:`~stcn_plugin.memory.reading.search_keys`; at least one.
        key: ``(C, P)`` keys of the new elements.
        budget_bytes: Largest tile of similarities held at once; at least one element is compared at a time.

    Returns:
        ``(P,)``
    """
    rows = max(1, budget_bytes // (keys.shape[1] * keys.element_size()))
    nearest = torch.cat([similarity(keys, some).amax(1) for some in torch.split(search_queries(key), rows)])
    # A similarity is that distance over -sqrt(C), short of the new key's own norm.
    distance: Tensor = key.square().sum(0) - nearest * float(key.shape[0]) ** 0.5
    return distance.clamp(min=0)


def exchange(kept: Tensor, new: Tensor) -> tuple[Tensor, Tensor]:
    """Choose which new elements take whose place, so that the most novel of all stay.

    Args:
        kept: ``(N,)`` novelty of the elements in memory; infinite for those that must stay.
        new: ``(P,)`` novelty of the new elements.

    Returns:
        Positions of the elements that leave and, as many, of the new elements that take their places.
    """
    leaving = torch.cat([kept, new]).topk(len(new), largest=False).indices
    is_new = leaving >= len(kept)
    stays = torch.ones(len(new), dtype=torch.bool, device=new.device)
    stays[leaving[is_new] - len(kept)] = False
    return leaving[~is_new], stays.nonzero()[:, 0]
