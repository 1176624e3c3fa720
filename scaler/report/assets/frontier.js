// The frontier: delayed requests against pod-hours, every policy a point or a line.

const DECADES = 1000; // what is smaller than the largest by more than this is drawn at the edge
const LETTER_PX = { ours: 8.3, alone: 8.3, oracle: 6.9, other: 6.9 }; // of a label, about

/** Draws the frontier into `figure`. */
function showFrontier(figure, data) {
  const points = data.outcomes.map((outcome) => ({
    outcome,
    x: outcome.sum.pod_s / 3600,
    y: share(outcome.sum.delayed, outcome.sum.requests),
    kind: kindOf(outcome.policy, data),
  }));
  const told = html("div", { class: "tip", hidden: true });
  drawnToWidth(figure, () => {
    const drawn = drawFrontier(points, data, figure.clientWidth);
    figure.replaceChildren(drawn.picture, told);
    figure.onpointermove = (event) => tellNearest(event, figure, drawn.places, told, points[data.alone]);
    figure.onpointerleave = () => (told.hidden = true);
  });
}

/** `ours` is what is compared with the KPA alone, whatever its name. */
function kindOf(policy, data) {
  if (policy === data.outcomes[data.alone].policy) return "alone";
  if (data.other !== null && policy === data.outcomes[data.other].policy) return "ours";
  return policy === "oracle" ? "oracle" : "other";
}

/** {scale, ticks, log}: logarithmic where the values are that far apart. */
function axisFor(values, pixels, { apart, wanted, under }) {
  const most = Math.max(...values, 0) || 0.01;
  const positive = values.filter((value) => value > most / DECADES);
  const least = positive.length ? Math.min(...positive) : most;
  if (most / least < apart) {
    const lowest = Math.min(...values);
    const low = under || lowest < most / 2.5 ? 0 : lowest - 0.25 * (most - lowest || lowest);
    const range = [low, most + 0.08 * (most - low)];
    return { scale: linear(range, pixels), ticks: roundTicks(...range, wanted), log: false, under: null };
  }
  const strip = under && values.some((value) => value < least) ? under : 0;
  const range = [least / 1.35, most * 1.35];
  const inner = [pixels[0] - strip, pixels[1]];
  const scale = logarithmic(range, inner);
  const within = (value) => (value >= range[0] ? scale(value) : pixels[0] - strip / 2);
  return { scale: within, ticks: powerTicks(...range, wanted), log: true, under: strip ? least : null };
}

function drawFrontier(points, data, width) {
  const narrow = width < 560;
  const height = narrow ? 380 : 460;
  const box = { left: narrow ? 52 : 64, right: width - (narrow ? 12 : 24), top: 16, bottom: height - 62 };
  const unit = points[data.alone].x || 1;
  const x = axisFor(
    points.map((each) => each.x / unit),
    [box.left, box.right],
    { apart: 6, wanted: narrow ? 3 : 8, under: 0 },
  );
  const y = axisFor(
    points.map((each) => each.y),
    [box.bottom, box.top],
    { apart: 10, wanted: 9, under: 30 },
  );
  const placed = points.map((each) => ({ ...each, px: x.scale(each.x / unit), py: y.scale(each.y) }));
  const alone = placed[data.alone];
  const picture = svg("svg", {
    viewBox: `0 0 ${width} ${height}`,
    role: "img",
    "aria-label": `Delayed requests against pod-hours of ${points.length} outcomes; all figures are in the table below.`,
  });
  picture.append(...quadrant(box, alone), ...axes(box, x, y, alone, narrow), ...curves(placed));
  const taken = occupied(placed);
  picture.append(...marks(placed), ...labels(placed, box, taken), ...costs(placed, box, taken));
  picture.append(...betterWords(box, alone, taken));
  return { picture, places: placed };
}

