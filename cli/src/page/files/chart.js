// A chart of one store, or of several in one.
"use strict";

const COLOURS = {
  light: ["#1b6ca8", "#c2410c", "#2f7d32", "#8e44ad", "#946200", "#00798c", "#b5305f", "#5c6773"],
  dark: ["#6db3f2", "#ff9f6b", "#7ccf83", "#cf9ff0", "#e7c35a", "#5fd0dd", "#ff8fb5", "#b3bdc7"],
};
const FONT = '12px system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif';
// Two points that are nearer than this are drawn without dots, in pixels.
const DOTS_APART = 8;

// Labels of the time axis: the least step, the usual text, and what is added to it where a
// year, a day or a minute begins.
const YEAR = "\n{YYYY}-{MM}-{DD}";
const TIME_LABELS = [
  [86400 * 365, "{YYYY}", null, null, null, null, null, null, 1],
  [86400 * 28, "{YYYY}-{MM}", null, null, null, null, null, null, 1],
  [86400, "{MM}-{DD}", "\n{YYYY}", null, null, null, null, null, 1],
  [60, "{HH}:{mm}", YEAR, null, YEAR, null, null, null, 1],
  [1, "{HH}:{mm}:{ss}", YEAR, null, YEAR, null, null, null, 1],
  [0.001, "{ss}.{fff}", `${YEAR} {HH}:{mm}`, null, `${YEAR} {HH}:{mm}`, null, "\n{HH}:{mm}", null, 1],
];

function colour(place, isDark) {
  const colours = isDark ? COLOURS.dark : COLOURS.light;
  return colours[place % colours.length];
}

// Bounds of the axis of values for what lies from `low` to `high`.
function valueBounds(low, high) {
  const bounds = low === null || high === null ? [0, 1] : marginal(low, high);
  return canSpan(...bounds) ? bounds : [0, 1];
}

// A little less than `low`, and a little more than `high`. uPlot cannot count up to the end of an
// axis of a few neighbouring numbers.
function marginal(low, high) {
  const finest = Math.max(Math.abs(low), Math.abs(high)) * 2 ** -46;
  const margin = low === high ? Math.abs(low) * 0.1 || 1 : Math.max((high - low) * 0.06, finest);
  return [Math.max(low - margin, -Number.MAX_VALUE), Math.min(high + margin, Number.MAX_VALUE)];
}

// Whether there is a number for what an axis from `low` to `high` spans.
function canSpan(low, high) {
  return Number.isFinite(high - low);
}

// `stores` are { name, place, columns }, of which `place` chooses the colour. `page` has the
// window, the zone, and what is called when somebody moves or hovers.
function chart(element, stores, page) {
  const lists = stores.map((store) => drawn(store.columns));
  const tables = lists.map(({ x, max, min, mean }) => [x, max, min, mean]);
  const data = tables.length === 1 ? tables[0] : joined(tables);
  const ink = page.isDark ? "#9aa5b1" : "#5b6570";
  const edge = page.isDark ? "#2a3036" : "#e6e9ed";
  const series = [{}];
  const bands = [];
  const marks = [];
  for (const { place, columns } of stores) {
    const stroke = colour(place, page.isDark);
    marks.push({ runs: whole(columns), stroke });
    const at = series.length;
    const bound = { stroke: null, points: { show: false } };
    series.push(bound, { ...bound }, {
      stroke, width: 1.5, points: { show: true, size: 5, fill: stroke, stroke, filter: dots },
    });
    bands.push({ series: [at, at + 1], fill: `${stroke}38` });
  }
  const axis = { stroke: ink, font: FONT, grid: { stroke: edge, width: 1 }, ticks: { stroke: edge, width: 1 } };
  const options = {
    width: page.width,
    height: page.height,
    // Half of the longest label of the time axis, which may stand at the end.
    padding: [null, () => page.window.to - page.window.from < 60 ? 56 : 40, null, null],
    series,
    bands,
    legend: { show: false },
    tzDate: (time) => shownAt(time, page),
    scales: {
      x: { range: () => [page.window.from, page.window.to] },
      y: { range: (_, low, high) => valueBounds(low, high) },
    },
    axes: [
      { ...axis, values: TIME_LABELS, space: 70 },
      { ...axis, values: valueLabels, size: (...given) => labelWidth(page, ...given), label: page.unit || undefined, labelFont: FONT },
    ],
    cursor: {
      y: false,
      points: { show: (_, at) => at % 3 === 0 ? undefined : false },
      sync: { key: "gaugelog", scales: ["x", null] },
      drag: { x: true, y: false, setScale: false },
      bind: { mousedown: selectsWithShift, mouseup: selectsWithShift, dblclick: () => () => page.all() },
    },
    hooks: {
      init: [(plot) => amendLabels(plot, page)],
      draw: [(plot) => marks.forEach(({ runs, stroke }) => mark(plot, runs, stroke))],
      setCursor: [(plot) => page.hover(plot, stores)],
      setSelect: [(plot) => selected(plot, page)],
    },
  };
  const plot = new uPlot(options, data, element);
  moveable(plot, page);
  return plot;
}

