// The table of services: sorted by its headers, filtered by name and by who is better off.

const FIRST_ROWS = 20;
const MORE_ROWS = 200;

/** Rows that the choice "Show" leaves. */
const WHICH = [
  ["all", "all services", () => true],
  ["better", "fewer delayed", (row) => row.delayed[1] < row.delayed[0]],
  ["worse", "more delayed", (row) => row.delayed[1] > row.delayed[0]],
  ["dearer", "more pod-hours", (row) => row.pod_s[1] > row.pod_s[0]],
  ["pictured", "can be opened", (row) => row.course >= 0],
];

/** Columns: key, group, heading, value to sort by, text. */
function columnsFor(other) {
  const pair = (key, group, value, text) => [
    [`${key}-alone`, group, "KPA alone", (row) => value(row, 0), text, "alone"],
    [`${key}-other`, group, other, (row) => value(row, 1), text, "ours"],
  ];
  const shareOf = (kind) => (row, at) => share(row[kind][at], row.requests);
  const paired = other === null ? (columns) => columns.slice(0, 1) : (columns) => columns;
  const columns = [
    ["name", "", "Service", (row) => row.name, (text) => text, "name"],
    ["requests", "", "Requests", (row) => row.requests, count, ""],
    ...paired(pair("delayed", "Delayed", shareOf("delayed"), percent)),
    ...paired(pair("cold", "Cold", shareOf("cold"), percent)),
    ...paired(pair("pods", "Pod-hours", (row, at) => row.pod_s[at] / 3600, number)),
    ...paired(pair("starts", "Pod starts", (row, at) => row.starts[at], count)),
  ];
  if (other === null) return columns;
  return [
    ...columns,
    ["cost", "", "Cost", (row) => row.cost, (ratio) => (ratio === null ? "–" : signed(ratio)), ""],
  ];
}

/** Fills the table, and keeps it as its controls say. `open(k)` opens course k. */
function showServices(data, open) {
  const state = { sort: "requests", down: true, rows: FIRST_ROWS, other: data.other };
  const [find, which, beside, found, more, table] = ["find", "which", "beside", "found", "more", "table"].map(
    (id) => document.getElementById(id),
  );
  which.append(...WHICH.map(([value, text]) => html("option", { value }, text)));
  beside.append(...besides(data));
  beside.closest("label").hidden = data.other === null;
  const draw = () => drawServices(data, state, { find, which, found, more, table });
  const anew = () => {
    state.rows = FIRST_ROWS;
    draw();
  };
  find.oninput = anew;
  which.onchange = anew;
  beside.onchange = () => {
    state.other = Number(beside.value);
    draw();
  };
  more.onclick = () => {
    state.rows += MORE_ROWS;
    draw();
  };
  document.getElementById("choose").onsubmit = (event) => event.preventDefault();
  table.onclick = (event) => {
    const link = event.target.closest("a[data-course]");
    if (link) {
      event.preventDefault();
      open(Number(link.dataset.course));
    }
    const key = event.target.closest("button[data-sort]")?.dataset.sort;
    if (!key) return;
    state.down = state.sort === key ? !state.down : key !== "name";
    state.sort = key;
    draw();
    table.querySelector(`button[data-sort="${key}"]`).focus();
  };
  draw();
}

/** Options of what may stand beside the KPA alone. */
function besides(data) {
  return data.outcomes
    .map((outcome, at) => ({ outcome, at }))
    .filter(({ outcome, at }) => at !== data.alone && outcome.by !== null)
    .map(({ outcome, at }) => {
      const text =
        outcome.cost === null ? outcome.title : `${outcome.title}, delay-cost ${tickText(outcome.cost)}`;
      return html("option", { value: at, selected: at === data.other }, text);
    });
}

/** One row a service: pairs are [KPA alone, the other]. */
function rowsOf(data, other) {
  const alone = data.outcomes[data.alone].by;
  const beside = other === null ? alone : data.outcomes[other].by;
  const worth = (other === null ? null : data.outcomes[other].cost) ?? data.shownCost;
  const courses = new Map(data.courses.map((course, at) => [course.series, at]));
  return data.series.map((name, k) => {
    const row = { name, course: courses.get(k) ?? -1, requests: data.requests[k] };
    for (const kind of ["delayed", "cold", "pod_s", "starts"]) row[kind] = [alone[kind][k], beside[kind][k]];
    const [before, now] = [0, 1].map((at) => row.pod_s[at] + worth * row.delayed[at]);
    row.cost = before > 0 ? now / before : null;
    return row;
  });
}

function drawServices(data, state, { find, which, found, more, table }) {
  const columns = columnsFor(state.other === null ? null : data.outcomes[state.other].title);
  const wanted = find.value.trim().toLowerCase();
  const keeps = WHICH.find(([value]) => value === which.value)[2];
  const rows = rowsOf(data, state.other).filter(
    (row) => row.name.toLowerCase().includes(wanted) && keeps(row),
  );
  const value = (columns.find(([key]) => key === state.sort) ?? columns[1])[3];
  rows.sort((a, b) => (state.down ? -1 : 1) * compare(value(a), value(b)) || compare(a.name, b.name));
  found.textContent = `${count(rows.length)} of ${count(data.series.length)} services`;
  const left = rows.length - state.rows;
  more.hidden = left <= 0;
  more.textContent = left <= MORE_ROWS ? `Show all ${count(rows.length)}` : `Show ${MORE_ROWS} more`;
  table.replaceChildren(
    html("caption", { class: "unseen" }, "Services under the KPA alone and beside it"),
    headOf(columns, state),
    html("tbody", {}, ...rows.slice(0, state.rows).map((row) => rowElement(row, columns))),
  );
}

function compare(a, b) {
  if (typeof a === "string") return a.localeCompare(b, "en", { numeric: true });
  return (a ?? -1) - (b ?? -1);
}

/** Two rows of headers: groups, and the buttons that sort. */
function headOf(columns, state) {
  const groups = [];
  for (const [, group] of columns) {
    if (group && groups.at(-1)?.group === group) groups.at(-1).span++;
    else groups.push({ group, span: 1 });
  }
  const upper = groups.map(({ group, span }) =>
    group ? html("th", { scope: "colgroup", colspan: span, class: "group" }, group) : html("td", {}),
  );
  const lower = columns.map(([key, group, heading, , , kind]) => {
    const sorted = key === state.sort ? (state.down ? "descending" : "ascending") : "none";
    const button = html(
      "button",
      { type: "button", "data-sort": key, "aria-label": group ? `${group}, ${heading}` : false },
      heading,
      html(
        "span",
        { class: "arrow", "aria-hidden": "true" },
        { ascending: "▲", descending: "▼", none: "" }[sorted],
      ),
    );
    return html(
      "th",
      { scope: "col", "aria-sort": sorted, class: kind === "name" ? null : `figure ${kind}` },
      button,
    );
  });
  return html("thead", {}, html("tr", {}, ...upper), html("tr", {}, ...lower));
}

function rowElement(row, columns) {
  const name =
    row.course < 0
      ? row.name
      : html("a", { href: `#service-${row.course}`, "data-course": row.course }, row.name);
  const cells = columns.slice(1).map(([key, , , value, text, kind]) => {
    const worse = key === "delayed-other" && row.delayed[1] > row.delayed[0];
    return html("td", { class: `${kind}${worse ? " worse" : ""}` || null }, text(value(row)));
  });
  return html("tr", {}, html("th", { scope: "row", title: row.name }, name), ...cells);
}
