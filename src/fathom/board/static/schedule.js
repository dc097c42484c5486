// The learning rate that was applied, on the one that was planned.

import { getJson } from "./api.js";
import { Chart } from "./chart.js";
import { h } from "./dom.js";
import { t } from "./words.js";

export default async function showSchedule(body, { id, history, signal }) {
  const plan = await getJson(`/api/runs/${id}/schedule`, { signal });
  const chart = new Chart({ title: plan.name ? `${t("Learning rate")} · ${plan.name}` : t("Learning rate"), name: "learning-rate" });
  const note = h("p", { class: "note" });
  body.append(h("h2", {}, t("Schedule")), h("div", { class: "charts one" }, chart.node), note);
  const draw = () => {
    const applied = history.series["step/lr"] ?? history.series["epoch/lr"];
    const lines = plan.step.length ? [{ label: t("planned"), tone: "7", dashed: true, smoothed: true, x: plan.step, y: plan.value }] : [];
    if (applied) lines.push({ label: t("applied"), tone: "rate", x: applied.step, y: applied.value });
    chart.show(lines, { xLabel: t("Step") });
    note.textContent = plan.reason ?? difference(plan, applied);
  };
  draw();
  return { records: draw };
}

/** Say whether what was applied is what was planned. */
function difference(plan, applied) {
  if (!applied?.step.length || !plan.step.length) return "";
  const most = Math.max(...plan.value);
  let [worst, at] = [0, 0];
  applied.step.forEach((step, i) => {
    let j = plan.step.findIndex((each) => each >= step);
    if (j < 0) j = plan.step.length - 1;
    // between two drawn steps either neighbour may be meant
    const off = Math.min(...[j - 1, j, j + 1].filter((k) => k in plan.value).map((k) => Math.abs(plan.value[k] - applied.value[i])));
    if (off > worst) [worst, at] = [off, step];
  });
  return worst <= 0.02 * most ? t("Applied as planned.") : t("Applied and planned differ most at step {step}.", { step: at });
}
