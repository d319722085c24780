"""The variants of the network: encoders, channels and input statistics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

KEY_CHANNELS = 64
"""Channels of memory and query keys, the same in every variant."""

STRIDE = 16
"""Pixels per key element in each dimension; network input is padded to multiples of it."""

VariantName = Literal["lite", "light", "published"]


@dataclass(frozen=True)
class Variant:
    """The architecture of one STCN.

    Args:
        name: Name in the metadata of weights.
        encoders: ``resnet`` as in the paper, ``lite``, or ``light``, which also has its own decoder.
        skip_channels: Channels of the key encoder's features at stride 4, 8 and 16.
        query_value_channels: Channels of the query value.
        memory_value_channels: Channels of a memory value.
        decoder_channels: Channels after ``compress``, ``up_16_8`` and ``up_8_4``.
        mean: Mean of the input statistics, for RGB in 0-1.
        std: Standard deviation of the input statistics.
    """

    name: VariantName
    encoders: Literal["resnet", "lite", "light"]
    skip_channels: tuple[int, int, int]
    query_value_channels: int
    memory_value_channels: int
    decoder_channels: tuple[int, int, int]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


PUBLISHED = Variant(
    name="published",
    encoders="resnet",
    skip_channels=(256, 512, 1024),
    query_value_channels=512,
    memory_value_channels=512,
    decoder_channels=(512, 256, 256),
    mean=(0.485, 0.456, 0.406),
    std=(0.229, 0.224, 0.225),
)

LITE = Variant(
    name="lite",
    encoders="lite",
    skip_channels=(24, 40, 192),
    query_value_channels=128,
    memory_value_channels=256,
    decoder_channels=(256, 128, 128),
    mean=(0.5, 0.5, 0.5),
    std=(0.5, 0.5, 0.5),
)

LIGHT = Variant(
    name="light",
    encoders="light",
    skip_channels=(24, 40, 192),
    query_value_channels=128,
    memory_value_channels=128,
    decoder_channels=(128, 64, 32),
    mean=(0.5, 0.5, 0.5),
    std=(0.5, 0.5, 0.5),
)

VARIANTS: dict[str, Variant] = {variant.name: variant for variant in (PUBLISHED, LITE, LIGHT)}
