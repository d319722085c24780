"""The panel, made of Nuke's own knobs so that it works with any version of Qt. For sessions with an interface."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import nuke
import nukescripts

from stcn_nuke import colour
from stcn_nuke.jobs import KeyframeSource, PropagateJob, default_out
from stcn_nuke.knob_text import absolute, get_text, set_file, set_label, set_text
from stcn_nuke.plates import frame_range
from stcn_nuke.rotos import key_frames
from stcn_nuke.selection import Selection, names_in, node_named
from stcn_plugin.bridge import EVERY_WORKER, Choice, Description
from stcn_plugin.errors import FrameRangeError, HostError
from stcn_plugin.frames import format_frame_range, parse_frame_range

CURRENT, KEYS, LISTED = "at the current frame", "at the roto's keys", "at these frames"
BY_PRESET = "from the preset"
LAYOUTS = (BY_PRESET, "layers", "per_object", "cryptomatte")
_SOURCES = "Roto, RotoPaint, or any node with a matte in its alpha; each is an object named after the node"


class PropagatePanel(nukescripts.PythonPanel):
    """Asks for the settings of a shot.

    Args:
        selection: Plate and sources among the selected nodes.
        last: The last job, whose settings are suggested again for the same plate: after a cancelled job, the next one
            goes on where it stopped.
    """

    def __init__(self, selection: Selection, *, last: PropagateJob | None = None) -> None:
        super().__init__("STCN: propagate roto", "stcn.PropagatePanel")
        self._sources = nuke.String_Knob("sources", "keyframes from")
        self._sources.setTooltip(_SOURCES)
        set_text(self._sources, " ".join(selection.sources))
        self._when = nuke.Enumeration_Knob("when", "keyframes", [CURRENT, KEYS, LISTED])
        self._frames = nuke.String_Knob("frames", "frames")
        self._frames.setTooltip("Such as 1001,1024,1060")
        self._frames.setEnabled(False)
        self._plate = nuke.Enumeration_Knob("plate", "plate", list(selection.candidates))
        self._plate.setValue(selection.plate)
        self._range = nuke.String_Knob("range", "frame range")
        self._colour = nuke.String_Knob("colour", "colour space")
        self._colour.setTooltip("Colour space of the plate; empty uses the one stated in its files")
        self._out = nuke.File_Knob("out", "mattes")
        self._preset = nuke.Enumeration_Knob("preset", "preset", _names(EVERY_WORKER.presets))
        self._weights = nuke.Enumeration_Knob("weights", "weights", [BY_PRESET, *_names(EVERY_WORKER.weights)])
        self._device = nuke.Enumeration_Knob("device", "device", [BY_PRESET, *_names(EVERY_WORKER.devices)])
        self._licence = nuke.Text_Knob("licence", "licence", "")
        self._layout = nuke.Enumeration_Knob("layout", "files", list(LAYOUTS))
        self._state = nuke.Text_Knob("state", "worker", "starting...")
        self._add(self._plate, self._sources, self._when, self._frames, self._range, self._colour)
        self._add(self._preset, self._weights, self._licence, self._device, self._layout, self._out, self._state)
        self._fields: Mapping[str, nuke.Knob] = {
            "range": self._range,
            "out": self._out,
            "preset": self._preset,
            "colour.input": self._colour,
            "weights": self._weights,
            "compute.device": self._device,
            "output.layout": self._layout,
        }
        self._description: Description | None = None
        self._is_open = False
        self._fill()
        if last is not None and last.plate == selection.plate:
            self._suggest(last)

    def ask(self) -> bool:
        """Show the panel until it is closed; return whether by OK."""
        self._is_open = True
        try:
            return bool(self.showModalDialog())
        finally:
            self._is_open = False  # Nuke deletes its knobs

    def knobChanged(self, knob: nuke.Knob) -> None:  # noqa: N802 - the name that Nuke calls
        """Enable the list of frames if it is used; fill in frame range, colour space and mattes for another plate."""
        if knob.name() == "when":
            self._frames.setEnabled(self._when.value() == LISTED)
        if knob.name() == "plate":
            self._fill()
        if knob.name() in ("preset", "weights"):
            self._show_licence()

    def show_description(self, description: Description | None, error: Exception | None) -> None:
        """Fill the menus from the worker's description, or show the error. The selected entries are kept."""
        if not self._is_open:
            return
        if description is None:
            set_label(self._state, str(error))
            return
        _refill(self._preset, _names(description.presets))
        _refill(self._weights, [BY_PRESET, *_names(description.weights)])
        _refill(self._device, [BY_PRESET, *_names(description.devices)])
        self._state.setValue("ready")
        self._description = description
        self._show_licence()

    def job(self) -> PropagateJob:
        """Return the job that the panel describes.

        Raises:
            STCNError: A value is missing or invalid.
        """
        out = str(self._out.getEvaluatedValue() or "").strip()
        return PropagateJob(
            plate=self._plate.value(),
            sources=self._keyframes(self._shot()),
            range=get_text(self._range).strip(),
            out=absolute(out) if out else "",
            colour=get_text(self._colour).strip(),
            preset=self._preset.value(),
            weights=_chosen(self._weights),
            device=_chosen(self._device),
            layout=_chosen(self._layout),
            origins={key: _field(knob) for key, knob in self._fields.items()},
        )

    def _add(self, *knobs: nuke.Knob) -> None:
        for knob in knobs:
            self.addKnob(knob)

    def _keyframes(self, shot: Sequence[int]) -> tuple[KeyframeSource, ...]:
        """Return the sources with their frames.

        Args:
            shot: Frames of the shot.

        Raises:
            HostError: No source is named, or one is missing or has no key.
            FrameRangeError: The list of frames is not a frame range.
        """
        names = names_in(get_text(self._sources))
        if not names:
            raise HostError("no node is named for the keyframes", fix="Name a Roto, or any node with an alpha")
        nodes = [node_named(name) for name in names]
        when = self._when.value()
        if when == KEYS:
            return tuple(KeyframeSource(node.fullName(), key_frames(node, shot), follows_keys=True) for node in nodes)
        frames = (nuke.frame(),) if when == CURRENT else parse_frame_range(get_text(self._frames))
        return tuple(KeyframeSource(node.fullName(), frames) for node in nodes)

    def _show_licence(self) -> None:
        """Show the licence of the chosen weights, once the worker has answered."""
        if self._description is not None:
            set_label(self._licence, self._description.licence(_chosen(self._weights), preset=self._preset.value()))

    def _shot(self) -> tuple[int, ...]:
        try:
            return parse_frame_range(get_text(self._range).strip())
        except FrameRangeError as error:
            raise FrameRangeError(error.what, where=_field(self._range), fix=error.fix) from None

    def _fill(self) -> None:
        plate = node_named(self._plate.value())
        set_text(self._range, frame_range(plate))
        set_text(self._colour, colour.plate_space(plate))
        set_file(self._out, default_out(get_text(nuke.root()["name"]), plate.name()))

    def _suggest(self, job: PropagateJob) -> None:
        """Fill in the settings of a job; the colour space is that of the plate as it is now."""
        set_text(self._range, job.range)
        set_file(self._out, job.out)
        for knob, value in (
            (self._preset, job.preset),
            (self._weights, job.weights),
            (self._device, job.device),
            (self._layout, job.layout),
        ):
            _choose(knob, value or BY_PRESET)
        frames = sorted({frame for source in job.sources for frame in source.frames})
        if all(source.follows_keys for source in job.sources):
            self._when.setValue(KEYS)
        elif all(list(source.frames) == frames for source in job.sources):
            self._when.setValue(LISTED)
            self._frames.setEnabled(True)
            set_text(self._frames, format_frame_range(frames))


def _field(knob: nuke.Knob) -> str:
    """Return how error messages name a knob of the panel."""
    return f"STCN panel, {knob.label()}"


def _chosen(knob: nuke.Enumeration_Knob) -> str:
    return "" if knob.value() == BY_PRESET else str(knob.value())


def _choose(knob: nuke.Enumeration_Knob, name: str) -> None:
    """Select an entry of a menu, which is added if the worker has not yet been asked for it."""
    if name not in knob.values():
        knob.setValues([*knob.values(), name])
    knob.setValue(name)


def _refill(knob: nuke.Enumeration_Knob, names: list[str]) -> None:
    chosen = knob.value()
    knob.setValues(names)
    if chosen in names:
        knob.setValue(chosen)


def _names(choices: Sequence[Choice]) -> list[str]:
    return [choice.name for choice in choices]
