// Line charts that move: crosshair over all of them, keyboard, band, export. The report draws the same lines still.

import { h, s, announce, onceAFrame } from "./dom.js";
import { decimal, ticks } from "./numbers.js";
import { t } from "./words.js";

const HEIGHT = 240;
const [LEFT, RIGHT, TOP, BOTTOM] = [56, 12, 10, 36];
const TONES = 8;

/** What all charts of a view share: the place that is pointed at. */
export class Crosshair extends EventTarget {
  at = null;
  set(at) { this.at = at; this.dispatchEvent(new Event("move")); }
}

export class Chart {
  /** @param {{title: string, form?: Function, crosshair?: Crosshair, xLabel?: string, name?: string}} options */
  constructor({ title, form = decimal, crosshair = new Crosshair(), xLabel = "", name = "chart" }) {
    Object.assign(this, { title, form, crosshair, xLabel, name, log: false, lines: [], marks: [] });
    this.legend = h("ul", { class: "legend" });
    this.svg = s("svg", { tabindex: 0, role: "img", "aria-label": title });
    this.node = h("figure", { class: "chart live" },
      h("figcaption", {}, h("span", { class: "chart-title" }, title), this.#exports()), this.svg, this.legend);
    this.draw = onceAFrame(() => this.#draw());
    crosshair.addEventListener("move", () => this.#drawCrosshair());
    this.svg.addEventListener("pointermove", (event) => this.#point(event));
    this.svg.addEventListener("pointerleave", () => crosshair.set(null));
    this.svg.addEventListener("keydown", (event) => this.#key(event));
    new ResizeObserver(this.draw).observe(this.node);
  }

  /** @param lines [{label, tone, x: [], y: [], faint, dashed, band: [[low], [high]]}] */
  show(lines, { xLabel, marks = [], log = false } = {}) {
    Object.assign(this, { lines, marks, log, xLabel: xLabel ?? this.xLabel });
    this.draw();
  }

  #extent() {
    const strong = this.lines.filter((line) => !line.faint);
    const leading = strong.some((line) => line.y.length) ? strong : this.lines; // the noise behind may leave the field
    const ys = leading.flatMap((line) => [...line.y, ...(line.band?.flat() ?? [])]).filter((v) => Number.isFinite(v) && (!this.log || v > 0));
    const xs = this.lines.flatMap((line) => line.x).filter(Number.isFinite);
    let [low, high] = [Math.min(...ys), Math.max(...ys)];
    if (!ys.length) [low, high] = [0, 1];
    if (low === high) { const room = Math.abs(low) * 0.1 || 0.5; low -= this.log ? low / 2 : room; high += room; }
    if (!this.log) { const room = 0.06 * (high - low); low = low >= 0 && low - room < 0 ? 0 : low - room; high += room; }
    return { x: [xs.length ? Math.min(0, ...xs) : 0, xs.length ? Math.max(...xs) || 1 : 1], y: [low, high] };
  }

  #draw() {
    const width = Math.max(260, this.node.clientWidth || 460);
    const { x, y } = this.#extent();
    const f = this.log ? Math.log10 : (v) => v;
    const across = (v) => LEFT + ((v - x[0]) / (x[1] - x[0])) * (width - LEFT - RIGHT);
    const up = (v) => HEIGHT - BOTTOM - ((f(v) - f(y[0])) / (f(y[1]) - f(y[0]))) * (HEIGHT - TOP - BOTTOM);
    Object.assign(this, { across, width, range: x });
    this.svg.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    const parts = [];
    const yTicks = this.log ? decades(y[0], y[1]) : ticks(y[0], y[1], 6).map(([at, plain]) => [at, tickText(this.form, at, plain)]);
    for (const [at, label] of yTicks) {
      parts.push(s("line", { class: "grid", x1: LEFT, x2: width - RIGHT, y1: up(at), y2: up(at) }),
        s("text", { x: LEFT - 6, y: up(at) + 4, "text-anchor": "end" }, label));
    }
    for (const [at, label] of ticks(x[0], x[1], Math.floor(width / 90))) {
      parts.push(s("text", { x: across(at), y: HEIGHT - BOTTOM + 17, "text-anchor": "middle" }, label));
    }
    parts.push(s("line", { class: "axis", x1: LEFT, x2: width - RIGHT, y1: HEIGHT - BOTTOM, y2: HEIGHT - BOTTOM }),
      s("text", { class: "axis-name", x: width - RIGHT, y: HEIGHT - 2, "text-anchor": "end" }, this.xLabel + (this.log ? ` · ${t("log scale")}` : "")));
    const plot = s("g", {});
    const clip = `clip-${this.name}`;
    parts.push(s("clipPath", { id: clip }, s("rect", { x: LEFT, y: TOP - 4, width: width - LEFT - RIGHT, height: HEIGHT - TOP - BOTTOM + 8 })), plot);
    plot.setAttribute("clip-path", `url(#${clip})`);
    for (const mark of this.marks) {
      plot.append(s("line", { class: "mark", x1: across(mark.at), x2: across(mark.at), y1: TOP, y2: HEIGHT - BOTTOM }));
    }
    for (const line of [...this.lines].sort((a, b) => Number(Boolean(b.faint)) - Number(Boolean(a.faint)))) {
      const group = s("g", { class: `tone-${line.tone}${line.faint ? " faint" : ""}${line.dashed ? " dashed" : ""}` });
      if (line.band) group.append(s("path", { class: "band", d: bandPath(line, across, up) }));
      const drawable = this.log ? line.y.map((v) => (v > 0 ? v : null)) : line.y;
      group.append(s("path", { class: "line", d: path(line.x, drawable, across, up) }));
      const points = line.x.filter((_, i) => drawable[i] !== null && drawable[i] !== undefined);
      if (!line.faint && !line.smoothed && points.length <= 40) {
        line.x.forEach((at, i) => {
          if (Number.isFinite(drawable[i])) group.append(s("circle", { class: "marker", cx: across(at), cy: up(drawable[i]), r: points.length > 1 ? 2.5 : 3.5 }));
        });
      }
      plot.append(group);
    }
    this.cross = s("line", { class: "cross", y1: TOP, y2: HEIGHT - BOTTOM, visibility: "hidden" });
    this.svg.replaceChildren(s("title", {}, this.title), ...parts, this.cross);
    this.#drawLegend();
    this.#drawCrosshair();
  }

  #drawLegend() {
    this.values = [];
    this.legend.replaceChildren(...this.lines.filter((line) => !line.unnamed).map((line) => {
      const value = h("b", { class: "value" });
      this.values.push([line, value]);
      const sample = s("svg", { viewBox: "0 0 22 10", class: `sample tone-${line.tone}${line.faint ? " faint" : ""}${line.dashed ? " dashed" : ""}`, "aria-hidden": "true" },
        s("path", { class: "line", d: "M1 5H21" }));
      return h("li", {}, sample, line.label, value);
    }), ...this.marks.map((mark) => h("li", {}, s("svg", { viewBox: "0 0 22 10", class: "sample", "aria-hidden": "true" }, s("path", { class: "mark", d: "M11 0V10" })), mark.label)));
  }

  #drawCrosshair() {
    const { at } = this.crosshair;
    if (!this.across || !this.values) return;
    const visible = at !== null && at >= this.range[0] && at <= this.range[1];
    this.cross?.setAttribute("visibility", visible ? "visible" : "hidden");
    if (visible) { this.cross.setAttribute("x1", this.across(at)); this.cross.setAttribute("x2", this.across(at)); }
    for (const [line, node] of this.values) {
      const i = visible ? nearest(line.x, at) : lastNumber(line.y);
      node.textContent = i < 0 ? "" : this.form(line.y[i]);
    }
  }

  #point(event) {
    const box = this.svg.getBoundingClientRect();
    const place = ((event.clientX - box.left) / box.width) * this.width;
    const share = (place - LEFT) / (this.width - LEFT - RIGHT);
    this.crosshair.set(share < -0.02 || share > 1.02 ? null : this.range[0] + share * (this.range[1] - this.range[0]));
  }

  #key(event) {
    const line = this.lines.find((candidate) => !candidate.faint) ?? this.lines[0];
    if (!line?.x.length) return;
    const now = this.crosshair.at === null ? line.x.length - 1 : nearest(line.x, this.crosshair.at);
    const next = { ArrowLeft: now - 1, ArrowRight: now + 1, Home: 0, End: line.x.length - 1 }[event.key];
    if (event.key === "Escape") this.crosshair.set(null);
    if (next === undefined) return;
    event.preventDefault();
    const at = line.x[Math.max(0, Math.min(line.x.length - 1, next))];
    this.crosshair.set(at);
    announce(`${this.xLabel} ${decimal(at)}: ${this.values.map(([each, node]) => `${each.label} ${node.textContent}`).join(", ")}`);
  }

