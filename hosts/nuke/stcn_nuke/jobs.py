"""Jobs that the artist requests, in terms of the script's nodes, and their requests to the worker."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from stcn_nuke.knob_text import forward
from stcn_plugin.bridge import JobRequest
from stcn_plugin.bridge.batch import SharedRequest
from stcn_plugin.bridge.build import BuildOptions
from stcn_plugin.bridge.fields import Fields
from stcn_plugin.bridge.files import shot_file_path
from stcn_plugin.bridge.job import Setting, chosen_settings, json_of
from stcn_plugin.errors import HostError, ProtocolError


@dataclass(frozen=True)
class KeyframeSource:
    """A node, or part of a roto, whose alpha is the matte of one object.

    Args:
        node: Full name of the node.
        frames: Frames of the keyframes.
        follows_keys: Whether these are the frames at which the object has keys.
        name: Name of the object; empty for that of the node.
        elements: The groups and shapes of a roto that are the object; empty for all.
    """

    node: str
    frames: tuple[int, ...]
    follows_keys: bool = False
    name: str = ""
    elements: tuple[str, ...] = ()

    @property
    def object_name(self) -> str:
        """Name of the object."""
        return self.name or self.node.replace(".", "_")

    @classmethod
    def from_json(cls, data: object) -> KeyframeSource:
        """Read the JSON of `json_of`."""
        fields = Fields(data, "a keyframe source")
        return cls(
            node=fields.value("node", str),
            frames=fields.frames("frames"),
            follows_keys=fields.value("follows_keys", bool),
            name=fields.optional("name", str) or "",
            elements=fields.strings("elements"),
        )


@dataclass(frozen=True)
class PropagateJob:
    """A shot that is propagated, for the first time or again.

    Args:
        plate: Name of the plate's node.
        sources: Nodes with the keyframes.
        range: Frames to matte.
        out: Frame pattern of the mattes.
        colour: Colour space of the plate; empty to use the one stated in its files.
        preset: Name of the preset.
        weights: Name of the weights; empty for those of the preset.
        device: Device; empty for that of the preset.
        settings: Further settings.
        build: Which part of the work to do.
        origins: Field of the request, or setting, to the knob of the panel or the flag that set it.
        flags: What the flags of a batch add to the request.
    """

    plate: str
    sources: tuple[KeyframeSource, ...]
    range: str
    out: str
    colour: str = ""
    preset: str = "default"
    weights: str = ""
    device: str = ""
    settings: Mapping[str, Setting] = field(default_factory=dict)
    build: BuildOptions = BuildOptions()
    origins: Mapping[str, str] = field(default_factory=dict)
    flags: SharedRequest = field(default_factory=SharedRequest)

    @property
    def text(self) -> str:
        """The job as text, to be stored in the script and read by `parse`."""
        fields = json_of(self)
        return json.dumps({name: value for name, value in fields.items() if name not in ("build", "origins", "flags")})

    @classmethod
    def parse(cls, text: str) -> PropagateJob:
        """Read the text of a job.

        Raises:
            HostError: It is damaged, or there is none.
        """
        try:
            fields = Fields(json.loads(text), "a job")
            return cls(
                plate=fields.value("plate", str),
                sources=fields.list_of("sources", KeyframeSource.from_json),
                range=fields.value("range", str),
                out=fields.value("out", str),
                colour=fields.value("colour", str),
                preset=fields.value("preset", str),
                weights=fields.value("weights", str),
                device=fields.value("device", str),
                settings=fields.objects("settings", Setting.from_json),
            )
        except (ValueError, ProtocolError) as error:
            raise HostError(
                f"the settings of these mattes cannot be read ({error})", fix="Propagate the shot from its plate again"
            ) from None

    def request(self, pattern: str, *, colour: str, config: str | None, is_rendered: bool = False) -> JobRequest:
        """Return the request to the worker.

        Args:
            pattern: Frame pattern of the plate's files.
            colour: Colour space of the plate's files.
            config: The script's OCIO config.
            is_rendered: Whether the files of the plate have just been rendered: their times are new, even if their
                pixels are those of the last job.
        """
        chosen = {
            "colour.config": config or None,
            "colour.input": colour or None,
            "weights": self.weights or None,
            "compute.device": self.device or None,
        }
        origins = {**dict.fromkeys(chosen, "the Nuke script"), **self.origins}
        request = JobRequest(
            plate=pattern,
            out=self.out,
            range=self.range,
            preset=self.preset,
            settings={**chosen_settings(chosen, origins), **self.settings},
            origins=self.origins,
            build=replace(self.build, verify=True) if is_rendered else self.build,
            save_as=forward(shot_file_path(self.out)),
        )
        return self.flags.applied(request)
