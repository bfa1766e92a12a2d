// Two pictures under one divider, an error map, a table of scores.

const SAVE = "M12 4v12M7 11l5 5 5-5M4 16v4h16v-4";
const COLUMNS = { method: "In the hole", PSNR: "PSNR ↑", SSIM: "SSIM ↑", sharpness: "Sharpness → 1", L1: "L1 ↓", time: "Time" };
const SLOW = 200; // milliseconds until the reader sees that work goes on

const page = (choices) => `
  <div class="ip-bar">
    <select class="ip-left" aria-label="Left picture">${options(choices)}</select>
    <span class="ip-versus" aria-hidden="true">versus</span>
    <select class="ip-right" aria-label="Method: right picture">${options(choices)}</select>
    <button type="button" class="ip-another" hidden>Another fill</button>
    <span class="ip-working" aria-hidden="true" hidden></span><span class="ip-status" role="status"></span>
    <button type="button" data-do="save" title="Save the right picture as PNG" aria-label="Save the right picture as PNG">
      <svg viewBox="0 0 24 24" aria-hidden="true"><path d="${SAVE}"/></svg></button>
  </div>
  <div class="ip-frames">
    <figure><div class="ip-frame">
        <img class="ip-under" alt="Right picture"><img class="ip-over" alt="Left picture">
        <span class="ip-name ip-name-left"></span><span class="ip-name ip-name-right"></span>
        <i aria-hidden="true"></i>
        <input class="ip-cut" type="range" min="0" max="100" step="0.5" value="50" aria-label="Divider between left and right">
      </div><figcaption>Drag to compare</figcaption>
      <p class="ip-unknown" hidden>An upload has no truth to score against.</p><p class="ip-message" role="alert" hidden></p></figure>
    <figure class="ip-error"><div class="ip-frame"><img class="ip-map" alt="Error map"></div>
      <figcaption><span>Error</span><span>0</span><b></b><span>≥ 0.5</span></figcaption></figure>
  </div>
  <table><thead><tr>${Object.values(COLUMNS).map((title) => `<th scope="col">${title}</th>`).join("")}</tr></thead><tbody></tbody></table>`;

function render({ model, el }) {
  el.classList.add("inpaint", "ip-comparison");
  el.dataset.lmSuppressShortcuts = "true";
  el.innerHTML = page(model.get("choices"));
  const find = (name) => el.querySelector(`.ip-${name}`);
  const save = el.querySelector("[data-do=save]");
  const { hear, forget } = follow(model);
  let clock;
  const announce = (text) => { // once: a screen reader reads every change
    if (find("status").textContent !== text) find("status").textContent = text;
  };

  hear(["left", "right"], () => {
    for (const side of ["left", "right"]) find(side).value = model.get(side);
  });
  for (const [name, place] of [["left_picture", "over"], ["right_picture", "under"], ["errors", "map"]]) {
    hear([name], () => showPicture(find(place), model.get(name)));
  }
  find("under").addEventListener("load", ({ target }) => { // its shape is the other two's
    el.style.setProperty("--ratio", target.naturalWidth / target.naturalHeight);
  });
  hear(["right_picture"], () => { // after a failure there is none
    const empty = !model.get("right_picture").byteLength;
    el.classList.toggle("ip-empty", empty);
    save.disabled = empty;
  });
  hear(["errors", "rows"], () => {
    const shown = model.get("rows").at(-1), none = !model.get("errors").byteLength;
    find("error").hidden = none && (shown || save.disabled); // before the first answer its place is kept
    find("unknown").hidden = !none || !shown || shown.method === "original";
  });
  hear(["rows"], () => showRows(el, model.get("rows")));
  hear(["draws"], () => (find("another").hidden = !model.get("draws")));
  find("another").addEventListener("click", () => {
    model.set("seed", model.get("seed") + 1);
    model.save_changes();
  });
  hear(["message"], () => showMessage(find("message"), model.get("message")));
  hear(["working", "fetching"], () => { // the page fetches a network first
    clearInterval(clock);
    const start = performance.now(), name = model.get("working");
    el.dataset.working = name; // at once: what tests wait for
    const tick = () => {
      const seconds = (performance.now() - start) / 1000, slow = name && !model.get("fetching") && seconds * 1000 >= SLOW;
      find("working").hidden = !slow;
      find("working").textContent = `working ${seconds.toFixed(1)} s`;
      if (slow) announce(`${name} is working`);
    };
    tick();
    if (name) clock = setInterval(tick, 100);
    else if (find("status").textContent) announce("Finished");
  });
  for (const side of ["left", "right"]) {
    find(side).addEventListener("change", (event) => {
      model.set(side, event.target.value);
      model.save_changes();
    });
  }
  find("cut").addEventListener("input", (event) => el.style.setProperty("--cut", `${event.target.value}%`));
  save.addEventListener("click", () => {
    if (model.get("scaled")) return model.send({ request: "save" }); // at its own size, on this computer
    const link = document.createElement("a");
    link.href = find("under").src;
    const shown = model.get("rows").at(-1); // not the menu's
    link.download = `${shown?.file ?? "original"}.png`;
    link.click();
  });
  return () => {
    clearInterval(clock);
    forget();
  };
}

function showRows(el, rows) {
  for (const [index, side] of ["left", "right"].entries()) {
    el.querySelector(`.ip-name-${side}`).textContent = rows[index]?.method ?? "";
  }
  const filled = rows.filter((row) => row.method !== "original");
  el.querySelector("table").hidden = !filled.some((row) => row.PSNR !== "–");
  el.querySelector("tbody").innerHTML = filled.map((row) => `<tr>${Object.keys(COLUMNS)
    .map((key, index) => (index ? `<td>${row[key]}</td>` : `<th scope="row">${escaped(row[key])}</th>`)).join("")}</tr>`).join("");
}

export default { render };
