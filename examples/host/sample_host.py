"""A host on one page. Its tool is simple: a script is a JSON file with a plate, roto pictures and mattes.

python sample_host.py SCRIPT.json    propagate the roto of a script, and load the mattes into it
stcn hosts check sample_host.py      check that this host is right
"""

import json
import shutil
import sys
import tempfile
from pathlib import Path

from stcn_plugin.bridge import JobRequest, KeyframeFile, Session, WorkerClient, WorkerLaunch, hookimpl
from stcn_plugin.bridge.files import keyframe_path
from stcn_plugin.errors import HostError, STCNError


class Script:
    """An open script of the tool."""

    def __init__(self, file):
        self.file = Path(file)
        self.data = json.loads(self.file.read_text("utf-8"))

    def save(self):
        self.file.write_text(json.dumps(self.data, indent=2), "utf-8")


class SampleHost:
    """The tool's side of one job."""

    def __init__(self, script):
        self.script, self.is_cancelled = script, False

    @hookimpl
    def stcn_collect_shot(self):
        data = self.script.data
        if not data.get("plate"):
            raise HostError("no plate is chosen", where=str(self.script.file), fix="Choose the plate")
        if not data.get("roto"):
            raise HostError("nothing is drawn", where=str(self.script.file), fix="Draw the object on one frame")
        return JobRequest(plate=data["plate"], out=data["out"], range=data.get("range"), preset=data.get("preset"))

    @hookimpl
    def stcn_render_keyframes(self, request, folder):
        keyframes = []
        for roto in self.script.data["roto"]:
            name, frame = roto["object"], roto["frame"]
            file = Path(keyframe_path(request, folder, name, frame)).with_suffix(Path(roto["file"]).suffix)
            file.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(roto["file"], file)  # another tool renders its roto here
            keyframes.append(KeyframeFile(frame, str(file), {name: name}))
        return keyframes

    @hookimpl
    def stcn_show_progress(self, progress):
        print(f"{progress.done} of {progress.total}")

    @hookimpl
    def stcn_show_warning(self, text):
        print(f"warning: {text}", file=sys.stderr)

    @hookimpl
    def stcn_is_cancelled(self):
        return self.is_cancelled

    @hookimpl
    def stcn_deliver_mattes(self, report):
        self.script.data["mattes"] = dict(report.patterns)  # another tool loads the sequences here
        self.script.save()


class new_script:  # noqa: N801 - called like a function by the check
    """For the check: a new script, and what an artist does in it."""

    def __init__(self):
        self.file = Path(tempfile.mkdtemp()) / "script.json"
        self.file.write_text("{}", "utf-8")

    def set_up(self, trial):
        script = Script(self.file)
        roto = [{"object": each.object_name, "frame": each.frame, "file": each.file} for each in trial.keyframes]
        script.data.update(plate=trial.plate, roto=roto, out=trial.out, range=trial.range, preset=trial.preset)
        script.save()
        self.host = SampleHost(script)
        return self.host

    def mattes(self):
        return Script(self.file).data["mattes"].items()

    def cancel(self):
        self.host.is_cancelled = True


if __name__ == "__main__":
    with WorkerClient(WorkerLaunch(sys.executable)) as worker:
        try:
            Session(SampleHost(Script(sys.argv[1])), worker).run()
        except STCNError as error:
            sys.exit(str(error))
