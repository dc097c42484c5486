// The trials of a search: the sections of its page, and lines across the settings; read anew as trials end.

import { getJson } from "./api.js";
import { h, setMarkup } from "./dom.js";
import { drawParallel } from "./parallel.js";
import { fill } from "./section.js";
import { currentLanguage, t } from "./words.js";

export default async function showTrials(body, { id, signal }) {
  const load = () => fill(body, () => getJson(`/api/runs/${id}/search?lang=${currentLanguage()}`, { signal }), draw);
  await load();
  return { files: (files) => { if (files.includes("study.db") || files.includes("study.json")) load(); } };
}

function draw({ html, metric, axes, trials }) {
  const section = h("div", {});
  setMarkup(section, html);
  const lines = [...axes.map((name) => [name.split(".").at(-1), (trial) => trial.values[name]]), [metric, (trial) => trial.value]];
  const best = { complete: "train", pruned: "7", diverged: "val" };
  return [trials.length > 1 ? h("section", {}, h("h2", {}, t("Settings and validation")), drawParallel(lines, trials, t("Settings and validation"), (trial) => best[trial.state] ?? "7")) : null, section];
}
