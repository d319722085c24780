"""The zip of the extension: reproducible bytes, valid wheels, and a complete manifest."""

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
    """The zip has the unchanged source, two wheels, and the interpreter of the worker; no compiled or hidden files."""
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
    """The manifest is its source with the version of the package and the list of wheels, before any table."""
    manifest = files["blender_manifest.toml"].decode()
    wheels = f'wheels = [\n  "./wheels/{PLUGGY}",\n  "./wheels/{BRIDGE}",\n]\n'
    assert manifest.count(wheels) == 1
    assert manifest.index(wheels) < manifest.index("[permissions]")
    rest = manifest.replace(wheels, "")
    assert re.findall(r'^version = "(.*)"$', rest, re.MULTILINE) == [stcn_plugin.__version__]
    source = (SOURCE / "blender_manifest.toml").read_text()
    assert rest == re.sub(r'(?m)^version = ".*"$', f'version = "{stcn_plugin.__version__}"', source)


def test_same_contents_same_bytes(archive, tmp_path):
    """A second build in another place has the same bytes; another interpreter changes them."""
    again = build_extension(tmp_path / "folder" / "again.zip", python="/opt/stcn/bin/python")
    assert again == tmp_path / "folder" / "again.zip"
    assert again.read_bytes() == archive.read_bytes()
    other = build_extension(tmp_path / "other.zip", python="/other/python")
    assert other.read_bytes() != archive.read_bytes()


def test_order_of_files_does_not_matter():
    """The bytes of an archive do not depend on the order of the files."""
    assert zipped({"a": b"1", "b/c": b"2"}) == zipped({"b/c": b"2", "a": b"1"})


@pytest.mark.parametrize(("name", "project"), [(PLUGGY, "pluggy"), (BRIDGE, "stcn-plugin-bridge")])
def test_the_record_of_a_wheel_is_correct(files, tmp_path, name, project):
    """RECORD has the size and SHA-256 of every file in the wheel, and METADATA the project."""
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
    """pip installs both wheels offline, and the result can be imported on its own."""
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


def test_a_zip_that_cannot_be_written_is_an_error(tmp_path):
    """The parent of the zip is a file."""
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(InstallError, match=r"notes\.txt.*Choose another folder"):
        build_extension(tmp_path / "notes.txt" / "stcn.zip", python="python")


@pytest.mark.parametrize("manifest", [None, b"", b'id = "stcn_plugin"\n', b'id = "x"\nversion = "1"\nversion = "2"\n'])
def test_an_invalid_manifest_is_an_error(monkeypatch, tmp_path, manifest):
    """Without a manifest, an id or exactly one version, nothing is built."""
    files = {"__init__.py": b""} if manifest is None else {"blender_manifest.toml": manifest}
    monkeypatch.setattr(blender, "host_files", lambda host: dict(files))
    with pytest.raises(InstallError, match=r"^blender_manifest\.toml: the extension's manifest"):
        build_extension(tmp_path, python="python")
    assert list(tmp_path.iterdir()) == []
