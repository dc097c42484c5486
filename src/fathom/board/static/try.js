// Try the model: drop or draw an image, type a row or the beginning of a text.

import { getJson, post } from "./api.js";
import { announce, h } from "./dom.js";
import { decimal, percent } from "./numbers.js";
import { fill, png } from "./section.js";
import { t } from "./words.js";

const MOST_BYTES = 8 * 2 ** 20;

export default async function showTry(body, { id, state, signal }) {
  const { reads } = await getJson(`/api/runs/${id}/now`, { signal });
  const answer = h("section", { "aria-live": "polite" });
  const ask = (content) => fill(answer, () => post(`/api/runs/${id}/predict`, content), (found) => show(found));
  body.append(h("h2", {}, t("Try it")));
  if (state.read_only) { body.append(h("p", { class: "note" }, t("This board is read-only; it computes nothing."))); return; }
  if (!reads) { body.append(h("p", { class: "note" }, t("This run has no model yet."))); return; }
  if (reads.kind === "image") body.append(imageInput(ask, reads));
  else if (reads.kind === "table") body.append(rowInput(ask, reads.columns));
  else if (reads.kind === "tokens") body.append(textInput(ask));
  else body.append(h("p", { class: "note" }, t("This model reads arrays; use fathom.load(run).predict(array).")));
  body.append(answer);
}

function imageInput(ask, reads) {
  const send = async (blob) => {
    if (blob.size > MOST_BYTES) { ask({ image: "" }); return; }
    const bytes = new Uint8Array(await blob.arrayBuffer());
    let text = "";
    for (let i = 0; i < bytes.length; i += 0x8000) text += String.fromCharCode(...bytes.subarray(i, i + 0x8000));
    ask({ image: btoa(text) });
  };
  const file = h("input", { type: "file", accept: "image/*", "aria-label": t("Choose an image"), onchange: () => { if (file.files[0]) send(file.files[0]); } });
  const drop = h("div", { class: "drop", ondragover: (event) => { event.preventDefault(); drop.classList.add("over"); }, ondragleave: () => drop.classList.remove("over"),
    ondrop: (event) => { event.preventDefault(); drop.classList.remove("over"); if (event.dataTransfer.files[0]) send(event.dataTransfer.files[0]); } },
  h("p", {}, t("Drop an image here, or choose one")), file);
  const index = h("input", { type: "number", min: "0", value: "0", "aria-label": t("Number of the test image") });
  const test = h("div", {}, h("p", {}, t("or take one of the test split")), index, " ", h("button", { type: "button", onclick: () => ask({ index: Number(index.value) || 0 }) }, t("Predict")));
  return h("div", { class: "inputs" }, drop, pad(send, reads), test);
}

/** A field to draw on: white on black, as digits are stored. */
function pad(send, reads) {
  const side = 196;
  const canvas = h("canvas", { width: side, height: side, class: "pad", tabindex: 0, role: "application", "aria-label": t("Field to draw on: arrows move the pen, Space sets it down and lifts it, Enter predicts") });
  const pen = canvas.getContext("2d");
  const clear = () => { pen.fillStyle = "#000"; pen.fillRect(0, 0, side, side); };
  clear();
  let last = null;
  const stroke = (from, to, isDown = true) => {
    if (!isDown) return;
    Object.assign(pen, { strokeStyle: "#fff", lineWidth: side / 12, lineCap: "round" });
    pen.beginPath(); pen.moveTo(...from); pen.lineTo(...to); pen.stroke();
  };
  const at = (event) => { const box = canvas.getBoundingClientRect(); return [(event.clientX - box.left) * (side / box.width), (event.clientY - box.top) * (side / box.height)]; };
  canvas.addEventListener("pointerdown", (event) => { canvas.setPointerCapture(event.pointerId); last = at(event); });
  canvas.addEventListener("pointermove", (event) => {
    if (!last) return;
    const now = at(event);
    stroke(last, now);
    last = now;
  });
  const finish = () => { if (last) { last = null; predict(); } };
  canvas.addEventListener("pointerup", finish);
  const hand = { at: [side / 2, side / 2], isDown: false };
  canvas.addEventListener("keydown", (event) => {
    const move = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (event.key === " ") { hand.isDown = !hand.isDown; announce(t(hand.isDown ? "the pen is down" : "the pen is up")); stroke(hand.at, hand.at, hand.isDown); }
    else if (event.key === "Enter") predict();
    else if (move) {
      const next = hand.at.map((v, k) => Math.max(0, Math.min(side, v + (move[k] * side) / 28)));
      stroke(hand.at, next, hand.isDown);
      hand.at = next;
      announce(next.map((v) => Math.round((28 * v) / side)).join(", "));
    } else return;
    event.preventDefault();
  });
  const predict = () => {
    const small = h("canvas", { width: reads.width, height: reads.height });
    small.getContext("2d").drawImage(canvas, 0, 0, reads.width, reads.height);
    small.toBlob(send, "image/png");
  };
  return h("div", {}, h("p", {}, t("or draw one")), canvas, h("p", { class: "run-actions" }, h("button", { type: "button", onclick: predict }, t("Predict")), h("button", { type: "button", onclick: clear }, t("Clear"))));
}

