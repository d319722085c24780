"""Mattes in a Cryptomatte, by the names of its objects."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stcn_plugin.errors import KeyframeError
from stcn_plugin.media.cryptomatte import Cryptomatte, cryptomattes, decode, manifest_ids, rank_channels
from stcn_plugin.media.images import ImageHeader, read_image
from stcn_plugin.media.keyframe_file import KeyframeFile, Matte, listed
from stcn_plugin.media.keyframe_layers import Channel


def find_cryptomattes(headers: Sequence[ImageHeader]) -> list[Cryptomatte]:
    """Return the cryptomattes of a file, with the names of their sidecar manifests where they have one."""
    described: dict[str, str] = {}
    for header in headers:
        described.update(header.metadata)
    return [_with_sidecar(found, headers[0].path.parent) for found in cryptomattes(described)]


def choose_object(file: KeyframeFile, found: Sequence[Cryptomatte]) -> KeyframeError:
    """Return the error that asks for an object of a Cryptomatte."""
    names = _names(found)
    example = names[0] if names else "NAME"
    known = f"It has: {listed(names)}" if names else "It carries no manifest of their names"
    fix = f"Choose an object, such as {file.path.name}:{example}. {known}"
    return file.error("the file is a Cryptomatte, and no object of it was chosen", fix)


def read_object(
    file: KeyframeFile, name: str, object_name: str, found: Sequence[Cryptomatte], channels: Sequence[Channel]
) -> Matte:
    """Read the matte of one object.

    Args:
        file: The file.
        name: The shot's name for the object.
        object_name: Its name in the Cryptomatte.
        found: The cryptomattes of the file.
        channels: All channels of the file.

    Raises:
        KeyframeError: There is no such object, or the pixels cannot be read.
    """
    known = _names(found)
    by_name = [one for one in found if object_name in one.ids]
    without_manifest = [one for one in found if not one.ids]
    if not by_name and not without_manifest:
        raise file.unknown("object", object_name, known)
    for one in by_name or without_manifest:
        pixels, header = _ranks(file, one, channels)
        matte = decode(pixels, one.id_of(object_name))
        if by_name or matte.any():
            return file.fit(name, matte, header)
    raise file.error(
        f"there is no object '{object_name}' in this frame of the file",
        "Check the spelling: this Cryptomatte carries no manifest of the names that it has",
    )


def _names(found: Sequence[Cryptomatte]) -> list[str]:
    return sorted({name for one in found for name in one.ids})


def _with_sidecar(found: Cryptomatte, folder: Path) -> Cryptomatte:
    """Read the manifest beside the picture where none is inside; one that is absent leaves the hashes of names."""
    if found.ids or not found.manifest_file:
        return found
    try:
        return replace(found, ids=manifest_ids((folder / found.manifest_file).read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError):
        return found


def _ranks(
    file: KeyframeFile, found: Cryptomatte, channels: Sequence[Channel]
) -> tuple[NDArray[np.float32], ImageHeader]:
    """Read the id and coverage channels of a cryptomatte; its layers may lie in parts of their own."""
    by_name = {channel.name: channel for channel in channels}
    names = [name for pair in rank_channels(found.name, list(by_name)) for name in pair]
    if not names:
        raise file.error(
            f"the file says that it holds the Cryptomatte '{found.name}', but has no channels of it",
            f"Write the layers {found.name}00, {found.name}01... with it",
        )
    parts: dict[str | None, list[Channel]] = defaultdict(list)
    for name in names:
        parts[by_name[name].part].append(by_name[name])
    planes = {}
    for part, members in parts.items():
        stored = [channel.stored for channel in members]
        image = read_image(file.path, part=part, channels=stored, error=KeyframeError, where=file.where)
        planes.update({channel.name: image.pixels[..., index] for index, channel in enumerate(members)})
    return np.stack([planes[name] for name in names], axis=-1), image
