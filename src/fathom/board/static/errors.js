// The test set's section; a cell of its matrix opens the samples behind it.

import { getJson } from "./api.js";
import { h } from "./dom.js";
import { count, decimal, percent } from "./numbers.js";
import { fill, png, showSection } from "./section.js";
import { save } from "./chart.js";
import { t } from "./words.js";

export default async function showErrors(body, view) {
  const section = h("div", {});
  const behind = h("section", { "aria-live": "polite" });
  const suspects = h("section", {});
  body.append(section, behind, suspects);
  const shown = await showSection(section, view, "errors", () => openCells(section, view, behind));
  const button = h("button", { type: "button", onclick: () => showSamples(suspects, view, "", t("Likely label errors"),
    t("The model contradicts these labels most surely: some are mislabelled, the others truly hard.")) }, t("Find likely label errors"));
  suspects.append(h("h2", {}, t("Likely label errors")), button);
  return shown;
}

function openCells(section, view, behind) {
  const heat = section.querySelector("#confusion svg");
  if (!heat) return;
  const names = [...section.querySelectorAll("#classes tbody th")].map((node) => node.textContent);
  const cells = [...heat.querySelectorAll("g")].filter((group) => group.querySelector(".cell"));
  if (cells.length !== names.length ** 2) return;
  heat.removeAttribute("role"); // no longer one picture: its cells are buttons
  cells.forEach((cell, place) => {
    const [label, predicted] = [names[Math.floor(place / names.length)], names[place % names.length]];
    if (!cell.querySelector(".cell-text")) return; // none is in it
    cell.setAttribute("role", "button");
    cell.setAttribute("tabindex", place === 0 ? "0" : "-1");
    cell.setAttribute("aria-label", cell.querySelector("title").textContent);
    const open = () => showSamples(behind, view, `label=${encodeURIComponent(label)}&predicted=${encodeURIComponent(predicted)}`,
      label === predicted ? label : `${label} → ${predicted}`, "");
    cell.addEventListener("click", open);
    cell.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") { event.preventDefault(); open(); }
      const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -names.length, ArrowDown: names.length }[event.key];
      if (!step) return;
      event.preventDefault();
      let next = place + step;
      while (cells[next] && !cells[next].hasAttribute("tabindex")) next += step; // over empty cells
      if (!cells[next]) return;
      cell.setAttribute("tabindex", "-1");
      cells[next].setAttribute("tabindex", "0");
      cells[next].focus();
    });
  });
}

async function showSamples(place, { id, signal }, query, title, about) {
  const cards = h("div", { class: "mistakes" });
  const note = h("p", { class: "note" }, about);
  const tools = h("p", { class: "run-actions" });
  place.replaceChildren(h("h2", {}, title), note, tools, cards);
  await fill(cards, () => getJson(`/api/runs/${id}/cell?${query}`, { signal }), ({ total, rows }) => {
    note.textContent = `${about} ${total > rows.length ? t("{n} of {all}, the surest first.", { n: count(rows.length), all: count(total) }) : t("{n} samples.", { n: count(total) })}`;
    tools.replaceChildren(h("button", { type: "button", onclick: () => save("samples.csv", "text/csv", csv(rows)) }, t("Save the list as CSV")));
    const figures = rows.map((row) => h("figure", { class: "mistake" }, h("div", { class: "missing" }, ""), h("figcaption", {},
      h("span", { class: "true" }, row.label), h("span", { class: row.label === row.predicted ? "" : "wrong" }, "→ ", row.predicted),
      h("span", { class: "quiet" }, percent(row.probability), " · ", row.name))));
    if (rows.length) addImages(id, rows, figures, signal);
    return figures;
  });
  place.scrollIntoView({ block: "nearest" });
}

async function addImages(id, rows, figures, signal) {
  try {
    const { images, losses } = await getJson(`/api/runs/${id}/samples?at=${rows.map((row) => row.place).join(",")}`, { signal });
    figures.forEach((figure, i) => {
      figure.firstChild.replaceWith(png(images[i], `${rows[i].name}: ${rows[i].label}`));
      if (losses) figure.lastChild.append(h("span", { class: "quiet" }, `${t("loss")} ${decimal(losses[i])}`));
    });
  } catch { // rows of a table, or data that are gone: names alone
    figures.forEach((figure) => figure.firstChild.remove());
  }
}

function csv(rows) {
  const cell = (text) => { const safe = /^[=+\-@]/.test(text) ? `'${text}` : text; return /[",\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe; };
  return ["name,label,predicted,probability", ...rows.map((row) => [cell(row.name), cell(row.label), cell(row.predicted), row.probability ?? ""].join(","))].join("\n") + "\n";
}
