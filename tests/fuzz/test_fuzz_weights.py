"""Weights that were damaged on a disk or in a download, and malicious pickles."""

from __future__ import annotations

import functools
import io
import json
import pickle
import pickletools
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from fuzz.hammer import hammer
from weights.generated_files import header_of, write_raw

from stcn_plugin.errors import WeightsError
from stcn_plugin.weights.reading import read_weights
from stcn_plugin.weights.store import WeightsStore, builtin_files

pytestmark = pytest.mark.slow

LARGE = (-1, 0, 1, 2, 8, 255, 1 << 16, (1 << 31) - 1, 1 << 31, 1 << 40, (1 << 63) - 1, 1 << 63, 1 << 64, 10**30)
NAMES = (
    "__metadata__", "decoder.pred.weight", "module.decoder.pred.weight", "", "x", "a" * 5000, "\ud800", "\x1b[2J", "é", "e\u0301", "a/b",
    "model.network.key_encoder.stem.weight", "\u202eevil", "key_encoder.stem.weight", "0", "null",
)  # fmt: skip
KINDS = ("F16", "BF16", "F32", "F64", "I64", "BOOL", "C64", "F8_E4M3", "F4", "", "f32", "F99", "U64", "X" * 9999)
ANYTHING = (
    None,
    True,
    False,
    1.5,
    float("nan"),
    float("inf"),
    "text",
    [],
    {},
    [[]],
    {"a": 1},
    -1,
    10**30,
    "\x00",
    [1] * 99,
)
METADATA = ("license", "variant", "source", "sha256", "content_sha256", "note", "added", "format", "\ud800", "x" * 999)
SAID = (
    "CC-BY-NC-4.0", "lite", "stcn", "<b>", "[exec rm]", "\x1b[2J", "\r\n", "\ud800", "\x00", "!" * 5000, "https://a:b@c/d", "http://[",
    "0" * 64, "Z" * 64, "",
)  # fmt: skip
GLOBALS = (
    "os\nsystem", "builtins\neval", "builtins\nexec", "posix\nsystem", "collections\nOrderedDict", "torch._utils\n_rebuild_tensor_v2",
    "torch._utils\n_rebuild_sparse_tensor", "torch._utils\n_rebuild_parameter", "torch\nFloatStorage", "torch\nHalfStorage",
    "torch\nSize", "torch\ndevice", "numpy.core.multiarray\n_reconstruct", "numpy._core.multiarray\nscalar", "_codecs\nencode",
    "torch.serialization\nload", "torch\nload", "__main__\nX", "é\né", "torch._tensor\n_rebuild_from_type_v2",
)  # fmt: skip
OPCODES = [opcode.code.encode("latin-1") for opcode in pickletools.opcodes]

Make = Callable[[np.random.Generator, Path], None]


@functools.cache
def good() -> dict[str, object]:
    """The header of valid weights."""
    return header_of(builtin_files()["starter"])


@functools.cache
def saved(kind: str) -> bytes:
    """Valid weights as torch writes them; all values of an entry share one zero, so that they are small."""
    shapes = {name: said["shape"] for name, said in good().items() if name != "__metadata__"}
    state = {name: torch.zeros((), dtype=torch.half).expand(shape) for name, shape in shapes.items()}
    stream = io.BytesIO()
    content = {"model": state, "step": 5} if kind == "checkpoint" else state
    torch.save(content, stream, _use_new_zipfile_serialization=kind != "legacy")
    return stream.getvalue()


def attack(rng: np.random.Generator, folder: Path) -> None:
    """Put a bad file into a store; list and check the store, and add the file to another one."""
    torch.set_num_threads(1)  # a busy machine makes its threads wait for one another, for seconds
    store, other = WeightsStore(folder / "store"), WeightsStore(folder / "other")
    store.folder.mkdir()
    path = store.folder / "bad.safetensors"
    made = (fields, fields, fields, raw_header, raw_header, whole, torch_bytes, torch_bytes, torch_pickle, torch_pickle)
    made[rng.integers(len(made))](rng, path)
    problem = read_problem(path)
    starter, _, bad = store.entries()
    assert (starter.name, starter.problem, bad.name) == ("starter", "", "bad")
    for text in (bad.problem, bad.licence, bad.source, bad.variant, bad.note, bad.added):
        assert len(text) < 1000
        assert text.isprintable(), text
        text.encode()
    bad.used()
    ((_, found),) = store.check(["bad"])
    assert not problem or found == problem
    try:
        assert other.add(path, name="copy").problem == ""
    except WeightsError as error:
        assert error.what == problem
        assert not other.folder.exists() or not any(other.folder.iterdir())
    else:
        assert [said for _, said in other.check(["copy"])] == [""]


