// What the reader does to the painter: mouse, pen, touch, wheel, keyboard, buttons, files.

const KEYS = { b: "brush", e: "eraser", r: "rectangle", l: "lasso", Delete: "clear", Backspace: "clear", "+": "in", "=": "in", "-": "out" };
const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const NOTCH = Math.log(1.2); // the most that one turn zooms; a pinch on a trackpad sends many small ones
const MARGIN = 12; // pixels of the screen around the canvas where a stroke may begin
const PEN_ERASER = 32; // the bit of PointerEvent.buttons

function listen(page) {
  listenToButtons(page);
  listenToPointers(page);
  page.stage.addEventListener("keydown", (event) => press(page, event));
  page.root.addEventListener("keydown", (event) => travel(page, event));
  page.stage.addEventListener("blur", () => leave(page));
  page.find("view").addEventListener("wheel", (event) => turn(page, event), { passive: false });
}

function act(page, name) {
  const acts = {
    undo: () => page.go(-1),
    redo: () => page.go(1),
    clear: () => page.clear(),
    in: () => page.setZoom(page.state.zoom * 1.5),
    out: () => page.setZoom(page.state.zoom / 1.5),
    upload: () => page.find("file").click(),
    save: () => savePicture(page.maskPicture(), "mask.png"),
  };
  (acts[name] ?? (() => page.use(name)))();
}

function listenToButtons(page) {
  page.root.addEventListener("click", (event) => {
    const { do: name, kind } = event.target.closest("button")?.dataset ?? {};
    if (name) act(page, name);
    if (kind) {
      const size = Number(page.find("amount").value), seed = Number(page.find("seed").value);
      page.ask({ request: "hole", kind, size, seed });
    }
  });
  const choose = () => {
    const number = Math.max(0, Math.floor(Number(page.find("number").value) || 0));
    page.ask({ request: "picture", source: page.find("source").value, number });
  };
  page.find("source").addEventListener("change", choose);
  page.find("number").addEventListener("change", choose);
  page.find("size").addEventListener("input", (event) => page.setSize(event.target.value));
  page.find("file").addEventListener("change", (event) => {
    if (event.target.files[0]) upload(page, event.target.files[0]);
    event.target.value = ""; // so that the same file can be chosen again
  });
  page.root.addEventListener("dragover", (event) => event.preventDefault());
  page.root.addEventListener("drop", (event) => {
    event.preventDefault();
    if (event.dataTransfer.files[0]) upload(page, event.dataTransfer.files[0]);
  });
}

async function upload(page, file) {
  const largest = page.model.get("largest_upload");
  if (file.size > largest) {
    const size = (file.size / 1e6).toFixed(1);
    page.say(`${file.name}: the file has ${size} MB; expected at most ${largest / 1e6} MB: shrink it first`);
  } else {
    page.ask({ request: "upload", name: file.name }, [await file.arrayBuffer()], `Reading ${file.name} …`);
  }
}

function savePicture(canvas, name) {
  canvas.toBlob((blob) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  });
}

// pointers: one draws, two fingers zoom, the middle button moves the picture ---------------------

function listenToPointers(page) {
  const { stage } = page;
  page.root.addEventListener("pointerdown", (event) => {
    if (event.target === stage || beside(page, event)) down(page, event);
  });
  stage.addEventListener("pointermove", (event) => move(page, event));
  stage.addEventListener("pointerup", (event) => lift(page, event, () => page.finish()));
  stage.addEventListener("pointercancel", (event) => lift(page, event, () => page.drop()));
  stage.addEventListener("pointerleave", () => {
    page.over = null;
    page.drawCursor();
  });
}

/** Whether the mouse or a pen goes down just outside the picture, where nothing else is; a finger scrolls there. */
function beside(page, { target, button, pointerType, clientX: x, clientY: y }) {
  const { left, right, top, bottom } = page.find("view").getBoundingClientRect();
  return button === 0 && pointerType !== "touch" && !target.closest("button, label, .ip-view") &&
    x > left - MARGIN && x < right + MARGIN && y > top - MARGIN && y < bottom + MARGIN;
}

function pixelAt(page, event) {
  const box = page.stage.getBoundingClientRect();
  return {
    x: ((event.clientX - box.left) * page.width) / box.width,
    y: ((event.clientY - box.top) * page.height) / box.height,
  };
}

function down(page, event) {
  if (event.button === 2) return;
  event.preventDefault();
  page.stage.focus({ preventScroll: true });
  movePen(page, null);
  page.stage.setPointerCapture(event.pointerId);
  page.pointers.set(event.pointerId, event);
  const erase = event.shiftKey || Boolean(event.buttons & PEN_ERASER);
  if (page.pointers.size > 1) page.drop();
  else if (event.button !== 1) {
    const { x, y } = pixelAt(page, event);
    page.begin({ x: Math.min(page.width, Math.max(0, x)), y: Math.min(page.height, Math.max(0, y)) }, erase);
  }
}

