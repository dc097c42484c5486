// Every word of the page in the browser's language; what is missing in the catalogue stays English.

let language = "en";
let texts = {};

/** Take the language that the board was started with, else the browser's; Chinese is fetched when it is asked for. */
export async function setLanguage(chosen) {
  language = (chosen || navigator.language || "en").toLowerCase().startsWith("zh") ? "zh" : "en";
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  if (language === "zh") texts = (await (await fetch("/static/chinese.json")).json()).texts;
}
export const currentLanguage = () => language;

/** Translate; t("{n} runs", {n: 3}) fills in. */
export function t(text, values = {}) {
  return (texts[text] ?? text).replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}
