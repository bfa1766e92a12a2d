"""The page's scripts without a browser, in Node.js: what is stopped, dropped and said, and when."""

import html
import json
import re
import shutil
import subprocess

import pytest

from inpaintlib.studio.painter import sources_of

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


def test_a_download_that_breaks_names_its_file_and_its_progress_ends(tmp_path):
    found = node(
        tmp_path,
        build.worker_script(),
        """
        const seen = [], said = [];
        files = new Files("http://page/", null, (progress) => seen.push(progress));
        const broken = { read: async () => { throw new TypeError("network error"); } };
        const replies = [
          async () => { throw new TypeError("Failed to fetch"); },
          async () => ({ ok: false, status: 404 }),
          async () => ({ ok: true, body: { getReader: () => broken } }),
        ];
        (async () => {
          for (const answer of replies) {
            globalThis.fetch = answer;
            await files.bytes("models/net", 9).catch((error) => said.push(error.message));
            said.push(seen.at(-1));
          }
          report(said);
        })();
        """,
    )
    assert found[1::2] == [None] * 3
    for message, reason in zip(
        found[::2], ["Failed to fetch", "404", "network error"], strict=True
    ):
        assert message.startswith(f"models/net could not be fetched ({reason}): are you offline?")


def test_the_size_of_a_download_is_the_same_from_its_first_byte_to_its_last(tmp_path):
    found = node(
        tmp_path,
        build.worker_script(),
        """
        const seen = [];
        const parts = (name) => [1, 2].map(() => new Uint8Array(name === "wasm" ? 20 : 3));
        files = new Files("http://page/", null, (progress) => seen.push(progress));
        globalThis.fetch = async (address) => {
          const left = parts(new URL(address).pathname.slice(1));
          const read = async () => ({ done: !left.length, value: left.shift() });
          return { ok: true, body: { getReader: () => ({ read }) } };
        };
        Promise.all([files.bytes("wasm", 40), files.bytes("net", 5)]).then(() => report(seen));
        """,
    )
    *running, last = found[1:]  # both are asked for at once
    assert last is None
    assert {progress["total"] for progress in running} == {45}
    loaded = [progress["loaded"] for progress in running]
    assert loaded == sorted(loaded)
    assert loaded[-1] == 45, "a server that unpacks sends more"


def test_after_a_failure_nothing_is_shown_and_an_upload_is_saved_under_its_own_name(tmp_path):
    found = node(
        tmp_path,
        build.studio_script().replace("export async", "async").replace("import.meta.url", "''"),
        """
        const studio = Object.create(Studio.prototype), nothing = () => {}, seen = [];
        studio.newest = 0;
        studio.facts = { pictures: { drawn: [] }, networks: [] };
        studio.painter = new Model({ mask_bytes: EMPTY }, nothing, nothing);
        studio.comparison = new Model({ left: "original", right: "net" }, nothing, nothing);
        performance.mark = performance.measure = nothing;
        performance.getEntriesByName = () => [{}];
        const full = new ArrayBuffer(1), rows = [{ method: "original" }, { method: "net" }];
        const answer = { pictures: [full, full], errors: full, rows };
        const look = () => seen.push([
          studio.comparison.get("right_picture").byteLength, studio.comparison.get("message"),
          studio.comparison.get("rows").map(({ file }) => file),
        ]);
        (async () => {
          studio.engine = { ask: async () => answer };
          await studio.fill();
          look();
          studio.show({ height: 1, width: 1, picture: full }, "upload", "my.photo.jpg");
          await studio.fill();
          look();
          studio.engine = { ask: async () => { throw new Error("offline"); } };
          await studio.fill();
          look();
          report(seen);
        })();
        """,
    )
    assert found == [
        [1, "", ["original", "net"]],
        [1, "", ["my.photo-filled"] * 2],
        [0, "offline", []],
    ]


