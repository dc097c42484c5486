// The playground: settings on the left, the network and its plane, the losses; two networks side by side on demand.

import { post } from "./api.js";
import { CHALLENGES } from "./challenges.js";
import { Chart } from "./chart.js";
import { h, announce, toast } from "./dom.js";
import { decimal, percent } from "./numbers.js";
import { Palette, drawNetwork, drawSurface } from "./play_draw.js";
import { drawOn, fromCsv, sample } from "./play_points.js";
import { runs } from "./runs.js";
import { say, sayMessage, t } from "./words.js";

const DEFAULTS = { points: "moons", num_points: 300, noise: 0.1, features: ["x", "y"], layers: [4, 4], activation: "tanh", optimizer: "sgd", lr: 0.1, schedule: "constant",
  init: "default", batch_norm: false, dropout: 0, weight_decay: 0, batch_size: 16, epochs: 300, seed: 0, given: [] };
const FEATURES = ["x", "y", "x²", "y²", "xy", "sin x", "sin y"];
const CHOICES = {
  points: ["circle", "xor", "moons", "spiral", "digits", "given"], activation: ["relu", "tanh", "sigmoid", "gelu", "linear"],
  optimizer: ["sgd", "momentum", "nesterov", "adam", "adamw", "rmsprop", "adagrad"], schedule: ["constant", "cosine", "step", "one_cycle", "exponential:gamma=0.999"],
  init: ["default", "xavier_uniform", "kaiming_normal", "normal:0.01", "normal:1", "zeros", "orthogonal"],
  lr: [0.0001, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10], dropout: [0, 0.1, 0.2, 0.5], weight_decay: [0, 0.0001, 0.001, 0.01, 0.1], batch_size: [1, 4, 16, 64, 150],
};
const LABELS = { points: "Points", num_points: "Number of points", noise: "Noise", activation: "Activation", optimizer: "Optimiser", lr: "Learning rate", schedule: "Schedule", init: "Initial weights",
  batch_norm: "Batch normalisation", dropout: "Dropout", weight_decay: "Weight decay", batch_size: "Batch size", epochs: "Epochs", seed: "Seed" };

/** Settings as they stand in the address; only what differs from the defaults. */
export function toQuery(settings) {
  const chosen = new URLSearchParams();
  for (const [name, value] of Object.entries(settings)) {
    const plain = name === "given" ? JSON.stringify(value) : Array.isArray(value) ? value.join(",") : typeof value === "boolean" ? String(Number(value)) : String(value);
    if (JSON.stringify(value) !== JSON.stringify(DEFAULTS[name])) chosen.set(name, plain);
  }
  return chosen.toString();
}

function readQuery(text) {
  const settings = structuredClone(DEFAULTS);
  for (const [name, value] of new URLSearchParams(text)) {
    if (!(name in DEFAULTS)) continue;
    const usual = DEFAULTS[name];
    try {
      settings[name] = name === "given" ? JSON.parse(value) : name === "layers" ? value.split(",").filter(Boolean).map(Number) : Array.isArray(usual) ? value.split(",")
        : typeof usual === "boolean" ? value === "1" : typeof usual === "number" ? Number(value) : value;
    } catch { /* kept at its default */ }
  }
  return settings;
}

/** One network: its process, its frames, its drawings. */
class Network {
  constructor(name, palette, onFrame) {
    Object.assign(this, { name, palette, onFrame, slot: [...crypto.getRandomValues(new Uint8Array(8))].map((b) => b.toString(16).padStart(2, "0")).join(""), about: null, frame: null, settings: null });
    this.curves = { x: [], train: [], val: [] };
    this.graph = h("canvas", { width: 640, height: 400, class: "graph", role: "img" });
    this.plane = h("canvas", { width: 400, height: 400, class: "plane", role: "application", tabindex: 0 });
    this.chart = new Chart({ title: t("Loss"), name: `play-${name}`, xLabel: t("Step") });
    this.numbers = h("dl", { class: "tiles" });
    this.gradients = h("p", { class: "note" });
    this.comments = h("div", { class: "findings", "aria-live": "polite" });
    this.message = h("p", { class: "message failed", hidden: true, role: "alert" });
    this.node = h("section", { class: "network", "aria-label": `${t("Network")} ${name}` }, h("h2", { class: "network-name" }, `${t("Network")} ${name}`), this.message,
      h("div", { class: "network-parts" }, h("div", { class: "graph-frame" }, this.graph, this.gradients), h("div", {}, this.plane), h("div", {}, this.numbers, this.chart.node)), this.comments);
  }

