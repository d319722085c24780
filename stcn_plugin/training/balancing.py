"""Weights to start the light variant from: every input of a sum is as loud as the others.

The key encoder's features are several times as large as a mask. Under the usual first weights a mask is one part in two
hundred of a value, and hundreds of steps pass before the network learns that there is one.
"""

from __future__ import annotations

from typing import cast

from torch import nn
from torch.nn import init

from stcn_plugin.network import light
from stcn_plugin.network.stcn import STCN

_SPREAD_4, _SPREAD_8, _SPREAD_16 = 8.8, 8.2, 5.6
"""Standard deviation of the ImageNet-trained features of photographs at stride 4, 8 and 16."""
_MASK = 0.2
"""Standard deviation of the weights that read masks: what they make of a mask's edge is about 1."""
_RESIDUAL = 0.5
_PREDICTION = 0.3
_RARE = -1.0
"""Logit of an object at first; most pixels show none."""


def balance(network: STCN) -> None:
    """Draw the first weights of values and decoder of a network of the light variant; keys are left as they are."""
    values, decoder = cast(light.ValueEncoder, network.value_encoder), network.decoder
    for part in (values, decoder):
        for name, module in part.named_modules():
            if isinstance(module, nn.Conv2d):
                _activated(module, _RESIDUAL if name.endswith("conv2") else 1.0)
    _plain(values.from_4, _SPREAD_4)
    _plain(values.from_8, _SPREAD_8)
    _plain(values.from_16, _SPREAD_16)
    init.normal_(values.mask.weight, 0.0, _MASK)
    _plain(network.key_comp, _SPREAD_16)
    _plain(decoder.up_16_8.skip_conv, _SPREAD_8)
    _plain(decoder.up_8_4.skip_conv, _SPREAD_4)
    compress = cast(light.LightJoinedBlock, decoder.compress)
    for shortcut in (values.down_8.downsample, values.down_16.downsample, compress.identity):
        _plain(cast(nn.Conv2d, shortcut), 1.0)
    for block in (decoder.up_16_8, decoder.up_8_4):
        _plain(cast(light.LightUpsampleBlock, block).narrow, 1.0)
    decoder.pred.weight.data.mul_(_PREDICTION)
    init.constant_(cast(nn.Parameter, decoder.pred.bias), _RARE)


def _activated(convolution: nn.Conv2d, gain: float) -> None:
    """Draw weights that keep the variance of what went through an activation, times a gain."""
    init.kaiming_normal_(convolution.weight, nonlinearity="relu")
    convolution.weight.data.mul_(gain)
    init.zeros_(cast(nn.Parameter, convolution.bias))


def _plain(convolution: nn.Conv2d, spread: float) -> None:
    """Draw weights that bring inputs of some standard deviation to 1."""
    inputs = convolution.weight[0].numel()
    init.normal_(convolution.weight, 0.0, 1 / (spread * float(inputs) ** 0.5))
    init.zeros_(cast(nn.Parameter, convolution.bias))
