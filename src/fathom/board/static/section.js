// Sections that the server writes, and that are asked for again when their files change.

import { getText } from "./api.js";
import { h, setMarkup } from "./dom.js";
import { currentLanguage, t } from "./words.js";

// Files whose change makes a section out of date; "metrics" is a finished epoch
const MADE_FROM = {
  doctor: ["findings.json", "run.json", "probes.jsonl", "metrics"], layers: ["model.json", "probes.jsonl"], errors: ["evaluation.json"], data: ["data.json"],
  table: ["run.json", "metrics"], setup: ["run.json"],
};

/** Show a section in `body`; returns what the stream is told to call. `after` runs when it is there. */
export async function showSection(body, { id, signal }, key, after) {
  const load = async () => {
    setMarkup(body, await getText(`/api/runs/${id}/view/${key}?lang=${currentLanguage()}`, { signal }));
    after?.();
  };
  body.append(h("p", { class: "note" }, t("Reading …")));
  await load();
  const made = MADE_FROM[key] ?? [];
  return {
    files: (files) => { if (files.some((file) => made.includes(file))) load().catch(() => {}); },
    records: (records) => { if (made.includes("metrics") && records.some((record) => record.event === "epoch")) load().catch(() => {}); },
  };
}

export const png = (content, alt, className = "pixels") => h("img", { src: `data:image/png;base64,${content}`, alt, class: className });

/** Show what a slow answer gives in its place, with a word while one waits. */
export async function fill(place, ask, draw) {
  place.replaceChildren(h("p", { class: "note", role: "status" }, t("Computing …")));
  try {
    const found = await ask();
    place.replaceChildren(...[draw(found)].flat(2).filter(Boolean));
  } catch (error) {
    if (error.name !== "AbortError") place.replaceChildren(h("p", { class: "message failed", role: "alert" }, error.message));
  }
}