  open(settings) {
    this.settings = settings;
    this.source = new EventSource(`/api/play/${this.slot}`);
    let isOpen = false;
    this.source.onopen = () => { isOpen = true; this.send({ do: "settings", query: toQuery(this.settings) }); };
    this.source.onmessage = (event) => this.take(JSON.parse(event.data));
    this.source.onerror = () => { this.source.close(); this.fail(isOpen ? t("The training process ended; reload the page.") : t("This network cannot be trained: too many are, or the board is read-only.")); };
  }

  send(command) { return post(`/api/play/${this.slot}`, command).catch((error) => { if (error.status !== 429) this.fail(error.message); }); }
  fail(message) { this.message.hidden = false; this.message.textContent = message; }

  take(content) {
    if (content.event === "failed") { this.fail(content.message); return; }
    if (content.event === "start") {
      this.message.hidden = true;
      this.about = content;
      this.curves = { x: [], train: [], val: [] };
      return;
    }
    if (!this.about) return;
    const frame = { ...content, comments: content.comments ?? this.frame?.comments ?? [] };
    this.frame = frame;
    const { curves } = this;
    while (curves.x.length && curves.x.at(-1) >= frame.step) { curves.x.pop(); curves.train.pop(); curves.val.pop(); } // a step back
    curves.x.push(frame.step); curves.train.push(frame.train_loss); curves.val.push(frame.val_loss);
    if (curves.x.length > 1500) for (const list of Object.values(curves)) list.splice(0, list.length, ...list.filter((_, i) => i % 2 === 0 || i > 1400));
    this.frames = (this.frames ?? 0) + 1;
    if (!this.asked) { this.asked = true; requestAnimationFrame(() => { this.asked = false; this.draw(); }); }
    this.onFrame(this);
  }

  draw() {
    const { frame, about } = this;
    drawNetwork(this.graph, frame, about, this.palette);
    drawSurface(this.plane, frame, about, this.palette, this.cursor);
    this.plane.hidden = !about.inputs.length;
    this.graph.setAttribute("aria-label", `${t("Network with layers of")} ${about.layers.join(", ") || "–"}; ${t("each unit shows its own plane, lines are weights")}`);
    this.plane.setAttribute("aria-label", `${t("Decision surface")}: ${t("validation accuracy")} ${percent(frame.val_accuracy, 1)}`);
    this.chart.show([{ label: t("training"), tone: "train", smoothed: true, x: this.curves.x, y: this.curves.train }, { label: t("validation"), tone: "val", smoothed: true, x: this.curves.x, y: this.curves.val }]);
    this.numbers.replaceChildren(...[[t("Step"), frame.step], [t("Epoch"), frame.epoch], [t("Training accuracy"), percent(frame.train_accuracy, 1)], [t("Validation accuracy"), percent(frame.val_accuracy, 1)]]
      .map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, String(value)))));
    this.gradients.textContent = frame.gradients.length ? `${t("Gradient norms")}: ${frame.gradients.map(decimal).join(" · ")}` : "";
    const codes = frame.comments.map((c) => c.code + c.message).join();
    if (codes !== this.said) {
      this.said = codes;
      this.comments.replaceChildren(...frame.comments.map((c) => h("article", { class: `finding ${c.severity}` }, h("p", { class: "finding-head" }, h("span", { class: `severity ${c.severity}` }, t(c.severity)), h("code", {}, c.code)),
        h("p", { class: "finding-message" }, sayMessage(c)), c.cause ? h("p", {}, say(c.cause)) : null, c.remedy ? h("p", {}, say(c.remedy)) : null)));
    }
  }

  close() { this.source?.close(); }
}

