"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const find = (id) => document.getElementById(id);
  const count = data.frames.length;
  const [width, height] = data.size;
  const canvas = find("picture");
  const stage = find("stage");
  const context = canvas.getContext("2d");
  const state = { index: 0, mode: 0, object: -1, earlier: false, speed: 0, token: 0 };
  const LIMIT = data.limit;

  const MODES = [
    ["Overlay", "overlay"], ["Plate", "plate"], ["Matte", "matte"], ["Over grey", "grey"],
    ["Over black", "black"], ["Over white", "white"], ["Edge", "edge"],
  ];
  const GROUNDS = { grey: 118, black: 0, white: 255 };

  // Small helpers for elements. Text is always set as text, never as HTML.
  function make(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name === "onclick") element.addEventListener("click", value);
      else element.setAttribute(name, value);
    }
    element.append(...children);
    return element;
  }
  function draw(tag, attributes) {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    return element;
  }
  const percent = (value) => (value == null ? "–" : `${Math.round(100 * value)} %`);
  const grade = (value) => (value < LIMIT ? "bad" : value < (1 + LIMIT) / 2 ? "fair" : "good");

  // Pictures are base64 text in inert script elements further down; they are decoded when they are needed.
  const decoded = new Map();
  const CAPACITY = 60;
  async function element(id) {
    for (;;) {
      const found = find(id);
      if (found && (found.nextSibling || document.readyState !== "loading")) return found;
      if (document.readyState !== "loading") return null;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
  function pixels(id) {
    if (decoded.has(id)) {
      const kept = decoded.get(id);
      decoded.delete(id);
      decoded.set(id, kept);
      return kept;
    }
    const promise = (async () => {
      const text = await element(id);
      if (!text) return null;
      const image = new Image();
      image.src = `data:image/webp;base64,${text.textContent}`;
      await image.decode();
      const buffer = document.createElement("canvas");
      buffer.width = image.naturalWidth;
      buffer.height = image.naturalHeight;
      const target = buffer.getContext("2d", { willReadFrequently: true });
      target.drawImage(image, 0, 0);
      return target.getImageData(0, 0, buffer.width, buffer.height);
    })();
    decoded.set(id, promise);
    if (decoded.size > CAPACITY) decoded.delete(decoded.keys().next().value);
    return promise;
  }

  // Up to three mattes are in the red, green and blue of a picture.
  const packs = Math.ceil(data.objects.length / 3);
  const packIds = (prefix, index) => Array.from({ length: packs }, (_, pack) => `${prefix}${index}-${pack}`);
  function shown() {
    return state.object < 0 ? data.objects.map((_, number) => number) : [state.object];
  }

  function compose(plate, mattes, mode) {
    const out = new ImageData(plate.width, plate.height);
    const to = out.data;
    const from = plate.data;
    const objects = shown().filter((number) => mattes[Math.floor(number / 3)]);
    const planes = objects.map((number) => [mattes[Math.floor(number / 3)].data, number % 3, data.objects[number].colour]);
    const ground = GROUNDS[mode];
    const stride = plate.width * 4;
    for (let at = 0; at < to.length; at += 4) {
      let red = from[at], green = from[at + 1], blue = from[at + 2];
      if (mode !== "plate") {
        let total = 0;
        for (const [plane, channel, colour] of planes) {
          const value = plane[at + channel];
          total += value;
          if (mode === "overlay" && value) {
            const share = (0.45 * value) / 255;
            red += share * (colour[0] - red);
            green += share * (colour[1] - green);
            blue += share * (colour[2] - blue);
            const inside = value > 127;
            if (inside && (plane[at + 4 + channel] <= 127 || plane[at - 4 + channel] <= 127 ||
                plane[at + stride + channel] <= 127 || plane[at - stride + channel] <= 127)) {
              red = 0.65 * colour[0] + 89; green = 0.65 * colour[1] + 89; blue = 0.65 * colour[2] + 89;
            }
          }
        }
        if (mode === "matte") {
          red = green = blue = Math.min(255, total);
        } else if (ground !== undefined) {
          const share = Math.min(255, total) / 255;
          red = ground + share * (red - ground);
          green = ground + share * (green - ground);
          blue = ground + share * (blue - ground);
        }
      }
      to[at] = red; to[at + 1] = green; to[at + 2] = blue; to[at + 3] = 255;
    }
    return out;
  }

  async function composed(index, mode, earlier) {
    if (mode === "edge") {
      const plate = await pixels(`c${index}`);
      if (!plate) return null;
      const mattes = await Promise.all(packIds(earlier ? "e" : "d", index).map(pixels));
      const left = compose(plate, mattes, "plate");
      const middle = compose(plate, mattes, "matte");
      const right = compose(plate, mattes, "grey");
      const out = new ImageData(3 * plate.width, plate.height);
      const row = plate.width * 4;
      for (let y = 0; y < plate.height; y++) {
        [left, middle, right].forEach((part, number) => {
          out.data.set(part.data.subarray(y * row, (y + 1) * row), (3 * y + number) * row);
        });
      }
      return out;
    }
    const plate = await pixels(`p${index}`);
    if (!plate) return null;
    const mattes = await Promise.all(packIds(earlier ? "b" : "m", index).map(pixels));
    return compose(plate, mattes, mode);
  }

  async function render() {
    const token = ++state.token;
    const mode = MODES[state.mode][1];
    const picture = await composed(state.index, mode, state.earlier);
    if (token !== state.token) return;
    const isEdge = mode === "edge";
    stage.classList.toggle("zoom", isEdge);
    if (picture) {
      if (canvas.width !== picture.width || canvas.height !== picture.height) {
        canvas.width = picture.width;
        canvas.height = picture.height;
      }
      context.putImageData(picture, 0, 0);
    } else {
      context.clearRect(0, 0, canvas.width, canvas.height);
    }
    if (!find("loading").hidden) {
      find("loading").hidden = true;
      performance.mark("first-frame");
    }
    const notes = [];
    if (isEdge) notes.push(picture ? "plate, matte, and plate over grey, at plate resolution" : "no edge picture of this frame");
    if (state.earlier) {
      const isThere = !picture || find(`${isEdge ? "e" : "b"}${state.index}-0`);
      notes.push(isThere ? `B: ${data.against}` : `B: no mattes of this frame in ${data.against}`);
    }
    if (data.objects.some((each) => each.keyframes.includes(state.index))) notes.push("keyframe");
    if (!data.written[state.index]) notes.push("no mattes on disk");
    find("badge").textContent = notes.join(" · ");
    const frame = data.frames[state.index];
    canvas.setAttribute("aria-label", `Frame ${frame}, ${MODES[state.mode][0]}`);
    for (let ahead = 1; ahead <= (state.speed ? 4 : 1); ahead++) {
      const next = state.index + ahead * (Math.sign(state.speed) || 1);
      if (next >= 0 && next < count && !isEdge) [`p${next}`, ...packIds("m", next)].forEach(pixels);
    }
  }

  const heads = [], readings = [];
  function update() {
    const frame = data.frames[state.index];
    find("scrub").value = state.index;
    find("scrub").setAttribute("aria-valuetext", `frame ${frame}`);
    find("frame").textContent = frame;
    for (const head of heads) {
      head.setAttribute("x1", state.index + 0.5);
      head.setAttribute("x2", state.index + 0.5);
    }
    for (const read of readings) read();
    modeButtons.forEach((button, number) => button.setAttribute("aria-pressed", number === state.mode));
    objectButtons.forEach((button, number) => button.setAttribute("aria-pressed", number - 1 === state.object));
    if (earlierButton) earlierButton.setAttribute("aria-pressed", state.earlier);
    find("play").classList.toggle("playing", state.speed !== 0);
    find("play").setAttribute("aria-label", state.speed ? "Pause" : "Play");
    return render();
  }
  function go(index) {
    state.index = Math.max(0, Math.min(count - 1, index));
    return update();
  }
  function stop() {
    state.speed = 0;
    update();
  }

  // Playback waits for each frame, so that a slow machine plays every frame slowly instead of skipping.
  let playing = 0;
  async function play(speed) {
    state.speed = speed;
    const run = ++playing;
    while (state.speed && run === playing) {
      const due = performance.now() + 1000 / (data.fps * Math.abs(state.speed));
      let next = state.index + Math.sign(state.speed);
      if (next < 0 || next >= count) next = next < 0 ? count - 1 : 0;
      await go(next);
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, due - performance.now())));
    }
  }
  const toggle = () => (state.speed ? stop() : play(1));
  function shuttle(direction) {
    const same = Math.sign(state.speed) === direction;
    play(same ? direction * Math.min(4, 2 * Math.abs(state.speed)) : direction);
  }
  function toDoubtful(direction) {
    const places = data.doubtful.map((each) => each.index).sort((a, b) => a - b);
    const ahead = direction > 0 ? places.find((each) => each > state.index) : places.reverse().find((each) => each < state.index);
    if (ahead !== undefined) go(ahead);
  }
  function setMode(mode) {
    state.mode = mode;
    update();
  }
  function setObject(number) {
    state.object = number;
    update();
  }
  function setEarlier() {
    if (!data.against) return;
    state.earlier = !state.earlier;
    update();
  }

  const KEYS = {
    ArrowLeft: (event) => { state.speed = 0; go(state.index - (event.shiftKey ? 10 : 1)); },
    ArrowRight: (event) => { state.speed = 0; go(state.index + (event.shiftKey ? 10 : 1)); },
    Home: () => go(0), End: () => go(count - 1), " ": toggle, k: stop, j: () => shuttle(-1), l: () => shuttle(1),
    b: setEarlier, n: () => toDoubtful(1), p: () => toDoubtful(-1),
    o: () => setObject(state.object + 1 < data.objects.length ? state.object + 1 : -1),
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const number = Number(key);
    if (key !== " " && number >= 1 && number <= MODES.length) setMode(number - 1);
    else if (KEYS[key]) {
      if (key === " " && event.target.tagName === "BUTTON" && event.target.id !== "play") return;
      KEYS[key](event);
    } else return;
    event.preventDefault();
  });

  // Controls.
  find("scrub").max = count - 1;
  find("scrub").addEventListener("input", (event) => { state.speed = 0; go(Number(event.target.value)); });
  find("first").addEventListener("click", () => go(0));
  find("back").addEventListener("click", () => go(state.index - 1));
  find("play").addEventListener("click", toggle);
  find("forward").addEventListener("click", () => go(state.index + 1));
  find("last").addEventListener("click", () => go(count - 1));
  const modeButtons = MODES.map(([label], number) =>
    make("button", { title: `${label} (${number + 1})`, onclick: () => setMode(number) }, label));
  const objectButtons = data.objects.length > 1
    ? ["All objects", ...data.objects.map((each) => each.name)].map((label, number) =>
        make("button", { title: "Next object: O", onclick: () => setObject(number - 1) }, label))
    : [];
  const earlierButton = data.against ? make("button", { title: `${data.against} (B)`, onclick: setEarlier }, "A/B") : null;
  find("modes").append(...modeButtons, make("span", { class: "gap" }), ...objectButtons, ...(earlierButton ? [earlierButton] : []));

  // What to look at.
  const jump = (index) => make("button", { class: "jump number", "aria-label": `Frame ${data.frames[index]}`, onclick: () => { state.speed = 0; go(index); } },
    String(data.frames[index]));
  function section(title, ...children) {
    return make("div", {}, make("h2", {}, title), ...children);
  }
  const side = find("side");
  side.append(section("Result", make("p", { class: "summary" }, data.summary), ...data.notes.map((text) => make("p", { class: "dim" }, text))));
  const thumbnails = [];
  if (data.doubtful.length) {
    const thumbs = data.doubtful.map((each) => {
      const small = make("canvas", { "aria-hidden": "true", width: 160, height: Math.round((160 * height) / width) });
      thumbnails.push([small, each.index]);
      const text = `${each.object} · ${percent(each.confidence)}`;
      const name = `Frame ${data.frames[each.index]}, ${text}`;
      return make("button", { class: "thumb", "aria-label": name, onclick: () => { state.speed = 0; go(each.index); } }, small,
        make("span", { class: "number" }, make("b", {}, String(data.frames[each.index])), text));
    });
    side.append(section("Look at", make("div", { class: "thumbs" }, ...thumbs)));
  }
  const isDoubtful = data.doubtful.length || data.problems.length;
  const heading = isDoubtful ? "Next keyframe, best first" : "Next keyframe if needed, best first";
  if (data.next.length) side.append(section(heading, make("p", {}, ...data.next.map(jump))));
  if (data.problems.length) {
    side.append(section("Check", make("ul", {}, ...data.problems.map((each) =>
      make("li", { class: "problem" }, jump(each.index), each.what, ". ", make("span", { class: "dim" }, `${each.fix}.`))))));
  }
  if (data.warnings.length) side.append(section("Warnings", make("ul", {}, ...data.warnings.map((text) => make("li", {}, text)))));
  async function fillThumbnails() {
    for (const [small, index] of thumbnails) {
      const picture = await composed(index, "overlay", false);
      if (!picture) continue;
      const full = document.createElement("canvas");
      full.width = picture.width;
      full.height = picture.height;
      full.getContext("2d").putImageData(picture, 0, 0);
      small.getContext("2d").drawImage(full, 0, 0, small.width, small.height);
    }
  }

  // Strips: one lane per figure, all with the same frames, and the value of the current frame beside it.
  function lane(label, tall, name, valueAt, fill) {
    const svg = draw("svg", { viewBox: `0 0 ${count} 100`, preserveAspectRatio: "none", height: tall, role: "img", "aria-label": name });
    data.segments.forEach(([first, last], number) => {
      if (number % 2) svg.append(draw("rect", { class: "segment", x: first, y: 0, width: last - first + 1, height: 100 }));
    });
    fill(svg);
    const head = draw("line", { class: "head", y1: 0, y2: 100, x1: 0, x2: 0 });
    svg.append(head);
    heads.push(head);
    const seek = (event) => {
      const box = svg.getBoundingClientRect();
      state.speed = 0;
      go(Math.floor(((event.clientX - box.left) / box.width) * count));
    };
    svg.addEventListener("pointerdown", (event) => { svg.setPointerCapture(event.pointerId); seek(event); });
    svg.addEventListener("pointermove", (event) => { if (event.buttons) seek(event); });
    const value = make("b", { class: "number" });
    readings.push(() => { value.textContent = valueAt(state.index); });
    return make("div", { class: "lane" }, make("span", {}, label), svg, value);
  }
  function line(values, top) {
    return (svg) => {
      let path = "";
      values.forEach((value, index) => {
        if (value == null) return;
        const isFirst = index === 0 || values[index - 1] == null;
        path += `${isFirst ? "M" : "L"}${index + 0.5} ${(96 - (92 * value) / (top || 1)).toFixed(1)}`;
      });
      svg.append(draw("path", { class: "line", d: path }));
    };
  }
  for (const each of data.objects) {
    const strip = make("div", { class: "strip" });
    const swatch = make("span", { class: "swatch", "aria-hidden": "true" });
    swatch.style.background = `rgb(${each.colour.join(" ")})`;
    strip.append(make("h3", {}, make("span", {}, swatch, each.name),
      make("span", { class: "dim" }, `mean confidence ${percent(each.mean)}, ${each.keyframes.length} keyframe${each.keyframes.length === 1 ? "" : "s"}`)));
    const confidenceAt = (index) => (each.keyframes.includes(index) ? "key" : percent(each.confidence[index]));
    strip.append(lane("confidence", 56, `Confidence of ${each.name}, mean ${percent(each.mean)}`, confidenceAt, (svg) => {
      each.confidence.forEach((value, index) => {
        if (value == null || each.keyframes.includes(index)) return;
        const tall = Math.max(2, 100 * value);
        svg.append(draw("rect", { class: grade(value), x: index + 0.08, width: 0.84, y: 100 - tall, height: tall }));
      });
      for (const index of each.keyframes) svg.append(draw("rect", { class: "key", x: index + 0.08, width: 0.84, y: 0, height: 100 }));
      svg.append(draw("line", { class: "limit", x1: 0, x2: count, y1: 100 * (1 - LIMIT), y2: 100 * (1 - LIMIT) }));
    }));
    for (const [label, { top, unit, scale, decimals, values }] of Object.entries(each.lanes)) {
      if (!values.some((value) => value != null)) continue;
      const valueAt = (index) => (values[index] == null ? "–" : `${(scale * values[index]).toFixed(decimals)} ${unit}`);
      strip.append(lane(label, 26, `${label} of ${each.name}`, valueAt, line(values, top)));
    }
    find("strips").append(strip);
  }
  find("strips").append(make("p", { class: "legend" }, "Confidence:", make("i", { class: "good" }), "good", make("i", { class: "fair" }), "fair",
    make("i", { class: "bad" }), "doubtful", make("i", { class: "key" }), "keyframe. Shaded bands are segments. Click to jump."));

  // Facts.
  for (const [title, rows] of data.facts) {
    find("facts").append(section(title, make("table", {}, make("tbody", {}, ...rows.map(([name, value]) =>
      make("tr", {}, make("th", { scope: "row" }, name), make("td", {}, value)))))));
  }
  const help = [["← →", "a frame; with shift, ten"], ["space", "play, pause"], ["J K L", "back, stop, forward"], ["1 – 7", "view"], ["N P", "next, previous doubtful frame"], ["O", "object"]];
  if (data.against) help.push(["B", "earlier version"]);
  find("facts").append(section("Keys", make("table", {}, make("tbody", {}, ...help.map(([keys, text]) =>
    make("tr", {}, make("th", { scope: "row" }, make("kbd", {}, keys)), make("td", {}, text)))))));

  go(data.start).then(() => {
    if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", fillThumbnails);
    else fillThumbnails();
  });
})();
