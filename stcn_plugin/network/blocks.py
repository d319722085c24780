"""Building blocks of the variants. Shapes are ``(N, C, H, W)``."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from stcn_plugin.threads import one_thread


def conv3x3(inputs: int, outputs: int) -> nn.Conv2d:
    """Return a biased 3x3 convolution that keeps the size."""
    return nn.Conv2d(inputs, outputs, kernel_size=3, padding=1)


def scaled(x: Tensor, gain: Tensor) -> Tensor:
    """Multiply ``(N, C, H, W)`` by a gain per channel, ``(C, 1, 1)``, in the dtype of the first."""
    return x * gain.to(x.dtype)


def joined(image: Tensor, masks: Tensor) -> Tensor:
    """Concatenate an image, ``(1, 3, H, W)`` or one per object, with masks ``(N, 2, H, W)`` to ``(N, 5, H, W)``."""
    every = torch.cat([image.expand(masks.shape[0], -1, -1, -1), masks], 1)
    return every.contiguous(memory_format=torch.channels_last)


class FrameFeatures(NamedTuple):
    """Inputs of a value encoder besides the masks; all objects share them."""

    image: Tensor
    """``(1, 3, H, W)``, normalised and padded."""
    f16: Tensor
    """``(1, C, H/16, W/16)``, from the key encoder, as the next two."""
    f8: Tensor
    """``(1, C, H/8, W/8)``"""
    f4: Tensor
    """``(1, C, H/4, W/4)``"""


class JoinedConv2d(nn.Conv2d):
    """A 3x3 convolution of two concatenated inputs, computed for one input at a time.

    A convolution is a sum over channels, so the two results add up to the convolution of both.

    Args:
        inputs: Channels of the first and of the second input.
        outputs: Channels of the result.
    """

    def __init__(self, inputs: tuple[int, int], outputs: int) -> None:
        super().__init__(sum(inputs), outputs, kernel_size=3, padding=1)
        self.inputs = inputs

    def part(self, which: int) -> tuple[Tensor, Tensor | None]:
        """Return weight and bias for the first (0) or the second input (1); only the second has the bias."""
        first, _ = self.inputs
        return (self.weight[:, first:], self.bias) if which else (self.weight[:, :first], None)

    def forward(self, input: Tensor, which: int = 0) -> Tensor:  # noqa: A002 - torch's name
        """Map the first (0) or the second input (1), ``(N, inputs[which], H, W)``, to ``(N, outputs, H, W)``."""
        return functional.conv2d(input, *self.part(which), padding=1)


class ResBlock(nn.Module):
    """Two activated convolutions and an identity; no batch norm.

    Activation precedes each convolution. If the channels differ, the identity is a convolution of the *un-activated*
    input.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.downsample = conv3x3(inputs, outputs) if inputs != outputs else None
        self.conv1 = conv3x3(inputs, outputs)
        self.conv2 = conv3x3(outputs, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(N, inputs, H, W)`` to ``(N, outputs, H, W)``."""
        residual: Tensor = self.conv2(functional.relu(self.conv1(functional.relu(x))))
        identity: Tensor = x if self.downsample is None else self.downsample(x)
        return identity + residual


class Shared(NamedTuple):
    """The part of a joined block that depends only on its second input; all objects share it."""

    residual: Tensor
    """``(1, C, H, W)``: part of the first convolution's output."""
    identity: Tensor
    """``(1, C, H, W)``: part of the identity."""


class JoinedBlock(nn.Module):
    """A `ResBlock` over two concatenated inputs: one per object, and one that all objects share.

    Args:
        inputs: Channels of the input per object and of the shared input.
        outputs: Channels of the result; not the sum of ``inputs``.
    """

    def __init__(self, inputs: tuple[int, int], outputs: int) -> None:
        super().__init__()
        self.downsample = JoinedConv2d(inputs, outputs)
        self.conv1 = JoinedConv2d(inputs, outputs)
        self.conv2 = conv3x3(outputs, outputs)

    def precompute(self, shared: Tensor) -> Shared:
        """Process the shared input, ``(1, inputs[1], H, W)``, once for all objects."""
        return Shared(self.conv1(functional.relu(shared), 1), self.downsample(shared, 1))

    def forward(self, own: Tensor, shared: Shared) -> Tensor:
        """Map ``(N, inputs[0], H, W)`` to ``(N, outputs, H, W)``."""
        residual = self.conv1(functional.relu(own), 0) + shared.residual
        identity = self.downsample(own, 0) + shared.identity
        joined: Tensor = identity + self.conv2(functional.relu(residual))
        return joined


class DecoderContext(NamedTuple):
    """The part of decoding that depends only on the query frame; all objects share it."""

    residual: Tensor
    """``(1, C, h, w)``: part of the first convolution's output that comes from the query value."""
    identity: Tensor
    """``(1, C, h, w)``: part of the identity that comes from the query value."""
    skip8: Tensor
    """``(1, C, 2h, 2w)``"""
    skip4: Tensor
    """``(1, C, 4h, 4w)``"""


class UpsampleBlock(nn.Module):
    """Doubles the resolution and adds the key encoder's features of that resolution."""

    def __init__(self, *, skip: int, inputs: int, outputs: int) -> None:
        super().__init__()
        self.skip_conv = conv3x3(skip, inputs)
        self.out_conv = ResBlock(inputs, outputs)

    def forward(self, skip: Tensor, x: Tensor) -> Tensor:
        """Merge.

        Args:
            skip: ``(1, inputs, 2h, 2w)`` features from ``skip_conv``; all objects share them.
            x: ``(N, inputs, h, w)``.

        Returns:
            ``(N, outputs, 2h, 2w)``.
        """
        upsampled = functional.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
        merged: Tensor = self.out_conv(upsampled.add_(skip))
        return merged


class SteadyLinear(nn.Linear):
    """A linear layer with the same bits for any number of threads; see `stcn_plugin.threads`."""

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(N, inputs)`` to ``(N, outputs)``."""
        with one_thread(x.device):
            return super().forward(x)


class ChannelGate(nn.Module):
    """Scales channels by an MLP of their average and maximum (CBAM, reduction 16)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        hidden = channels // 16
        # Flatten comes first, so that the entries have their published names, mlp.1 and mlp.3.
        self.mlp = nn.Sequential(
            nn.Flatten(), SteadyLinear(channels, hidden), nn.ReLU(), SteadyLinear(hidden, channels)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Gate ``(N, C, H, W)``."""
        gate = self.mlp(x.mean((2, 3))) + self.mlp(x.amax((2, 3)))
        return x * torch.sigmoid(gate)[:, :, None, None]


class SpatialGate(nn.Module):
    """Scales pixels by a 7x7 convolution of the maximum and mean over channels (CBAM)."""

    def __init__(self) -> None:
        super().__init__()
        self.spatial = nn.ModuleDict({"conv": nn.Conv2d(2, 1, kernel_size=7, padding=3)})

    def forward(self, x: Tensor) -> Tensor:
        """Gate ``(N, C, H, W)``."""
        summary = torch.cat([x.amax(1, keepdim=True), x.mean(1, keepdim=True)], 1)
        return x * torch.sigmoid(self.spatial["conv"](summary))


class CBAM(nn.Module):
    """Channel gate followed by spatial gate (Woo et al., 2018)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.ChannelGate = ChannelGate(channels)
        self.SpatialGate = SpatialGate()

    def forward(self, x: Tensor) -> Tensor:
        """Gate ``(N, C, H, W)``."""
        gated: Tensor = self.SpatialGate(self.ChannelGate(x))
        return gated
