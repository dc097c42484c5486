// What was learned from: the report's section, the checks of `fathom check`, a training batch as the network sees it.

import { getJson } from "./api.js";
import { h, setMarkup } from "./dom.js";
import { fill, png, showSection } from "./section.js";
import { currentLanguage, t } from "./words.js";

export default async function showData(body, view) {
  const section = h("div", {});
  body.append(section);
  const shown = await showSection(section, view, "data");
  const { reads } = await getJson(`/api/runs/${view.id}/now`, { signal: view.signal });
  if (view.state.read_only || !reads) return shown;
  body.append(checks(view));
  if (reads.kind === "image") body.append(batch(view));
  return shown;
}

function checks({ id, signal }) {
  const place = h("div", { "aria-live": "polite" });
  const ask = () => fill(place, () => getJson(`/api/runs/${id}/check?lang=${currentLanguage()}`, { signal }), ({ html }) => { const found = h("div", {}); setMarkup(found, html); return found; });
  return h("section", {}, h("h2", {}, t("What the data say")), h("p", { class: "note" }, t("Looks for missing values, duplicates within and across splits, leakage, balance and files that cannot be read.")),
    h("p", { class: "run-actions" }, h("button", { type: "button", onclick: ask }, t("Check the data"))), place);
}

function batch({ id, signal }) {
  const place = h("div", { class: "mistakes" });
  const ask = () => fill(place, () => getJson(`/api/runs/${id}/batch`, { signal }), ({ images, labels, augment }) => [
    h("p", { class: "note whole" }, augment ? t("After augmentation: {how}", { how: augment }) : t("This run augments nothing.")),
    ...images.map((image, i) => h("figure", { class: "mistake" }, png(image, labels[i] || t("a training sample")), h("figcaption", {}, h("span", { class: "true" }, labels[i])))),
  ]);
  return h("section", {}, h("h2", {}, t("A training batch")), h("p", { class: "run-actions" }, h("button", { type: "button", onclick: ask }, t("Draw the first batch"))), place);
}
