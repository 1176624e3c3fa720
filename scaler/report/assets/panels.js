// The three charts of an opened service, over one range of columns [from, to).

const PANEL = { left: 56, right: 12, top: 8, bottom: 22 };

/** What the charts say beside each key: kind, words, and the value of the columns [first, last). */
function panelsOf(course, other) {
  const mean = (values) => (first, last) => {
    const known = values.slice(first, last).filter((value) => value !== null);
    return known.length ? number(known.reduce((sum, value) => sum + value, 0) / known.length) : "–";
  };
  const most = (values) => (first, last) => number(largest(values, first, last));
  const sum = (values) => (first, last) =>
    count(values.slice(first, last).reduce((all, value) => all + value, 0));
  const band = (first, last) => `${mean(course.low)(first, last)}–${mean(course.high)(first, last)}`;
  return [
    {
      title: "Requests per second",
      height: 200,
      draw: drawTraffic,
      keys: [
        ["arrivals", "came (mean)", mean(course.arrivals)],
        ["most", "in the busiest second", most(course.max_arrivals)],
        ["middle", "forecast, median", mean(course.middle)],
        ["band", "forecast, 10 % to 95 %", band],
      ],
    },
    {
      title: "Pods",
      height: 200,
      draw: drawPods,
      keys: [
        ["alone", "KPA alone (mean)", mean(course.pods_kpa)],
        ["ours", `${other} (mean)`, mean(course.pods)],
        ["floor", "floor (highest)", most(course.floor)],
      ],
    },
    {
      title: "Delayed requests",
      height: 150,
      draw: drawDelayed,
      keys: [
        ["alone-bar", "KPA alone, upwards", sum(course.delayed_kpa)],
        ["ours-bar", `${other}, downwards`, sum(course.delayed)],
      ],
    },
  ];
}

/** The plot's frame with the axis of time, and an inner picture that cuts off what does not fit. */
function framed(panel, course, view, width) {
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
  const time = (column) => course.start + column * course.step;
  for (const tick of timeTicks(time(view[0]), time(view[1]), Math.max(2, Math.floor(inner.width / 80)))) {
    const at = x((tick - course.start) / course.step);
    plot.append(svg("path", { class: "grid", d: `M${at.toFixed(1)} 0V${inner.height}` }));
    const text = tick % 86400 ? clockText(tick) : dayText(tick);
    const kind = tick % 86400 ? "faint" : null;
    if (at < 14 || at > inner.width - 14) continue;
    picture.append(
      svg("text", { class: kind, x: PANEL.left + at, y: panel.height - 6, "text-anchor": "middle" }, text),
    );
  }
  picture.append(plot);
  return { picture, plot, inner, x };
}

function levels(frame, ticks, y, text = tickText) {
  for (const tick of ticks) {
    const at = y(tick);
    frame.plot.append(svg("path", { class: "grid", d: `M0 ${at.toFixed(1)}H${frame.inner.width}` }));
    frame.picture.append(
      svg("text", { x: PANEL.left - 8, y: PANEL.top + at + 4, "text-anchor": "end" }, text(tick)),
    );
  }
}

function drawTraffic(frame, course, first, last) {
  const { plot, inner, x } = frame;
  const top =
    Math.max(...["arrivals", "most", "high"].map((name) => largest(course[name], first, last))) || 1;
  const y = linear([0, 1.05 * top], [inner.height, 0]);
  levels(frame, roundTicks(0, 1.05 * top, 4), y);
  plot.append(
    svg("path", { class: "most", d: linePath(course.max_arrivals, first, last, x, y) }),
    svg("path", { class: "band", d: bandPath(course.low, course.high, first, last, x, y) }),
    svg("path", { class: "middle", d: linePath(course.middle, first, last, x, y) }),
    svg("path", { class: "arrivals", d: linePath(course.arrivals, first, last, x, y) }),
  );
}

function drawPods(frame, course, first, last) {
  const { plot, inner, x } = frame;
  const top =
    Math.max(...["pods_kpa", "pods", "floor"].map((name) => largest(course[name], first, last))) || 1;
  const y = linear([0, 1.05 * top], [inner.height, 0]);
  levels(frame, roundTicks(0, 1.05 * top, 4), y);
  const none = course.floor.map((value) => (value === null ? null : 0));
  plot.append(
    svg("path", { class: "floor-area", d: bandPath(none, course.floor, first, last, x, y) }),
    svg("path", { class: "ours", d: linePath(course.pods, first, last, x, y, true) }),
    svg("path", { class: "alone", d: linePath(course.pods_kpa, first, last, x, y, true) }),
    svg("path", { class: "floor", d: linePath(course.floor, first, last, x, y, true) }),
  );
}

/** Bars up and down from one line, never so small that a delayed request is not seen. */
function drawDelayed(frame, course, first, last) {
  const { plot, inner, x } = frame;
  const most = Math.max(largest(course.delayed_kpa, first, last), largest(course.delayed, first, last));
  const half = inner.height / 2;
  const up = linear([0, most || 1], [0, half - 4]);
  if (most > 0) {
    levels(
      frame,
      [...new Set([-1, 1].flatMap((sign) => roundTicks(0, most, 2).map((tick) => sign * tick)))],
      (value) => half - Math.sign(value) * up(Math.abs(value)),
      (value) => tickText(Math.abs(value)),
    );
  }
  const wide = Math.max(1.5, x(1) - x(0));
  for (const [name, kind, sign] of [
    ["delayed_kpa", "alone-bar", -1],
    ["delayed", "ours-bar", 1],
  ]) {
    const parts = [];
    for (let j = first; j < last; j++) {
      if (!course[name][j]) continue;
      const tall = Math.max(3, up(course[name][j]));
      parts.push(`M${x(j).toFixed(1)} ${half}v${(sign * tall).toFixed(1)}h${wide.toFixed(1)}V${half}Z`);
    }
    plot.append(svg("path", { class: kind, d: parts.join("") }));
  }
  plot.append(svg("path", { class: "axis", d: `M0 ${half}H${inner.width}` }));
}

/** The range as a table of at most `rows` rows: means, highest values, and sums of what was delayed. */
function columnsTable(course, first, last, other, rows = 120) {
  const together = Math.max(1, Math.ceil((last - first) / rows));
  const keys = [
    ...panelsOf(course, other)[0].keys,
    ...panelsOf(course, other)[1].keys,
    ["", "KPA alone, delayed", panelsOf(course, other)[2].keys[0][2]],
    ["", `${other}, delayed`, panelsOf(course, other)[2].keys[1][2]],
  ];
  const head = ["From (UTC)", ...keys.map(([, words]) => words)].map((words, at) =>
    html("th", { scope: "col", class: at ? "figure" : null }, words),
  );
  const body = [];
  for (let j = first; j < last; j += together) {
    const cells = keys.map(([, , value]) => html("td", {}, value(j, Math.min(last, j + together))));
    body.push(
      html("tr", {}, html("th", { scope: "row" }, shortMomentText(course.start + j * course.step)), ...cells),
    );
  }
  return [
    html("caption", { class: "unseen" }, "Traffic, pods and delayed requests over the range in view"),
    html("thead", {}, html("tr", {}, ...head)),
    html("tbody", {}, ...body),
  ];
}
