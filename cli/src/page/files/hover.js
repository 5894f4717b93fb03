// What stands beside the pointer, and parts that the page is made of.
"use strict";

// What is further from the pointer is shown only within its usual distance, in pixels.
const NEAR = 12;

const element = (id) => document.getElementById(id);

function part(tag, name, text = "") {
  const made = document.createElement(tag);
  if (name) made.className = name;
  made.textContent = text;
  return made;
}

function hideHover() {
  element("hover").hidden = true;
}

function hover(plot, shown) {
  const { left, top } = plot.cursor;
  // A chart whose line follows that of another one has no pointer over it.
  if (left < 0 || !plot.over.matches(":hover")) {
    if (!plots.some((it) => it.over.matches(":hover"))) hideHover();
    return;
  }
  const time = plot.posToVal(left, "x");
  const { from, to } = page.window;
  const found = shown.map((store) => ({ ...store, at: nearestColumn(store.columns, time) }));
  const reach = (NEAR * (to - from)) / plot.over.clientWidth;
  const near = found.filter(({ columns, at }) => at >= 0 && isNear(columns, at, time, reach));
  if (near.length === 0) return hideHover();
  const box = element("hover");
  box.replaceChildren(hoverTable(near));
  box.hidden = false;
  const over = plot.over.getBoundingClientRect();
  const { width, height } = box.getBoundingClientRect();
  const x = over.left + left + 16;
  box.style.left = `${x + width > innerWidth - 8 ? Math.max(8, over.left + left - width - 16) : x}px`;
  box.style.top = `${Math.max(8, Math.min(over.top + top + 16, innerHeight - height - 8))}px`;
}

// Whether a column is worth showing at a time: not from the other side of a gap.
function isNear({ first, last, usual }, at, time, reach) {
  const distance = Math.max(first[at] - time, time - last[at]);
  return distance <= Math.max(reach, GAP * usual) && last[at] >= page.window.from && first[at] <= page.window.to;
}

function hoverTable(near) {
  const table = document.createElement("table");
  const isOne = near.every(({ columns, at }) => columns.count[at] === 1);
  const head = table.createTHead().insertRow();
  const labels = isOne ? ["time", "value"] : ["time", "mean", "min", "max", "count"];
  head.append(part("th", ""), ...labels.map((text) => part("td", "", text)));
  const body = table.createTBody();
  for (const { name, place, columns, at } of near) {
    const row = body.insertRow();
    const heading = part("th", "");
    const swatch = part("span", "swatch");
    swatch.style.background = colour(place, page.isDark);
    heading.append(swatch, name);
    const [min, max, mean] = [columns.min[at], columns.max[at], columns.mean[at]];
    const middle = (columns.first[at] + columns.last[at]) / 2;
    const hasFraction = isOne && middle % 1 !== 0;
    const digits = Math.max(digitsFor(page.window.to - page.window.from), hasFraction ? 3 : 0);
    const time = timeText(middle, page.zone, hasFraction || !isOne ? digits : 0);
    const valueSpan = Math.max(...columns.max) - Math.min(...columns.min);
    const values = isOne
      ? [numberText(mean)]
      : [...[mean, min, max].map((value) => valueText(value, valueSpan)), countText(columns.count[at])];
    row.append(heading, ...[time, ...values].map((text) => part("td", "", text)));
  }
  return table;
}
