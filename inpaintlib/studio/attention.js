// Point at a place; the kernel draws where it looks. A click keeps the place until the next click.

const MOVES = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
const HELP = "Picture with an attention map. Arrow keys move the place looked from, with Shift by four.";

const page = (choices) => `
  <div class="ip-bar">
    <label ${choices.length < 2 ? "hidden" : ""}>Map
      <select class="ip-choice">${options(choices)}</select></label>
    <span class="ip-pin" role="status"></span>
  </div>
  <div class="ip-stage" tabindex="0" role="application" aria-label="${HELP}"><img alt=""></div>
  <div class="ip-scale" aria-hidden="true"><span>looks here not at all</span><b></b><span>most</span></div>
  <p class="ip-note" aria-live="polite"></p>
  <p class="ip-message" role="alert" hidden></p>`;

function render({ model, el }) {
  el.classList.add("inpaint", "ip-attention");
  el.dataset.lmSuppressShortcuts = "true";
  el.innerHTML = page(model.get("choices"));
  const find = (name) => el.querySelector(`.ip-${name}`);
  const stage = find("stage"), image = stage.querySelector("img");
  const { hear, forget } = follow(model);
  let pinned = false;

  const go = (row, column) => {
    const inside = (value, count) => Math.max(0, Math.min(count - 1, value));
    row = inside(row, model.get("rows"));
    column = inside(column, model.get("columns"));
    if (row === model.get("row") && column === model.get("column")) return;
    model.set("row", row);
    model.set("column", column);
    model.save_changes();
  };
  const point = (event) => {
    const { left, top, width, height } = image.getBoundingClientRect();
    go(Math.floor((event.clientY - top) / height * model.get("rows")),
      Math.floor((event.clientX - left) / width * model.get("columns")));
  };
  const pin = (on) => {
    pinned = on;
    find("pin").textContent = on ? "kept – click to let go" : "";
  };

  stage.addEventListener("pointermove", (event) => pinned || point(event));
  stage.addEventListener("click", (event) => {
    pin(!pinned);
    if (pinned) point(event);
  });
  stage.addEventListener("keydown", (event) => {
    const move = MOVES[event.key];
    if (!move) return;
    event.preventDefault();
    event.stopPropagation();
    pin(true);
    const far = event.shiftKey ? 4 : 1;
    go(model.get("row") + far * move[0], model.get("column") + far * move[1]);
  });
  find("choice").addEventListener("change", (event) => {
    model.set("choice", event.target.value);
    model.save_changes();
  });

  hear(["choice"], () => { find("choice").value = model.get("choice"); });
  hear(["picture"], () => showPicture(image, model.get("picture")));
  hear(["note"], () => { find("note").textContent = image.alt = model.get("note"); });
  hear(["message"], () => showMessage(find("message"), model.get("message")));
  return () => {
    forget();
    URL.revokeObjectURL(image.src);
  };
}

export default { render };
