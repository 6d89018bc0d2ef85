/* Stacked bars by uPlot, with the colours of the theme and the words of the page.

   {{ data|json_script:"by-hour" }}
   <figure class="chart" data-series="by-hour" data-zone="{{ zone }}">
     <figcaption>…</figcaption>                      what it shows
     <div class="plot"></div>                        where it is drawn
   </figure>
   <details>… the same as a table, for those who cannot see it …</details>

   The data, a bar for each step of time:

   {"times": [1764072000, …],                        seconds since 1970, ascending
    "step": 3600,                                    how long each is
    "series": [{"label": "delivered",
                "colour": "delivered",               a token of vestnik.css, without its dashes
                "values": [12, …]}]}

   The page loads vendor/uPlot.min.css, vendor/uPlot.iife.min.js and this file, in that order. It
   is redrawn when the theme, the width or the data change. */
"use strict";

{
  const HEIGHT = 190;
  const FONT = "11px Inter, system-ui, sans-serif";
  const drawn = new Map();

  const language = () => document.documentElement.lang || "en";
  const token = (name) =>
    getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

  function clock(zone, seconds) {
    const form = { hour: "2-digit", minute: "2-digit", timeZone: zone };
    if (seconds < 900) form.second = "2-digit";
    if (seconds > 2 * 86400) Object.assign(form, { day: "numeric", month: "short" });
    const format = new Intl.DateTimeFormat(language(), { hourCycle: "h23", ...form });
    return (time) => format.format(new Date(time * 1000));
  }

  function short(value) {
    return value.toLocaleString(language(), { notation: "compact", maximumFractionDigits: 1 });
  }

  /* Each series is stacked on those before it. The highest is drawn first, so that lower ones cover
     it. */
  function stacked(series) {
    const heights = series[0].values.map(() => 0);
    return series
      .map((one) => ({ ...one, values: one.values.map((v, n) => (heights[n] += v)) }))
      .reverse();
  }

  function barOf(one) {
    const colour = token(one.colour);
    const paths = uPlot.paths.bars({ size: [0.72, 48, 1], align: 1, radius: 0 });
    return { label: one.label, fill: colour, stroke: colour, width: 0, paths, points: { show: false } };
  }

  function axes(format) {
    const ink = token("ink-soft");
    const common = { stroke: ink, font: FONT, ticks: { show: false } };
    const grid = { stroke: token("line"), width: 1 };
    return [
      { ...common, grid: { show: false }, size: 28, space: 64,
        values: (_, times) => onlyOnce(times.map(format)) },
      { ...common, grid, size: 60, space: 44, incrs: whole(),
        values: (_, values) => values.map(short) },
    ];
  }

  /* Closer ticks would repeat the same time. */
  function onlyOnce(labels) {
    return labels.map((label, place) => (label === labels[place - 1] ? "" : label));
  }

  /* Counts of messages are whole numbers. */
  function whole() {
    const found = [];
    for (let size = 1; size < 1e12; size *= 10) found.push(size, 2 * size, 5 * size);
    return found;
  }

  function legendOf(figure, data) {
    let list = figure.querySelector(".legend");
    if (!list) {
      list = document.createElement("ul");
      list.className = "legend";
      figure.append(list);
    }
    list.replaceChildren(...data.series.map((one) => {
      const item = document.createElement("li");
      const swatch = document.createElement("i");
      swatch.className = `swatch is-${one.colour}`;
      const value = document.createElement("span");
      value.className = "numeric";
      item.append(swatch, ` ${one.label} `, value);
      return item;
    }));
    const moment = document.createElement("li");
    list.append(moment);
    return (place, format) => {
      moment.textContent = place == null ? "" : format(data.times[place]);
      data.series.forEach((one, n) => {
        const shown = place == null ? "" : one.values[place].toLocaleString(language());
        list.children[n].lastChild.textContent = shown;
      });
    };
  }

  function draw(figure) {
    const source = document.getElementById(figure.dataset.series);
    const plot = figure.querySelector(".plot");
    if (!source || !plot) return;
    drawn.get(figure)?.destroy();
    const data = JSON.parse(source.textContent);
    const last = data.times.at(-1) + data.step;
    const format = clock(figure.dataset.zone, last - data.times[0]);
    const read = legendOf(figure, data);
    const series = stacked(data.series);
    const options = {
      width: Math.max(plot.clientWidth, 120),
      height: HEIGHT,
      legend: { show: false },
      cursor: { y: false, points: { show: false }, drag: { x: false, y: false } },
      tzDate: (time) => uPlot.tzDate(new Date(time * 1000), figure.dataset.zone),
      scales: { x: { time: true, range: () => [data.times[0], last] },
                y: { range: (_, __, most) => [0, Math.max(most * 1.06, 4)] } },
      axes: axes(format),
      series: [{}, ...series.map(barOf)],
      hooks: { setCursor: [(u) => read(u.cursor.idx, format)] },
    };
    const chart = new uPlot(options, [data.times, ...series.map((one) => one.values)], plot);
    plot.querySelector("canvas").setAttribute("aria-hidden", "true");
    chart.source = source.textContent;
    drawn.set(figure, chart);
    widths.observe(plot);
  }

  const widths = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      const chart = drawn.get(target.closest("figure"));
      if (chart && target.clientWidth && chart.width !== target.clientWidth) {
        chart.setSize({ width: target.clientWidth, height: HEIGHT });
      }
    }
  });

  function drawAll({ anew = false } = {}) {
    for (const [figure, chart] of drawn) {
      if (!figure.isConnected) {
        chart.destroy();
        drawn.delete(figure);
      }
    }
    for (const figure of document.querySelectorAll("figure[data-series]")) {
      const source = document.getElementById(figure.dataset.series)?.textContent;
      if (anew || drawn.get(figure)?.source !== source) draw(figure);
    }
  }

  const restyle = () => drawAll({ anew: true });
  new MutationObserver(restyle).observe(document.documentElement, { attributeFilter: ["data-theme"] });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", restyle);
  document.addEventListener("htmx:afterSwap", () => drawAll());
  document.addEventListener("live:updated", () => drawAll());
  drawAll();
}
