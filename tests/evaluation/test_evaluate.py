"""Evaluation of sequences of real files, from Python and by the command."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import OpenImageIO as oiio
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from stcn_plugin.cli.evaluate import evaluate as command
from stcn_plugin.errors import MatteError, MissingFrameError
from stcn_plugin.evaluation import UNITS, Evaluation, evaluate, plate_images
from stcn_plugin.media.cryptomatte import channel_names, encode, metadata
from stcn_plugin.media.matte_writer import Layout, MatteWriter
from stcn_plugin.media.sequences import FrameSequence
from stcn_plugin.media.window import FrameHeader, Window

H, W = 40, 60


def square(top: int, left: int, size: int = 10, value: float = 1.0) -> np.ndarray:
    matte = np.zeros((H, W), np.float32)
    matte[top : top + size, left : left + size] = value
    return matte


def write_exr(
    path: Path, channels: dict[str, np.ndarray], *, x: int = 0, y: int = 0, full: tuple[int, int] = (W, H)
) -> None:
    pixels = np.stack(list(channels.values()), axis=-1)
    spec = oiio.ImageSpec(pixels.shape[1], pixels.shape[0], pixels.shape[2], oiio.FLOAT)
    spec.channelnames = tuple(channels)
    spec.x, spec.y, spec.full_width, spec.full_height = x, y, *full
    spec.full_x = spec.full_y = 0
    output = oiio.ImageOutput.create(str(path))
    assert output.open(str(path), spec) and output.write_image(np.ascontiguousarray(pixels)) and output.close()


def write_grey(path: Path, matte: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.rint(matte * 255).astype(np.uint8)).save(path)


def write_palette(path: Path, indices: np.ndarray) -> None:
    picture = Image.fromarray(indices.astype(np.uint8), "P")
    picture.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0, 128, 128, 0] + [64] * 756)
    picture.save(path)


def score(mattes: Path | str, truth: Path | str, **options: object) -> Evaluation:
    return evaluate(FrameSequence.parse(mattes), FrameSequence.parse(truth), **options)  # type: ignore[arg-type]


def run(*arguments: object) -> Result:
    return CliRunner().invoke(command, [str(argument) for argument in arguments], catch_exceptions=False)


@pytest.fixture
def shots(tmp_path: Path) -> Path:
    """Four frames of a moving square; mattes that are correct, a quarter as strong, empty, and off by a pixel."""
    (tmp_path / "truth").mkdir()
    for frame in range(1001, 1005):
        write_grey(tmp_path / f"truth/t.{frame}.png", square(10, 5 * (frame - 1000)))
    mattes = [square(10, 5), square(10, 10, value=0.25), np.zeros((H, W), np.float32), square(11, 21)]
    for frame, matte in enumerate(mattes, start=1001):
        write_exr(tmp_path / f"m.{frame}.exr", dict.fromkeys("RGBA", matte) | {"hero.A": matte})
    return tmp_path


def test_every_score_of_a_shot(shots: Path) -> None:
    """The scores of each frame and their mean are those calculated from the squares."""
    evaluation = score(shots / "m.####.exr", shots / "truth")
    (scored,) = evaluation.objects
    assert (scored.name, scored.matte) == ("matte", "hero")
    assert evaluation.frames == (1001, 1002, 1003, 1004)
    correct, weak, absent, shifted = scored.frames.values()
    assert (correct.j, correct.f, correct.jf, correct.mse, correct.sad, correct.gradient) == (1, 1, 1, 0, 0, 0)
    assert correct.dtssd is None
    # 100 pixels are 0.75 too weak, and were correct on the previous frame.
    assert (weak.j, weak.f) == (0, 0)
    assert weak.mse == pytest.approx(1e3 * 100 * 0.75**2 / (H * W))
    assert weak.sad == pytest.approx(0.075)
    assert weak.dtssd == pytest.approx(1e2 * math.sqrt(100 * 0.75**2 / (H * W)))
    # 100 pixels are missing; on the previous frame 100 others (half of them the same) were 0.75 too weak.
    assert (absent.j, absent.f, absent.sad) == (0, 0, 0.1)
    assert absent.dtssd == pytest.approx(1e2 * math.sqrt((50 * 1 + 50 * 0.25**2 + 50 * 0.75**2) / (H * W)))
    assert shifted.j == 81 / 119
    assert shifted.f > 0.9  # the tolerance is 1 pixel, and the corners are off by the square root of 2
    assert shifted.sad == pytest.approx(0.038)
    mean = evaluation.mean
    assert mean.j == pytest.approx((1 + 81 / 119) / 4)
    assert mean.jf == pytest.approx((mean.j + mean.f) / 2)
    assert mean.sad == pytest.approx((0 + 0.075 + 0.1 + 0.038) / 4)
    assert mean.dtssd == pytest.approx(sum(one.dtssd or 0 for one in (weak, absent, shifted)) / 3)


def test_the_truth_itself_is_perfect(shots: Path) -> None:
    """Compared with itself, the truth has J = F = 1 and no errors."""
    for scores in score(shots / "truth", shots / "truth").objects[0].frames.values():
        assert scores.j == scores.f == scores.jf == 1
        assert scores.mse == scores.sad == scores.gradient == 0
        assert not scores.dtssd


def test_skipped_frames_are_not_scored_and_leave_a_gap(shots: Path) -> None:
    """A skipped frame needs no matte and has no scores; the next frame has no dtSSD."""
    (shots / "m.1002.exr").unlink()
    frames = score(shots / "m.####.exr", shots / "truth", skip=[1002]).objects[0].frames
    assert list(frames) == [1001, 1003, 1004]
    assert [scores.dtssd is None for scores in frames.values()] == [True, True, False]


def test_davis_leaves_out_both_ends(shots: Path) -> None:
    """``davis`` leaves out the first and the last of the frames."""
    assert score(shots / "m.####.exr", shots / "truth", davis=True).frames == (1002, 1003)
    assert score(shots / "m.####.exr", shots / "truth", davis=True, frames=range(1001, 1004)).frames == (1002,)
    with pytest.raises(MatteError, match="no frame with ground truth is left"):
        score(shots / "m.####.exr", shots / "truth", davis=True, frames=[1001, 1002])


def test_a_shot_on_twos_has_temporal_scores(shots: Path) -> None:
    """If every second frame has truth, dtSSD is measured over two frames."""
    frames = score(shots / "m.####.exr", shots / "truth", frames=[1002, 1004]).objects[0].frames
    assert frames[1004].dtssd is not None


def test_frames_without_truth_are_not_scored(shots: Path) -> None:
    """Mattes without truth are ignored."""
    (shots / "truth/t.1001.png").unlink()
    assert score(shots / "m.####.exr", shots / "truth").frames == (1002, 1003, 1004)


@pytest.mark.parametrize("which", ["truth/t.1002.png", "m.1002.exr"])
def test_links_to_nothing_are_an_error(shots: Path, which: str) -> None:
    """Such a frame was there once; without it the score would be of other frames than anyone thinks."""
    (shots / which).unlink()
    (shots / which).symlink_to(shots / "nowhere")
    with pytest.raises(MatteError, match=r"1002.*a link to a file that no longer exists"):
        score(shots / "m.####.exr", shots / "truth")


def test_a_file_without_the_names_of_the_others_is_an_error(shots: Path) -> None:
    """It has nothing to list."""
    write_exr(shots / "m.1003.exr", {"A": square(10, 15)})
    with pytest.raises(MatteError, match=r"has no object 'hero'.*It has: no object with a name\.$"):
        score(shots / "m.####.exr", shots / "truth")


def test_missing_matte_is_an_error(shots: Path) -> None:
    """The error names the frames and the options to leave them out."""
    (shots / "m.1002.exr").unlink()
    (shots / "m.1003.exr").unlink()
    with pytest.raises(MissingFrameError) as caught:
        score(shots / "m.####.exr", shots / "truth")
    assert caught.value.where == str(shots / "m.####.exr")
    assert "1002-1003" in caught.value.what
    assert "--frames" in caught.value.fix and "--skip" in caught.value.fix


def test_other_size_is_an_error(shots: Path) -> None:
    """The error names the file and both sizes."""
    write_grey(shots / "truth/t.1003.png", np.zeros((H, W + 2)))
    with pytest.raises(
        MatteError, match=r"m\.1003\.exr, frame 1003: the matte is 60x40, but its ground truth is 62x40"
    ):
        score(shots / "m.####.exr", shots / "truth")


def test_nan_is_an_error(shots: Path) -> None:
    """A NaN in a matte is refused; otherwise every mean would be NaN."""
    matte = square(10, 10)
    matte[0, 0] = np.nan
    write_exr(shots / "m.1002.exr", {"hero.A": matte})
    with pytest.raises(MatteError, match=r"m\.1002\.exr: the matte of 'hero' has NaN"):
        score(shots / "m.####.exr", shots / "truth")


def test_objects_are_matched_by_name(tmp_path: Path) -> None:
    """Layers are matched by name in any order; layers that only the mattes have are ignored."""
    hero, villain = square(2, 2), square(20, 30)
    write_exr(tmp_path / "t.1.exr", {"hero.A": hero, "villain.A": villain})
    write_exr(tmp_path / "m.1.exr", {"villain.A": villain, "hero.A": np.zeros_like(hero), "extra.A": hero})
    evaluation = score(tmp_path / "m.#.exr", tmp_path / "t.#.exr")
    assert {scored.name: scored.mean.j for scored in evaluation.objects} == {"hero": 0.0, "villain": 1.0}
    assert evaluation.mean.j == 0.5


def test_chosen_and_mapped_objects(tmp_path: Path) -> None:
    """``objects`` selects objects, and ``renamed`` matches different names."""
    hero, villain = square(2, 2), square(20, 30)
    write_palette(tmp_path / "t.1.png", hero + 2 * villain)
    write_exr(tmp_path / "m.1.exr", {"hero.A": hero, "villain.A": np.zeros_like(villain)})
    both = score(tmp_path / "m.#.exr", tmp_path / "t.#.png", renamed={"hero": "1", "villain": "2"})
    assert [(one.name, one.matte, one.mean.j) for one in both.objects] == [("1", "hero", 1.0), ("2", "villain", 0.0)]
    one = score(tmp_path / "m.#.exr", tmp_path / "t.#.png", renamed={"hero": "1"}, objects=["1"])
    assert [(scored.name, scored.mean.j) for scored in one.objects] == [("1", 1.0)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "the mattes have no object '1', only hero, villain"),
        ({"objects": ["3"]}, "the truth has no object '3', only 1, 2"),
        ({"renamed": {"heroe": "1"}}, "the mattes have no object 'heroe', only hero, villain. Did you mean 'hero'?"),
    ],
)
def test_unknown_objects_are_errors(tmp_path: Path, options: dict[str, object], message: str) -> None:
    """An object without counterpart and an unknown name are errors that list the objects."""
    write_palette(tmp_path / "t.1.png", square(2, 2) + 2 * square(20, 30))
    write_exr(tmp_path / "m.1.exr", {"hero.A": square(2, 2), "villain.A": square(20, 30)})
    with pytest.raises(MatteError) as caught:
        score(tmp_path / "m.#.exr", tmp_path / "t.#.png", **options)
    assert message in str(caught.value)


def test_palette_objects_that_are_on_some_frames(tmp_path: Path) -> None:
    """An index that a frame does not have is empty there, and index 255 is no object."""
    first, second = square(2, 2), square(20, 30)
    void = 255 * square(30, 0, size=4)
    write_palette(tmp_path / "t.1.png", first + void)
    write_palette(tmp_path / "t.2.png", first + 2 * second)
    write_palette(tmp_path / "m.1.png", first)
    write_palette(tmp_path / "m.2.png", first)  # the second object was lost
    evaluation = score(tmp_path / "m.#.png", tmp_path / "t.#.png")
    assert {scored.name: [one.j for one in scored.frames.values()] for scored in evaluation.objects} == {
        "1": [1.0, 1.0],
        "2": [1.0, 0.0],
    }


def test_greys_with_a_palette_are_a_soft_matte(tmp_path: Path) -> None:
    """A grey matte saved with a palette keeps its values, and a black frame is empty."""
    for frame, matte in enumerate([square(2, 2, value=0.6), np.zeros((H, W), np.float32)], start=1):
        write_grey(tmp_path / f"t.{frame}.png", matte)
        levels = np.rint(matte * 255).astype(np.uint8)
        levels[0, 0], levels[0, 1] = (255, 128) if frame == 1 else (0, 0)
        picture = Image.fromarray(levels, "P")
        picture.putpalette([level for level in range(256) for _ in "rgb"])
        picture.save(tmp_path / f"m.{frame}.png")
    frames = score(tmp_path / "m.#.png", tmp_path / "t.#.png").objects[0].frames
    assert frames[1].sad == pytest.approx((1 + 128 / 255) / 1000)
    assert frames[2].sad == 0


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_label_images_are_objects_by_index(tmp_path: Path, dtype: type[np.generic]) -> None:
    """Grey labels 0, 1, 2 are scored per object, also if a frame does not have one."""
    first, second = square(2, 2), square(20, 30)
    for frame, labels in enumerate([first + 2 * second, first, 0 * first], start=1):
        Image.fromarray(labels.astype(dtype)).save(tmp_path / f"t.{frame}.png")
        write_palette(tmp_path / f"m.{frame}.png", first)
    evaluation = score(tmp_path / "m.#.png", tmp_path / "t.#.png")
    assert {scored.name: [one.j for one in scored.frames.values()] for scored in evaluation.objects} == {
        "1": [1.0, 1.0, 0.0],
        "2": [0.0, 1.0, 1.0],
    }


def test_a_nearly_black_matte_is_not_a_label_image(tmp_path: Path) -> None:
    """Values 0, 1 and 2 on some frames of a sequence of mattes are coverage, as on the other frames."""
    for frame, value in enumerate([1.0, 2 / 255, 0.0], start=1):
        write_grey(tmp_path / f"t.{frame}.png", square(2, 2))
        write_grey(tmp_path / f"m.{frame}.png", square(2, 2, value=value))
        write_grey(tmp_path / f"o.hero.{frame}.png", square(2, 2, value=value))
    for mattes in ("m.#.png", "o.<object>.#.png"):
        frames = score(tmp_path / mattes, tmp_path / "t.#.png").objects[0].frames
        assert [frames[frame].sad for frame in (1, 2, 3)] == pytest.approx([0, 0.1 * 253 / 255, 0.1])


def test_a_file_per_object_of_0_and_1(tmp_path: Path) -> None:
    """Masks of one object with values 0 and 1."""
    for frame in (1, 2):
        Image.fromarray(square(2, 2).astype(np.uint8)).save(tmp_path / f"t.hero.{frame}.png")
        write_grey(tmp_path / f"m.{frame}.png", square(2, 2))
    assert score(tmp_path / "m.#.png", tmp_path / "t.<object>.#.png").mean.j == 1


def test_white_is_the_object_of_a_black_and_white_palette(tmp_path: Path) -> None:
    """White is the object on every frame, whatever its index."""
    for frame in (1, 2):
        picture = Image.fromarray((1 - square(2, 2)).astype(np.uint8), "P")
        picture.putpalette([255, 255, 255, 0, 0, 0])
        picture.save(tmp_path / f"t.{frame}.png")
        write_grey(tmp_path / f"m.{frame}.png", square(2, 2))
    assert score(tmp_path / "m.#.png", tmp_path / "t.#.png").mean.j == 1


def test_a_cryptomatte_without_names_is_refused(tmp_path: Path) -> None:
    """The alpha of the image is not an object of the Cryptomatte."""
    write_exr(tmp_path / "t.1.exr", {"A": square(2, 2)})
    planes = dict.fromkeys(["R", "G", "B", "A", *channel_names("CryptoObject", 2)], square(2, 2))
    write_exr(tmp_path / "m.1.exr", planes)
    with pytest.raises(MatteError, match=r"m\.1\.exr: the file is a Cryptomatte"):
        score(tmp_path / "m.#.exr", tmp_path / "t.#.exr")


def test_a_file_per_object(tmp_path: Path) -> None:
    """``<object>`` in the pattern matches the objects that have files."""
    hero, villain = square(2, 2), square(20, 30)
    for name, matte in (("hero", hero), ("bad.guy", villain)):
        write_grey(tmp_path / f"m.{name}.0001.png", matte)
        write_grey(tmp_path / f"{name}/t.0001.png", hero)
    evaluation = score(tmp_path / "m.<object>.####.png", tmp_path / "<object>/t.####.png")
    assert {scored.name: scored.mean.j for scored in evaluation.objects} == {"bad.guy": 0.0, "hero": 1.0}


def test_a_pattern_without_files_suggests_a_file_per_object(tmp_path: Path) -> None:
    """If the pattern matches no file, the error shows the pattern for a file per object."""
    write_grey(tmp_path / "t.0001.png", square(2, 2))
    write_grey(tmp_path / "m.hero.0001.png", square(2, 2))
    with pytest.raises(MissingFrameError, match=r"a file per object .* m\.<object>\.####\.png"):
        score(tmp_path / "m.####.png", tmp_path / "t.####.png")


def test_cryptomatte_objects(tmp_path: Path) -> None:
    """The objects of a Cryptomatte are those in its manifest, also without pixels."""
    mattes = {"hero": square(2, 2, value=0.5), "villain": np.zeros((H, W), np.float32)}
    write_exr(tmp_path / "t.1.exr", {f"{name}.A": matte for name, matte in mattes.items()})
    spec = oiio.ImageSpec(W, H, 12, oiio.FLOAT)
    spec.channelnames = channel_names("CryptoObject", 6)
    for key, value in metadata("CryptoObject", tuple(mattes)).items():
        spec.attribute(key, value)
    output = oiio.ImageOutput.create(str(tmp_path / "m.1.exr"))
    assert output.open(str(tmp_path / "m.1.exr"), spec) and output.write_image(encode(mattes, 6)) and output.close()
    evaluation = score(tmp_path / "m.#.exr", tmp_path / "t.#.exr")
    assert [(scored.name, scored.mean.jf, scored.mean.sad) for scored in evaluation.objects] == [
        ("hero", 1.0, 0.0),
        ("villain", 1.0, 0.0),
    ]


def test_the_data_window_is_placed_in_the_display_window(tmp_path: Path) -> None:
    """A cropped EXR is 0 outside its data window, and overscan is not scored."""
    write_grey(tmp_path / "t.1.png", square(10, 10))
    write_exr(tmp_path / "m.1.exr", {"A": np.ones((10, 10), np.float32)}, x=10, y=10)
    assert score(tmp_path / "m.#.exr", tmp_path / "t.#.png").mean.sad == 0
    over = np.pad(square(10, 10), 5, constant_values=1)
    write_exr(tmp_path / "m.1.exr", {"A": over}, x=-5, y=-5)
    assert score(tmp_path / "m.#.exr", tmp_path / "t.#.png").mean.sad == 0


def test_values_above_one_count_as_errors(tmp_path: Path) -> None:
    """A matte of 1.5 where the truth is 1 is 0.5 too strong."""
    write_exr(tmp_path / "t.1.exr", {"A": square(0, 0)})
    write_exr(tmp_path / "m.1.exr", {"A": square(0, 0, value=1.5)})
    assert score(tmp_path / "m.#.exr", tmp_path / "t.#.exr").mean.sad == pytest.approx(0.05)


def test_a_colour_image_is_refused(shots: Path) -> None:
    """An image that is not a matte, such as the plate, is refused."""
    Image.fromarray(np.full((H, W, 3), (200, 20, 20), np.uint8)).save(shots / "truth/t.1002.png")
    with pytest.raises(MatteError, match=r"t\.1002\.png: the image is coloured"):
        score(shots / "m.####.exr", shots / "truth")


def test_progress_counts_frames(shots: Path) -> None:
    """Progress is reported after each frame, with the total."""
    reported: list[tuple[int, int]] = []
    score(shots / "m.####.exr", shots / "truth", progress=lambda done, total: reported.append((done, total)))
    assert reported == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_command_prints_a_plain_table(shots: Path) -> None:
    """Off a terminal: one line a frame, the mean last, in columns that awk can split; the same again for the band."""
    result = run(shots / "m.####.exr", shots / "truth")
    assert result.exit_code == 0
    whole, band = (part.splitlines() for part in result.output.split("\nin the band\n"))
    for table in (whole, band):
        assert table[0].split("  ")[0].strip() == "object"
        assert [line.split()[:2] for line in table[1:]] == [
            ["matte", "1001"],
            ["matte", "1002"],
            ["matte", "1003"],
            ["matte", "1004"],
            ["matte", "mean"],
        ]
    assert whole[1].split()[2:] == ["1.0000", "1.0000", "1.0000", "0.000", "0.000", "0.000", "0.000", "-"]
    assert whole[2].split()[5:7] == ["23.438", "0.075"]
    assert band[1].split()[2:] == ["0.000", "0.000", "0.000", "-", "-"]
    assert float(band[2].split()[2]) > 100
    for title in ("J&F", "MSE x1e3", "SAD /1e3", "Grad /1e3", "Conn /1e3", "dtSSD x1e2"):
        assert title in whole[0]
    for title in ("MSE x1e3", "SAD /1e3", "Grad /1e3", "dtSSD x1e2", "flicker x1e3"):
        assert title in band[0]


def test_a_missing_frame_of_the_plate_is_an_error(shots: Path) -> None:
    """It names what `stcn evaluate` can do about it; without any frame, before anything is scored."""
    sequence = FrameSequence.parse(shots / "plate/p.####.png")
    (shots / "plate").mkdir()
    with pytest.raises(MissingFrameError) as caught:
        plate_images(sequence)
    assert caught.value.where == sequence.pattern
    write_grey(shots / "plate/p.0999.png", np.zeros((H, W), np.float32))
    with pytest.raises(MissingFrameError) as caught:
        plate_images(sequence)(1000, (H, W))
    assert "--skip" in str(caught.value.fix) and "read.missing" not in str(caught.value)


def test_command_measures_flicker_along_the_plate(shots: Path) -> None:
    """With ``--plate``, every frame after the first has it; a plate of another size is an error."""
    for frame in range(1001, 1005):
        write_grey(shots / f"plate/p.{frame}.png", 0.2 + 0.6 * square(10, 5 * (frame - 1000)))
    result = run(shots / "m.####.exr", shots / "truth", "--plate", shots / "plate/p.####.png", "--json", "-")
    (scored,) = json.loads(result.output)["objects"]
    flickers = [one["flicker"] for one in scored["frames"]]
    assert flickers[0] is None
    # The second matte is 0.75 too weak in all of the square, the first is right.
    assert 100 < flickers[1] < 1e3 * 0.75**2
    write_grey(shots / "plate/p.1001.png", np.zeros((H + 2, W), np.float32))
    with pytest.raises(MatteError, match="the plate is 60x42, but the mattes are 60x40"):
        score(
            shots / "m.####.exr", shots / "truth", plate=plate_images(FrameSequence.parse(shots / "plate/p.####.png"))
        )


def test_command_writes_json(shots: Path) -> None:
    """``--json FILE`` writes the scores besides printing the table; ``-`` prints only JSON."""
    file = shots / "scores.json"
    arguments = (shots / "m.####.exr", shots / "truth", "--skip", "1001", "--json")
    table = run(*arguments, file)
    printed = run(*arguments, "-")
    document = json.loads(file.read_text())
    assert json.loads(printed.output) == document
    assert "mean" in table.output
    assert list(document["units"]) == list(UNITS) == list(document["mean"])
    (scored,) = document["objects"]
    assert (scored["name"], scored["matte"]) == ("matte", "hero")
    assert [one["frame"] for one in scored["frames"]] == [1002, 1003, 1004]
    assert scored["frames"][0]["dtssd"] is None
    assert scored["frames"][2]["j"] == 81 / 119
    assert document["mean"]["sad"] == pytest.approx((0.075 + 0.1 + 0.038) / 3)
    assert document["mattes"].endswith("m.####.exr")


def test_command_options(tmp_path: Path) -> None:
    """``--object``, ``--map``, ``--frames``, ``--davis`` and ``--means`` on the command line."""
    for frame in range(1, 5):
        write_palette(tmp_path / f"t.{frame}.png", square(2, 2) + 2 * square(20, 30))
        write_exr(tmp_path / f"m.{frame}.exr", {"hero.A": square(2, 2), "b.A": np.zeros((H, W), np.float32)})
    paths = (tmp_path / "m.#.exr", tmp_path / "t.#.png")
    both = run(*paths, "--map", "hero=1", "--map", "b=2", "--means")
    assert [line.split()[:3] for line in both.output.splitlines()[1:4]] == [
        ["1", "mean", "1.0000"],
        ["2", "mean", "0.0000"],
        ["all", "mean", "0.5000"],
    ]
    one = run(*paths, "--map", "hero=1", "--object", "1", "--frames", "1-3", "--davis")
    assert [line.split()[:2] for line in one.output.splitlines()[1:3]] == [["1", "2"], ["1", "mean"]]


def test_command_refuses_an_invalid_map(shots: Path) -> None:
    """A map that is not OURS=THEIRS is a usage error with exit code 2."""
    result = run(shots / "m.####.exr", shots / "truth", "--map", "hero")
    assert result.exit_code == 2
    assert "'hero' is not OURS=THEIRS" in result.output


@pytest.mark.parametrize(
    ("pattern", "layout"),
    [
        ("m.####.exr", "layers"),
        ("m.####.exr", "cryptomatte"),
        ("m.<object>.####.exr", "per_object"),
        ("m.<object>.####.png", "per_object"),
    ],
)
def test_mattes_of_every_layout(tmp_path: Path, pattern: str, layout: Layout) -> None:
    """Mattes that this package writes are scored per object, in every layout."""
    hero, villain = square(2, 2, value=0.5), square(20, 30)
    truth = FrameSequence.parse(tmp_path / "t.####.exr")
    header = FrameHeader(Window(0, 0, W, H), Window(0, 0, W, H))
    for sequence, mattes, written in (
        (truth, {"hero": hero, "villain": villain}, "layers"),
        (FrameSequence.parse(tmp_path / pattern), {"hero": hero, "villain": square(20, 35)}, layout),
    ):
        writer = MatteWriter(sequence, objects=("hero", "villain"), layout=written)
        writer.write(1, mattes, window=header.data, header=header)
    scores = {one.name: one.mean for one in score(tmp_path / pattern, truth.pattern).objects}
    assert scores["hero"].sad == pytest.approx(0, abs=1e-3)
    assert scores["hero"].j == 1.0
    assert scores["villain"].j == pytest.approx(1 / 3)
    assert scores["villain"].sad == pytest.approx(0.1, abs=1e-6)
