#include "tessera/cli/pages/page_frame.h"

namespace tessera::cli::pages {

std::string_view segment_style() {
  return R"css(
h2 + .card, h2 + .grid, .hint + .card { margin-top: 12px; }
section > .card + .legend { margin-top: 16px; }
.table { overflow-x: auto; margin: 0 -4px; padding: 0 4px; }
table { border-collapse: collapse; width: 100%; font-size: .9375rem; }
th, td { padding: 7px 14px 7px 0; text-align: left; vertical-align: baseline;
  border-bottom: 1px solid var(--line); }
th:last-child, td:last-child { padding-right: 0; }
tbody tr:last-child > * { border-bottom: 0; }
thead th { color: var(--soft); font-size: .8125rem; font-weight: 500; white-space: nowrap; }
tbody th { font-weight: 500; }
th small, td small { display: block; color: var(--soft); font-size: .8125rem; font-weight: 400; }
.number { text-align: right; white-space: nowrap; }
tr.accent > th, tr.accent > td.number { color: var(--lite); font-weight: 620; }
.bar-cell { width: 34%; min-width: 64px; }
.score-bar { display: block; height: 8px; border-radius: 4px; background: var(--heat-ground);
  overflow: hidden; min-width: 56px; }
.score-bar i { display: block; height: 100%; border-radius: 4px; background: var(--dense); }
tr.accent .score-bar i, .images .score-bar i { background: var(--lite); }
.mark-name { fill: var(--ink); }
.notes { margin: 16px 0 0; padding-left: 36px; }
.notes li + li { margin-top: 4px; }
.case { display: grid; gap: 16px 20px; grid-template-columns: minmax(0, 1fr) minmax(0, 4.6fr);
  margin-top: 12px; align-items: start; }
.case h3 { font-size: .9375rem; }
.case .facts { grid-template-columns: repeat(2, auto); justify-content: start; gap: 4px 20px;
  margin: 10px 0 0; }
.panes { display: grid; gap: 10px; grid-template-columns: repeat(3, minmax(0, 1fr)); }
.pane { margin: 0; min-width: 0; }
.pane img { display: block; width: 100%; height: auto; border-radius: 8px; background: #000; }
.pane figcaption { font-size: .8125rem; font-weight: 400; color: var(--soft); padding: 4px 1px 0; }
.can-enlarge .pane img { cursor: zoom-in; }
.panes.open { grid-template-columns: minmax(0, 1fr); max-width: 720px; }
.panes.open .pane img { cursor: zoom-out; }
.key { display: inline-block; width: 12px; height: 12px; border-radius: 3px; margin-right: 6px;
  vertical-align: -1px; border: 1px solid #0004; }
.key.outline { background: transparent !important; border-width: 2.5px; }
.images { max-height: 540px; overflow: auto; }
.images thead th { position: sticky; top: 0; background: var(--card); z-index: 1;
  box-shadow: inset 0 -1px var(--line); border-bottom: 0; }
.images th[scope=row] { max-width: 260px; overflow: hidden; text-overflow: ellipsis;
  white-space: nowrap; font-weight: 400; }
.images .bar-cell { width: 22%; }
th button { border: 0; background: none; padding: 2px 0; color: inherit; font-weight: inherit;
  font-size: inherit; border-radius: 3px; }
th button:hover { color: var(--ink); }
th[aria-sort=ascending] button::after { content: " ↑"; }
th[aria-sort=descending] button::after { content: " ↓"; }
th[aria-sort] button { color: var(--ink); }
code { font: .8125rem/1.5 ui-monospace, "SF Mono", Menlo, Consolas, "Liberation Mono", monospace;
  overflow-wrap: anywhere; }
.files td { vertical-align: top; overflow-wrap: anywhere; }
.files td:first-child { white-space: nowrap; color: var(--soft); }
.notice { margin-top: 40px; border-left: 4px solid var(--dense); border-radius: 4px 12px 12px 4px; }
@media (max-width: 760px) {
  .case { grid-template-columns: minmax(0, 1fr); gap: 10px; }
  .case header { display: flex; flex-wrap: wrap; gap: 2px 16px; align-items: baseline;
    justify-content: space-between; }
  .case header > div:first-child { min-width: 0; }
  .case h3 { -webkit-line-clamp: 1; }
  .case .meta { margin: 0; }
  .case .facts { margin: 0; }
  .case .facts b { font-size: 1rem; }
  .panes { gap: 6px; }
  .pane img { border-radius: 5px; }
  th, td { padding: 6px 10px 6px 0; }
  .hide-narrow { display: none; }
  .images th[scope=row] { max-width: 34vw; }
  .files thead { display: none; }
  .files td { display: block; border: 0; padding: 0; white-space: normal; }
  .files tr { display: block; padding: 8px 0; border-bottom: 1px solid var(--line); }
}
)css";
}

// Sorts a table by the column whose button is pressed, the other way when pressed again, and lays a
// case's pictures under each other when one is pressed.
std::string_view segment_script() {
  return R"js(
"use strict";
function valueOf(row, column) {
  const cell = row.cells[column];
  return cell.dataset.value === undefined ? cell.textContent : +cell.dataset.value;
}
document.querySelectorAll("table.sortable").forEach((table) => {
  const heads = [...table.tHead.rows[0].cells], body = table.tBodies[0];
  heads.forEach((head, column) => {
    const name = head.textContent;
    if (!name) return;
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = name;
    head.replaceChildren(button);
    button.onclick = () => {
      const isUp = head.getAttribute("aria-sort") !== "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", isUp ? "ascending" : "descending");
      const rows = [...body.rows].sort((a, b) => {
        const left = valueOf(a, column), right = valueOf(b, column);
        const order = typeof left === "number" ? left - right : left.localeCompare(right);
        return isUp ? order : -order;
      });
      body.append(...rows);
    };
  });
});
document.querySelectorAll(".panes").forEach((panes) => {
  panes.classList.add("can-enlarge");
  const toggle = () => panes.classList.toggle("open");
  panes.querySelectorAll("img").forEach((image) => {
    image.tabIndex = 0;
    image.onclick = toggle;
    image.onkeydown = (event) => { if (event.key === "Enter") toggle(); };
  });
});
)js";
}

}  // namespace tessera::cli::pages
