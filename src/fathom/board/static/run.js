// One run: its heading, and the view that the address names.

import { post } from "./api.js";
import { h, toast } from "./dom.js";
import { History, runs } from "./runs.js";
import { showSection } from "./section.js";
import { badge, moveToTrash } from "./table.js";
import { t } from "./words.js";

// view: its name, and the module that draws it; those without one are sections that the server writes
const VIEWS = [
  ["now", "Now", () => import("./now.js")], ["curves", "Curves", () => import("./curves.js")], ["doctor", "Doctor"],
  ["layers", "Layers"], ["errors", "Errors", () => import("./errors.js")], ["data", "Data", () => import("./data.js")],
  ["maps", "Filters and maps", () => import("./maps.js")], ["schedule", "Schedule", () => import("./schedule.js")], ["try", "Try it", () => import("./try.js")],
  ["table", "Numbers"], ["setup", "Setup"],
];
const SEARCH = [["trials", "Trials", () => import("./trials.js")]];
const FOREIGN = ["now", "curves"]; // what the logs of other programs have something for

export async function showRun(main, [id, name = "now"], state) {
  const row = runs.rows.get(id);
  if (!row) {
    main.append(h("p", { class: "note" }, t("This run is not there (any more)."), " ", h("a", { href: "#/" }, t("All runs"))));
    runs.watch(new Map());
    return undefined;
  }
  const views = row.source === "search" ? SEARCH : VIEWS.filter(([key]) => row.source === "fathom" || FOREIGN.includes(key));
  const [key, title, load] = views.find(([candidate]) => candidate === name) ?? views[0];
  document.title = `${row.name} · ${title}`;
  const heading = h("div", { class: "run-head" });
  const body = h("div", { class: "view", id: `view-${key}` });
  main.append(heading, tabs(id, key, views), body);
  main.querySelector(".tabs [aria-current]").scrollIntoView({ inline: "center", block: "nearest" });
  const drawHead = () => heading.replaceChildren(...head(runs.rows.get(id) ?? row, state));
  drawHead();
  runs.addEventListener("rows", drawHead);
  const away = new AbortController();
  const view = load ? (await load()).default : (place, about) => showSection(place, about, key);
  const history = await new History(id).load(away.signal);
  const shown = await view(body, { id, row, history, state, signal: away.signal });
  runs.watch(new Map([[id, {
    offset: history.offset,
    records: (records) => { history.add(records); shown?.records?.(records); },
    files: (files) => shown?.files?.(files),
    anew: async () => { await history.load(); shown?.records?.([]); runs.watch(new Map()); location.reload(); },
  }]]));
  return () => { away.abort(); runs.removeEventListener("rows", drawHead); shown?.leave?.(); };
}

function head(row, state) {
  const changes = row.source === "fathom" && !state.read_only;
  return [
    h("h1", {}, row.model ?? row.name, row.data ? h("small", {}, ` ${t("on")} ${row.data}`) : null),
    h("p", { class: "byline" }, badge(row.condition), h("span", { class: "mono" }, row.name), row.source !== "fathom" ? ` · ${t(row.source)}` : "",
      ...(row.tags ?? []).map((tag) => h("span", { class: "tag" }, tag))),
    row.note ? h("p", { class: "note run-note" }, row.note) : null,
    changes ? h("p", { class: "run-actions" },
      row.condition === "running" ? h("button", { type: "button", class: "strong", onclick: () => stop(row) }, t("Stop and save")) : null,
      h("button", { type: "button", onclick: () => openMarks(row) }, t("Note and tags")),
      row.condition !== "running" ? h("button", { type: "button", onclick: () => moveToTrash(row) }, t("Delete")) : null) : null,
  ].filter(Boolean);
}

function tabs(id, current, views) {
  return h("nav", { class: "tabs", "aria-label": t("Views of this run") }, ...views.map(([key, title]) =>
    h("a", { href: `#/run/${id}/${key}`, "aria-current": key === current ? "page" : undefined }, t(title))));
}

async function stop(row) {
  try {
    await post(`/api/runs/${row.id}/stop`);
    toast(t("The run saves a checkpoint and ends after this step."));
  } catch (error) { toast(error.message); }
}

function openMarks(row) {
  const note = h("textarea", { rows: "5", maxlength: "4000", "aria-label": t("Note") });
  note.value = row.note ?? "";
  const tags = h("input", { "aria-label": t("Tags"), placeholder: t("good, baseline") });
  tags.value = (row.tags ?? []).join(", ");
  const dialog = h("dialog", { class: "sheet", "aria-label": t("Note and tags") }, h("h2", {}, t("Note and tags")),
    h("label", {}, t("Note"), note), h("label", {}, t("Tags"), tags), h("p", { class: "run-actions" },
      h("button", { type: "button", class: "strong", onclick: async () => {
        try {
          await post(`/api/runs/${row.id}/mark`, { note: note.value, tags: tags.value.split(",").map((tag) => tag.trim()).filter(Boolean) });
          dialog.close();
        } catch (error) { toast(error.message); }
      } }, t("Keep")), h("button", { type: "button", onclick: () => dialog.close() }, t("Cancel"))));
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}
