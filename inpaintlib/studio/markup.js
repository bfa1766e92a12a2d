// The painter's elements.

const ICONS = {
  brush: "M4 20c3 0 5-1 5-4a2.6 2.6 0 0 0-5-1c0 2-1 3-2 4 1 .7 1.4 1 2 1zM9 13 19.5 3.2a1.3 1.3 0 0 1 1.8 1.8L11.5 15.5",
  eraser: "m8.5 20-5-5a1.7 1.7 0 0 1 0-2.4l9-9a1.7 1.7 0 0 1 2.4 0l5 5a1.7 1.7 0 0 1 0 2.4l-9 9zM20 20H8.5M8 8l8 8",
  rectangle: "M4 6h16v12H4z",
  lasso: "M12 4c5 0 9 2.5 9 6s-4 6-9 6-9-2.5-9-6 4-6 9-6zM7 15.5c-2 .5-2.5 3 0 3 2 0 2 2.5-.5 2.5",
  undo: "M9 5 4 10l5 5M4 10h10a5.5 5.5 0 0 1 0 11h-3",
  redo: "m15 5 5 5-5 5M20 10H10a5.5 5.5 0 0 0 0 11h3",
  clear: "M4 7h16M9 7V4h6v3M6 7l1 14h10l1-14M10 11v6M14 11v6",
  upload: "M12 16V4M7 9l5-5 5 5M4 16v4h16v-4",
  save: "M12 4v12M7 11l5 5 5-5M4 16v4h16v-4",
  out: "M5 12h14",
  in: "M5 12h14M12 5v14",
};
const TOOLS = { brush: "Brush (B)", eraser: "Eraser (E)", rectangle: "Rectangle (R)", lasso: "Lasso (L)" };

const button = (icon, label) => `<button type="button" data-do="${icon}" title="${label}"
  aria-label="${label}"><svg viewBox="0 0 24 24" aria-hidden="true"><path d="${ICONS[icon]}"/></svg></button>`;

const page = (sources, kinds) => `
  <div class="ip-bar">
    <select class="ip-source" aria-label="Picture">${options(sources)}</select>
    <input class="ip-number" type="number" min="0" step="1" aria-label="Number of the picture">
    ${button("upload", "Open a picture of yours (or drop it on the canvas)")}
    <input class="ip-file" type="file" accept="image/*" hidden>
  </div>
  <p class="ip-message" role="alert" hidden></p>
  <div class="ip-work">
    <div class="ip-tools" role="toolbar" aria-label="Painting tools" aria-orientation="vertical">
      ${Object.entries(TOOLS).map(([tool, label]) => button(tool, label)).join("")}
      <hr>${button("undo", "Undo (Ctrl+Z)")}${button("redo", "Redo (Ctrl+Shift+Z)")}
      ${button("clear", "Clear (Delete)")}
      <hr>${button("in", "Zoom in (+)")}${button("out", "Zoom out (−)")}
    </div>
    <div class="ip-view"><div class="ip-stage" tabindex="0" role="application">
      <canvas class="ip-picture"></canvas><canvas class="ip-mask"></canvas>
      <svg class="ip-cursor" aria-hidden="true"><circle/><path/></svg>
    </div></div>
  </div>
  <div class="ip-bar ip-below">
    <label>Brush <input class="ip-size" type="range" min="1" step="1"></label>
    <output class="ip-pixels"></output>
    <div class="ip-end"><span class="ip-hole">Hole <strong></strong></span>
      ${button("save", "Save the mask as PNG (white = hole)")}</div>
  </div>
  <details class="ip-draw"><summary>Draw a hole</summary>
    <div class="ip-kinds">${kinds.map((name) => `<button type="button" data-kind="${name}">${name}</button>`).join("")}</div>
    <div class="ip-bar"><label>Size <input class="ip-amount" type="range" min="0.05" max="0.95" step="0.05" value="0.5"></label>
      <label>Seed <input class="ip-seed" type="number" min="0" step="1" value="0"></label></div>
  </details>
  <p class="ip-status" role="status"></p>`;
