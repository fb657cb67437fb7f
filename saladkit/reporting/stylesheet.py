"""The page's CSS. Series colours follow Okabe and Ito's palette, which colour-blind readers tell apart."""

STYLESHEET = """
:root { color-scheme: light dark;
  --page: #fbfaf8; --card: #ffffff; --ink: #1d2127; --soft: #5c6470; --line: #e3e1dc; --accent: #0072b2;
  --s0: #9aa1ab; --s1: #e69f00; --s2: #0072b2; --s3: #009e73; --s4: #cc79a7; --s5: #d55e00;
  --forgetting: #cc79a7; --misalignment: #56b4e9; --region: #8b93a0; --right: #00755a; }
@media (prefers-color-scheme: dark) { :root {
  --page: #14171b; --card: #1b1f24; --ink: #e8e9eb; --soft: #a0a8b3; --line: #2e343c; --accent: #56b4e9;
  --s0: #7d8590; --s1: #e8ab2c; --s2: #4aa3e0; --s3: #2bbd93; --s4: #d993b8; --s5: #ea8045;
  --forgetting: #d993b8; --misalignment: #56b4e9; --region: #858d99; --right: #45c9a1; } }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--page); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", sans-serif;
  overflow-wrap: break-word; }
main { max-width: 58rem; margin: 0 auto; padding: 2.5rem 1.25rem 4rem; }
header p.title { margin: 0 0 .75rem; color: var(--soft); font-size: .95rem; }
h1 { font-size: clamp(1.45rem, 1.1rem + 1.7vw, 2.15rem); line-height: 1.25; font-weight: 650; margin: 0 0 1rem;
  letter-spacing: -.012em; text-wrap: balance; }
header p.lead { font-size: 1.08rem; color: var(--soft); margin: 0 0 .6rem; max-width: 46rem; }
section { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 1.3rem 1.4rem 1.4rem;
  margin-top: 1.5rem; }
h2 { font-size: 1.2rem; line-height: 1.3; margin: 0 0 .35rem; font-weight: 650; }
h3 { font-size: .98rem; margin: 1.3rem 0 .35rem; font-weight: 650; }
p { margin: .35rem 0 .8rem; } section > p { max-width: 46rem; color: var(--soft); }
p.note { font-size: .88rem; } small { color: var(--soft); font-size: .8rem; font-weight: 400; }
.scroll { overflow-x: auto; margin: .6rem -.2rem 0; padding: 0 .2rem; }
table { border-collapse: collapse; width: 100%; font-size: .93rem; font-variant-numeric: tabular-nums;
  overflow-wrap: normal; }
th, td { padding: .5rem .65rem; text-align: right; border-bottom: 1px solid var(--line); vertical-align: top; }
thead th { color: var(--soft); font-weight: 500; font-size: .84rem; vertical-align: bottom; line-height: 1.3; }
th:first-child { text-align: left; padding-left: 0; } tbody th { font-weight: 600; }
tbody tr:last-child > * { border-bottom: 0; } td small, th small { display: block; white-space: nowrap; }
.results tbody th { min-width: 8.5rem; } td { white-space: nowrap; }
.swatch { display: inline-block; width: .78em; height: .78em; border-radius: 3px; margin-right: .45em;
  background: currentColor; vertical-align: -.04em; }
.legend { list-style: none; padding: 0; margin: .6rem 0 .2rem; display: flex; flex-wrap: wrap; gap: .2rem 1.2rem;
  font-size: .88rem; }
.swatch.s0 { background: var(--s0); } .swatch.s1 { background: var(--s1); } .swatch.s2 { background: var(--s2); }
.swatch.s3 { background: var(--s3); } .swatch.s4 { background: var(--s4); } .swatch.s5 { background: var(--s5); }
.swatch.forgetting { background: var(--forgetting); } .swatch.misalignment { background: var(--misalignment); }
.swatch.region { background: var(--region); }
.swatch.ceiling-swatch { width: 3px; height: 1em; border-radius: 0; background: var(--ink); margin: 0 .7em 0 .3em; }
.swatch.chance-swatch { width: 0; height: 1em; border-left: 2px dotted var(--soft); border-radius: 0;
  background: none; margin: 0 .7em 0 .3em; }
.swatch.dashed-swatch { width: 1.3em; height: 0; border-top: 2px dashed var(--soft); border-radius: 0;
  background: none; vertical-align: .25em; }
.chart { margin-top: .2rem; }
.row { display: grid; grid-template-columns: 10.5rem minmax(0, 1fr); align-items: center; column-gap: .9rem;
  font-size: .92rem; line-height: 1.3; font-variant-numeric: tabular-nums; }
.row.all { font-weight: 650; border-bottom: 1px solid var(--line); }
.row.with-number { grid-template-columns: 10.5rem minmax(0, 1fr) 3.4rem; }
.row.with-number > :last-child { text-align: right; }
.row.wide-number { grid-template-columns: 13rem minmax(0, 1fr) 9.5rem; }
.row.regions { grid-template-columns: minmax(0, 1.25fr) minmax(0, 1fr) minmax(0, 1fr); }
.row.regions:not(.heads) .label { padding: .25rem 0; }
.heads { font-size: .84rem; color: var(--soft); }
.heads b { font-weight: 500; }
svg { display: block; max-width: 100%; overflow: visible; } .row { overflow: hidden; padding: 0 2px; }
svg .grid { stroke: var(--line); stroke-width: 1; } svg .zero { stroke: var(--soft); stroke-width: 1; }
svg .chance { stroke: var(--soft); stroke-width: 1.5; stroke-dasharray: 1.5 3; }
svg .whisker { stroke: var(--ink); stroke-width: 1.25; opacity: .55; }
svg .ceiling { stroke: var(--ink); stroke-width: 2.5; }
svg .tick { fill: var(--soft); font-size: 12px; font-variant-numeric: tabular-nums; }
rect.s0 { fill: var(--s0); } rect.s1 { fill: var(--s1); } rect.s2 { fill: var(--s2); }
rect.s3 { fill: var(--s3); } rect.s4 { fill: var(--s4); } rect.s5 { fill: var(--s5); }
rect.forgetting { fill: var(--forgetting); } rect.misalignment { fill: var(--misalignment); }
rect.region, rect.step { fill: var(--region); }
.curve { fill: none; stroke-width: 2.2; vector-effect: non-scaling-stroke; stroke-linejoin: round; }
.curve.raw { stroke-width: 1; opacity: .3; } .curve.dashed { stroke-width: 1.6; stroke-dasharray: 5 4; }
.curve.s0 { stroke: var(--s0); } .curve.s1 { stroke: var(--s1); } .curve.s2 { stroke: var(--s2); }
.curve.s3 { stroke: var(--s3); } .curve.s4 { stroke: var(--s4); } .curve.s5 { stroke: var(--s5); }
.panels { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 20rem), 1fr)); gap: .5rem 2rem; }
.panels h3 { margin-bottom: 0; }
details { margin-top: .9rem; font-size: .92rem; }
summary { cursor: pointer; color: var(--accent); width: fit-content; }
.questions { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 24rem), 1fr)); gap: 1rem;
  margin-top: .9rem; }
article { border: 1px solid var(--line); border-radius: 10px; padding: .95rem 1rem; }
article p { margin: 0 0 .5rem; } article .prompt { font-weight: 600; line-height: 1.4; min-height: 2.8em; }
article .about { color: var(--soft); font-size: .84rem; margin-bottom: .35rem; }
audio { width: 100%; height: 36px; margin: .1rem 0 .6rem; display: block; }
.choices { list-style: none; padding: 0; margin: 0; font-size: .92rem; }
.choices li { padding: .22rem 0; border-top: 1px solid var(--line); display: flex; gap: .6rem; align-items: baseline;
  justify-content: space-between; }
.choices .right { font-weight: 650; }
.choices .right > :first-child::after { content: "\\00a0\\2713"; color: var(--right); }
.votes { color: var(--soft); font-weight: 400; font-size: .84rem; display: flex; flex-wrap: wrap; gap: 0 .8rem;
  justify-content: flex-end; }
footer { color: var(--soft); font-size: .86rem; margin-top: 1.6rem; }
@media (max-width: 640px) {
  main { padding: 1.5rem .9rem 3rem; } section { padding: 1.05rem .95rem 1.1rem; border-radius: 10px; }
  .row, .row.with-number { grid-template-columns: 6.4rem minmax(0, 1fr); column-gap: .6rem; }
  .row.with-number { grid-template-columns: 6.4rem minmax(0, 1fr) 2.9rem; }
  .row.wide-number { grid-template-columns: 7.2rem minmax(0, 1fr) 4.6rem; font-size: .86rem; }
  .row.regions { grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); }
  .row.regions > .label { grid-column: 1 / -1; }
  .row.regions.heads > .label, .row.regions > .label:empty { display: none; }
  .label small, .wide-number small { display: block; }
  .row.regions svg { overflow: hidden; }
  .results th:first-child { position: sticky; left: 0; background: var(--card); }
  .results tbody th { min-width: 7rem; max-width: 7rem; } .results tbody th small { white-space: normal; }
  .row.regions:not(.heads) .label { padding: .45rem 0 0; } }
@media print { section { break-inside: avoid; } audio { display: none; } }
"""
