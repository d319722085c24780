"""Render the example shot: plates, exact mattes of both objects, and the keyframe.

    pip install "bpy==4.5.*" "OpenImageIO<3.1"
    python examples/shot/render_shot.py

Everything is procedural: the same versions give the same frames. Renders with Cycles on the CPU, without a display.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path

import bpy
import packing
from scene import stage

HERE = Path(__file__).resolve().parent
WIDTH, HEIGHT = 960, 540
SHUTTER = 0.5
"""Fraction of a frame for which the shutter is open, centred on the frame: a 180 degree shutter."""


def main() -> None:
    """Render the requested frames into ``plates``, ``truth`` and ``keyframes``."""
    options = _options()
    stage.build()
    _set_up(options.scale)
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder) / "raw.exr"
        _as_plate(options.samples)
        for frame in options.frames:
            _render(frame, raw)
            packing.write_plate(raw, options.out / "plates" / f"two_objects.{frame}.exr", frame)
        stage.show_as_matte()
        _as_matte(options.matte_samples)
        for frame in options.frames:
            _render(frame, raw)
            packing.write_mattes(raw, options.out / "truth" / f"truth.{frame}.exr", frame)
    truth = options.out / "truth" / f"truth.{stage.FIRST}.exr"
    if truth.exists():
        keyframe = options.out / "keyframes" / f"keyframe.{stage.FIRST}.exr"
        keyframe.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(truth, keyframe)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Render the example shot.")
    parser.add_argument("--frames", type=_range, default=f"{stage.FIRST}-{stage.LAST}", help="one frame, or first-last")
    parser.add_argument("--scale", type=int, default=100, help="per cent of 960x540")
    parser.add_argument("--out", type=Path, default=HERE, help="folder for plates, truth and keyframes")
    parser.add_argument("--samples", type=int, default=8, help="rays per pixel of a plate, before the denoiser")
    parser.add_argument("--matte-samples", type=int, default=128, help="rays per pixel on the edges of a matte")
    return parser.parse_args()


def _range(text: str) -> range:
    first, _, last = text.partition("-")
    return range(int(first), int(last or first) + 1)


def _set_up(scale: int) -> None:
    """Set the options that plates and mattes share: size, shutter, lens and pixel filter determine every edge."""
    scene = bpy.context.scene
    render, cycles = scene.render, scene.cycles
    render.engine, cycles.device = "CYCLES", "CPU"
    render.resolution_x, render.resolution_y, render.resolution_percentage = WIDTH, HEIGHT, scale
    render.use_motion_blur, render.motion_blur_shutter, render.motion_blur_position = True, SHUTTER, "CENTER"
    cycles.pixel_filter_type, cycles.filter_width = "BLACKMAN_HARRIS", 1.5
    render.image_settings.file_format = "OPEN_EXR"
    render.image_settings.color_mode, render.image_settings.color_depth = "RGB", "32"
    render.use_persistent_data = True
    cycles.use_adaptive_sampling = False


def _as_plate(samples: int) -> None:
    """Set up a plate render: few rays, two bounces of light and a denoiser."""
    cycles = bpy.context.scene.cycles
    cycles.samples, cycles.use_denoising = samples, True
    cycles.denoiser, cycles.denoising_quality = "OPENIMAGEDENOISE", "BALANCED"
    cycles.max_bounces, cycles.diffuse_bounces, cycles.glossy_bounces = 4, 2, 2
    cycles.caustics_reflective = cycles.caustics_refractive = False
    cycles.sample_clamp_direct, cycles.sample_clamp_indirect = 10.0, 6.0  # no fireflies, yet lamps stay above white


def _as_matte(samples: int) -> None:
    """Set up a matte render: many rays without bounces, adaptive sampling, no denoiser."""
    cycles = bpy.context.scene.cycles
    cycles.samples, cycles.use_denoising, cycles.max_bounces = samples, False, 0
    cycles.use_adaptive_sampling, cycles.adaptive_threshold, cycles.adaptive_min_samples = True, 0.002, 24


def _render(frame: int, path: Path) -> None:
    """Render one frame to ``path``, with the frame number as seed."""
    scene = bpy.context.scene
    scene.frame_set(frame)
    scene.cycles.seed = frame
    scene.render.filepath = str(path)
    bpy.ops.render.render(write_still=True)


if __name__ == "__main__":
    main()
