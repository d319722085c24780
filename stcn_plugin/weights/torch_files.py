"""Checks of a file from ``torch.save`` before torch reads it.

Torch does not run code in a file (``weights_only``). These checks refuse what torch does not notice: archives that expand
to much more than their size, endless instructions, and nesting so deep that Python crashes.
"""

from __future__ import annotations

import io
import os
import pickletools
import zipfile
from pathlib import Path
from typing import BinaryIO

from stcn_plugin.errors import WeightsError, is_temporary
from stcn_plugin.regular_files import open_regular, size_text

LARGEST_FILE = 4 << 30
"""Maximum size of a file in bytes; the largest network has 0.4 GB, a checkpoint of it 2 GB."""

_LARGEST_PICKLE = 8 << 20
_MOST_INSTRUCTIONS = 500_000
_MOST_RECORDS = 100_000
_DEEPEST = 100
_HEAD = 1024
_LEGACY_PARTS = 5  # magic number, protocol, system, content, names of the storages
_FILLING = frozenset({"APPEND", "APPENDS", "SETITEM", "SETITEMS", "ADDITEMS", "BUILD"})
_SAVE_AGAIN = "Save only the network's state_dict() with torch.save and add that"
_KINDS: tuple[tuple[int, bytes, str], ...] = (
    (257, b"ustar", "is in the tar format of PyTorch before 0.2"),
    (0, b"\x1f\x8b", "is compressed (gzip)"),
    (0, b"BZh", "is compressed (bzip2)"),
    (0, b"\xfd7zXZ", "is compressed (xz)"),
    (0, b"7z\xbc\xaf", "is compressed (7z)"),
    (0, b"(\xb5/\xfd", "is compressed (zstd)"),
    (0, b"\x89HDF", "is in the HDF5 format of other programs"),
    (0, b"GGUF", "is in the GGUF format of other programs"),
    (0, b"version https://git-lfs", "is a placeholder of Git LFS, not the file itself"),
)


def is_zip(path: Path) -> bool:
    """Return whether a file has the zip format of torch 1.6 and later.

    Args:
        path: A file that `check_torch_file` has accepted.
    """
    with open_regular(path) as file:
        return file.read(4) == b"PK\x03\x04"


def check_torch_file(path: Path) -> None:
    """Check that a file is safe to read with torch.

    Args:
        path: The file.

    Raises:
        WeightsError: It was not written by ``torch.save``, or is not safe.
    """
    try:
        with open_regular(path) as file:
            size = os.fstat(file.fileno()).st_size
            head = file.read(_HEAD)
            _check_kind(path, head, size)
            if head.startswith(b"PK\x03\x04"):
                _check_instructions(path, _pickle_in_zip(path, file, size))
            else:
                file.seek(0)
                _check_legacy(path, file.read(_LARGEST_PICKLE))
    except OSError as error:
        what = f"cannot be read ({(error.strerror or str(error)).lower()})"
        raise WeightsError(what, where=str(path), retry=is_temporary(error)) from None


def _check_kind(path: Path, head: bytes, size: int) -> None:
    """Refuse files of other formats."""
    where = str(path)
    if not size:
        raise WeightsError("is empty", where=where, fix="Download or copy it again")
    if size > LARGEST_FILE:
        what = f"has {size_text(size)}, the maximum is {size_text(LARGEST_FILE)}"
        raise WeightsError(what, where=where, fix=_SAVE_AGAIN)
    for offset, magic, what in _KINDS:
        if head[offset:].startswith(magic):
            fix = "Unpack it first" if "compressed" in what else _SAVE_AGAIN
            raise WeightsError(what, where=where, fix="Download the file itself" if "LFS" in what else fix)
    if head.lstrip()[:1] == b"<":
        raise WeightsError("is a web page, not weights", where=where, fix="Download the file with a browser")
    if not head.startswith((b"PK\x03\x04", b"\x80")):
        what = "has no weights: it is neither safetensors nor a file of torch.save"
        raise WeightsError(what, where=where, fix="Name a file of weights, such as one that ends in .pth")


