// What ipywidgets leaves out.  JupyterLab takes arrow keys and letters for commands of the notebook unless somebody
// is typing text; in lists, sliders and tabs they mean something else, so within a panel they stay there, and
// with Ctrl they go on.  A slider's handle gets the name that stands beside it.  And in a pane, whatever the views
// marked with a connection and an exchange can be chosen: by a click, or with the arrow keys once the pane has the focus.
const CHOSEN = ".lk-chosen, .lk-here";

function choose(model, found) {
  const { connection, exchange } = found.dataset;
  model.send({ connection: Number(connection), exchange: exchange === undefined ? null : Number(exchange) });
}

function onClick(model, event) {
  const found = event.target.closest("[data-connection]");
  const isReading = getSelection().type === "Range"; // somebody marks text to copy it
  if (found && found.closest(".lk-pane") && !isReading) choose(model, found);
}

function onArrow(model, event) {
  const pane = event.target;
  const by = { ArrowUp: -1, ArrowDown: 1 }[event.key];
  if (!by || !pane.classList.contains("lk-pane") || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  const key = (each) => `${each.dataset.connection}.${each.dataset.exchange}`;
  const all = [...pane.querySelectorAll("[data-exchange]")];
  const first = all.filter((each, i) => all.findIndex((other) => key(other) === key(each)) === i);
  const here = all.find((each) => each.matches(CHOSEN) || each.querySelector(CHOSEN));
  const at = here ? first.findIndex((each) => key(each) === key(here)) : by > 0 ? -1 : first.length;
  if (first[at + by]) choose(model, first[at + by]);
}

function tidy(panel) {
  for (const handle of panel.querySelectorAll(".noUi-handle:not([aria-label])")) {
    const label = handle.closest(".jupyter-widgets")?.querySelector(".widget-label");
    handle.setAttribute("aria-label", label?.textContent || "value");
  }
  for (const pane of panel.querySelectorAll(".lk-pane:not([role])")) {
    pane.setAttribute("role", "group");
    pane.setAttribute("aria-label", pane.querySelector(".widget-label")?.title || "");
    pane.tabIndex = 0;
  }
}

function render({ model, el }) {
  el.style.display = "none";
  const stay = (event) => {
    onArrow(model, event);
    if (!event.ctrlKey && !event.metaKey && !event.altKey && event.key !== "Escape") event.stopPropagation();
  };
  const attach = () => {
    if (!el.isConnected) return void requestAnimationFrame(attach);
    const panel = el.closest(".lk-panel");
    if (!panel) return;
    panel.addEventListener("keydown", stay);
    panel.addEventListener("click", (event) => onClick(model, event));
    new MutationObserver(() => tidy(panel)).observe(panel, { subtree: true, childList: true });
    tidy(panel);
  };
  attach();
}
export default { render };
