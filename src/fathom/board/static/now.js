// What a run is doing at this moment.

import { getJson } from "./api.js";
import { Chart, Crosshair, smooth } from "./chart.js";
import { h } from "./dom.js";
import { bytes, count, decimal, duration, formOf, percent, when } from "./numbers.js";
import { runs } from "./runs.js";
import { t } from "./words.js";

const MANY = 12; // records from which smoothing shows something
const NAMES = { train_loss: "Training loss", val_loss: "Validation loss", train_accuracy: "Training accuracy", val_accuracy: "Validation accuracy", val_perplexity: "Validation perplexity" };

export default async function showNow(body, { id, history, signal }) {
  let facts = await getJson(`/api/runs/${id}/now`, { signal });
  let read = Date.now();
  const tiles = h("dl", { class: "tiles" });
  const bar = h("progress", { max: "1", "aria-label": t("Progress") });
  const message = h("p", { class: "message failed", hidden: true });
  const more = h("div", { class: "columns" });
  const chart = new Chart({ title: t("Loss"), crosshair: new Crosshair(), name: "loss" });
  body.append(message, bar, tiles, h("div", { class: "charts one" }, chart.node), more);

  const draw = () => {
    const isLive = (runs.rows.get(id)?.condition ?? facts.condition) === "running";
    const last = latest(history);
    const share = last && facts.max_epochs ? Math.min(1, last.epoch / facts.max_epochs) : null;
    bar.hidden = share === null;
    if (share !== null) bar.value = share;
    const entries = [
      [t("Status"), t(runs.rows.get(id)?.condition ?? facts.condition ?? "–")],
      [t("Epoch"), last ? `${decimal(last.epoch)}${facts.max_epochs ? ` / ${facts.max_epochs}` : ""}` : "–"],
      [t("Step"), count(last?.step)],
      isLive && share > 0 && last.time ? [t("Time left, about"), duration((last.time * (1 - share)) / share)] : null,
      [t("Training time"), duration(last?.time ?? undefined)],
      [t("Samples per second"), count(history.latest("step/samples_per_s", "epoch/samples_per_s")?.value)],
      facts.waiting_share === null || facts.waiting_share === undefined ? null : [t("Waiting for data"), percent(facts.waiting_share, 1)],
      memoryOf(facts),
      facts.machine?.device ? [t("Device"), facts.machine.device] : null,
      ...Object.keys(NAMES).map((name) => {
        const found = history.latest(`epoch/${name}`, `step/${name}`);
        return found ? [t(NAMES[name]), formOf(name)(found.value)] : null;
      }),
      [t("Learning rate"), decimal(history.latest("step/lr", "epoch/lr")?.value)],
      !isLive ? null : [t("Last checkpoint"), facts.checkpoint_age_s === null ? "–" : t("{time} ago", { time: duration(facts.checkpoint_age_s + (Date.now() - read) / 1000) })],
      [t("Started"), when(facts.created)],
    ].filter(Boolean);
    tiles.replaceChildren(...entries.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));
    message.hidden = !(facts.message || facts.problem);
    message.textContent = facts.problem ?? facts.message ?? "";
    const fine = history.series["step/train_loss"];
    const coarse = fine ?? history.series["epoch/train_loss"];
    const val = history.series["epoch/val_loss"];
    chart.node.hidden = !coarse && !val;
    const lines = [];
    const isLong = fine && fine.value.length > MANY;
    if (isLong) lines.push({ label: t("training, each log interval"), tone: "train", faint: true, x: fine.step, y: fine.value });
    if (coarse) lines.push({ label: t("training"), tone: "train", x: coarse.step, smoothed: isLong, y: smooth(coarse.value, isLong ? 0.6 : 0) });
    if (val) lines.push({ label: t("validation"), tone: "val", x: val.step, y: val.value });
    chart.show(lines, { xLabel: t("Step") });
  };
  const drawMore = () => more.replaceChildren(...[["Machine", facts.machine], ["Choices made by Fathom", facts.choices]].filter(([, found]) => found && Object.keys(found).length)
    .map(([title, found]) => h("div", { class: "group" }, h("h2", { class: "small-head" }, t(title)), h("dl", { class: "pairs long" }, ...Object.entries(found).map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value)))))));
  draw();
  drawMore();
  const again = async () => { facts = await getJson(`/api/runs/${id}/now`, { signal }); read = Date.now(); draw(); };
  runs.addEventListener("rows", draw);
  const clock = setInterval(() => { if (!document.hidden) draw(); }, 10000); // the age of the checkpoint; asks nobody
  return {
    records: (records) => { if (records.some((record) => record.event === "epoch")) again().catch(() => {}); else draw(); },
    files: () => again().catch(() => {}),
    leave: () => { clearInterval(clock); runs.removeEventListener("rows", draw); },
  };
}

function memoryOf({ memory }) {
  if (!memory) return null;
  const peak = memory.peak_bytes ? ` · ${t("most {size}", { size: bytes(memory.peak_bytes) })}` : "";
  return [t(memory.of === "device" ? "Device memory" : "Memory of the process"), h("span", {}, bytes(memory.bytes), h("small", { class: "quiet" }, peak))];
}

function latest(history) {
  const found = Object.keys(history.series).map((key) => history.latest(key)).filter(Boolean);
  return found.sort((a, b) => b.step - a.step)[0] ?? null;
}