  #exports() {
    const button = (label, make) => h("button", { type: "button", class: "plain", "aria-label": `${this.title}: ${label}`, onclick: make }, label);
    return h("span", { class: "exports" }, button("PNG", () => this.#savePng()), button("SVG", () => save(`${this.name}.svg`, "image/svg+xml", this.#standalone())), button("CSV", () => save(`${this.name}.csv`, "text/csv", this.#csv())));
  }

  // With colours written out: a file has no style sheet.
  #standalone() {
    const copy = this.svg.cloneNode(true);
    const originals = this.svg.querySelectorAll("*");
    copy.querySelectorAll("*").forEach((node, i) => {
      const style = getComputedStyle(originals[i]);
      for (const name of ["fill", "fill-opacity", "stroke", "stroke-width", "stroke-dasharray", "opacity", "font-size"]) {
        if (style.getPropertyValue(name)) node.setAttribute(name, style.getPropertyValue(name));
      }
      node.removeAttribute("class");
    });
    copy.querySelector("line[visibility]")?.remove();
    copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
    copy.setAttribute("width", this.width);
    copy.setAttribute("height", HEIGHT);
    copy.setAttribute("font-family", "sans-serif");
    copy.prepend(s("rect", { width: "100%", height: "100%", fill: getComputedStyle(document.body).backgroundColor }));
    return new XMLSerializer().serializeToString(copy);
  }

