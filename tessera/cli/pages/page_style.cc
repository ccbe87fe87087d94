#include "tessera/cli/pages/page_frame.h"

namespace tessera::cli::pages {

// One accent for everything lite or skipped, one grey for dense; the same in light and dark but
// for brightness. Sizes follow one scale; numbers have figures of equal width.
std::string_view style_sheet() {
  return R"css(
:root {
  --ground: #f8f7f4; --card: #ffffff; --ink: #1c2428; --soft: #5c686f; --line: #e3e0da;
  --lite: #0b7a75; --dense: #8a8378; --heat-ground: #f1efea; --shadow: 0 1px 2px #1c242812;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #13171a; --card: #1a2024; --ink: #e6eaeb; --soft: #96a2a8; --line: #2c353a;
    --lite: #3cc8bd; --dense: #a39c90; --heat-ground: #12181b; --shadow: none;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--ground); color: var(--ink);
  font: 16px/1.55 ui-sans-serif, system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue",
    "Noto Sans", "Liberation Sans", Arial, sans-serif;
  font-variant-numeric: tabular-nums;
}
main { max-width: 1120px; margin: 0 auto; padding: 40px 24px 64px; }
h1 { font-size: clamp(1.5rem, 1.1rem + 1.8vw, 2.25rem); line-height: 1.2; font-weight: 620;
  letter-spacing: -.015em; margin: 6px 0 10px; text-wrap: balance; overflow-wrap: anywhere; }
h1.long { font-size: 1.1875rem; line-height: 1.4; font-weight: 560; letter-spacing: 0;
  text-wrap: pretty; }
h1.long, h3 { display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 5;
  overflow: hidden; }
h3 { -webkit-line-clamp: 3; }
h2 { font-size: 1.25rem; font-weight: 620; letter-spacing: -.01em; margin: 48px 0 4px; }
h3 { font-size: 1rem; font-weight: 600; margin: 0 0 2px; overflow-wrap: anywhere; }
p { margin: 0 0 12px; }
a { color: var(--lite); text-decoration-thickness: 1px; text-underline-offset: 3px; }
.eyebrow { color: var(--soft); font-size: .8125rem; letter-spacing: .06em;
  text-transform: uppercase; margin: 0; }
.eyebrow a { color: inherit; }
.meta, .hint { color: var(--soft); font-size: .875rem; }
.hint { max-width: 92ch; text-wrap: pretty; }
.lead { max-width: 70ch; font-size: 1.0625rem; color: var(--soft); }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 12px;
  padding: 18px 20px; box-shadow: var(--shadow); min-width: 0; }
.card > :last-child { margin-bottom: 0; }
.grid > .card { display: flex; flex-direction: column; }
.grid > .card > svg { margin-top: auto; }
.verdict { border-left: 4px solid var(--lite); border-radius: 4px 12px 12px 4px; font-size: 1.1875rem; line-height: 1.45;
  margin: 24px 0 16px; padding: 18px 22px; text-wrap: pretty; }
.grid { display: grid; gap: 16px; grid-template-columns: repeat(2, minmax(0, 1fr)); }
.stats { display: grid; gap: 12px; grid-template-columns: repeat(4, minmax(0, 1fr)); }
.stat { padding: 14px 18px; }
.stat .name { color: var(--soft); font-size: .8125rem; }
.stat .value { font-size: 1.75rem; font-weight: 620; letter-spacing: -.02em; line-height: 1.25; }
.stat .note { color: var(--soft); font-size: .8125rem; }
.stat.accent .value { color: var(--lite); }
.legend { display: flex; gap: 2px 16px; flex-wrap: wrap; color: var(--soft); font-size: .8125rem;
  margin: 0 0 8px; align-items: center; }
.dot { display: inline-block; width: 10px; height: 10px; border-radius: 3px; margin-right: 6px;
  background: var(--dense); }
.dot.lite { background: var(--lite); }
.ramp { display: inline-block; width: 120px; height: 10px; border-radius: 3px; margin: 0 6px;
  border: 1px solid var(--line); vertical-align: -1px;
  background: linear-gradient(90deg, transparent, var(--lite)), var(--heat-ground); }
svg { display: block; width: 100%; height: auto; }
svg text { fill: var(--soft); font-size: 12px; }
.tick-x, .axis-name { text-anchor: middle; }
.tick-y { text-anchor: end; }
line.grid { stroke: var(--line); stroke-width: 1; }
.line { fill: none; stroke: var(--dense); stroke-width: 2.25; stroke-linejoin: round;
  stroke-linecap: round; }
.line.lite { stroke: var(--lite); }
.point { fill: var(--dense); stroke: transparent; stroke-width: 12; }
.point.lite { fill: var(--lite); }
.point:hover { stroke: color-mix(in srgb, var(--lite) 25%, transparent); }
.mark { stroke: var(--soft); stroke-width: 1; stroke-dasharray: 3 3; }
.bar { fill: var(--lite); }
.bar:hover { opacity: .75; }
.heat-ground { fill: var(--heat-ground); }
.cells { shape-rendering: crispEdges; }
.cells rect { fill: color-mix(in srgb, var(--lite) calc(var(--s) * 1%), var(--heat-ground)); }
@supports not (color: color-mix(in srgb, red, blue)) {
  .cells rect { fill: var(--lite); fill-opacity: calc(var(--s) / 100); }
}
.cells rect:hover { stroke: var(--ink); stroke-width: 1.5; }
.heat.small { border-radius: 4px; }
.player { margin: 20px 0 0; }
.films { display: grid; gap: 12px; grid-template-columns: repeat(2, minmax(0, 1fr));
  position: relative; }
.films.single { grid-template-columns: minmax(0, 1fr); }
.film { margin: 0; min-width: 0; }
.screen { border-radius: 10px; overflow: hidden; background: #000; line-height: 0; }
.screen > * { width: 100%; height: auto; display: block; }
.screen .no-film { color: #b9c1c5; padding: 48px 12px; text-align: center; line-height: 1.5; }
figcaption { padding: 8px 2px 0; font-size: .9375rem; font-weight: 600; }
figcaption small { font-weight: 400; color: var(--soft); margin-left: 6px; }
.controls { display: flex; gap: 12px; align-items: center; margin: 10px 0 0; flex-wrap: wrap; }
.controls[hidden], .modes[hidden] { display: none; }
button { font: inherit; font-size: .875rem; color: var(--ink); background: var(--card);
  border: 1px solid var(--line); border-radius: 8px; padding: 5px 12px; cursor: pointer; }
button:hover { border-color: var(--soft); }
button:focus-visible, input:focus-visible, a:focus-visible { outline: 2px solid var(--lite);
  outline-offset: 2px; }
button.play { min-width: 76px; }
.seek { flex: 1; min-width: 100px; accent-color: var(--lite); }
.frame-count { color: var(--soft); font-size: .8125rem; min-width: 8ch; text-align: right; }
.modes { display: inline-flex; }
.modes button { border-radius: 0; margin-left: -1px; }
.modes button:first-child { border-radius: 8px 0 0 8px; }
.modes button:last-child { border-radius: 0 8px 8px 0; }
.modes button[aria-pressed=true] { background: var(--lite); border-color: var(--lite);
  color: var(--card); }
.films.wipe, .films.difference { grid-template-columns: minmax(0, 1fr); max-width: 760px;
  margin-inline: auto; isolation: isolate; }
.films.wipe .film, .films.difference .film { grid-area: 1 / 1; }
.films.wipe .film + .film .screen { clip-path: inset(0 0 0 var(--wipe, 50%)); }
.films.wipe .film + .film figcaption { text-align: right; }
.films.wipe { cursor: ew-resize; touch-action: pan-y; }
.films.wipe .screen, .films.difference .screen { border-radius: 0; }
.films.wipe::after { content: ""; position: absolute; top: 0; bottom: 36px; width: 2px;
  left: calc(var(--wipe, 50%) - 1px); background: #fff; box-shadow: 0 0 0 1px #0006; }
.films.difference { filter: brightness(4); }
.films.difference .film + .film .screen { mix-blend-mode: difference; }
.films.difference figcaption { visibility: hidden; }
dl.settings { display: grid; grid-template-columns: repeat(auto-fill, minmax(230px, 1fr));
  gap: 14px 24px; margin: 0; }
dl.settings div { min-width: 0; }
dl.settings .wide { grid-column: 1 / -1; }
dt { color: var(--soft); font-size: .8125rem; }
dd { margin: 0; overflow-wrap: anywhere; }
.demo { margin: 16px 0 0; display: grid; gap: 20px;
  grid-template-columns: minmax(0, 5fr) minmax(0, 3fr); align-items: start; }
.demo > header { grid-column: 1 / -1; }
.demo > header p:last-child { margin: 8px 0 0; }
.demo .player { margin: 0; }
.facts { display: grid; grid-template-columns: repeat(3, auto); gap: 4px 16px; margin: 0 0 14px;
  justify-content: space-between; }
.facts b { display: block; font-size: 1.25rem; font-weight: 620; letter-spacing: -.01em; }
.facts span { color: var(--soft); font-size: .8125rem; }
.pictures { display: grid; gap: 16px; margin-top: 16px;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 300px), 1fr)); }
.pictures .player { margin: 0 0 10px; }
.links { display: flex; gap: 16px; flex-wrap: wrap; margin: 10px 0 0; font-size: .9375rem; }
footer { margin-top: 48px; padding-top: 16px; border-top: 1px solid var(--line);
  color: var(--soft); font-size: .8125rem; }
@media (max-width: 760px) {
  main { padding: 24px 16px 48px; }
  .grid, .demo { grid-template-columns: minmax(0, 1fr); }
  .stats { grid-template-columns: repeat(2, minmax(0, 1fr)); }
  .stat { padding: 12px 14px; }
  .stat .value { font-size: 1.4375rem; }
  .card { padding: 14px; }
  .verdict { font-size: 1.0625rem; padding: 14px 16px; }
  .films { gap: 8px; }
  svg text { font-size: 15px; }
  figcaption { font-size: .875rem; }
  figcaption small { display: block; margin: 0; }
}
@media print { .controls { display: none; } .card { break-inside: avoid; } }
)css";
}

}  // namespace tessera::cli::pages
