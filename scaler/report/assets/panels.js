// The three charts of an opened service, over columns [first, last).

const PANEL = { left: 56, right: 12, top: 8, bottom: 22 };
const ROWS = 120; // at most, in the table of a time range

/** Returns the charts; a key is [class, words, function that returns its value over columns [first, last)]. */
function panelsOf(trajectory, planTitle) {
  const mean = (values) => (first, last) => {
    const known = values.slice(first, last).filter((value) => value !== null);
    return known.length ? number(known.reduce((sum, value) => sum + value, 0) / known.length) : "–";
  };
  const max = (values) => (first, last) => number(largest(values, first, last));
  const sum = (values) => (first, last) =>
    count(values.slice(first, last).reduce((total, value) => total + value, 0));
  const band = (first, last) => `${mean(trajectory.low)(first, last)}–${mean(trajectory.high)(first, last)}`;
  return [
    {
      title: "Requests per second",
      height: 200,
      draw: drawTraffic,
      keys: [
        ["arrivals", "arrivals (mean)", mean(trajectory.arrivals)],
        ["max", "busiest second", max(trajectory.max_arrivals)],
        ["middle", "forecast, median", mean(trajectory.middle)],
        ["band", "forecast, 10 % to 95 %", band],
      ],
    },
    {
      title: "Pods",
      height: 200,
      draw: drawPods,
      keys: [
        ["kpa", "KPA alone (mean)", mean(trajectory.pods_kpa)],
        ["compared", `${planTitle} (mean)`, mean(trajectory.pods)],
        ["floor", "floor (highest)", max(trajectory.floor)],
      ],
    },
    {
      title: "Delayed requests",
      height: 150,
      draw: drawDelayed,
      keys: [
        ["kpa-bar", "KPA alone, upwards", sum(trajectory.delayed_kpa)],
        ["compared-bar", `${planTitle}, downwards`, sum(trajectory.delayed)],
      ],
    },
  ];
}

/** Returns the frame of a chart with the time axis, and an inner SVG element that clips the plot. */
function framed(panel, trajectory, view, width) {
  const inner = { width: width - PANEL.left - PANEL.right, height: panel.height - PANEL.top - PANEL.bottom };
  const x = linear(view, [0, inner.width]);
  const picture = svg("svg", { viewBox: `0 0 ${width} ${panel.height}`, role: "img" });
  const plot = svg("svg", {
    class: "plot",
    x: PANEL.left,
    y: PANEL.top,
    width: inner.width,
    height: inner.height,
  });
  const time = (column) => trajectory.start_s + column * trajectory.step_s;
  for (const tick of timeTicks(time(view[0]), time(view[1]), Math.max(2, Math.floor(inner.width / 80)))) {
    const left = x((tick - trajectory.start_s) / trajectory.step_s);
    plot.append(svg("path", { class: "grid", d: `M${left.toFixed(1)} 0V${inner.height}` }));
    if (left < 14 || left > inner.width - 14) continue;
    const text = tick % 86400 ? clockText(tick) : dayText(tick);
    picture.append(
      svg("text", { x: PANEL.left + left, y: panel.height - 6, "text-anchor": "middle" }, text),
    );
  }
  picture.append(plot);
  return { picture, plot, inner, x };
}

/** Draws a horizontal line and a label for each tick. */
function drawTicks(frame, ticks, y, text = tickText) {
  for (const tick of ticks) {
    const top = y(tick);
    frame.plot.append(svg("path", { class: "grid", d: `M0 ${top.toFixed(1)}H${frame.inner.width}` }));
    frame.picture.append(
      svg("text", { x: PANEL.left - 8, y: PANEL.top + top + 4, "text-anchor": "end" }, text(tick)),
    );
  }
}

/** Draws the ticks of an axis that shows all these lists of values from 0; returns its scale. */
function drawAxis(frame, lists, first, last) {
  const max = Math.max(...lists.map((values) => largest(values, first, last))) || 1;
  const y = linear([0, 1.05 * max], [frame.inner.height, 0]);
  drawTicks(frame, roundTicks(0, 1.05 * max, 4), y);
  return y;
}

