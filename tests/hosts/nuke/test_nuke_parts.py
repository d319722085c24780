"""What the Nuke plugin makes of a script: plates, colours, keys, keyframes; in the stand-in, without a worker."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from nuke_tests import pixels_of

from stcn_plugin.bridge import JobRequest
from stcn_plugin.bridge.build import BuildOptions
from stcn_plugin.bridge.job import Setting
from stcn_plugin.errors import CancelledError, HostError


@pytest.mark.parametrize(
    ("shown", "meant"),
    [
        ("sRGB", "sRGB"),
        ("default (sRGB)", "sRGB"),
        ("default (Linear Rec.709 (sRGB))", "Linear Rec.709 (sRGB)"),
        ("Linear Rec.709 (sRGB)", "Linear Rec.709 (sRGB)"),
        ("Input/ARRI/ARRI LogC3 (EI800)", "ARRI LogC3 (EI800)"),
        ("scene_linear (ACES - ACEScg)", "ACES - ACEScg"),
        ("default (scene_linear (ACES/ACES - ACEScg))", "ACES - ACEScg"),
        ("Rec.1886 / Rec.709 video", "Rec.1886 / Rec.709 video"),
        ("scene_linear", "scene_linear"),
    ],
)
def test_colour_spaces_lose_their_decoration_and_nothing_else(nuke, shown, meant):
    """Nuke's "default (...)", roles and families go; parentheses and slashes that belong to a name stay."""
    from stcn_nuke.colour import space_name

    assert space_name(shown) == meant


def test_a_raw_read_and_any_other_node_are_in_the_working_space(nuke, make):
    """The colour space of a Read is that of its knob, unless it is raw; images rendered from a node are in the working space."""
    from stcn_nuke.colour import plate_space

    nuke.root()["workingSpaceLUT"].setValue("scene_linear (ACES - ACEScg)")
    read = make.read()
    read["colorspace"].setValue("default (ARRI LogC4)")
    assert plate_space(read) == "ARRI LogC4"
    read["raw"].setValue(True)
    assert plate_space(read) == "ACES - ACEScg"
    assert plate_space(nuke.nodes.Dot()) == "ACES - ACEScg"


def test_the_scripts_own_config_goes_to_the_worker(nuke, stage, tmp_path, monkeypatch):
    """$OCIO goes over the knobs; else it is the custom file, or the named config that lies on the plugin path."""
    from stcn_nuke.colour import config

    root = nuke.root()
    assert config() is None  # Nuke's own colour management, and no Nuke is installed here
    shipped = tmp_path / "OCIOConfigs" / "configs"
    for name in ("nuke-default", "aces_1.2"):
        (shipped / name).mkdir(parents=True)
        (shipped / name / "config.ocio").write_text("")
    stage.plugin_path = [str(tmp_path)]
    assert config() == f"{shipped.as_posix()}/nuke-default/config.ocio"
    root["colorManagement"].setValue("OCIO")
    root["OCIO_config"].setValue("aces_1.2")
    assert config() == f"{shipped.as_posix()}/aces_1.2/config.ocio"
    root["OCIO_config"].setValue("custom")
    monkeypatch.setenv("SHOW", "/show")
    root["customOCIOConfigPath"].setValue("[getenv SHOW]/config.ocio")
    assert config() == "/show/config.ocio"
    monkeypatch.setenv("OCIO", "/studio/config.ocio")
    assert config() == "/studio/config.ocio"


@pytest.mark.parametrize(
    ("written", "pattern"),
    [
        ("/p/a.####.exr", "/p/a.####.exr"),
        ("/p/a.%04d.exr", "/p/a.%04d.exr"),
        ("[getenv SHOT]/a.%04d.exr", "/shots/010/a.%04d.exr"),
        ("/p/%V/a.####.%v.exr", "/p/left/a.####.l.exr"),
        (r"/p/\[a\].####.exr", "/p/[a].####.exr"),
    ],
)
def test_patterns_of_a_read(nuke, stage, monkeypatch, written, pattern):
    """Expressions are evaluated, the first view stands for %V and %v, and the frame number stays a pattern."""
    from stcn_nuke.plates import file_pattern

    monkeypatch.setenv("SHOT", "/shots/010")
    stage.views = ["left", "right"]
    read = nuke.nodes.Read()
    read["file"].setValue(written)
    read["last"].setValue(10)
    assert file_pattern(read) == pattern