def read_problem(path: Path) -> str:
    """Return what is wrong with weights, in one short line with the file's name; empty if nothing is."""
    try:
        read_weights(path)
    except WeightsError as error:
        assert error.where == str(path)
        assert error.what.isprintable(), error.what
        assert 0 < len(error.what) < 1000
        return error.what
    return ""


def fields(rng: np.random.Generator, path: Path) -> None:
    """A header with some wrong entries; the length of the body may be wrong, too."""
    header = {name: dict(said) for name, said in good().items()}
    names = list(header)
    for _ in range(rng.integers(1, 4)):
        name = names[rng.integers(len(names))]
        how = rng.integers(9)
        if how == 0:
            header.pop(name, None)
        elif how == 1:
            header[pick(rng, NAMES)] = header.get(name, {})
        elif how == 2:
            header[name] = pick(rng, ANYTHING)
        elif how == 3:
            header.setdefault("__metadata__", {})
            if isinstance(header["__metadata__"], dict):
                header["__metadata__"][pick(rng, METADATA)] = pick(rng, (*SAID, *SAID, *ANYTHING))
        elif isinstance(said := header.get(name), dict) and "dtype" in said:
            if how == 4:
                said["dtype"] = pick(rng, KINDS)
            elif how == 5:
                said["shape"] = [pick(rng, LARGE) for _ in range(rng.integers(6))]
            elif how == 6:
                said["data_offsets"] = [pick(rng, LARGE) for _ in range(rng.integers(1, 4))]
            elif how == 7:
                said[("dtype", "shape", "data_offsets", "more")[rng.integers(4)]] = pick(rng, ANYTHING)
            else:
                end = said["data_offsets"][1] if isinstance(said.get("data_offsets"), list) else 0
                said["data_offsets"] = [end, end]
    size = max(said["data_offsets"][1] for name, said in good().items() if name != "__metadata__")
    if rng.random() < 0.2:
        size = int(rng.integers(2 * size))
    raw = json.dumps(header, ensure_ascii=bool(rng.integers(2))).encode("utf-8", "surrogatepass")
    write_raw(path, raw, size)
    with path.open("r+b") as file:
        for _ in range(rng.integers(3)):
            file.seek(int(rng.integers(8 + len(raw), 8 + len(raw) + size + 1)))
            file.write(rng.choice(np.frombuffer(b"\x00\xff\x7c\x7e", np.uint8), 4).tobytes())


def raw_header(rng: np.random.Generator, path: Path) -> None:
    """A header with other bytes in it, or with a wrong length."""
    said = dict(list(good().items())[: rng.integers(1, 30)])
    raw = damaged(rng, json.dumps(said).encode())
    length = None if rng.random() < 0.7 else int(pick(rng, LARGE[1:-3]))
    if length is None and rng.random() < 0.2:
        raw = (b"[" * 100_000, b'{"a":' * 100_000, b'{"a":[' + b"0," * 10**6 + b"0]}", b" " * 3_000_000)[
            rng.integers(4)
        ]
    write_raw(path, raw, int(rng.integers(1 << 20)), length=length)


def whole(rng: np.random.Generator, path: Path) -> None:
    """Other kinds of files, or the beginning of some."""
    kinds = (
        b"", bytes(100), rng.bytes(200), b"PK\x03\x04" + rng.bytes(100), b"PK\x05\x06" + bytes(18), b"\x1f\x8b\x08" + bytes(99),
        b"<html>", b"version https://git-lfs.github.com/spec/v1\n", tar(rng), builtin_files()["starter"].read_bytes(),
        b"\x80\x02" + rng.bytes(50), b"\x89HDF\r\n\x1a\n" + bytes(99), b"\x93NUMPY\x01\x00" + bytes(99),
    )  # fmt: skip
    raw = kinds[rng.integers(len(kinds))]
    path.write_bytes(raw[: rng.integers(len(raw) + 1)] if rng.random() < 0.3 else damaged(rng, raw))


