"""Matte files: what the artist gets, laid out so that Nuke and Blender both pick an object by its name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
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


class MatteWriter:
    """Writes the mattes of a shot, frame by frame; every file appears whole or not at all.

    * ``layers``: one EXR a frame. Every object is a layer ``<object>.A``; R, G, B and A are the union of all, because
      Blender leaves the picture uninitialised where there is no RGBA.
    * ``per_object``: one file an object and frame, its name at ``<object>`` in the pattern or before the frame
      number. An EXR holds the matte in R, G, B and A, any other format is grey over the display window.
    * ``cryptomatte``: one EXR a frame by Cryptomatte 1.2, with the manifest inside and a preview in RGBA.
    * ``auto``: layers for EXR, else a file per object, where a single object's file has the plain name. ``<object>``
      in the pattern asks for a file per object.

    Args:
        sequence: Where the files go.
        objects: Names of all objects of the shot; every frame's files carry all of them.
        layout: How objects share files.
        depth: Number format; ``auto`` is half for EXR, float for Cryptomatte, uint16 for the rest.
        compression: EXR compression. Mattes stay lossless under each; a Cryptomatte takes ``zips`` instead of the
            lossy ones, which would destroy its ids.
        software: What the file names as the program that made it.
        metadata: Further metadata of every file.
        outputs: Writes the files; by default with nothing that must not be written over.

    Raises:
        OutputError: The file type cannot hold this layout or depth, or there is no object.
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
        plain = layout != "per_object" and len(self._objects) == 1 and not sequence.has_object
        self._sequences = {
            name: sequence if plain else sequence.with_object(self._names[name])
            for name in (self._objects if self._layout == "per_object" else ())
        }

    @property
    def layout(self) -> Layout:
        """How objects share files, settled."""
        return self._layout

    @property
    def layers(self) -> Mapping[str, str]:
        """Object name to its layer or its name in file names."""
        return dict(self._names)

    @property
    def patterns(self) -> Mapping[str, str]:
        """Object name to the frame pattern of the files that have its matte."""
        return {name: self._sequences.get(name, self._sequence).pattern for name in self._objects}

    def paths(self, frame: int) -> tuple[Path, ...]:
        """Return the files of a frame, in the order of the objects."""
        if self._layout == "per_object":
            return tuple(sequence.path(frame) for sequence in self._sequences.values())
        return (self._sequence.path(frame),)

    def encode(
        self, frame: int, mattes: Mapping[str, Matte], *, window: Window, header: FrameHeader
    ) -> dict[Path, bytes]:
        """Return the files of a frame, and what each will hold.

        Args:
            frame: Frame number.
            mattes: ``(H, W)`` over ``window`` of each object; one that is absent in this frame is written as 0.
            window: Where the mattes are.
            header: The plate's frame: its windows, pixel aspect, timecode and frame rate are the mattes'.

        Raises:
            OutputError: A file cannot hold its matte, or a matte does not belong here.
        """
        target = header.data if self._sequence.suffix == ".exr" else header.display
        checked = {
            name: place_in_window(matte, window, target) for name, matte in self._checked(frame, mattes, window).items()
        }
        if self._layout == "per_object":
            own = [({name: matte}, self._sequences[name].path(frame)) for name, matte in checked.items()]
        else:
            own = [(checked, self._sequence.path(frame))]
        files = {}
        for of_file, path in own:
            with output_errors(path):
                files[path] = self._encoded(of_file, header)
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
            OutputError: A file cannot be written, or a matte does not belong here.
        """
        self._outputs.write_together(self.encode(frame, mattes, window=window, header=header))
        return self.paths(frame)

    def _checked(self, frame: int, mattes: Mapping[str, Matte], window: Window) -> dict[str, Matte]:
        """Return a matte in [0, 1] of every object of the shot."""
        for name, matte in mattes.items():
            if name not in self._names:
                raise OutputError(f"there is a matte '{name}' for no object of the shot", where=f"frame {frame}")
            if matte.shape != window.shape:
                has = "x".join(str(size) for size in matte.shape[::-1])
                wanted = f"{window.width}x{window.height}"
                raise OutputError(f"the matte of '{name}' is {has}, not {wanted}", where=f"frame {frame}")
        absent = np.zeros(window.shape, np.float32)
        return {name: as_coverage(mattes.get(name, absent)) for name in self._objects}

    def _encoded(self, mattes: Mapping[str, Matte], header: FrameHeader) -> bytes:
        """Return the file of one matte or of all."""
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
        return encode_exr(planes, self._depth, header=header, attributes=attributes)


def _cryptomatte_planes(mattes: Mapping[str, Matte], header: FrameHeader) -> dict[str, Matte]:
    """Return a preview in RGBA, and the ranks."""
    ranks = cryptomatte.rank_count(len(mattes))
    preview = np.zeros((3, *header.data.shape), np.float32)
    for index, matte in enumerate(mattes.values()):
        preview += matte * np.array(object_colour(index), np.float32)[:, np.newaxis, np.newaxis]
    names = cryptomatte.channel_names(_CRYPTOMATTE, ranks)
    planes = dict(zip("RGBA", (*preview, _union(mattes)), strict=True))
    return planes | dict(zip(names, np.moveaxis(cryptomatte.encode(mattes, ranks), -1, 0), strict=True))


def _union(mattes: Mapping[str, Matte]) -> Matte:
    """Return the sum of all mattes, at most 1; of a single one, that matte itself."""
    if len(mattes) == 1:
        return next(iter(mattes.values()))
    total = np.zeros_like(next(iter(mattes.values())))
    for matte in mattes.values():
        total += matte
    np.minimum(total, np.float32(1), out=total)
    return total


def _chosen_layout(sequence: FrameSequence, objects: Sequence[str], layout: Layout) -> Layout:
    """Settle ``auto`` and refuse what the file type or the pattern cannot hold."""
    where = sequence.pattern
    if sequence.suffix not in _SUFFIXES:
        raise OutputError(
            f"mattes cannot be written as '{sequence.suffix}'", where=where, fix=f"Choose {', '.join(_SUFFIXES)}"
        )
    if not objects:
        raise OutputError("there is no object to write a matte of", where=where, fix="Name at least one object")
    repeated = sorted(name for name, count in Counter(objects).items() if count > 1)
    if repeated:
        raise OutputError(f"the object '{repeated[0]}' is named twice", where=where, fix="Give each object one name")
    if layout == "auto":
        return "layers" if sequence.suffix == ".exr" and not sequence.has_object else "per_object"
    if layout != "per_object" and sequence.has_object:
        raise OutputError(
            f"<object> in the pattern asks for a file per object, the layout for {layout}",
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
    """Settle ``auto`` and refuse what the file type cannot hold."""
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
