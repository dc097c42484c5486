// All runs in a table: live ones first; sort, filter, group, choose some to compare, note, tag, delete.

import { post } from "./api.js";
import { h, onceAFrame, toast } from "./dom.js";
import { count, decimal, duration, formOf, percent, when } from "./numbers.js";
import { runs } from "./runs.js";
import { t } from "./words.js";

const SCREENFUL = 60; // rows drawn at first; more as one comes near the end
const view = { sort: "created", up: false, filter: "", group: "", lines: SCREENFUL };
const chosen = new Set();

const shown = (row, key) => {
  if (key.startsWith("settings.")) { const v = row.settings?.[key.slice(9)]; return v === undefined ? "–" : Number.isInteger(v) ? String(v) : typeof v === "number" ? decimal(v) : String(v); }
  if (key === "val" || key === "test") return row[key] === null || row[key] === undefined ? "–" : (formOf(row[`${key}_metric`] ?? ""))(row[key]);
  if (key === "epochs") return row.epochs === null || row.epochs === undefined ? "–" : row.max_epochs && row.max_epochs !== row.epochs ? `${row.epochs} / ${row.max_epochs}` : `${row.epochs}`;
  if (key === "train_s") return duration(row.train_s ?? undefined);
  if (key === "created") return when(row.created);
  return row[key] ?? "–";
};
const raw = (row, key) => (key.startsWith("settings.") ? row.settings?.[key.slice(9)] : row[key]) ?? null;

const BASE = [["created", "Started"], ["model", "Network"], ["data", "Data"], ["epochs", "Epochs"], ["val", "Validation"], ["test", "Test"], ["train_s", "Time"]];
const NUMERIC = new Set(["epochs", "val", "test", "train_s"]);

function matches(row) {
  const text = [row.name, row.condition, row.model, row.data, row.note, ...(row.tags ?? []), row.source].join(" ").toLowerCase();
  return view.filter.toLowerCase().split(/\s+/).every((word) => {
    const setting = /^([\w.]+)([=<>])(.+)$/.exec(word); // lr>0.01, tag=good, optimizer=adam
    if (!setting) return text.includes(word);
    const [, name, how, value] = setting;
    const found = name === "tag" ? (row.tags ?? []).includes(value) && value : raw(row, name) ?? Object.entries(row.settings ?? {}).find(([key]) => key === name || key.endsWith(`.${name}`))?.[1];
    if (how === "=") return String(found).toLowerCase() === value;
    return found !== null && found !== undefined && (how === "<" ? Number(found) < Number(value) : Number(found) > Number(value));
  });
}

function ordered() {
  const rows = [...runs.rows.values()].filter(matches);
  const sign = view.up ? 1 : -1;
  const compare = (a, b) => {
    const [x, y] = [raw(a, view.sort), raw(b, view.sort)];
    if (x === null || y === null) return (x === null) - (y === null) || (a.name < b.name ? 1 : -1);
    return sign * (typeof x === "number" && typeof y === "number" ? x - y : String(x) < String(y) ? -1 : String(x) > String(y) ? 1 : 0);
  };
  const isLive = (row) => (view.sort === "created" && row.condition === "running" ? 1 : 0);
  return rows.sort((a, b) => isLive(b) - isLive(a) || compare(a, b));
}

