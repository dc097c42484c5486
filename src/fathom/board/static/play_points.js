// Points of one's own: drawn into the plane with the mouse or the keyboard, or read from a CSV.

import { announce } from "./dom.js";
import { decimal } from "./numbers.js";
import { t } from "./words.js";

const MOST = 2000;
const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
const STEPS = 30; // of a key across the plane

/** Eight points to begin a drawing with. */
export const sample = () => [[-0.8, -0.6, 0], [-0.6, -0.8, 0], [-0.9, -0.9, 0], [-0.5, -0.5, 0], [0.8, 0.6, 1], [0.6, 0.8, 1], [0.9, 0.9, 1], [0.5, 0.5, 1]];

/** Let points be added to the plane of a network and taken away; `change` is told the new ones. */
export function drawOn(plane, network, settings, change) {
  const isOpen = () => settings().points === "given";
  const reach = () => network().about?.reach ?? 1.5;
  const add = (x, y, label) => {
    const { given } = settings();
    if (given.length < MOST) change({ given: [...given, [Number(x.toFixed(3)), Number(y.toFixed(3)), label]] });
  };
  const remove = (x, y) => {
    const { given } = settings();
    const far = ([a, b]) => (a - x) ** 2 + (b - y) ** 2;
    const nearest = given.reduce((best, point) => (far(point) < far(best) ? point : best), given[0]);
    const left = given.filter((point) => point !== nearest);
    const enough = left.filter(([, , label]) => label === nearest[2]).length >= 2;
    if (left.length >= 8 && enough) change({ given: left }); else announce(t("Eight points must stay, two of each class."));
  };
  plane.addEventListener("click", (event) => {
    if (!isOpen()) return;
    const box = plane.getBoundingClientRect();
    add(((event.clientX - box.left) / box.width * 2 - 1) * reach(), (1 - (event.clientY - box.top) / box.height * 2) * reach(), event.shiftKey ? 1 : 0);
  });
  plane.addEventListener("keydown", (event) => {
    if (!isOpen() || event.ctrlKey || event.metaKey || event.altKey) return;
    const now = network().cursor ?? [0, 0];
    const move = MOVES[event.key];
    if (move) {
      const within = (v) => Math.max(-reach(), Math.min(reach(), v));
      network().cursor = now.map((v, k) => within(v + (move[k] * 2 * reach()) / STEPS));
      announce(network().cursor.map((v) => decimal(Number(v.toFixed(2)))).join(", "));
    } else if (event.key === "1" || event.key === "2") add(...now, Number(event.key) - 1);
    else if (event.key === "Delete" || event.key === "Backspace") remove(...now);
    else return;
    event.preventDefault();
    event.stopPropagation(); // the arrows of the page are steps of the training
    network().draw();
  });
  plane.addEventListener("blur", () => { if (network().cursor) { network().cursor = null; network().draw(); } });
}

/** The first two numeric columns and the last other column, or the third, as classes; scaled to −1…1. */
export function fromCsv(text) {
  const rows = text.trim().split(/\r?\n/).map((line) => line.split(/[,;\t]/).map((cell) => cell.trim().replace(/^"|"$/g, "")));
  const body = rows.filter((row) => row.length >= 3);
  const hasHeader = body[0]?.slice(0, 2).some((cell) => !Number.isFinite(Number(cell)) || cell === "");
  const data = body.slice(hasHeader ? 1 : 0);
  const isNumber = (k) => data.every((row) => row[k] !== "" && Number.isFinite(Number(row[k])));
  const columns = body[0]?.map((_, k) => k) ?? [];
  const [a, b] = columns.filter(isNumber);
  const label = columns.findLast((k) => k !== a && k !== b);
  if (b === undefined || label === undefined || data.length < 8) throw new Error(t("This CSV has no two columns of numbers and a class, in eight rows or more."));
  const names = [...new Set(data.map((row) => row[label]))].slice(0, 10);
  const scaled = [a, b].map((k) => { const values = data.map((row) => Number(row[k])); const [low, high] = [Math.min(...values), Math.max(...values)]; return values.map((v) => ((v - low) / (high - low || 1)) * 2 - 1); });
  const points = data.map((row, i) => [Number(scaled[0][i].toFixed(4)), Number(scaled[1][i].toFixed(4)), names.indexOf(row[label])]).filter(([, , c]) => c >= 0);
  return points.length > MOST ? points.filter((_, i) => i % Math.ceil(points.length / MOST) === 0) : points;
}
