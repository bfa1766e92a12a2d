// The painter's page. The mask lives here while a stroke is drawn; the kernel gets it when it ends.

const HOLE = 0xcd8c29db; // images.HOLE_MARKER, a little transparent: alpha, blue, green, red
const HISTORY_BYTES = 64e6;
const PATIENCE = 10_000; // milliseconds without an answer until the reader is told
const SILENT = "The kernel has not answered for 10 seconds. It is busy, or it was restarted: then run this cell again.";
const GONE = "The kernel is gone or was restarted: run this cell again. Your mask is still here and can be saved.";

class Page {
  constructor(model, root) {
    this.model = model;
    root.classList.add("inpaint", "ip-painter");
    root.dataset.lmSuppressShortcuts = "true"; // else JupyterLab takes B, Delete and the like
    root.innerHTML = page(model.get("sources"), model.get("kinds"));
    this.find = (name) => root.querySelector(`.ip-${name}`);
    this.root = root;
    this.stage = this.find("stage");
    this.state = { tool: "brush", zoom: 1, start: null, points: [], last: null, erase: false };
    this.pointers = new Map();
    this.pen = null; // the keyboard's pen, in pixels
    this.clock = 0;
    this.resize();
    this.showPicture();
    this.hear();
    this.use("brush");
    listen(this);
  }

  // what the kernel says -----------------------------------------------------------------------

  hear() {
    this.heard = follow(this.model);
    const { on } = this.heard;
    on("change:picture", () => this.showPicture());
    on("change:mask_bytes", () => this.takeMask());
    on("change:source change:number", () => this.showSource());
    on("change:message", () => this.say(this.model.get("message")));
    on("change:received", () => {
      clearTimeout(this.clock);
      this.root.dataset.received = this.model.get("received"); // what tests and the benchmark wait for
      this.say(this.model.get("message"));
    });
    on("comm_live_update", () => this.say(GONE));
    this.say(this.model.get("message"));
  }

  forget() {
    clearTimeout(this.clock);
    this.heard.forget();
  }

  resize() {
    this.width = this.model.get("width");
    this.height = this.model.get("height");
    for (const canvas of [this.find("picture"), this.find("mask")]) {
      canvas.width = this.width;
      canvas.height = this.height;
    }
    this.find("cursor").setAttribute("viewBox", `0 0 ${this.width} ${this.height}`);
    this.find("view").style.setProperty("--ratio", this.width / this.height);
    const largest = Math.max(2, Math.floor(Math.min(this.width, this.height) / 2));
    this.find("size").max = largest;
    this.setSize(Math.round(largest / 5));
    this.mask = this.fromKernel();
    this.past = [this.mask.slice()];
    this.place = 0;
    this.pixels = new ImageData(this.width, this.height);
    this.stage.setAttribute("aria-label", `Canvas, ${this.width} by ${this.height} pixels. ` +
      "Arrow keys move the pen, space sets it down and lifts it, Escape drops the stroke.");
    this.status();
    this.redraw();
  }

