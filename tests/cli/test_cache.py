"""``stcn cache``: listing and clearing the caches of shots. Real processes."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from cli.stcn_process import stcn
from golden.stand_in import golden_frames, golden_masks
from PIL import Image

from stcn_plugin.cache.claims import Claim
from stcn_plugin.processes import machine

SHOT = "plate: p.####.png\nkeyframes: {1002: key.png}\nout: a/m.####.exr\nsize: 64\nrange: 1001-1003\n"


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    """A shot with its mattes and its cache."""
    folder = tmp_path_factory.mktemp("show")
    for number, frame in enumerate(golden_frames(3, 64, 96)):
        Image.fromarray(frame).save(folder / f"p.{1001 + number}.png")
    Image.fromarray(golden_masks(64, 96)[0] * 255).save(folder / "key.png")
    (folder / "a.yaml").write_text(SHOT)
    (folder / "b.yaml").write_text(SHOT.replace("a/m", "b/m"))
    assert stcn("propagate", "a.yaml", cwd=folder).returncode == 0
    return folder


def listed(*arguments: object, cwd: Path) -> list[dict[str, object]]:
    result = stcn("cache", "list", *arguments, "--json", cwd=cwd)
    assert (result.returncode, result.stderr) == (0, "")
    caches: list[dict[str, object]] = json.loads(result.stdout)["caches"]
    return caches


def test_list(built):
    """Frames by direction, size and state, for a shot file and below the current folder."""
    cache = built / "a" / "m.exr.stcn-cache"
    (found,) = listed(cwd=built)
    assert found["shot"] is None and found["folder"] == str(cache) and found["exists"] is True
    assert (found["forward"], found["backward"]) == ("1003", "1001")
    assert found["bytes"] == sum(path.stat().st_size for path in cache.iterdir())
    assert found["jobs"] == []
    by_shot, none_yet = listed("[ab].yaml", ".", cwd=built)
    assert by_shot == found | {"shot": "a.yaml"}
    assert none_yet["shot"] == "b.yaml" and none_yet["exists"] is False and none_yet["bytes"] == 0
    table = stcn("cache", "list", "a.yaml", cwd=built).stdout.splitlines()
    assert table[0].split() == ["cache", "forward", "backward", "size", "changed", "jobs"]
    assert table[1].split()[:3] == [str(cache), "1003", "1001"]
    assert stcn("cache", "list", built / "b.yaml", cwd=built).stdout.splitlines()[1].split()[1:] == ["-"] * 5


def test_the_options_of_the_shot_name_its_cache(built, tmp_path):
    """The setting `cache` and the mattes may come from --set and from a preset."""
    (built / "fast.yaml").write_text(f"cache: {tmp_path}\n")
    (found,) = listed("a.yaml", "--preset", "fast.yaml", cwd=built)
    assert Path(str(found["folder"])).parent == tmp_path
    (other,) = listed("a.yaml", "--preset", "fast.yaml", "--set", "out=c/n.####.exr", "--set", "cache=auto", cwd=built)
    assert other["folder"] == str(built / "c" / "n.exr.stcn-cache")


def test_errors_are_reported_and_the_others_listed(built):
    """A shot file that is missing does not hide the others; the exit code is 1. Clearing needs a place."""
    result = stcn("cache", "list", "gone.yaml", "a.yaml", cwd=built)
    assert result.returncode == 1
    assert "gone.yaml" in result.stderr and "m.exr.stcn-cache" in result.stdout
    assert stcn("cache", "clear", cwd=built).returncode == 2


@pytest.mark.slow
def test_clear(built):
    """A cache in use is left alone. Without its probabilities, the mattes are up to date; without records, they are not."""
    cache = built / "a" / "m.exr.stcn-cache"
    mattes = {path.name: path.read_bytes() for path in (built / "a").glob("m.*.exr")}
    claim = cache / f"claim.{machine()}-{os.getpid()}-00000000.json"
    claim.write_bytes(Claim.of_this_process([1003]).content)
    (job,) = listed("a.yaml", cwd=built)[0]["jobs"]
    assert (job["pid"], job["frames"]) == (os.getpid(), "1003")
    busy = stcn("cache", "clear", "a.yaml", cwd=built)
    assert busy.returncode == 75 and str(os.getpid()) in busy.stderr
    claim.unlink()
    size = sum(path.stat().st_size for path in cache.iterdir() if path.suffix != ".json")
    cleared = stcn("cache", "clear", "a.yaml", "b.yaml", cwd=built)
    assert (cleared.returncode, cleared.stderr) == (0, "")
    assert f"{cache}: freed {size / 1000:.1f} kB\n" in cleared.stdout and "nothing to delete" in cleared.stdout
    assert {path.suffix for path in cache.iterdir()} == {".json"}
    plan = json.loads(stcn("propagate", "a.yaml", "--dry-run", "--json", cwd=built).stdout)
    assert plan["frames"] == 0
    assert stcn("cache", "clear", "--all", ".", cwd=built).returncode == 0
    assert not cache.exists()
    plan = json.loads(stcn("propagate", "a.yaml", "--dry-run", "--json", cwd=built).stdout)
    assert plan["frames"] == 3
    assert {path.name: path.read_bytes() for path in (built / "a").glob("m.*.exr")} == mattes