/** The part of the picture that is better than the KPA alone on both counts. */
function quadrant(box, alone) {
  return [
    svg("rect", {
      class: "better",
      x: box.left,
      y: alone.py,
      width: Math.max(0, alone.px - box.left),
      height: Math.max(0, box.bottom - alone.py),
    }),
    svg("path", {
      class: "guide",
      d: `M${alone.px} ${box.top}V${box.bottom}M${box.left} ${alone.py}H${box.right}`,
    }),
  ];
}

/** What that part is, in its upper or lower corner, where there is room. */
function betterWords(box, alone, taken) {
  const text = "less waiting and fewer pods";
  const right = box.left + 10 + text.length * LETTER_PX.other;
  const places = [alone.py + 20, box.bottom - 40]
    .map((base) => ({ left: box.left + 10, right, top: base - 12, bottom: base + 3, base }))
    .filter((place) => place.right < alone.px && place.top > alone.py && free(place, box, taken));
  return places
    .slice(0, 1)
    .map((place) => svg("text", { class: "better", x: place.left, y: place.base }, text));
}

function axes(box, x, y, alone, narrow) {
  const parts = [];
  for (const tick of y.ticks) {
    const at = y.scale(tick);
    parts.push(svg("path", { class: "grid", d: `M${box.left} ${at}H${box.right}` }));
    parts.push(
      svg("text", { x: box.left - 8, y: at + 4, "text-anchor": "end" }, `${tickText(100 * tick)}${NBSP}%`),
    );
  }
  if (y.under !== null) {
    parts.push(svg("path", { class: "grid", d: `M${box.left} ${box.bottom - 30}H${box.right}` }));
    parts.push(svg("text", { x: box.left - 8, y: box.bottom - 11, "text-anchor": "end" }, "less"));
  }
  parts.push(svg("path", { class: "axis", d: `M${box.left} ${box.bottom}H${box.right}` }));
  for (const tick of x.ticks) {
    const at = x.scale(tick);
    parts.push(svg("path", { class: "axis", d: `M${at} ${box.bottom}v4` }));
    const lines = alone.x > 0 ? [`${tickText(tick)}${NBSP}×`, number(tick * alone.x)] : [tickText(tick)];
    parts.push(
      ...lines.map((line, below) =>
        svg("text", { x: at, y: box.bottom + 18 + 16 * below, "text-anchor": "middle" }, line),
      ),
    );
  }
  const words = `${alone.x > 0 ? "× KPA alone, and " : ""}pod-hours${x.log ? " (log)" : ""}`;
  parts.push(svg("text", { class: "title", x: box.right, y: box.bottom + 54, "text-anchor": "end" }, words));
  const up = `delayed requests${y.log ? " (log)" : ""}`;
  parts.push(svg("text", { class: "title", x: box.left + (narrow ? 6 : 10), y: box.top + 6 }, up));
  return parts;
}

/** Points of one policy in the order of its delay-costs, ours last so that it lies on top. */
function families(placed) {
  const found = new Map();
  for (const each of placed) {
    if (!found.has(each.outcome.policy)) found.set(each.outcome.policy, []);
    found.get(each.outcome.policy).push(each);
  }
  const order = ["other", "oracle", "alone", "ours"];
  const sorted = [...found.values()].map((family) =>
    family.sort((a, b) => (a.outcome.cost ?? 0) - (b.outcome.cost ?? 0)),
  );
  return sorted.sort((a, b) => order.indexOf(a[0].kind) - order.indexOf(b[0].kind));
}

function curves(placed) {
  return families(placed)
    .filter((family) => family.length > 1)
    .map((family) =>
      svg("path", {
        class: `curve ${family[0].kind}`,
        d: `M${family.map((each) => `${each.px.toFixed(1)} ${each.py.toFixed(1)}`).join("L")}`,
      }),
    );
}

function marks(placed) {
  return families(placed)
    .flat()
    .map((each) => {
      const { kind, px, py } = each;
      if (kind === "alone")
        return svg("rect", { class: `mark ${kind}`, x: px - 5.5, y: py - 5.5, width: 11, height: 11 });
      return svg("circle", { class: `mark ${kind}`, cx: px, cy: py, r: kind === "ours" ? 5 : 3.5 });
    });
}

