// The page: which stores, which time, and what somebody does with them.
"use strict";

const SPANS = [["1 h", 3600], ["6 h", 21600], ["1 d", 86400], ["1 w", 604800], ["1 mo", 2592000], ["1 y", 31536000]];
// Nothing is finer than what a number of seconds can say.
const SPAN_LEAST = 0.002;
const FOLLOW_EVERY = 1000;
// And after a first look that failed.
const START_AGAIN = 5000;
// Where nothing is followed, only what the list of stores says may change.
const LIST_EVERY = 10;
const LOAD_AFTER = 60;
const SHOWN_FIRST = 6;
// The server takes 8 KiB of address and headers.
const ADDRESS_MAX = 6000;
const LABEL_WIDTH_LEAST = 56;
const HEIGHT = { apart: 210, together: 420 };

const ownZone = Intl.DateTimeFormat().resolvedOptions().timeZone;
const darkness = matchMedia("(prefers-color-scheme: dark)");

let title = "";
let stores = [];
const hidden = new Set();
const loaded = new Map();
let loading = null;
let loadTimer = 0;
let plots = [];
let isLive = false;
let looks = 0;
let isLooking = false;
// Whether the server did not answer the last look.
let wasLost = false;
let isTogether = false;
// Whether somebody drags over a chart, which drawing would replace.
let isHeld = false;
let isDrawDue = false;
let isPrinting = false;

const page = {
  window: { from: 0, to: 1 },
  zone: source.zone ?? ownZone,
  ownZone,
  unit: source.unit,
  isDark: false,
  width: 0,
  height: 0,
  labelWidth: 0,
  show(from, to, fixed) {
    setLive(false);
    moveTo(from, to, fixed);
  },
  all: () => showAll(),
  hover: (plot, shown) => hover(plot, shown),
};

// ---- the window of time

function extent(of) {
  const filled = of.filter((store) => store.observations > 0);
  if (filled.length === 0) return null;
  return [Math.min(...filled.map((it) => it.first)), Math.max(...filled.map((it) => it.last))];
}

// Where the latest ends. A clock that was wrong has left times that are to come, which would
// hide what is measured now.
function latestOf(of) {
  const now = Date.now() / 1000;
  // The browser's clock may be wrong as well, by less.
  const isToCome = (time) => time > now + 86400;
  const filled = of.filter((store) => store.observations > 0 && !isToCome(store.first));
  if (!source.isLive || filled.length === 0) return extent(of)[1];
  return Math.max(...filled.map((it) => (isToCome(it.last) ? now : it.last)));
}

function shownStores() {
  return stores.filter((store) => !hidden.has(store.name));
}

function widest() {
  const all = extent(stores) ?? [0, 1];
  return Math.max(all[1] - all[0], 1) * 4;
}

// A window that is too wide or too narrow is made so that the time `fixed` stays in its place.
function moveTo(from, to, fixed = (from + to) / 2) {
  const before = to > from ? (fixed - from) / (to - from) : 0.5;
  const span = Math.min(Math.max(to - from, SPAN_LEAST), widest());
  page.window = { from: fixed - span * before, to: fixed + span * (1 - before) };
  redraw();
  loadSoon();
}

function showAll() {
  const all = extent(shownStores()) ?? extent(stores);
  if (all === null) return;
  const margin = (all[1] - all[0]) * 0.01 || 1;
  page.show(all[0] - margin, all[1] + margin);
}

function showLatest(wanted) {
  const of = extent(shownStores()) === null ? stores : shownStores();
  if (extent(of) === null) return;
  const span = Math.min(wanted, widest());
  const end = latestOf(of) + span * 0.01;
  moveTo(end - span, end);
}

function zoom(factor) {
  const { from, to } = page.window;
  const end = isLive ? to : (from + to) / 2;
  const [before, after] = [(end - from) * factor, (to - end) * factor];
  moveTo(end - before, end + after, end);
}

function move(part) {
  const { from, to } = page.window;
  const by = (to - from) * part;
  page.show(from + by, to + by);
}

// ---- data

function loadSoon() {
  clearTimeout(loadTimer);
  loadTimer = setTimeout(load, LOAD_AFTER);
}

async function load() {
  loading?.abort();
  const mine = new AbortController();
  loading = mine;
  const { from, to } = page.window;
  const grid = gridFor(from, to, page.width);
  const missing = [];
  await Promise.all(shownStores().map(async ({ name }) => {
    try {
      const columns = await source.columns(name, grid, mine.signal);
      if (mine.signal.aborted) return;
      loaded.set(name, { ...columns, usual: columns.usual ?? usualDistance(columns) });
      missing.push(...(columns.missing ?? []).map((text) => `${name}: ${text}`));
    } catch (error) {
      if (mine.signal.aborted) return;
      // The others are shown all the same.
      loaded.delete(name);
      missing.push(`${name}: ${error.message}`);
    }
  }));
  if (mine.signal.aborted) return;
  tell(missing.length > 0 ? `This cannot be read, and is not shown:\n${missing.slice(0, 5).join("\n")}` : "");
  draw();
  document.body.dataset.loaded = `${from} ${to}`;
}