def test_the_pattern_is_that_of_the_full_plate_in_proxy_mode(nuke):
    """In proxy mode Nuke names a Read's proxy files; the plate's own are taken, and the mode stays on."""
    from stcn_nuke.plates import file_pattern

    read = nuke.nodes.Read(file="/p/full.####.exr", proxy="/p/small.####.exr", last=10)
    nuke.root()["proxy"].setValue(True)
    assert file_pattern(read) == "/p/full.####.exr"
    assert nuke.root()["proxy"].value() is True


@pytest.mark.parametrize(
    "knobs",
    [
        {"file": "/p/a.mov"},
        {"file": "/p/still.png", "last": 1},
        {"file": "/p/a.####.exr", "frame": "1001"},
        {"file": "/p/a.####.exr", "frame": "frame-10"},
    ],
)
def test_reads_whose_frames_are_not_those_of_files_are_rendered(nuke, knobs):
    """Movies, stills and Reads that shift their frames have no pattern; neither has any other node."""
    from stcn_nuke.plates import file_pattern

    assert file_pattern(nuke.nodes.Read(**{"last": 10, **knobs})) is None
    assert file_pattern(nuke.nodes.Dot()) is None


def test_a_read_without_a_file_is_an_error(nuke):
    """The error has the node and the fix."""
    from stcn_nuke.plates import file_pattern

    with pytest.raises(HostError, match="'Read1'"):
        file_pattern(nuke.nodes.Read())


def keys_of(node, within):
    """The frames of an object's keyframes."""
    from stcn_nuke.jobs import KeyframeSource
    from stcn_nuke.rotos import key_frames

    return key_frames(KeyframeSource(node.fullName(), ()), within)


def test_keys_of_a_roto(nuke, make):
    """Keys of a shape's points and transform, also inside a group; keys outside the shot do not count."""
    discs = {900: (1.0, 1.0, 1.0), 1001: (20.0, 24.0, 8.0), 1004: (30.0, 24.0, 8.0)}
    assert keys_of(make.roto("a", discs), range(1001, 1011)) == (1001, 1004)
    nested = make.roto("b", discs, kind="RotoPaint", nested=True, transform=(1007.0,))
    assert keys_of(nested, range(1001, 1011)) == (1001, 1004, 1007)
    with pytest.raises(HostError, match="'a' has no key between 1005 and 1010"):
        keys_of(nuke.toNode("a"), range(1005, 1011))


def test_keys_of_a_shape_that_is_off_do_not_count(nuke, make):
    """Those at which it is switched off or on do: an object that is off is absent from there on."""
    discs = dict.fromkeys((1001, 1004, 1005, 1008), (20.0, 24.0, 8.0))
    assert keys_of(make.roto("a", discs, off=(1004, 1005, 1006)), range(1001, 1011)) == (1001, 1004, 1007, 1008)


def test_keys_of_other_nodes(nuke):
    """A node without curves has the keys of its animated knobs."""
    node = nuke.nodes.Multiply()
    node["value"]._keys = [1002, 1005]
    assert keys_of(node, range(1001, 1011)) == (1002, 1005)


