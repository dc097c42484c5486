// Requests to the server that served this page, and to no other.

export class Failed extends Error {
  constructor(status, message) { super(message); this.status = status; }
}

async function answerOf(response) {
  if (response.ok) return response;
  let message = response.statusText;
  try { message = (await response.json()).error ?? message; } catch { /* no JSON: the status says it */ }
  throw new Failed(response.status, message);
}

async function ask(path, options) {
  try {
    return await answerOf(await fetch(path, { credentials: "same-origin", ...options }));
  } catch (error) {
    if (error instanceof Failed || error.name === "AbortError") throw error;
    throw new Failed(0, "the board does not answer; is `fathom board` still running?");
  }
}

export const getJson = async (path, options) => (await ask(path, options)).json();
export const getText = async (path, options) => (await ask(path, options)).text();
export const post = async (path, content = {}) =>
  (await ask(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(content) })).json();

/** Swap the token behind the # for the cookie, and take it out of the address. */
export async function openSession() {
  const match = /^#token=([\w-]+)(\/.*)?$/.exec(location.hash);
  if (!match) return;
  history.replaceState(null, "", `/#${match[2] ?? "/"}`);
  await post("/api/session", { token: match[1] });
}
