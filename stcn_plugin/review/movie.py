"""A movie of the overlay, made by the program ffmpeg."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

from PIL import Image

from stcn_plugin.atomic import Outputs
from stcn_plugin.errors import OutputError

_H264 = ("-c:v", "libx264", "-preset", "medium", "-crf", "18", "-pix_fmt", "yuv420p", "-movflags", "+faststart")
_PRORES = ("-c:v", "prores_ks", "-profile:v", "hq", "-vendor", "apl0", "-pix_fmt", "yuv422p10le")
_CODECS = {".mp4": (_H264, "iec61966-2-1"), ".mov": (_PRORES, "bt709")}  # ProRes has no tag for the transfer of sRGB

_FILTERS = (
    "scale=trunc(iw/2)*2:trunc(ih/2)*2:out_color_matrix=bt709:out_range=tv,"
    "setparams=range=tv:color_primaries=bt709:colorspace=bt709:color_trc="
)

_LAST_LINES = 3
"""Lines of ffmpeg's messages in an error."""


def check_movie(path: Path) -> str:
    """Return the path of ffmpeg.

    Args:
        path: The movie to write.

    Raises:
        OutputError: There is no ffmpeg, or it is not known how to write such a file.
    """
    if path.suffix.lower() not in _CODECS:
        fix = "Name it .mp4 for H.264, or .mov for ProRes 422 HQ"
        raise OutputError(f"a movie cannot be written as '{path.suffix}'", where=str(path), fix=fix)
    program = shutil.which("ffmpeg")
    if program is None:
        what = "the program ffmpeg, which writes movies, is not on the PATH"
        raise OutputError(what, where=str(path), fix="Install ffmpeg, or leave out --movie")
    return program


def write_movie(path: Path, pictures: Iterable[Image.Image], *, rate: Fraction, outputs: Outputs) -> None:
    """Write a movie: H.264 for ``.mp4``, ProRes 422 HQ for ``.mov``, both tagged as BT.709.

    Args:
        path: The movie.
        pictures: RGB images of one size, at least one.
        rate: Frames per second.
        outputs: Writes the file.

    Raises:
        OutputError: There is no ffmpeg, it fails, or the file cannot be written.
    """
    program = check_movie(path)
    images = iter(pictures)
    first = next(images)
    source = ("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{first.width}x{first.height}", "-r", str(rate), "-i", "-")
    with tempfile.TemporaryDirectory(prefix="stcn-movie-") as folder:
        file = Path(folder) / f"movie{path.suffix.lower()}"
        codec, transfer = _CODECS[file.suffix]
        command = [program, "-v", "error", "-nostdin", "-y", *source, "-vf", f"{_FILTERS}{transfer}", *codec, str(file)]
        with (Path(folder) / "messages").open("w+b") as messages:
            with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=messages, stderr=messages) as process:  # noqa: S603
                assert process.stdin is not None  # noqa: S101 - it is a pipe
                try:
                    for image in (first, *images):
                        process.stdin.write(image.tobytes())
                    process.stdin.close()
                except BrokenPipeError:  # its messages say why
                    with suppress(BrokenPipeError):
                        process.stdin.close()
                except BaseException:
                    process.kill()
                    raise
            messages.seek(0)
            lines = messages.read().decode("utf-8", "replace").strip().splitlines()
        if process.returncode:
            what = f"ffmpeg failed: {' '.join(lines[-_LAST_LINES:]) or f'exit code {process.returncode}'}"
            raise OutputError(what, where=str(path), fix="Check that this ffmpeg has the encoder")
        outputs.write(path, file.read_bytes())