@pytest.mark.parametrize(
    ("node", "shapes", "objects"),
    [
        ("Roto1", [("Bezier1", "")], {"Roto1": ()}),
        ("hero", [("Bezier1", "")], {"hero": ()}),
        ("Roto1", [("left_arm", "")], {"left_arm": ()}),
        ("hero", [("left_arm", "")], {"hero": ()}),
        ("Roto1", [("Bezier1", ""), ("Bezier2", "")], {"Roto1": ()}),
        ("Roto1", [("left_arm", ""), ("Bezier2", "")], {"Roto1": ()}),
        ("Roto1", [("Bezier1", "hero")], {"hero": ()}),
        ("Roto1", [("Bezier1", "Layer1")], {"Roto1": ()}),
        (
            "Roto1",
            [("Bezier1", "hero"), ("Bezier2", "hero"), ("Bezier3", "ball")],
            {"hero": ("hero",), "ball": ("ball",)},
        ),
        ("Roto1", [("Bezier1", "hero"), ("Bezier2", "")], {"hero": ("hero",), "Roto1": ("Bezier2",)}),
    ],
)
def test_objects_of_a_roto(nuke, make, node, shapes, objects):
    """Each group of shapes is an object, and the shapes outside of groups are one; names of the artist are used."""
    from stcn_nuke.roto_objects import objects_in

    roto = make.roto(node)
    for number, (name, group) in enumerate(shapes):
        make.draw(roto, {1001: (20.0, 24.0, 8.0)}, name=name, group=group, keeps=number > 0)
    assert {each.name: each.elements for each in objects_in(roto)} == objects


def test_names_of_objects_are_unique(nuke, make):
    """Groups of the same name in two rotos are two objects."""
    from stcn_nuke.rotos import sources_of

    for name in ("Roto1", "Roto2"):
        make.draw(make.roto(name), {1001: (20.0, 24.0, 8.0)}, group="hero")
    assert [source.object_name for source in sources_of(["Roto1", "Roto2"], range(1001, 1005))] == ["hero", "hero_2"]


def test_each_group_is_rendered_alone(nuke, stage, make, tmp_path):
    """From a copy with these shapes alone; the roto itself and the script are not changed."""
    from stcn_nuke.rotos import render_keyframes, sources_of

    roto = make.roto("Roto1")
    make.draw(roto, {1001: (20.0, 24.0, 8.0)}, group="hero")
    make.draw(roto, {1001: (48.0, 12.0, 5.0), 1003: (48.0, 30.0, 5.0)}, group="ball", name="Bezier2", keeps=True)
    nuke.root().setModified(False)
    before = [node.name() for node in nuke.allNodes()], roto["curves"].toScript()
    sources = sources_of(["Roto1"], range(1001, 1005))
    keyframes = render_keyframes(
        sources, JobRequest(out=f"{tmp_path}/sh010.####.exr"), str(tmp_path), nuke.root().format()
    )
    assert [(each.frame, each.objects) for each in keyframes] == [
        (1001, {"hero": "A"}), (1001, {"ball": "A"}), (1003, {"ball": "A"})
    ]  # fmt: skip
    for keyframe, place in zip(keyframes, ((20, 24, 8), (48, 12, 5), (48, 30, 5)), strict=True):
        np.testing.assert_allclose(pixels_of(keyframe.file)[0][..., 0], disc(64, 48, *place), atol=1e-3)
    assert ([node.name() for node in nuke.allNodes()], roto["curves"].toScript()) == before
    assert not nuke.root().modified()


def test_two_objects_of_one_name_are_an_error(nuke, make, tmp_path):
    """The artist may have typed the same name twice."""
    from stcn_nuke.jobs import KeyframeSource
    from stcn_nuke.rotos import render_keyframes

    make.roto("a"), make.roto("b")
    sources = [KeyframeSource(node, (1001,), name="hero") for node in "ab"]
    with pytest.raises(HostError, match="two objects have the name 'hero'"):
        render_keyframes(sources, JobRequest(out="/m/a.####.exr"), str(tmp_path), nuke.root().format())


def test_variables_and_asset_references_are_evaluated(nuke, stage):
    """Variables of the graph and references of an asset manager; what cannot be evaluated is an error."""
    from stcn_nuke.plates import file_pattern

    read = nuke.nodes.Read(file="/show/%{shot}/plate.####.exr", last=10)
    with pytest.raises(HostError, match=r"'%\{shot\}'") as caught:
        file_pattern(read)
    assert caught.value.where == "/show/%{shot}/plate.####.exr"
    stage.variables["shot"] = "sh010"
    assert file_pattern(read) == "/show/sh010/plate.####.exr"
    read["file"].setValue("ams://plate/sh010")
    with pytest.raises(HostError, match="ams://plate/sh010"):
        file_pattern(read)
    stage.assets["ams://plate/sh010"] = "/assets/plate.####.exr"
    assert file_pattern(read) == "/assets/plate.####.exr"


