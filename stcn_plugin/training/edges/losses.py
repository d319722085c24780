"""Loss of the edge network, and the error that validation reports."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

_LEAK = 0.05
"""Weight of errors that disappear when alpha is limited to [0, 1]."""

_BETA = 0.4
_GRADIENT_BETA = 0.1
"""Absolute error below which the loss is quadratic, of alpha and of its gradient."""

_EXACTNESS = 0.2
_EXACT = 0.03
"""Weight of the absolute error, and the value from which it no longer grows."""

_OUTSIDE = 0.1
"""Weight of pixels far from the edge of the coarse matte, where the network is not used."""

_REACH = 4.0
"""Reach of the band in network pixels."""


def band(probability: Tensor, conditions: Tensor) -> Tensor:
    """Return where the network is used, ``(B, 1, H, W)`` bool: around uncertain probabilities."""
    uncertain = ((probability > 0.04) & (probability < 0.96)).float()
    reach = (_REACH * conditions[:, 0]).ceil()
    found = torch.zeros_like(uncertain)
    for border in sorted({int(each) for each in reach.tolist()}):
        same = reach == border
        size = 2 * border + 1
        across = functional.max_pool2d(uncertain[same], (1, size), 1, (0, border))
        found[same] = functional.max_pool2d(across, (size, 1), 1, (border, 0))
    return found > 0


def edge_loss(predicted: Tensor, alpha: Tensor, inside: Tensor) -> Tensor:
    """Penalty of the error in the band, and of its gradient at two scales.

    Args:
        predicted: ``(B, 1, H, W)``, not limited.
        alpha: ``(B, 1, H, W)`` truth.
        inside: ``(B, 1, H, W)`` the band.

    Returns:
        A scalar.
    """
    error = predicted - alpha
    beyond = ((predicted < 0) & (alpha <= 0)) | ((predicted > 1) & (alpha >= 1))
    error = torch.where(beyond, _LEAK * error, error)
    weight = torch.where(inside, 1.0, _OUTSIDE)
    weight = weight / weight.sum()
    loss = (weight * _penalty(error)).sum()
    for scale in (1, 2):
        part = error if scale == 1 else functional.avg_pool2d(error, scale)
        own = weight if scale == 1 else functional.avg_pool2d(weight, scale) * scale**2
        across, down = (_smooth_l1(part.diff(dim=axis), _GRADIENT_BETA) for axis in (3, 2))
        loss = loss + 0.5 * ((own[..., 1:] * across).sum() + (own[..., 1:, :] * down).sum())
    return loss


def _penalty(error: Tensor) -> Tensor:
    """Return the penalty of an error: mainly its square.

    The minimum of a squared error is the mean of what is possible. Where the plate does not show whether a part that
    the coarse matte has nearly lost belongs to the object, the network so keeps what there is. The minimum of an
    absolute error is the more likely of 0 and 1, and such parts would be deleted. Only small errors are penalised by
    their absolute value too, so that clear background becomes clean.
    """
    return _smooth_l1(error, _BETA) + _EXACTNESS * error.abs().clamp(max=_EXACT)


def _smooth_l1(error: Tensor, beta: float) -> Tensor:
    return functional.smooth_l1_loss(error, torch.zeros_like(error), beta=beta, reduction="none")


@dataclass(frozen=True)
class Errors:
    """Errors of a matte in the band, and of the matte without refinement.

    Args:
        mse: Mean squared error.
        sad: Mean absolute error.
        gradient: Mean absolute error of the gradient.
    """

    mse: float
    sad: float
    gradient: float


@torch.no_grad()
def errors(matte: Tensor, alpha: Tensor, inside: Tensor) -> Errors:
    """Measure a matte, ``(B, 1, H, W)``, in the band."""
    error = torch.where(inside, matte - alpha, 0)
    count = inside.sum()
    gradient = error.diff(dim=3).abs().sum() + error.diff(dim=2).abs().sum()
    return Errors(float((error**2).sum() / count), float(error.abs().sum() / count), float(gradient / count / 2))
