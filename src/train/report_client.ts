// What runs in the page of a report, and how it looks. Text, since it goes into the file.

export const REPORT_STYLE = `
:root { --fg: #1d232b; --bg: #fff; --soft: #5b6570; --line: #d5dae0; --hit: #2f7d4f; --miss: #c2442d; }
@media (prefers-color-scheme: dark) { :root { --fg: #e4e8ec; --bg: #15191e; --soft: #9aa5b1; --line: #363e47; --hit: #4da873; --miss: #e0674f; } }
@media print { :root { --fg: #000; --bg: #fff; --soft: #444; --line: #bbb; --hit: #2f7d4f; --miss: #c2442d; } }
* { box-sizing: border-box; }
body { margin: 0; color: var(--fg); background: var(--bg); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 76rem; margin: 0 auto; padding: 1.5rem; }
h1 { font-size: 1.6rem; margin: 0 0 .5rem; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; }
.notes { white-space: pre-wrap; color: var(--soft); overflow-wrap: anywhere; }
.error { border-left: 4px solid var(--miss); padding: .25rem .75rem; overflow-wrap: anywhere; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
caption { text-align: left; color: var(--soft); padding-bottom: .25rem; }
th, td { border: 1px solid var(--line); padding: .15rem .6rem; text-align: right; }
th[scope=row], td, li, .u-legend { overflow-wrap: anywhere; }
th { font-weight: 600; }
th[scope=row] { text-align: left; }
.scroll, pre { overflow-x: auto; }
.confusion td { --tint: var(--miss); background: color-mix(in srgb, var(--tint) calc(var(--share) * 100%), var(--bg)); }
.confusion td.hit { --tint: var(--hit); }
.confusion td.strong { color: var(--bg); font-weight: 600; }
pre { font: 12px/1.45 ui-monospace, monospace; border: 1px solid var(--line); padding: .75rem; }
section:has(figure) { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 30rem), 1fr)); gap: 1rem; }
section:has(figure) h2 { grid-column: 1 / -1; margin-bottom: 0; }
figure { margin: 0; min-width: 0; break-inside: avoid; }
figcaption { font-weight: 600; }
.axis { color: var(--soft); font-weight: 400; }
.u-legend { font-size: 12px; }
.u-legend th, .u-legend td { border: 0; }
@media print {
  main { max-width: none; padding: 0; }
  pre { white-space: pre; font-size: 8px; }
  tr, figure { break-inside: avoid; }
  .confusion td { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  section:has(figure) { display: block; }
}
`;

export const REPORT_SCRIPT = `
(() => {
  "use strict";
  const charts = JSON.parse(document.getElementById("charts").textContent);
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const looks = {
    light: { text: "#1d232b", grid: "#d5dae0", lines: ["#1f6fb2", "#d1661b", "#2f7d4f", "#8a4fb0", "#b3283b", "#6b7280", "#0f8b8d", "#9a6b00"] },
    dark: { text: "#e4e8ec", grid: "#363e47", lines: ["#6bb1ee", "#f0a060", "#6fc492", "#c79be8", "#f0808d", "#a7b0ba", "#5fd0d2", "#e0b84c"] },
  };
  const dashes = [[], [6, 4], [2, 3]];
  let made = [];

  function number(v) {
    if (v == null) return "";
    const short = Number(v.toPrecision(5));
    return short !== 0 && Math.abs(short) < 1e-3 ? short.toExponential() : String(short);
  }

  function draw(holder, chart, look, width) {
    const tables = chart.series.map((s) => [s.x, s.y]);
    const axis = { stroke: look.text, grid: { stroke: look.grid, width: 1 }, ticks: { stroke: look.grid, width: 1 } };
    const series = chart.series.map((s, i) => ({
      label: s.label,
      stroke: look.lines[i % look.lines.length],
      dash: dashes[Math.floor(i / look.lines.length) % dashes.length],
      width: 1.5,
      points: { show: s.x.length <= 60, size: 4 },
      value: (_, v) => number(v),
    }));
    const options = {
      width,
      height: 260,
      scales: { x: { time: false }, y: { distr: chart.log ? 3 : 1 } },
      axes: [{ ...axis, label: "step", labelSize: 20, labelGap: 0 }, { ...axis, size: 70, values: (_, ticks) => ticks.map(number) }],
      series: [{ label: "step" }, ...series],
      legend: { live: true },
    };
    // Steps that only other lines have are no gaps in a line; values that were not finite are.
    return new uPlot(options, uPlot.join(tables), holder);
  }

  function drawAll(look, width) {
    for (const plot of made) plot.destroy();
    made = [...document.querySelectorAll(".chart")].map((holder) =>
      draw(holder, charts[Number(holder.dataset.chart)], look, width ?? Math.max(280, holder.clientWidth)),
    );
  }

  const onScreen = () => drawAll(dark.matches ? looks.dark : looks.light);
  onScreen();
  dark.addEventListener("change", onScreen);
  let pending = 0;
  addEventListener("resize", () => {
    cancelAnimationFrame(pending);
    pending = requestAnimationFrame(onScreen);
  });
  addEventListener("beforeprint", () => drawAll(looks.light, 680));
  addEventListener("afterprint", onScreen);
})();
`;
