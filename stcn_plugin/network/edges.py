"""The edge network: from plate and enlarged probability to alpha, at plate resolution.

A small U-Net on blocks of 4x4 pixels. Its output is a correction of the probability: a residual for every pixel, and the
coefficients of a local colour model, by which alpha is a linear function of the colour of the plate. The model varies
smoothly, so it needs only one set of coefficients per block, and yet resolves every hair.

Legend: ``B`` tiles, ``H, W`` plate pixels, multiples of `STRIDE`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

BLOCK = 4
"""Side in pixels of the blocks that the first layer reads."""

STRIDE = 16
"""Tiles must be multiples of this size."""

BLACK = 0.15
WHITE = 0.85
"""Matte levels, the defaults of a preset, that turn a probability into the alpha which the network corrects."""

_WIDTHS = (32, 64, 64)
_PLANES = 4
_CONDITIONS = 2


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
        self.stem = nn.Conv2d(_PLANES * BLOCK**2 + _CONDITIONS, narrow, 3, 1, 1)
        self.encode_4 = nn.Conv2d(narrow, narrow, 3, 1, 1)
        self.encode_8 = _Block(narrow, middle, stride=2)
        self.encode_16 = _Block(middle, wide, stride=2)
        self.deepest = nn.Conv2d(wide, wide, 3, 1, 2, dilation=2)
        self.merge_8 = nn.Conv2d(wide, middle, 1)
        self.decode_8 = nn.Conv2d(middle, middle, 3, 1, 1)
        self.merge_4 = nn.Conv2d(middle, narrow, 1)
        self.decode_4 = _Block(narrow, narrow)
        self.residual = nn.Conv2d(narrow, BLOCK**2, 3, 1, 1)
        self.colour_model = nn.Conv2d(narrow, 3, 1)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                nn.init.zeros_(module.bias)  # type: ignore[arg-type]
        for head in (self.residual, self.colour_model):
            nn.init.zeros_(head.weight)

    def forward(self, rgb: Tensor, probability: Tensor, conditions: Tensor) -> Tensor:
        """Return alpha, not limited to [0, 1].

        Args:
            rgb: ``(B, 3, H, W)`` display-referred plate in [0, 1].
            probability: ``(B, 1, H, W)`` enlarged probability, before matte levels.
            conditions: ``(B, 2)`` plate pixels per network pixel, and width of the object's edge in plate pixels.

        Returns:
            ``(B, 1, H, W)``.
        """
        colour = rgb - 0.5
        alpha = ((probability - BLACK) / (WHITE - BLACK)).clamp(0, 1)
        blocks = functional.pixel_unshuffle(torch.cat([colour, probability - 0.5], 1), BLOCK)
        scaled = torch.log2(conditions) / 2 - 1
        planes = scaled[:, :, None, None].expand(-1, -1, *blocks.shape[-2:])
        x4 = functional.relu(self.stem(torch.cat([blocks, planes], 1)))
        x4 = functional.relu(x4 + self.encode_4(x4))
        x8 = self.encode_8(x4)
        x16 = self.encode_16(x8)
        x16 = functional.relu(x16 + self.deepest(x16))
        x8 = functional.relu(x8 + _doubled(self.merge_8(x16)))
        x8 = functional.relu(x8 + self.decode_8(x8))
        x4 = self.decode_4(functional.relu(x4 + _doubled(self.merge_4(x8))))
        model = functional.interpolate(self.colour_model(x4), scale_factor=BLOCK, mode="bilinear", align_corners=False)
        residual = functional.pixel_shuffle(self.residual(x4), BLOCK)
        return alpha + residual + (model * colour).sum(1, keepdim=True)


def _doubled(x: Tensor) -> Tensor:
    return functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
