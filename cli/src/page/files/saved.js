// Where a saved page gets its data: from itself. Each store has its observations, or the
// finest columns that there is room for; coarser ones are made from them.
"use strict";

const saved = JSON.parse(document.getElementById("saved").textContent);
// This number of columns at both sides also says which distance is usual: the two beside a
// gap do not.
const AROUND = 20;
const fine = new Map(saved.stores.map((store) => [store.name, unpacked(store)]));

const source = {
  isLive: false,
  zone: known(saved.zone),
  unit: saved.unit,

  async overview() {
    const stores = saved.stores.map(({ name, observations, first, last, latest, span, missing }) => (
      { name, observations, next: observations, first, last, latest, span, alarms: missing }
    ));
    return { title: saved.title, stores };
  },

  async columns(name, grid) {
    return coarser(fine.get(name), grid);
  },
};

// The zone, if this browser knows it.
function known(zone) {
  try {
    return new Intl.DateTimeFormat("en", { timeZone: zone }).resolvedOptions().timeZone;
  } catch {
    return null;
  }
}

// Times are whole ticks after the last one, and after the first of the same column.
function unpacked({ start, tick, after, lasts, count, min, max, mean }) {
  let ticks = 0;
  const firsts = after.map((more) => (ticks += more));
  const first = firsts.map((at) => start + at * tick);
  if (!count) {
    return { first, last: first, count: after.map(() => 1), min: mean, max: mean, mean };
  }
  return { first, last: firsts.map((at, column) => start + (at + lasts[column]) * tick), count, min, max, mean };
}

// The columns of a grid, and the nearest ones at both sides of it: the line to their middle
// crosses a window that lies between two columns, or within one.
function coarser(columns, grid) {
  const found = { first: [], last: [], count: [], min: [], max: [], mean: [] };
  const { first, last, count, min, max, mean } = columns;
  const start = Math.max(0, firstFrom(first, grid.from) - 2);
  const beyond = firstFrom(first, grid.from + grid.width * grid.count);
  found.usual = usualDistance(between(columns, start - AROUND, beyond + AROUND));
  let number = null;
  for (let at = start; at <= beyond && at < first.length; at++) {
    const its = Math.floor((first[at] - grid.from) / grid.width);
    const end = found.first.length - 1;
    if (its !== number) {
      number = its;
      for (const name in columns) found[name].push(columns[name][at]);
      continue;
    }
    const all = found.count[end] + count[at];
    found.last[end] = last[at];
    found.min[end] = Math.min(found.min[end], min[at]);
    found.max[end] = Math.max(found.max[end], max[at]);
    found.mean[end] += (mean[at] - found.mean[end]) * (count[at] / all);
    found.count[end] = all;
  }
  return found;
}

function between(columns, from, to) {
  return Object.fromEntries(Object.entries(columns).map(([name, list]) => [name, list.slice(Math.max(0, from), to)]));
}

// The number of the first item of an ascending list that is not below a value.
function firstFrom(list, value) {
  let [low, high] = [0, list.length];
  while (low < high) {
    const at = (low + high) >> 1;
    if (list[at] < value) low = at + 1; else high = at;
  }
  return low;
}
