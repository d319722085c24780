"""Makes packs: images of the folders of a training configuration, as many as fit in a file of limited size."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.gpu.pack import CutOutKind, PackWriter, encoded_cut_out, encoded_picture
from numpy.random import Generator
from numpy.typing import NDArray
from safetensors.torch import save
from torch import Tensor

from stcn_plugin.bridge.report import NOT_STATED
from stcn_plugin.training.batch import SLOTS
from stcn_plugin.training.config import TrainingConfig
from stcn_plugin.training.elements import Element, ElementReader, find_elements
from stcn_plugin.training.initialisation import initial_network
from stcn_plugin.training.pictures import Clip, PictureReader, Pixels, find_clips, find_stills
from stcn_plugin.training.puppets import puppet
from stcn_plugin.weights.entry import read_metadata
from stcn_plugin.weights.store import WeightsStore

MAX_OBJECTS = SLOTS - 1
"""Objects of a picture that are packed, the largest ones."""

_PUPPET_FRAMES = 4


@dataclass(frozen=True)
class Limits:
    """How much is packed.

    Args:
        size: Maximum size of the file in bytes.
        clip_frames: Maximum number of pictures of a clip, spread over its length.
        element_frames: Maximum number of images of an animated element.
        puppets: Number of puppets.
        least_element: Elements whose longer side is smaller are left out, pixels.
    """

    size: int
    clip_frames: int = 8
    element_frames: int = 6
    puppets: int = 400
    least_element: int = 48


Item = Callable[[PackWriter], None]


def pack(config: TrainingConfig, out: Path, *, limits: Limits, store: WeightsStore, seed: int = 0) -> Mapping[str, int]:
    """Pack the images of a configuration, and its initial weights.

    Every folder gets the same number of bytes, as long as it has images left, so a small folder is packed completely.
    Which images of a large one are packed depends on the seed.

    Args:
        config: The configuration.
        out: The file to write.
        limits: How much is packed.
        store: Store of the initial weights.
        seed: Random seed.

    Returns:
        The number of bytes from each folder.

    Raises:
        STCNError: An image or the initial weights cannot be read, or the file cannot be written.
    """
    rng = np.random.default_rng(seed)
    writer = PackWriter(_initial_weights(config, store))
    sources = _sources(config, limits, rng)
    sizes = dict.fromkeys(sources, 0)
    while sources:
        name = min(sources, key=lambda each: sizes[each])
        item = next(sources[name], None)
        if item is None:
            del sources[name]
            continue
        before = writer.size
        item(writer)
        sizes[name] += writer.size - before
        if writer.size > limits.size - (64 << 10):  # the contents and the last item
            break
    licence = read_metadata(store.path(config.init_weights)).get("license", NOT_STATED) if config.init_weights else ""
    writer.write(out, _without_directories(config), initial_licence=licence)
    return sizes


def _initial_weights(config: TrainingConfig, store: WeightsStore) -> bytes:
    """Return a safetensors file of the initial network, in half precision."""
    network = initial_network(config, store=store)
    state = {
        name: (tensor.detach().half() if tensor.is_floating_point() else tensor).contiguous()
        for name, tensor in network.state_dict().items()
    }
    return save(state, metadata={"variant": network.variant.name})


def _sources(config: TrainingConfig, limits: Limits, rng: Generator) -> dict[str, Iterator[Item]]:
    """Return the items of each folder, in random order, and the puppets."""
    data = config.data
    pictures = PictureReader(short_side=data.short_side, cache_size=1, colour_space=data.colour_space)
    elements = ElementReader(cache_size=1)
    sources: dict[str, Iterator[Item]] = {}
    found: list[tuple[Clip, float]] = []
    for source, find in [*((each, find_clips) for each in data.clips), *((each, find_stills) for each in data.stills)]:
        clips = list(find(Path(source.folder), exclude=source.exclude))
        found += [(clip, source.weight) for clip in clips]
        sources[source.folder] = _clips(_shuffled(clips, rng), pictures, source.weight, limits)
    for folder in data.elements:
        sources[folder.folder] = _elements(_shuffled(find_elements(Path(folder.folder)), rng), elements, limits)
    textures = [clip for clip, _ in found]
    sources["puppets"] = _puppets(rng, textures, pictures, limits.puppets if config.mixture.puppets else 0)
    return sources


def _clips(clips: Sequence[Clip], reader: PictureReader, weight: float, limits: Limits) -> Iterator[Item]:
    for clip in clips:
        pictures = [reader.read(each) for each in _spread(clip.pictures, limits.clip_frames)]
        names = _objects(pictures)
        if names and len({pixels.rgb.shape for pixels in pictures}) == 1:
            yield _clip_item([_encoded(pixels, names) for pixels in pictures], len(names), weight)


def _clip_item(pictures: list[tuple[bytes, bytes]], objects: int, weight: float) -> Item:
    return lambda writer: writer.add_clip(pictures, objects=objects, weight=weight)


def _objects(pictures: Sequence[Pixels]) -> list[str]:
    """Return the largest objects of the first picture that are annotated in all pictures."""
    first = pictures[0].masks
    names = [
        name
        for name, mask in first.items()
        if mask.max(initial=0) > 127 and all(pixels.annotates(name) for pixels in pictures)
    ]
    return sorted(names, key=lambda name: -int(first[name].sum(dtype=np.int64)))[:MAX_OBJECTS]


def _encoded(pixels: Pixels, names: Sequence[str]) -> tuple[bytes, bytes]:
    empty = np.zeros(pixels.rgb.shape[:2], np.uint8)
    return encoded_picture(pixels.rgb, np.stack([pixels.masks.get(name, empty) for name in names]))


def _elements(elements: Sequence[Element], reader: ElementReader, limits: Limits) -> Iterator[Item]:
    for element in elements:
        rgba = reader.read(tuple(_spread(element, limits.element_frames)))
        if rgba is not None and max(rgba.shape[2:]) >= limits.least_element:
            yield _cut_out_item(rgba, "element")


def _puppets(rng: Generator, textures: Sequence[Clip], reader: PictureReader, count: int) -> Iterator[Item]:
    for _ in range(count):
        clip = textures[int(rng.integers(len(textures)))]
        texture = reader.read(clip.pictures[int(rng.integers(len(clip.pictures)))]).rgb
        yield _cut_out_item(puppet(rng, texture, frames=_PUPPET_FRAMES).poses, "puppet")


def _cut_out_item(rgba: Tensor, kind: CutOutKind) -> Item:
    images = [encoded_cut_out(_straight(frame)) for frame in rgba]
    return lambda writer: writer.add_cut_out(images, kind=kind)


def _straight(rgba: Tensor) -> NDArray[np.uint8]:
    """Convert premultiplied float RGBA ``(4, H, W)`` to straight uint8, ``(H, W, 4)``."""
    alpha = rgba[3:]
    colour = (rgba[:3] / alpha.clamp_min(1e-4)).clamp(0, 1) * (alpha > 0)
    pixels: NDArray[np.uint8] = (rgba.new_tensor(255) * colour).round().byte().permute(1, 2, 0).numpy()
    return np.concatenate([pixels, (alpha * 255).round().byte().permute(1, 2, 0).numpy()], -1)


def _spread(items: Sequence[Any], count: int) -> list[Any]:
    """Return at most ``count`` items, evenly spaced."""
    if len(items) <= count:
        return list(items)
    return [items[int(index)] for index in np.linspace(0, len(items) - 1, count).round()]


def _shuffled(items: Sequence[Any], rng: Generator) -> list[Any]:
    return [items[int(index)] for index in rng.permutation(len(items))]


def _without_directories(config: TrainingConfig) -> TrainingConfig:
    """Reduce all paths to their base names: a pack does not disclose directories of this machine."""
    data = config.data

    def named(folders: Sequence[Any]) -> tuple[Any, ...]:
        return tuple(folder.model_copy(update={"folder": Path(folder.folder).name}) for folder in folders)

    encoder = config.init_key_encoder
    return config.model_copy(
        update={
            "out": Path(config.out).name,
            "init_weights": Path(config.init_weights).name if config.init_weights else None,
            "init_key_encoder": encoder.model_copy(update={"file": Path(encoder.file).name}) if encoder else None,
            "data": data.model_copy(
                update={kind: named(getattr(data, kind)) for kind in ("clips", "stills", "elements")}
            ),
            "validation": type(config.validation)(),
        }
    )
