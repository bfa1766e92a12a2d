// The studio in a page: painter and comparison of the notebook, with a worker in the kernel's place.

const EMPTY = new DataView(new ArrayBuffer(0));
const NOTHING = { left_picture: EMPTY, right_picture: EMPTY, errors: EMPTY, rows: [] }; // after a failure
const SIDES = ["height", "width"];
const LARGEST_UPLOAD = 100e6; // bytes: nothing is sent anywhere
const SHELL = `<div class="inpaint-studio"><div><p class="ip-loading">Loading the studio …</p></div><div></div></div>`;
const FETCHING = `<div class="ip-fetching" hidden><span>Fetching the network, once</span>
  <progress aria-label="Fetching the network" max="1" value="0"></progress><span class="ip-loaded"></span></div>`;

/**
 * Show the studio in an element. Resolves when the first fill is shown.
 * `base`: where studio.json is; `inside`: the files themselves, for the page in one file.
 */
export async function mount(root, { base = new URL(".", import.meta.url).href, inside = null } = {}) {
  root.classList.add("inpaint-web");
  root.innerHTML = SHELL;
  try {
    const studio = new Studio(root, workerOf(base, inside));
    await studio.start({ base, inside });
    return studio;
  } catch (error) {
    root.innerHTML = `<p class="ip-failed" role="alert"></p>`;
    root.querySelector(".ip-failed").textContent = `The studio could not be started: ${error.message}`;
    throw error;
  }
}

/** The worker's script: a file beside the page, or the one inside it. */
function workerOf(base, inside) {
  if (!inside) return new URL("worker.js", base);
  const bytes = Uint8Array.from(atob(inside["worker.js"]), (letter) => letter.charCodeAt(0));
  return URL.createObjectURL(new Blob([bytes], { type: "text/javascript" }));
}

class Studio {
  constructor(root, script) {
    this.root = root;
    this.newest = 0;
    this.engine = new Engine(script, (progress) => this.showProgress(progress));
  }

  async start(where) {
    this.facts = await this.engine.ask("start", where);
    const { networks, pictures, start, kinds, methods, best } = this.facts;
    const [source] = Object.keys(pictures);
    this.drawn = true;
    const shown = await this.engine.ask("picture", { source, number: 0 });
    const { height, width } = shown;
    const mask = await this.engine.ask("hole", { ...start, height, width });
    const picture = new DataView(shown.picture);
    this.painter = new Model({
      ...shown, picture, mask_bytes: new DataView(mask.buffer), source, kinds,
      sources: Object.keys(pictures), numbered: [source], stroke: 0, received: 0, message: "",
      largest_upload: LARGEST_UPLOAD,
    }, (names) => this.painted(names), (content, buffers) => this.asked(content, buffers));
    this.comparison = new Model({
      choices: ["original", ...methods, ...networks.map(({ name }) => name)], left: "original", right: best,
      left_picture: picture, right_picture: picture, errors: EMPTY, rows: [], scaled: false, working: "", message: "",
    }, () => this.fill(), () => this.save());
    const [left, right] = this.root.querySelector(".inpaint-studio").children;
    painterView.render({ model: this.painter, el: left });
    comparisonView.render({ model: this.comparison, el: right });
    right.querySelector(".ip-frame").insertAdjacentHTML("beforeend", FETCHING); // where a fill is awaited
    await this.fill();
  }

  painted(names) {
    if (!names.includes("stroke")) return;
    this.painter.push({ received: this.painter.get("stroke") });
    this.fill();
  }

  async asked(content, buffers) {
    try {
      await this.answer(content, buffers);
      this.painter.push({ message: "" });
    } catch (error) {
      this.painter.push({ message: error.message });
    }
    this.fill(); // after a failure too: a picture that was asked for has stopped the fill that ran
  }

  async answer({ request, ...content }, buffers) {
    if (request === "hole") {
      const [height, width] = SIDES.map((name) => this.painter.get(name));
      const mask = await this.engine.ask("hole", { ...content, height, width });
      if (this.hasSize({ height, width })) this.painter.push({ mask_bytes: new DataView(mask.buffer) });
    } else {
      const upload = request === "upload", name = upload ? content.name : "";
      const shown = await this.engine.ask(request, upload ? { ...content, content: buffers[0] } : content, buffers);
      this.show(shown, upload ? "upload" : content.source, name);
    }
  }