  async #savePng() {
    const image = new Image();
    image.src = URL.createObjectURL(new Blob([this.#standalone()], { type: "image/svg+xml" }));
    await image.decode();
    const canvas = h("canvas", { width: 2 * this.width, height: 2 * HEIGHT }); // two dots a pixel, for print
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
    URL.revokeObjectURL(image.src);
    canvas.toBlob((blob) => saveBlob(`${this.name}.png`, blob));
  }

  #csv() {
    const quote = (text) => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
    // a leading = + - @ would be a formula to a spreadsheet
    const label = (text) => quote(/^[=+\-@]/.test(text) ? `'${text}` : text);
    const rows = this.lines.flatMap((line) => line.x.map((at, i) => [label(line.label), at, line.y[i] ?? ""].join(",")));
    return [`line,${quote(this.xLabel)},${quote(this.title)}`, ...rows].join("\n") + "\n";
  }
}

function path(xs, ys, across, up) {
  let drawn = "";
  let pen = "M";
  for (let i = 0; i < xs.length; i += 1) {
    if (!Number.isFinite(ys[i])) { pen = "M"; continue; } // a gap
    drawn += `${pen}${across(xs[i]).toFixed(1)} ${up(ys[i]).toFixed(1)}`;
    pen = "L";
  }
  return drawn;
}

function bandPath({ x, band: [low, high] }, across, up) {
  const there = x.map((at, i) => `${across(at).toFixed(1)} ${up(high[i]).toFixed(1)}`);
  const back = x.map((at, i) => `${across(at).toFixed(1)} ${up(low[i]).toFixed(1)}`).reverse();
  return there.length ? `M${[...there, ...back].join("L")}Z` : "";
}

function decades(low, high) {
  const found = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power += 1) {
    for (const m of Math.log10(high / low) < 2 ? [1, 2, 5] : [1]) {
      const at = m * 10 ** power;
      if (at >= low * 0.999 && at <= high * 1.001) found.push([at, decimal(at)]);
    }
  }
  return found;
}

// A share as a percentage without idle zeros, a count with its commas, anything else as the ticks need it.
function tickText(form, at, plain) {
  const text = form(at);
  if (text.endsWith("%")) return text.replace(/\.?0+%$/, "%");
  return text.includes(",") ? text : plain;
}

export function nearest(xs, at) {
  let best = -1;
  for (let i = 0; i < xs.length; i += 1) if (best < 0 || Math.abs(xs[i] - at) < Math.abs(xs[best] - at)) best = i;
  return best;
}

function lastNumber(ys) {
  for (let i = ys.length - 1; i >= 0; i -= 1) if (Number.isFinite(ys[i])) return i;
  return -1;
}

/** The exponential moving mean, corrected for its beginning as Adam's moments are. */
export function smooth(ys, weight) {
  if (!weight) return ys;
  let [mean, norm] = [0, 0];
  return ys.map((y) => {
    if (!Number.isFinite(y)) return null;
    mean = weight * mean + (1 - weight) * y;
    norm = weight * norm + (1 - weight);
    return mean / norm;
  });
}

export const toneOf = (i) => String(i % TONES);

export function save(name, type, text) { saveBlob(name, new Blob([text], { type })); }
function saveBlob(name, blob) {
  const link = h("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
