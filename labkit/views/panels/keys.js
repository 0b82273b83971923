// JupyterLab takes arrow keys and letters for commands of the notebook unless somebody is typing text.  In lists,
// sliders and tabs they mean something else, so within a widget they stay there; with Ctrl they go on.
function render({ el }) {
  el.style.display = "none";
  const attach = () => {
    if (!el.isConnected) return void requestAnimationFrame(attach);
    el.closest(".lk-panel")?.addEventListener("keydown", (event) => {
      if (!event.ctrlKey && !event.metaKey && !event.altKey && event.key !== "Escape") event.stopPropagation();
    });
  };
  attach();
}
export default { render };
