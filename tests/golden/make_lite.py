"""Compute the golden outputs of the `lite` variant, for weights to be shipped.

    pip install timm
    python tests/golden/make_lite.py stcn_plugin/weights/starter/lite.safetensors tests/golden/lite

Independent implementations are used where they exist: the key encoder is timm's EfficientNet-Lite0, and the propagation
is a dense implementation of the paper without the package's memory, schedule or aggregation. Only the value encoder, the
decoder and the two projections, which exist nowhere else, are the package's own.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import timm
import torch
from stand_in import golden_frames, golden_masks
from torch import Tensor

from stcn_plugin.network.blocks import FrameFeatures
from stcn_plugin.network.stcn import STCN
from stcn_plugin.weights.reading import build_network, read_weights

SIZE = (96, 160)
FRAMES = 8
STORED = (1, 3, 5, 7)
CASES = {"single_object": ([0], 3), "three_objects": ([0, 1, 2], 5)}
TOP_K = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("weights", type=Path, help="a .safetensors file of the lite variant")
    parser.add_argument("out", type=Path, help="the folder that the .npz files go to")
    asked = parser.parse_args()
    network = build_network(read_weights(asked.weights), device=torch.device("cpu"))
    encoder = their_key_encoder(network)
    with torch.no_grad():
        np.savez_compressed(asked.out / "features.npz", **features(network, encoder))
        for name, (objects, interval) in CASES.items():
            probabilities = propagated(network, encoder, objects, interval)[:, list(STORED)]
            np.savez_compressed(
                asked.out / f"{name}.npz",
                frames=np.array(STORED),
                probabilities_u16=(probabilities * 65535).round().numpy().astype(np.uint16),
            )


def their_key_encoder(network: STCN) -> torch.nn.Module:
    """Return timm's network with the key encoder's weights, which have the same names."""
    encoder = timm.create_model("tf_efficientnet_lite0", features_only=True, out_indices=(1, 2, 3, 4))
    state = network.key_encoder.state_dict()
    encoder.load_state_dict({name: entry for name, entry in state.items() if not name.startswith("deep.")})
    return encoder.eval()


def encoded(network: STCN, encoder: torch.nn.Module, picture: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return timm's features at stride 4, 8 and 16; those at stride 32 are joined to the last."""
    f4, f8, f16, f32 = encoder(picture)
    deep = torch.nn.functional.interpolate(network.key_encoder.deep(f32), f16.shape[-2:], mode="bilinear")
    return f4, f8, torch.cat([f16, deep], 1)


def pictures(count: int) -> Tensor:
    """Return frames in the variant's input range, ``(count, 3, H, W)`` in [-1, 1]."""
    return torch.from_numpy(golden_frames(count, *SIZE)).permute(0, 3, 1, 2).float() / 127.5 - 1


def features(network: STCN, encoder: torch.nn.Module) -> dict[str, np.ndarray]:
    f4, f8, f16 = encoded(network, encoder, pictures(1))
    found = {"query_key": network.key_proj(f16), "query_value": network.key_comp(f16), "f16": f16, "f8": f8, "f4": f4}
    return {name: (tensor if name == "query_key" else tensor[:, ::4]).numpy() for name, tensor in found.items()}


def propagated(network: STCN, encoder: torch.nn.Module, objects: list[int], interval: int) -> Tensor:
    """Return probabilities ``(O + 1, T, H, W)``, starting from the masks of the first frame."""
    memory_keys, memory_values, results = [], [], []
    for number, picture in enumerate(pictures(FRAMES)[:, None]):
        f4, f8, f16 = encoded(network, encoder, picture)
        key = network.key_proj(f16).flatten(2)[0]
        if number == 0:
            own = torch.from_numpy(golden_masks(*SIZE)[objects]).float()
        else:
            affinity = dense_affinity(torch.cat(memory_keys, 1), key)
            read = (torch.cat(memory_values, 2) @ affinity).unflatten(2, f16.shape[-2:])
            context = network.decoder.precompute(network.key_comp(f16), f8, f4)
            own = network.decoder(read, context)[:, 0].sigmoid()
        joint = torch.cat([(1 - own).prod(0, keepdim=True), own]).clamp(1e-7, 1 - 1e-7)
        odds = joint / (1 - joint)
        probabilities = odds / odds.sum(0)
        results.append(probabilities)
        if number % interval == 0:
            masks = probabilities[1:]
            others = masks.sum(0) - masks
            shared = network.value_encoder.precompute(FrameFeatures(picture, f16, f8, f4))
            memory_keys.append(key)
            memory_values.append(network.value_encoder(torch.stack([masks, others], 1), *shared).flatten(2))
    return torch.stack(results, 1)


def dense_affinity(memory_key: Tensor, key: Tensor) -> Tensor:
    """Return ``(elements, pixels)``: for each pixel the softmax over its nearest elements."""
    similarity = -((memory_key[:, :, None] - key[:, None, :]) ** 2).sum(0) / len(key) ** 0.5
    nearest = similarity.topk(min(TOP_K, len(similarity)), dim=0)
    return torch.zeros_like(similarity).scatter(0, nearest.indices, nearest.values.softmax(0))


if __name__ == "__main__":
    main()