def disc(width, height, x, y, radius):
    rows, columns = np.mgrid[:height, :width] + 0.5
    return np.clip(radius - np.hypot(columns - x, rows - y) + 0.5, 0, 1)


def render(sources, folder, like):
    from stcn_nuke.jobs import KeyframeSource
    from stcn_nuke.rotos import render_keyframes

    request = JobRequest(out=f"{folder}/sh010.####.exr")
    return render_keyframes(
        [KeyframeSource(name, frames) for name, frames in sources.items()], request, str(folder), like
    )


def test_keyframes_are_the_rotos_alpha_at_full_size(nuke, stage, make, tmp_path):
    """One half-float EXR per object and frame, alpha only, with the plate's size and pixel aspect, in proxy mode too."""
    read = make.read(aspect=2.0)
    make.roto("hero", {1001: (20.0, 24.0, 8.0), 1005: (40.0, 24.0, 8.0)}).setInput(0, read)
    make.roto("ball", {1001: (50.0, 10.0, 5.0)}).setInput(0, read)
    nuke.root()["proxy"].setValue(True)
    keyframes = render({"hero": (1001, 1003), "ball": (1001,)}, tmp_path / "new" / "keyframes", read.format())
    assert [(each.frame, each.objects) for each in keyframes] == [
        (1001, {"hero": "A"}),
        (1003, {"hero": "A"}),
        (1001, {"ball": "A"}),
    ]
    assert keyframes[1].file == f"{tmp_path.as_posix()}/new/keyframes/sh010.hero.1003.exr"
    for keyframe in keyframes:
        pixels, spec = pixels_of(keyframe.file)
        assert spec.channelnames == ("A",)
        assert (spec.full_width, spec.full_height, str(spec.format)) == (64, 48, "half")
        assert spec.get_float_attribute("PixelAspectRatio") == 2.0
        assert pixels.max() == 1
    rows, columns = np.mgrid[:48, :64] + 0.5
    squeezed = np.clip(8 - np.hypot((columns - 30) * 2, rows - 24) + 0.5, 0, 1)
    np.testing.assert_allclose(pixels_of(keyframes[1].file)[0][..., 0], squeezed, atol=1e-3)


def test_a_roto_of_another_format_is_placed_at_the_bottom_left(nuke, make, tmp_path):
    """As by a Merge: nothing is scaled or centred."""
    read = make.read(width=80, height=60)
    make.roto("hero", {1001: (20.0, 24.0, 8.0)})  # without an input: 64x48, the script's format
    (keyframe,) = render({"hero": (1001,)}, tmp_path / "keyframes", read.format())
    pixels, spec = pixels_of(keyframe.file)
    assert (spec.full_width, spec.full_height) == (80, 60)
    np.testing.assert_allclose(pixels[..., 0], disc(80, 60, 20, 24 + 12, 8), atol=1e-3)


@pytest.mark.parametrize("trouble", [None, "error", "cancel"])
def test_rendering_restores_the_script(nuke, stage, make, tmp_path, trouble):
    """Also after errors: no node stays, and proxy mode, frame, undo and the modified flag are restored."""
    make.roto("hero")
    nuke.root()["proxy"].setValue(True)
    nuke.frame(1007)
    nuke.root().setModified(False)
    before = [node.name() for node in nuke.allNodes()]
    stage.render_error = "disk is full" if trouble == "error" else None
    stage.cancel_rendering = trouble == "cancel"
    if trouble is None:
        render({"hero": (1001,)}, tmp_path, nuke.root().format())
    else:
        expected = HostError if trouble == "error" else CancelledError
        with pytest.raises(expected, match="disk is full" if trouble == "error" else "'hero' was cancelled"):
            render({"hero": (1001,)}, tmp_path, nuke.root().format())
    assert [node.name() for node in nuke.allNodes()] == before
    assert nuke.root()["proxy"].value() is True
    assert nuke.frame() == 1007
    assert not nuke.root().modified()
    assert stage.undo_off == 0


