"""The page's scripts without a browser, in Node.js: what is stopped, dropped and said, and when."""

import json
import shutil
import subprocess

import pytest

build = pytest.importorskip("web.build", reason="needs the extra `web`")

# a photo with nine far holes, and a network that answers in the same task, as onnxruntime-web does
WORKER = """
const said = [], asked = [];
globalThis.postMessage = (message) => said.push(message);
viewOf = async () => new ArrayBuffer(0);
const side = 900, mask = new Uint8Array(side * side);
for (const x of [100, 450, 800]) for (const y of [100, 450, 800]) mask[y * side + x] = 1;
photo = { width: side, height: side, data: new Uint8ClampedArray(4 * side * side).fill(99) };
known = false; // no scores: they are not what is asked here
let methods = ["original", "net"], running = 0;
const predict = async (image) => {
  asked.push(running);
  return image.slice();
};
networks = { get: async () => ({ size: 128, predict }) };
const fill = (id) => onmessage({ data: { id, ask: "fill", methods, mask, number: id } });
const until = async (finished) => {
  while (!finished()) await new Promise((go) => setTimeout(go));
};
"""


def node(tmp_path, *parts: str):
    """What the parts, one script, give to `report`."""
    if shutil.which("node") is None:
        pytest.skip("Node.js is not installed")
    path = tmp_path / "script.js"
    report = "const report = (value) => console.log(JSON.stringify(value));"
    path.write_text("\n".join([report, *parts]), "utf-8")
    done = subprocess.run(["node", str(path)], text=True, capture_output=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_newer_stroke_stops_the_fill_that_runs(tmp_path):
    found = node(
        tmp_path,
        build.worker_script(),
        WORKER,
        """
        fill(1);
        setTimeout(() => { fill(2); running = 2; }, 0); // a message: not before this task ends
        until(() => said.length === 2).then(() => report([said, asked]));
        """,
    )
    (first, second), windows = found
    assert first == {"id": 1, "answer": None}
    assert second["answer"]["rows"][1]["method"] == "net"
    assert windows.count(2) == 9
    assert len(windows) < 18, "the first fill was stopped"


def test_another_picture_stops_the_fill_that_runs_and_a_later_fill_is_answered(tmp_path):
    found = node(
        tmp_path,
        build.worker_script(),
        WORKER,
        """
        decode = async () => photo;
        fill(1);
        setTimeout(() => onmessage({ data: { id: 2, ask: "upload", name: "a.png" } }), 0);
        until(() => said.length === 2)
          .then(() => fill(3))
          .then(() => until(() => said.length === 3))
          .then(() => report(said.map(({ id, answer }) => [id, answer && Object.keys(answer)])));
        """,
    )
    stopped, upload, answered = found
    assert stopped == [1, None]
    assert "full_width" in upload[1]
    assert "pictures" in answered[1]


def test_a_long_harmonic_fill_lets_messages_in_and_stops(tmp_path):
    found = node(
        tmp_path,
        build.worker_script(),
        """
        const side = 700, hole = new Uint8Array(side * side).fill(1);
        for (let x = 0; x < side; x++) hole[x] = 0;
        const planes = Float32Array.from({ length: side * side }, (_, p) => p / side / side);
        let heard = false;
        setTimeout(() => (heard = true), 0);
        extend(planes, hole, side, side, () => heard).then(async (stopped) => {
          const line = await extend([1, 0, 0, 0, 5], [0, 1, 1, 1, 0], 5, 1);
          report([heard, stopped, [...line].map((value) => Math.round(value * 1e6) / 1e6)]);
        });
        """,
    )
    assert found == [True, None, [1, 2, 3, 4, 5]]
