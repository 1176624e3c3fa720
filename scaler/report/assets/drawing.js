// Elements, scales, ticks, and the paths of lines and bands.

/** Returns an HTML element; text children are inserted as text, never as markup. */
function html(name, attributes = {}, ...children) {
  return withContent(document.createElement(name), attributes, children);
}

/** Returns an SVG element. */
function svg(name, attributes = {}, ...children) {
  return withContent(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);
}

/** Sets the attributes of an element, except those that are null or false, and appends children. */
function withContent(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children);
  return element;
}

/** Returns a linear scale from values to pixels; `values` and `pixels` are [low, high]. */
function linear(values, pixels) {
  const slope = (pixels[1] - pixels[0]) / (values[1] - values[0] || 1);
  return (value) => pixels[0] + (value - values[0]) * slope;
}

/** Returns a logarithmic scale from positive values to pixels. */
function logarithmic(values, pixels) {
  const scale = linear(values.map(Math.log), pixels);
  return (value) => scale(Math.log(value));
}

/** Returns about `ticks` round numbers from `low` to `high`. */
function roundTicks(low, high, ticks) {
  const rough = (high - low) / Math.max(1, ticks);
  const power = 10 ** Math.floor(Math.log10(rough || 1));
  const step = power * [1, 2, 2.5, 5, 10].find((factor) => factor * power >= rough * 0.999);
  const found = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high * (1 + 1e-9); k++) found.push(k * step + 0);
  return found;
}

/** Returns 1, 2 and 5 times powers of ten from `low` to `high`; fewer digits if there are more than `maxTicks`. */
function powerTicks(low, high, maxTicks) {
  for (const digits of [[1, 2, 5], [1, 3], [1]]) {
    const ticks = [];
    for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++) {
      ticks.push(...digits.map((digit) => digit * 10 ** power).filter((tick) => tick >= low && tick <= high));
    }
    if (ticks.length <= maxTicks || digits.length === 1) return ticks;
  }
  return [];
}

const TIME_STEPS_S = [
  1, 5, 15, 30, 60, 300, 900, 1800, 3600, 10800, 21600, 43200, 86400, 172800, 604800, 1209600, 2592000,
];
const YEAR_S = 31536000;

/** Returns at most `maxTicks` round times from `low` to `high`, all in Unix seconds. */
function timeTicks(low, high, maxTicks) {
  const step = TIME_STEPS_S.find((step) => (high - low) / step <= maxTicks) ?? YEAR_S;
  const ticks = [];
  for (let time = Math.ceil(low / step) * step; time <= high; time += step) ticks.push(time);
  return ticks;
}

/**
 * Returns the `d` of a line through columns [first, last); null makes a gap.
 * `stepped`: a value holds until the next column, instead of a straight line between the middles of columns.
 */
function linePath(values, first, last, x, y, stepped = false) {
  const parts = [];
  let connected = false;
  for (let j = first; j < last; j++) {
    if (values[j] === null) {
      connected = false;
      continue;
    }
    const command = connected ? "L" : "M";
    const height = y(values[j]).toFixed(1);
    if (stepped) parts.push(`${command}${x(j).toFixed(1)} ${height}H${x(j + 1).toFixed(1)}`);
    else parts.push(`${command}${x(j + 0.5).toFixed(1)} ${height}`);
    connected = true;
  }
  return parts.join("");
}

/** Returns the `d` of the area between `low` and `high` in columns [first, last); null in either makes a gap. */
function bandPath(low, high, first, last, x, y) {
  const parts = [];
  let from = first;
  while (from < last) {
    while (from < last && (low[from] === null || high[from] === null)) from++;
    let to = from;
    while (to < last && low[to] !== null && high[to] !== null) to++;
    if (to > from) {
      const upper = [];
      const lower = [];
      for (let j = from; j < to; j++) {
        upper.push(`${x(j + 0.5).toFixed(1)} ${y(high[j]).toFixed(1)}`);
        lower.unshift(`${x(j + 0.5).toFixed(1)} ${y(low[j]).toFixed(1)}`);
      }
      parts.push(`M${upper.join("L")}L${lower.join("L")}Z`);
    }
    from = to;
  }
  return parts.join("");
}

/** Returns the largest of values[first..last), at least 0; null is left out. */
function largest(values, first, last) {
  let result = 0;
  for (let j = first; j < last; j++) if (values[j] !== null && values[j] > result) result = values[j];
  return result;
}

/** Calls `draw` now, and again whenever the width of the element changes. */
function drawAtWidth(element, draw) {
  let width = 0;
  const redraw = () => {
    if (element.clientWidth && element.clientWidth !== width) {
      width = element.clientWidth;
      draw();
    }
  };
  new ResizeObserver(redraw).observe(element);
  redraw();
}