// What uPlot asks a date for, as the clock of the page's zone shows it. Its own tzDate is an hour
// wrong around a change of the browser's clock.
function shownAt(time, page) {
  const own = new Date(Math.round(time * 1000));
  if (page.zone === page.ownZone) return own;
  const [year, month, day, hour, minute, second] = timeText(Math.floor(time), page.zone, 0).split(/[- :]/).map(Number);
  const midnight = new Date(year, month - 1, day);
  const milliseconds = own.getMilliseconds();
  return {
    getFullYear: () => year, getMonth: () => month - 1, getDate: () => day, getDay: () => midnight.getDay(),
    getHours: () => hour, getMinutes: () => minute, getSeconds: () => second, getMilliseconds: () => milliseconds,
    valueOf: () => Number(midnight) + ((hour * 60 + minute) * 60 + second) * 1000 + milliseconds,
  };
}

// Tables with times of their own as one. A gap covers the times of the others within it.
function joined(tables) {
  const EXPAND = 2;
  return uPlot.join(tables, tables.map((table) => table.map((_, at) => (at === 0 ? 0 : EXPAND))));
}

// Dots where observations are far apart. A point that stands for several has none.
function dots(plot, at) {
  const [times, values] = [plot.data[0], plot.data[at]];
  const isOne = (index) => plot.data[at - 2][index] === plot.data[at - 1][index];
  const [from, to] = plot.series[0].idxs;
  const filled = [];
  for (let index = from; index <= to; index++) {
    if (values[index] != null) filled.push(index);
  }
  const x = (index) => plot.valToPos(times[index], "x");
  const isSparse = filled.length < 2 || (x(filled.at(-1)) - x(filled[0])) / (filled.length - 1) > DOTS_APART;
  return isSparse ? filled.filter(isOne) : [];
}

// Steps of axes of values for which uPlot has none.
const LARGE_STEPS = Array.from({ length: 278 }, (_, at) => [1, 2, 5].map((digit) => Number(`${digit}e${at + 30}`))).flat();

// Times that the clock shows twice are labelled with their offset, and values above 1e32.
function amendLabels(plot, page) {
  const [times, values] = plot.axes;
  const { values: labels } = times;
  const { incrs: steps } = values;
  times.values = (of, splits, ...more) => labels(of, splits, ...more).map((label, at) => distinct(label, splits[at], page.zone));
  values.incrs = (of, axis, low, high, ...more) => high - low > 1e32 ? LARGE_STEPS : steps(of, axis, low, high, ...more);
}

function distinct(label, time, zone) {
  if (!label?.includes(":") || !isShownTwice(time, zone)) return label;
  return `${label}${label.includes("\n") ? " " : "\n"}${offsetText(time, zone)}`;
}

function valueLabels(plot, splits, _axis, _space, step) {
  return splits.map((value) => roundedText(value, step));
}

function labelWidth(page, plot, labels, _axis, cycle) {
  if (cycle > 1) return plot.axes[1]._size;
  plot.ctx.save();
  plot.ctx.font = FONT;
  const widths = (labels ?? []).map((label) => plot.ctx.measureText(label).width);
  plot.ctx.restore();
  // All charts below each other have the same width, so that their times are aligned.
  page.labelWidth = Math.ceil(Math.max(page.labelWidth, ...widths.map((width) => width + 20)));
  return page.labelWidth;
}

function selectsWithShift(_plot, _element, handle) {
  return (event) => {
    if (event.shiftKey || event.type === "mouseup") handle(event);
  };
}

function selected(plot, page) {
  const { left, width } = plot.select;
  if (width < 3) return;
  const [from, to] = [plot.posToVal(left, "x"), plot.posToVal(left + width, "x")];
  plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
  page.show(from, to);
}

// Dragging moves the window, and the wheel zooms where the pointer is.
function moveable(plot, page) {
  let held = null;
  const { over } = plot;
  over.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || event.shiftKey) return;
    held = { x: event.clientX, ...page.window };
    over.setPointerCapture(event.pointerId);
  });
  over.addEventListener("pointermove", (event) => {
    if (held === null) return;
    over.classList.add("dragged");
    const by = ((held.x - event.clientX) / over.clientWidth) * (held.to - held.from);
    if (by !== 0) page.show(held.from + by, held.to + by);
  });
  const release = () => {
    held = null;
    over.classList.remove("dragged");
  };
  over.addEventListener("pointerup", release);
  over.addEventListener("pointercancel", release);
  over.addEventListener("wheel", (event) => {
    event.preventDefault();
    const { from, to } = page.window;
    if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      const by = (event.deltaX / over.clientWidth) * (to - from);
      return page.show(from + by, to + by);
    }
    const at = from + (event.offsetX / over.clientWidth) * (to - from);
    const factor = Math.exp(Math.max(-200, Math.min(200, event.deltaY)) * 0.0025);
    page.show(at - (at - from) * factor, at + (to - at) * factor, at);
  }, { passive: false });
}
