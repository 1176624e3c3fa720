// An opened service: its time range, which buttons, keys and dragging change, and the column under the pointer.

const MIN_COLUMNS = 8;

/** Shows the trajectory of the first service; returns `open(k)`, which shows trajectory k and scrolls to it. */
function showTrajectories(data) {
  const state = { trajectory: null, view: [0, 1], planTitle: data.plan_title };
  const section = document.getElementById("opened");
  const select = document.getElementById("trajectory");
  const panels = document.getElementById("panels");
  const table = document.getElementById("columns");
  if (!data.trajectories.length) return () => {};
  section.hidden = false;
  select.append(
    ...data.trajectories.map((trajectory, k) => html("option", { value: k }, data.series[trajectory.series])),
  );

  const redraw = () => {
    drawPanels(panels, state);
    if (table.open) fillTable();
  };
  const fillTable = () =>
    table
      .querySelector("table")
      .replaceChildren(...columnsTable(state.trajectory, ...columnsInView(state), state.planTitle));
  const show = (k) => {
    state.trajectory = data.trajectories[k];
    state.view = [0, state.trajectory.arrivals.length];
    select.value = k;
    document.getElementById("opened-title").textContent = data.series[state.trajectory.series];
    document.getElementById("opened-totals").textContent = serviceTotals(data, state.trajectory.series);
    redraw();
  };
  const setView = (from, to) => {
    state.view = limited(from, to, state.trajectory.arrivals.length);
    redraw();
  };
  select.onchange = () => show(Number(select.value));
  table.ontoggle = () => table.open && fillTable();
  section.querySelector(".buttons").onclick = (event) => move(event.target.dataset.move, state, setView);
  panels.onkeydown = (event) => moveByKey(event, state, setView);
  followPointer(panels, state, setView);
  show(0);
  drawAtWidth(panels, redraw);
  return (k) => {
    if (!data.trajectories[k]) return;
    show(k);
    history.replaceState(null, "", `#service-${k}`);
    section.scrollIntoView();
    document.getElementById("opened-title").focus({ preventScroll: true });
  };
}

/** Returns a sentence with the totals of series k. */
function serviceTotals(data, k) {
  const requests = data.requests[k];
  const totals = ({ title, by_series: metrics }) =>
    `${title}: ${percent(share(metrics.delayed[k], requests))} delayed with ` +
    `${number(metrics.pod_s[k] / 3600)} pod-hours`;
  const kpaTotals = `${count(requests)} requests. ${totals(data.outcomes[data.kpa])}`;
  if (data.compared === null) return `${kpaTotals}.`;
  return `${kpaTotals}; ${totals(data.outcomes[data.compared])}.`;
}

/** Returns the range [from, to) with at least a few columns and none outside the trajectory. */
function limited(from, to, columns) {
  const length = Math.min(columns, Math.max(Math.min(MIN_COLUMNS, columns), to - from));
  const start = Math.min(columns - length, Math.max(0, (from + to - length) / 2));
  return [start, start + length];
}

function columnsInView(state) {
  return [Math.floor(state.view[0]), Math.ceil(state.view[1])];
}

function drawPanels(element, state) {
  const width = element.clientWidth;
  if (!width) return;
  const [first, last] = columnsInView(state);
  element.replaceChildren(
    ...panelsOf(state.trajectory, state.planTitle).map((panel) => {
      const frame = framed(panel, state.trajectory, state.view, width);
      panel.draw(frame, state.trajectory, first, last);
      frame.plot.append(
        svg("path", { class: "pointed" }),
        svg("rect", { class: "dragged", y: 0, height: frame.inner.height }),
      );
      const values = panel.keys.map(([, words, value]) => `${words} ${value(first, last)}`).join(", ");
      frame.picture.setAttribute("aria-label", `${panel.title}, in the time range: ${values}.`);
      return html("figure", { class: "panel" }, captionOf(panel), frame.picture);
    }),
  );
  showValues(element, state, null);
}

function captionOf(panel) {
  const keys = panel.keys.map(([keyClass, words]) =>
    html("span", { class: "key" }, html("i", { class: keyClass }), `${words} `, html("b", {})),
  );
  return html("figcaption", {}, html("h3", {}, panel.title), ...keys);
}

