"""The published encoders: ResNet-50 for keys, ResNet-18 for values, both up to stride 16."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from stcn_plugin.network.blocks import CBAM, FrameFeatures, JoinedBlock, ResBlock, Shared, joined


def _with_biases(module: nn.Module) -> nn.Module:
    """Add a bias to every convolution, in place: the published value encoder has them."""
    for conv in module.modules():
        if isinstance(conv, nn.Conv2d):
            conv.bias = nn.Parameter(torch.zeros(conv.out_channels))
    return module


class KeyEncoder(nn.Module):
    """ResNet-50 to its third stage."""

    def __init__(self) -> None:
        from torchvision.models import resnet50  # imports as slowly as torch, and only this variant needs it

        super().__init__()
        resnet = resnet50(weights=None)
        self.conv1, self.bn1, self.maxpool = resnet.conv1, resnet.bn1, resnet.maxpool
        self.res2, self.layer2, self.layer3 = resnet.layer1, resnet.layer2, resnet.layer3

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Map ``(1, 3, H, W)`` to features of 1024, 512 and 256 channels at stride 16, 8 and 4."""
        x = self.maxpool(functional.relu(self.bn1(self.conv1(image))))
        f4 = self.res2(x)
        f8 = self.layer2(f4)
        return self.layer3(f8), f8, f4


class Fuser(nn.Module):
    """Merges value features with those of the key encoder, with attention (CBAM)."""

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
        from torchvision.models import resnet18

        super().__init__()
        resnet = resnet18(weights=None)
        self.conv1 = nn.Conv2d(5, 64, kernel_size=7, stride=2, padding=3)
        self.bn1, self.maxpool = resnet.bn1, resnet.maxpool
        self.layer1 = _with_biases(resnet.layer1)
        self.layer2 = _with_biases(resnet.layer2)
        self.layer3 = _with_biases(resnet.layer3)
        self.fuser = Fuser((256, key_features), outputs)

    def precompute(self, frame: FrameFeatures) -> tuple[Tensor, ...]:
        """Process a frame once for all objects."""
        return (frame.image, *self.fuser.block1.precompute(frame.f16))

    def forward(self, masks: Tensor, image: Tensor, residual: Tensor, identity: Tensor) -> Tensor:
        """Encode masks of each object and of the others, ``(N, 2, H, W)``, with the result of :meth:`precompute`.

        Returns:
            ``(N, outputs, H/16, W/16)``.
        """
        x = self.maxpool(functional.relu(self.bn1(self.conv1(joined(image, masks)))))
        x = self.layer3(self.layer2(self.layer1(x)))
        value: Tensor = self.fuser(x, Shared(residual, identity))
        return value