def test_a_hole_for_another_picture_is_dropped_and_an_answer_that_is_none_ends_the_wait(tmp_path):
    found = node(
        tmp_path,
        build.studio_script().replace("export async", "async").replace("import.meta.url", "''"),
        """
        const studio = Object.create(Studio.prototype), nothing = () => {};
        const size = { height: 2, width: 3, mask_bytes: new DataView(new ArrayBuffer(6)) };
        studio.newest = 0;
        studio.painter = new Model(size, nothing, nothing);
        studio.comparison = new Model({ left: "original", right: "net" }, nothing, nothing);
        studio.engine = { ask: async (what) => {
          if (what === "fill") return null;
          studio.painter.push({ height: 4 }); // another picture, meanwhile
          return new Uint8Array(6).fill(1);
        } };
        (async () => {
          await studio.asked({ request: "hole" });
          const kept = new Uint8Array(studio.painter.get("mask_bytes").buffer)[0];
          await studio.fill();
          report([kept, studio.comparison.get("working")]);
        })();
        """,
    )
    assert found == [0, ""]


def test_a_pinch_zooms_little_by_little_and_the_wheel_by_a_fifth(tmp_path):
    found = node(
        tmp_path,
        sources_of("input.js"),
        """
        const box = { left: 0, top: 0, width: 1, height: 1 };
        const zooms = [], page = {
          state: { zoom: 1 },
          find: () => ({ getBoundingClientRect: () => box }),
          setZoom: (zoom) => zooms.push(zoom),
        };
        for (const [deltaY, deltaMode] of [[-2, 0], [120, 0], [-3, 1], [0, 0]]) {
          const event = { ctrlKey: true, deltaY, deltaMode, clientX: 0, clientY: 0 };
          turn(page, { ...event, preventDefault() {} });
        }
        report(zooms);
        """,
    )
    assert found == pytest.approx([1.008, 1 / 1.2, 1.197, 1], abs=1e-3)


def test_undo_is_heard_from_a_button_and_not_from_a_number_field(tmp_path):
    found = node(
        tmp_path,
        sources_of("input.js"),
        """
        const steps = [], page = { go: (step) => steps.push(step) };
        const pressed = (inField, key, shiftKey = false) => travel(page, {
          key, shiftKey, ctrlKey: true, target: { matches: () => inField }, preventDefault() {},
        });
        pressed(false, "z");
        pressed(true, "z");
        pressed(false, "Z", true);
        pressed(false, "y");
        pressed(false, "b");
        report(steps);
        """,
    )
    assert found == [-1, 1, 1]


def test_pictures_of_another_kind_change_the_network_and_others_leave_the_readers_choice(tmp_path):
    found = node(
        tmp_path,
        build.studio_script().replace("export async", "async").replace("import.meta.url", "''"),
        """
        const studio = Object.create(Studio.prototype), nothing = () => {};
        const shown = { height: 2, width: 3 };
        const net = (drawn) => ({ name: drawn ? "net-drawn" : "net-celeba", family: "net", drawn });
        const facts = { networks: [net(true), net(false)], pictures: { faces: [], cat: [] } };
        Object.assign(studio, { drawn: true, facts });
        studio.painter = new Model({ ...shown, mask_bytes: null }, nothing, nothing);
        studio.comparison = new Model({ right: "net-drawn" }, nothing, nothing);
        const after = (source) => {
          studio.show({ ...shown, picture: new ArrayBuffer(6) }, source);
          return studio.comparison.get("right");
        };
        const names = [after("faces"), after("cat")];
        studio.comparison.push({ right: "net-drawn" }); // the reader's
        report([...names, after("upload"), after("faces")]);
        """,
    )
    assert found == ["net-drawn", "net-celeba", "net-drawn", "net-drawn"]


def test_a_files_name_is_shown_as_it_is(tmp_path):
    names = ["a  b.safetensors", '<b>&amp;"c"']
    found = node(
        tmp_path,
        sources_of("view.js"),
        f"report(options({json.dumps(names)}));",
    )
    values = re.findall('<option value="([^"]*)">([^<]*)</option>', found)
    assert [tuple(map(html.unescape, pair)) for pair in values] == [(name, name) for name in names]