function tell(text) {
  element("note").textContent = text;
}

async function refresh() {
  const found = await source.overview();
  const before = stores.map(({ name }) => name).join("\n");
  const grew = found.stores.some((store) => !hidden.has(store.name) && store.next !== stores.find(({ name }) => name === store.name)?.next);
  stores = found.stores;
  title = found.title;
  const isNew = before !== stores.map(({ name }) => name).join("\n");
  listStores();
  return { grew, isNew };
}

async function follow() {
  looks += 1;
  if (isLooking || document.hidden || (!isLive && looks % LIST_EVERY > 0)) return;
  isLooking = true;
  try {
    const [wasEmpty, wasLive] = [extent(stores) === null, isLive];
    const { grew, isNew } = await refresh();
    const isEmpty = extent(stores) === null;
    if (wasEmpty && !isEmpty) {
      showAll();
      setLive(wasLive);
    } else if (isLive && !isHeld && (grew || isNew) && !isEmpty) {
      showLatest(page.window.to - page.window.from);
    }
    if (isNew || wasLost) {
      describeWindow();
      draw();
      loadSoon();
    }
    wasLost = false;
  } catch (error) {
    wasLost = true;
    tell(`The server does not answer: ${error.message}`);
  } finally {
    isLooking = false;
  }
}

function setLive(yes) {
  isLive = yes && source.isLive;
  press("live", isLive);
}

// ---- drawing

function redraw() {
  hideHover();
  describeWindow();
  for (const plot of plots) plot.setScale("x", { min: page.window.from, max: page.window.to });
}

function draw() {
  isDrawDue = isHeld;
  if (isHeld) return;
  const shown = shownStores();
  const main = element("charts");
  for (const plot of plots) plot.destroy();
  plots = [];
  main.replaceChildren();
  page.labelWidth = LABEL_WIDTH_LEAST;
  page.isDark = darkness.matches && !isPrinting;
  page.width = isPrinting ? 700 : main.clientWidth;
  page.height = isTogether ? HEIGHT.together : HEIGHT.apart;
  const known = extent(stores) === null ? [] : shown.filter((store) => loaded.has(store.name));
  const drawable = known.map((store) => ({
    name: store.name, place: stores.findIndex(({ name }) => name === store.name), columns: loaded.get(store.name),
  }));
  const groups = isTogether ? [drawable] : drawable.map((store) => [store]);
  for (const group of groups.filter((it) => it.length > 0)) {
    const figure = document.createElement("section");
    figure.className = "chart";
    const heading = document.createElement("h2");
    heading.textContent = group.map(({ name }) => name).join(", ");
    figure.append(heading);
    main.append(figure);
    plots.push(chart(figure, group, page));
    const missing = notDrawn(group, page.window);
    if (missing) figure.append(note(missing));
  }
  // After all of them have measured their labels.
  queueMicrotask(alignCharts);
  describeWindow();
}

// Charts that were drawn before a later one needed more room for its labels.
function alignCharts() {
  for (const plot of plots) {
    if (plot.axes[1]._size !== page.labelWidth) plot.redraw(false, true);
  }
}

// Why nothing is drawn of these stores, or "".
function notDrawn(group, { from, to }) {
  const [lows, highs] = [[], []];
  for (const { columns: { first, last, min, max } } of group) {
    const isIn = (_, at) => first[at] <= to && last[at] >= from;
    lows.push(...min.filter(isIn));
    highs.push(...max.filter(isIn));
  }
  if (lows.length === 0) return "no observation in this time";
  const bounds = marginal(Math.min(...lows), Math.max(...highs));
  return canSpan(...bounds) ? "" : "values too far apart to draw";
}

function note(text) {
  const paragraph = document.createElement("p");
  paragraph.className = "empty";
  paragraph.textContent = text;
  return paragraph;
}

function describeWindow() {
  element("window").textContent = windowText(page.window);
}

function windowText({ from, to }) {
  if (stores.length === 0) return "There is no store here yet.";
  if (extent(stores) === null) return source.isLive ? "No observations yet" : "No observations";
  const digits = digitsFor(to - from);
  return `${timeText(from, page.zone, digits)} to ${timeText(to, page.zone, digits)} (${page.zone}), ${spanText(to - from)}`;
}

function listStores() {
  element("title").textContent = title || "Gaugelog";
  document.title = title ? `${title} – Gaugelog` : "Gaugelog";
  const focused = document.activeElement?.dataset?.store;
  element("stores").replaceChildren(...stores.map(storeButton));
  if (focused) [...element("stores").children].find((it) => it.dataset.store === focused)?.focus();
}

