"""``stcn doctor``: check that jobs can run on this machine. Each check tries the real operation on a small scale."""

from __future__ import annotations

import platform
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import click

from stcn_plugin import __version__
from stcn_plugin.cli.terminal import echo
from stcn_plugin.environment import VARIABLES
from stcn_plugin.errors import STCNError

_PACKAGES = ("torch", "torchvision", "numpy", "OpenImageIO", "pyyaml", "pydantic", "fileseq", "safetensors")


@dataclass(frozen=True)
class Finding:
    """The result of a check.

    Args:
        check: Name of the check.
        text: The result, or the problem and what to do.
        is_ok: Whether jobs can run with it.
    """

    check: str
    text: str
    is_ok: bool = True


@click.command()
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    default=None,
    help="Folder to test writing in, such as the folder for the mattes. The temporary folder by default.",
)
@click.option("--weights", default="starter", show_default=True, help="Weights to load.")
def doctor(folder: Path | None, weights: str) -> int:
    """Check versions, environment, devices, plugins, weights, presets, colour and disk.

    Each check runs a small part of a job: it loads the weights, converts a colour, writes and reads a file. Exits with 1
    if jobs cannot run.
    """
    failures = 0
    checks: tuple[tuple[str, Callable[[], Iterator[Finding]]], ...] = (
        ("packages", _versions),
        ("environment", _environment),
        ("device", _devices),
        ("plugins", _plugins),
        ("weights", lambda: _weights(weights)),
        ("presets", _presets),
        ("colour", _colour),
        ("disk", lambda: _write(folder)),
    )
    for name, check in checks:
        for finding in _findings(name, check):
            failures += not finding.is_ok
            mark = click.style(" ok ", fg="green") if finding.is_ok else click.style("FAIL", fg="red", bold=True)
            echo(f"  {finding.check:<11} {finding.text}", mark=mark)
    return 1 if failures else 0


def _findings(name: str, check: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """Run a check; an error becomes a finding, so that the other checks still run."""
    try:
        yield from check()
    except STCNError as error:
        yield Finding(name, str(error), is_ok=False)
    except Exception as error:  # noqa: BLE001 - every error is a finding
        yield Finding(name, f"{type(error).__name__}: {error}", is_ok=False)


def _versions() -> Iterator[Finding]:
    yield Finding("stcn", f"{__version__} on Python {platform.python_version()}, {platform.platform()}")
    yield Finding("packages", ", ".join(f"{name} {version(name)}" for name in _PACKAGES))


def _environment() -> Iterator[Finding]:
    found = [f"{variable.name}={variable.value()}" for variable in VARIABLES if variable.value()]
    yield Finding("environment", ", ".join(found) or "none of the variables that stcn_plugin reads is set")


def _devices() -> Iterator[Finding]:
    import torch

    from stcn_plugin.network.convolution import convolution_kind
    from stcn_plugin.network.devices import available_devices, choose_device, choose_precision

    for name in available_devices():
        device = choose_device(name)
        precision = choose_precision("auto", device)
        how = f"{str(precision).removeprefix('torch.')}, {convolution_kind(device, precision)} convolutions"
        model = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor() or "CPU"
        threads = f", {torch.get_num_threads()} threads" if device.type == "cpu" else ""
        result = float((torch.ones(8, 8, device=device) @ torch.ones(8, 8, device=device)).sum())
        yield Finding("device", f"{name}: {model}{threads}, computes in {how}", is_ok=result == 512)


def _plugins() -> Iterator[Finding]:
    from stcn_plugin.studio import studio_hooks

    yield Finding("plugins", ", ".join(studio_hooks().names))


def _weights(name: str) -> Iterator[Finding]:
    from stcn_plugin.studio import studio_hooks, weights_store
    from stcn_plugin.weights.reading import read_weights

    path = weights_store(studio_hooks()).path(name)
    loaded = read_weights(path)
    count = sum(tensor.numel() for tensor in loaded.state.values())
    yield Finding("weights", f"{name}: {loaded.variant.name}, {count / 1e6:.1f} M parameters, {path}")


def _presets() -> Iterator[Finding]:
    from stcn_plugin.presets.library import list_presets
    from stcn_plugin.presets.resolve import load_preset
    from stcn_plugin.studio import preset_search_path, studio_hooks

    folders = preset_search_path(studio_hooks())
    names = [info.name for info in list_presets(folders)]
    for name in names:
        load_preset(name, search_path=folders)
    yield Finding("presets", ", ".join(names))


def _colour() -> Iterator[Finding]:
    import numpy as np

    from stcn_plugin.media.colour import ColourTransform

    transform = ColourTransform()
    grey = transform.to_display(np.full((1, 1, 3), 0.18, np.float32), is_float=True, file_colour_space=None)
    value = float(grey[0, 0, 1])
    # 18 % grey is 0.461 in sRGB. With any other value, the network would get wrong colours.
    yield Finding("colour", f"{transform.config}: scene 0.18 becomes {value:.3f}", is_ok=abs(value - 0.4614) < 0.01)


def _write(folder: Path | None) -> Iterator[Finding]:
    import numpy as np

    from stcn_plugin.media.images import read_image
    from stcn_plugin.media.matte_writer import MatteWriter
    from stcn_plugin.media.sequences import FrameSequence
    from stcn_plugin.media.window import FrameHeader, Window

    window = Window(0, 0, 16, 8)
    matte = np.linspace(0, 1, 128, dtype=np.float32).reshape(window.shape)
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="stcn-doctor-", dir=folder) as inside:
        writer = MatteWriter(FrameSequence.parse(Path(inside) / "matte.####.exr"), objects=["test"])
        (path,) = writer.write(1, {"test": matte}, window=window, header=FrameHeader(window, window))
        found = read_image(path).channel("test.A")
    is_same = bool(np.allclose(found, matte, atol=1e-3))
    yield Finding("disk", f"wrote and read back an EXR in {folder or tempfile.gettempdir()}", is_ok=is_same)
