// The worker: keeps the picture, fills it, scores the fill. A newer request for a fill or a picture
// makes older fills stale: one that waits is not begun, one that runs stops before its next window.

const ORIGINAL = "original";
let files, networks, facts, colours;
let photo = null, known = true; // the picture, and whether what it shows in a hole is the truth
let uploaded = null; // name and content of the last upload
let saved = null; // the right answer, its picture at its own size
let newest = 0;

const answers = {
  async start({ base, inside }) {
    files = new Files(base, inside, (progress) => postMessage({ progress }));
    facts = JSON.parse(new TextDecoder().decode(await files.bytes("studio.json")));
    networks = new Networks(files, facts);
    colours = Uint8Array.from(facts.colours);
    return facts;
  },

  async picture({ source, number }) {
    const names = facts.pictures[source];
    if (!names) return answers.upload(uploaded); // chosen in the menu again
    photo = await decode(await files.bytes(names[number % names.length]), source);
    known = true;
    return { ...(await shown()), number: number % names.length };
  },

  async upload({ name, content }) {
    photo = await decode(content, name);
    known = false;
    uploaded = { name, content };
    return { ...(await shown()), number: 0 };
  },

  async hole({ kind, size, seed, height, width }) {
    return drawHole(kind, size, seed, height, width);
  },

  async fill({ methods, mask, number }) {
    const stale = () => number !== newest, view = viewSize(photo);
    if (stale() || mask.length !== view.height * view.width) return null; // a picture came meanwhile
    const full = maskOf(mask, view, photo);
    const hidden = count(full);
    if (hidden === full.length) throw new Error("the mask is all hole: leave something known");
    const found = [];
    for (const method of methods) {
      await pause();
      if (stale()) return null;
      found.push(await fillWith(method, full, hidden, stale));
      if (!found.at(-1)) return null;
    }
    const [left, right] = found;
    saved = right;
    const scored = known && right.method !== ORIGINAL;
    const map = scored && errorMap(toPlanes(right.picture), toPlanes(photo), photo.width, photo.height, colours);
    return {
      pictures: await Promise.all([viewOf(left.picture), viewOf(right.picture)]),
      errors: map ? await viewOf(map) : new ArrayBuffer(0),
      scaled: view.width !== photo.width || view.height !== photo.height,
      rows: found.map(({ method, milliseconds, scores }) => ({ method, milliseconds, scores })),
    };
  },

  async save() {
    return { method: saved.method, png: await pngOf(saved.picture) };
  },
};

async function shown() {
  const { width, height } = viewSize(photo);
  return { width, height, full_width: photo.width, full_height: photo.height, picture: await viewOf(photo) };
}

/** One method's answer: { method, picture, milliseconds, scores }; null when it is no longer wanted. */
async function fillWith(method, mask, hidden, stale) {
  if (method === ORIGINAL) return { method, picture: photo };
  const network = method in SIMPLE ? null : await networks.get(method); // loaded outside the clock
  const start = performance.now();
  let picture = photo;
  if (hidden && network) {
    picture = await inpaint(photo, mask, network, stale);
  } else if (hidden) {
    const planes = await SIMPLE[method](toPlanes(photo), mask, photo.width, photo.height, stale);
    picture = planes && withPlanes(photo, planes, mask);
  }
  if (!picture) return null;
  const milliseconds = performance.now() - start;
  if (!known || !hidden) return { method, picture, milliseconds };
  const found = scores(toPlanes(picture), toPlanes(photo), mask, photo.width, photo.height);
  return { method, picture, milliseconds, scores: found };
}

let chain = Promise.resolve(); // one request after the other
onmessage = ({ data: { id, ask, ...content } }) => {
  if (ask === "fill") newest = content.number;
  if (ask === "picture" || ask === "upload") newest = Infinity; // until the page asks for its fill
  chain = chain.then(async () => {
    try {
      postMessage({ id, answer: await answers[ask](content) });
    } catch (error) {
      postMessage({ id, error: error.message || String(error) });
    }
  });
};