function storeButton(store, place) {
  const button = document.createElement("button");
  button.dataset.store = store.name;
  button.setAttribute("aria-pressed", String(!hidden.has(store.name)));
  button.onclick = () => toggle(store.name);
  const swatch = part("span", "swatch");
  swatch.style.background = swatch.style.borderColor = colour(place, darkness.matches && !isPrinting);
  button.append(swatch, part("span", "name", store.name));
  const latest = part("span", "latest");
  if (store.latest) {
    latest.append(part("b", "", valueText(store.latest.value, store.span)), ` ${timeText(store.latest.time, page.zone, 0)}`);
  }
  button.title = `${countText(store.observations)} observations`;
  button.append(latest, ...store.alarms.map((text) => part("span", "alarm", text)));
  return button;
}

function toggle(name) {
  if (!hidden.delete(name)) hidden.add(name);
  listStores();
  draw();
  loadSoon();
}

function press(id, yes) {
  element(id).setAttribute("aria-pressed", String(yes));
}

function hold(event) {
  // No other button drags, and a menu that it opens may take its release.
  if (event.button === 0) isHeld = event.target.closest?.(".u-over") != null;
}

// After uPlot's own answer, which would be that of a chart that is gone.
function release() {
  setTimeout(() => {
    isHeld = false;
    if (isDrawDue) draw();
  });
}

// ---- controls

function setTogether(yes) {
  isTogether = yes;
  press("together", yes);
  draw();
}

function setZone(isUtc) {
  page.zone = isUtc ? "UTC" : source.zone ?? ownZone;
  press("utc", page.zone === "UTC");
  listStores();
  draw();
}

// Of what is shown. Without the name of a store it is all of them.
function savedAddress() {
  const shown = shownStores().map(({ name }) => name);
  return source.saved(page.window, page.zone, shown.length < stores.length ? shown : []);
}

function save() {
  if (shownStores().length === 0) return tell("No store is shown.");
  const address = savedAddress();
  if (address.length > ADDRESS_MAX) return tell("The stores that are shown are too many to be named; hide some, or show all.");
  location.href = address;
}

function toggleLive() {
  setLive(!isLive);
  if (isLive) showLatest(page.window.to - page.window.from);
}

function spanButtons() {
  const buttons = SPANS.map(([text, span]) => {
    const button = part("button", "", text);
    button.title = `The latest ${text}`;
    button.onclick = () => showLatest(span);
    return button;
  });
  const all = part("button", "", "All");
  all.title = "All there is (0)";
  all.onclick = showAll;
  element("spans").replaceChildren(...buttons, all);
}

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const keys = {
    ArrowLeft: () => move(-0.2),
    ArrowRight: () => move(0.2),
    "+": () => zoom(0.5),
    "=": () => zoom(0.5),
    "-": () => zoom(2),
    0: showAll,
    Home: showAll,
    End: () => showLatest(page.window.to - page.window.from),
    l: toggleLive,
    t: () => setTogether(!isTogether),
    u: () => setZone(page.zone !== "UTC"),
  };
  const store = /^[1-9]$/.test(event.key) ? stores[event.key - 1] : undefined;
  const act = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!act && !store) return;
  event.preventDefault();
  if (act) act(); else toggle(store.name);
}

function print(yes) {
  isPrinting = yes;
  listStores();
  draw();
}

function begin() {
  spanButtons();
  element("live").onclick = toggleLive;
  for (const id of ["live", "saving", "live-key"]) element(id).hidden = !source.isLive;
  element("save").onclick = save;
  element("together").onclick = () => setTogether(!isTogether);
  element("utc").onclick = () => setZone(page.zone !== "UTC");
  press("utc", page.zone === "UTC");
  element("zoom-in").onclick = () => zoom(0.5);
  element("zoom-out").onclick = () => zoom(2);
  addEventListener("keydown", onKey);
  addEventListener("pointerdown", hold);
  addEventListener("pointerup", release);
  addEventListener("pointercancel", release);
  addEventListener("resize", () => { if (!isPrinting) { draw(); loadSoon(); } });
  addEventListener("beforeprint", () => print(true));
  addEventListener("afterprint", () => print(false));
  darkness.addEventListener("change", () => { listStores(); draw(); });
  page.width = element("charts").clientWidth;
  start();
}

async function start() {
  try {
    await refresh();
  } catch (error) {
    tell(`The server does not answer: ${error.message}`);
    if (source.isLive) setTimeout(start, START_AGAIN);
    return;
  }
  tell("");
  // A saved page has the stores that somebody chose.
  if (source.isLive) for (const { name } of stores.slice(SHOWN_FIRST)) hidden.add(name);
  listStores();
  describeWindow();
  const all = extent(shownStores());
  // Of a store that grows, the latest day; else all of it.
  const isRecent = all !== null && source.isLive && Date.now() / 1000 - latestOf(shownStores()) < 86400 && all[1] - all[0] > 86400;
  if (isRecent) showLatest(86400); else showAll();
  setLive(isRecent);
  if (source.isLive) setInterval(follow, FOLLOW_EVERY);
}

begin();
