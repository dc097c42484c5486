// The page: a session, the runs, and the view that the address names (#/, #/run/ID/VIEW, #/compare/ID,ID).

import { Failed, getJson, openSession } from "./api.js";
import { h } from "./dom.js";
import { runs } from "./runs.js";
import { setLanguage, t } from "./words.js";

const app = document.getElementById("app");
export const state = { read_only: true, views: [], roots: [], version: "" };
let leave = () => {};

const PAGES = {
  "": async () => (await import("./table.js")).showTable,
  run: async () => (await import("./run.js")).showRun,
  play: async () => (await import("./play.js")).showPlay,
  compare: async () => (await import("./compare.js")).showCompare,
};

async function route() {
  const [, page = "", ...rest] = location.hash.replace(/^#/, "").split("/");
  const show = await (PAGES[page] ?? PAGES[""])();
  leave();
  const main = h("main", { id: "main", tabindex: -1 });
  app.replaceChildren(header(page), main);
  leave = (await show(main, rest.map(decodeURIComponent), state)) ?? (() => {});
}

function header(page) {
  const lost = h("span", { class: "lost hidden", role: "status" }, t("The board does not answer; trying again."));
  runs.addEventListener("lost", () => lost.classList.remove("hidden"));
  runs.addEventListener("connected", () => lost.classList.add("hidden"));
  return h("header", { class: "top" },
    h("a", { class: "skip", href: "#main", onclick: (event) => { event.preventDefault(); document.getElementById("main").focus(); } }, t("Skip to content")),
    h("a", { class: "brand", href: "#/", "aria-current": page === "" ? "page" : undefined }, "Fathom"),
    h("a", { href: "#/play", "aria-current": page === "play" ? "page" : undefined }, t("Playground")), h("span", { class: "quiet" }, state.roots.join(", ")), state.read_only ? h("span", { class: "status" }, t("read-only")) : null, lost);
}

function fail(error) {
  const refused = error instanceof Failed && error.status === 401;
  app.replaceChildren(h("main", { class: "gate" }, h("h1", {}, "Fathom"),
    h("p", {}, refused ? t("Open the address that fathom board printed in the terminal: it holds a token that lets this browser in.") : error.message)));
}

async function start() {
  try {
    await openSession();
    const { runs: listed, ...about } = await getJson("/api/state");
    Object.assign(state, about);
    await setLanguage(state.language);
    runs.take(listed);
    addEventListener("hashchange", () => route().catch(fail));
    await route();
  } catch (error) {
    fail(error);
  }
}

start();
