"""The network that a run starts from."""

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

_LITE_KEY_GAIN = 0.25


def starting_network(config: TrainingConfig, *, store: WeightsStore) -> STCN:
    """Return the network in eval mode, on the CPU, float32, all of it trainable but what the configuration freezes.

    Batch norm keeps its statistics throughout, as published; hence eval mode.

    Args:
        config: Names the variant, and the weights to start from.
        store: Where weights are found by name.

    Raises:
        WeightsError: Weights are absent or damaged.
        TrainingError: They belong to another variant, or the names to freeze match nothing.
    """
    variant = VARIANTS[config.variant]
    if config.start is None:
        torch.manual_seed(config.seed)
        network = STCN(variant)
        _spread_keys(network)
        if variant.encoders == "light":
            balance(network)
    else:
        loaded = read_weights(store.path(config.start))
        if loaded.variant is not variant:
            what = f"the weights are of the {loaded.variant.name} variant, the run is for {variant.name}"
            raise TrainingError(what, where=config.start)
        network = build_network(loaded, device=torch.device("cpu"))
    if config.key_encoder is not None:
        _put_key_encoder(network, Path(config.key_encoder.file))
    network.to(memory_format=torch.channels_last)
    network.requires_grad_(True).eval()
    for beginning in config.optimiser.frozen:
        found = [parameter for name, parameter in network.named_parameters() if name.startswith(beginning)]
        if not found:
            raise TrainingError(f"optimiser.frozen: no weights' names begin with '{beginning}'")
        for parameter in found:
            parameter.requires_grad_(False)
    return network


def _spread_keys(network: STCN) -> None:
    """Start the key projection as published, orthogonal and without bias, but at a length that leaves much to learn.

    A light encoder's features are several times as large as those that follow a ReLU. Keys that long lie so far apart
    that every pixel reads from one memory element alone, and hardly a gradient tells the keys which one they should
    have read from.
    """
    gain = 1.0 if network.variant.encoders == "resnet" else _LITE_KEY_GAIN
    projection = network.key_proj.key_proj
    weight = torch.nn.init.orthogonal_(torch.empty_like(projection.weight), gain)
    projection.load_state_dict({"weight": weight, "bias": torch.zeros(len(weight))})


def _put_key_encoder(network: STCN, file: Path) -> None:
    """Load ImageNet-trained weights; entries beyond the stages in use, such as the classifier, are left out."""
    try:
        check_torch_file(file)
        state = torch.load(file, map_location="cpu", weights_only=True)
    except WeightsError as error:
        what = f"not weights that torch can read safely: it {error.what}"
        raise TrainingError(what, where=error.where, fix=error.fix) from error
    except Exception as error:  # of a dozen classes, with advice for programmers
        what = "not weights that torch can read safely: it is absent, damaged, or holds more than plain tensors"
        raise TrainingError(what, where=str(file)) from error
    if not isinstance(state, Mapping) or not all(isinstance(entry, Tensor) for entry in state.values()):
        raise TrainingError("holds no state dict (a mapping of names to tensors)", where=str(file))
    # Every publication has names of its own for the same layers; their order and their shapes are the same in all.
    # What joins the light encoder's deepest features to the others comes after them and is in none.
    entries = network.key_encoder.state_dict()
    wanted = {name: entry for name, entry in entries.items() if not name.startswith("deep.")}
    if len(state) < len(wanted):
        raise TrainingError(f"has {len(state)} entries where the key encoder has {len(wanted)}", where=str(file))
    for (name, ours), (their_name, theirs) in zip(wanted.items(), state.items(), strict=False):
        if ours.shape != theirs.shape:
            what = f"the entry '{their_name}' has shape {tuple(theirs.shape)} where '{name}' needs {tuple(ours.shape)}"
            raise TrainingError(what, where=str(file))
    network.key_encoder.load_state_dict({**entries, **dict(zip(wanted, state.values(), strict=False))})
