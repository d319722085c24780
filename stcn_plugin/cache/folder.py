"""The cache folder of a shot, and the names of the files in it."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from stcn_plugin.atomic import Content, Outputs, cause_and_fix
from stcn_plugin.errors import OutputError, is_temporary
from stcn_plugin.frames import padded
from stcn_plugin.media.sequences import OBJECT, FrameSequence
from stcn_plugin.propagation.plan import PassDirection

SUFFIX = ".stcn-cache"
MANIFEST = "manifest.json"
FIGURES = "figures.json"

_PADDING = 4
_NAME = re.compile(
    r"""
    (?P<temporary>\.)?                                          # not yet renamed to its final name
    (?:
        (?:manifest|figures)\.json
        | mattes\.-?\d+\.json
        | claim\.[0-9a-f]{8}-\d+-[0-9a-f]{8}\.json
        | (?P<direction>forward|backward)\.(?P<frame>-?\d+)\.(?P<type>exr|safetensors)
    )
    (?(temporary)\.stcn-[0-9a-f]{8}-\d+-\d+-[0-9a-f]{8}\.tmp)
    """,
    re.VERBOSE | re.ASCII,
)


@dataclass(frozen=True)
class CacheFile:
    """A file in a cache folder, by its name one of ours.

    Args:
        name: Its name.
        size: Bytes.
        time: Seconds since the epoch at which it was last changed.
        probabilities: The pass and frame whose probabilities it has; ``None`` for all other files.
        is_small: Whether it is the manifest, the figures, a record or a claim.
    """

    name: str
    size: int
    time: float
    probabilities: tuple[str, int] | None
    is_small: bool

    @classmethod
    def of(cls, entry: os.DirEntry[str]) -> CacheFile | None:
        """Return a file of the cache; ``None`` for other files, folders and links."""
        if not (match := _NAME.fullmatch(entry.name)):
            return None
        try:
            if not entry.is_file(follow_symlinks=False):
                return None
            status = entry.stat(follow_symlinks=False)
        except FileNotFoundError:  # deleted meanwhile
            return None
        is_complete = match["temporary"] is None
        probabilities = (match["direction"], int(match["frame"])) if is_complete and match["type"] == "exr" else None
        is_small = is_complete and match["type"] is None
        return cls(entry.name, status.st_size, status.st_mtime, probabilities, is_small)


@dataclass(frozen=True)
class CacheFolder:
    """The cache folder of a shot.

    ::

        sh010.exr.stcn-cache/
            manifest.json             what every frame is made from, of the last run
            figures.json              the figures of every frame, from which its confidence is computed
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
        # Patterns that differ only before the number have different caches: m.exr, m_#.exr and m#.exr.
        stem = sequence.prefix.removesuffix(".") + ("" if sequence.prefix[-1:] in ("", ".") else "#")
        name = f"{stem}{sequence.ending}".replace(OBJECT, "object").lstrip(".")
        if setting in ("auto", "off"):
            return cls(folder / f"{name}{SUFFIX}", setting == "auto")
        # One folder may serve all shots of a show, whose mattes often have the same name.
        unique = hashlib.sha256(os.fsencode(sequence.pattern)).hexdigest()[:8]
        return cls(Path(setting) / f"{name}.{unique}{SUFFIX}")

    @property
    def manifest(self) -> Path:
        """The manifest."""
        return self.path / MANIFEST

    @property
    def figures(self) -> Path:
        """The file with the figures of all frames."""
        return self.path / FIGURES

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
            error.fix = f"{error.fix}, or set `cache` to a folder on another disk or to off"
            raise

    def files(self) -> list[CacheFile]:
        """Return its files. Files with other names, folders and links are left out: they are not of the cache.

        Raises:
            OutputError: The folder cannot be read.
        """
        try:
            with os.scandir(self.path) as entries:
                return [file for entry in entries if (file := CacheFile.of(entry))]
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise access_error(self.path, "the cache folder cannot be read", error) from error

    def probability_sizes(self) -> list[int]:
        """Return the bytes of each file with probabilities."""
        return [file.size for file in self.files() if file.probabilities]

    def free_bytes(self) -> int:
        """Return the free space of its disk."""
        existing = next(folder for folder in (self.path, *self.path.parents) if folder.exists())
        return shutil.disk_usage(existing).free


def access_error(path: Path, what: str, error: OSError) -> OutputError:
    """Return the error for a file or folder that cannot be read or deleted.

    Args:
        path: The file or folder.
        what: What failed.
        error: The error of the system.
    """
    cause, fix = cause_and_fix(error)
    return OutputError(f"{what}: {cause}", where=str(path), fix=fix, retry=is_temporary(error))
