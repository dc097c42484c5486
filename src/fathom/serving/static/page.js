// The page of `fathom serve`: a form for what the model takes, and its answer. The token stands behind the # of the
// address, which browsers send to nobody; it is kept for this tab alone.
const token = location.hash.startsWith("#token=") ? location.hash.slice(7) : sessionStorage.getItem("token") ?? "";
sessionStorage.setItem("token", token);
history.replaceState(null, "", location.pathname);
const headers = token ? { authorization: `Bearer ${token}` } : {};
const at = (id) => document.getElementById(id);

function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

async function ask(path, options = {}) {
  const answer = await fetch(path, { ...options, headers: { ...headers, ...options.headers } });
  const content = await answer.json();
  if (!answer.ok) throw new Error(content.error);
  return content;
}

function showInput(model) {
  const input = at("input");
  if (model.takes === "images") {
    const file = make("input", { type: "file", accept: "image/*", required: true });
    const shown = make("img", { alt: "the chosen image", hidden: true });
    file.addEventListener("change", () => {
      shown.hidden = !file.files.length;
      if (file.files.length) shown.src = URL.createObjectURL(file.files[0]);
    });
    input.append(make("label", {}, "Image file", file), shown);
    return () => ({ body: file.files[0], headers: { "content-type": "application/octet-stream" } });
  }
  if (model.takes === "rows") {
    const cells = Object.entries(model.example).map(([name, value]) => {
      const cell = make("input", { name, value });
      input.append(make("label", {}, name, cell));
      return cell;
    });
    return () => json({ rows: [Object.fromEntries(cells.map((cell) => [cell.name, cell.value]))] });
  }
  const text = make("textarea", { rows: 4, required: true });
  text.value = model.takes === "texts" ? model.example : JSON.stringify(model.example);
  input.append(text);
  return () => json(model.takes === "texts" ? { texts: [text.value] } : { inputs: [JSON.parse(text.value)] });
}

const json = (content) => ({ body: JSON.stringify(content), headers: { "content-type": "application/json" } });

function showAnswer(prediction, classes) {
  const answer = at("answer");
  answer.replaceChildren();
  if (prediction.error) throw new Error(prediction.error);
  const rows = [];
  for (let k = 1; `label${k > 1 ? `_${k}` : ""}` in prediction; k++) {
    const end = k > 1 ? `_${k}` : "";
    rows.push([prediction[`label${end}`], prediction[`probability${end}`]]);
  }
  if (!rows.length && classes.length) rows.push(...classes.map((name) => [name, prediction[`probability_${name}`]]));
  for (const [name, share] of rows) {
    const bar = make("span", { className: "bar" });
    bar.style.width = `${100 * share}%`;
    answer.append(make("div", { className: "row" }, make("span", {}, name), make("span", {}, bar), make("span", {}, `${(100 * share).toFixed(1)} %`)));
  }
  if (!rows.length) {
    for (const [name, value] of Object.entries(prediction)) answer.append(make("p", {}, `${name}: ${value}`));
  }
}

function curl(model) {
  const start = `curl ${location.origin}/predict${token ? ` -H "Authorization: Bearer ${token}"` : ""}`;
  if (model.takes === "images") return `${start} -F file=@photo.jpg`;
  return `${start} \\\n  --json '${JSON.stringify({ [model.takes]: [model.example] })}'`;
}

try {
  const model = await ask("model");
  const classes = model.class_names;
  at("name").textContent = model.name;
  const gives = classes.length ? `${classes.length} classes: ${classes.slice(0, 12).join(", ")}${classes.length > 12 ? " …" : ""}` : "numbers";
  at("what").textContent = `A ${model.kind.replace("_", " ")} of ${model.takes}; gives ${gives}.`;
  at("curl").textContent = curl(model);
  const read = showInput(model);
  at("form").addEventListener("submit", async (event) => {
    event.preventDefault();
    at("said").textContent = "";
    try {
      const top = model.kind === "classifier" ? Math.min(5, classes.length) : 1;
      const answer = await ask(`predict?top=${top}`, { method: "POST", ...read() });
      showAnswer(answer.predictions[0], classes);
    } catch (error) {
      at("said").textContent = error.message;
    }
  });
} catch (error) {
  at("said").textContent = `${error.message}. Open the address that fathom serve printed, with its token.`;
}