function move(page, event) {
  const before = page.pointers.get(event.pointerId);
  if (before && page.pointers.size === 2) pinch(page, before, event);
  else if (before && before.button === 1) page.find("view").scrollBy(-event.movementX, -event.movementY);
  else if (before && page.state.start) {
    const all = event.getCoalescedEvents?.() ?? [];
    for (const one of all.length ? all : [event]) page.extend(pixelAt(page, one));
  }
  if (before && before.button !== 1) page.pointers.set(event.pointerId, event);
  page.over = event.pointerType === "touch" ? null : pixelAt(page, event);
  page.redraw();
}

function lift(page, event, end) {
  page.pointers.delete(event.pointerId);
  if (!page.pointers.size) end();
}

function pinch(page, before, now) {
  const [other] = [...page.pointers.values()].filter((event) => event.pointerId !== now.pointerId);
  const apart = (event) => Math.hypot(event.clientX - other.clientX, event.clientY - other.clientY);
  const view = page.find("view"), box = view.getBoundingClientRect();
  const x = ((now.clientX + other.clientX) / 2 - box.left) / box.width;
  const y = ((now.clientY + other.clientY) / 2 - box.top) / box.height;
  page.setZoom((page.state.zoom * apart(now)) / Math.max(1, apart(before)), x, y);
  view.scrollBy((before.clientX - now.clientX) / 2, (before.clientY - now.clientY) / 2);
}

/** The wheel sets the brush once the canvas has been clicked, else the page would not scroll. */
function turn(page, event) {
  if (event.ctrlKey || event.metaKey) {
    event.preventDefault();
    const box = page.find("view").getBoundingClientRect();
    const x = (event.clientX - box.left) / box.width, y = (event.clientY - box.top) / box.height;
    const change = -event.deltaY * (event.deltaMode ? 0.06 : 0.004); // in lines or in pixels
    page.setZoom(page.state.zoom * Math.exp(Math.min(NOTCH, Math.max(-NOTCH, change))), x, y);
  } else if (event.deltaY && document.activeElement === page.stage) {
    event.preventDefault();
    page.setSize(page.size - Math.sign(event.deltaY));
  }
}

// keyboard ---------------------------------------------------------------------------------------

function press(page, event) {
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (event.ctrlKey || event.metaKey) return; // heard by `travel`
  if (MOVES[key]) steer(page, MOVES[key], event.shiftKey ? 8 : 1);
  else if (key === " " || key === "Enter") setDownOrLift(page);
  else if (key === "Escape") page.drop();
  else if (key === "[" || key === "]") page.setSize(page.size + (key === "[" ? -1 : 1));
  else if (key === "0") page.setZoom(1);
  else if (KEYS[key]) act(page, KEYS[key]);
  else return;
  event.preventDefault();
}

/** Undo and redo, from every part of the painter but a field with an undo of its own. */
function travel(page, event) {
  if (!(event.ctrlKey || event.metaKey) || event.target.matches("input:not([type=range])")) return;
  const key = event.key.toLowerCase();
  if (key !== "z" && key !== "y") return;
  act(page, key === "y" || event.shiftKey ? "redo" : "undo");
  event.preventDefault();
}

/** The keyboard goes elsewhere: a stroke that it has begun ends here, else it would never. */
function leave(page) {
  if (page.pen) page.finish();
  movePen(page, null);
}

function movePen(page, pen) {
  page.pen = pen;
  page.drawCursor();
}

function steer(page, [dx, dy], step) {
  const { x, y } = page.pen ?? page.over ?? { x: page.width / 2, y: page.height / 2 };
  const clip = (position, size) => Math.min(size - 0.5, Math.max(0.5, Math.floor(position) + 0.5));
  movePen(page, { x: clip(x + dx * step, page.width), y: clip(y + dy * step, page.height) });
  if (page.state.start) page.extend(page.pen);
  page.redraw();
  const view = page.find("view"); // zoomed in, it goes where the pen goes
  const along = (first, at, length) => Math.min(at - length / 4, Math.max(at - (3 * length) / 4, first));
  view.scrollLeft = along(view.scrollLeft, (page.pen.x / page.width) * view.scrollWidth, view.clientWidth);
  view.scrollTop = along(view.scrollTop, (page.pen.y / page.height) * view.scrollHeight, view.clientHeight);
}

function setDownOrLift(page) {
  if (!page.pen) steer(page, [0, 0], 0);
  if (page.state.start) page.finish();
  else page.begin(page.pen);
}
