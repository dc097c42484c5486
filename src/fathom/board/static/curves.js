// The curves of one run: training and validation on one axis, the raw values behind the smoothed ones.

import { Chart, Crosshair, smooth } from "./chart.js";
import { h } from "./dom.js";
import { formOf, isShare } from "./numbers.js";
import { t } from "./words.js";

export const AXES = [["step", "Step"], ["epoch", "Epoch"], ["time", "Time (s)"]];
export const view = { axis: "epoch", smoothing: 0.6, log: false };
const FIRST = ["loss", "accuracy", "perplexity"]; // in this order; the others follow as they were logged
const MANY = 12; // records from which smoothing shows something
const LAST = ["lr", "samples_per_s"];

/** The metrics of a history, without train_ and val_. */
export function metricsOf(history) {
  const names = new Set(Object.keys(history.series).map((key) => key.split("/").slice(1).join("/").replace(/^(train|val)[_/]/, "")));
  const rank = (name) => (FIRST.includes(name) ? FIRST.indexOf(name) - 99 : LAST.includes(name) ? 99 + LAST.indexOf(name) : 0);
  return [...names].sort((a, b) => rank(a) - rank(b));
}

export const titleOf = (metric) => t({ lr: "Learning rate", samples_per_s: "Samples per second" }[metric] ?? (metric.length < 4 ? metric : metric[0].toUpperCase() + metric.slice(1).replaceAll("_", " ")));

export function axisControls(draw) {
  const radios = AXES.map(([key, label]) => h("label", {}, h("input", { type: "radio", name: "axis", checked: view.axis === key, onchange: () => { view.axis = key; draw(); } }), t(label)));
  const slider = h("input", { type: "range", min: "0", max: "0.98", step: "0.02", value: String(view.smoothing), oninput: () => { view.smoothing = Number(slider.value); draw(); } });
  const log = h("input", { type: "checkbox", checked: view.log, onchange: () => { view.log = log.checked; draw(); } });
  return h("div", { class: "bar-of-tools" }, h("fieldset", {}, h("legend", { class: "hidden" }, t("Horizontal axis")), ...radios),
    h("label", {}, t("Smoothing"), slider), h("label", {}, log, t("log scale")));
}

function linesOf(history, metric) {
  const column = (key) => history.series[key];
  const line = (found, more) => ({ x: found[view.axis], y: found.value, ...more });
  const lines = [];
  const fine = column(`step/train_${metric}`) ?? column(`step/${metric}`);
  const coarse = column(`epoch/train_${metric}`) ?? column(`epoch/${metric}`);
  const val = column(`epoch/val_${metric}`) ?? column(`step/val_${metric}`);
  const tone = metric === "lr" || metric === "samples_per_s" ? "rate" : "train";
  if (fine && tone === "rate") return [line(fine, { tone, label: titleOf(metric) })];
  if (fine && fine.value.length > MANY) {
    if (view.smoothing) lines.push(line(fine, { tone, faint: true, label: t("training, each log interval") }));
    lines.push({ ...line(fine, { tone, smoothed: true, label: view.smoothing ? t("training, smoothed") : t("training, each log interval") }), y: smooth(fine.value, view.smoothing) });
  } else if (coarse && coarse.value.length > 1) lines.push(line(coarse, { tone, label: coarse === column(`epoch/${metric}`) ? titleOf(metric) : t("training") }));
  else if (fine) lines.push(line(fine, { tone, label: t("training") }));
  if (val) lines.push(line(val, { tone: "val", label: t("validation") }));
  return lines;
}

/** The best epoch of a metric on validation, as a mark. */
function bestMark(history, metric) {
  const val = history.series[`epoch/val_${metric}`];
  if (!val || val.value.filter(Number.isFinite).length < 2) return [];
  const better = isShare(metric) ? (a, b) => a > b : (a, b) => a < b;
  let best = -1;
  val.value.forEach((value, i) => { if (Number.isFinite(value) && (best < 0 || better(value, val.value[best]))) best = i; });
  return [{ at: val[view.axis][best], label: t("best: epoch {epoch}", { epoch: val.epoch[best] }) }];
}

export default async function showCurves(body, { history }) {
  const crosshair = new Crosshair();
  const charts = new Map();
  const grid = h("div", { class: "charts" });
  const draw = () => {
    const axis = t(AXES.find(([key]) => key === view.axis)[1]);
    const metrics = metricsOf(history);
    for (const metric of metrics) {
      if (!charts.has(metric)) {
        const chart = new Chart({ title: titleOf(metric), form: formOf(metric), crosshair, name: `${metric.replace(/\W+/g, "-")}` });
        charts.set(metric, chart);
        grid.append(chart.node);
      }
      const log = view.log && !isShare(metric);
      charts.get(metric).show(linesOf(history, metric), { xLabel: axis, marks: bestMark(history, metric), log });
    }
    empty.hidden = metrics.length > 0;
  };
  const empty = h("p", { class: "note" }, t("Nothing is recorded yet."));
  body.append(axisControls(draw), empty, grid);
  draw();
  return { records: draw };
}
