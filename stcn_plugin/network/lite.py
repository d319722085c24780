"""The lite encoders: EfficientNet-Lite0 for keys, a small residual network for values."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from stcn_plugin.network.blocks import FrameFeatures, JoinedBlock, ResBlock, Shared, conv3x3, joined, scaled

_VALUE_WIDTHS = (32, 64, 64, 128, 128, 192, 192)
_VALUE_STRIDES = (2, 1, 2, 1, 2, 1)


class ValueBlock(nn.Module):
    """A residual block with a learned gain per channel of the residual."""

    def __init__(self, inputs: int, outputs: int, *, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1)
        self.conv2 = conv3x3(outputs, outputs)
        self.gain = nn.Parameter(torch.zeros(outputs, 1, 1))
        has_same_shape = stride == 1 and inputs == outputs
        self.downsample = None if has_same_shape else nn.Conv2d(inputs, outputs, 1, stride=stride)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(N, inputs, H, W)`` to ``(N, outputs, H/stride, W/stride)``."""
        residual = self.conv2(functional.relu(self.conv1(x)))
        identity = x if self.downsample is None else self.downsample(x)
        return functional.relu(identity + scaled(residual, self.gain))


class Fuser(nn.Module):
    """Merges value features with those of the key encoder."""

    def __init__(self, inputs: tuple[int, int], outputs: int) -> None:
        super().__init__()
        self.block1 = JoinedBlock(inputs, outputs)
        self.block2 = ResBlock(outputs, outputs)

    def forward(self, x: Tensor, shared: Shared) -> Tensor:
        """Map ``(N, inputs[0], h, w)`` to ``(N, outputs, h, w)``."""
        fused: Tensor = self.block2(self.block1(x, shared))
        return fused


class ValueEncoder(nn.Module):
    """Small residual network on [image, mask, others], fused with the key encoder's stride-16 features."""

    def __init__(self, *, key_features: int, outputs: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(5, _VALUE_WIDTHS[0], 7, stride=2, padding=3)
        widths = zip(_VALUE_WIDTHS[:-1], _VALUE_WIDTHS[1:], _VALUE_STRIDES, strict=True)
        self.blocks = nn.Sequential(*(ValueBlock(i, o, stride=s) for i, o, s in widths))
        self.fuser = Fuser((_VALUE_WIDTHS[-1], key_features), outputs)

    def precompute(self, frame: FrameFeatures) -> tuple[Tensor, ...]:
        """Process a frame once for all objects."""
        return (frame.image, *self.fuser.block1.precompute(frame.f16))

    def forward(self, masks: Tensor, image: Tensor, residual: Tensor, identity: Tensor) -> Tensor:
        """Encode masks of each object and of the others, ``(N, 2, H, W)``, with the result of :meth:`precompute`.

        Returns:
            ``(N, outputs, H/16, W/16)``.
        """
        x = self.blocks(functional.relu(self.stem(joined(image, masks))))
        value: Tensor = self.fuser(x, Shared(residual, identity))
        return value
