// Elements, scales, ticks and the shapes of lines and bands.

/** An HTML element; text is only ever set as text. */
function html(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

/** An SVG element. */
function svg(name, attributes = {}, ...children) {
  return filled(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);
}

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children);
  return element;
}

/** Pixels of a value, linear; `from` and `to` are [low, high]. */
function linear(from, to) {
  const slope = (to[1] - to[0]) / (from[1] - from[0] || 1);
  return (value) => to[0] + (value - from[0]) * slope;
}

/** Pixels of a positive value, by its logarithm. */
function logarithmic(from, to) {
  const scale = linear(from.map(Math.log), to);
  return (value) => scale(Math.log(value));
}

/** Round numbers from 0 (or `low`) up to `high`, about `wanted` of them. */
function roundTicks(low, high, wanted) {
  const rough = (high - low) / Math.max(1, wanted);
  const power = 10 ** Math.floor(Math.log10(rough || 1));
  const step = power * [1, 2, 2.5, 5, 10].find((each) => each * power >= rough * 0.999);
  const ticks = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high * (1 + 1e-9); k++) ticks.push(k * step + 0);
  return ticks;
}

/** 1, 2 and 5 of every power of ten, or only 1 where these are many. */
function powerTicks(low, high, wanted) {
  for (const digits of [[1, 2, 5], [1, 3], [1]]) {
    const ticks = [];
    for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++) {
      ticks.push(...digits.map((digit) => digit * 10 ** power).filter((each) => each >= low && each <= high));
    }
    if (ticks.length <= wanted || digits.length === 1) return ticks;
  }
  return [];
}

const TIME_STEPS_S = [
  1, 5, 15, 30, 60, 300, 900, 1800, 3600, 10800, 21600, 43200, 86400, 172800, 604800, 1209600, 2592000,
];

/** Unix seconds of round times from `low` to `high`, at most `wanted` of them. */
function timeTicks(low, high, wanted) {
  const step = TIME_STEPS_S.find((each) => (high - low) / each <= wanted) ?? 31536000;
  const ticks = [];
  for (let at = Math.ceil(low / step) * step; at <= high; at += step) ticks.push(at);
  return ticks;
}

/** The `d` of a line through columns; null leaves a gap.  `stepped`: a value stays until the next column. */
function linePath(values, first, last, x, y, stepped = false) {
  const parts = [];
  let open = false;
  for (let j = first; j < last; j++) {
    if (values[j] === null) {
      open = false;
      continue;
    }
    const at = y(values[j]).toFixed(1);
    if (stepped) parts.push(`${open ? "L" : "M"}${x(j).toFixed(1)} ${at}H${x(j + 1).toFixed(1)}`);
    else parts.push(`${open ? "L" : "M"}${x(j + 0.5).toFixed(1)} ${at}`);
    open = true;
  }
  return parts.join("");
}

/** The `d` of the area between two rows of columns; null in either leaves a gap. */
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

/** The largest of values[first..last), null left out; at least `least`. */
function largest(values, first, last, least = 0) {
  let most = least;
  for (let j = first; j < last; j++) if (values[j] !== null && values[j] > most) most = values[j];
  return most;
}

/** Calls `draw` now, and again when the width of the element changes. */
function drawnToWidth(element, draw) {
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
