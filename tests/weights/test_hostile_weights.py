"""Files of weights that are damaged, have the wrong content, or are made to crash the reader."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import load_file, save_file
from weights.generated_files import endless, header_of, nested_tuples, write_archive, write_raw, write_safetensors

from stcn_plugin.cli.weights import weights as command
from stcn_plugin.errors import WeightsError
from stcn_plugin.weights.reading import read_weights
from stcn_plugin.weights.store import WeightsStore

ENTRY = "decoder.pred.weight"


@pytest.fixture(scope="module")
def kinds(starter: Path) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Number format and shape of every entry of valid weights."""
    header = header_of(starter)
    return {name: (entry["dtype"], tuple(entry["shape"])) for name, entry in header.items() if name != "__metadata__"}


@pytest.fixture(scope="module")
def state(starter: Path) -> dict[str, torch.Tensor]:
    """Valid weights that take no space in a file: every entry is one expanded zero."""
    return {name: torch.zeros((), dtype=torch.half).expand(each.shape) for name, each in load_file(starter).items()}


def error_of(path: Path) -> WeightsError:
    with pytest.raises(WeightsError) as caught:
        read_weights(path)
    assert caught.value.where == str(path)
    return caught.value


@pytest.mark.parametrize("kind", ["I64", "I8", "U8", "BOOL", "F8_E4M3", "C64"])
def test_entries_of_other_number_formats_are_named(kinds, tmp_path: Path, kind: str) -> None:
    """Integers, booleans, complex numbers and 8-bit floats are refused, with the name of the entry."""
    shape = kinds[ENTRY][1]
    what = error_of(write_safetensors(tmp_path / "x.safetensors", {**kinds, ENTRY: (kind, shape)})).what
    assert f"the entry '{ENTRY}' is " in what
    assert "expected float16, bfloat16, float32 or float64" in what


@pytest.mark.parametrize("kind", ["F16", "BF16", "F32", "F64"])
def test_every_format_of_floats_is_read(kinds, tmp_path: Path, kind: str) -> None:
    """float16, bfloat16, float32 and float64 are accepted; so the generated files of these tests are valid."""
    made = {name: (kind, shape) for name, (_, shape) in kinds.items()}
    assert read_weights(write_safetensors(tmp_path / "x.safetensors", made)).variant.name == "lite"


@pytest.mark.filterwarnings("ignore::UserWarning")  # torch advises against some of these kinds
@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (lambda shape: torch.zeros(shape).to_sparse(), "sparse"),
        (lambda shape: torch.quantize_per_tensor(torch.zeros(shape), 0.1, 0, torch.qint8), "quantised"),
        (lambda shape: torch.nested.nested_tensor([torch.zeros(2), torch.zeros(3)]), "nested"),
        (lambda shape: torch.zeros(shape, device="meta"), "without values"),
        (lambda shape: torch.zeros(shape, dtype=torch.int32), "int32"),
        (lambda shape: torch.zeros(shape, dtype=torch.bool), "bool"),
        (lambda shape: torch.zeros(shape, dtype=torch.complex64), "complex64"),
        (lambda shape: torch.zeros(shape).to(torch.float8_e5m2), "float8_e5m2"),
    ],
)
def test_tensors_of_other_kinds_in_a_pickle_are_named(state, tmp_path: Path, make, kind: str) -> None:
    """Kinds of tensors that torch reads but a network cannot use."""
    torch.save({**state, ENTRY: make(state[ENTRY].shape)}, tmp_path / "x.pth")
    assert f"the entry '{ENTRY}' is {kind}, expected float16" in error_of(tmp_path / "x.pth").what


@pytest.mark.parametrize(
    ("value", "what"),
    [
        ({"weight": torch.zeros(2)}, "the entry 'head' is a mapping"),
        ([torch.zeros(2)], "the entry 'head' is of type list"),
        ("text", "the entry 'head' is of type str"),
        (5, "the entry 'head' is of type int"),
    ],
)
def test_entries_that_are_not_tensors_are_named(state, tmp_path: Path, value, what: str) -> None:
    """A nested state dict, and other values of a training run."""
    torch.save({**state, "head": value}, tmp_path / "x.pth")
    error = error_of(tmp_path / "x.pth")
    assert error.what == f"{what}, not a tensor"
    assert "state_dict()" in error.fix


