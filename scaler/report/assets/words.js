// Numbers and times for people, in the same forms as the parts of the page that need no script.

const NBSP = "\u00a0";

/** A share between 0 and 1 as a percentage. */
function percent(share) {
  const value = 100 * share;
  if (value > 0 && value < 0.005) return `<${NBSP}0.01${NBSP}%`;
  if (value === 0 || value === 100) return `${value}${NBSP}%`;
  return `${value.toFixed(value >= 9.995 ? 1 : 2)}${NBSP}%`;
}

/** Three significant digits and all integer digits; null is a dash. */
function number(value) {
  if (value === null) return "–";
  if (value === 0) return "0";
  const decimals = Math.min(4, Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value)))));
  return value.toLocaleString("en-US", { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
}

/** The value of a tick, with no more digits than it needs. */
function tickText(value) {
  return value.toLocaleString("en-US", { maximumSignificantDigits: 4 });
}

function count(value) {
  return Math.round(value).toLocaleString("en-US");
}

/** A ratio as a signed change in percent, with a true minus sign; null is a dash. */
function signedChange(ratio) {
  if (ratio === null) return "–";
  const change = Math.round(100 * (ratio - 1));
  if (change === 0) return `0${NBSP}%`;
  return `${change > 0 ? "+" : "−"}${count(Math.abs(change))}${NBSP}%`;
}

function share(part, whole) {
  return whole > 0 ? part / whole : 0;
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

function twoDigits(value) {
  return String(value).padStart(2, "0");
}

/** Unix seconds -> `13 Jul`. */
function dayText(unixS) {
  const date = new Date(1000 * unixS);
  return `${date.getUTCDate()} ${MONTHS[date.getUTCMonth()]}`;
}

/** Unix seconds -> `13:30`, with seconds unless they are 0. */
function clockText(unixS) {
  const date = new Date(1000 * unixS);
  const seconds = date.getUTCSeconds();
  const minutes = `${twoDigits(date.getUTCHours())}:${twoDigits(date.getUTCMinutes())}`;
  return seconds ? `${minutes}:${twoDigits(seconds)}` : minutes;
}

/** Unix seconds -> `13 Jul, 13:30`. */
function shortDateTime(unixS) {
  return `${dayText(unixS)}, ${clockText(unixS)}`;
}

/** Unix seconds -> `Thu 13 Jul 1995, 13:30`. */
function dateTime(unixS) {
  const date = new Date(1000 * unixS);
  const weekday = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"][date.getUTCDay()];
  return `${weekday} ${dayText(unixS)} ${date.getUTCFullYear()}, ${clockText(unixS)}`;
}