function rowInput(ask, columns) {
  const fields = columns.map((name) => h("input", { name, "aria-label": name }));
  return h("form", { class: "row-form", onsubmit: (event) => { event.preventDefault(); ask({ row: Object.fromEntries(fields.map((field) => [field.name, field.value])) }); } },
    ...columns.map((name, i) => h("label", {}, name, fields[i])), h("p", { class: "run-actions" }, h("button", { type: "submit", class: "strong" }, t("Predict"))));
}

function textInput(ask) {
  const prefix = h("textarea", { rows: "3", "aria-label": t("Beginning of the text") });
  const number = (value, most, step) => h("input", { type: "number", min: "0", max: most, step, value });
  const [length, temperature, seed] = [number("200", "2000", "1"), number("0.7", "10", "0.1"), number("0", "1000000", "1")];
  return h("form", { class: "row-form", onsubmit: (event) => { event.preventDefault(); ask({ prefix: prefix.value, length: Number(length.value), temperature: Number(temperature.value), seed: Number(seed.value) }); } },
    h("label", {}, t("Beginning of the text"), prefix), h("label", {}, t("Length"), length), h("label", {}, t("Temperature"), temperature), h("label", {}, t("Seed"), seed),
    h("p", { class: "run-actions" }, h("button", { type: "submit", class: "strong" }, t("Go on"))));
}

function show(found) {
  if (found.text !== undefined) return [h("blockquote", { class: "written" }, found.text), found.unknown?.length ? h("p", { class: "note" }, `${t("not in the vocabulary:")} ${found.unknown.join(" ")}`) : null];
  if (found.cells) return [h("dl", { class: "pairs" }, ...found.cells.filter(([, value]) => value).map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value)))),
    found.nearest_rows ? nearestRows(found.nearest_rows) : null, found.without_nearest ? h("p", { class: "note" }, found.without_nearest) : null];
  const bars = h("ol", { class: "answers" }, ...found.answers.map(([name, value]) => h("li", {}, h("span", {}, name || t("prediction")),
    name ? h("progress", { max: "1", value: value, "aria-label": name }) : null, h("b", {}, name ? percent(value) : decimal(value)))));
  return [h("div", { class: "beside-image" }, h("figure", {}, png(found.image, t("the image")), h("figcaption", {}, t("as the network gets it"))),
    found.heat ? h("figure", {}, png(found.heat, t("where the network looks")), h("figcaption", {}, `${found.method}: ${t("where the network looks")}`)) : null, bars),
  found.nearest?.length ? h("div", {}, h("h3", {}, t("Nearest training samples")), h("div", { class: "mistakes" }, ...found.nearest.map(({ image, label, likeness }) =>
    h("figure", { class: "mistake" }, png(image, label), h("figcaption", {}, h("span", { class: "true" }, label), h("span", { class: "quiet" }, decimal(likeness))))))) : null,
  found.without_nearest ? h("p", { class: "note" }, found.without_nearest) : null];
}

function nearestRows({ columns, rows }) {
  const title = t("Nearest training samples");
  return h("div", {}, h("h3", {}, title), h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": title }, h("table", {},
    h("thead", {}, h("tr", {}, ...columns.map((name) => h("th", { scope: "col" }, name)), h("th", { scope: "col" }, t("distance")))),
    h("tbody", {}, ...rows.map(({ cells, distance }) => h("tr", {}, ...cells.map((cell) => h("td", {}, cell)), h("td", {}, decimal(distance))))))));
}
