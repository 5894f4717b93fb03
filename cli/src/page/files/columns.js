// Columns: what a store has in each of equal intervals of time. One object of lists, in
// order of time, with intervals that hold nothing left out. Times are seconds since 1970.
//
//   first, last   the times of the earliest and the latest observation of a column
//   count, min, max, mean
//   usual         the usual distance of two observations, one number
"use strict";

// A line is never drawn over a gap of more than this many usual distances.
const GAP = 10;

// The distance of two observations that is usual, as in a picture: the lower median of that
// of each column. In a column of several it is their average, and for a single one, or for
// several of one time, that to the next column. 0 if there is none.
function usualDistance({ first, last, count }) {
  const distances = [];
  for (let at = 0; at < count.length; at++) {
    const span = last[at] - first[at];
    if (span > 0) distances.push(span / (count[at] - 1));
    else if (at + 1 < count.length) distances.push(first[at + 1] - last[at]);
  }
  distances.sort((left, right) => left - right);
  return distances[(distances.length - 1) >> 1] ?? 0;
}

// The columns between gaps: from which number to which, the latter not among them.
function runs({ first, last, usual }) {
  const gap = GAP * usual;
  const isGap = (at) => gap > 0 && first[at] - last[at - 1] > gap;
  const found = [];
  for (let at = 0; at < first.length; at++) {
    if (at === 0 || isGap(at)) found.push([at, at]);
    found.at(-1)[1] = at + 1;
  }
  return found;
}

// The lists that a chart draws: x, max, min and mean. A point of nulls stands in each gap. A
// column's values stand in its middle, those of a run's ends at its first and last time.
function drawn(columns) {
  const { first, last, max, min, mean } = columns;
  const lists = { x: [], max: [], min: [], mean: [] };
  const add = (x, ...values) => {
    lists.x.push(x);
    [lists.max, lists.min, lists.mean].forEach((list, at) => list.push(values[at] ?? null));
  };
  for (const [from, to] of runs(columns)) {
    if (from > 0) add((last[from - 1] + first[from]) / 2);
    for (let at = from; at < to; at++) {
      const ends = [at > from ? last[at] : first[at], at < to - 1 ? first[at] : last[at]];
      add((ends[0] + ends[1]) / 2, max[at], min[at], mean[at]);
    }
  }
  return lists;
}

// The number of the column whose time is nearest; -1 where there is none.
function nearestColumn(columns, time) {
  const { first, last } = columns;
  const middle = (at) => (first[at] + last[at]) / 2;
  let low = 0;
  let high = first.length;
  while (low < high) {
    const at = (low + high) >> 1;
    if (middle(at) < time) low = at + 1; else high = at;
  }
  const isBefore = low > 0 && (low === first.length || time - middle(low - 1) < middle(low) - time);
  return isBefore ? low - 1 : low < first.length ? low : -1;
}

// The grid for a window that is shown on so many pixels, with a margin for moving it. Its
// width is a power of two of microseconds and its lines do not depend on the window: what
// is drawn does not change while it moves.
function gridFor(from, to, pixels) {
  const span = to - from;
  const least = (span / Math.min(Math.max(pixels, 100), 1300)) * 0.75 * 1e6;
  const width = 2 ** Math.max(0, Math.ceil(Math.log2(least))) / 1e6;
  const start = Math.floor((from - span / 4) / width);
  const end = Math.ceil((to + span / 4) / width);
  return { from: start * width, width, count: end - start };
}
