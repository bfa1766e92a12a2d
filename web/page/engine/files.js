// Where the page's files come from: beside the page, or inside it. Files that end in .gz are
// unpacked here, so that no server needs to know of compression.

class Files {
  /** `inside`: name to base64, for the page in one file; else everything is fetched from `base`. */
  constructor(base, inside, onProgress) {
    Object.assign(this, { base, inside, onProgress, under: new Map() });
  }

  /** The content of a file as bytes; `size` is how many are expected, for the progress. */
  async bytes(name, size = 0) {
    const packed = this.inside ? fromBase64(this.inside[name]) : await this.fetch(name, size);
    const zipped = packed[0] === 0x1f && packed[1] === 0x8b; // else a server has unpacked it already
    return zipped ? unzip(packed) : packed;
  }

  /** An address that a module can be imported from. */
  address(name) {
    if (!this.inside) return new URL(name, this.base).href;
    return URL.createObjectURL(new Blob([fromBase64(this.inside[name])], { type: "text/javascript" }));
  }

  async fetch(name, size) {
    if (size) this.progress(name, 0, size);
    try {
      return await this.read(name, size);
    } catch (error) { // of the browser's own, which names no file
      throw new Error(`${name} could not be fetched (${error.message}): are you offline? Try again, or reload the page`);
    } finally {
      if (size) this.progress(name, size, size, true);
    }
  }

  async read(name, size) {
    const answer = await fetch(new URL(name, this.base));
    if (!answer.ok) throw new Error(answer.status);
    const parts = [], reader = answer.body.getReader();
    let loaded = 0;
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      parts.push(value);
      loaded += value.length;
      if (size) this.progress(name, Math.min(size, loaded), size); // more, where a server has unpacked it
    }
    return new Uint8Array(await new Blob(parts).arrayBuffer());
  }

  /** Of all that is being fetched now; what is done counts until everything is. */
  progress(name, loaded, total, done = false) {
    this.under.set(name, { loaded, total, done });
    const all = [...this.under.values()], sum = (key) => all.reduce((number, one) => number + one[key], 0);
    const finished = all.every((one) => one.done);
    if (finished) this.under.clear();
    this.onProgress(finished ? null : { loaded: sum("loaded"), total: sum("total") });
  }
}

function fromBase64(text) {
  const letters = atob(text), bytes = new Uint8Array(letters.length);
  for (let i = 0; i < letters.length; i++) bytes[i] = letters.charCodeAt(i);
  return bytes;
}

async function unzip(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
