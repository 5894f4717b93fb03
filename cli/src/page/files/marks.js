// Marks of what is too narrow for a line and a band: a run of columns that is only pixels
// wide, such as a minute in a chart of a year.
"use strict";

// A narrower run is a mark. The least width of a bar, too, in pixels.
const NARROW = 3;
// The stroke of a mean, and the dot of a single observation, in pixels.
const STROKE = 9;
const DOT = 5;

// Each run of a store's columns as one: its times, its extremes, its mean and its count.
function whole(columns) {
  const { first, last, count, min, max, mean } = columns;
  return runs(columns).map(([from, to]) => {
    const run = { first: first[from], last: last[to - 1], columns: to - from, count: 0, min: Infinity, max: -Infinity, mean: 0 };
    for (let at = from; at < to; at++) {
      run.count += count[at];
      run.min = Math.min(run.min, min[at]);
      run.max = Math.max(run.max, max[at]);
      run.mean += (mean[at] - run.mean) * (count[at] / run.count);
    }
    return run;
  });
}

// Marks the narrow ones of these runs, in the colour `stroke`.
function mark(plot, runs, stroke) {
  const { ctx, bbox } = plot;
  const { min: from, max: to } = plot.scales.x;
  const ratio = uPlot.pxRatio;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  for (const run of runs) {
    if (run.last < from || run.first > to) continue;
    const [left, right] = [run.first, run.last].map((time) => plot.valToPos(time, "x", true));
    // A single column has no line, however wide it is.
    if (run.columns > 1 && right - left >= NARROW * ratio) continue;
    const [high, middle, low] = [run.max, run.mean, run.min].map((value) => plot.valToPos(value, "y", true));
    const centre = (left + right) / 2;
    const wide = (least) => Math.max(least * ratio, right - left);
    const bar = (width, top, height) => ctx.fillRect(Math.round(centre - width / 2), top, Math.round(width), height);
    ctx.fillStyle = `${stroke}38`;
    if (run.min < run.max) bar(wide(NARROW), high, low - high);
    ctx.fillStyle = stroke;
    if (run.count > 1) bar(wide(STROKE), middle - ratio, 2 * ratio);
    else dot(ctx, centre, middle, (DOT * ratio) / 2);
  }
  ctx.restore();
}

function dot(ctx, x, y, radius) {
  ctx.beginPath();
  ctx.arc(x, y, radius, 0, 2 * Math.PI);
  ctx.fill();
}
