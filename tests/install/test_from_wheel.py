"""Host plugins installed from a real wheel, without a checkout."""

from __future__ import annotations

import email
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from stcn_plugin.weights.entry import read_metadata

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
HOSTS = ROOT / "hosts"
JUNK = shutil.ignore_patterns("__pycache__", "*.egg-info", ".*", "out", "tests", "examples")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A folder with the package, installed by pip from its wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    shutil.copytree(ROOT, folder / "source", ignore=JUNK)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    command = [*pip, "wheel", str(folder / "source"), "--no-deps", "--quiet", "--wheel-dir", str(folder)]
    built = subprocess.run(command, capture_output=True, text=True)
    if "No matching distribution found for hatchling" in built.stderr:
        pytest.skip("the package index that the build backend comes from cannot be reached")
    assert built.returncode == 0, built.stderr
    (wheel,) = folder.glob("*.whl")
    target = folder / "site"
    subprocess.run(
        [*pip, "install", "--no-deps", "--no-index", "--quiet", "--target", str(target), str(wheel)], check=True
    )
    shutil.rmtree(folder / "source")
    home = [sys.executable, "-c", "import stcn_plugin; print(stcn_plugin.__file__)"]
    environment = {**os.environ, "PYTHONPATH": str(target)}
    used = subprocess.run(home, capture_output=True, text=True, check=True, cwd=folder, env=environment)
    assert used.stdout.strip() == str(target / "stcn_plugin" / "__init__.py")
    return target


def stcn(site: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the installed command line, with the folder first on the path of Python."""
    environment = {**os.environ, "PYTHONPATH": str(site)}
    command = [sys.executable, "-m", "stcn_plugin", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=site.parent, env=environment)


def shipped(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def test_wheel_carries_the_hosts(site):
    """The package has the files of the hosts and the licence, at the path stated in the documentation."""
    carried = shipped(site / "stcn_plugin" / "_hosts")
    assert carried.pop("LICENSE") == (ROOT / "LICENSE").read_bytes()
    assert carried == shipped(HOSTS)
    page = (ROOT / "docs" / "how-to" / "batch-and-farm.md").read_text("utf-8")
    (stated,) = re.findall(r"in the installed package, as\s+`(.*?)`", page)
    assert (site / stated).read_bytes() == (HOSTS / "blender" / "batch.py").read_bytes()


def test_the_metadata_declares_the_licences_of_code_and_weights(site):
    """The metadata name the licences of code and weights, and contain their texts."""
    (information,) = site.glob("stcn_plugin-*.dist-info")
    metadata = email.message_from_bytes((information / "METADATA").read_bytes())
    declared = set(metadata["License-Expression"].split(" AND "))
    assert declared == {"MIT", "CC-BY-NC-4.0", "Apache-2.0", "CC0-1.0"}
    texts = {name: (information / "licenses" / name).read_text("utf-8") for name in metadata.get_all("License-File")}
    assert texts["LICENSE"].startswith("MIT License")
    assert "Version 2.0, January 2004" in texts["LICENSES/Apache-2.0.txt"]
    notice = texts["stcn_plugin/weights/starter/LICENSE.md"]
    assert (site / "stcn_plugin" / "weights" / "starter" / "LICENSE.md").read_text("utf-8") == notice
    for file in (site / "stcn_plugin" / "weights" / "starter").glob("*.safetensors"):
        (row,) = [line for line in notice.splitlines() if line.startswith(f"| `{file.name}`")]
        licence = read_metadata(file)["license"]
        (named,) = (each for each in ("CC-BY-NC-4.0", "Apache-2.0", "CC0-1.0") if each in licence)
        assert named.replace("CC-BY-NC-4.0", "CC BY-NC 4.0").replace("CC0-1.0", "CC0 1.0") in row
        assert ("**no**" in row) == ("non-commercial" in licence)


def test_nuke_from_a_wheel_is_nuke_from_the_checkout(site, tmp_path):
    """The Nuke plugin has the same files as from a checkout, and is removed completely."""
    result = stcn(site, "install", "nuke", "--dir", tmp_path / "nuke")
    assert result.returncode == 0, result.stderr
    installed = shipped(tmp_path / "nuke" / "stcn")
    assert {
        name: data for name, data in installed.items() if not name.startswith(("site/", "stcn_install"))
    } == shipped(HOSTS / "nuke")
    bridge = {name.partition("bridge/")[2]: data for name, data in installed.items() if "/bridge/" in name}
    assert bridge == shipped(ROOT / "stcn_plugin" / "bridge")
    record = json.loads(installed["stcn_install.json"])
    assert record["python"] == sys.executable
    assert "nothing was changed" in stcn(site, "install", "nuke", "--dir", tmp_path / "nuke").stdout
    assert stcn(site, "uninstall", "nuke", "--dir", tmp_path / "nuke").returncode == 0
    assert shipped(tmp_path) == {}


def test_extension_from_a_wheel_is_the_one_from_the_checkout(site, tmp_path):
    """The zip has the same files as from a checkout; two builds have the same bytes."""
    digests = set()
    for name in ("one.zip", "two.zip"):
        result = stcn(site, "install", "blender", "--zip", tmp_path / name)
        assert result.returncode == 0, result.stderr
        digests.add(hashlib.sha256((tmp_path / name).read_bytes()).hexdigest())
    assert len(digests) == 1
    source = shipped(HOSTS / "blender" / "extension")
    del source["blender_manifest.toml"]
    with zipfile.ZipFile(tmp_path / "one.zip") as opened:
        assert {name: opened.read(name) for name in source} == source
