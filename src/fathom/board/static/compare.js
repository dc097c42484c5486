// Several runs: what differs, their curves on one axis, runs that differ by their seed alone as one band.

import { getText } from "./api.js";
import { Chart, Crosshair, smooth, toneOf } from "./chart.js";
import { AXES, axisControls, metricsOf, titleOf, view } from "./curves.js";
import { h, setMarkup } from "./dom.js";
import { formOf, isShare } from "./numbers.js";
import { drawParallel } from "./parallel.js";
import { History, runs } from "./runs.js";
import { currentLanguage, t } from "./words.js";

// 97.5 % points of Student's t for 1, 2, 3 … degrees of freedom; beyond, the normal's is near enough
const T = [12.71, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16, 2.145, 2.131];
const letter = (i) => String.fromCharCode(65 + (i % 26));

export async function showCompare(main, [ids = ""]) {
  const rows = ids.split(",").map((id) => runs.rows.get(id)).filter(Boolean).slice(0, 12);
  document.title = t("Comparison");
  main.append(h("h1", {}, t("{n} runs compared", { n: rows.length })));
  if (rows.length < 2) { main.append(h("p", { class: "note" }, t("Choose two runs or more in the table."))); runs.watch(new Map()); return undefined; }
  const away = new AbortController();
  const list = h("ul", { class: "runs" }, ...rows.map((row, i) => h("li", {}, h("strong", { class: `letter tone-${toneOf(i)}` }, letter(i)), h("a", { class: "mono", href: `#/run/${row.id}/curves` }, row.name))));
  const band = h("input", { type: "checkbox", onchange: () => draw() });
  const grid = h("div", { class: "charts" });
  const table = h("div", {});
  const histories = await Promise.all(rows.map((row) => new History(row.id).load(away.signal)));
  const crosshair = new Crosshair();
  const charts = new Map();
  const draw = () => {
    const metrics = [...new Set(histories.flatMap(metricsOf))].filter((name) => name !== "lr");
    for (const metric of metrics) {
      const lines = linesOf(metric, rows, histories, band.checked);
      if (!lines.length) continue;
      if (!charts.has(metric)) {
        const chart = new Chart({ title: titleOf(metric), form: formOf(metric), crosshair, name: `compare-${metric.replace(/\W+/g, "-")}` });
        charts.set(metric, chart);
        grid.append(chart.node);
      }
      charts.get(metric).show(lines, { xLabel: t(AXES.find(([key]) => key === view.axis)[1]), log: view.log && !isShare(metric) });
    }
  };
  const controls = axisControls(draw);
  controls.append(h("label", {}, band, t("runs that differ by their seed alone as one band")));
  main.append(list, controls, grid, parallelOf(rows), table);
  draw();
  getText(`/api/compare?ids=${rows.map((row) => row.id).join(",")}&lang=${currentLanguage()}`, { signal: away.signal }).then((text) => setMarkup(table, text)).catch(() => {});
  runs.watch(new Map(rows.map((row, i) => [row.id, { offset: histories[i].offset, records: (records) => { histories[i].add(records); draw(); } }])));
  return () => away.abort();
}

function linesOf(metric, rows, histories, asBands) {
  const found = histories.map((history) => history.series[`epoch/val_${metric}`] ?? history.series[`epoch/${metric}`] ?? history.series[`epoch/train_${metric}`] ?? history.series[`step/${metric}`] ?? history.series[`step/train_${metric}`]);
  const line = (column, i) => ({ label: letter(i), tone: toneOf(i), x: column[view.axis], y: smooth(column.value, column.value.length > 60 ? view.smoothing : 0), smoothed: column.value.length > 60 });
  if (!asBands) return found.map((column, i) => (column ? line(column, i) : null)).filter(Boolean);
  const groups = new Map();
  rows.forEach((row, i) => {
    if (!found[i]) return;
    const { seed, ...settings } = row.settings ?? {};
    const key = JSON.stringify([row.model, row.data, Object.entries(settings).sort()]);
    groups.set(key, [...(groups.get(key) ?? []), i]);
  });
  return [...groups.values()].map((members) => (members.length === 1 ? line(found[members[0]], members[0]) : bandOf(members, found)));
}

/** The mean of several seeds at each epoch, with the 95 % interval of the mean. */
function bandOf(members, found) {
  const length = Math.min(...members.map((i) => found[i].value.length));
  const [x, y, low, high] = [[], [], [], []];
  for (let k = 0; k < length; k += 1) {
    const values = members.map((i) => found[i].value[k]).filter(Number.isFinite);
    if (values.length < 2) continue;
    const mean = values.reduce((a, b) => a + b, 0) / values.length;
    const deviation = Math.sqrt(values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / (values.length - 1));
    const half = ((T[values.length - 2] ?? 1.96) * deviation) / Math.sqrt(values.length);
    x.push(found[members[0]][view.axis][k]); y.push(mean); low.push(mean - half); high.push(mean + half);
  }
  return { label: `${members.map(letter).join(" ")} (${t("mean of {n} seeds, 95% interval", { n: members.length })})`, tone: toneOf(members[0]), x, y, band: [low, high] };
}

/** Settings and result of each run as one line across parallel axes. */
function parallelOf(rows) {
  const names = runs.columns.filter((name) => new Set(rows.map((row) => JSON.stringify(row.settings?.[name]))).size > 1);
  const axes = [...names.map((name) => [name.split(".").at(-1), (row) => row.settings?.[name]]), [t("Validation"), (row) => row.val]].filter(([, of]) => rows.some((row) => of(row) !== null && of(row) !== undefined));
  if (axes.length < 2 || rows.length < 3) return null;
  return h("section", {}, h("h2", {}, t("Settings and validation")), drawParallel(axes, rows.map((row, i) => ({ ...row, name: `${letter(i)} ${row.name}` })), t("Settings and validation")));
}
