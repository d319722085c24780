"""The weights store: names, provenance, hashes and errors."""

from __future__ import annotations

import hashlib
import os
import pickle
import subprocess
import sys
from contextlib import suppress
from datetime import date
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result
from safetensors.torch import load_file, save_file

from stcn_plugin.cli.weights import weights as command
from stcn_plugin.errors import WeightsError
from stcn_plugin.network.stcn import STCN
from stcn_plugin.network.variants import PUBLISHED, VARIANTS, Variant
from stcn_plugin.weights.reading import read_weights
from stcn_plugin.weights.store import WeightsStore


def run(*arguments: object, store: WeightsStore) -> Result:
    words = [str(argument) for argument in arguments]
    return CliRunner().invoke(command, [*words, "--store", str(store.folder)], catch_exceptions=False)


def refusal(call: object) -> str:
    with pytest.raises(WeightsError) as caught:
        call()  # type: ignore[operator]
    return str(caught.value)


class Bomb:
    """An object whose unpickling creates a folder, as a malicious .pth could."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.trace),)


def test_the_weights_in_the_package_are_always_available(store: WeightsStore, starter: Path) -> None:
    """A store without a folder has both, the default first."""
    entries = store.entries()
    assert [(entry.name, entry.variant, entry.is_builtin) for entry in entries] == [
        ("starter", "lite", True), ("starter-free", "light", True),
    ]  # fmt: skip
    assert entries[0].path == starter
    for entry in entries:
        assert store.path(entry.name) == entry.path
        assert entry.size == entry.path.stat().st_size
        assert entry.problem == ""
    assert not store.folder.exists()


def test_the_free_weights_allow_commercial_use(store: WeightsStore) -> None:
    """starter-free names its licences; starter is marked as non-commercial."""
    starter, free = store.entries()
    assert "NC" in starter.licence
    assert "NC" not in free.licence
    assert "Apache-2.0" in free.licence and "CC0" in free.licence


def test_added_weights_are_unchanged(store: WeightsStore, starter: Path) -> None:
    """Every tensor of an added file is bit for bit the same, and the entry names its source."""
    entry = store.add(starter, name="mine", licence="studio only")
    assert entry == store.entries()[2]
    assert (entry.name, entry.variant, entry.source, entry.licence) == ("mine", "lite", starter.name, "studio only")
    assert entry.sha256 == hashlib.sha256(starter.read_bytes()).hexdigest()
    assert entry.added == date.today().isoformat()
    assert store.path("mine") == store.folder / "mine.safetensors" == entry.path
    before, after = load_file(starter), load_file(entry.path)
    assert all(name.endswith("num_batches_tracked") for name in after.keys() - before.keys())
    assert all(before[name].dtype == after[name].dtype and before[name].equal(after[name]) for name in before)
    assert [file.name for file in store.folder.iterdir()] == ["mine.safetensors"]


def test_the_licence_of_the_file_is_the_default(store: WeightsStore, starter: Path) -> None:
    """Without ``licence``, the entry has the licence of the file, or "not stated"."""
    assert store.add(starter, name="copy").licence == store.entry("starter").licence
    bare = store.folder / "bare.pt"
    torch.save(load_file(starter), bare)
    assert store.add(bare).licence == "not stated"


def test_training_checkpoint_is_unwrapped(store: WeightsStore, starter: Path, tmp_path: Path) -> None:
    """Weights nested under ``network`` are found, and the name is the file name."""
    file = tmp_path / "run7_checkpoint.pth"
    torch.save({"it": 5, "network": load_file(starter), "optimizer": {"state": {}}}, file)
    entry = store.add(file)
    assert (entry.name, entry.variant) == ("run7_checkpoint", "lite")
    assert read_weights(entry.path).state.keys() == read_weights(starter).state.keys()


@pytest.mark.parametrize("variant", VARIANTS.values(), ids=VARIANTS)
def test_a_variant_is_recognised_by_its_entries(store: WeightsStore, tmp_path: Path, variant: Variant) -> None:
    """A state dict without metadata, although two variants share most of the key encoder."""
    with torch.device("meta"):
        shapes = STCN(variant).state_dict()
    state = {name: torch.zeros((), dtype=torch.half).expand(tensor.shape) for name, tensor in shapes.items()}
    torch.save(state, tmp_path / "found.pth")
    assert store.add(tmp_path / "found.pth").variant == variant.name


def test_single_object_weights_are_widened(store: WeightsStore, tmp_path: Path) -> None:
    """Published s0 weights have four input channels in the value encoder; a fifth is added and noted."""
    with torch.device("meta"):
        shapes = STCN(PUBLISHED).state_dict()
    # Expanded zeros take no space in the file.
    state = {name: torch.zeros((), dtype=torch.half).expand(tensor.shape) for name, tensor in shapes.items()}
    state["value_encoder.conv1.weight"] = torch.ones(64, 4, 7, 7, dtype=torch.half)
    torch.save(state, tmp_path / "stcn_s0.pth")
    entry = store.add(tmp_path / "stcn_s0.pth")
    assert (entry.name, entry.variant) == ("stcn_s0", "published")
    assert "a zero channel was added" in entry.note
    stem = load_file(entry.path)["value_encoder.conv1.weight"]
    assert stem.shape == (64, 5, 7, 7)
    assert stem[:, :4].eq(1).all() and stem[:, 4].eq(0).all()


def test_files_that_fit_no_variant_are_refused(store: WeightsStore, starter: Path, tmp_path: Path) -> None:
    """A missing entry, a wrong shape, another network and other files are refused with the reason."""
    state = load_file(starter)
    first = "decoder.pred.weight"
    for name, changed, reason in (
        ("missing", {key: value for key, value in state.items() if key != first}, f"'{first}' is missing"),
        ("shape", {**state, first: torch.zeros(2, 3)}, f"'{first}' has shape (2, 3)"),
        ("other", {"layer.weight": torch.zeros(3)}, "not weights of an STCN"),
    ):
        file = tmp_path / f"{name}.safetensors"
        save_file(changed, file)
        message = refusal(lambda file=file: store.add(file))
        assert str(file) in message
        assert reason in message
    (tmp_path / "text.safetensors").write_text("no weights")
    assert "not a readable safetensors file" in refusal(lambda: store.add(tmp_path / "text.safetensors"))
    assert "there is no such file" in refusal(lambda: store.add(tmp_path / "absent.pth"))
    assert not store.folder.exists() or not list(store.folder.iterdir())


@pytest.mark.parametrize("how", ["pickle", "torch", "nested"])
def test_a_pickle_is_never_executed(store: WeightsStore, starter: Path, tmp_path: Path, how: str) -> None:
    """A file that would run code when unpickled is refused, and the code is not run."""
    trace, file = tmp_path / "trace", tmp_path / "harmful.pth"
    if how == "pickle":
        file.write_bytes(pickle.dumps(Bomb(trace), protocol=2))
    elif how == "torch":
        torch.save(Bomb(trace), file)
    else:
        torch.save({"network": load_file(starter), "epoch": Bomb(trace)}, file)
    assert "refused" in refusal(lambda: store.add(file))
    assert not trace.exists()
    assert len(store.entries()) == 2
    with suppress(RuntimeError):  # the result is not usable, after the code has run
        torch.load(file, weights_only=False)
    assert trace.exists(), "the file runs no code when it is trusted, so this test proves nothing"


def test_a_taken_name_is_refused(store: WeightsStore, starter: Path) -> None:
    """Weights are overwritten only with ``replace``."""
    store.add(starter, name="mine", licence="first")
    message = refusal(lambda: store.add(starter, name="mine", licence="second"))
    assert "there are already weights called 'mine'" in message and "--replace" in message
    assert store.entry("mine").licence == "first"
    assert store.add(starter, name="mine", licence="second", replace=True).licence == "second"


@pytest.mark.parametrize("name", ["starter", "../up", "a b", "", ".hidden", "sub/name"])
def test_invalid_names(store: WeightsStore, starter: Path, tmp_path: Path, name: str) -> None:
    """A name is not a path, not hidden, and not that of the starter weights."""
    if name:
        refusal(lambda: store.add(starter, name=name))
    else:
        odd = tmp_path / "two words.safetensors"
        odd.symlink_to(starter)
        assert "'two words' is not a valid name" in refusal(lambda: store.add(odd))
    assert not store.folder.exists()


def test_path_of_a_file_anywhere(store: WeightsStore, starter: Path, tmp_path: Path) -> None:
    """A preset may name a .safetensors file; other or missing files are refused."""
    assert store.path(str(starter)) == starter
    assert "there is no such file" in refusal(lambda: store.path(str(tmp_path / "x.safetensors")))
    (tmp_path / "x.pth").touch()
    message = refusal(lambda: store.path(str(tmp_path / "x.pth")))
    assert f"stcn weights add {tmp_path / 'x.pth'}" in message


def test_an_unknown_name_gets_suggestions(store: WeightsStore, starter: Path) -> None:
    """A typo gets similar names; the name of published weights gets the command that downloads them."""
    store.add(starter, name="hero_v2")
    message = refusal(lambda: store.path("hero_v3"))
    assert "Did you mean hero_v2?" in message and "stcn weights add FILE" in message
    assert "stcn weights fetch stcn_s0" in refusal(lambda: store.path("stcn_s0"))


def test_the_default_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The argument has precedence over STCN_WEIGHTS_DIR, and that over the user's data folder."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.delenv("STCN_WEIGHTS_DIR", raising=False)
    assert WeightsStore().folder.parts[-2:] == ("stcn_plugin", "weights")
    monkeypatch.setenv("STCN_WEIGHTS_DIR", str(tmp_path / "studio"))
    assert WeightsStore().folder == tmp_path / "studio"
    assert WeightsStore(tmp_path / "own").folder == tmp_path / "own"


def test_check_notices_one_changed_bit(store: WeightsStore, starter: Path) -> None:
    """A changed value and a truncated file are reported."""
    entry = store.add(starter, name="mine")
    assert [(checked.name, problem) for checked, problem in store.check()] == [
        ("starter", ""), ("starter-free", ""), ("mine", ""),
    ]  # fmt: skip
    content = bytearray(entry.path.read_bytes())
    content[-1] ^= 1
    entry.path.write_bytes(content)
    ((_, problem),) = store.check(["mine"])
    assert "the file was modified or damaged" in problem
    entry.path.write_bytes(content[:-1000])
    ((_, problem),) = store.check(["mine"])
    assert "not a readable safetensors file" in problem
    assert "no weights called 'yours'" in refusal(lambda: list(store.check(["yours"])))


def test_a_file_copied_into_the_folder_is_listed(store: WeightsStore, starter: Path) -> None:
    """A copied file works by its name, without provenance; an invalid one is listed with its problem."""
    store.folder.mkdir()
    save_file(load_file(starter), store.folder / "copied.safetensors")
    (store.folder / "broken.safetensors").write_bytes(b"\xff" * 100)
    broken, copied = store.entries()[2:]
    assert broken.name == "broken"
    assert broken.problem.startswith("not a readable safetensors file")
    assert (copied.name, copied.problem, copied.variant, copied.content) == ("copied", "", "", "")
    assert store.path("copied") == store.folder / "copied.safetensors"
    assert {entry.name: bool(problem) for entry, problem in store.check()} == {
        "starter": False,
        "starter-free": False,
        "broken": True,
        "copied": False,
    }


def test_removing_weights(store: WeightsStore, starter: Path) -> None:
    """The file is deleted; the weights in the package cannot be removed."""
    store.add(starter, name="mine")
    store.remove("mine")
    assert [entry.name for entry in store.entries()] == ["starter", "starter-free"]
    for entry in store.entries():
        assert "part of the package" in refusal(lambda name=entry.name: store.remove(name))
        assert entry.path.exists()
    assert "no weights called 'mine'" in refusal(lambda: store.remove("mine"))


def test_a_store_that_cannot_be_written(store: WeightsStore, starter: Path) -> None:
    """A folder that cannot be created is an error that names the environment variable."""
    store.folder.touch()
    message = refusal(lambda: store.add(starter, name="mine"))
    assert "the file cannot be written: file exists" in message
    assert "STCN_WEIGHTS_DIR" in message


def test_weights_can_be_read_by_others(store: WeightsStore, starter: Path) -> None:
    """Files in a shared store have the permissions of other new files."""
    store.folder.mkdir()
    (store.folder / "plain").touch()
    entry = store.add(starter, name="mine")
    assert entry.path.stat().st_mode == (store.folder / "plain").stat().st_mode


def test_commands(store: WeightsStore, starter: Path) -> None:
    """add, list, check and remove on the command line."""
    added = run("add", starter, "--name", "mine", "--licence", "ours alone", store=store)
    assert added.exit_code == 0
    assert added.output.startswith("added mine: lite variant, ")
    listed = run("list", store=store).output.splitlines()
    assert listed[0].split() == ["name", "variant", "size", "added", "licence", "source"]
    assert listed[1].split()[:2] == ["starter", "lite"]
    assert listed[2].split()[:2] == ["starter-free", "light"]
    assert listed[3].split()[:2] == ["mine", "lite"] and "ours alone" in listed[3]
    assert listed[4] == f"store: {store.folder}"
    checked = run("check", "mine", store=store)
    assert (checked.exit_code, checked.output) == (0, "mine: ok, lite\n")
    assert run("remove", "mine", store=store).output == "removed mine\n"
    assert len(store.entries()) == 2


def test_check_command_fails_for_damaged_weights(store: WeightsStore, starter: Path) -> None:
    """A damaged file makes the exit code 1; the others are still checked."""
    entry = store.add(starter, name="mine")
    entry.path.write_bytes(entry.path.read_bytes()[:-1])
    result = run("check", store=store)
    assert result.exit_code == 1
    assert result.stdout.startswith("starter: ok, lite")
    assert result.stderr.startswith("mine: not a readable safetensors file")


def test_listing_loads_no_torch(store: WeightsStore, starter: Path) -> None:
    """``list`` reads only headers and does not import torch."""
    store.add(starter, name="mine")
    code = (
        "import sys; from stcn_plugin.weights.store import WeightsStore; "
        "names = [entry.name for entry in WeightsStore().entries()]; "
        "assert 'torch' not in sys.modules; sys.stdout.write(' '.join(names))"
    )
    environment = {**os.environ, "STCN_WEIGHTS_DIR": str(store.folder)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "starter starter-free mine"


@pytest.mark.skipif(os.name != "posix", reason="users of POSIX systems")
def test_a_user_without_a_home_folder(monkeypatch):
    """As on a farm: the weights of the package are found, and others are looked up in the system's data folder."""
    import pwd

    def unknown(number: int) -> None:
        raise KeyError(f"getpwuid(): uid not found: {number}")

    for name in ("HOME", "XDG_DATA_HOME", "STCN_WEIGHTS_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    store = WeightsStore()
    assert store.folder.is_absolute() and "~" not in str(store.folder)
    assert store.path("starter").is_file()
    with pytest.raises(WeightsError, match="mine"):
        store.path("mine")
