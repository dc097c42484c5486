// Every word of the page in Chinese, under its English; what is missing here stays English.

import { CHINESE } from "./chinese.js";

let language = "en";

export function setLanguage(chosen) {
  language = (chosen || navigator.language || "en").toLowerCase().startsWith("zh") ? "zh" : "en";
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
}
export const currentLanguage = () => language;

/** Translate; t("{n} runs", {n: 3}) fills in. */
export function t(text, values = {}) {
  const found = (language === "zh" && CHINESE[text]) || text;
  return found.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}
