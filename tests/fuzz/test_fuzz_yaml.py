"""Shot files and presets with random damage, as from editors, disks or attackers."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from fuzz.hammer import hammer

from stcn_plugin.config.layers import Layer
from stcn_plugin.config.yaml_source import parse_value
from stcn_plugin.errors import PresetError
from stcn_plugin.presets import list_presets, trace_preset, traced_yaml
from stcn_plugin.shot import is_shot_file, load_shot
from stcn_plugin.shot.layers import ShotLayers
from stcn_plugin.shot.writer import shot_yaml

pytestmark = pytest.mark.slow

SHOT = """\
# A shot.
extends: base
description: 'The jump: "hero" and the ball.'
plate: plates/sh010.####.exr
range: 1001-1100x1
keyframes:
  1001: roto/hero.1001.exr:hero.A
  1040: {file: ids.png, objects: {hero: 1, ball: '#ff0000'}}
  1060:
    - a.png
    - file: /abs/crypto.exr
      objects: [table, 7]
objects:
  hero: {range: 1001-1060}
  ball: 1040-1100
out: ~/mattes/<object>/sh010.%04d.exr
memory: &memory {interval: 3, top_k: all}
read: {missing: hold, layer: null}
matte: {black: 0.1, white: 9e-1}
overlay: {folder: look}
"""
PRESET = """\
extends: hero
description: >
  Of this show.
