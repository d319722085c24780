"""Finds the layers of a Cryptomatte, including names that a program has changed."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from stcn_plugin.media.matte_reader.channels import Channel

Ranks = Sequence[tuple[Channel, Channel]]
"""The (id, coverage) channels of each rank, in order."""

Layers = Mapping[str, Sequence[Channel]]
"""Layer name to its channels."""

_NUMBERED = re.compile(r"(?P<name>.+?)(?P<number>\d\d)")


def by_layer(channels: Iterable[Channel]) -> Layers:
    """Group channels by layer; channels without a layer are grouped under the name of their part."""
    layers: dict[str, list[Channel]] = defaultdict(list)
    for channel in channels:
        layer = channel.stored.rpartition(".")[0] or channel.part or ""
        layers[layer].append(channel)
    return layers


def cryptomatte_names(layers: Layers) -> list[str]:
    """Return the names, without their number, of layers with the name and channels of a Cryptomatte."""
    matches = [(_NUMBERED.fullmatch(layer), members) for layer, members in layers.items()]
    names = [match["name"] for match, members in matches if match and len(pairs(members)) == 2]
    return [name for name in dict.fromkeys(names) if "crypto" in name.lower()]


def ranks_by_layer(name: str, layers: Layers) -> Mapping[int, Ranks]:
    """Find the layers of a Cryptomatte by its name, including variants of the name.

    Nuke replaces all characters except letters, digits and dashes by underscores; other programs add or remove the name
    of a layer or part as a prefix.

    Args:
        name: Name of the Cryptomatte in the metadata.
        layers: All layers of the file.

    Returns:
        Layer number to the ranks of that layer, ascending; empty if no layer matches, or layers of several names do.
    """
    by_spelling: dict[str, dict[int, Ranks]] = defaultdict(dict)
    for layer, members in layers.items():
        if (match := _NUMBERED.fullmatch(layer)) and (found := pairs(members)):
            by_spelling[match["name"]][int(match["number"])] = found
    wanted = _plain(name)
    matches = [spelling for spelling in by_spelling if spelling == name]
    matches = matches or [spelling for spelling in by_spelling if _plain(spelling) == wanted]
    matches = matches or [spelling for spelling in by_spelling if _plain(spelling).endswith(f"_{wanted}")]
    matches = matches or [spelling for spelling in by_spelling if wanted.endswith(f"_{_plain(spelling)}")]
    return dict(sorted(by_spelling[matches[0]].items())) if len(matches) == 1 else {}


def pairs(members: Iterable[Channel]) -> list[tuple[Channel, Channel]]:
    """Return the complete (id, coverage) pairs of a layer, at most two."""
    by_short = {channel.short: channel for channel in members}
    return [(by_short[key], by_short[value]) for key, value in ("rg", "ba") if {key, value} <= by_short.keys()]


def _plain(name: str) -> str:
    return re.sub(r"[^0-9a-z-]", "_", name.lower())
