"""The layers of a Cryptomatte among those of a file, however the program that wrote it spells them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from stcn_plugin.media.matte_reader.channels import Channel

Ranks = Sequence[tuple[Channel, Channel]]
"""The channels of id and coverage, best rank first."""

Layers = Mapping[str, Sequence[Channel]]
"""The channels of a file by layer."""

_NUMBERED = re.compile(r"(?P<name>.+?)(?P<number>\d\d)")


def by_layer(channels: Iterable[Channel]) -> Layers:
    """Return the channels of each layer; those of a part without layers are a layer by the part's name."""
    layers: dict[str, list[Channel]] = defaultdict(list)
    for channel in channels:
        layer = channel.stored.rpartition(".")[0] or channel.part or ""
        layers[layer].append(channel)
    return layers


def cryptomatte_names(layers: Layers) -> list[str]:
    """Return the names, without their number, of layers that are called a Cryptomatte's and have its channels."""
    matches = [(_NUMBERED.fullmatch(layer), members) for layer, members in layers.items()]
    names = [match["name"] for match, members in matches if match and len(pairs(members)) == 2]
    return [name for name in dict.fromkeys(names) if "crypto" in name.lower()]


def ranks_by_name(name: str, layers: Layers) -> Ranks:
    """Find the ranks of a Cryptomatte by its name, also where a host has changed what it does not allow in names.

    Nuke puts an underscore for all but letters, digits and dashes; programs put a layer's or a part's name before it, or
    leave such a name away.

    Args:
        name: Name of its layers without their number, as its metadata tell it.
        layers: All layers of the file.

    Returns:
        Its ranks; none where no layers, or those of several names, may be its own.
    """
    by_spelling: dict[str, dict[int, Ranks]] = defaultdict(dict)
    for layer, members in layers.items():
        if (match := _NUMBERED.fullmatch(layer)) and (found := pairs(members)):
            by_spelling[match["name"]][int(match["number"])] = found
    wanted = _plain(name)
    alike = [spelling for spelling in by_spelling if spelling == name]
    alike = alike or [spelling for spelling in by_spelling if _plain(spelling) == wanted]
    alike = alike or [spelling for spelling in by_spelling if _plain(spelling).endswith(f"_{wanted}")]
    alike = alike or [spelling for spelling in by_spelling if wanted.endswith(f"_{_plain(spelling)}")]
    if len(alike) != 1:
        return []
    return [pair for _, found in sorted(by_spelling[alike[0]].items()) for pair in found]


def pairs(members: Iterable[Channel]) -> list[tuple[Channel, Channel]]:
    """Return id and coverage of the two ranks of a layer, as far as it has them."""
    by_short = {channel.short: channel for channel in members}
    return [(by_short[key], by_short[value]) for key, value in ("rg", "ba") if {key, value} <= by_short.keys()]


def _plain(name: str) -> str:
    return re.sub(r"[^0-9a-z-]", "_", name.lower())
