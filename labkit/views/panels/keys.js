// What ipywidgets leaves out.  JupyterLab takes arrow keys and letters for commands of the notebook unless somebody
// is typing text; in lists, sliders and tabs they mean something else, so within a panel they stay there, and
// with Ctrl they go on.  And a slider's handle gets the name that stands beside it.
function render({ el }) {
  el.style.display = "none";
  const stay = (event) => {
    if (!event.ctrlKey && !event.metaKey && !event.altKey && event.key !== "Escape") event.stopPropagation();
  };
  const attach = () => {
    if (!el.isConnected) return void requestAnimationFrame(attach);
    const panel = el.closest(".lk-panel");
    if (!panel) return;
    const name = () => {
      for (const handle of panel.querySelectorAll(".noUi-handle:not([aria-label])")) {
        const label = handle.closest(".jupyter-widgets")?.querySelector(".widget-label");
        handle.setAttribute("aria-label", label?.textContent || "value");
      }
    };
    panel.addEventListener("keydown", stay);
    new MutationObserver(name).observe(panel, { subtree: true, childList: true });
    name();
  };
  attach();
}
export default { render };
