// The first layer's kernels, the feature maps of an image, where the network looks, one step of a convolution in numbers.

import { getJson } from "./api.js";
import { headsOf, layerChoice, showTextAttention } from "./attention.js";
import { h } from "./dom.js";
import { decimal } from "./numbers.js";
import { fill, png } from "./section.js";
import { t } from "./words.js";

export default async function showMaps(body, { id, signal }) {
  body.append(h("h2", {}, t("Filters and maps")));
  const { reads } = await getJson(`/api/runs/${id}/now`, { signal });
  if (!reads) { body.append(h("p", { class: "note" }, t("This run has no model yet."))); return; }
  if (reads.kind === "tokens") { await showTextAttention(body, { id, signal }); return; }
  if (reads.kind !== "image") { body.append(h("p", { class: "note" }, t("Only models of images and texts have maps to draw."))); return; }
  const place = h("div", {});
  let attention = 0;
  const index = h("input", { type: "number", min: "0", value: "0", "aria-label": t("Number of the test image") });
  const layer = h("select", { "aria-label": t("Layer") });
  const draw = () => fill(place, () => getJson(`/api/runs/${id}/maps?at=${Number(index.value) || 0}&layer=${encodeURIComponent(layer.value)}&attention=${attention}`, { signal }), (found) => {
    layer.replaceChildren(...found.layers.map((name) => h("option", { value: name, selected: name === found.layer }, name)));
    layer.disabled = !found.layers.length;
    return [...show(found), found.attention ? h("section", {}, h("h3", {}, t("Attention")),
      h("div", { class: "bar-of-tools" }, layerChoice(found.attention.layers, found.attention.layer, (chosen) => { attention = chosen; draw(); })), headsOf(found.attention)) : null];
  });
  body.append(h("div", { class: "bar-of-tools" }, h("label", {}, t("Test image"), index), h("label", {}, t("Layer"), layer)), place);
  index.addEventListener("change", draw);
  layer.addEventListener("change", draw);
  await draw();
}

function show({ image, heat, method, looked_for, kernels, kernel_layer, maps, layer, shape, step }) {
  const looked = heat ? h("figure", {}, png(heat, t("where the network looks")), h("figcaption", {}, t("{method}: where the network looks for {label}", { method, label: looked_for }))) : null;
  if (!maps && !kernels) return [h("div", { class: "beside-image" }, h("figure", {}, png(image, t("the image"))), looked), h("p", { class: "note" }, t("This network has no feature maps."))];
  return [
    h("div", { class: "beside-image" }, h("figure", {}, png(image, t("the image")), h("figcaption", {}, t("as the network gets it"))), looked,
      maps ? h("div", {}, h("h3", {}, `${t("Feature maps of")} ${layer} (${shape.join("×")})`), h("div", { class: "tile-row" }, ...maps.map((map, k) => png(map, `${t("map")} ${k}`)))) : null),
    kernels ? h("div", {}, h("h3", {}, `${t("Kernels of")} ${kernel_layer}`), h("p", { class: "note" }, t("Grey is zero, white positive, black negative.")),
      h("div", { class: "tile-row" }, ...kernels.map((kernel, k) => png(kernel, `${t("kernel")} ${k}`)))) : null,
    step ? arithmetic(step, kernel_layer) : null,
  ];
}

function arithmetic({ window: cells, kernel, sum, bias, channels, place }, name) {
  const grid = (rows, label) => h("table", { class: "matrix", "aria-label": label }, h("tbody", {}, ...rows.map((row) => h("tr", {}, ...row.map((value) => h("td", { class: "number" }, decimal(value)))))));
  const products = cells.map((row, i) => row.map((value, j) => value * kernel[i][j]));
  return h("details", { open: true }, h("summary", {}, t("One step of the convolution in numbers")),
    h("p", { class: "note" }, t("Layer {name}, kernel 0, its first channel, at row {row}, column {column} of the padded image.", { name, row: place[0], column: place[1] })),
    h("div", { class: "equation scroll", tabindex: 0, role: "region", "aria-label": t("One step of the convolution in numbers") }, grid(cells, t("window")), h("span", {}, "⊙"), grid(kernel, t("kernel")), h("span", {}, "="), grid(products, t("products"))),
    h("p", {}, `Σ = ${decimal(sum)}${channels > 1 ? t(" from this channel; the other {n} add theirs", { n: channels - 1 }) : ""}; ${t("with the bias")} ${decimal(bias)}: ${channels > 1 ? "…" : decimal(sum + bias)}`));
}
