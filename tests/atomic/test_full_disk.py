"""Full disks: a file is complete under its name, or an error explains why it is not."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

PROGRAM = Path(__file__).with_name("full_disks.py")
COMPRESSIONS = ("none", "rle", "zips", "zip", "piz", "dwaa", "dwab")
PICTURES = [
    *(f"exr {compression} {layout}" for compression in COMPRESSIONS for layout in ("layers", "per_object", "cryptomatte")),
    *(f"{suffix} {depth}" for suffix in ("png", "tif") for depth in ("uint8", "uint16")),
]  # fmt: skip
OTHERS = ["overlay", "contact sheet", "checkpoint", "curves", "weights", "shot file", "report", "blender extension"]
MOUNTING = ["unshare", "--user", "--map-root-user", "--mount"]


@pytest.fixture(scope="session")
def swept(tmp_path_factory) -> Callable[[str], dict[str, dict[str, object]]]:
    """Run the script once for each mode."""

    @cache
    def call(mode: str) -> dict[str, dict[str, object]]:
        before = [] if mode == "limit" else MOUNTING
        place = tmp_path_factory.mktemp("disk")
        if (
            before
            and subprocess.run([*MOUNTING, "mount", "-t", "tmpfs", "tmpfs", str(place)], capture_output=True).returncode
        ):
            pytest.skip("this system lets nobody mount a small disk")
        command = [*before, sys.executable, str(PROGRAM), mode, str(place)]
        result = subprocess.run(command, capture_output=True, text=True)
        assert result.returncode == 0, result.stderr
        return json.loads(result.stdout.splitlines()[-1])

    return call


@pytest.mark.skipif(sys.platform == "win32", reason="limits on files and disks are POSIX")
@pytest.mark.parametrize(
    ("mode", "kind"),
    [
        *(("disk", kind) for kind in [*PICTURES, *OTHERS, "nuke plugin"]),
        *(("limit", kind) for kind in [*PICTURES, *OTHERS, "nuke plugin"]),
        *(("disk-without-memory", kind) for kind in PICTURES),
    ],
)
def test_no_file_is_truncated_silently(swept, mode, kind):
    """For every amount of free space: a complete file, or an error and the previous file."""
    facts = swept(mode)[kind]
    assert 0 < facts["errors"] < facts["tries"]
    assert facts["broken"] == []
    assert facts["lost"] == []
    assert facts["left"] == []
    assert facts["wordless"] == []
