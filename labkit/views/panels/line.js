// The line that is typed: Enter sends it, the arrow keys bring back what was sent before, and a paste
// of several lines sends all but the last.  What it says is decided in Python; this only listens to keys,
// which no widget of ipywidgets does.
function render({ model, el }) {
  const make = (tag, attributes, text) => {
    const made = Object.assign(document.createElement(tag), attributes);
    if (text !== undefined) made.textContent = text;
    return made;
  };
  const id = `lk-line-${model.get("name")}`;
  const label = make("label", { htmlFor: id });
  const input = make("input", { id, type: "text", autocomplete: "off", spellcheck: false });
  const status = make("div", { className: "lk-status" });
  status.setAttribute("role", "status");
  input.setAttribute("autocapitalize", "off");
  const row = make("div", { className: "lk-entry" });
  row.append(label, input);
  el.classList.add("lk", "lk-line");
  el.dataset.lmSuppressShortcuts = "true"; // JupyterLab's one-letter commands are not meant here
  el.append(row, status);

  let at = null; // the place in the history; null: the line that is being written
  let draft = "";
  const recall = (step) => {
    const history = model.get("history");
    if (at === null) draft = input.value;
    const next = (at ?? history.length) + step;
    if (next < 0 || next > history.length) return;
    at = next === history.length ? null : next;
    input.value = at === null ? draft : history[at];
    input.setSelectionRange(input.value.length, input.value.length);
  };
  const send = (content) => {
    model.send(content);
    at = null;
    draft = "";
  };

  input.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.isComposing) return;
    if (event.key === "Enter") {
      event.preventDefault();
      send({ text: input.value });
      input.value = "";
    } else if (event.key === "ArrowUp" || event.key === "ArrowDown") {
      event.preventDefault();
      recall(event.key === "ArrowUp" ? -1 : 1);
    }
  });
  input.addEventListener("paste", (event) => {
    const lines = event.clipboardData.getData("text/plain").split(/\r\n|\r|\n/);
    if (lines.length < 2) return;
    event.preventDefault();
    const before = input.value.slice(0, input.selectionStart);
    const after = input.value.slice(input.selectionEnd);
    const last = lines.pop();
    send({ text: before + lines.join("\n") });
    input.value = last + after;
    input.setSelectionRange(last.length, last.length);
  });

  const draw = () => {
    label.textContent = model.get("label");
    input.placeholder = model.get("placeholder");
    status.textContent = model.get("status");
    status.classList.toggle("lk-bad", model.get("bad"));
  };
  model.on("change:label change:placeholder change:status change:bad", draw);
  model.on("msg:custom", (content) => {
    if (content.fill !== undefined) {
      input.value = content.fill;
      input.focus();
      input.setSelectionRange(input.value.length, input.value.length);
    }
    if (content.ask) {
      send({ text: input.value, asked: content.ask });
      input.value = "";
    }
  });
  draw();
}
export default { render };