export async function showTable(main, _rest, state) {
  document.title = "Fathom board";
  const search = h("input", { type: "search", placeholder: t("filter: lenet tag=good lr>0.01"), "aria-label": t("Filter runs"), value: view.filter });
  const group = h("select", { "aria-label": t("Group by") });
  const total = h("span", { class: "quiet", role: "status" });
  const compare = h("a", { class: "button", href: "#/" }, t("Compare"));
  const trash = state.read_only ? null : h("button", { type: "button", class: "plain" }, t("Trash"));
  const body = h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": t("Runs") });
  main.append(h("h1", {}, t("Runs")), h("div", { class: "bar-of-tools" }, search, group, compare, trash, total), body);
  let drawn = null;
  const draw = onceAFrame(() => {
    const columns = [...BASE, ...runs.columns.filter((name) => name !== "training.epochs").map((name) => [`settings.${name}`, name.split(".").at(-1)])];
    const options = [["", t("no groups")], ["model", t("Network")], ["data", t("Data")], ["condition", t("Status")], ...runs.columns.map((name) => [`settings.${name}`, name.split(".").at(-1)])];
    if (group.options.length !== options.length) group.replaceChildren(...options.map(([value, label]) => h("option", { value, selected: value === view.group }, label)));
    const rows = ordered();
    total.textContent = t("{n} of {all}", { n: count(rows.length), all: count(runs.rows.size) });
    compare.classList.toggle("off", chosen.size < 2);
    compare.href = chosen.size < 2 ? "#/" : `#/compare/${[...chosen].join(",")}`;
    compare.title = chosen.size < 2 ? t("Choose two runs or more in the table.") : "";
    compare.textContent = chosen.size ? `${t("Compare")} (${chosen.size})` : t("Compare");
    const lines = linesOf(rows);
    const shape = JSON.stringify([columns, view, lines.map(([key]) => key)]);
    if (drawn?.shape === shape) { drawn.update(lines); return; }
    const focused = document.activeElement?.dataset?.key; // drawing anew must not take the place from the keyboard
    drawn = runs.rows.size ? new Table(columns, lines, draw) : null;
    if (drawn) drawn.shape = shape;
    body.replaceChildren(...(drawn ? drawn.nodes : [h("p", { class: "note" }, t("There is no run here yet. Train one: fathom train lenet --data fashion_mnist"))]));
    if (focused) body.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  });
  search.addEventListener("input", () => { Object.assign(view, { filter: search.value, lines: SCREENFUL }); draw(); });
  group.addEventListener("change", () => { view.group = group.value; draw(); });
  trash?.addEventListener("click", () => openTrash());
  runs.addEventListener("rows", draw);
  runs.watch(new Map());
  draw();
  return () => runs.removeEventListener("rows", draw);
}

/** What stands below one another: [key, content, what it is drawn from], groups with their heads. */
function linesOf(rows) {
  const groups = view.group ? Object.groupBy(rows, (row) => String(raw(row, view.group) ?? "–")) : { "": rows };
  return Object.entries(groups).flatMap(([name, members]) => [
    ...(view.group ? [[`group ${name}`, { name, members }, JSON.stringify(members.map((row) => row.val))]] : []),
    ...members.map((row) => [row.id, { row }, JSON.stringify(row)])]);
}

