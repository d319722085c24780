"""The edge network: from plate and enlarged probability to alpha, at plate resolution.

Three estimates of alpha are computed from the plate and the coarse matte. Two of them are keys: the position of a
pixel's colour on the line between the mean colours of object and background nearby, where the coarse matte is certain.
The third is a guided filter: the local linear function of colour that fits the coarse matte best. A small U-Net, whose
first layer reads blocks of 4x4 pixels, weighs these estimates for every pixel, and corrects them by a residual and by
another linear function of colour.

Legend: ``B`` tiles, ``H, W`` plate pixels, multiples of `STRIDE`; ``h, w`` blocks.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from stcn_plugin.response import BLACK, WHITE

BLOCK = 4
"""Side in pixels of the blocks that the first layer reads."""

STRIDE = 16
"""Tiles must be multiples of this size."""

_WIDTHS = (32, 64, 64)
_PIXELS = BLOCK**2
_WINDOWS = (5, 11)
"""Sides of the regions from which the colours of object and background are taken, in units of two blocks."""

_CONDITIONS = 2
_ESTIMATES = len(_WINDOWS) + 1
_PLANES = (4 + _ESTIMATES) * _PIXELS + 3 * len(_WINDOWS) + _CONDITIONS
_FIT_WINDOW = 7
"""Side of the regions of the guided filter in blocks."""

_REGULARISATION = 3e-4
_LEAST_CONTRAST = 0.003
_LEAST_WEIGHT = 1e-3


class _Block(nn.Module):
    """Two convolutions, the first of which may reduce the resolution, with a residual connection."""

    def __init__(self, channels: int, width: int, *, stride: int = 1) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, width, 3, stride, 1)
        self.second = nn.Conv2d(width, width, 3, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.relu(self.first(x))
        return functional.relu(x + self.second(x))


class EdgeNetwork(nn.Module):
    """Refines the edge of a matte.

    Example::

        network = EdgeNetwork()
        alpha = network(rgb, probability, conditions)
    """

    def __init__(self) -> None:
        super().__init__()
        narrow, middle, wide = _WIDTHS
        self.stem = nn.Conv2d(_PLANES, narrow, 3, 1, 1)
        self.encode_4 = nn.Conv2d(narrow, narrow, 3, 1, 1)
        self.encode_8 = _Block(narrow, middle, stride=2)
        self.encode_16 = _Block(middle, wide, stride=2)
        self.deepest = nn.Conv2d(wide, wide, 3, 1, 2, dilation=2)
        self.merge_8 = nn.Conv2d(wide, middle, 1)
        self.decode_8 = nn.Conv2d(middle, middle, 3, 1, 1)
        self.merge_4 = nn.Conv2d(middle, narrow, 1)
        self.decode_4 = _Block(narrow, narrow)
        self.heads = nn.Conv2d(narrow, (1 + _ESTIMATES) * _PIXELS, 3, 1, 1)
        self.colour_model = nn.Conv2d(narrow, 3, 1)
        for head in (self.heads, self.colour_model):
            nn.init.zeros_(head.weight)
            nn.init.zeros_(head.bias)  # type: ignore[arg-type]

    def forward(self, rgb: Tensor, probability: Tensor, conditions: Tensor) -> Tensor:
        """Return alpha, not limited to [0, 1].

        Args:
            rgb: ``(B, 3, H, W)`` display-referred plate in [0, 1].
            probability: ``(B, 1, H, W)`` enlarged probability, before matte levels.
            conditions: ``(B, 2)`` plate pixels per network pixel, and width of the object's edge in plate pixels.

        Returns:
            ``(B, 1, H, W)``.
        """
        colours = _blocks(rgb)
        probabilities = _blocks(probability)
        alpha = levelled(probabilities)
        keyed, hints = _keyed(colours, alpha)
        estimates = [*keyed, _fitted(colours, alpha)]
        scaled = torch.log2(conditions) / 2 - 1
        hints.append(scaled[:, :, None, None].expand(-1, -1, *alpha.shape[-2:]))
        blocks = torch.cat([colours, probabilities, *estimates, *hints], 1)
        blocks.narrow(1, 0, (4 + _ESTIMATES) * _PIXELS).sub_(0.5)
        x4 = functional.relu(self.stem(blocks.to(self.stem.weight.dtype).contiguous(memory_format=torch.channels_last)))
        x4 = functional.relu(x4 + self.encode_4(x4))
        x8 = self.encode_8(x4)
        x16 = self.encode_16(x8)
        x16 = functional.relu(x16 + self.deepest(x16))
        x8 = functional.relu(x8 + _enlarged(self.merge_8(x16)))
        x8 = functional.relu(x8 + self.decode_8(x8))
        x4 = self.decode_4(functional.relu(x4 + _enlarged(self.merge_4(x8))))
        residual, *trust = _planes(self.heads(x4)).chunk(1 + _ESTIMATES, 1)
        found = alpha + residual
        for share, estimate in zip(trust, estimates, strict=True):
            found = torch.addcmul(found, share, estimate - alpha)
        model = _enlarged_to_blocks(_planes(self.colour_model(x4)))
        for factor, colour in zip(model.chunk(3, 1), blocks[:, : 3 * _PIXELS].chunk(3, 1), strict=True):
            found = torch.addcmul(found, factor, colour)
        return functional.pixel_shuffle(found, BLOCK)


def levelled(probability: Tensor) -> Tensor:
    """Return the matte without refinement: a probability after the default matte levels."""
    return ((probability - BLACK) / (WHITE - BLACK)).clamp(0, 1)


def _keyed(colours: Tensor, alpha: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    """Estimate alpha from the colours of the object and of the background nearby.

    Args:
        colours: ``(B, 3 * 16, h, w)`` the plate in blocks.
        alpha: ``(B, 16, h, w)`` after the matte levels, in blocks.

    Returns:
        For every window, alpha in blocks, ``(B, 16, h, w)``, about 0 to 1; and hints ``(B, 3, h, w)``: the contrast of
        the two colours, and how much of the window is surely object and surely background.
    """
    amounts, sums = [], []
    for sure in (alpha.square().square(), (1 - alpha).square().square()):
        amounts.append(sure.mean(1, keepdim=True))
        sums.append((colours.view(len(colours), 3, _PIXELS, *colours.shape[2:]) * sure[:, None]).mean(2))
    reduced = functional.avg_pool2d(torch.cat([*amounts, *sums], 1), 2)
    keyed, hints = [], []
    for window in _WINDOWS:
        means = _enlarged(box(reduced, window))
        front = means[:, 2:5] / (means[:, 0:1] + _LEAST_WEIGHT)
        behind = means[:, 5:] / (means[:, 1:2] + _LEAST_WEIGHT)
        line = front - behind
        contrast = (line**2).sum(1, keepdim=True)
        slope = line / (contrast + _LEAST_CONTRAST)
        keyed.append(_linear(colours, slope, -(behind * slope).sum(1, keepdim=True)))
        hints.append(torch.cat([contrast.sqrt(), means[:, :2]], 1))
    return keyed, hints


def _fitted(colours: Tensor, alpha: Tensor) -> Tensor:
    """Fit alpha by a local linear function of colour (He, Sun, Tang: "Guided Image Filtering", 2010).

    Args:
        colours: ``(B, 3 * 16, h, w)`` the plate in blocks.
        alpha: ``(B, 16, h, w)`` after the matte levels, in blocks.

    Returns:
        Alpha in blocks, ``(B, 16, h, w)``, about 0 to 1.
    """
    red, green, blue, value = (part.mean(1, keepdim=True) for part in (*colours.chunk(3, 1), alpha))
    planes = torch.cat([red, green, blue, value], 1)
    products = [red * red, red * green, red * blue, green * green, green * blue, blue * blue]
    means = box(torch.cat([planes, *products, planes[:, :3] * value], 1), _FIT_WINDOW)
    r, g, b, mean = torch.split(means[:, :4], 1, 1)
    rr, rg, rb, gg, gb, bb = torch.split(means[:, 4:10], 1, 1)
    rr, gg, bb = rr - r * r + _REGULARISATION, gg - g * g + _REGULARISATION, bb - b * b + _REGULARISATION
    rg, rb, gb = rg - r * g, rb - r * b, gb - g * b
    cross = means[:, 10:] - means[:, :3] * mean
    # The inverse of the symmetric covariance, by its cofactors.
    c_rr, c_rg, c_rb = gg * bb - gb * gb, rb * gb - rg * bb, rg * gb - rb * gg
    c_gg, c_gb, c_bb = rr * bb - rb * rb, rg * rb - rr * gb, rr * gg - rg * rg
    determinant = (rr * c_rr + rg * c_rg + rb * c_rb).clamp_min(_REGULARISATION**3)
    x, y, z = torch.split(cross, 1, 1)
    rows = [c_rr * x + c_rg * y + c_rb * z, c_rg * x + c_gg * y + c_gb * z, c_rb * x + c_gb * y + c_bb * z]
    slope = torch.cat(rows, 1) / determinant
    model = box(torch.cat([slope, mean - (slope * means[:, :3]).sum(1, keepdim=True)], 1), _FIT_WINDOW)
    return _linear(colours, model[:, :3], model[:, 3:])


def _linear(colours: Tensor, slope: Tensor, offset: Tensor) -> Tensor:
    """Return alpha in blocks, ``(B, 16, h, w)``, from a linear function of colour, ``(B, 3, h, w)`` and ``(B, 1, h, w)``."""
    red, green, blue = colours.chunk(3, 1)
    alpha = torch.addcmul(offset, red, slope[:, 0:1])
    alpha.addcmul_(green, slope[:, 1:2]).addcmul_(blue, slope[:, 2:3])
    return alpha.clamp_(-0.5, 1.5)


def box(x: Tensor, window: int) -> Tensor:
    """Return means over squares, cut off at the border.

    Args:
        x: ``(..., H, W)``.
        window: Side of the squares, odd.
    """
    return _box(_box(x, window, -1), window, -2)


def _box(x: Tensor, window: int, axis: int) -> Tensor:
    """Return means along an axis, as differences of cumulative sums, whose cost does not depend on the window."""
    length, radius = x.shape[axis], window // 2
    ends = (radius + 1, radius)
    sums = functional.pad(x, ends if axis == -1 else (0, 0, *ends)).cumsum(axis)
    middle = torch.arange(length, device=x.device)
    counts = (middle + radius + 1).clamp_max(length) - (middle - radius).clamp_min(0)
    totals = sums.narrow(axis, window, length) - sums.narrow(axis, 0, length)
    return totals / counts.reshape((length,) + (1,) * (-axis - 1))


def _blocks(x: Tensor) -> Tensor:
    """Return ``(B, C, H, W)`` in blocks, ``(B, C * 16, h, w)``; several times faster than `pixel_unshuffle` on a CPU."""
    count, channels, height, width = x.shape
    split = x.reshape(count, channels, height // BLOCK, BLOCK, width // BLOCK, BLOCK)
    return split.permute(0, 1, 3, 5, 2, 4).reshape(count, channels * _PIXELS, height // BLOCK, width // BLOCK)


def _planes(x: Tensor) -> Tensor:
    """Return the output of a convolution as float32, plane by plane in memory like the plate."""
    if len(x) > 1:
        return x.to(torch.float32, memory_format=torch.contiguous_format)
    # The transpose of a matrix is several times faster than a change of memory format on a CPU.
    rows = x[0].permute(1, 2, 0).flatten(0, 1)
    return rows.t().contiguous().float().view(x.shape)


def _enlarged_to_blocks(x: Tensor) -> Tensor:
    """Enlarge by `BLOCK`, bilinearly.

    Args:
        x: ``(B, C, h, w)``.

    Returns:
        In blocks, ``(B, C * 16, h, w)``.
    """
    padded = functional.pad(x, (1, 1, 1, 1), mode="replicate")
    rows = torch.stack(_between(padded, -2), 2)
    return torch.stack(_between(rows, -1), 3).flatten(1, 3)


def _between(x: Tensor, axis: int) -> list[Tensor]:
    """Return the `BLOCK` values of each block by linear interpolation along an axis, whose ends are not part of the result."""
    length = x.shape[axis] - 2
    before, here, after = (x.narrow(axis, start, length) for start in range(3))
    positions = [(position + 0.5) / BLOCK - 0.5 for position in range(BLOCK)]
    return [torch.lerp(here, after, at) if at > 0 else torch.lerp(before, here, 1 + at) for at in positions]


def _enlarged(x: Tensor) -> Tensor:
    return functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
