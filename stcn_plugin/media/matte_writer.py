"""Writes the mattes of a shot in layouts that Nuke and Blender read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from stcn_plugin.atomic import Outputs, output_errors
from stcn_plugin.errors import OutputError
from stcn_plugin.media import cryptomatte
from stcn_plugin.media.matte_encoding import encode_exr, encode_grey
from stcn_plugin.media.object_names import layer_names
from stcn_plugin.media.overlays import object_colour
from stcn_plugin.media.pixels import as_coverage, place_in_window
from stcn_plugin.media.sequences import FrameSequence
from stcn_plugin.media.window import FrameHeader, Window

Layout = Literal["auto", "layers", "per_object", "cryptomatte"]
Depth = Literal["auto", "half", "float", "uint8", "uint16"]
Matte = NDArray[np.float32]

_GREY_SUFFIXES = (".png", ".tif", ".tiff")
_SUFFIXES = (".exr", *_GREY_SUFFIXES)
_LOSSY = ("dwaa", "dwab")
_CRYPTOMATTE = "CryptoObject"
_CONFIDENCE = "confidence.Y"


class MatteWriter:
    """Writes the mattes of a shot, frame by frame. Files are written atomically.

    * ``layers``: one EXR per frame with a channel ``<object>.A`` per object. R, G, B and A hold the union of all
      objects, because Blender does not initialise the image of a file without RGBA.
    * ``per_object``: one file per object and frame; the object's name replaces ``<object>`` in the pattern, or is
      inserted before the frame number. An EXR holds the matte in R, G, B and A; other formats are grey over the display
      window.
    * ``cryptomatte``: one Cryptomatte 1.2 EXR per frame, with an embedded manifest and a preview in RGBA.
    * ``auto``: ``per_object`` if the pattern contains ``<object>`` or is not EXR, else ``layers``. The file of a single
      object does not get its name.

    Args:
        sequence: The output pattern.
        objects: Names of all objects of the shot; the files of every frame contain all of them.
        layout: How objects are distributed over files.
        depth: Number format; ``auto`` is half for EXR, float for Cryptomatte, uint16 for other formats.
        compression: EXR compression. A Cryptomatte uses ``zips`` instead of lossy compressions, which would destroy its
            ids.
        software: Name of the program, for the metadata.
        metadata: Further metadata of every file.
        outputs: Writes the files; by default without protected source files.
        has_confidence: Whether the files get a channel ``confidence.Y``.

    Raises:
        OutputError: The file format does not support the layout, the depth or a confidence, or there is no object.
    """

    def __init__(
        self,
        sequence: FrameSequence,
        *,
        objects: Sequence[str],
        layout: Layout = "auto",
        depth: Depth = "auto",
        compression: str = "zips",
        software: str | None = None,
        metadata: Mapping[str, str] = MappingProxyType({}),
        outputs: Outputs | None = None,
        has_confidence: bool = False,
    ) -> None:
        self._outputs = outputs or Outputs()
        self._sequence = sequence
        self._objects = tuple(objects)
        self._layout = _chosen_layout(sequence, self._objects, layout)
        self._depth = _chosen_depth(sequence, self._layout, depth)
        lossless = "zips" if self._layout == "cryptomatte" and compression in _LOSSY else compression
        self._attributes = {"compression": lossless} if sequence.suffix == ".exr" else {}
        self._attributes |= {"Software": software} if software else {}
        self._attributes |= metadata
        self._names = layer_names(self._objects)
        if has_confidence:
            _check_confidence(sequence, self._names.values())
        plain = layout != "per_object" and len(self._objects) == 1 and not sequence.has_object
        self._sequences = {
            name: sequence if plain else sequence.with_object(self._names[name])
            for name in (self._objects if self._layout == "per_object" else ())
        }

    @property
    def layout(self) -> Layout:
        """The layout, with ``auto`` resolved."""
        return self._layout

    @property
    def layers(self) -> Mapping[str, str]:
        """Object name to its name in layers and file names."""
        return dict(self._names)

    @property
    def patterns(self) -> Mapping[str, str]:
        """Object name to the frame pattern of the files with its matte."""
        return {name: self._sequences.get(name, self._sequence).pattern for name in self._objects}

    def paths(self, frame: int) -> tuple[Path, ...]:
        """Return the files of a frame, in the order of the objects."""
        if self._layout == "per_object":
            return tuple(sequence.path(frame) for sequence in self._sequences.values())
        return (self._sequence.path(frame),)

    def encode(
        self,
        frame: int,
        mattes: Mapping[str, Matte],
        *,
        window: Window,
        header: FrameHeader,
        confidence: Matte | None = None,
    ) -> dict[Path, bytes]:
        """Return the path and content of each file of a frame, without writing them.

        Args:
            frame: Frame number.
            mattes: Object name to ``(H, W)`` over ``window``; a missing object is written as 0.
            window: Window of the mattes.
            header: Header of the plate's frame; the mattes inherit its windows, pixel aspect, timecode and frame rate.
            confidence: ``(H, W)`` over ``window`` for the channel ``confidence.Y``; ``None`` for files without one.

        Raises:
            OutputError: A file cannot be encoded, or a matte has an unknown object or another size.
        """
        target = header.data if self._sequence.suffix == ".exr" else header.display
        checked = {
            name: place_in_window(matte, window, target) for name, matte in self._checked(frame, mattes, window).items()
        }
        if self._layout == "per_object":
            by_path = {self._sequences[name].path(frame): {name: matte} for name, matte in checked.items()}
        else:
            by_path = {self._sequence.path(frame): checked}
        extra = {} if confidence is None else {_CONFIDENCE: place_in_window(as_coverage(confidence), window, target)}
        files = {}
        for path, mattes_of_file in by_path.items():
            with output_errors(path):
                files[path] = self._encoded(mattes_of_file, header, extra)
        return files

    def write(
        self, frame: int, mattes: Mapping[str, Matte], *, window: Window, header: FrameHeader
    ) -> tuple[Path, ...]:
        """Write the files of a frame.

        Args:
            frame: As for `encode`.
            mattes: As for `encode`.
            window: As for `encode`.
            header: As for `encode`.

        Returns:
            The files, all of them on disk.

        Raises:
            OutputError: As for `encode`, or a file cannot be written.
        """
        self._outputs.write_together(self.encode(frame, mattes, window=window, header=header))
        return self.paths(frame)

    def _checked(self, frame: int, mattes: Mapping[str, Matte], window: Window) -> dict[str, Matte]:
        """Return the coverage of every object of the shot."""
        for name, matte in mattes.items():
            if name not in self._names:
                raise OutputError(f"the matte '{name}' is not of an object of the shot", where=f"frame {frame}")
            if matte.shape != window.shape:
                actual = "x".join(str(size) for size in matte.shape[::-1])
                expected = f"{window.width}x{window.height}"
                raise OutputError(f"the matte of '{name}' is {actual}, not {expected}", where=f"frame {frame}")
        absent = np.zeros(window.shape, np.float32)
        return {name: as_coverage(mattes.get(name, absent)) for name in self._objects}

    def _encoded(self, mattes: Mapping[str, Matte], header: FrameHeader, extra: Mapping[str, Matte]) -> bytes:
        """Return the content of a file with the given mattes, and with extra channels if it is EXR."""
        attributes = self._attributes
        if self._layout == "layers":
            layers = {f"{self._names[name]}.A": matte for name, matte in mattes.items()}
            planes = dict.fromkeys("RGBA", _union(mattes)) | layers
        elif self._layout == "cryptomatte":
            planes = _cryptomatte_planes(mattes, header)
            attributes = attributes | cryptomatte.metadata(_CRYPTOMATTE, tuple(mattes))
        elif self._sequence.suffix == ".exr":
            planes = dict.fromkeys("RGBA", _union(mattes))
        else:
            integer = np.uint8 if self._depth == "uint8" else np.uint16
            levels = np.rint(_union(mattes) * np.float32(np.iinfo(integer).max)).astype(integer)
            return encode_grey(levels, self._sequence.suffix, header=header, attributes=attributes)
        return encode_exr({**planes, **extra}, self._depth, header=header, attributes=attributes)


def _cryptomatte_planes(mattes: Mapping[str, Matte], header: FrameHeader) -> dict[str, Matte]:
    """Return the channels of a Cryptomatte: a preview in RGBA, and the ranks."""
    ranks = cryptomatte.rank_count(len(mattes))
    preview = np.zeros((3, *header.data.shape), np.float32)
    for index, matte in enumerate(mattes.values()):
        preview += matte * np.array(object_colour(index), np.float32)[:, np.newaxis, np.newaxis]
    names = cryptomatte.channel_names(_CRYPTOMATTE, ranks)
    planes = dict(zip("RGBA", (*preview, _union(mattes)), strict=True))
    return planes | dict(zip(names, np.moveaxis(cryptomatte.encode(mattes, ranks), -1, 0), strict=True))


def _union(mattes: Mapping[str, Matte]) -> Matte:
    """Return the sum of all mattes, clamped to 1; a single matte is returned as is."""
    if len(mattes) == 1:
        return next(iter(mattes.values()))
    total = np.zeros_like(next(iter(mattes.values())))
    for matte in mattes.values():
        total += matte
    np.minimum(total, np.float32(1), out=total)
    return total


def _check_confidence(sequence: FrameSequence, layers: Iterable[str]) -> None:
    """Reject files that cannot have a channel for the confidence."""
    if sequence.suffix != ".exr":
        what = f"a confidence needs EXR files; {sequence.suffix} holds one matte"
        raise OutputError(what, where=sequence.pattern, fix="Write .exr, or set output.confidence to no")
    if any(name.lower() == "confidence" for name in layers):
        what = "an object is named 'confidence', as the layer of output.confidence is"
        raise OutputError(what, where=sequence.pattern, fix="Rename the object, or set output.confidence to no")


def _chosen_layout(sequence: FrameSequence, objects: Sequence[str], layout: Layout) -> Layout:
    """Resolve ``auto`` and reject layouts that the file format or the pattern does not support."""
    where = sequence.pattern
    if sequence.suffix not in _SUFFIXES:
        raise OutputError(
            f"mattes cannot be written as '{sequence.suffix}'", where=where, fix=f"Choose {', '.join(_SUFFIXES)}"
        )
    if not objects:
        raise OutputError("there is no object to write", where=where, fix="Name at least one object")
    repeated = sorted(name for name, count in Counter(objects).items() if count > 1)
    if repeated:
        raise OutputError(f"the object '{repeated[0]}' is named twice", where=where, fix="Give each object one name")
    if layout == "auto":
        return "layers" if sequence.suffix == ".exr" and not sequence.has_object else "per_object"
    if layout != "per_object" and sequence.has_object:
        raise OutputError(
            f"the pattern contains <object>, which needs the layout per_object, not {layout}",
            where=where,
            fix="Remove <object> from the pattern, or set the layout to per_object",
        )
    if layout == "layers" and sequence.suffix != ".exr" and len(objects) == 1:
        return "per_object"
    if layout != "per_object" and sequence.suffix != ".exr":
        raise OutputError(
            f"{layout} need EXR files; {sequence.suffix} holds one matte"
            if layout == "layers"
            else f"a Cryptomatte needs EXR files, not {sequence.suffix}",
            where=where,
            fix="Write .exr, or set the layout to per_object",
        )
    return layout


def _chosen_depth(sequence: FrameSequence, layout: Layout, depth: Depth) -> Depth:
    """Resolve ``auto`` and reject depths that the file format does not support."""
    where = sequence.pattern
    if layout == "cryptomatte":
        if depth not in ("auto", "float"):
            fix = "Set the depth to float or auto"
            raise OutputError(f"a Cryptomatte needs float, {depth} would destroy its ids", where=where, fix=fix)
        return "float"
    if sequence.suffix == ".exr":
        if depth in ("uint8", "uint16"):
            fix = "Set the depth to half or float, or write .png"
            raise OutputError(f"EXR files cannot hold {depth}", where=where, fix=fix)
        return "half" if depth == "auto" else depth
    if depth in ("half", "float"):
        fix = "Set the depth to uint8 or uint16, or write .exr"
        raise OutputError(f"{sequence.suffix} files cannot hold {depth} mattes", where=where, fix=fix)
    return "uint16" if depth == "auto" else depth
