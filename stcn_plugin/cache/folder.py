"""The cache folder of a shot, and the names of the files in it."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from stcn_plugin.atomic import Content, Outputs
from stcn_plugin.errors import OutputError
from stcn_plugin.frames import padded
from stcn_plugin.media.sequences import OBJECT, FrameSequence
from stcn_plugin.propagation.plan import PassDirection

SUFFIX = ".stcn-cache"
MANIFEST = "manifest.json"

_PADDING = 4
_KEPT = (".json",)  # `clear` keeps the manifest and the records, which are small


@dataclass(frozen=True)
class CacheFolder:
    """The cache folder of a shot.

    ::

        sh010.exr.stcn-cache/
            manifest.json             what every frame is made from, of the last run
            forward.1031.exr          the probabilities of the forward pass, one layer per object
            backward.1031.exr         those of the backward pass
            mattes.1031.json          what the matte files of the frame were made from
            forward.1001.safetensors  the memory of the pass that starts at 1001, every so often
            claim.….json              the processes that work on the shot

    Args:
        path: The folder, which need not exist.
        keeps_probabilities: Whether probabilities and states are kept, or only the small JSON files.
    """

    path: Path
    keeps_probabilities: bool = True
    _outputs: Outputs = field(default_factory=Outputs, repr=False, compare=False)

    @classmethod
    def of(cls, out: str, setting: str) -> CacheFolder:
        """Return the cache folder of a shot.

        Args:
            out: Frame pattern of the shot's mattes.
            setting: The setting ``cache``: ``auto``, ``off``, or an absolute folder.
        """
        sequence = FrameSequence.parse(out)
        folder = sequence.folder
        while OBJECT in str(folder):
            folder = folder.parent
        name = f"{sequence.prefix.rstrip('._-')}{sequence.ending}".replace(OBJECT, "object").lstrip(".")
        if setting in ("auto", "off"):
            return cls(folder / f"{name}{SUFFIX}", setting == "auto")
        # One folder may serve all shots of a show, whose mattes often have the same name.
        unique = hashlib.sha256(os.fsencode(sequence.pattern)).hexdigest()[:8]
        return cls(Path(setting) / f"{name}.{unique}{SUFFIX}")

    @property
    def manifest(self) -> Path:
        """The manifest."""
        return self.path / MANIFEST

    def probabilities(self, direction: PassDirection, frame: int) -> Path:
        """Return the file with the probabilities of a frame."""
        return self.path / f"{direction}.{padded(frame, _PADDING)}.exr"

    def state(self, direction: PassDirection, start: int) -> Path:
        """Return the file with the memory of the pass that starts at a frame."""
        return self.path / f"{direction}.{padded(start, _PADDING)}.safetensors"

    def record(self, frame: int) -> Path:
        """Return the file that says what the mattes of a frame were made from."""
        return self.path / f"mattes.{padded(frame, _PADDING)}.json"

    def write(self, path: Path, content: Content) -> None:
        """Write one of the files, atomically; the folder is created if missing.

        Raises:
            OutputError: The file cannot be written.
        """
        try:
            self._outputs.write(path, content)
        except OutputError as error:
            error.fix = f"{error.fix}, or set cache to a folder on another disk, or to off"
            raise

    def size(self) -> int:
        """Return the bytes of all its files."""
        return sum(entry.stat(follow_symlinks=False).st_size for entry in self._entries())

    def probability_sizes(self) -> list[int]:
        """Return the bytes of each file with probabilities."""
        return [entry.stat(follow_symlinks=False).st_size for entry in self._entries() if entry.name.endswith(".exr")]

    def clear(self, *, all_files: bool = False) -> int:
        """Delete the probabilities and states, or everything.

        Args:
            all_files: Also delete the manifest and the records, so that the next run makes every matte again.

        Returns:
            The bytes that were freed.

        Raises:
            OSError: A file cannot be deleted.
        """
        freed = 0
        for entry in list(self._entries()):
            if all_files or not entry.name.endswith(_KEPT):
                freed += entry.stat(follow_symlinks=False).st_size
                Path(entry.path).unlink(missing_ok=True)
        if all_files:
            with suppress(OSError):  # files of others are left
                self.path.rmdir()
        return freed

    def free_bytes(self) -> int:
        """Return the free space of its disk."""
        existing = next(folder for folder in (self.path, *self.path.parents) if folder.exists())
        return shutil.disk_usage(existing).free

    def _entries(self) -> Iterator[os.DirEntry[str]]:
        with suppress(FileNotFoundError), os.scandir(self.path) as entries:
            yield from (entry for entry in entries if entry.is_file(follow_symlinks=False))