def test_an_empty_roto_is_an_error(nuke, make, tmp_path):
    """It would be an object that is absent; an empty group counts as nothing."""
    roto = make.roto("hero")
    make.draw(roto, {}, group="arm")
    roto._op().knob_values["curves"].rootLayer[0]._items.clear()
    with pytest.raises(HostError, match="nothing is drawn in 'hero'"):
        render({"hero": (1001,)}, tmp_path, nuke.root().format())


def test_a_source_without_alpha_is_an_error(nuke, make, tmp_path):
    """The error names the node, such as a Read of RGB."""
    make.read()
    with pytest.raises(HostError, match="'Read1' has no alpha"):
        render({"Read1": (1001,)}, tmp_path, nuke.root().format())


def test_a_roto_in_a_group_is_rendered_there(nuke, stage, make, tmp_path):
    """Its object's name has the group's name, and the temporary nodes are inside the group."""
    group = nuke.nodes.Group()
    with group:
        make.roto("hero")
    (keyframe,) = render({"Group1.hero": (1001,)}, tmp_path, nuke.root().format())
    assert keyframe.objects == {"Group1_hero": "A"}
    assert [node.name() for node in group.nodes()] == ["hero"]


def test_selection_separates_plate_and_rotos(nuke, make):
    """A Read is the plate, other nodes are sources; without a source, all rotos of the script are suggested."""
    from stcn_nuke.selection import read_selection

    read, hero, ball = make.read(), make.roto("hero"), make.roto("ball")
    grade = nuke.nodes.Multiply()
    make.select(read, hero, grade)
    assert (read_selection().plate, read_selection().sources) == ("Read1", ("hero", "Multiply1"))
    make.select(grade, ball)
    assert (read_selection().plate, read_selection().sources) == ("Multiply1", ("ball",))
    make.select(read)
    assert (read_selection().plate, read_selection().sources) == ("Read1", ("ball", "hero"))
    make.select(hero)
    with pytest.raises(HostError, match="only rotos are selected"):
        read_selection()


def test_the_request_has_the_chosen_settings(nuke):
    """Each setting has its value as text, whatever YAML would read in it, and its origin. Others are left out."""
    from stcn_nuke.jobs import KeyframeSource, PropagateJob

    hero = KeyframeSource("hero", (1001,))
    origins = {"compute.device": "STCN panel, device"}
    job = PropagateJob("Read1", (hero,), "1001-1004", "/m/a.####.exr", preset="hero", device="cpu", origins=origins)
    request = job.request("/p/a.####.exr", colour="ARRI LogC3 (EI800)", config=None)
    assert request.settings == {
        "colour.input": Setting("ARRI LogC3 (EI800)", "the Nuke script"),
        "compute.device": Setting("cpu", "STCN panel, device"),
    }
    assert (request.plate, request.out, request.range) == ("/p/a.####.exr", "/m/a.####.exr", "1001-1004")
    assert (request.preset, request.save_as) == ("hero", "/m/a.stcn.yaml")
    assert request.build == BuildOptions()
    rendered = job.request("/p/a.####.exr", colour="linear", config=None, is_rendered=True)
    assert rendered.build == BuildOptions(verify=True)  # its files are new, its pixels may be those of the last job


def test_a_job_is_stored_as_text(nuke):
    """Reading it gives the same job, without the origins of its values; anything else is one error."""
    from stcn_nuke.jobs import KeyframeSource, PropagateJob

    sources = (KeyframeSource("Group1.hero", (1001, 1004), follows_keys=True), KeyframeSource("ball", (-3,)))
    settings = {"size": Setting("[96]", "--set size=[96]", is_yaml=True)}
    job = PropagateJob("Read1", sources, "1001-1004", "/m/[a] $b.####.exr", "sRGB", "hero", "w", "cpu", settings)
    assert PropagateJob.parse(replace(job, origins={"out": "--out"}, build=BuildOptions(rebuild=True)).text) == job
    for text in ("", "{}", "[1]", "nonsense", job.text.replace("1004]", "1.5]"), job.text.replace('"cpu"', "null")):
        with pytest.raises(HostError, match="the settings of these mattes cannot be read"):
            PropagateJob.parse(text)
