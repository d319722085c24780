"""Space-Time Correspondence Network (Cheng, Tai and Tang, NeurIPS 2021): keys, values and decoder.

The network has no state. The memory and propagation packages decide what is memorised and when.

Legend: ``O`` objects, ``C`` channels, ``H, W`` input size (multiples of 16), ``h, w`` a sixteenth of it.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from stcn_plugin.network import efficientnet, light, lite, resnet
from stcn_plugin.network.blocks import DecoderContext, FrameFeatures, conv3x3
from stcn_plugin.network.decoder import Decoder
from stcn_plugin.network.variants import KEY_CHANNELS, Variant


class KeyFeatures(NamedTuple):
    """Features of one frame from the key encoder, shared by all objects."""

    query_key: Tensor
    """``(1, 64, h, w)``: also the memory key when the frame is memorised."""
    f16: Tensor
    """``(1, C, h, w)``: input of the query value and of the value encoder."""
    f8: Tensor
    """``(1, C, 2h, 2w)``: skip connection to the decoder."""
    f4: Tensor
    """``(1, C, 4h, 4w)``: skip connection to the decoder."""


class KeyProjection(nn.Module):
    """Stride-16 features to keys."""

    def __init__(self, inputs: int, key_channels: int) -> None:
        super().__init__()
        self.key_proj = conv3x3(inputs, key_channels)

    def forward(self, f16: Tensor) -> Tensor:
        """Map ``(1, inputs, h, w)`` to ``(1, key_channels, h, w)``."""
        key: Tensor = self.key_proj(f16)
        return key


class STCN(nn.Module):
    """The network of one variant.

    Args:
        variant: Encoders, widths and input statistics.
    """

    def __init__(self, variant: Variant) -> None:
        super().__init__()
        self.variant = variant
        f16 = variant.skip_channels[2]
        self.key_encoder: resnet.KeyEncoder | efficientnet.KeyEncoder
        self.value_encoder: resnet.ValueEncoder | lite.ValueEncoder | light.ValueEncoder
        values = variant.memory_value_channels
        if variant.encoders == "resnet":
            self.key_encoder = resnet.KeyEncoder()
            self.value_encoder = resnet.ValueEncoder(key_features=f16, outputs=values)
        elif variant.encoders == "lite":
            self.key_encoder = efficientnet.KeyEncoder()
            self.value_encoder = lite.ValueEncoder(key_features=f16, outputs=values)
        else:
            self.key_encoder = efficientnet.KeyEncoder(with_last_stage=False)  # which takes a twelfth of the time
            self.value_encoder = light.ValueEncoder(variant.skip_channels, values)
        self.key_proj = KeyProjection(f16, KEY_CHANNELS)
        self.key_comp = conv3x3(f16, variant.query_value_channels)
        self.decoder = Decoder(variant)

    def normalise(self, rgb: Tensor) -> Tensor:
        """Normalise display-referred RGB in 0-1, ``(..., 3, H, W)``, by the variant's input statistics."""
        return normalise(rgb, self.variant)

    def encode_key(self, image: Tensor) -> KeyFeatures:
        """Encode one frame.

        Args:
            image: ``(1, 3, H, W)``, normalised and padded.
        """
        f16, f8, f4 = self.key_encoder(image)
        return KeyFeatures(self.key_proj(f16), f16, f8, f4)

    def encode_value(self, image: Tensor, features: KeyFeatures, probabilities: Tensor) -> Tensor:
        """Encode the appearance of each object in one frame.

        Args:
            image: ``(1, 3, H, W)``, normalised and padded.
            features: Features of the same frame.
            probabilities: ``(O, H, W)``, aggregated, without the background.

        Returns:
            Memory values ``(O, C, h, w)``.
        """
        others = probabilities.sum(0, keepdim=True) - probabilities
        shared = self.value_encoder.precompute(FrameFeatures(image, features.f16, features.f8, features.f4))
        value: Tensor = self.value_encoder(torch.stack([probabilities, others], 1), *shared)
        return value

    def decoder_context(self, f16: Tensor, f8: Tensor, f4: Tensor) -> DecoderContext:
        """Compute the part of decoding that all objects share, for the features of a query frame or of a region of it."""
        return self.decoder.precompute(self.key_comp(f16), f8, f4)

    def decode(self, readout: Tensor, context: DecoderContext) -> Tensor:
        """Decode the memory readout to logits.

        Args:
            readout: ``(O, C, h, w)`` affinity-weighted memory values.
            context: From :meth:`decoder_context`, for the query frame.

        Returns:
            Logits ``(O, H, W)``.
        """
        logits: Tensor = self.decoder(readout, context)
        return logits[:, 0]


def normalise(rgb: Tensor, variant: Variant) -> Tensor:
    """Normalise display-referred RGB in 0-1, ``(..., 3, H, W)``, by the input statistics of a variant."""
    mean, std = input_statistics(variant, rgb)
    return (rgb - mean) / std


def input_statistics(variant: Variant, like: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and standard deviation of a variant, ``(3, 1, 1)`` each, with the dtype and device of another tensor."""
    return like.new_tensor(variant.mean)[:, None, None], like.new_tensor(variant.std)[:, None, None]
