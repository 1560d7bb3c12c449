// Draws results that are charts with uPlot; the same stands below as numbers.
"use strict";
(() => {
  const HUES = ["#1d5fa8", "#c2570c", "#176d41", "#8a3ffc", "#b42318", "#00727a", "#805a00", "#a0186e"];
  const DARK = ["#79b3f5", "#fb923c", "#4ac483", "#be95ff", "#ff8a7a", "#4fd1d9", "#e2b44c", "#ff7eb6"];
  const drawn = new Map();

  function token(name) {
    const probe = document.createElement("span");
    probe.style.color = `var(${name})`;
    document.body.append(probe);
    const color = getComputedStyle(probe).color;
    probe.remove();
    return color;
  }

  function isDark() {
    const [r, g, b] = token("--paper").match(/[\d.]+/g).map(Number);
    return r + g + b < 384;
  }

  function draw(figure) {
    const source = document.getElementById(figure.dataset.chart);
    const place = document.getElementById(figure.dataset.chart + "-live");
    if (!source || !place) return;
    const dark = isDark(), key = source.textContent + dark + place.clientWidth;
    if (drawn.get(place)?.key === key && place.childElementCount) return;
    drawn.get(place)?.plot.destroy();
    const data = JSON.parse(source.textContent), hues = dark ? DARK : HUES;
    const soft = token("--soft"), line = token("--line");
    const axis = { stroke: soft, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 } };
    const names = data.labels.length && !data.time;
    const bars = data.kind === "bars" ? uPlot.paths.bars({ size: [0.7, 60] }) : undefined;
    const plot = new uPlot({
      width: Math.max(place.clientWidth, 240), height: 260,
      scales: { x: { time: data.time } },
      axes: [
        names ? { ...axis, values: (_, at) => at.map((x) => data.labels[x] ?? "") } : axis,
        { ...axis, size: 60 },
      ],
      series: [
        names ? { label: "x", value: (_, x) => data.labels[x] ?? "" } : { label: data.time ? "time" : "x" },
        ...Object.keys(data.series).map((label, n) => ({
          label, stroke: hues[n % hues.length], width: 2, paths: bars,
          fill: bars ? hues[n % hues.length] + "66" : undefined, points: { show: data.x.length < 60 },
        })),
      ],
    }, [data.x, ...Object.values(data.series)], place);
    drawn.set(place, { key, plot });
  }

  function all() {
    for (const figure of document.querySelectorAll("[data-chart]")) draw(figure);
  }

  document.getElementById("main").addEventListener("triphammer:updated", all);
  let later = 0;
  addEventListener("resize", () => { clearTimeout(later); later = setTimeout(all, 150); });
  document.addEventListener("triphammer:theme", all);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", all);
  all();
})();
