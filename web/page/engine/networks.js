// The networks: fetched when they are first asked for, then kept.

/** How a network of a kind makes a prediction, planes (3, size, size), of planes and a hole. */
const PREDICTIONS = {
  async fill(ort, session, size, image, hidden) {
    const { prediction } = await session.run({
      image: new ort.Tensor("float32", image, [1, 3, size, size]),
      mask: new ort.Tensor("float32", hidden, [1, 1, size, size]),
    });
    return prediction.data;
  },
};

class Networks {
  /** `facts`: what studio.json says of the networks and of the runtime. */
  constructor(files, facts) {
    Object.assign(this, { files, facts, sessions: new Map() });
  }

  async runtime() {
    const { script, wasm, bytes } = this.facts.runtime;
    const [ort, binary] = await Promise.all([import(this.files.address(script)), this.files.bytes(wasm, bytes)]);
    ort.env.wasm.numThreads = 1; // more would need headers that not every server sends
    ort.env.wasm.wasmBinary = binary;
    return ort;
  }

  /** A network by name, ready: { size, predict(image, hidden) }. */
  async get(name) {
    if (!this.sessions.has(name)) {
      this.sessions.set(name, this.load(this.facts.networks.find((one) => one.name === name)));
      this.sessions.get(name).catch(() => this.sessions.delete(name)); // so that it can be tried again
    }
    return this.sessions.get(name);
  }

  async load({ kind, size, file, bytes }) {
    this.ort ??= this.runtime();
    this.ort.catch(() => (this.ort = undefined));
    const [ort, model] = await Promise.all([this.ort, this.files.bytes(file, bytes)]);
    const session = await ort.InferenceSession.create(model, { executionProviders: ["wasm"] });
    return { size, predict: (image, hidden) => PREDICTIONS[kind](ort, session, size, image, hidden) };
  }
}
