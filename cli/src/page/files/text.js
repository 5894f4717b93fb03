// Numbers and times as people read them.
"use strict";

// The shortest text that reads back as the same number, with a real minus sign.
function numberText(value) {
  return String(value).replaceAll("-", "\u2212");
}

// A number rounded to what matters at this resolution.
function roundedText(value, resolution) {
  if (!(resolution > 0) || !Number.isFinite(value)) return numberText(value);
  const size = Math.abs(value);
  if (size === 0 && resolution < 1e-5) return "0";
  if (size >= 1e15 || (size > 0 && size < 1e-5)) {
    // One more, for steps of 2.5.
    const digits = Math.ceil(Math.log10(Math.max(size / resolution, 1))) + 1;
    const text = value.toExponential(Math.min(Math.max(digits, 0), 15));
    return text.replace(/\.?0+(?=e)/, "").replaceAll("-", "\u2212");
  }
  return value.toFixed(decimalsOf(resolution)).replace(/^-(?=0(\.0*)?$)/, "").replaceAll("-", "\u2212");
}

// As many decimals as a step has: 1 of 2.5, which is not 10 to some power.
function decimalsOf(step) {
  const decimals = Math.max(0, Math.ceil(-Math.log10(step) - 1e-9));
  const isWhole = Math.abs(Math.round(step * 10 ** decimals) - step * 10 ** decimals) < 1e-6;
  return Math.min(isWhole ? decimals : decimals + 1, 20);
}

// A number to five digits of what the axis of a chart spans, without zeros at its end.
function valueText(value, span) {
  const text = roundedText(value, span > 0 ? 10 ** (Math.floor(Math.log10(span)) - 4) : 0);
  return text.includes(".") && !text.includes("e") ? text.replace(/\.?0+$/, "") : text;
}

function countText(count) {
  return count.toLocaleString("en");
}

const clocks = new Map();

function clockIn(zone) {
  if (!clocks.has(zone)) {
    clocks.set(zone, new Intl.DateTimeFormat("en", {
      timeZone: zone, hourCycle: "h23", era: "short",
      year: "numeric", month: "2-digit", day: "2-digit",
      hour: "2-digit", minute: "2-digit", second: "2-digit",
    }));
  }
  return clocks.get(zone);
}

// `2026-06-01 12:00:00`, with so many digits of the second.
function timeText(seconds, zone, digits) {
  const whole = Math.floor(seconds);
  const parts = clockIn(zone).formatToParts(new Date(whole * 1000));
  const part = Object.fromEntries(parts.map(({ type, value }) => [type, value]));
  const text = `${part.year}-${part.month}-${part.day} ${part.hour}:${part.minute}:${part.second}`;
  // A number of seconds is up to half a microsecond less than the time that it stands for.
  const microseconds = Math.round((seconds - whole) * 1e6);
  const fraction = Math.min(Math.floor(microseconds / 10 ** (6 - digits)), 10 ** digits - 1);
  return digits > 0 ? `${text}.${String(fraction).padStart(digits, "0")}` : text;
}

// Whether the clock of a zone shows this time once more, an hour or half an hour apart.
function isShownTwice(seconds, zone) {
  const text = timeText(seconds, zone, 0);
  return [-3600, -1800, 1800, 3600].some((apart) => timeText(seconds + apart, zone, 0) === text);
}

const offsets = new Map();

// `GMT+2`
function offsetText(seconds, zone) {
  if (!offsets.has(zone)) {
    offsets.set(zone, new Intl.DateTimeFormat("en", { timeZone: zone, timeZoneName: "shortOffset" }));
  }
  const parts = offsets.get(zone).formatToParts(new Date(Math.floor(seconds) * 1000));
  return parts.find(({ type }) => type === "timeZoneName").value;
}

// The digits of the second that a chart of this many seconds can show.
function digitsFor(span) {
  return span > 600 ? 0 : span > 0.6 ? 3 : 6;
}

function spanText(seconds) {
  for (const [unit, size] of [["d", 86400], ["h", 3600], ["min", 60]]) {
    if (seconds >= 2 * size) return `${roundedText(seconds / size, seconds < 20 * size ? 0.1 : 1).replace(/\.0$/, "")} ${unit}`;
  }
  return seconds >= 1 ? `${roundedText(seconds, seconds < 20 ? 0.1 : 1).replace(/\.0$/, "")} s` : `${roundedText(seconds * 1000, 0.1)} ms`;
}
