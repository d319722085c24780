// Flamenco 3 job type: propagates the keyframe mattes of a shot, one task for each segment.
// Put this file into the folder `scripts` beside flamenco-manager, and restart it.

const JOB_TYPE = {
  label: "STCN mattes",
  description: "Propagate the keyframe mattes of a shot file, one task for each segment",
  settings: [
    { key: "shot", type: "string", subtype: "file_path", required: true,
      description: "Shot file (YAML), under the same path on every worker" },
    { key: "segments", type: "int32", required: true, default: 1, propargs: { min: 1 },
      description: "Number of segments of the shot; `stcn farm tasks SHOT` lists them" },
    { key: "chunk_size", type: "int32", default: 1, propargs: { min: 1 },
      description: "Number of segments per task" },
    { key: "preset", type: "string", default: "", description: "Preset to start from; empty for that of the shot file" },
    { key: "weights", type: "string", default: "", description: "Weights to use; empty for those of the preset" },
    { key: "device", type: "string", default: "", description: "Device, such as cpu or cuda; empty for that of the preset" },
    { key: "threads", type: "int32", default: 0, propargs: { min: 0 }, description: "CPU threads of a task; 0 for all" },
    { key: "overrides", type: "string", default: "",
      description: "Further settings, each KEY=VALUE, separated by semicolons" },
    { key: "stcn", type: "string", default: "stcn", visible: "submission",
      description: "The program stcn on the workers: a name on PATH, an absolute path, or a variable such as {stcn}" },
  ],
};

function compileJob(job) {
  const settings = job.settings;
  const last = atLeastOne("segments", settings.segments);
  const size = atLeastOne("chunk_size", settings.chunk_size);
  const options = jobOptions(settings);
  for (let start = 1; start <= last; start += size) {
    const end = Math.min(start + size - 1, last);
    const segments = start === end ? `${start}` : `${start}-${end}`;
    const task = author.Task(`segments-${segments}`, "misc");
    // `exec` runs the program directly, without a shell.
    task.addCommand(author.Command("exec", {
      exe: settings.stcn || "stcn",
      args: ["propagate", settings.shot, "--segments", segments].concat(options, ["--progress", "percent"]),
    }));
    job.addTask(task);
  }
}

function jobOptions(settings) {
  const options = [];
  for (const key of ["preset", "weights", "device"]) {
    const value = (settings[key] || "").trim();
    if (value) options.push(`--${key}`, value);
  }
  for (const override of (settings.overrides || "").split(";")) {
    if (override.trim()) options.push("--set", override.trim());
  }
  if (settings.threads) options.push("--set", `compute.threads=${settings.threads}`);
  return options;
}

function atLeastOne(key, value) {
  const number = value === undefined ? 1 : value;
  if (number < 1) throw new Error(`${key} is ${number}, it should be 1 or more`);
  return number;
}
