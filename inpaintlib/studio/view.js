// What views have in common: they follow the model until they go, and show pictures and messages.

function follow(model) {
  const heard = [];
  const on = (event, run) => {
    model.on(event, run);
    heard.push([event, run]);
  };
  const hear = (names, run) => { // now, and at every change of one of the names
    on(names.map((name) => `change:${name}`).join(" "), run);
    run();
  };
  const forget = () => {
    for (const [event, run] of heard) model.off(event, run);
  };
  return { on, hear, forget };
}

const escaped = (text) => text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt()};`);

/** A menu's entries; a name may be a file's, with any signs. */
const options = (names) => names.map(escaped).map((name) => `<option value="${name}">${name}</option>`).join("");

function showPicture(image, bytes) {
  const old = image.src;
  if (bytes.byteLength) image.src = URL.createObjectURL(new Blob([bytes], { type: "image/png" }));
  else image.removeAttribute("src");
  if (old) setTimeout(() => URL.revokeObjectURL(old), 1000); // the old one shows until the new is decoded
}

/** What went wrong, or plain news: what is being read or was saved. */
function showMessage(paragraph, text) {
  paragraph.role = /^(Reading|Saved:) /.test(text) ? "status" : "alert";
  paragraph.textContent = text;
  paragraph.hidden = !text;
}