/** What texts keep clear of: points, and lines in steps of some pixels. */
function occupied(placed) {
  const around = (x, y, by) => ({ left: x - by, right: x + by, top: y - by, bottom: y + by });
  const taken = placed.map((each) => around(each.px, each.py, each.kind === "alone" ? 7 : 5));
  for (const family of families(placed)) {
    family.slice(1).forEach((to, k) => {
      const from = family[k];
      const steps = Math.ceil(Math.hypot(to.px - from.px, to.py - from.py) / 6);
      for (let step = 1; step < steps; step++) {
        const part = step / steps;
        taken.push(around(from.px + part * (to.px - from.px), from.py + part * (to.py - from.py), 1.5));
      }
    });
  }
  return taken;
}

/** Where a text may stand around a point; first the places that are read best. */
function around(each, length, size) {
  const half = length / 2;
  const at = (left, base) => ({ left, right: left + length, top: base - size, bottom: base + 3, base });
  return [
    at(each.px + 10, each.py + 4),
    at(each.px - 10 - length, each.py + 4),
    at(each.px - half, each.py - 10),
    at(each.px - half, each.py + 19),
    at(each.px + 8, each.py - 8),
    at(each.px + 8, each.py + 16),
    at(each.px - 8 - length, each.py - 8),
    at(each.px - 8 - length, each.py + 16),
  ];
}

function free(place, box, taken) {
  if (
    place.left < box.left + 2 ||
    place.right > box.right + 10 ||
    place.top < box.top ||
    place.bottom > box.bottom
  )
    return false;
  return !taken.some(
    (other) =>
      place.left < other.right &&
      place.right > other.left &&
      place.top < other.bottom &&
      place.bottom > other.top,
  );
}

function labels(placed, box, taken) {
  const parts = [];
  for (const family of families(placed).reverse()) {
    const text = family[0].outcome.title;
    const ends = [family.at(-1), family[0], ...family.slice(1, -1)];
    const places = ends.flatMap((each) => around(each, text.length * LETTER_PX[family[0].kind], 12));
    const place = places.find((each) => free(each, box, taken));
    if (!place) continue;
    taken.push(place);
    parts.push(svg("text", { class: `label ${family[0].kind}`, x: place.left, y: place.base }, text));
  }
  return parts;
}

/** The delay-costs at the points of what is compared. */
function costs(placed, box, taken) {
  const parts = [];
  for (const each of placed.filter((point) => point.kind === "ours" && point.outcome.cost !== null)) {
    const text = tickText(each.outcome.cost);
    const place = around(each, text.length * 6, 10).find((found) => free(found, box, taken));
    if (!place) continue;
    taken.push(place);
    parts.push(svg("text", { class: "cost", x: place.left, y: place.base }, text));
  }
  return parts;
}

function tellNearest(event, figure, places, told, alone) {
  const frame = figure.getBoundingClientRect();
  const at = { x: event.clientX - frame.left, y: event.clientY - frame.top };
  const far = (each) => Math.hypot(each.px - at.x, each.py - at.y);
  const nearest = places.reduce((best, each) => (far(each) < far(best) ? each : best));
  told.hidden = far(nearest) > 28;
  if (told.hidden) return;
  const { outcome } = nearest;
  const cost = outcome.cost === null ? "" : `, delay-cost ${tickText(outcome.cost)}`;
  const times = alone.x > 0 ? ` (${(nearest.x / alone.x).toFixed(2)} × KPA alone)` : "";
  told.replaceChildren(
    html("strong", {}, `${outcome.title}${cost}`),
    html("br"),
    `${percent(nearest.y)} delayed, ${percent(share(outcome.sum.cold, outcome.sum.requests))} cold`,
    html("br"),
    `${number(nearest.x)} pod-hours${times}`,
  );
  const right = nearest.px > frame.width / 2;
  told.style.left = right ? "auto" : `${nearest.px + 14}px`;
  told.style.right = right ? `${frame.width - nearest.px + 14}px` : "auto";
  told.style.top = `${Math.max(0, nearest.py - 30)}px`;
}