def tar(rng: np.random.Generator) -> bytes:
    """The format of PyTorch before 0.2, with random parts."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name in ("sys_info", "pickle", "tensors", "storages"):
            part = tarfile.TarInfo(name)
            part.size = 20
            archive.addfile(part, io.BytesIO(rng.bytes(20)))
    return stream.getvalue()


def torch_bytes(rng: np.random.Generator, path: Path) -> None:
    """A torch file of either format, with some bytes changed."""
    path.write_bytes(damaged(rng, saved(("zip", "legacy", "checkpoint")[rng.integers(3)])))


def torch_pickle(rng: np.random.Generator, path: Path) -> None:
    """A torch archive, or a bare pickle, that is damaged or does not contain weights."""
    original = zipfile.ZipFile(io.BytesIO(saved("zip")))
    (name,) = (each for each in original.namelist() if each.endswith("data.pkl"))
    how = rng.integers(3)
    content = damaged(rng, original.read(name)) if how == 0 else opcodes(rng) if how == 1 else objects(rng)
    if rng.random() < 0.3:
        magic = b"".join(pickle.dumps(said, 2) for said in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}))
        path.write_bytes((magic if rng.integers(2) else b"") + content + pickle.dumps([], 2))
        return
    packing = zipfile.ZIP_DEFLATED if rng.random() < 0.2 else zipfile.ZIP_STORED
    with zipfile.ZipFile(path, "w", packing) as archive:
        for each in original.namelist():
            if rng.random() < 0.98 or each == name:
                archive.writestr(each, content if each == name else original.read(each))
        if rng.random() < 0.1:
            archive.writestr(
                ("../../x", "/x", "archive/constants.pkl", name.replace("data", "other"))[rng.integers(4)], b""
            )


def opcodes(rng: np.random.Generator) -> bytes:
    """Pickle instructions in random order."""
    parts = [b"\x80\x02"]
    for _ in range(rng.integers(1, 60)):
        kind = rng.random()
        if kind < 0.15:
            parts.append(b"c" + pick(rng, GLOBALS).encode() + b"\n")
        elif kind < 0.3:
            parts.append(
                pick(
                    rng,
                    (
                        b"K\x01",
                        b"N",
                        b"X\x01\x00\x00\x00a",
                        b")",
                        b"}",
                        b"]",
                        b"(",
                        b"\x8a\x01\x05",
                        b"J\xff\xff\xff\x7f",
                    ),
                )
            )
        elif kind < 0.6:
            parts.append(
                pick(
                    rng,
                    (b"R", b"t", b"\x85", b"\x86", b"s", b"u", b"b", b"Q", b"q\x00", b"h\x00", b"2", b"0", b"a", b"e"),
                )
            )
        elif kind < 0.8:
            parts.append(pick(rng, OPCODES) + rng.bytes(int(rng.integers(6))))
        else:
            parts.append(
                pick(rng, (b"\x85", b"2", b"\x86", b"]a", b"N", b"(", b"q\x00")) * int(10 ** rng.uniform(0, 5.5))
            )
    return b"".join(parts) + b"."


def objects(rng: np.random.Generator) -> bytes:
    """Harmless objects that are not a state dict."""
    things = (
        {}, {"a": 1}, {1: 2}, {"model": {"model": {}}}, [], None, "text", {"state_dict": None}, {b"a": b"b"}, {"a": {"b": {"c": 5}}},
        {(): ()}, {frozenset(): 1}, 10**4000, {"x" * 10_000: "y"}, {"decoder.pred.weight": [0.0] * 1000}, {None: None}, {"\ud800": 1},
    )  # fmt: skip
    return pickle.dumps(things[rng.integers(len(things))], int(rng.integers(6)))


def damaged(rng: np.random.Generator, raw: bytes) -> bytes:
    """Bytes changed, removed or repeated."""
    data = bytearray(raw)
    for _ in range(rng.integers(1, 6)):
        at = int(rng.integers(len(data) + 1))
        length = int(rng.integers(1, 30))
        how = rng.integers(6)
        if how < 2 and at < len(data):
            data[at] = rng.integers(256)
        elif how == 2:
            del data[at : at + length]
        elif how == 3:
            data[at:at] = data[at : at + length]
        elif how == 4:
            data[at : at + length] = rng.bytes(length)
        elif rng.random() < 0.3:
            del data[at:]
    return bytes(data)


def pick(rng: np.random.Generator, things):
    return things[rng.integers(len(things))]


@pytest.mark.slow
def test_a_file_is_weights_or_an_error_that_names_it(fuzz_count: int) -> None:
    """No file causes a traceback, a hang, a crash or excessive memory, or hides the other weights of the store."""
    assert hammer("fuzz.test_fuzz_weights:attack", fuzz_count) == []
