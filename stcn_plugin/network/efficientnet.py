"""EfficientNet-Lite0 as a key encoder, with the entry names and TensorFlow padding of its ImageNet weights."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

_STAGES = (
    # blocks, kernel, stride, inputs, outputs; the last two at stride 32
    (2, 3, 2, 16, 24),
    (2, 5, 2, 24, 40),
    (3, 3, 2, 40, 80),
    (3, 5, 1, 80, 112),
    (4, 5, 2, 112, 192),
    (1, 3, 1, 192, 320),
)
_STRIDE_16 = 112
"""Channels of the last stage at stride 16."""
_DEEP = 80
"""Channels that the stride-32 features are reduced to."""


class SameConv2d(nn.Conv2d):
    """A convolution without bias and with TensorFlow's "same" padding: at stride 2, odd padding is larger at the end.

    Args:
        inputs: Input channels.
        outputs: Output channels.
        kernel: Kernel size.
        stride: 1 or 2; must divide the input size unless ``odd``.
        groups: As in `torch.nn.Conv2d`.
        odd: Whether the input size may be odd. Adds one more row and column of zeros, which do not affect even sizes.
    """

    def __init__(
        self, inputs: int, outputs: int, *, kernel: int, stride: int = 1, groups: int = 1, odd: bool = False
    ) -> None:
        super().__init__(inputs, outputs, kernel, stride=stride, groups=groups, bias=False)
        total = max(kernel - stride, 0)
        self.before = total // 2
        self.after = total - self.before + odd
        if self.before == self.after:
            self.padding = (self.before, self.before)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(N, inputs, H, W)`` to ``(N, outputs, H/stride, W/stride)``, rounded up."""
        if self.before != self.after:
            x = functional.pad(x, (self.before, self.after, self.before, self.after))
        return super().forward(x)


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3)


class DepthwiseSeparable(nn.Module):
    """Depthwise convolution and linear projection."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv_dw = SameConv2d(inputs, inputs, kernel=3, groups=inputs)
        self.bn1 = _norm(inputs)
        self.conv_pw = SameConv2d(inputs, outputs, kernel=1)
        self.bn2 = _norm(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(N, inputs, H, W)`` to ``(N, outputs, H, W)``."""
        projected: Tensor = self.bn2(self.conv_pw(functional.relu6(self.bn1(self.conv_dw(x)))))
        return projected


class InvertedResidual(nn.Module):
    """Expansion by six, depthwise convolution and projection; with an identity if the shapes match."""

    def __init__(self, inputs: int, outputs: int, *, kernel: int, stride: int, odd: bool = False) -> None:
        super().__init__()
        hidden = 6 * inputs
        self.conv_pw = SameConv2d(inputs, hidden, kernel=1)
        self.bn1 = _norm(hidden)
        self.conv_dw = SameConv2d(hidden, hidden, kernel=kernel, stride=stride, groups=hidden, odd=odd)
        self.bn2 = _norm(hidden)
        self.conv_pwl = SameConv2d(hidden, outputs, kernel=1)
        self.bn3 = _norm(outputs)
        self.has_identity = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(N, inputs, H, W)`` to ``(N, outputs, H/stride, W/stride)``, rounded up."""
        y: Tensor = functional.relu6(self.bn1(self.conv_pw(x)))
        y = functional.relu6(self.bn2(self.conv_dw(y)))
        y = self.bn3(self.conv_pwl(y))
        return x + y if self.has_identity else y


class KeyEncoder(nn.Module):
    """EfficientNet-Lite0.

    Stride-16 features are too local to recognise objects, so upsampled stride-32 features are concatenated.

    Args:
        with_last_stage: Whether to include the last and widest stage.
    """

    def __init__(self, *, with_last_stage: bool = True) -> None:
        super().__init__()
        stage_specs = _STAGES if with_last_stage else _STAGES[:-1]
        self.conv_stem = SameConv2d(3, 32, kernel=3, stride=2)
        self.bn1 = _norm(32)
        stages: list[nn.Module] = [nn.Sequential(DepthwiseSeparable(32, 16))]
        for count, kernel, stride, inputs, outputs in stage_specs:
            # Image sizes are multiples of 16, so sizes can be odd only from stride 16 on.
            first = InvertedResidual(inputs, outputs, kernel=kernel, stride=stride, odd=inputs == _STRIDE_16)
            rest = [InvertedResidual(outputs, outputs, kernel=kernel, stride=1) for _ in range(count - 1)]
            stages.append(nn.Sequential(first, *rest))
        self.blocks = nn.ModuleList(stages)
        self.deep = nn.Conv2d(stage_specs[-1][-1], _DEEP, 1)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Map ``(1, 3, H, W)`` to features of 192, 40 and 24 channels at stride 16, 8 and 4."""
        x = functional.relu6(self.bn1(self.conv_stem(image)))
        f4 = self.blocks[1](self.blocks[0](x))
        f8 = self.blocks[2](f4)
        f16 = self.blocks[4](self.blocks[3](f8))
        x = f16
        for stage in self.blocks[5:]:
            x = stage(x)
        f32 = self.deep(x)
        deep = functional.interpolate(f32, scale_factor=2.0, mode="bilinear", align_corners=False)
        # If a size at stride 16 is odd, the doubled one is larger by 1.
        return torch.cat([f16, deep[..., : f16.shape[-2], : f16.shape[-1]]], 1), f8, f4