  fromKernel() {
    const view = this.model.get("mask_bytes");
    return new Uint8Array(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));
  }

  takeMask() {
    if (this.model.get("width") * this.model.get("height") !== this.mask.length) return; // resize follows
    const mask = this.fromKernel();
    if (mask.length !== this.mask.length) return; // of another picture
    if (mask.every((value, place) => value === this.mask[place])) return;
    this.mask = mask;
    this.remember();
    this.redraw();
  }

  async showPicture() {
    if (this.model.get("width") !== this.width || this.model.get("height") !== this.height) this.resize();
    this.showSource();
    const picture = this.model.get("picture");
    const bitmap = await createImageBitmap(new Blob([picture], { type: "image/png" }));
    const newest = picture === this.model.get("picture"); // else an older one could be drawn last
    if (newest) this.find("picture").getContext("2d").drawImage(bitmap, 0, 0);
    bitmap.close();
  }

  showSource() {
    const source = this.model.get("source"), select = this.find("source");
    if (source && ![...select.options].some((option) => option.value === source)) select.add(new Option(source));
    select.value = source;
    this.find("number").value = this.model.get("number");
    this.find("number").hidden = !this.model.get("numbered").includes(source);
  }

  say(text) {
    showMessage(this.find("message"), text);
  }

  /** A request; what is said meanwhile takes an older message's place, and the answer takes its. */
  ask(content, buffers = [], meanwhile = "") {
    this.say(meanwhile);
    this.model.set("message", meanwhile);
    try {
      this.model.save_changes();
      this.model.send(content, undefined, buffers);
    } catch {
      this.say(GONE);
    }
  }

  // what the reader does: tools, history, zoom -------------------------------------------------

  use(tool) {
    this.drop();
    this.state.tool = tool;
    for (const name of Object.keys(TOOLS)) {
      this.root.querySelector(`[data-do=${name}]`).setAttribute("aria-pressed", name === tool);
    }
    this.drawCursor();
  }

  setSize(size) {
    const slider = this.find("size");
    slider.value = size;
    this.size = Number(slider.value);
    this.find("pixels").textContent = `${this.size} px`;
    this.drawCursor();
  }

  setZoom(zoom, x = 0.5, y = 0.5) {
    const view = this.find("view"), old = this.state.zoom;
    this.state.zoom = Math.min(16, Math.max(1, zoom));
    this.stage.style.width = `${100 * this.state.zoom}%`;
    const ratio = this.state.zoom / old; // the point at (x, y) of the view stays where it is
    view.scrollLeft = (view.scrollLeft + x * view.clientWidth) * ratio - x * view.clientWidth;
    view.scrollTop = (view.scrollTop + y * view.clientHeight) * ratio - y * view.clientHeight;
    this.root.classList.toggle("ip-near", this.state.zoom >= 4);
  }

  remember() {
    this.past.length = this.place + 1;
    this.past.push(this.mask.slice());
    while (this.past.length > 2 && this.past.length * this.mask.length > HISTORY_BYTES) this.past.shift();
    this.place = this.past.length - 1;
    this.status();
  }

  go(steps) {
    const place = this.place + steps;
    if (!this.past[place]) return;
    this.drop();
    this.place = place;
    this.mask = this.past[place].slice();
    this.redraw();
    this.send();
  }

  clear() {
    this.drop();
    this.mask.fill(0);
    this.remember();
    this.redraw();
    this.send();
  }

  send() {
    this.status();
    const mask = this.mask.slice();
    this.model.set("mask_bytes", new DataView(mask.buffer));
    this.model.set("painted", [this.height, this.width]);
    this.model.set("stroke", this.model.get("stroke") + 1);
    this.root.dataset.sent = this.model.get("stroke");
    clearTimeout(this.clock);
    this.clock = setTimeout(() => this.say(SILENT), PATIENCE);
    try {
      this.model.save_changes();
    } catch {
      this.say(GONE);
    }
  }

  status() {
    const share = `${((100 * count(this.mask)) / this.mask.length).toFixed(1)} %`;
    this.find("status").textContent = `Hole ${share}`;
    this.root.querySelector("[data-do=undo]").disabled = !this.past[this.place - 1];
    this.root.querySelector("[data-do=redo]").disabled = !this.past[this.place + 1];
  }

  /** The mask as a black and white canvas as large as the picture, so that `fill` takes it: white = hole. */
  maskPicture() {
    const shown = this.shownMask(), canvas = document.createElement("canvas");
    canvas.width = this.model.get("full_width");
    canvas.height = this.model.get("full_height");
    const context = canvas.getContext("2d");
    context.imageSmoothingEnabled = false;
    context.drawImage(shown, 0, 0, canvas.width, canvas.height);
    return canvas;
  }

  shownMask() {
    const canvas = document.createElement("canvas");
    canvas.width = this.width;
    canvas.height = this.height;
    const pixels = new ImageData(this.width, this.height), colours = new Uint32Array(pixels.data.buffer);
    this.mask.forEach((hole, place) => (colours[place] = hole ? 0xffffffff : 0xff000000));
    canvas.getContext("2d").putImageData(pixels, 0, 0);
    return canvas;
  }

  // a stroke: begin, extend, finish ------------------------------------------------------------

  begin(point, erase = false) {
    this.state.start = this.state.last = point;
    this.state.points = [point];
    this.state.erase = erase || this.state.tool === "eraser";
    if (this.freehand()) this.segment(point, point);
  }

  extend(point) {
    const { last } = this.state;
    this.state.last = point;
    if (this.freehand()) this.segment(last, point);
    else this.state.points.push(point);
  }

  finish() {
    const { tool, start, last, points } = this.state, value = this.state.erase ? 0 : 1;
    if (!start) return;
    if (tool === "rectangle") paintBox(this.mask, this.width, this.height, start, last, value);
    if (tool === "lasso") paintPolygon(this.mask, this.width, this.height, points, value);
    this.state.start = null;
    this.remember();
    this.redraw();
    this.send();
  }

  drop() {
    if (!this.state.start) return;
    this.state.start = null;
    this.mask = this.past[this.place].slice();
    this.redraw();
  }

  freehand() {
    return this.state.tool === "brush" || this.state.tool === "eraser";
  }

  segment(a, b) {
    const at = (point) => ({ x: snap(point.x, this.size), y: snap(point.y, this.size) });
    const value = this.state.erase ? 0 : 1;
    if (paintSegment(this.mask, this.width, this.height, at(a), at(b), this.size, value)) this.redraw();
  }

  // drawing, once a frame ----------------------------------------------------------------------

  redraw() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = undefined;
      const colours = new Uint32Array(this.pixels.data.buffer);
      for (let place = 0; place < this.mask.length; place++) colours[place] = this.mask[place] * HOLE;
      this.find("mask").getContext("2d").putImageData(this.pixels, 0, 0);
      const share = (100 * count(this.mask)) / this.mask.length;
      this.root.querySelector(".ip-hole strong").textContent = `${share.toFixed(1)} %`;
      this.drawCursor();
    });
  }

  drawCursor() {
    const [circle, path] = this.find("cursor").children, { start, last, points, tool } = this.state;
    const at = this.pen ?? this.over;
    const drawn = this.freehand();
    circle.setAttribute("r", at ? (drawn ? this.size / 2 : 0.5) : 0);
    if (at) {
      circle.setAttribute("cx", drawn ? snap(at.x, this.size) : at.x);
      circle.setAttribute("cy", drawn ? snap(at.y, this.size) : at.y);
    }
    let outline = "";
    if (start && tool === "rectangle") outline = `M${start.x} ${start.y}H${last.x}V${last.y}H${start.x}Z`;
    if (start && tool === "lasso") outline = `M${points.map((point) => `${point.x} ${point.y}`).join("L")}`;
    path.setAttribute("d", outline);
  }
}

export default {
  render({ model, el }) {
    const painter = new Page(model, el);
    return () => painter.forget();
  },
};
