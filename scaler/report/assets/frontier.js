// The frontier: delayed requests against pod-hours, with every policy as a point or a line.

const MAX_RATIO = 1000; // a value smaller than the largest one divided by this is drawn at the edge
const LETTER_PX = { compared: 8.3, kpa: 8.3, oracle: 6.9, other: 6.9 }; // mean width of a letter in a label
const KINDS = ["other", "oracle", "kpa", "compared"]; // in drawing order: the compared policy is on top
const BETTER_TEXT = "less waiting and fewer pods";

/** Draws the frontier into `figure`. */
function showFrontier(figure, data) {
  const outcomes = data.outcomes.map((outcome) => ({
    outcome,
    x: outcome.sum.pod_s / 3600,
    y: share(outcome.sum.delayed, outcome.sum.requests),
    kind: kindOf(outcome.policy, data),
  }));
  const tip = html("div", { class: "tip", hidden: true });
  drawAtWidth(figure, () => {
    const { picture, points } = drawFrontier(outcomes, data, figure.clientWidth);
    figure.replaceChildren(picture, tip);
    figure.onpointermove = (event) => showNearest(event, figure, points, tip, points[data.kpa]);
    figure.onpointerleave = () => (tip.hidden = true);
  });
}

function kindOf(policy, data) {
  if (policy === data.outcomes[data.kpa].policy) return "kpa";
  if (data.compared !== null && policy === data.outcomes[data.compared].policy) return "compared";
  return policy === "oracle" ? "oracle" : "other";
}

/**
 * Returns an axis: scale, ticks, log, and under = the value below which all is drawn in a strip at the edge, or null.
 *
 * minRatio   ratio of the largest to the smallest value from which the axis is logarithmic
 * ticks      about how many
 * strip      pixels of the strip for values below the range; 0 = none
 */
function axisFor(values, pixels, { minRatio, ticks, strip }) {
  const max = Math.max(...values, 0) || 0.01;
  const positive = values.filter((value) => value > max / MAX_RATIO);
  const min = positive.length ? Math.min(...positive) : max;
  if (max / min < minRatio) {
    const lowest = Math.min(...values);
    const low = strip || lowest < max / 2.5 ? 0 : lowest - 0.25 * (max - lowest || lowest);
    const range = [low, max + 0.08 * (max - low)];
    return { scale: linear(range, pixels), ticks: roundTicks(...range, ticks), log: false, under: null };
  }
  const used = strip && values.some((value) => value < min) ? strip : 0;
  const range = [min / 1.35, max * 1.35];
  const scale = logarithmic(range, [pixels[0] - used, pixels[1]]);
  const scaleOrStrip = (value) => (value >= range[0] ? scale(value) : pixels[0] - used / 2);
  return { scale: scaleOrStrip, ticks: powerTicks(...range, ticks), log: true, under: used ? min : null };
}

/** Returns the picture, and its points: the outcomes with their pixels px and py. */
function drawFrontier(outcomes, data, width) {
  const narrow = width < 560;
  const height = narrow ? 380 : 460;
  const box = { left: narrow ? 52 : 64, right: width - (narrow ? 12 : 24), top: 16, bottom: height - 62 };
  const unit = outcomes[data.kpa].x || 1;
  const x = axisFor(
    outcomes.map((outcome) => outcome.x / unit),
    [box.left, box.right],
    { minRatio: 6, ticks: narrow ? 3 : 8, strip: 0 },
  );
  const y = axisFor(
    outcomes.map((outcome) => outcome.y),
    [box.bottom, box.top],
    { minRatio: 10, ticks: 9, strip: 30 },
  );
  const points = outcomes.map((outcome) => ({
    ...outcome,
    px: x.scale(outcome.x / unit),
    py: y.scale(outcome.y),
  }));
  const kpa = points[data.kpa];
  const picture = svg("svg", {
    viewBox: `0 0 ${width} ${height}`,
    role: "img",
    "aria-label": `Delayed requests against pod-hours of ${points.length} outcomes; all values are in the table below.`,
  });
  picture.append(...quadrant(box, kpa), ...axes(box, x, y, kpa, narrow), ...curves(points));
  const taken = occupied(points);
  picture.append(...marks(points), ...labels(points, box, taken), ...delayCosts(points, box, taken));
  picture.append(...betterText(box, kpa, taken));
  return { picture, points };
}

