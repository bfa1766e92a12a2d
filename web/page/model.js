// What anywidget gives the painter and the comparison in a notebook: a model with traits and events.

class Model {
  /** `saved(names)`: the reader changed traits; `asked(content, buffers)`: a button was pressed. */
  constructor(traits, saved, asked) {
    Object.assign(this, { traits, saved, asked, heard: [], changed: new Set() });
  }

  get(name) {
    return this.traits[name];
  }

  set(name, value) {
    this.traits[name] = value;
    this.changed.add(name);
  }

  save_changes() {
    const names = [...this.changed];
    this.changed.clear();
    this.tell(names);
    this.saved(names);
  }

  send(content, _callbacks, buffers = []) {
    this.asked(content, buffers);
  }

  on(events, run) {
    this.heard.push([events, run]);
  }

  off(events, run) {
    this.heard = this.heard.filter((pair) => pair[0] !== events || pair[1] !== run);
  }

  /** From the other side: several traits at once, then their events. */
  push(traits) {
    Object.assign(this.traits, traits);
    this.tell(Object.keys(traits));
  }

  tell(names) {
    for (const [events, run] of [...this.heard]) {
      if (events.split(" ").some((event) => names.includes(event.replace("change:", "")))) run();
    }
  }
}

/** The worker, asked as one asks a server: `ask("fill", …)` is a promise of the answer. */
class Engine {
  constructor(address, onProgress) {
    this.worker = new Worker(address); // not of the type "module": from a file Chromium refuses those
    this.waiting = new Map();
    this.last = 0;
    this.worker.onmessage = ({ data }) => {
      if ("progress" in data) return onProgress(data.progress);
      const [done, failed] = this.waiting.get(data.id);
      this.waiting.delete(data.id);
      if ("error" in data) failed(new Error(data.error));
      else done(data.answer);
    };
    this.worker.onerror = (event) => {
      const error = new Error(event.message || "this browser cannot run the studio's worker");
      for (const [, failed] of this.waiting.values()) failed(error);
      this.waiting.clear();
    };
  }

  ask(what, content = {}, handedOver = []) {
    const id = ++this.last;
    return new Promise((done, failed) => {
      this.waiting.set(id, [done, failed]);
      this.worker.postMessage({ id, ask: what, ...content }, handedOver);
    });
  }
}
