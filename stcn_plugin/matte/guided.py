"""The guided filter: a matte as a locally linear function of the colour of the plate, the baseline of the edge network.

He, Sun, Tang: "Guided Image Filtering", 2010, and its fast variant of 2015, in which the coefficients are computed at a
lower resolution.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from stcn_plugin.network.edges import box

_EPSILON = 1e-4
_SUBSAMPLING = 4
_RADIUS = 4.0
_LEVELS = (0.05, 0.95)


def guided_filter(rgb: Tensor, alpha: Tensor, *, enlargement: float) -> Tensor:
    """Return alpha, sharpened by the plate.

    Args:
        rgb: ``(3, H, W)`` display-referred plate.
        alpha: ``(H, W)``.
        enlargement: Plate pixels per network pixel, which the radius depends on.

    Returns:
        ``(H, W)``, not limited to [0, 1].
    """
    window = 2 * max(round(_RADIUS * enlargement / _SUBSAMPLING), 1) + 1
    size = tuple(-(-length // _SUBSAMPLING) for length in alpha.shape)
    small = functional.interpolate(torch.cat([rgb, alpha[None]])[None], size, mode="area")[0]
    guide, values = small[:3], small[3]
    products = torch.stack([guide[i] * guide[j] for i in range(3) for j in range(i, 3)])
    means = box(torch.cat([guide, values[None], products, guide * values]), window)
    mean, mean_value = means[:3], means[3]
    upper = means[4:10] - torch.stack([mean[i] * mean[j] for i in range(3) for j in range(i, 3)])
    covariance = torch.stack([upper[k] for k in (0, 1, 2, 1, 3, 4, 2, 4, 5)], -1).reshape(*size, 3, 3)
    covariance = covariance + _EPSILON * torch.eye(3)
    cross = (means[10:] - mean * mean_value).movedim(0, -1)
    slope = torch.linalg.solve(covariance, cross).movedim(-1, 0)
    offset = mean_value - (slope * mean).sum(0)
    coefficients = box(torch.cat([slope, offset[None]]), window)
    full = functional.interpolate(coefficients[None], alpha.shape, mode="bilinear", align_corners=False)[0]
    low, high = _LEVELS
    return ((full[:3] * rgb).sum(0) + full[3] - low) / (high - low)
