"""Balanced initialisation of the light variant: all inputs of a sum contribute with the same variance.

The features of the key encoder are several times as large as the mask. With PyTorch's default initialisation the mask
accounts for 0.5 % of a memory value, and hundreds of steps pass before the network makes use of it.
"""

from __future__ import annotations

from typing import cast

from torch import nn
from torch.nn import init

from stcn_plugin.network import light
from stcn_plugin.network.stcn import STCN

_STD_4, _STD_8, _STD_16 = 8.8, 8.2, 5.6
"""Standard deviation of the ImageNet-trained features of photographs at stride 4, 8 and 16."""
_MASK = 0.2
"""Standard deviation of the weights applied to masks; their response to the edge of a mask is about 1."""
_RESIDUAL_GAIN = 0.5
_LOGIT_GAIN = 0.3
_LOGIT_BIAS = -1.0
"""Initial logit of an object; most pixels show none."""


def balance(network: STCN) -> None:
    """Initialise value encoder and decoder of a network of the light variant. The key encoder is left unchanged."""
    values, decoder = cast(light.ValueEncoder, network.value_encoder), network.decoder
    for part in (values, decoder):
        for name, module in part.named_modules():
            if isinstance(module, nn.Conv2d):
                _init_after_activation(module, _RESIDUAL_GAIN if name.endswith("conv2") else 1.0)
    _init_normalising(values.from_4, _STD_4)
    _init_normalising(values.from_8, _STD_8)
    _init_normalising(values.from_16, _STD_16)
    init.normal_(values.mask.weight, 0.0, _MASK)
    _init_normalising(network.key_comp, _STD_16)
    _init_normalising(decoder.up_16_8.skip_conv, _STD_8)
    _init_normalising(decoder.up_8_4.skip_conv, _STD_4)
    compress = cast(light.LightJoinedBlock, decoder.compress)
    for shortcut in (values.down_8.downsample, values.down_16.downsample, compress.identity):
        _init_normalising(cast(nn.Conv2d, shortcut), 1.0)
    for block in (decoder.up_16_8, decoder.up_8_4):
        _init_normalising(cast(light.LightUpsampleBlock, block).narrow, 1.0)
    decoder.pred.weight.data.mul_(_LOGIT_GAIN)
    init.constant_(cast(nn.Parameter, decoder.pred.bias), _LOGIT_BIAS)


def _init_after_activation(convolution: nn.Conv2d, gain: float) -> None:
    """Initialise a convolution that follows a ReLU: variance is preserved, times the square of a gain."""
    init.kaiming_normal_(convolution.weight, nonlinearity="relu")
    convolution.weight.data.mul_(gain)
    init.zeros_(cast(nn.Parameter, convolution.bias))


def _init_normalising(convolution: nn.Conv2d, input_std: float) -> None:
    """Initialise a convolution whose inputs have standard deviation ``input_std`` for outputs of 1."""
    fan_in = convolution.weight[0].numel()
    init.normal_(convolution.weight, 0.0, 1 / (input_std * float(fan_in) ** 0.5))
    init.zeros_(cast(nn.Parameter, convolution.bias))