export async function showPlay(main, [query = ""]) {
  document.title = t("Playground");
  runs.watch(new Map());
  const palette = new Palette();
  let settings = readQuery(query);
  let challenge = null;
  const done = new Set();
  const stage = h("div", { class: "stage" });
  const check = h("p", { class: "challenge-state", role: "status" });
  const seen = (network) => {
    if (network === networks[0]) { isRunning = network.frame.running; runButton.textContent = isRunning ? t("Pause") : t("Run"); }
    if (challenge !== null && network === networks[0] && !done.has(challenge) && CHALLENGES[challenge][2](network.settings, network.frame)) {
      done.add(challenge);
      check.textContent = `✓ ${t("Done")}: ${t(CHALLENGES[challenge][0])} (${done.size} / ${CHALLENGES.length})`;
    }
  };
  let isRunning = false;
  let networks = [];
  const all = (command) => networks.forEach((network) => network.send(typeof command === "function" ? command(network) : command));
  const begin = () => {
    history.replaceState(null, "", `#/play/${encodeURIComponent(toQuery(settings))}`);
    networks[0].settings = settings;
    networks[0].send({ do: "settings", query: toQuery(settings) });
  };
  const change = (changes) => { settings = { ...settings, ...changes }; panel.replaceChildren(...controls(settings, change)); begin(); };
  const toggle = () => all({ do: isRunning ? "pause" : "run" });
  const runButton = h("button", { type: "button", class: "strong", onclick: toggle, title: t("Space") }, t("Run"));
  const act = (label, key, run) => h("button", { type: "button", onclick: run, title: key, "aria-keyshortcuts": key }, label);
  const step = () => all({ do: "step" });
  const back = () => all((network) => ({ do: "back", from: network.frame?.step ?? 1 }));
  const reset = () => all({ do: "reset" });
  const speed = h("select", { "aria-label": t("Speed"), onchange: () => all({ do: "speed", steps: Number(speed.value) }) }, ...[[0, "as fast as it goes"], [1, "a step a frame"], [10, "ten steps a frame"]].map(([value, label]) => h("option", { value: String(value) }, t(label))));
  const both = h("input", { type: "checkbox", onchange: () => { if (both.checked) addSecond(); else dropSecond(); } });
  const pick = h("select", { "aria-label": t("Challenge"), onchange: () => {
    challenge = pick.value === "" ? null : Number(pick.value);
    check.textContent = challenge === null ? "" : t(CHALLENGES[challenge][0]);
    if (challenge !== null) change({ ...structuredClone(DEFAULTS), ...structuredClone(CHALLENGES[challenge][1]) });
  } }, h("option", { value: "" }, t("Twelve challenges …")), ...CHALLENGES.map(([name], i) => h("option", { value: String(i) }, `${i + 1}. ${t(name)}`)));
  const panel = h("form", { class: "play-panel", "aria-label": t("Settings"), onsubmit: (event) => event.preventDefault() }, ...controls(settings, change));
  const swap = h("button", { type: "button", hidden: true, onclick: () => { networks[1].settings = structuredClone(settings); networks[1].send({ do: "settings", query: toQuery(settings) }); announce(t("B has the settings of A")); } }, t("Settings of A to B"));
  const copy = async (which) => {
    try {
      const found = await post("/api/play/copies", { query: toQuery(networks[0].settings), step: networks[0].frame?.step ?? 0 });
      await copyText(found[which]);
    } catch (error) { toast(error.message); }
  };
  main.append(h("h1", {}, t("Playground")), h("div", { class: "bar-of-tools" }, runButton, act(t("Step"), "→", step), act(t("Step back"), "←", back), act(t("Same start again"), "r", reset), speed,
    h("label", {}, both, t("two side by side")), swap, pick, h("button", { type: "button", onclick: () => copy("command") }, t("Copy as command")), h("button", { type: "button", onclick: () => copy("python") }, t("Copy as Python"))), check,
  h("div", { class: "play" }, panel, stage));
  networks = [new Network("A", palette, seen)];
  stage.append(networks[0].node);
  networks[0].open(settings);
  drawOn(networks[0].plane, () => networks[0], () => settings, change);
  const addSecond = () => {
    const second = new Network("B", palette, () => {});
    networks.push(second);
    stage.append(second.node);
    stage.classList.add("two");
    swap.hidden = false;
    second.open(structuredClone(settings)); // the same start; what is changed now is A's alone
  };
  const dropSecond = () => { const second = networks.splice(1)[0]; second?.close(); second?.node.remove(); stage.classList.remove("two"); swap.hidden = true; };
  const keys = (event) => {
    if (event.target.closest("input, select, textarea, button, svg, dialog") || event.ctrlKey || event.metaKey || event.altKey) return;
    const run = { " ": toggle, ArrowRight: step, ArrowLeft: back, r: reset }[event.key];
    if (run) { event.preventDefault(); run(); }
  };
  addEventListener("keydown", keys);
  const hide = () => { if (document.hidden) all({ do: "pause" }); };
  document.addEventListener("visibilitychange", hide);
  return () => { removeEventListener("keydown", keys); document.removeEventListener("visibilitychange", hide); networks.forEach((network) => network.close()); };
}