weights: w/show.safetensors
size: 0.5MP
direction: both
memory: {interval: 2, top_k: 9, include_last: yes}
colour: {input: ACEScg, config: ocio/config.ocio, highlights: clip}
compute: {device: cuda:1, precision: bfloat16, threads: 4}
output: {layout: layers, depth: half, compression: zips}
"""
PIECES = (
    ": ", ":", "- ", "? ", "{", "}", "[", "]", ",", "#", "&a ", "*a", "*a" * 50, "<<: *a\n", "!!int ", "!!python/name:os.system ",
    "!<x> ", "!!binary ", "!!set ", "| \n", ">-\n", "'", '"', '"\\U00110000"', '"\\ud800"', '"\\ud83d\\ude00"', '"\\0"', '"\\e[31m"',
    "\\", "%YAML 1.2\n---\n", "%YAML 9999999999999999999999.1\n", "%TAG ! tag:x,1:\n", "---\n", "...\n", "\t", "\n", "\r", "\r\n", " ",
    "  ", "\u2028", "\x85", "\x00", "\x1b", "\ufeff", "\ufffe", "\U0001f3ac", "é", "e\u0301", "~", "null", "yes", "no", "on", "y", "NaN",
    ".nan", ".inf", "1e999", "1" * 30, "1" * 5000, "0x10", "0o17", "0777", "1_000", "190:20:30", "2026-01-01", "-0", "+5", ".5", "5.",
    "1001", "'1001'", "1001-1010", "1-999999999", "1-1000000,1-1000000", "9" * 18, "-5--1", "%999999999d", "####", "%04d", "$F4",
    "x" * 300, "d/" * 3000, "../" * 50, "/dev/zero", "extends: ", "extends: ./shot.yaml\n", "extends: [a]\n", "keyframes:\n", "objects:\n",
    "plate: p.####.exr\n", "out: m.####.exr\n", "memory:\n", "  interval: ", "size: ", "all", "native", "= ", "<<", "@", "`", "%", "!", "&", "*",
)  # fmt: skip
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "latin-1", "cp1252")


def attack(rng: np.random.Generator, folder: Path) -> None:
    """Create a shot file, a preset that it extends and a studio folder; load all of them in every way."""
    os.environ.pop("STCN_PRESET_PATH", None)
    studio, shot = folder / "studio", folder / "shot.yaml"
    studio.mkdir()
    place(rng, studio / "base.yaml", PRESET)
    if rng.random() < 0.3:
        place(rng, studio / "default.yaml", "size: 300\nmatte: {black: 0.2}\n")
    search, overrides = [studio], [value(rng) for _ in range(rng.integers(3))]
    if rng.random() < 0.04:
        place(rng, shot, enormous(rng))
        answer(folder, lambda: load_shot(shot, search_path=search))
        return
    place(rng, shot, SHOT)
    for load in (
        lambda: is_shot_file(shot, search_path=search),
        lambda: ShotLayers.read(shot, Layer(), search_path=search).keyframe_frames,
        lambda: traced_yaml(trace_preset("base", search_path=search)),
        lambda: traced_yaml(trace_preset(shot, search_path=search, of_shot=True)),
        lambda: list_presets(search),
        lambda: again(shot, search, overrides),
    ):
        answer(folder, load)
    try:
        parse_value(joined(rng, 6))
    except PresetError as error:
        assert error.what


def answer(folder: Path, load: Callable[[], object]) -> None:
    """Load, or get an error with file and line."""
    try:
        load()
    except PresetError as error:
        text = str(error)
        assert text.startswith((str(folder), "there is no preset", "--set")), text[:300]
        assert len(text) < 50_000


def again(shot: Path, search: list[Path], overrides: list[str]) -> None:
    """Check that a loaded shot can be saved, and loads as the same shot."""
    loaded = load_shot(shot, search_path=search, overrides=overrides)
    copy = shot.with_name("copy.yaml")
    copy.write_text(shot_yaml(loaded, copy, search_path=search), "utf-8", "surrogateescape")
    reloaded = load_shot(copy, search_path=search)
    assert reloaded == loaded.model_copy(update={"path": copy, "origins": reloaded.origins})


def place(rng: np.random.Generator, path: Path, text: str) -> None:
    """Write a mutated text in some encoding, or sometimes create something other than a regular file."""
    kind = rng.random()
    if kind < 0.01:
        os.mkfifo(path)
    elif kind < 0.02:
        path.symlink_to(("/dev/zero", "/dev/full", "/proc/self/mem", path.name)[rng.integers(4)])
    elif kind < 0.025:
        path.mkdir()
    else:
        encoding = ENCODINGS[rng.integers(len(ENCODINGS))] if rng.random() < 0.1 else "utf-8"
        raw = bytearray(mutated(rng, text).encode(encoding, "replace"))
        for _ in range(rng.integers(4) if rng.random() < 0.2 else 0):
            raw[rng.integers(len(raw))] = rng.integers(256)
        path.write_bytes(raw)


def mutated(rng: np.random.Generator, text: str) -> str:
    """Insert, remove and swap pieces of text."""
    for _ in range(rng.integers(5)):
        at, end = sorted(rng.integers(len(text) + 1, size=2))
        how = rng.random()
        if how < 0.6:
            text = text[:at] + PIECES[rng.integers(len(PIECES))] + text[at:]
        elif how < 0.75:
            text = text[:at] + text[min(end, at + 40) :]
        elif how < 0.9:
            lines = text.splitlines(keepends=True) or [""]
            first, second = rng.integers(len(lines), size=2)
            lines[first], lines[second] = lines[second], lines[first]
            text = "".join(lines)
        else:
            text = text[:at] + PIECES[rng.integers(len(PIECES))] + text[end:]
    return text or "\n"


def joined(rng: np.random.Generator, most: int) -> str:
    return "".join(PIECES[rng.integers(len(PIECES))] for _ in range(rng.integers(1, most)))


def value(rng: np.random.Generator) -> str:
    keys = (
        "memory.interval",
        "range",
        "keyframes.1001",
        "out",
        "objects.hero",
        "size",
        "extends",
        "nothing.like.this",
        "",
    )
    return f"{keys[rng.integers(len(keys))]}={joined(rng, 3)}"


def enormous(rng: np.random.Generator) -> str:
    """Very long or deep input, which must be loaded in linear time or rejected."""
    head = "plate: p.####.exr\nout: m.####.exr\n"
    count = int(10 ** rng.uniform(2, 4))
    frames = range(count)
    made = (
        lambda: head + "keyframes:\n" + "".join(f"  {frame}: [k.{frame}.png]\n" for frame in frames),
        lambda: head + "keyframes:\n" + "".join(f"  {frame}: 5\n" for frame in frames),
        lambda: head + "keyframes: {1: k.png}\n" + "".join(f"unknown{frame}: 1\n" for frame in frames),
        lambda: head + "keyframes: {1: k.png}\nobjects:\n" + "".join(f"  o{frame}: 1-1000000\n" for frame in frames),
        lambda: (
            head
            + f"keyframes: {{1: {{file: k.png, objects: [{', '.join(f'n{frame}' for frame in frames)}]}}}}\nobjects:\n"
            + "".join(f"  m{frame}: 1-5\n" for frame in frames)
        ),
        lambda: head + "keyframes: {1: k.png}\nrange: " + ",".join(f"{2 * frame}" for frame in frames) + "\n",
        lambda: "x: " + "[" * count + "\n",
        lambda: "x: " + "{a: " * count + "\n",
        lambda: "a0: &a0 [x]\n" + "".join(f"a{n + 1}: &a{n + 1} [*a{n}, *a{n}, *a{n}]\n" for n in range(count % 40)),
        lambda: (
            "a0: &a0 {k: 1}\n" + "".join(f"a{n + 1}: &a{n + 1} {{<<: [*a{n}, *a{n}]}}\n" for n in range(count % 40))
        ),
        lambda: "x: " + "y" * 100 * count + "\n",
        lambda: " " * 100 * count + "\n" + head,
        lambda: "# comment\n" * 10 * count + head,
        lambda: 'x: "' + "\\u0041" * 10 * count + '"\n',
        lambda: "- a\n" * 10 * count,
    )
    return made[rng.integers(len(made))]()


def test_a_file_is_a_shot_or_an_error_with_its_place(fuzz_count: int) -> None:
    """No file causes a traceback, a hang, a crash or excessive memory; a loaded shot can be saved and loaded again."""
    assert hammer("fuzz.test_fuzz_yaml:attack", fuzz_count) == []