def test_a_duplicate_entry_is_refused(state, tmp_path: Path) -> None:
    """The same name with and without the prefix of parallel training."""
    torch.save({**state, f"module.{ENTRY}": state[ENTRY]}, tmp_path / "x.pth")
    assert f"has the entry '{ENTRY}' twice" in error_of(tmp_path / "x.pth").what


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e300])
def test_values_that_are_not_finite_are_named(starter: Path, tmp_path: Path, value: float) -> None:
    """NaN, infinity, and a float64 that is infinite in float32."""
    state = {name: tensor.double() if name == ENTRY else tensor for name, tensor in load_file(starter).items()}
    state[ENTRY].view(-1)[3] = value
    save_file(state, tmp_path / "x.safetensors")
    assert f"the entry '{ENTRY}' has values that are not finite" in error_of(tmp_path / "x.safetensors").what


@pytest.mark.parametrize("shape", [(0,), (1, 0, 3, 3), (1, 128, 3, 3, 1), (), (1 << 20, 1 << 20)])
def test_other_shapes_are_named(kinds, tmp_path: Path, shape: tuple[int, ...]) -> None:
    """Empty, scalar and terabyte entries; the missing data of the last is reported first."""
    path = tmp_path / "x.safetensors"
    if shape == (1 << 20, 1 << 20):
        header = header_of(write_safetensors(path, kinds))
        header[ENTRY]["shape"] = list(shape)
        write_raw(path, json.dumps(header).encode(), 100)
        assert f"the entry '{ENTRY}' of shape {shape} has" in error_of(path).what
    else:
        write_safetensors(path, {**kinds, ENTRY: ("F16", shape)})
        assert f"the entry '{ENTRY}' has shape {shape}, expected" in error_of(path).what


def test_unknown_entries_are_refused_without_reading(kinds, tmp_path: Path) -> None:
    """32 GB besides the entries of the network: refused by the header."""
    path = write_safetensors(tmp_path / "x.safetensors", {**kinds, "more": ("F32", (8, 1 << 30))})
    assert error_of(path).what.endswith("unknown entries: 1, the first is 'more'")