/** Writes the values of column j beside the keys and marks the column; null: the values of the time range. */
function showValues(element, state, j) {
  const [first, last] = j === null ? columnsInView(state) : [j, j + 1];
  const { start_s: startS, step_s: stepS } = state.trajectory;
  const values = panelsOf(state.trajectory, state.planTitle).flatMap((panel) =>
    panel.keys.map(([, , value]) => value(first, last)),
  );
  element.querySelectorAll(".key b").forEach((text, k) => (text.textContent = values[k]));
  document.getElementById("range").textContent =
    j === null
      ? `${dateTime(startS + first * stepS)} to ${dateTime(startS + last * stepS)}`
      : dateTime(startS + j * stepS);
  const scale = linear(state.view, [0, element.clientWidth - PANEL.left - PANEL.right]);
  for (const line of element.querySelectorAll(".pointed")) {
    line.setAttribute("d", j === null ? "" : `M${scale(j + 0.5).toFixed(1)} 0V400`);
  }
}

function move(action, state, setView) {
  const [from, to] = state.view;
  const distance = (to - from) / 4;
  if (action === "earlier") setView(...shifted(from - distance, to - distance, state));
  if (action === "later") setView(...shifted(from + distance, to + distance, state));
  if (action === "zoom-in") setView(from + distance, to - distance);
  if (action === "zoom-out") setView(from - 2 * distance, to + 2 * distance);
  if (action === "all") setView(0, state.trajectory.arrivals.length);
}

/** Returns a range of the same length, shifted so that it lies within the columns. */
function shifted(from, to, state) {
  const columns = state.trajectory.arrivals.length;
  const shift = Math.max(0, -from) - Math.max(0, to - columns);
  return [from + shift, to + shift];
}

const KEYS = {
  ArrowLeft: "earlier",
  ArrowRight: "later",
  "+": "zoom-in",
  "=": "zoom-in",
  "-": "zoom-out",
  0: "all",
  Home: "all",
};

function moveByKey(event, state, setView) {
  if (event.ctrlKey || event.metaKey || event.altKey || !KEYS[event.key]) return;
  event.preventDefault();
  move(KEYS[event.key], state, setView);
}

/** Pointing at a column shows its values, dragging zooms to the dragged range, a double click shows all. */
function followPointer(element, state, setView) {
  let dragStart = null;
  const columnUnder = (event) => {
    const box = element.getBoundingClientRect();
    const part = (event.clientX - box.left - PANEL.left) / (box.width - PANEL.left - PANEL.right);
    return state.view[0] + Math.min(1, Math.max(0, part)) * (state.view[1] - state.view[0]);
  };
  element.onpointerdown = (event) => {
    if (event.button === 0 && event.target.closest("svg")) dragStart = columnUnder(event);
  };
  element.onpointermove = (event) => {
    const column = columnUnder(event);
    showValues(element, state, Math.min(state.trajectory.arrivals.length - 1, Math.floor(column)));
    if (dragStart !== null) markDragged(element, state, dragStart, column);
  };
  element.onpointerup = (event) => {
    const [low, high] = [dragStart, columnUnder(event)].sort((a, b) => a - b);
    if (dragStart !== null && high - low > 0.01 * (state.view[1] - state.view[0])) setView(low, high);
    dragStart = null;
  };
  element.onpointerleave = () => {
    dragStart = null;
    markDragged(element, state, 0, 0);
    showValues(element, state, null);
  };
  element.onpointercancel = element.onpointerleave;
  element.ondblclick = () => setView(0, state.trajectory.arrivals.length);
}

function markDragged(element, state, from, to) {
  const scale = linear(state.view, [0, element.clientWidth - PANEL.left - PANEL.right]);
  const [low, high] = [scale(from), scale(to)].sort((a, b) => a - b);
  for (const area of element.querySelectorAll(".dragged")) {
    area.setAttribute("x", low.toFixed(1));
    area.setAttribute("width", (high - low).toFixed(1));
  }
}
