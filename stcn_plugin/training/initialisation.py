"""The initial network of a run: from weights, or random with ImageNet weights for the key encoder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from stcn_plugin.errors import TrainingError, WeightsError
from stcn_plugin.network.stcn import STCN
from stcn_plugin.network.variants import VARIANTS
from stcn_plugin.training.balancing import balance
from stcn_plugin.training.config import TrainingConfig
from stcn_plugin.weights.reading import build_network, read_weights
from stcn_plugin.weights.store import WeightsStore
from stcn_plugin.weights.torch_files import check_torch_file

_SHORT_KEY_GAIN = 0.25


def initial_network(config: TrainingConfig, *, store: WeightsStore) -> STCN:
    """Return the initial network in float32, on the CPU. Parameters not in ``optimiser.frozen`` require gradients.

    The network is in eval mode, because batch normalisation keeps its statistics during training, as published.

    Args:
        config: The configuration.
        store: Store of the initial weights.

    Raises:
        WeightsError: The weights are missing or damaged.
        TrainingError: The weights belong to another variant, or a prefix to freeze matches no parameter.
    """
    variant = VARIANTS[config.variant]
    if config.init_weights is None:
        torch.manual_seed(config.seed)
        network = STCN(variant)
        _init_key_projection(network)
        if variant.encoders == "light":
            balance(network)
    else:
        loaded = read_weights(store.path(config.init_weights))
        if loaded.variant is not variant:
            what = f"the weights belong to the variant {loaded.variant.name}, the run trains {variant.name}"
            raise TrainingError(what, where=config.init_weights)
        network = build_network(loaded, device=torch.device("cpu"))
    if config.init_key_encoder is not None:
        _load_key_encoder(network, Path(config.init_key_encoder.file))
    network.to(memory_format=torch.channels_last)
    network.requires_grad_(True).eval()
    for prefix in config.optimiser.frozen:
        found = [parameter for name, parameter in network.named_parameters() if name.startswith(prefix)]
        if not found:
            raise TrainingError(f"optimiser.frozen: no parameter name starts with '{prefix}'")
        for parameter in found:
            parameter.requires_grad_(False)
    return network


def _init_key_projection(network: STCN) -> None:
    """Initialise the key projection as published, orthogonal without bias, but shorter for light encoders.

    Features of a light encoder do not follow a ReLU and are several times as large. With keys of that length the
    affinity is almost one-hot, and the keys receive hardly any gradient.
    """
    gain = 1.0 if network.variant.encoders == "resnet" else _SHORT_KEY_GAIN
    projection = network.key_proj.key_proj
    weight = torch.nn.init.orthogonal_(torch.empty_like(projection.weight), gain)
    projection.load_state_dict({"weight": weight, "bias": torch.zeros(len(weight))})


def _load_key_encoder(network: STCN, file: Path) -> None:
    """Load ImageNet-trained weights; entries after those of the key encoder, such as the classifier, are ignored."""
    try:
        check_torch_file(file)
        state = torch.load(file, map_location="cpu", weights_only=True)
    except WeightsError as error:
        what = f"not weights that torch can read safely: it {error.what}"
        raise TrainingError(what, where=error.where, fix=error.fix) from error
    except Exception as error:  # torch.load raises many classes, with advice for programmers
        what = "not weights that torch can read safely: the file is missing, damaged, or holds more than plain tensors"
        raise TrainingError(what, where=str(file)) from error
    if not isinstance(state, Mapping) or not all(isinstance(entry, Tensor) for entry in state.values()):
        raise TrainingError("not a state dict (a mapping of names to tensors)", where=str(file))
    # Layer names differ between publications; order and shapes do not. The layers that concatenate stride-32 features
    # come last and are not part of ImageNet weights.
    entries = network.key_encoder.state_dict()
    expected = {name: entry for name, entry in entries.items() if not name.startswith("deep.")}
    if len(state) < len(expected):
        raise TrainingError(f"{len(state)} entries, but the key encoder has {len(expected)}", where=str(file))
    for (name, entry), (file_name, file_entry) in zip(expected.items(), state.items(), strict=False):
        if entry.shape != file_entry.shape:
            what = f"the entry '{file_name}' has shape {tuple(file_entry.shape)}, '{name}' needs {tuple(entry.shape)}"
            raise TrainingError(what, where=str(file))
    network.key_encoder.load_state_dict({**entries, **dict(zip(expected, state.values(), strict=False))})