def tensor(begin: int, end: int, **changes: object) -> dict[str, object]:
    return {"dtype": "F32", "shape": [(end - begin) // 4], "data_offsets": [begin, end], **changes}


@pytest.mark.parametrize(
    ("header", "what"),
    [
        ({"a": tensor(0, 8), "b": tensor(4, 12)}, "the entry 'b' overlaps another one"),
        ({"a": tensor(0, 8), "b": tensor(12, 16)}, "the entry 'b' overlaps another one or leaves a gap"),
        ({"a": tensor(4, 16)}, "the entry 'a' overlaps another one or leaves a gap"),
        ({"a": tensor(0, 8)}, "its tensors need 8 bytes, but it has 16"),
        ({"a": tensor(0, 1 << 40)}, "its tensors need 1,099,511,627,776 bytes"),
        ({"a": tensor(0, 16, dtype="F99")}, "the entry 'a' has an unknown number format ('F99')"),
        ({"a": tensor(0, 16, dtype=5)}, "the entry 'a' has an unknown number format"),
        ({"a": tensor(0, 16, shape=[-4])}, "the entry 'a' has an invalid shape or offset"),
        ({"a": tensor(0, 16, shape=[4.0])}, "the entry 'a' has an invalid shape or offset"),
        ({"a": tensor(0, 16, shape=[True])}, "the entry 'a' has an invalid shape or offset"),
        ({"a": tensor(0, 16, shape=[1] * 99)}, "the entry 'a' has an invalid shape or offset"),
        ({"a": tensor(0, 16, shape=[10**30])}, "the entry 'a' has an invalid shape or offset"),
        ({"a": tensor(0, 16, shape=[5])}, "the entry 'a' of shape (5,) has 16 bytes, expected 20"),
        ({"a": tensor(0, 16, data_offsets=[16, 0])}, "the entry 'a' of shape (4,) has -16 bytes"),
        ({"a": tensor(0, 16, data_offsets=[0])}, "the entry 'a' has an invalid shape or offset"),
        ({"a": tensor(0, 16, data_offsets="0-16")}, "the entry 'a' has an invalid shape or offset"),
        ({"a": [1]}, "the entry 'a' does not describe a tensor"),
        ({"a": {"dtype": "F32"}}, "the entry 'a' does not describe a tensor"),
        ({"a": None}, "the entry 'a' does not describe a tensor"),
        ({"a\x1b[31m": None}, "the entry 'a\N{REPLACEMENT CHARACTER}[31m' does not"),
        ([], "its header is invalid"),
        ({"__metadata__": {"license": 5}}, "its metadata is not text"),
        ({"__metadata__": {"license": None}}, "its metadata is not text"),
        ({"__metadata__": {"license": ["CC0"]}}, "its metadata is not text"),
        ({"__metadata__": "CC0"}, "its metadata is not text"),
        ({"__metadata__": None}, "its metadata is not text"),
        (b'{"a": {}, "a": {}}', "its header names an entry twice"),
        (b'{"\\ud800": 1}', "the entry '\N{REPLACEMENT CHARACTER}' does not"),
        (b"{" + b'"a":{' * 100_000, "its header is invalid"),
        (b"[" * 1_000_000, "its header is invalid"),
        (b'{"a": ' + b"1" * 5000 + b"}", "its header is invalid"),
        (b"{\xff}", "its header is invalid"),
        ("{}".encode("utf-16"), "its header is invalid"),
        (b"", "its header is invalid"),
        (b'{"a":NaN}', "the entry 'a' does not describe a tensor"),
    ],
)
def test_damaged_headers_are_refused(store: WeightsStore, tmp_path: Path, header: object, what: str) -> None:
    """Every kind of damage to a header; the store lists the file as unreadable, and the others as usual."""
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    store.folder.mkdir()
    path = write_raw(store.folder / "bad.safetensors", raw, 16)
    assert f"not a readable safetensors file ({what}" in error_of(path).what
    starter, _, bad = store.entries()
    assert (starter.name, starter.problem) == ("starter", "")
    assert (bad.name, bad.problem) == ("bad", error_of(path).what)


@pytest.mark.parametrize(
    ("length", "what"),
    [
        (1 << 63, "it is truncated or has another format"),
        ((1 << 64) - 1, "it is truncated or has another format"),
        (1000, "it is truncated or has another format"),
        (3, "its header is invalid"),
    ],
)
def test_a_wrong_header_length_is_refused(tmp_path: Path, length: int, what: str) -> None:
    """The stated length must fit in the file and end at the end of the header."""
    path = write_raw(tmp_path / "x.safetensors", b'{"a": 1}', 16, length=length)
    assert what in error_of(path).what


def test_a_giant_header_is_not_read(tmp_path: Path) -> None:
    """The format allows 100 MB, which would take gigabytes of memory to parse."""
    path = write_raw(tmp_path / "x.safetensors", b'{"a":[' + b"[]," * 2_000_000 + b"[]]}", 0)
    assert "its header has 5.72 MB, the maximum is 4 MB" in error_of(path).what


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_special_files_are_refused(tmp_path: Path, suffix: str) -> None:
    """A pipe, a folder, a link to a device and a broken link are refused without waiting."""
    pipe, folder, device, gone = (tmp_path / f"{name}{suffix}" for name in ("pipe", "folder", "device", "gone"))
    os.mkfifo(pipe)
    folder.mkdir()
    device.symlink_to("/dev/zero")
    gone.symlink_to(tmp_path / "nothing")
    assert "is a pipe" in error_of(pipe).what
    assert "is a folder" in error_of(folder).what
    assert "is a device" in error_of(device).what
    assert "there is no such file" in error_of(gone).what


def test_the_store_lists_unreadable_files(store: WeightsStore, starter: Path) -> None:
    """Pipes, folders, broken links and invalid names are listed with their problem, next to valid weights."""
    store.add(starter, name="good")
    os.mkfifo(store.folder / "pipe.safetensors")
    (store.folder / "folder.safetensors").mkdir()
    (store.folder / "gone.safetensors").symlink_to("nothing")
    (store.folder / "two words.safetensors").write_bytes(starter.read_bytes()[:100])
    (store.folder / os.fsdecode(b"lat\xefn.safetensors")).touch()
    problems = {entry.name: entry.problem for entry in store.entries()}
    assert problems["good"] == problems["starter"] == ""
    assert "is a pipe" in problems["pipe"]
    assert "is a folder" in problems["folder"]
    assert "cannot be read" in problems["gone"]
    assert "rename the file" in problems["two words"]
    assert "rename the file" in problems["lat n"]
    listed = CliRunner().invoke(command, ["list", "--store", str(store.folder)], catch_exceptions=False)
    assert listed.exit_code == 0
    checked = CliRunner().invoke(command, ["check", "--store", str(store.folder)], catch_exceptions=False)
    assert checked.exit_code == 1
    assert "good: ok, lite" in checked.stdout
    assert len(checked.stderr.splitlines()) == 5


def test_metadata_is_cleaned(store: WeightsStore, kinds) -> None:
    """Control characters, line breaks, very long text and lone surrogates do not reach a terminal or a matte."""
    store.folder.mkdir()
    metadata = {
        "license": "CC0\x1b[2J\nno\x00 really\ud800" + "!" * 1000,
        "variant": "lite\r\n",
        "source": "\u202eevil",
    }
    write_safetensors(store.folder / "loud.safetensors", kinds, metadata)
    entry = store.entries()[2]
    assert entry.licence.startswith("CC0 [2J no really !!!")
    assert len(entry.licence) == 300
    assert (entry.variant, entry.source) == ("lite", "evil")


def tar_of(path: Path) -> None:
    with tarfile.open(path, "w") as archive:
        for name in ("sys_info", "pickle", "tensors", "storages"):
            archive.addfile(tarfile.TarInfo(name), io.BytesIO())


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda path: path.touch(), "is empty"),
        (tar_of, "is in the tar format of PyTorch before 0.2"),
        (lambda path: path.write_bytes(b"\x1f\x8b\x08" + bytes(100)), "is compressed (gzip)"),
        (lambda path: path.write_text("<!DOCTYPE html><html>Sign in</html>"), "is a web page, not weights"),
        (lambda path: path.write_text("version https://git-lfs.github.com/spec/v1\n"), "is a placeholder of Git LFS"),
        (lambda path: path.write_text("weights"), "has no weights"),
        (lambda path: path.write_bytes(b"(dp0\n."), "has no weights"),
        (lambda path: path.write_bytes(b"\x80\x02"), "is damaged or has no weights"),
        (lambda path: path.write_bytes(b"\x80\x02."), "is damaged or has no weights"),
        (lambda path: path.write_bytes(b"PK\x03\x04" + bytes(50)), "is a damaged archive"),
        (lambda path: zip_of(path, "word/document.xml"), "is a zip archive, but not of torch.save"),
        (lambda path: zip_of(path, "archive/data.pkl", "archive/constants.pkl"), "is a TorchScript program"),
        (lambda path: zip_of(path, "a/data.pkl", "b/data.pkl"), "is a zip archive, but not of torch.save"),
        (lambda path: write_archive(path, b"}.", compression=zipfile.ZIP_DEFLATED), "refused: its records expand"),
        (
            lambda path: write_archive(path, nested_tuples(200)),
            "refused: its values are nested more than 100 levels deep",
        ),
        (
            lambda path: write_archive(path, nested_tuples(450_000)),
            "refused: its values are nested more than 100 levels deep",
        ),
        (lambda path: write_archive(path, endless(300_000)), "refused: it has far more than"),
        (lambda path: write_archive(path, b"\x80\x02" + b"N0" * 5_000_000 + b"N."), "refused: it has far more than"),
        (lambda path: write_archive(path, b"\x80\x02\x85."), "is damaged or has no weights"),
        (lambda path: write_archive(path, b"\x80\x02\xff."), "is damaged or has no weights"),
        (lambda path: write_archive(path, b"\x80\x02]."), "has no state dict"),
        (lambda path: write_archive(path, b"\x80\x02}K\x01Ns."), "has entries without names"),
        (
            lambda path: path.write_bytes(nested_tuples(450_000)),
            "refused: its values are nested more than 100 levels deep",
        ),
    ],
)
def test_files_that_are_not_of_torch_are_named(tmp_path: Path, make, what: str) -> None:
    """The error names the kind of file; nothing is unpacked and nothing crashes."""
    make(tmp_path / "x.pth")
    error = error_of(tmp_path / "x.pth")
    assert error.what.startswith(what)