/** The area with fewer delayed requests and fewer pods than the KPA alone. */
function quadrant(box, kpa) {
  return [
    svg("rect", {
      class: "better",
      x: box.left,
      y: kpa.py,
      width: Math.max(0, kpa.px - box.left),
      height: Math.max(0, box.bottom - kpa.py),
    }),
    svg("path", {
      class: "guide",
      d: `M${kpa.px} ${box.top}V${box.bottom}M${box.left} ${kpa.py}H${box.right}`,
    }),
  ];
}

/** The label of that area in its upper or lower corner, if there is space. */
function betterText(box, kpa, taken) {
  const left = box.left + 10;
  const right = left + BETTER_TEXT.length * LETTER_PX.other;
  const rectangle = [kpa.py + 20, box.bottom - 40]
    .map((baseline) => ({ left, right, top: baseline - 12, bottom: baseline + 3, baseline }))
    .find((area) => area.right < kpa.px && area.top > kpa.py && isFree(area, box, taken));
  return rectangle ? [svg("text", { class: "better", x: left, y: rectangle.baseline }, BETTER_TEXT)] : [];
}

function axes(box, x, y, kpa, narrow) {
  const parts = [];
  for (const tick of y.ticks) {
    const top = y.scale(tick);
    parts.push(svg("path", { class: "grid", d: `M${box.left} ${top}H${box.right}` }));
    parts.push(
      svg("text", { x: box.left - 8, y: top + 4, "text-anchor": "end" }, `${tickText(100 * tick)}${NBSP}%`),
    );
  }
  if (y.under !== null) {
    parts.push(svg("path", { class: "grid", d: `M${box.left} ${box.bottom - 30}H${box.right}` }));
    parts.push(svg("text", { x: box.left - 8, y: box.bottom - 11, "text-anchor": "end" }, "less"));
  }
  parts.push(svg("path", { class: "axis", d: `M${box.left} ${box.bottom}H${box.right}` }));
  for (const tick of x.ticks) {
    const left = x.scale(tick);
    parts.push(svg("path", { class: "axis", d: `M${left} ${box.bottom}v4` }));
    const lines = kpa.x > 0 ? [`${tickText(tick)}${NBSP}×`, number(tick * kpa.x)] : [tickText(tick)];
    parts.push(
      ...lines.map((text, line) =>
        svg("text", { x: left, y: box.bottom + 18 + 16 * line, "text-anchor": "middle" }, text),
      ),
    );
  }
  const xTitle = `${kpa.x > 0 ? "× KPA alone, and " : ""}pod-hours${x.log ? " (log)" : ""}`;
  const yTitle = `delayed requests${y.log ? " (log)" : ""}`;
  parts.push(svg("text", { class: "title", x: box.right, y: box.bottom + 54, "text-anchor": "end" }, xTitle));
  parts.push(svg("text", { class: "title", x: box.left + (narrow ? 6 : 10), y: box.top + 6 }, yTitle));
  return parts;
}

/** Returns lists with the points of one policy in the order of its delay costs; the lists in drawing order. */
function pointsByPolicy(points) {
  const groups = new Map();
  for (const point of points) {
    const { policy } = point.outcome;
    if (!groups.has(policy)) groups.set(policy, []);
    groups.get(policy).push(point);
  }
  const sorted = [...groups.values()].map((group) =>
    group.sort((a, b) => (a.outcome.delay_cost ?? 0) - (b.outcome.delay_cost ?? 0)),
  );
  return sorted.sort((a, b) => KINDS.indexOf(a[0].kind) - KINDS.indexOf(b[0].kind));
}

function curves(points) {
  return pointsByPolicy(points)
    .filter((group) => group.length > 1)
    .map((group) =>
      svg("path", {
        class: `curve ${group[0].kind}`,
        d: `M${group.map(({ px, py }) => `${px.toFixed(1)} ${py.toFixed(1)}`).join("L")}`,
      }),
    );
}

function marks(points) {
  return pointsByPolicy(points)
    .flat()
    .map(({ kind, px, py }) => {
      if (kind === "kpa")
        return svg("rect", { class: `mark ${kind}`, x: px - 5.5, y: py - 5.5, width: 11, height: 11 });
      return svg("circle", { class: `mark ${kind}`, cx: px, cy: py, r: kind === "compared" ? 5 : 3.5 });
    });
}

