// What the page knows of the runs, and the one stream that keeps it up to date.

import { getJson } from "./api.js";

const HIDDEN_MS = 3000; // a tab that nobody sees stops listening; a glance elsewhere does not interrupt it

/** The runs of the board, and who wants to hear of changes. */
class Runs extends EventTarget {
  rows = new Map();
  columns = [];
  #at = "";
  #watched = new Map(); // run id -> {offset, listener}
  #source = null;
  #timer = null;

  /** Take the runs as the board lists them, and follow what changes. */
  take({ at, rows, columns }) {
    this.rows = new Map(rows.map((row) => [row.id, row]));
    this.columns = columns;
    this.#at = at;
    this.#tell("rows");
    document.addEventListener("visibilitychange", () => this.#seen());
    this.#open();
  }

  get live() { return [...this.rows.values()].filter((row) => row.condition === "running"); }

  /** Follow these runs: a map from id to {offset, records(list), files(names), anew()}. */
  watch(watched) {
    this.#watched = watched;
    this.#open();
  }

  #position() {
    const version = this.#at.split(",")[0];
    return [version, ...[...this.#watched].map(([run, { offset }]) => `${run}:${offset}`)].join(",");
  }

  #open() {
    this.#source?.close();
    if (document.hidden) return;
    const source = new EventSource(`/api/stream?at=${encodeURIComponent(this.#position())}`);
    this.#source = source;
    const on = (name, take) => source.addEventListener(name, (event) => {
      if (this.#source !== source) return; // an event of the stream before
      this.#keep(event.lastEventId);
      take(JSON.parse(event.data));
    });
    on("runs", ({ rows, gone, columns }) => {
      for (const id of gone) this.rows.delete(id);
      for (const row of rows) this.rows.set(row.id, row);
      this.columns = columns;
      this.#tell("rows");
    });
    on("records", ({ run, records }) => this.#watched.get(run)?.records(records));
    on("files", ({ run, files }) => this.#watched.get(run)?.files?.(files));
    on("anew", ({ run }) => this.#watched.get(run)?.anew?.());
    source.onopen = () => this.#tell("connected");
    source.onerror = () => this.#tell("lost"); // the browser tries again by itself
  }

  #keep(id) {
    this.#at = id;
    for (const part of id.split(",").slice(1)) {
      const [run, offset] = part.split(":");
      const watched = this.#watched.get(run);
      if (watched) watched.offset = Number(offset);
    }
  }

  #seen() {
    clearTimeout(this.#timer);
    if (!document.hidden) {
      if (!this.#source || this.#source.readyState === EventSource.CLOSED) this.#open();
      return;
    }
    this.#timer = setTimeout(() => { this.#source?.close(); this.#source = null; }, HIDDEN_MS);
  }

  #tell(name) { this.dispatchEvent(new Event(name)); }
}

export const runs = new Runs();

/** The records of one run by metric, growing. */
export class History {
  constructor(id) { this.id = id; this.series = {}; this.offset = 0; this.last = null; }

  async load(signal) {
    const { offset, series } = await getJson(`/api/runs/${this.id}/history`, { signal });
    this.offset = offset;
    this.series = series;
    this.last = null;
    return this;
  }

  add(records) {
    for (const record of records) {
      if (record.event === "resume") { this.#cut(record); continue; }
      this.last = record;
      for (const [name, value] of Object.entries(record)) {
        if (["event", "step", "epoch", "elapsed_s"].includes(name)) continue;
        if (value !== null && typeof value !== "number") continue;
        const column = (this.series[`${record.event}/${name}`] ??= { step: [], epoch: [], time: [], value: [] });
        column.step.push(record.step);
        column.epoch.push(record.epoch);
        column.time.push(record.elapsed_s ?? null);
        column.value.push(value);
      }
    }
  }

  // A resumed run goes on from a checkpoint: what was recorded after it is trained again.
  #cut({ step, epoch }) {
    for (const [key, column] of Object.entries(this.series)) {
      const isEpoch = key.startsWith("epoch/");
      const kept = column.step.map((_, i) => i).filter((i) => column.step[i] <= step && !(isEpoch && column.epoch[i] > epoch));
      for (const name of ["step", "epoch", "time", "value"]) column[name] = kept.map((i) => column[name][i]);
    }
  }

  /** The last value of the first of these series that there is. */
  latest(...keys) {
    for (const key of keys) {
      const column = this.series[key];
      if (column?.value.length) {
        const i = column.value.length - 1;
        return { value: column.value[i], step: column.step[i], epoch: column.epoch[i], time: column.time[i] };
      }
    }
    return null;
  }
}