def zip_of(path: Path, *names: str) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, b"}.")


@pytest.mark.slow
def test_deep_nesting_crashes_torch(tmp_path: Path) -> None:
    """The archive that is refused crashes a process that relies on torch's own check."""
    write_archive(tmp_path / "x.pth", nested_tuples(450_000))
    code = f"import torch; torch.load({str(tmp_path / 'x.pth')!r}, weights_only=True)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode not in {0, 1}


def test_an_archive_larger_than_any_weights(tmp_path: Path) -> None:
    """It is refused by its size, without reading."""
    path = write_archive(tmp_path / "x.pth", b"}.")
    with path.open("r+b") as file:
        file.truncate(5 << 30)
    assert "has 5 GB, the maximum is 4 GB" in error_of(path).what


def test_the_content_decides_the_format(starter: Path, tmp_path: Path) -> None:
    """The format of a file is recognised by its content, not its extension."""
    (tmp_path / "x.pth").write_bytes(starter.read_bytes())
    assert read_weights(tmp_path / "x.pth").variant.name == "lite"
    torch.save(load_file(starter), tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    assert read_weights(tmp_path / "old.pt").variant.name == "lite"


@pytest.mark.parametrize("name", ["con", "NUL", "Aux.v2", "lpt1", "com¹", "dot.", "x" * 101, "sp ace", "é"])
def test_names_that_are_not_portable_are_refused(store: WeightsStore, starter: Path, name: str) -> None:
    """A store is shared between systems, so names that are reserved or changed by Windows are invalid."""
    with pytest.raises(WeightsError, match="is not a valid name for weights"):
        store.add(starter, name=name)
    assert not store.folder.exists()
