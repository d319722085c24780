"""The published encoders: ResNet-50 for keys, ResNet-18 for values, both cut after stride 16."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from stcn_plugin.network.blocks import CBAM, JoinedBlock, ResBlock, Shared


def _convolution(inputs: int, outputs: int, *, kernel: int, stride: int = 1, bias: bool) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, kernel, stride=stride, padding=kernel // 2, bias=bias)


def _shortcut(inputs: int, outputs: int, *, stride: int, bias: bool) -> nn.Sequential | None:
    """Return what brings a block's input into the shape of its output, where they differ."""
    if stride == 1 and inputs == outputs:
        return None
    return nn.Sequential(
        _convolution(inputs, outputs, kernel=1, stride=stride, bias=bias),
        nn.BatchNorm2d(outputs),
    )


class BasicBlock(nn.Module):
    """Two convolutions beside an identity. The published value encoder's have biases before each batch norm."""

    def __init__(self, inputs: int, outputs: int, *, stride: int) -> None:
        super().__init__()
        self.conv1 = _convolution(inputs, outputs, kernel=3, stride=stride, bias=True)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = _convolution(outputs, outputs, kernel=3, bias=True)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample = _shortcut(inputs, outputs, stride=stride, bias=True)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(N, inputs, H, W)`` to ``(N, outputs, H/stride, W/stride)``."""
        y = functional.relu(self.bn1(self.conv1(x)))
        identity = x if self.downsample is None else self.downsample(x)
        return functional.relu(identity + self.bn2(self.conv2(y)))


class Bottleneck(nn.Module):
    """Narrow to a quarter, convolve, widen, beside an identity; the stride is the middle convolution's."""

    def __init__(self, inputs: int, outputs: int, *, stride: int) -> None:
        super().__init__()
        hidden = outputs // 4
        self.conv1 = _convolution(inputs, hidden, kernel=1, bias=False)
        self.bn1 = nn.BatchNorm2d(hidden)
        self.conv2 = _convolution(hidden, hidden, kernel=3, stride=stride, bias=False)
        self.bn2 = nn.BatchNorm2d(hidden)
        self.conv3 = _convolution(hidden, outputs, kernel=1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.downsample = _shortcut(inputs, outputs, stride=stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(N, inputs, H, W)`` to ``(N, outputs, H/stride, W/stride)``."""
        y = functional.relu(self.bn1(self.conv1(x)))
        y = functional.relu(self.bn2(self.conv2(y)))
        identity = x if self.downsample is None else self.downsample(x)
        return functional.relu(identity + self.bn3(self.conv3(y)))


def _stage(
    block: type[BasicBlock | Bottleneck], count: int, inputs: int, outputs: int, *, stride: int
) -> nn.Sequential:
    rest = (block(outputs, outputs, stride=1) for _ in range(count - 1))
    return nn.Sequential(block(inputs, outputs, stride=stride), *rest)


class KeyEncoder(nn.Module):
    """ResNet-50 to its third stage."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = _convolution(3, 64, kernel=7, stride=2, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        self.res2 = _stage(Bottleneck, 3, 64, 256, stride=1)
        self.layer2 = _stage(Bottleneck, 4, 256, 512, stride=2)
        self.layer3 = _stage(Bottleneck, 6, 512, 1024, stride=2)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Map ``(1, 3, H, W)`` to features of 1024, 512 and 256 channels at stride 16, 8 and 4."""
        x = self.maxpool(functional.relu(self.bn1(self.conv1(image))))
        f4 = self.res2(x)
        f8 = self.layer2(f4)
        return self.layer3(f8), f8, f4


class Fuser(nn.Module):
    """Merge value features with the key encoder's, with attention (CBAM) in between."""

    def __init__(self, inputs: tuple[int, int], outputs: int) -> None:
        super().__init__()
        self.block1 = JoinedBlock(inputs, outputs)
        self.attention = CBAM(outputs)
        self.block2 = ResBlock(outputs, outputs)

    def forward(self, x: Tensor, shared: Shared) -> Tensor:
        """Map ``(N, inputs[0], h, w)`` to ``(N, outputs, h, w)``."""
        x = self.block1(x, shared)
        fused: Tensor = self.block2(x + self.attention(x))
        return fused


class ValueEncoder(nn.Module):
    """ResNet-18 to its third stage on [image, mask, others], fused with the key encoder's stride-16 features."""

    def __init__(self, *, key_features: int, outputs: int) -> None:
        super().__init__()
        self.conv1 = _convolution(5, 64, kernel=7, stride=2, bias=True)
        self.bn1 = nn.BatchNorm2d(64)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        self.layer1 = _stage(BasicBlock, 2, 64, 64, stride=1)
        self.layer2 = _stage(BasicBlock, 2, 64, 128, stride=2)
        self.layer3 = _stage(BasicBlock, 2, 128, 256, stride=2)
        self.fuser = Fuser((256, key_features), outputs)

    def share(self, f16: Tensor) -> Shared:
        """Do the work on a frame's stride-16 features, ``(1, C, h, w)``, once for all objects."""
        return self.fuser.block1.share(f16)

    def forward(self, image_masks: Tensor, shared: Shared) -> Tensor:
        """Map ``(N, 5, H, W)`` and what :meth:`share` gave to values ``(N, outputs, H/16, W/16)``."""
        x = self.maxpool(functional.relu(self.bn1(self.conv1(image_masks))))
        x = self.layer3(self.layer2(self.layer1(x)))
        value: Tensor = self.fuser(x, shared)
        return value