/** The table; a row is drawn anew only when its run changed, so that what one clicks on stays where it is. */
class Table {
  constructor(columns, lines, draw) {
    Object.assign(this, { columns, draw });
    const heads = columns.map(([key, label]) => {
      const is = view.sort === key;
      return h("th", { scope: "col", class: NUMERIC.has(key) || key.startsWith("settings.") ? "number" : "", "aria-sort": is ? (view.up ? "ascending" : "descending") : "none" },
        h("button", { type: "button", class: "plain", "data-key": `sort-${key}`, onclick: () => { Object.assign(view, { sort: key, up: is ? !view.up : false }); draw(); } }, t(label), is ? (view.up ? " ↑" : " ↓") : ""));
    });
    this.rows = new Map(lines.slice(0, view.lines).map((line) => [line[0], [line[2], this.#line(line)]]));
    const table = h("table", { class: "runs-table", "aria-label": t("Runs") }, h("thead", {}, h("tr", {}, h("th", { scope: "col" }, h("span", { class: "hidden" }, t("Compare"))), h("th", { scope: "col" }, t("Run")), ...heads, h("th", { scope: "col" }, t("Tags")))),
      h("tbody", {}, ...[...this.rows.values()].map(([, node]) => node)));
    this.nodes = [table, lines.length > view.lines ? drawMore(lines.length, draw) : null].filter(Boolean);
  }

  update(lines) {
    for (const line of lines.slice(0, view.lines)) {
      const [made, node] = this.rows.get(line[0]);
      if (made === line[2]) continue;
      const focused = node.contains(document.activeElement) ? document.activeElement.dataset.key : null;
      const fresh = this.#line(line);
      this.rows.set(line[0], [line[2], fresh]);
      node.replaceWith(fresh);
      if (focused) fresh.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
    }
  }

  #line([, { row, name, members }]) { return row ? drawRow(row, this.columns, this.draw) : drawGroup(name, members, this.columns); }
}

/** The button that draws more rows; it is as good as pressed when it comes into sight. */
function drawMore(all, draw) {
  const more = () => { near.disconnect(); view.lines += 4 * SCREENFUL; draw(); };
  const button = h("button", { type: "button", "data-key": "more", onclick: more }, t("Show more of {n} rows", { n: count(all) }));
  const near = new IntersectionObserver((entries) => { if (entries.some((entry) => entry.isIntersecting)) more(); }, { rootMargin: "600px" });
  near.observe(button);
  return h("p", { class: "run-actions" }, button);
}

function drawGroup(name, members, columns) {
  const values = members.map((row) => row.val).filter((v) => typeof v === "number");
  const mean = values.length ? values.reduce((a, b) => a + b, 0) / values.length : null;
  const form = formOf(members.find((row) => row.val_metric)?.val_metric ?? "");
  return h("tr", { class: "group-head" }, h("th", { colspan: String(columns.length + 3), scope: "rowgroup" }, `${name} · ${members.length}${mean === null ? "" : ` · ${t("mean validation")} ${form(mean)}`}`));
}

function drawRow(row, columns, draw) {
  const box = h("input", { type: "checkbox", "data-key": `box-${row.id}`, "aria-label": `${t("Compare")}: ${row.name}`, checked: chosen.has(row.id),
    onchange: () => { if (box.checked) chosen.add(row.id); else chosen.delete(row.id); draw(); } });
  const name = h("a", { href: `#/run/${row.id}/${row.condition === "running" ? "now" : "curves"}`, "data-key": row.id, class: "mono" }, row.name);
  return h("tr", {}, h("td", {}, box), h("th", { scope: "row" }, badge(row.condition), name, row.source !== "fathom" ? h("small", { class: "quiet" }, ` ${t(row.source)}`) : null, row.problem ? h("small", { class: "quiet" }, ` ${row.problem}`) : null),
    ...columns.map(([key]) => h("td", { class: NUMERIC.has(key) || key.startsWith("settings.") ? "number" : "", title: key === "val" || key === "test" ? row[`${key}_metric`] : undefined }, shown(row, key))),
    h("td", { class: "tags" }, ...(row.tags ?? []).map((tag) => h("span", { class: "tag" }, tag)), row.note ? h("small", { class: "quiet" }, row.note.slice(0, 60)) : null));
}

export const badge = (condition) => h("span", { class: `status ${condition.replace(" ", "-")}` }, t(condition));

/** Move a run to the trash, with the way back for ten seconds. */
export async function moveToTrash(row) {
  try {
    const { id } = await post(`/api/runs/${row.id}/delete`);
    chosen.delete(row.id);
    location.hash = "#/";
    toast(t("{name} is in the trash.", { name: row.name }), t("Undo"), () => post(`/api/trash/${id}`).catch((error) => toast(error.message)));
  } catch (error) { toast(error.message); }
}

async function openTrash() {
  const { getJson } = await import("./api.js");
  const found = await getJson("/api/trash");
  const dialog = h("dialog", { class: "sheet", "aria-label": t("Trash") }, h("h2", {}, t("Trash")),
    found.length ? h("ul", { class: "runs" }, ...found.map(({ id, name }) => h("li", {}, h("span", { class: "mono" }, name), h("button", { type: "button", onclick: async (event) => {
      try { await post(`/api/trash/${id}`); event.target.closest("li").remove(); } catch (error) { toast(error.message); }
    } }, t("Restore"))))) : h("p", { class: "note" }, t("The trash is empty.")),
    h("p", { class: "note" }, t("Only `fathom runs --empty-trash` removes them for good.")), h("button", { type: "button", onclick: () => dialog.close() }, t("Close")));
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}
