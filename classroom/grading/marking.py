"""The page on which written answers are marked in the browser; it writes `by-hand.csv`."""

import json
from html import escape
from pathlib import Path

import nbformat

from classroom.grading.by_hand import ByHand
from classroom.grading.pages import markdown, page_name, sources, write_page
from classroom.grading.tables import FORMULA
from classroom.grading.work import Graded, Work

HELP = """<p>Keys: <kbd>j</kbd> and <kbd>k</kbd> the next and the last answer, <kbd>0</kbd> to
<kbd>9</kbd> points, <kbd>h</kbd> half a point more, <kbd>c</kbd> a comment, <kbd>Esc</kbd> out of
it, <kbd>s</kbd> save. <button id=save>Save by-hand.csv</button> <span id=left></span><br>
Put the saved file into the folder of this page, in place of the old one, and run the command
again.</p>"""

SCRIPT = """
const data = JSON.parse(document.getElementById('rows').textContent);
const cards = [...document.querySelectorAll('section')];
let now = 0;
const rowOf = card => data.rows[card.dataset.row];
function show() {
  cards.forEach((card, i) => card.classList.toggle('now', i === now));
  if (cards[now]) cards[now].scrollIntoView({block: 'center'});
  const open = cards.filter(card => card.querySelector('input').value === '').length;
  document.getElementById('left').textContent = open + ' to mark';
}
cards.forEach((card, i) => {
  card.querySelectorAll('input, textarea').forEach(box => {
    box.oninput = () => { rowOf(card)[box.name] = box.value; show_count(); };
    box.onfocus = () => { now = i; cards.forEach((c, j) => c.classList.toggle('now', j === i)); };
  });
});
function show_count() {
  const open = cards.filter(card => card.querySelector('input').value === '').length;
  document.getElementById('left').textContent = open + ' to mark';
}
function save() {
  const plain = text => data.formula.includes(text.charAt(0)) && text ? "'" + text : text;
  const quote = text => '"' + plain(String(text)).replaceAll('"', '""') + '"';
  const lines = data.rows.map(row => data.columns.map(name => quote(row[name] ?? '')).join(','));
  const text = '\\ufeff' + [data.columns.join(','), ...lines].join('\\r\\n') + '\\r\\n';
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([text], {type: 'text/csv'}));
  link.download = 'by-hand.csv';
  link.click();
}
document.getElementById('save').onclick = save;
document.onkeydown = event => {
  if (event.key === 'Escape') { document.activeElement.blur(); return; }
  if (['INPUT', 'TEXTAREA'].includes(document.activeElement.tagName)) return;
  if (event.ctrlKey || event.metaKey || event.altKey || !cards[now]) return;
  const box = cards[now].querySelector('input');
  const set = value => {
    box.value = Math.min(Number(box.max), value);
    rowOf(cards[now]).points = box.value; show_count();
  };
  if (event.key === 'j') { now = Math.min(now + 1, cards.length - 1); show(); }
  else if (event.key === 'k') { now = Math.max(now - 1, 0); show(); }
  else if (/^[0-9]$/.test(event.key)) set(Number(event.key));
  else if (event.key === 'h') set(Number(box.value || 0) + 0.5);
  else if (event.key === 'c') {
    cards[now].querySelector('textarea').focus(); event.preventDefault();
  }
  else if (event.key === 's') save();
};
show();
"""
STYLE = """section { margin: 2rem 0; padding: .4rem 0; } input { width: 5rem; }
textarea { width: 100%; }
kbd { border: 1px solid #cdd5dd; border-radius: 3px; padding: 0 .3rem; }"""


def write_marking_page(
    path: Path, graded: list[Graded], assignment: str, by_hand: ByHand, work: Work
) -> None:
    """Each question with its marking scheme, then all answers in a row, with fields for points."""
    title = f"Written answers · {assignment}"
    body = [f"<h1>{title}</h1>", HELP]
    source = nbformat.reads(work.reference(assignment).decode(), as_version=4)
    texts = sources(source)
    places = {key: place for place, key in enumerate(by_hand.rows)}
    for name in [name for name in texts if name.startswith("answer-")]:
        scheme = texts[name].replace("### BEGIN SOLUTION\n", "").replace("\n### END SOLUTION", "")
        question = markdown(texts[name.replace("answer", "question")])
        body.append(f"{question}<div class=scheme>{markdown(scheme)}</div>")
        for one in graded:
            if one.notebook is not None and one.scores.get(name, 0) is None:
                body.append(_card(one, name, by_hand, places[one.submission.student, name]))
    rows = list(by_hand.rows.values())
    data = {"columns": by_hand.columns, "rows": rows, "formula": FORMULA}
    # in a script element only `</` could end it
    text = json.dumps(data).replace("<", "\\u003c")
    body.append(f'<script type="application/json" id=rows>{text}</script>')
    body.append(f"<script>{SCRIPT}</script>")
    policy = "script-src 'unsafe-inline'"
    write_page(path, title, "\n".join(body), style=STYLE, policy=policy)


def _card(one: Graded, name: str, by_hand: ByHand, place: int) -> str:
    """One answer with its fields."""
    row = by_hand.rows[one.submission.student, name]
    answer = sources(one.notebook).get(name, "")
    link = f"code/{page_name(one)}"
    return (
        f"<section data-row={place}><h2>{escape(one.submission.student)} "
        f'<small><a href="{escape(link)}">code</a></small></h2>'
        f"<blockquote>{markdown(answer)}</blockquote>"
        f"<label>Points of {row['of']} "
        f"<input name=points type=number min=0 max={row['of']} step=0.5 "
        f'value="{escape(row["points"])}"></label>'
        f"<textarea name=comment rows=2 placeholder=Comment>{escape(row['comment'])}</textarea>"
        "</section>"
    )
