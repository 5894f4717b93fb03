// Where a saved page gets its data: from itself. Each store has its observations, or the
// finest columns that there is room for; coarser ones are made from them.
"use strict";

const saved = JSON.parse(document.getElementById("saved").textContent);
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

function coarser(columns, grid) {
  const found = { first: [], last: [], count: [], min: [], max: [], mean: [] };
  const { first, last, count, min, max, mean } = columns;
  let number = null;
  for (let at = firstFrom(first, grid.from); at < first.length; at++) {
    const its = Math.floor((first[at] - grid.from) / grid.width);
    if (its >= grid.count) break;
    const end = found.first.length - 1;
    if (its !== number) {
      number = its;
      for (const name in found) found[name].push(columns[name][at]);
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

// The number of the first item of an ascending list that is not below a value.
function firstFrom(list, value) {
  let [low, high] = [0, list.length];
  while (low < high) {
    const at = (low + high) >> 1;
    if (list[at] < value) low = at + 1; else high = at;
  }
  return low;
}
