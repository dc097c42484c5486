// Several runs: what differs, their curves on one axis, seeds of one setting as a band.
import { h } from "./dom.js";
export async function showCompare(main) { main.append(h("h1", {}, "Compare")); }