async function copyText(text) {
  try { await navigator.clipboard.writeText(text); toast(t("Copied.")); } catch { // no clipboard without the user's leave
    const dialog = h("dialog", { class: "sheet" }, h("pre", { tabindex: 0 }, text), h("button", { type: "button", onclick: () => dialog.close() }, t("Close")));
    document.body.append(dialog);
    dialog.showModal();
  }
}

function controls(settings, change) {
  const choose = (name) => {
    const values = CHOICES[name].includes(settings[name]) ? CHOICES[name] : [...CHOICES[name], settings[name]];
    const select = h("select", { name, onchange: () => { const value = typeof DEFAULTS[name] === "number" ? Number(select.value) : select.value;
      change(name === "points" && value === "given" && settings.given.length < 8 ? { given: sample(), points: "given" } : { [name]: value }); } },
    ...values.map((value) => h("option", { value: String(value), selected: value === settings[name] }, name === "points" ? t(value === "given" ? "drawn by hand, or a CSV" : value) : String(value))));
    return h("label", {}, t(LABELS[name]), select);
  };
  const number = (name, min, max, step) => { const field = h("input", { name, type: "number", min: String(min), max: String(max), step: String(step), value: String(settings[name]), onchange: () => { if (field.checkValidity() && field.value !== "") change({ [name]: Number(field.value) }); else field.reportValidity(); } }); return h("label", {}, t(LABELS[name]), field); };
  const features = h("fieldset", { class: "feature-list" }, h("legend", {}, t("Features")), ...FEATURES.map((name) => h("label", {}, h("input", { type: "checkbox", checked: settings.features.includes(name), onchange: (event) => {
    const chosen = FEATURES.filter((each) => (each === name ? event.target.checked : settings.features.includes(each)));
    if (chosen.length) change({ features: chosen }); else event.target.checked = true;
  } }), name)));
  const layers = h("fieldset", {}, h("legend", {}, t("Hidden layers")), ...settings.layers.map((units, i) => h("label", {}, `${i + 1}`, h("input", { type: "number", min: "1", max: "8", value: String(units), "aria-label": `${t("Units of layer")} ${i + 1}`,
    onchange: (event) => change({ layers: settings.layers.map((each, k) => (k === i ? Math.min(8, Math.max(1, Math.round(Number(event.target.value) || 1))) : each)) }) }))),
  h("span", { class: "run-actions" }, h("button", { type: "button", disabled: settings.layers.length >= 6, onclick: () => change({ layers: [...settings.layers, 4] }) }, t("Add a layer")), h("button", { type: "button", disabled: !settings.layers.length, onclick: () => change({ layers: settings.layers.slice(0, -1) }) }, t("Remove a layer"))));
  const batchNorm = h("label", {}, h("input", { type: "checkbox", checked: settings.batch_norm, onchange: (event) => change({ batch_norm: event.target.checked }) }), t(LABELS.batch_norm));
  const file = h("label", {}, t("CSV: two columns and a class"), h("input", { type: "file", accept: ".csv,text/csv", onchange: async (event) => {
    try { change({ points: "given", given: fromCsv(await event.target.files[0].text()) }); } catch (error) { toast(error.message); }
  } }));
  const isDigits = settings.points === "digits";
  return [choose("points"), settings.points === "given" ? h("p", { class: "note" }, t("Click into the plane to add a point, with Shift for the other class. By keyboard: arrows in the plane move a cross, 1 and 2 add a point of either class, Delete removes the nearest.")) : null, file, settings.points === "given" ? null : number("num_points", 20, 2000, 1), isDigits || settings.points === "given" ? null : number("noise", 0, 1, 0.01),
    isDigits ? null : features, layers, choose("activation"), choose("init"), batchNorm, choose("dropout"), choose("optimizer"), choose("lr"), choose("schedule"), choose("weight_decay"), choose("batch_size"), number("epochs", 1, 100000, 1), number("seed", 0, 2147483647, 1)].filter(Boolean);
}