function drawTraffic(frame, trajectory, first, last) {
  const { plot, x } = frame;
  const { arrivals, max_arrivals: maxArrivals, low, middle, high } = trajectory;
  const y = drawAxis(frame, [arrivals, maxArrivals, high], first, last);
  plot.append(
    svg("path", { class: "max", d: linePath(maxArrivals, first, last, x, y) }),
    svg("path", { class: "band", d: bandPath(low, high, first, last, x, y) }),
    svg("path", { class: "middle", d: linePath(middle, first, last, x, y) }),
    svg("path", { class: "arrivals", d: linePath(arrivals, first, last, x, y) }),
  );
}

function drawPods(frame, trajectory, first, last) {
  const { plot, x } = frame;
  const { pods_kpa: podsKpa, pods, floor } = trajectory;
  const y = drawAxis(frame, [podsKpa, pods, floor], first, last);
  const zero = floor.map((value) => (value === null ? null : 0));
  plot.append(
    svg("path", { class: "floor-area", d: bandPath(zero, floor, first, last, x, y) }),
    svg("path", { class: "compared", d: linePath(pods, first, last, x, y, true) }),
    svg("path", { class: "kpa", d: linePath(podsKpa, first, last, x, y, true) }),
    svg("path", { class: "floor", d: linePath(floor, first, last, x, y, true) }),
  );
}

/** Draws bars upwards and downwards from one line; each is large enough that one delayed request is visible. */
function drawDelayed(frame, trajectory, first, last) {
  const { plot, inner, x } = frame;
  const { delayed_kpa: delayedKpa, delayed } = trajectory;
  const max = Math.max(largest(delayedKpa, first, last), largest(delayed, first, last));
  const middle = inner.height / 2;
  const height = linear([0, max || 1], [0, middle - 4]);
  if (max > 0) {
    const ticks = roundTicks(0, max, 2);
    drawTicks(
      frame,
      [...new Set([-1, 1].flatMap((sign) => ticks.map((tick) => sign * tick)))],
      (value) => middle - Math.sign(value) * height(Math.abs(value)),
      (value) => tickText(Math.abs(value)),
    );
  }
  const width = Math.max(1.5, x(1) - x(0));
  for (const [values, barClass, sign] of [
    [delayedKpa, "kpa-bar", -1],
    [delayed, "compared-bar", 1],
  ]) {
    const parts = [];
    for (let j = first; j < last; j++) {
      if (!values[j]) continue;
      const length = Math.max(3, height(values[j]));
      parts.push(`M${x(j).toFixed(1)} ${middle}v${(sign * length).toFixed(1)}h${width.toFixed(1)}V${middle}Z`);
    }
    plot.append(svg("path", { class: barClass, d: parts.join("") }));
  }
  plot.append(svg("path", { class: "axis", d: `M0 ${middle}H${inner.width}` }));
}

/** Returns columns [first, last) as the content of a table: means, highest values, and sums of delayed requests. */
function columnsTable(trajectory, first, last, planTitle) {
  const columnsPerRow = Math.max(1, Math.ceil((last - first) / ROWS));
  const [traffic, pods, delayed] = panelsOf(trajectory, planTitle).map((panel) => panel.keys);
  const keys = [
    ...traffic,
    ...pods,
    ["", "KPA alone, delayed", delayed[0][2]],
    ["", `${planTitle}, delayed`, delayed[1][2]],
  ];
  const head = ["From (UTC)", ...keys.map(([, words]) => words)].map((words) =>
    html("th", { scope: "col" }, words),
  );
  const body = [];
  for (let j = first; j < last; j += columnsPerRow) {
    const cells = keys.map(([, , value]) => html("td", {}, value(j, Math.min(last, j + columnsPerRow))));
    const from = shortDateTime(trajectory.start_s + j * trajectory.step_s);
    body.push(html("tr", {}, html("th", { scope: "row" }, from), ...cells));
  }
  return [
    html("caption", { class: "unseen" }, "Traffic, pods and delayed requests in the time range"),
    html("thead", {}, html("tr", {}, ...head)),
    html("tbody", {}, ...body),
  ];
}
