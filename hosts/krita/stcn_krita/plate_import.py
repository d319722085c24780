"""Imports the plate as an animated layer, file by file, so that Krita stays usable."""

from __future__ import annotations

from bisect import bisect_right
from typing import final

from krita import Document, Krita

from stcn_plugin.errors import HostError
from stcn_plugin.frames import format_frame_range

from .animated_layers import discard, hidden_document, keep_active, load_file, quiet
from .shot_settings import ShotSettings

PLATE = "Plate"
"""Name of the layer."""


def new_document(settings: ShotSettings) -> Document:
    """Show a new document of the plate's size.

    Raises:
        HostError: There is no plate, or Krita cannot read it.
    """
    application = Krita.instance()
    first = _open_first(settings)
    document = application.createDocument(
        first.width(), first.height(), settings.files.stem, "RGBA", first.colorDepth(), _profile(first), 72.0
    )
    discard(first)
    application.activeWindow().addView(document)
    return document


@final
class PlateImport:
    """Imports the plate.

    Args:
        document: The artist's document.

    Raises:
        HostError: There is no plate, or Krita cannot read it.
    """

    def __init__(self, document: Document) -> None:
        settings = ShotSettings.of(document)
        self._document = document
        self._files, self._numbers, self._shift = settings.files, settings.numbers, settings.shift
        self._frames, self._unreadable = settings.plate_frames, list[int]()
        first = _open_first(settings)
        self._hidden = hidden_document([PLATE], self._frames, depth=first.colorDepth(), profile=_profile(first))
        discard(first)
        self._done = 0

    @property
    def text(self) -> str:
        """What happens, for the docker."""
        return f"Importing the plate: {self._done} of {len(self._frames)}"

    def load_next(self) -> bool:
        """Load one file; return whether there was any. A missing file shows the one before it."""
        if self._done == len(self._frames):
            return False
        frame = self._frames[self._done]
        number = self._numbers[bisect_right(self._numbers, frame + self._shift) - 1]
        if not load_file(self._hidden, self._hidden.topLevelNodes()[-1], frame, self._files.path(number)):
            self._unreadable.append(number)
        self._done += 1
        return True

    def show(self) -> None:
        """Add the layer at the bottom of the document, and end the import.

        Raises:
            HostError: Krita could not read some files; their frames are empty.
        """
        if self._document in Krita.instance().documents():
            document, layer = self._document, self._hidden.topLevelNodes()[-1].clone()
            active, bottom = document.activeNode(), document.topLevelNodes()[:1]
            document.rootNode().addChildNode(layer, bottom[0] if bottom else None)
            document.setFullClipRangeStartTime(self._frames[0])
            document.setFullClipRangeEndTime(self._frames[-1])
            keep_active(document, active)
            document.refreshProjection()
        discard(self._hidden)
        if self._unreadable:
            raise HostError(
                f"Krita could not read the files {format_frame_range(self._unreadable)} of the plate; their frames are empty",
                where=self._files.pattern,
                fix="Check these files, then import the plate again",
            )


def _open_first(settings: ShotSettings) -> Document:
    file = settings.files.path(settings.numbers[0])
    with quiet():
        first = Krita.instance().openDocument(str(file))
    if first is None:
        raise HostError(
            "Krita cannot read this file of the plate",
            where=str(file),
            fix="Check the file. To paint over a plate of a kind that Krita does not read, put a copy such as PNG on a layer",
        )
    return first


def _profile(document: Document) -> str:
    return str(document.colorProfile()) if document.colorModel() == "RGBA" else ""
