// What was learned from, and a training batch as the network sees it.

import { getJson } from "./api.js";
import { h } from "./dom.js";
import { fill, png, showSection } from "./section.js";
import { t } from "./words.js";

export default async function showData(body, view) {
  const section = h("div", {});
  const batch = h("div", { class: "mistakes" });
  body.append(section, h("section", {}, h("h2", {}, t("A training batch")), h("p", { class: "run-actions" }, h("button", { type: "button", onclick: () =>
    fill(batch, () => getJson(`/api/runs/${view.id}/batch`, { signal: view.signal }), ({ images, labels, augment }) => [
      h("p", { class: "note whole" }, augment ? t("After augmentation: {how}", { how: augment }) : t("This run augments nothing.")),
      ...images.map((image, i) => h("figure", { class: "mistake" }, png(image, labels[i] || t("a training sample")), h("figcaption", {}, h("span", { class: "true" }, labels[i])))),
    ]) }, t("Draw the first batch"))), batch));
  return showSection(section, view, "data");
}