  show(shown, source, name) {
    const { height, width } = shown;
    this.file = name && `${name.replace(/\.[^.]*$/, "")}-filled`; // what an upload is saved as
    const mask = this.hasSize(shown) ? {} : { mask_bytes: new DataView(new ArrayBuffer(height * width)) };
    const drawn = source === Object.keys(this.facts.pictures)[0];
    if (drawn !== this.drawn) this.comparison.push({ right: this.counterpart(this.comparison.get("right"), drawn) });
    this.drawn = drawn; // with pictures of the same kind the reader's own choice stays
    this.painter.push({ ...shown, ...mask, source, picture: new DataView(shown.picture) });
  }

  /** Whether what is painted on has this size still: another picture may have come meanwhile. */
  hasSize(size) {
    return SIDES.every((side) => size[side] === this.painter.get(side));
  }

  /** The network of the same family that learned from such pictures, if there is one. */
  counterpart(name, drawn) {
    const { networks } = this.facts, now = networks.find((one) => one.name === name);
    const other = now && networks.find((one) => one.family === now.family && one.drawn === drawn);
    return other ? other.name : name;
  }

  /** Ask for a new answer; the newest request wins. */
  async fill() {
    const number = ++this.newest, view = this.painter.get("mask_bytes");
    const mask = new Uint8Array(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));
    const methods = ["left", "right"].map((side) => this.comparison.get(side));
    this.comparison.push({ working: methods[1] });
    performance.mark("fill", { detail: number });
    let answer;
    try {
      answer = await this.engine.ask("fill", { methods, mask, number });
    } catch (error) {
      if (number === this.newest) this.comparison.push({ ...NOTHING, working: "", message: error.message });
      return;
    }
    if (number !== this.newest) return;
    if (!answer) return this.comparison.push({ working: "" }); // stopped by a picture that is on its way
    performance.measure("filled", { start: performance.getEntriesByName("fill").at(-1).startTime, detail: answer.rows });
    const [left, right] = answer.pictures.map((picture) => new DataView(picture));
    this.comparison.push({
      left_picture: left, right_picture: right, errors: new DataView(answer.errors), scaled: answer.scaled,
      rows: answer.rows.map((row) => ({ ...inWords(row), file: this.file || row.method })), working: "", message: "",
    });
  }

  /** A picture larger than shown, at its own size. */
  async save() {
    try {
      const { png } = await this.engine.ask("save");
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob([png], { type: "image/png" }));
      link.download = `${this.comparison.get("rows").at(-1).file}.png`;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
    } catch (error) {
      this.comparison.push({ message: error.message });
    }
  }

  showProgress(progress) {
    this.comparison.push({ fetching: Boolean(progress) });
    const place = this.root.querySelector(".ip-fetching");
    if (place) place.hidden = !progress;
    if (!place || !progress) return;
    const megabytes = (bytes) => (bytes / 1e6).toFixed(1);
    place.querySelector("progress").value = progress.loaded / progress.total;
    place.querySelector(".ip-loaded").textContent = `${megabytes(progress.loaded)} of ${megabytes(progress.total)} MB`;
  }
}

function duration(milliseconds) {
  return milliseconds < 1000 ? `${milliseconds.toFixed(0)} ms` : `${(milliseconds / 1000).toFixed(1)} s`;
}

/** Numbers as the reader sees them; a dash where there is none. */
function inWords({ method, milliseconds, scores }) {
  const number = (name, digits, unit = "") => {
    if (!scores || !Number.isFinite(scores[name])) return "–";
    return `${scores[name].toFixed(digits)}${unit}`;
  };
  return {
    method, PSNR: number("PSNR", 1, " dB"), SSIM: number("SSIM", 3), sharpness: number("sharpness", 2), L1: number("L1", 3),
    time: milliseconds === undefined ? "–" : duration(milliseconds),
  };
}
