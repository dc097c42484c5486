// Lines across parallel axes: one a run or a trial, an axis a setting, the result last.

import { toneOf } from "./chart.js";
import { h, s } from "./dom.js";

const [WIDTH, HEIGHT, TOP, BOTTOM] = [720, 260, 34, 228];

/** @param axes [[name, (row) => value]] @param rows [{name, …}] */
export function drawParallel(axes, rows, label, toneOfRow = (_, i) => toneOf(i)) {
  const svg = s("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": label });
  const places = axes.map(([name, of], k) => {
    const x = 70 + (k * (WIDTH - 140)) / (axes.length - 1);
    const { up, low, high } = scaleOf(rows.map(of));
    svg.append(s("line", { class: "axis", x1: x, x2: x, y1: TOP, y2: BOTTOM }), s("text", { x, y: 16, "text-anchor": "middle" }, name),
      s("text", { x, y: BOTTOM + 18, "text-anchor": "middle" }, low), s("text", { x, y: TOP - 5, "text-anchor": "middle" }, high));
    return { x, up, of };
  });
  rows.forEach((row, i) => {
    const points = places.map(({ x, up, of }) => [x, up(of(row))]).filter(([, y]) => y !== null);
    if (!points.length) return;
    const path = s("path", { class: "line", d: `M${points.map((point) => point.join(" ")).join("L")}` }, s("title", {}, row.name));
    svg.append(s("g", { class: `tone-${toneOfRow(row, i)}` }, path));
  });
  return h("figure", { class: "chart parallel" }, h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": label }, svg));
}

/** Where each value lies on its axis: numbers in proportion, of wide spans by their logarithm; names in their order. */
function scaleOf(values) {
  const present = values.filter((value) => value !== null && value !== undefined);
  const isNumber = present.every((value) => typeof value === "number");
  const known = [...new Set(present)].sort((a, b) => (isNumber ? a - b : String(a) < String(b) ? -1 : 1));
  const write = (value) => String(isNumber && value !== undefined ? Number(value.toPrecision(3)) : value ?? "");
  const spread = isNumber && known.length > 1 && known[0] > 0 && known.at(-1) / known[0] > 20 ? Math.log : (value) => value;
  const share = (value) => {
    if (known.length < 2) return 0.5;
    return isNumber ? (spread(value) - spread(known[0])) / (spread(known.at(-1)) - spread(known[0])) : known.indexOf(value) / (known.length - 1);
  };
  const up = (value) => (value === null || value === undefined ? null : BOTTOM - share(value) * (BOTTOM - TOP));
  return { up, low: write(known[0]), high: known.length > 1 ? write(known.at(-1)) : "" };
}
