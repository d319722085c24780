"""The licence of the weights: in the report, in every matte, in the last line of output, and in a warning."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from pathlib import Path

import OpenImageIO as oiio
import pytest
from PIL import Image
from safetensors.torch import load_file, save_file

from stcn_plugin import make_shot, propagate
from stcn_plugin.bridge import Report, WeightsUsed
from stcn_plugin.weights.entry import WeightsEntry
from stcn_plugin.weights.store import STARTER, STARTER_FREE, builtin_files

LICENCES = {
    STARTER: "CC-BY-NC-4.0 (from the training data): evaluation and non-commercial work",
    STARTER_FREE: "free for commercial use: made from data under Apache-2.0, MIT, CC0 and in the public domain",
}


@pytest.fixture
def job(clip, engine):
    """Propagate two frames with some weights; the network is the same for all, since none of this is about pixels."""

    def run(weights: str, *settings: str, out: str = "m.####.exr") -> tuple[Report, list[str]]:
        warnings: list[str] = []
        shot = make_shot(
            plate=clip.plate,
            keyframes={1001: clip.keyframe(1001, 0, 1)},
            out=str(clip.folder / "out" / out),
            range="1001-1002",
            overrides=[f"weights={weights}", "size=64", *settings],
        )
        return propagate(shot, engine_for=lambda _: engine, on_warning=warnings.append), warnings

    return run


def attributes(path: str) -> dict[str, object]:
    source = oiio.ImageInput.open(path)
    found = {attribute.name: attribute.value for attribute in source.spec().extra_attribs}
    source.close()
    return found


@pytest.mark.parametrize("name", [STARTER, STARTER_FREE])
def test_the_report_names_weights_hash_and_licence(job, name: str) -> None:
    """The licence is the one that the weights state; the hash is that of the file."""
    report, warnings = job(name)
    digest = hashlib.sha256(builtin_files()[name].read_bytes()).hexdigest()
    assert report.weights == WeightsUsed(name, digest, LICENCES[name], name == STARTER)
    assert report.weights.text == f"{name}, licence: {LICENCES[name]}"
    assert report.warnings == tuple(warnings)
    assert len(warnings) == (name == STARTER)


def test_weights_for_non_commercial_work_give_one_warning_per_job(job) -> None:
    """It names weights to use instead. Every job warns again."""
    for _ in range(2):
        _, (warning,) = job(STARTER)
        assert "'starter'" in warning
        assert "non-commercial" in warning
        assert "starter-free" in warning


@pytest.mark.parametrize(
    ("out", "layout"),
    [
        ("m.####.exr", "layers"),
        ("m.####.exr", "per_object"),
        ("m.####.exr", "cryptomatte"),
        ("m.####.png", "per_object"),
        ("m.####.tif", "per_object"),
    ],
)
def test_every_matte_has_the_licence_in_its_metadata(job, out: str, layout: str) -> None:
    """As separate attributes in EXR and PNG, in the description in all formats."""
    report, _ = job(STARTER, f"output.layout={layout}", out=out)
    assert len(report.files) == (2 if layout in ("layers", "cryptomatte") else 4)
    for file in report.files:
        found = attributes(file)
        assert (
            found["ImageDescription"] == f"Matte by stcn_plugin with the weights starter, licence: {LICENCES[STARTER]}"
        )
        if not file.endswith(".tif"):
            assert found["stcn/weights"] == "starter"
            assert found["stcn/weightsLicense"] == LICENCES[STARTER]
            assert found["stcn/weightsSha256"] == report.weights.sha256
        if file.endswith(".png"):
            with Image.open(file) as image:
                image.load()
                assert image.info["stcn/weightsLicense"] == LICENCES[STARTER]
        if file.endswith(".tif"):
            with Image.open(file) as image:
                assert LICENCES[STARTER] in image.tag_v2[270]


def test_weights_without_a_licence_are_reported_as_such(job, tmp_path: Path) -> None:
    """In the report and the mattes; there is no warning, because nothing is known."""
    file = tmp_path / "bare.safetensors"
    save_file(load_file(builtin_files()[STARTER]), file)
    report, warnings = job(str(file))
    assert report.weights == WeightsUsed(
        "bare.safetensors", hashlib.sha256(file.read_bytes()).hexdigest(), "not stated"
    )
    assert report.weights.text == "bare.safetensors, licence not stated"
    assert attributes(report.files[0])["stcn/weightsLicense"] == "not stated"
    assert str(tmp_path) not in str(attributes(report.files[0])["ImageDescription"])
    assert warnings == []


def test_other_weights_replace_the_metadata_of_every_matte(job, tmp_path: Path) -> None:
    """Also of the keyframe, whose pixels are the artist's: the same name and licence, but another file."""
    file = tmp_path / "own.safetensors"
    for text in ("a", "b"):
        save_file(load_file(builtin_files()[STARTER]), file, {"text": text})
        report, _ = job(str(file))
        for matte in (tmp_path / "out").glob("m.*.exr"):
            assert attributes(str(matte))["stcn/weightsSha256"] == report.weights.sha256, matte.name


@pytest.mark.parametrize(
    ("licence", "is_noncommercial"),
    [
        ("CC-BY-NC-4.0", True),
        ("CC BY-NC-SA 4.0", True),
        ("cc-by-nc", True),
        ("for non-commercial use", True),
        ("Noncommercial", True),
        ("non commercial only", True),
        ("research only", True),
        ("for research use only", True),
        ("not for commercial use", True),
        ("all of: CC0 + CC-BY-NC-4.0", True),
        ("repository MIT, weights not mentioned; training data in part for non-commercial use only", True),
        ("MIT", False),
        ("CC-BY-4.0", False),
        ("free for commercial use", False),
        ("not stated", False),
        ("INC. of Ontario", False),
    ],
)
def test_licences_for_non_commercial_use_are_recognised(licence: str, is_noncommercial: bool) -> None:
    """In the wordings that are in use."""
    assert WeightsEntry("x", Path("x"), 0, licence=licence).is_noncommercial is is_noncommercial


@pytest.mark.slow
def test_the_last_line_of_propagate_is_the_licence(clip) -> None:
    """The warning comes first, and only once."""
    key = clip.keyframe(1001, 0)
    words = ["propagate", "--plate", clip.plate, "--keyframe", f"1001={key['file']}", "--out", clip.out]
    words += ["--range", "1001-1002", "--set", "size=64", "--device", "cpu", "--overlay", str(clip.folder / "look")]
    done = subprocess.run(
        [sys.executable, "-m", "stcn_plugin", *words], capture_output=True, text=True, cwd=clip.folder, check=True
    )
    lines = done.stderr.splitlines()
    assert lines[-1] == f"weights: starter, licence: {LICENCES[STARTER]}"
    assert (
        len([line for line in lines if "warning: " in line and "'starter'" in line and "non-commercial" in line]) == 1
    )
    assert not re.search("licence", done.stdout)
