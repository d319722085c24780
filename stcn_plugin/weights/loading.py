"""Weights by name to an engine that is ready to run."""

from __future__ import annotations

import logging

import torch

from stcn_plugin.network.convolution import convolution_kind
from stcn_plugin.network.devices import choose_device, choose_precision, release_memory
from stcn_plugin.network.engine import Engine
from stcn_plugin.weights.reading import build_network, read_weights
from stcn_plugin.weights.store import STARTER, WeightsStore

_LOGGER = logging.getLogger(__name__)


def load_engine(weights: str = STARTER, *, device: str = "auto", precision: str = "auto") -> Engine:
    """Load weights into a network that is ready to run.

    Sets ``torch.backends.cudnn.allow_tf32`` on a GPU: float32 is then computed in float32.

    Args:
        weights: Name in the weights store (``stcn weights list``), or path of a ``.safetensors`` file.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1`` or ``mps``; ``auto`` is a GPU that torch supports, or the CPU.
        precision: ``auto``, ``float32``, ``bfloat16`` or ``float16``; ``auto`` is the fastest on the device.

    Raises:
        WeightsError: There are no such weights, or the file is damaged.
        DeviceError: The device does not exist, or does not support the precision.
    """
    chosen = choose_device(device)
    number_format = choose_precision(precision, chosen)
    if chosen.type == "cuda":
        torch.backends.cudnn.allow_tf32 = number_format is not torch.float32  # by default cuDNN rounds float32
    loaded = read_weights(WeightsStore().path(weights))
    network = build_network(loaded, device=chosen)
    kind, threads = convolution_kind(chosen, number_format), torch.get_num_threads()
    _LOGGER.info(
        "%s on %s in %s, %s convolutions, %d threads", network.variant.name, chosen, number_format, kind, threads
    )
    engine = Engine(network, precision=number_format, object_size=loaded.object_size)
    del network
    release_memory()
    return engine
