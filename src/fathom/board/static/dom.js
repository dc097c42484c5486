// Elements from names and values. Text is set as text, so that no name of a run, class or file becomes markup.

/** Make an element: h("a", {href: "#/", class: "quiet"}, "text", otherElement). */
export function h(tag, attributes = {}, ...content) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name in node && typeof value !== "string") node[name] = value;
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  append(node, content);
  return node;
}

const SVG = "http://www.w3.org/2000/svg";

/** Make an element of a drawing. */
export function s(tag, attributes = {}, ...content) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== null) node.setAttribute(name, String(value));
  }
  append(node, content);
  return node;
}

function append(node, content) {
  for (const part of content.flat(4)) {
    if (part !== undefined && part !== null && part !== false) node.append(part);
  }
}

/** Put markup that the server wrote into an element; whatever it holds, no script in it runs. */
export function setMarkup(node, text) {
  const parsed = new DOMParser().parseFromString(text, "text/html");
  node.replaceChildren(...parsed.body.childNodes);
}

let live;
/** Say something to those who hear the page. */
export function announce(text) {
  live ??= document.body.appendChild(h("div", { class: "hidden", role: "status", "aria-live": "polite" }));
  live.textContent = text;
}

/** Show a line at the foot of the window for a few seconds, with one thing to do about it. */
export function toast(text, label, action) {
  const node = h("div", { class: "toast", role: "status" }, text);
  if (label) node.append(h("button", { type: "button", onclick: () => { node.remove(); action(); } }, label));
  document.body.append(node);
  setTimeout(() => node.remove(), label ? 10000 : 5000);
}

/** Call a function once a frame, however often it is asked for. */
export function onceAFrame(run) {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => { asked = false; run(); });
  };
}
