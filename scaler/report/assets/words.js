// Numbers and times as people read them; the same forms as the figures that are there without scripts.

const NBSP = "\u00a0";

/** A share of 1 as percent. */
function percent(share) {
  const value = 100 * share;
  if (value > 0 && value < 0.005) return `<${NBSP}0.01${NBSP}%`;
  if (value === 0 || value === 100) return `${value}${NBSP}%`;
  return `${value.toFixed(value >= 9.995 ? 1 : 2)}${NBSP}%`;
}

/** Three digits that count, and all of them above the point. */
function number(value) {
  if (value === null) return "–";
  if (value === 0) return "0";
  const decimals = Math.min(4, Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value)))));
  return value.toLocaleString("en-US", { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
}

/** A tick of an axis: no more digits than it needs. */
function tickText(value) {
  return value.toLocaleString("en-US", { maximumSignificantDigits: 4 });
}

function count(value) {
  return Math.round(value).toLocaleString("en-US");
}

/** Signed change as percent, with a true minus sign. */
function signed(ratio) {
  const by = Math.round(100 * (ratio - 1));
  if (by === 0) return `0${NBSP}%`;
  return `${by > 0 ? "+" : "−"}${count(Math.abs(by))}${NBSP}%`;
}

function share(part, whole) {
  return whole > 0 ? part / whole : 0;
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

function two(value) {
  return String(value).padStart(2, "0");
}

/** Unix seconds -> `13 Jul`. */
function dayText(unixS) {
  const date = new Date(1000 * unixS);
  return `${date.getUTCDate()} ${MONTHS[date.getUTCMonth()]}`;
}

/** Unix seconds -> `13:30`, with seconds where there are some. */
function clockText(unixS) {
  const date = new Date(1000 * unixS);
  const seconds = date.getUTCSeconds();
  return `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}${seconds ? `:${two(seconds)}` : ""}`;
}

/** Unix seconds -> `13 Jul, 13:30`. */
function shortMomentText(unixS) {
  return `${dayText(unixS)}, ${clockText(unixS)}`;
}

/** Unix seconds -> `Thu 13 Jul 1995, 13:30`. */
function momentText(unixS) {
  const date = new Date(1000 * unixS);
  const weekday = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"][date.getUTCDay()];
  return `${weekday} ${dayText(unixS)} ${date.getUTCFullYear()}, ${clockText(unixS)}`;
}
