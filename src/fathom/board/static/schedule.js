// The learning rate that was applied, beside the one that was planned.

import { getText } from "./api.js";
import { Chart } from "./chart.js";
import { h, setMarkup } from "./dom.js";
import { t } from "./words.js";

export default async function showSchedule(body, { id, history, signal }) {
  const chart = new Chart({ title: t("Learning rate"), name: "learning-rate" });
  const about = h("div", {});
  body.append(h("h2", {}, t("Schedule")), h("div", { class: "charts one" }, chart.node), about);
  const draw = () => {
    const applied = history.series["step/lr"] ?? history.series["epoch/lr"];
    chart.show(applied ? [{ label: t("applied"), tone: "rate", x: applied.step, y: applied.value }] : [], { xLabel: t("Step") });
  };
  draw();
  return { records: draw };
}
