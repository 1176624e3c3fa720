// One service opened: its range of time, moved by buttons, keys and dragging, and what is pointed at.

const LEAST_COLUMNS = 8;

/** Gives `open(k)`, which opens course k and takes the reader there. */
function showCourses(data) {
  const state = { course: null, view: [0, 1], other: data.plan };
  const section = document.getElementById("opened");
  const choose = document.getElementById("course");
  const panels = document.getElementById("panels");
  const table = document.getElementById("columns");
  if (!data.courses.length) return () => {};
  section.hidden = false;
  choose.append(...data.courses.map((course, k) => html("option", { value: k }, data.series[course.series])));

  const redraw = () => {
    drawPanels(panels, state);
    if (table.open) fillTable();
  };
  const fillTable = () =>
    table
      .querySelector("table")
      .replaceChildren(...columnsTable(state.course, ...columnsIn(state), data.plan));
  const show = (k) => {
    state.course = data.courses[k];
    state.view = [0, state.course.arrivals.length];
    choose.value = k;
    document.getElementById("opened-title").textContent = data.series[state.course.series];
    document.getElementById("opened-figures").textContent = inFigures(data, state.course.series);
    redraw();
  };
  const see = (from, to) => {
    state.view = within(from, to, state.course.arrivals.length);
    redraw();
  };
  choose.onchange = () => show(Number(choose.value));
  table.ontoggle = () => table.open && fillTable();
  section.querySelector(".buttons").onclick = (event) => move(event.target.dataset.move, state, see);
  panels.onkeydown = (event) => movedByKey(event, state, see);
  followPointer(panels, state, see);
  show(0);
  drawnToWidth(panels, redraw);
  return (k) => {
    if (!data.courses[k]) return;
    show(k);
    history.replaceState(null, "", `#service-${k}`);
    section.scrollIntoView();
    document.getElementById("opened-title").focus({ preventScroll: true });
  };
}

/** The opened service's own figures, in a sentence. */
function inFigures(data, k) {
  const alone = data.outcomes[data.alone].by;
  const requests = data.requests[k];
  const told = (by) =>
    `${percent(share(by.delayed[k], requests))} delayed with ${number(by.pod_s[k] / 3600)} pod-hours`;
  const began = `${count(requests)} requests. KPA alone: ${told(alone)}`;
  if (data.other === null) return `${began}.`;
  const outcome = data.outcomes[data.other];
  return `${began}; ${outcome.title}: ${told(outcome.by)}.`;
}

/** [from, to) as it may be seen: no less than a few columns, nothing beside them. */
function within(from, to, columns) {
  const length = Math.min(columns, Math.max(Math.min(LEAST_COLUMNS, columns), to - from));
  const start = Math.min(columns - length, Math.max(0, (from + to - length) / 2));
  return [start, start + length];
}

function columnsIn(state) {
  return [Math.floor(state.view[0]), Math.ceil(state.view[1])];
}

function drawPanels(element, state) {
  const width = element.clientWidth;
  if (!width) return;
  const [first, last] = columnsIn(state);
  element.replaceChildren(
    ...panelsOf(state.course, state.other).map((panel) => {
      const frame = framed(panel, state.course, state.view, width);
      panel.draw(frame, state.course, first, last);
      frame.plot.append(
        svg("path", { class: "pointed" }),
        svg("rect", { class: "dragged", y: 0, height: frame.inner.height }),
      );
      const values = panel.keys.map(([, words, value]) => `${words} ${value(first, last)}`).join(", ");
      frame.picture.setAttribute("aria-label", `${panel.title}, in the range in view: ${values}.`);
      return html("figure", { class: "panel" }, captionOf(panel), frame.picture);
    }),
  );
  tell(element, state, null);
}

function captionOf(panel) {
  const keys = panel.keys.map(([kind, words]) =>
    html("span", { class: "key" }, html("i", { class: kind }), `${words} `, html("b", {})),
  );
  return html("figcaption", {}, html("h3", {}, panel.title), ...keys);
}

/** Writes the figures of column j beside the keys and marks it; null: those of the range in view. */
function tell(element, state, j) {
  const [first, last] = j === null ? columnsIn(state) : [j, j + 1];
  const { start, step } = state.course;
  const values = panelsOf(state.course, state.other).flatMap((panel) =>
    panel.keys.map(([, , value]) => value(first, last)),
  );
  element.querySelectorAll(".key b").forEach((each, at) => (each.textContent = values[at]));
  const text =
    j === null
      ? `${momentText(start + first * step)} to ${momentText(start + last * step)}`
      : momentText(start + j * step);
  document.getElementById("range").textContent = text;
  const scale = linear(state.view, [0, element.clientWidth - PANEL.left - PANEL.right]);
  for (const each of element.querySelectorAll(".pointed")) {
    each.setAttribute("d", j === null ? "" : `M${scale(j + 0.5).toFixed(1)} 0V400`);
  }
}

function move(how, state, see) {
  const [from, to] = state.view;
  const by = (to - from) / 4;
  if (how === "earlier") see(...slid(from - by, to - by, state));
  if (how === "later") see(...slid(from + by, to + by, state));
  if (how === "closer") see(from + by, to - by);
  if (how === "wider") see(from - 2 * by, to + 2 * by);
  if (how === "all") see(0, state.course.arrivals.length);
}

/** A range of the same length that does not leave the columns. */
function slid(from, to, state) {
  const columns = state.course.arrivals.length;
  const back = Math.max(0, -from) - Math.max(0, to - columns);
  return [from + back, to + back];
}

const KEYS = {
  ArrowLeft: "earlier",
  ArrowRight: "later",
  "+": "closer",
  "=": "closer",
  "-": "wider",
  0: "all",
  Home: "all",
};

function movedByKey(event, state, see) {
  if (event.ctrlKey || event.metaKey || event.altKey || !KEYS[event.key]) return;
  event.preventDefault();
  move(KEYS[event.key], state, see);
}

/** Pointing tells a column, dragging zooms to what was dragged over, a double click shows all. */
function followPointer(element, state, see) {
  let from = null;
  const columnAt = (event) => {
    const frame = element.getBoundingClientRect();
    const at = (event.clientX - frame.left - PANEL.left) / (frame.width - PANEL.left - PANEL.right);
    return state.view[0] + Math.min(1, Math.max(0, at)) * (state.view[1] - state.view[0]);
  };
  element.onpointerdown = (event) => {
    if (event.button === 0 && event.target.closest("svg")) from = columnAt(event);
  };
  element.onpointermove = (event) => {
    const at = columnAt(event);
    tell(element, state, Math.min(state.course.arrivals.length - 1, Math.floor(at)));
    if (from !== null) mark(element, state, from, at);
  };
  element.onpointerup = (event) => {
    const [low, high] = [from, columnAt(event)].sort((a, b) => a - b);
    if (from !== null && high - low > 0.01 * (state.view[1] - state.view[0])) see(low, high);
    from = null;
  };
  element.onpointerleave = () => {
    from = null;
    mark(element, state, 0, 0);
    tell(element, state, null);
  };
  element.onpointercancel = element.onpointerleave;
  element.ondblclick = () => see(0, state.course.arrivals.length);
}

function mark(element, state, from, to) {
  const scale = linear(state.view, [0, element.clientWidth - PANEL.left - PANEL.right]);
  const [low, high] = [scale(from), scale(to)].sort((a, b) => a - b);
  for (const each of element.querySelectorAll(".dragged")) {
    each.setAttribute("x", low.toFixed(1));
    each.setAttribute("width", (high - low).toFixed(1));
  }
}
