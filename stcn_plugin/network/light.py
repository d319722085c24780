"""The light variant: few channels at high resolution, and one encoder for the image.

The value encoder does not see the image, only masks and the features of the key encoder.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from stcn_plugin.network.blocks import FrameFeatures, JoinedConv2d, ResBlock, Shared, conv3x3
from stcn_plugin.network.lite import ValueBlock

_VALUE_WIDTHS = (32, 64)
"""Channels of value features at stride 4 and 8."""


class LightJoinedBlock(nn.Module):
    """A residual block over an input per object and a shared input; the identity of the first is unchanged.

    Args:
        channels: Channels of the input per object and of the result.
        shared: Channels of the shared input.
    """

    def __init__(self, channels: int, shared: int) -> None:
        super().__init__()
        self.conv1 = JoinedConv2d((channels, shared), channels)
        self.identity = nn.Conv2d(shared, channels, 1)
        self.conv2 = conv3x3(channels, channels)

    def precompute(self, shared: Tensor) -> Shared:
        """Process the shared input, ``(1, shared, H, W)``, once for all objects."""
        return Shared(self.conv1(functional.relu(shared), 1), self.identity(shared))

    def forward(self, own: Tensor, shared: Shared) -> Tensor:
        """Map ``(N, channels, H, W)`` to the same shape."""
        residual = self.conv1(functional.relu(own), 0) + shared.residual
        joined: Tensor = own + shared.identity + self.conv2(functional.relu(residual))
        return joined


class ValueEncoder(nn.Module):
    """Encodes masks and the key encoder's features to values.

    Args:
        features: Channels of the key encoder's features at stride 4, 8 and 16.
        outputs: Channels of the values.
    """

    def __init__(self, features: tuple[int, int, int], outputs: int) -> None:
        super().__init__()
        f4, f8, f16 = features
        fine, middle = _VALUE_WIDTHS
        self.mask = nn.Conv2d(2, fine, 8, stride=4, padding=2)
        self.from_4 = nn.Conv2d(f4, fine, 1)
        self.from_8 = nn.Conv2d(f8, middle, 1)
        self.from_16 = nn.Conv2d(f16, outputs, 1)
        self.down_8 = ValueBlock(fine, middle, stride=2)
        self.down_16 = ValueBlock(middle, outputs, stride=2)
        self.block1 = ResBlock(outputs, outputs)
        self.block2 = ResBlock(outputs, outputs)

    def precompute(self, frame: FrameFeatures) -> tuple[Tensor, ...]:
        """Process a frame once for all objects."""
        return self.from_4(frame.f4), self.from_8(frame.f8), self.from_16(frame.f16)

    def forward(self, masks: Tensor, from_4: Tensor, from_8: Tensor, from_16: Tensor) -> Tensor:
        """Encode masks of each object and of the others, ``(N, 2, H, W)``, with the result of :meth:`precompute`.

        Returns:
            ``(N, outputs, H/16, W/16)``.
        """
        x = functional.relu(self.mask(masks) + from_4)
        x = self.down_8(x) + from_8
        x = self.down_16(functional.relu(x)) + from_16
        value: Tensor = self.block2(self.block1(x))
        return value


class LightUpsampleBlock(nn.Module):
    """Reduces the channels, doubles the resolution and adds the key encoder's features of that resolution.

    Args:
        skip: Channels of the key encoder's features.
        inputs: Input channels.
        outputs: Output channels.
    """

    def __init__(self, *, skip: int, inputs: int, outputs: int) -> None:
        super().__init__()
        self.skip_conv = conv3x3(skip, outputs)
        self.narrow = nn.Conv2d(inputs, outputs, 1)
        self.out_conv = ResBlock(outputs, outputs)

    def forward(self, skip: Tensor, x: Tensor) -> Tensor:
        """Merge.

        Args:
            skip: ``(1, outputs, 2h, 2w)`` features from ``skip_conv``.
            x: ``(N, inputs, h, w)``.

        Returns:
            ``(N, outputs, 2h, 2w)``.
        """
        upsampled = functional.interpolate(self.narrow(x), scale_factor=2.0, mode="bilinear", align_corners=False)
        merged: Tensor = self.out_conv(upsampled.add_(skip))
        return merged
