// Every word of the page in the browser's language; what is missing in the catalogue stays English.

let language = "en";
let texts = {};
let patterns = []; // of texts with numbers in them: a regular expression, and the form to fill
let codes = {};
const GAPS = { "{}": "(.+?)", "{#}": "([\\d,.]+)" };

/** Take the language that the board was started with, else the browser's; Chinese is fetched when it is asked for. */
export async function setLanguage(chosen) {
  language = (chosen || navigator.language || "en").toLowerCase().startsWith("zh") ? "zh" : "en";
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  if (language !== "zh") return;
  const catalog = await (await fetch("/static/chinese.json")).json();
  ({ texts, codes } = catalog);
  patterns = catalog.patterns.map(([text, form]) => [new RegExp(`^${text.split(/(\{#?\})/).map((part) => GAPS[part] ?? escaped(part)).join("")}$`, "s"), form]);
}
const escaped = (text) => text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");
export const currentLanguage = () => language;

/** Translate; t("{n} runs", {n: 3}) fills in. */
export function t(text, values = {}) {
  return (texts[text] ?? text).replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

/** Translate what the server wrote, which may have numbers in it. */
export function say(text) {
  if (language === "en" || texts[text]) return t(text);
  for (const [pattern, form] of patterns) {
    const match = pattern.exec(text);
    if (match) return form.replace(/\{(\d+)\}/g, (whole, i) => say(match[Number(i) + 1] ?? whole));
  }
  return text;
}

/** What is so, of a finding; where that has no translation, what its code means stands before it. */
export function sayMessage({ code, message }) {
  const said = say(message);
  if (language === "en") return `${message}.`;
  return said === message && codes[code] ? `${codes[code]}：${message}.` : `${said}。`;
}
