"""Mattes as animated layers: loaded file by file into a hidden document, then shown at once.

Writing to a frame of a layer needs that frame to be current, so it happens in a document that the artist does not see.
The layers have white pixels, whose alpha is the matte, in half float as in the files.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import final

from krita import Document, GroupLayer, Krita, Node

from stcn_plugin.bridge.files import frame_path
from stcn_plugin.errors import HostError

from .animated_layers import discard, hidden_document, keep_active, load_file
from .object_layers import OBJECTS, find_group
from .shot_settings import ShotSettings

MATTES = "Mattes"
"""Name of the group."""

_DEPTH = "F16"
_HALF_OPAQUE = 128


@final
class MatteLoading:
    """Loads the mattes of a job.

    Args:
        document: The artist's document.
        patterns: Object to the frame pattern of its mattes.
        frames: Frames of the document.
        shift: Number of a file minus the frame that shows it.
    """

    def __init__(self, document: Document, patterns: Mapping[str, str], *, frames: range, shift: int) -> None:
        self._document = document
        self._patterns = dict(patterns)
        self._frames = frames
        self._shift = shift
        self._to_load: deque[tuple[str, int]] = deque()
        self._hidden: Document | None = None
        self._layers: dict[str, Node] = {}
        self._shown = {name: layer for name in patterns if (layer := self._complete_layer(name)) is not None}
        known = ShotSettings.of(document).loaded
        self._loaded = {name: dict(known.get(name, {})) if name in self._shown else {} for name in patterns}

    @property
    def remaining(self) -> int:
        """Number of files to load."""
        return len(self._to_load)

    def add_frame(self, number: int) -> None:
        """Load the mattes of a frame, which have just been written.

        Args:
            number: Number of its files.
        """
        frame = number - self._shift
        if frame in self._frames:
            self._to_load.extend((name, frame) for name in self._patterns)

    def add_all(self) -> None:
        """Load all mattes that have changed since they were loaded."""
        self._to_load = deque(
            (name, frame) for name in self._patterns for frame in self._frames if self._is_stale(name, frame)
        )

    def load_next(self) -> bool:
        """Load one file; return whether there was any.

        Raises:
            HostError: Krita cannot create the layers.
        """
        while self._to_load:
            name, frame = self._to_load.popleft()
            if self._is_stale(name, frame):
                self._load(name, frame)
                return True
        return False

    def show(self) -> None:
        """Add the layers to the document in place of those of an earlier job, and end the loading.

        Raises:
            HostError: The document was closed.
        """
        if self._document not in Krita.instance().documents():
            self.discard()
            raise HostError(
                "the document was closed; the mattes are on disk", where=next(iter(self._patterns.values()))
            )
        if self._hidden is None:
            return
        active = self._document.activeNode()
        group, layers = find_group(self._document, MATTES) or self._new_group(), {}
        for name, layer in self._layers.items():
            new, old = layer.clone(), _child(group, name)
            new.setName(name)
            group.addChildNode(new, old)
            layers[name] = new.uniqueId().toString()
            if old is not None:
                new.setVisible(old.visible())
                new.setOpacity(old.opacity())
                old.remove()
        self.discard()
        keep_active(self._document, active)
        settings = ShotSettings.of(self._document)
        settings.patterns, settings.loaded, settings.layers = self._patterns, self._loaded, layers
        settings.store(self._document)
        self._document.refreshProjection()

    def discard(self) -> None:
        """End the loading without showing anything."""
        self._layers = {}
        self._to_load.clear()
        if self._hidden is not None:
            discard(self._hidden)
            self._hidden = None

    def _complete_layer(self, name: str) -> Node | None:
        """Return the layer that the last job added for an object, if it is still there and has all frames.

        Another layer of that name may be an older one, which Undo brings back.
        """
        group, settings = find_group(self._document, MATTES), ShotSettings.of(self._document)
        layer = _child(group, name) if group and settings.patterns.get(name) == self._patterns[name] else None
        if layer is None or settings.layers.get(name) != layer.uniqueId().toString():
            return None
        return layer if all(map(layer.hasKeyframeAtTime, self._frames)) else None

    def _create_layers(self) -> Document:
        """Create a hidden document with copies of the complete layers, and empty ones for the others."""
        hidden = hidden_document(list(self._patterns), self._frames, depth=_DEPTH)
        self._layers = dict(zip(self._patterns, hidden.topLevelNodes()[1:]))  # noqa: B905 - Python 3.9 has no strict zip
        for name, layer in self._shown.items():
            copy = layer.clone()
            hidden.rootNode().addChildNode(copy, None)
            self._layers[name].remove()
            self._layers[name] = copy
        hidden.waitForDone()
        return hidden

    def _is_stale(self, name: str, frame: int) -> bool:
        time = _time_of(self._file(name, frame))
        return time is not None and self._loaded[name].get(str(frame)) != time

    def _load(self, name: str, frame: int) -> None:
        """Load a file; one that Krita cannot open is tried again with the next job."""
        self._hidden = self._hidden or self._create_layers()
        file = self._file(name, frame)
        time = _time_of(file)
        if time is not None and load_file(self._hidden, self._layers[name], frame, file):
            self._loaded[name][str(frame)] = time

    def _file(self, name: str, frame: int) -> Path:
        return Path(frame_path(self._patterns[name], frame + self._shift))

    def _new_group(self) -> GroupLayer:
        """Add the group, below the objects."""
        group = self._document.createGroupLayer(MATTES)
        group.setOpacity(_HALF_OPAQUE)
        nodes = self._document.topLevelNodes()
        names = [node.name() for node in nodes]
        place = names.index(OBJECTS) if OBJECTS in names else len(nodes)
        self._document.rootNode().addChildNode(group, nodes[place - 1] if place else None)
        return group


def _child(group: GroupLayer, name: str) -> Node | None:
    return next((node for node in group.childNodes() if node.name() == name), None)


def _time_of(file: Path) -> int | None:
    """Return the time of modification of a file in nanoseconds; ``None`` if it does not exist."""
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return None
