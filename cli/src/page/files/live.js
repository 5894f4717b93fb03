// Where the page gets its data: the server that it came from.
"use strict";

// A connection that died without a word answers never.
const OVERVIEW_WITHIN = 20_000;

const source = {
  isLive: true,
  zone: null,

  async overview() {
    const { folder, stores } = await ask("api/v1/stores", AbortSignal.timeout(OVERVIEW_WITHIN));
    const described = stores.map((it) => ({
      name: it.store,
      observations: it.observations || 0,
      next: it.next,
      first: it.first && it.first.time_ns / 1e9,
      last: it.last && it.last.time_ns / 1e9,
      latest: it.latest && { time: it.latest.time_ns / 1e9, value: it.latest.value },
      span: it.max - it.min,
      alarms: alarms(it),
    }));
    return { title: folder, stores: described };
  },

  // The address of this page as one file, with the stores of these names.
  saved({ from, to }, zone, names) {
    const query = `since_ns=${nanoseconds(from)}&until_ns=${nanoseconds(to)}&tz=${encodeURIComponent(zone)}`;
    return `saved.html?${[query, ...names.map((name) => `store=${encodeURIComponent(name)}`)].join("&")}`;
  },

  async columns(name, grid, signal) {
    const since = nanoseconds(grid.from);
    const until = nanoseconds(grid.from + grid.width * grid.count);
    const query = `since_ns=${since}&until_ns=${until}&count=${grid.count}`;
    const found = await ask(`api/v1/stores/${encodeURIComponent(name)}/columns?${query}`, signal);
    const seconds = (times) => times.map((time) => time / 1e9);
    const { count, min, max, mean, missing } = found;
    return { first: seconds(found.first_ns), last: seconds(found.last_ns), count, min, max, mean, missing };
  },
};

// As the server takes times: whole, and what 64 bits hold.
function nanoseconds(seconds) {
  const most = 2n ** 63n - 1n;
  const whole = BigInt(Math.round(seconds * 1e6)) * 1000n;
  return whole > most ? most : whole < -most ? -most : whole;
}

async function ask(address, signal) {
  const answer = await fetch(address, { signal });
  const object = await answer.json();
  if (!answer.ok) throw new Error(object.error);
  return object;
}

function alarms(store) {
  const all = [];
  if (store.unreadable) all.push(store.unreadable);
  const damaged = (store.damage || []).length;
  if (damaged > 0) all.push(`damaged in ${damaged} place${damaged > 1 ? "s" : ""}`);
  const { collector } = store;
  if (collector && collector.failing_since) all.push(`failing since ${collector.failing_since}: ${collector.last_error?.text ?? ""}`);
  return all;
}