def _pickle_in_zip(path: Path, file: BinaryIO, size: int) -> bytes:
    """Return the pickle in a zip archive, whose records must be uncompressed and not overlap."""
    where = str(path)
    try:
        with zipfile.ZipFile(file) as archive:
            records = archive.infolist()
            names = [record.filename for record in records]
            if any(name.endswith("/constants.pkl") for name in names):
                what = "is a TorchScript program, not weights"
                raise WeightsError(what, where=where, fix=_SAVE_AGAIN)
            pickles = [record for record in records if record.filename.endswith("/data.pkl")]
            if len(pickles) != 1:
                what = "is a zip archive, but not of torch.save"
                raise WeightsError(what, where=where, fix="Unpack it first if it contains weights")
            stored = all(record.compress_type == zipfile.ZIP_STORED for record in records)
            if len(records) > _MOST_RECORDS or not stored or sum(record.file_size for record in records) > size:
                what = "refused: its records expand to more than its size, unlike those of torch.save"
                raise WeightsError(what, where=where, fix=_SAVE_AGAIN)
            if pickles[0].file_size > _LARGEST_PICKLE:
                raise _too_long(path)
            return archive.read(pickles[0])
    except (zipfile.BadZipFile, ValueError, RuntimeError, NotImplementedError, EOFError) as error:
        what = f"is a damaged archive ({_first_line(error)})"
        raise WeightsError(what, where=where, fix="Download or copy it again") from None


def _check_legacy(path: Path, raw: bytes) -> None:
    """Check the pickles at the start of a file in the format before torch 1.6."""
    file = io.BytesIO(raw)
    for _ in range(_LEGACY_PARTS):
        if len(raw) < _LARGEST_PICKLE and file.tell() == len(raw):
            return  # a single pickle, which torch refuses
        _check_instructions(path, file)


def _check_instructions(path: Path, pickle: bytes | BinaryIO) -> None:
    """Refuse too many instructions and too deep nesting, by following the depth of every value on the stack."""
    stack: list[int | None] = []  # None is a mark
    memo: dict[object, int] = {}
    try:
        for count, (opcode, argument, _) in enumerate(pickletools.genops(pickle)):
            if count > _MOST_INSTRUCTIONS:
                raise _too_long(path)
            if "PUT" in opcode.name or opcode.name == "MEMOIZE":
                key = len(memo) if opcode.name == "MEMOIZE" else argument
                memo[key] = max(_depth(stack[-1:]), memo.get(key, 0))
            elif "GET" in opcode.name:
                stack.append(memo.get(argument, 0))
            elif opcode.name == "MARK":
                stack.append(None)
            else:
                operands = _pop_operands(stack, opcode)
                group = operands.pop() if opcode.name in _FILLING and operands else None
                depth = max(_depth([group]), _depth(operands) + 1 if operands else 0)
                if depth > _DEEPEST:
                    what = f"refused: its values are nested more than {_DEEPEST} levels deep"
                    raise WeightsError(what, where=str(path), fix=_SAVE_AGAIN)
                stack.extend([depth] * len(opcode.stack_after))
    except (ValueError, IndexError, OverflowError, UnicodeError) as error:
        what = f"is damaged or has no weights ({_first_line(error)})"
        raise WeightsError(what, where=str(path), fix="Download or copy it again") from None


def _pop_operands(stack: list[int | None], opcode: pickletools.OpcodeInfo) -> list[int | None]:
    """Remove the operands of an instruction from the stack."""
    if pickletools.markobject in opcode.stack_before:
        operands: list[int | None] = []
        while (top := stack.pop()) is not None:
            operands.append(top)
        before = opcode.stack_before.index(pickletools.markobject)
    else:
        operands, before = [], len(opcode.stack_before)
    for _ in range(before):
        operands.append(stack.pop())
    return operands


def _depth(values: list[int | None]) -> int:
    return max((value for value in values if value is not None), default=0)


def _too_long(path: Path) -> WeightsError:
    return WeightsError("refused: it has far more than the tensors of a network", where=str(path), fix=_SAVE_AGAIN)


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0][:120] if str(error) else type(error).__name__
