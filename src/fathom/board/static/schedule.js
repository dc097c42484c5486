// The learning rate that was applied, on the one that was planned.

import { getJson } from "./api.js";
import { Chart } from "./chart.js";
import { h } from "./dom.js";
import { decimal } from "./numbers.js";
import { fill } from "./section.js";
import { t } from "./words.js";

export default async function showSchedule(body, { id, row, state, history, signal }) {
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
  if (row.condition !== "running" && !state.read_only) body.append(rangeTest(id, signal));
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

/** The range test: a short training from the run's start, its rate growing at every step. */
function rangeTest(id, signal) {
  const place = h("div", { "aria-live": "polite" });
  const run = () => fill(place, () => getJson(`/api/runs/${id}/range`, { signal }), ({ lr, loss, smoothed, advised }) => {
    const chart = new Chart({ title: t("Loss over the learning rate"), name: "range-test" });
    const exponents = lr.map(Math.log10);
    const least = Math.min(...smoothed);
    const level = (values) => values.map((value) => Math.min(value, least + 2 * (smoothed[0] - least))); // what blew up would flatten the rest
    chart.show([{ label: t("of each step"), tone: "train", faint: true, x: exponents, y: level(loss) }, { label: t("smoothed"), tone: "train", smoothed: true, x: exponents, y: level(smoothed) }],
      { xLabel: t("learning rate, as a power of ten"), marks: advised ? [{ at: Math.log10(advised), label: t("advised: {lr}", { lr: decimal(advised) }) }] : [] });
    return [h("div", { class: "charts one" }, chart.node), h("p", {}, advised ? t("The loss falls fastest below the rate of its lowest point; a tenth of that rate is a good one to begin with: {lr}.", { lr: decimal(advised) })
      : t("The loss did not fall at any rate: look at the doctor's findings first.")), advised ? h("p", {}, h("code", {}, `--lr ${decimal(advised)}`)) : null];
  });
  return h("section", {}, h("h2", {}, t("Range test")), h("p", { class: "note" }, t("Trains a copy from the run's start for up to 120 steps, its learning rate growing from 0.000001 to 10; the run itself stays as it is.")),
    h("p", { class: "run-actions" }, h("button", { type: "button", onclick: run }, t("Run the range test"))), place);
}
