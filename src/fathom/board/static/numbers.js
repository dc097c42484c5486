// Numbers as people read them; the same forms as in the report.

const DASH = "–";
const isNumber = (value) => typeof value === "number" && Number.isFinite(value);

export function decimal(value) {
  if (!isNumber(value)) return DASH;
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e6)) return value.toExponential(2).replace("e+", "e");
  return size >= 100 ? value.toFixed(1) : value.toPrecision(4).replace(/\.?0+$/, "") || "0";
}
export const percent = (value, digits = 2) => (isNumber(value) ? `${(100 * value).toFixed(digits)}%` : DASH);
export const count = (value) => (isNumber(value) ? Math.round(value).toLocaleString("en") : DASH);
export function bytes(value) {
  if (!isNumber(value)) return DASH;
  const power = Math.min(4, Math.max(0, Math.floor(Math.log2(Math.max(1, value)) / 10)));
  return `${(value / 1024 ** power).toFixed(power > 2 ? 1 : 0)} ${["B", "KiB", "MiB", "GiB", "TiB"][power]}`;
}
export function duration(seconds) {
  if (!isNumber(seconds)) return DASH;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 60) return `${Math.round(seconds)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.round((seconds % 3600) / 60)} min`;
}
export const isShare = (metric) => /accuracy|f1|precision|recall|auroc|share/i.test(metric);
export const formOf = (metric) => (isShare(metric) ? percent : metric === "samples_per_s" ? count : decimal);
export function when(text) {
  const date = new Date(text ?? NaN);
  if (Number.isNaN(date.getTime())) return DASH;
  const today = new Date().toDateString() === date.toDateString();
  const clock = date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hour12: false });
  return today ? clock : `${date.getFullYear()}-${String(date.getMonth() + 1).padStart(2, "0")}-${String(date.getDate()).padStart(2, "0")} ${clock}`;
}

/** Ticks at round numbers, and how each is written. */
export function ticks(low, high, most) {
  const span = high - low || 1;
  const raw = span / Math.max(1, most);
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((m) => m * power).find((m) => m >= raw) ?? 10 * power;
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const found = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + 1e-9 * span; i += 1) found.push(i * step);
  return found.map((at) => [at, Math.abs(at) >= 1e5 || (step < 1e-4) ? at.toExponential(1).replace("e+", "e") : at.toFixed(Math.min(digits, 8))]);
}
