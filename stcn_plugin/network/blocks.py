"""Blocks that both variants build from. Shapes are ``(N, C, H, W)``."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


def conv3x3(inputs: int, outputs: int) -> nn.Conv2d:
    """Return a biased 3x3 convolution that keeps the size."""
    return nn.Conv2d(inputs, outputs, kernel_size=3, padding=1)


class ResBlock(nn.Module):
    """Two activated convolutions beside an identity; no batch norm.

    Activation comes before each convolution; where the channels differ, the identity is a convolution of the
    *un-activated* input.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.downsample = conv3x3(inputs, outputs) if inputs != outputs else None
        self.conv1 = conv3x3(inputs, outputs)
        self.conv2 = conv3x3(outputs, outputs)

    @property
    def joining(self) -> nn.Conv2d:
        """The convolution beside, in a block whose channels differ.

        Raises:
            TypeError: They do not.
        """
        if self.downsample is None:
            raise TypeError("a block that keeps its channels has nothing but the identity beside")
        return self.downsample

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(N, inputs, H, W)`` to ``(N, outputs, H, W)``."""
        residual: Tensor = self.conv2(functional.relu(self.conv1(functional.relu(x))))
        identity: Tensor = x if self.downsample is None else self.downsample(x)
        return identity + residual


class UpsampleBlock(nn.Module):
    """Double the resolution and merge in the key encoder's features of that resolution."""

    def __init__(self, *, skip: int, inputs: int, outputs: int) -> None:
        super().__init__()
        self.skip_conv = conv3x3(skip, inputs)
        self.out_conv = ResBlock(inputs, outputs)

    def forward(self, skip: Tensor, x: Tensor) -> Tensor:
        """Merge.

        Args:
            skip: ``(1, inputs, 2h, 2w)``, what ``skip_conv`` makes of the key encoder's features; all objects share it.
            x: ``(N, inputs, h, w)``.

        Returns:
            ``(N, outputs, 2h, 2w)``.
        """
        upsampled = functional.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
        merged: Tensor = self.out_conv(skip + upsampled)
        return merged


class ChannelGate(nn.Module):
    """Scale channels by an MLP of their average and of their maximum (CBAM, reduction 16)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        hidden = channels // 16
        # The first place in the sequence keeps the published entry names mlp.1 and mlp.3.
        self.mlp = nn.Sequential(nn.Flatten(), nn.Linear(channels, hidden), nn.ReLU(), nn.Linear(hidden, channels))

    def forward(self, x: Tensor) -> Tensor:
        """Gate ``(N, C, H, W)``."""
        gate = self.mlp(x.mean((2, 3))) + self.mlp(x.amax((2, 3)))
        return x * torch.sigmoid(gate)[:, :, None, None]


class SpatialGate(nn.Module):
    """Scale pixels by a 7x7 convolution of their channels' maximum and mean (CBAM)."""

    def __init__(self) -> None:
        super().__init__()
        self.spatial = nn.ModuleDict({"conv": nn.Conv2d(2, 1, kernel_size=7, padding=3)})

    def forward(self, x: Tensor) -> Tensor:
        """Gate ``(N, C, H, W)``."""
        summary = torch.cat([x.amax(1, keepdim=True), x.mean(1, keepdim=True)], 1)
        return x * torch.sigmoid(self.spatial["conv"](summary))


class CBAM(nn.Module):
    """Channel gate, then spatial gate (Woo et al., 2018)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.ChannelGate = ChannelGate(channels)
        self.SpatialGate = SpatialGate()

    def forward(self, x: Tensor) -> Tensor:
        """Gate ``(N, C, H, W)``."""
        gated: Tensor = self.SpatialGate(self.ChannelGate(x))
        return gated
