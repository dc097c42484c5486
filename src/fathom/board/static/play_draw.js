// Drawing a network at play: the plane with its points, the units' own planes, weights as lines.

const tone = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const rgb = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
const CLASSES = [0, 1, 2, 3, 4, 5, 6, 7];

export class Palette {
  constructor() { this.read(); matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.read()); }

  read() {
    const [low, high, paper] = [rgb(tone("--val")), rgb(tone("--train")), rgb(tone("--paper"))];
    this.table = Array.from({ length: 256 }, (_, i) => {
      const at = i / 127.5 - 1; // −1 the first class, +1 the second
      const end = at < 0 ? low : high;
      const share = Math.abs(at) ** 0.8;
      return paper.map((v, c) => Math.round(v + (end[c] - v) * share));
    });
    this.classes = CLASSES.map((i) => rgb(tone(`--tone-${i}`)));
    this.paper = paper;
    Object.assign(this, { low: tone("--val"), high: tone("--train"), ink: tone("--ink"), quiet: tone("--quiet"), rule: tone("--rule"), ground: tone("--paper") });
  }

  point(label, classes) { return classes === 2 ? (label ? this.high : this.low) : `rgb(${this.classes[label % 8]})`; }
}

const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

/** Paint a square of values into a canvas of its own size. */
export function square(text, side, palette, { codes = false } = {}) {
  const canvas = new OffscreenCanvas(side, side);
  const pen = canvas.getContext("2d");
  const image = pen.createImageData(side, side);
  const values = bytes(text);
  for (let i = 0; i < values.length; i += 1) {
    let colour = palette.table[values[i]];
    if (codes) { // tens are the class, units how sure
      const share = (values[i] % 10) / 9;
      colour = palette.classes[Math.floor(values[i] / 10) % 8].map((v, c) => palette.paper[c] + (v - palette.paper[c]) * share);
    }
    image.data.set([...colour, 255], 4 * i);
  }
  pen.putImageData(image, 0, 0);
  return canvas;
}

export function drawSurface(canvas, frame, about, palette, cursor = null) {
  const pen = canvas.getContext("2d");
  const size = canvas.width;
  pen.fillStyle = palette.ground;
  pen.fillRect(0, 0, size, size);
  if (frame?.surface) {
    pen.imageSmoothingEnabled = about.classes === 2;
    pen.globalAlpha = 0.75;
    pen.drawImage(square(frame.surface, about.side, palette, { codes: about.classes > 2 }), 0, 0, size, size);
    pen.globalAlpha = 1;
  }
  const place = (v) => ((v / about.reach + 1) / 2) * size;
  for (const [name, points] of Object.entries(about.points)) {
    for (const [x, y, label] of points) {
      pen.beginPath();
      if (name === "val") pen.rect(place(x) - 3.5, place(-y) - 3.5, 7, 7); // held-out points are square
      else pen.arc(place(x), place(-y), 4, 0, 7);
      pen.fillStyle = palette.point(label, about.classes);
      pen.fill();
      pen.lineWidth = 1.2;
      pen.strokeStyle = palette.ground;
      pen.stroke();
    }
  }
  if (cursor) { // of the keyboard
    pen.strokeStyle = palette.ink;
    pen.lineWidth = 2;
    pen.beginPath();
    pen.moveTo(place(cursor[0]) - 12, place(-cursor[1])); pen.lineTo(place(cursor[0]) + 12, place(-cursor[1]));
    pen.moveTo(place(cursor[0]), place(-cursor[1]) - 12); pen.lineTo(place(cursor[0]), place(-cursor[1]) + 12);
    pen.stroke();
  }
}

/** Draw inputs, units and weights; returns nothing. */
export function drawNetwork(canvas, frame, about, palette) {
  const pen = canvas.getContext("2d");
  const [width, height] = [canvas.width, canvas.height];
  pen.clearRect(0, 0, width, height);
  const sizes = [Math.max(1, about.inputs.length), ...about.layers, about.classes];
  const unit = Math.min(56, (height - 20) / Math.max(...sizes) - 8, width / sizes.length / 1.6);
  const x = (k) => 46 + (k * (width - 92)) / Math.max(1, sizes.length - 1);
  const y = (k, i) => height / 2 + (i - (sizes[k] - 1) / 2) * (unit + Math.min(18, (height - 20) / sizes[k] - unit));
  frame.weights.forEach((weights, k) => {
    const inputs = weights.length / sizes[k + 1];
    if (inputs !== sizes[k]) return; // of digits: 64 inputs are not drawn
    const most = Math.max(...weights.map(Math.abs), 1e-9);
    weights.forEach((weight, n) => {
      const [to, from] = [Math.floor(n / inputs), n % inputs];
      pen.beginPath();
      pen.moveTo(x(k) + unit / 2, y(k, from));
      const middle = (x(k) + x(k + 1)) / 2;
      pen.bezierCurveTo(middle, y(k, from), middle, y(k + 1, to), x(k + 1) - unit / 2, y(k + 1, to));
      pen.lineWidth = 0.4 + (5 * Math.abs(weight)) / most;
      pen.strokeStyle = weight < 0 ? palette.low : palette.high;
      pen.globalAlpha = 0.25 + (0.6 * Math.abs(weight)) / most;
      pen.stroke();
    });
  });
  pen.globalAlpha = 1;
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  sizes.forEach((size, k) => {
    for (let i = 0; i < size; i += 1) {
      const [left, top] = [x(k) - unit / 2, y(k, i) - unit / 2];
      const own = k > 0 ? frame.units?.[k - 1]?.[i] : null;
      pen.fillStyle = palette.ground;
      pen.fillRect(left, top, unit, unit);
      if (own) {
        pen.imageSmoothingEnabled = about.inputs.length > 0;
        pen.drawImage(square(own, about.inputs.length ? about.unit_side : 8, palette), left, top, unit, unit);
      } else {
        pen.fillStyle = palette.ink;
        pen.font = `${Math.min(15, unit / 2.2)}px system-ui, sans-serif`;
        pen.fillText(k === 0 ? (about.inputs[i] ?? "8×8") : `${i}`, x(k), y(k, i));
      }
      pen.lineWidth = 1;
      pen.strokeStyle = palette.quiet;
      pen.strokeRect(left, top, unit, unit);
    }
  });
}
