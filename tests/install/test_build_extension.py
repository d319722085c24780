"""The extension's zip: the same bytes every time, wheels that pip takes, a manifest that names them."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import subprocess
import sys
import zipfile
from email.parser import HeaderParser
from importlib.metadata import PathDistribution, version
from pathlib import Path

import pytest

import stcn_plugin
from stcn_plugin.errors import InstallError
from stcn_plugin.install import blender
from stcn_plugin.install.archives import zipped
from stcn_plugin.install.blender import build_extension

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "hosts" / "blender" / "extension"
BRIDGE = f"stcn_plugin_bridge-{stcn_plugin.__version__}-py3-none-any.whl"
PLUGGY = f"pluggy-{version('pluggy')}-py3-none-any.whl"


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    return build_extension(tmp_path_factory.mktemp("extension"), python="/opt/stcn/bin/python")


@pytest.fixture(scope="module")
def files(archive):
    with zipfile.ZipFile(archive) as opened:
        assert opened.testzip() is None
        return {name: opened.read(name) for name in opened.namelist()}


def test_zip_holds_the_extension_its_wheels_and_the_interpreter(archive, files):
    """The source as it is, two wheels, and the worker's interpreter; nothing that Python or an editor left."""
    assert archive.name == f"stcn_plugin-{stcn_plugin.__version__}.zip"
    source = {
        path.relative_to(SOURCE).as_posix(): path.read_bytes()
        for path in SOURCE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    del source["blender_manifest.toml"]
    assert {name: files[name] for name in source} == source
    assert set(files) - set(source) == {"blender_manifest.toml", "worker.json", f"wheels/{BRIDGE}", f"wheels/{PLUGGY}"}
    assert json.loads(files["worker.json"]) == {"python": "/opt/stcn/bin/python", "version": stcn_plugin.__version__}


def test_manifest_is_the_source_with_version_and_wheels(files):
    """The manifest differs from its source by the package's version and the list of wheels, before any table."""
    manifest = files["blender_manifest.toml"].decode()
    wheels = f'wheels = [\n  "./wheels/{PLUGGY}",\n  "./wheels/{BRIDGE}",\n]\n'
    assert manifest.count(wheels) == 1
    assert manifest.index(wheels) < manifest.index("[permissions]")
    rest = manifest.replace(wheels, "")
    assert re.findall(r'^version = "(.*)"$', rest, re.MULTILINE) == [stcn_plugin.__version__]
    source = (SOURCE / "blender_manifest.toml").read_text()
    assert rest == re.sub(r'(?m)^version = ".*"$', f'version = "{stcn_plugin.__version__}"', source)


def test_same_contents_same_bytes(archive, tmp_path):
    """Built again elsewhere, the zip has the same bytes; another interpreter gives another."""
    again = build_extension(tmp_path / "folder" / "again.zip", python="/opt/stcn/bin/python")
    assert again == tmp_path / "folder" / "again.zip"
    assert again.read_bytes() == archive.read_bytes()
    other = build_extension(tmp_path / "other.zip", python="/other/python")
    assert other.read_bytes() != archive.read_bytes()


def test_order_of_files_does_not_matter():
    """The bytes of an archive depend on what is in it, not on the order in which it was gathered."""
    assert zipped({"a": b"1", "b/c": b"2"}) == zipped({"b/c": b"2", "a": b"1"})


@pytest.mark.parametrize(("name", "project"), [(PLUGGY, "pluggy"), (BRIDGE, "stcn-plugin-bridge")])
def test_record_of_a_wheel_is_right(files, tmp_path, name, project):
    """Size and SHA-256 of every file in the wheel stand in its RECORD, and the metadata name what it is."""
    with zipfile.ZipFile(io.BytesIO(files[f"wheels/{name}"])) as opened:
        opened.extractall(tmp_path)
        names = set(opened.namelist())
    (folder,) = tmp_path.glob("*.dist-info")
    listed = PathDistribution(folder).files
    assert {str(path) for path in listed} == names
    for path in listed:
        data = (tmp_path / path).read_bytes()
        if path.name == "RECORD":
            assert path.hash is None
            continue
        assert path.size == len(data)
        assert path.hash.mode == "sha256"
        assert path.hash.value == base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")
    metadata = HeaderParser().parsestr((folder / "METADATA").read_text("utf-8"))
    assert metadata["Name"] == project
    assert f"{project.replace('-', '_')}-{metadata['Version']}" == folder.name.removesuffix(".dist-info")
    assert any(path.name == "LICENSE" for path in listed)


def test_pip_installs_the_wheels(files, tmp_path):
    """pip takes both wheels offline, and what it installs imports by itself."""
    for name in (PLUGGY, BRIDGE):
        (tmp_path / name).write_bytes(files[f"wheels/{name}"])
    site = tmp_path / "site"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--no-compile"]
    subprocess.run(
        [*pip, "--target", str(site), str(tmp_path / PLUGGY), str(tmp_path / BRIDGE)], check=True, capture_output=True
    )
    code = (
        f"import sys; sys.path.append({str(site)!r})\n"
        "import pluggy, stcn_plugin.bridge\nprint(pluggy.__file__, stcn_plugin.bridge.__file__)"
    )
    result = subprocess.run([sys.executable, "-I", "-S", "-B", "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.count(str(site)) == 2


def test_zip_that_cannot_be_written_is_told(tmp_path):
    """A zip under a path that is a file is an error that says so."""
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(InstallError, match=r"notes\.txt.*Choose another folder"):
        build_extension(tmp_path / "notes.txt" / "stcn.zip", python="python")


@pytest.mark.parametrize("manifest", [None, b"", b'id = "stcn_plugin"\n', b'id = "x"\nversion = "1"\nversion = "2"\n'])
def test_manifest_that_is_not_as_it_should_be_is_told(monkeypatch, tmp_path, manifest):
    """Without a manifest, an id or exactly one version nothing is built."""
    files = {"__init__.py": b""} if manifest is None else {"blender_manifest.toml": manifest}
    monkeypatch.setattr(blender, "host_files", lambda host: dict(files))
    with pytest.raises(InstallError, match=r"^blender_manifest\.toml: the extension's manifest"):
        build_extension(tmp_path, python="python")
    assert list(tmp_path.iterdir()) == []
