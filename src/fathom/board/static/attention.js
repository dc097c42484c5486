// Attention maps: a square for each head, row by row where each place looks; over an image, and over a text.

import { getJson } from "./api.js";
import { h } from "./dom.js";
import { percent } from "./numbers.js";
import { fill, png } from "./section.js";
import { t } from "./words.js";

/** A chooser of one of `count` layers, which says so with `change`. */
export function layerChoice(count, layer, change) {
  const select = h("select", { onchange: () => change(Number(select.value)) },
    ...Array.from({ length: count }, (_, k) => h("option", { value: String(k), selected: k === layer }, `${k + 1}`)));
  return h("label", {}, t("Attention layer"), select);
}

/** The maps of one layer's heads. */
export function headsOf({ heads, looks, places }) {
  const row = (images, name) => h("div", { class: "tile-row" }, ...images.map((image, k) => png(image, `${name}, ${t("head")} ${k + 1}`)));
  return [
    h("p", { class: "note" }, t("A square for each head: row by row a place that looks, column by column the {n} places that are looked at.", { n: places })),
    row(heads, t("attention")),
    looks ? h("p", { class: "note" }, t("From the place that is asked for the class to the patches of the image:")) : null,
    looks ? row(looks, t("where the class looks")) : null,
  ];
}

/** The view of a language model. */
export function showTextAttention(body, { id, signal }) {
  const prefix = h("input", { maxlength: "120", value: "the time traveller", "aria-label": t("Beginning of the text") });
  const place = h("div", {});
  let layer = 0;
  const draw = () => fill(place, () => getJson(`/api/runs/${id}/maps?prefix=${encodeURIComponent(prefix.value)}&attention=${layer}`, { signal }), (found) => [
    h("div", { class: "bar-of-tools" }, layerChoice(found.layers, found.layer, (chosen) => { layer = chosen; draw(); })),
    h("h3", {}, t("What the last token looks at, mean over the heads")), shaded(found), h("h3", {}, t("Heads")), headsOf(found),
  ]);
  body.append(h("form", { class: "bar-of-tools", onsubmit: (event) => { event.preventDefault(); draw(); } },
    h("label", {}, t("Beginning of the text"), prefix), h("button", { type: "submit" }, t("Draw"))), place);
  return draw();
}

function shaded({ tokens, last }) {
  const most = Math.max(...last);
  return h("p", { class: "shaded mono" }, ...tokens.map((token, k) => {
    const mark = h("span", { class: "token", title: percent(last[k], 1) }, token === " " ? "␣" : token);
    mark.style.setProperty("--share", String(last[k] / most)); // a style of an element, which the policy allows; of markup it does not
    return mark;
  }));
}
