// Draws how long the last runs took, one beside the other. The same stands below it as a table; a click goes to a run.
"use strict";
(() => {
  const STATES = ["succeeded", "failed", "other"];
  const HEIGHT = 220;
  const WIDE = 100;  // the longest so many times the shortest: then on a logarithmic scale
  let chart = null;
  let drawn = "";

  function took(seconds) {
    if (seconds < 1) return `${+(seconds * 1000).toPrecision(3)} ms`;
    if (seconds < 120) return `${+seconds.toPrecision(3)} s`;
    return seconds < 7200 ? `${+(seconds / 60).toPrecision(3)} min` : `${+(seconds / 3600).toPrecision(3)} h`;
  }

  // Colours are told by elements: canvases know nothing of style sheets.
  function colours(figure) {
    const of = (which) => getComputedStyle(figure.querySelector(which)).color;
    return {
      succeeded: of(".glyph.succeeded"), failed: of(".glyph.failed"), other: of(".glyph.cancelled"),
      text: of("figcaption"), line: getComputedStyle(figure.querySelector(".trend")).borderTopColor,
    };
  }

  function kind(state) {
    return STATES.includes(state) ? state : "other";
  }

  function marks(data, colour) {
    return (u) => {
      const { ctx } = u;
      const size = 3.2 * devicePixelRatio;
      ctx.save();
      ctx.lineWidth = 1.8 * devicePixelRatio;
      data.took.forEach((seconds, n) => {
        const x = u.valToPos(n, "x", true);
        const y = u.valToPos(seconds, "y", true);
        const what = kind(data.state[n]);
        ctx.strokeStyle = ctx.fillStyle = colour[what];
        ctx.beginPath();
        if (what === "failed") {
          ctx.moveTo(x - size, y - size); ctx.lineTo(x + size, y + size);
          ctx.moveTo(x + size, y - size); ctx.lineTo(x - size, y + size);
          ctx.stroke();
        } else {
          ctx.arc(x, y, size, 0, 2 * Math.PI);
          if (what === "succeeded") ctx.fill(); else ctx.stroke();
        }
      });
      ctx.restore();
    };
  }

  function limits(data, colour) {
    return (u) => {
      const { ctx, bbox } = u;
      ctx.save();
      ctx.strokeStyle = ctx.fillStyle = colour.text;
      ctx.font = `${11 * devicePixelRatio}px system-ui, sans-serif`;
      ctx.textAlign = "left";
      ctx.setLineDash([4 * devicePixelRatio, 4 * devicePixelRatio]);
      let last = Infinity;
      for (const name of ["p50", "p95"]) {
        if (data[name] === null) continue;
        const y = u.valToPos(data[name], "y", true);
        ctx.beginPath();
        ctx.moveTo(bbox.left, y);
        ctx.lineTo(bbox.left + bbox.width, y);
        ctx.stroke();
        if (last - y > 12 * devicePixelRatio) {
          ctx.fillText(name, bbox.left + 4 * devicePixelRatio, y - 4 * devicePixelRatio);
          last = y;
        }
      }
      ctx.restore();
    };
  }

  function draw(figure) {
    const host = figure.querySelector(".trend");
    const data = JSON.parse(host.dataset.trend);
    const colour = colours(figure);
    const told = figure.querySelector("output");
    const day = (n) => new Date(data.at[n] * 1000).toLocaleString("sv-SE");
    const when = (n) => (n in data.at ? day(n).slice(5, 16) : null);
    const shortest = Math.min(...data.took.filter((seconds) => seconds > 0));
    const wide = Math.max(...data.took) / shortest > WIDE && data.took.every((seconds) => seconds > 0);
    const axis = { stroke: colour.text, grid: { stroke: colour.line, width: 1 }, ticks: { stroke: colour.line, width: 1 } };
    if (chart !== null) chart.destroy();
    chart = new uPlot({
      width: host.clientWidth,
      height: HEIGHT,
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false }, points: { show: false } },
      scales: { x: { time: false, range: [-0.5, data.at.length - 0.5] }, y: wide ? { distr: 3 } : { range: (u, min, max) => [0, (max || 1) * 1.1] } },
      axes: [{ ...axis, grid: { show: false }, space: 90, incrs: [1, 2, 5, 10, 20, 50], values: (u, ticks) => ticks.map(when) }, { ...axis, grid: { ...axis.grid, show: !wide }, size: 70, values: (u, ticks) => ticks.map((tick) => (tick === null ? null : took(tick))) }],
      series: [{}, { paths: () => null, points: { show: false } }],
      hooks: {
        draw: [limits(data, colour), marks(data, colour)],
        setCursor: [(u) => {
          const n = u.cursor.idx;
          if (n === null || n === undefined) return;
          const text = `${day(n)}: ${data.state[n]}, ${took(data.took[n])}`;
          if (told.value !== text) told.value = text;
        }],
      },
    }, [data.at.map((at, n) => n), data.took], host);
    chart.over.addEventListener("click", () => {
      const n = chart.cursor.idx;
      if (n !== null && n !== undefined) location.href = `/runs/${encodeURIComponent(data.run[n])}`;
    });
  }

  function redraw(anew) {
    const figure = document.querySelector("figure.chart");
    if (figure === null) return;
    const host = figure.querySelector(".trend");
    const now = host.dataset.trend;
    if (!anew && now === drawn && host.hasChildNodes()) return;
    drawn = now;
    draw(figure);
  }

  document.addEventListener("triphammer:updated", () => redraw(false));
  document.addEventListener("triphammer:theme", () => redraw(true));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => redraw(true));
  addEventListener("resize", () => redraw(true));
  redraw(true);
})();