/** Returns the rectangles that texts must not cover: points, and lines in steps of 6 pixels. */
function occupied(points) {
  const square = (x, y, half) => ({ left: x - half, right: x + half, top: y - half, bottom: y + half });
  const taken = points.map(({ px, py, kind }) => square(px, py, kind === "kpa" ? 7 : 5));
  for (const group of pointsByPolicy(points)) {
    group.slice(1).forEach((to, k) => {
      const from = group[k];
      const steps = Math.ceil(Math.hypot(to.px - from.px, to.py - from.py) / 6);
      for (let step = 1; step < steps; step++) {
        const part = step / steps;
        taken.push(square(from.px + part * (to.px - from.px), from.py + part * (to.py - from.py), 1.5));
      }
    });
  }
  return taken;
}

/** Returns rectangles for a text beside a point, the most readable first; all lengths in pixels. */
function rectanglesBeside({ px, py }, length, size) {
  const rectangle = (left, baseline) => ({
    left,
    right: left + length,
    top: baseline - size,
    bottom: baseline + 3,
    baseline,
  });
  return [
    rectangle(px + 10, py + 4),
    rectangle(px - 10 - length, py + 4),
    rectangle(px - length / 2, py - 10),
    rectangle(px - length / 2, py + 19),
    rectangle(px + 8, py - 8),
    rectangle(px + 8, py + 16),
    rectangle(px - 8 - length, py - 8),
    rectangle(px - 8 - length, py + 16),
  ];
}

function overlap(a, b) {
  return a.left < b.right && a.right > b.left && a.top < b.bottom && a.bottom > b.top;
}

function isFree(rectangle, box, taken) {
  const { left, right, top, bottom } = rectangle;
  const inside = left >= box.left + 2 && right <= box.right + 10 && top >= box.top && bottom <= box.bottom;
  return inside && !taken.some((other) => overlap(rectangle, other));
}

/** The names of policies, without those that have no space. */
function labels(points, box, taken) {
  const parts = [];
  for (const group of pointsByPolicy(points).reverse()) {
    const { kind, outcome } = group[0];
    const length = outcome.title.length * LETTER_PX[kind];
    const endsFirst = [group.at(-1), group[0], ...group.slice(1, -1)];
    const rectangle = endsFirst
      .flatMap((point) => rectanglesBeside(point, length, 12))
      .find((candidate) => isFree(candidate, box, taken));
    if (!rectangle) continue;
    taken.push(rectangle);
    const { left, baseline } = rectangle;
    parts.push(svg("text", { class: `label ${kind}`, x: left, y: baseline }, outcome.title));
  }
  return parts;
}

/** The delay costs at the points of the compared policy, without those that have no space. */
function delayCosts(points, box, taken) {
  const parts = [];
  for (const point of points) {
    if (point.kind !== "compared" || point.outcome.delay_cost === null) continue;
    const text = tickText(point.outcome.delay_cost);
    const rectangle = rectanglesBeside(point, text.length * 6, 10).find((candidate) =>
      isFree(candidate, box, taken),
    );
    if (!rectangle) continue;
    taken.push(rectangle);
    parts.push(svg("text", { class: "delay-cost", x: rectangle.left, y: rectangle.baseline }, text));
  }
  return parts;
}

/** Shows the values of the point nearest to the pointer, or hides the tip if none is near. */
function showNearest(event, figure, points, tip, kpa) {
  const frame = figure.getBoundingClientRect();
  const distance = ({ px, py }) => Math.hypot(px - event.clientX + frame.left, py - event.clientY + frame.top);
  const nearest = points.reduce((best, point) => (distance(point) < distance(best) ? point : best));
  tip.hidden = distance(nearest) > 28;
  if (tip.hidden) return;
  const { outcome } = nearest;
  const delayCost = outcome.delay_cost === null ? "" : `, delay cost ${tickText(outcome.delay_cost)}`;
  const ratio = kpa.x > 0 ? ` (${(nearest.x / kpa.x).toFixed(2)} × KPA alone)` : "";
  tip.replaceChildren(
    html("strong", {}, `${outcome.title}${delayCost}`),
    html("br"),
    `${percent(nearest.y)} delayed, ${percent(share(outcome.sum.cold, outcome.sum.requests))} cold`,
    html("br"),
    `${number(nearest.x)} pod-hours${ratio}`,
  );
  const right = nearest.px > frame.width / 2;
  tip.style.left = right ? "auto" : `${nearest.px + 14}px`;
  tip.style.right = right ? `${frame.width - nearest.px + 14}px` : "auto";
  tip.style.top = `${Math.max(0, nearest.py - 30)}px`;
}
