// The table of services: sorted by its headers, filtered by name and by the change from the KPA alone.

const FIRST_ROWS = 20;
const MORE_ROWS = 200;

/** Metrics of a row that are pairs: [KPA alone, compared policy]. */
const PAIRED = ["delayed", "cold", "pod_s", "starts"];

/** Filters of the select "Show": value, text, and whether a row stays. */
const FILTERS = [
  ["all", "all services", () => true],
  ["fewer-delayed", "fewer delayed", (row) => row.delayed[1] < row.delayed[0]],
  ["more-delayed", "more delayed", (row) => row.delayed[1] > row.delayed[0]],
  ["more-pods", "more pod-hours", (row) => row.pod_s[1] > row.pod_s[0]],
  ["openable", "with charts", (row) => row.trajectory >= 0],
];

/** Returns the columns: key, group, heading, value to sort by, text of a value, class. */
function columnsFor(comparedTitle) {
  const pair = (key, group, value, text) => [
    [`${key}-kpa`, group, "KPA alone", (row) => value(row, 0), text, "kpa"],
    [`${key}-compared`, group, comparedTitle, (row) => value(row, 1), text, "compared"],
  ];
  const shareOf = (metric) => (row, k) => share(row[metric][k], row.requests);
  const columns = [
    ["name", "", "Service", (row) => row.name, (text) => text, ""],
    ["requests", "", "Requests", (row) => row.requests, count, ""],
    ...pair("delayed", "Delayed", shareOf("delayed"), percent),
    ...pair("cold", "Cold", shareOf("cold"), percent),
    ...pair("pods", "Pod-hours", (row, k) => row.pod_s[k] / 3600, number),
    ...pair("starts", "Pod starts", (row, k) => row.starts[k], count),
    ["cost", "", "Cost", (row) => row.cost, signedChange, ""],
  ];
  if (comparedTitle !== null) return columns;
  return columns.filter(([key]) => !key.endsWith("-compared") && key !== "cost");
}

/** Fills the table, and again after every change of its controls; `open(k)` opens trajectory k. */
function showServices(data, open) {
  const state = { sort: "requests", descending: true, rows: FIRST_ROWS, compared: data.compared };
  const ids = ["find", "filter", "compared", "found", "more", "table"];
  const elements = Object.fromEntries(ids.map((id) => [id, document.getElementById(id)]));
  const { find, filter, compared, more, table } = elements;
  filter.append(...FILTERS.map(([value, text]) => html("option", { value }, text)));
  compared.append(...comparedOptions(data));
  compared.closest("label").hidden = data.compared === null;
  const draw = () => drawServices(data, state, elements);
  const drawFirstRows = () => {
    state.rows = FIRST_ROWS;
    draw();
  };
  find.oninput = drawFirstRows;
  filter.onchange = drawFirstRows;
  compared.onchange = () => {
    state.compared = Number(compared.value);
    draw();
  };
  more.onclick = () => {
    state.rows += MORE_ROWS;
    draw();
  };
  document.getElementById("filters").onsubmit = (event) => event.preventDefault();
  table.onclick = (event) => {
    const link = event.target.closest("a[data-trajectory]");
    if (link) {
      event.preventDefault();
      open(Number(link.dataset.trajectory));
    }
    const key = event.target.closest("button[data-sort]")?.dataset.sort;
    if (!key) return;
    state.descending = state.sort === key ? !state.descending : key !== "name";
    state.sort = key;
    draw();
    table.querySelector(`button[data-sort="${key}"]`).focus();
  };
  draw();
}

/** Returns an option for every outcome that can be compared with the KPA alone. */
function comparedOptions(data) {
  return data.outcomes
    .map((outcome, index) => ({ ...outcome, index }))
    .filter(({ index, by_series: bySeries }) => index !== data.kpa && bySeries !== null)
    .map(({ index, title, delay_cost: delayCost }) => {
      const text = delayCost === null ? title : `${title}, delay cost ${tickText(delayCost)}`;
      return html("option", { value: index, selected: index === data.compared }, text);
    });
}

/** Returns one row per service; `compared` is the index of the compared outcome, or null. */
function rowsOf(data, compared) {
  const kpaMetrics = data.outcomes[data.kpa].by_series;
  const metrics = compared === null ? kpaMetrics : data.outcomes[compared].by_series;
  const delayCost = (compared === null ? null : data.outcomes[compared].delay_cost) ?? data.shown_cost;
  const trajectories = new Map(data.trajectories.map((trajectory, index) => [trajectory.series, index]));
  return data.series.map((name, k) => {
    const row = { name, trajectory: trajectories.get(k) ?? -1, requests: data.requests[k] };
    for (const metric of PAIRED) row[metric] = [kpaMetrics[metric][k], metrics[metric][k]];
    const [kpaCost, comparedCost] = [0, 1].map((i) => row.pod_s[i] + delayCost * row.delayed[i]);
    row.cost = kpaCost > 0 ? comparedCost / kpaCost : null;
    return row;
  });
}

function drawServices(data, state, { find, filter, found, more, table }) {
  const columns = columnsFor(state.compared === null ? null : data.outcomes[state.compared].title);
  const part = find.value.trim().toLowerCase();
  const keeps = FILTERS.find(([value]) => value === filter.value)[2];
  const rows = rowsOf(data, state.compared).filter(
    (row) => row.name.toLowerCase().includes(part) && keeps(row),
  );
  const value = (columns.find(([key]) => key === state.sort) ?? columns[1])[3];
  const sign = state.descending ? -1 : 1;
  rows.sort((a, b) => sign * compareValues(value(a), value(b)) || compareValues(a.name, b.name));
  found.textContent = `${count(rows.length)} of ${count(data.series.length)} services`;
  const hidden = rows.length - state.rows;
  more.hidden = hidden <= 0;
  more.textContent = hidden <= MORE_ROWS ? `Show all ${count(rows.length)}` : `Show ${MORE_ROWS} more`;
  table.replaceChildren(
    html("caption", { class: "unseen" }, "Services under the KPA alone and under the compared policy"),
    headOf(columns, state),
    html("tbody", {}, ...rows.slice(0, state.rows).map((row) => rowElement(row, columns))),
  );
}

function compareValues(a, b) {
  if (typeof a === "string") return a.localeCompare(b, "en", { numeric: true });
  return (a ?? -1) - (b ?? -1);
}

/** Returns two rows of headers: groups, and the buttons that sort. */
function headOf(columns, state) {
  const groups = [];
  for (const [, group] of columns) {
    if (group && groups.at(-1)?.group === group) groups.at(-1).span++;
    else groups.push({ group, span: 1 });
  }
  const upper = groups.map(({ group, span }) =>
    group ? html("th", { scope: "colgroup", colspan: span, class: "group" }, group) : html("td", {}),
  );
  const lower = columns.map(([key, group, heading, , , columnClass]) => {
    const direction = state.descending ? "descending" : "ascending";
    const sorted = key === state.sort ? direction : "none";
    const arrow = { ascending: "▲", descending: "▼", none: "" }[sorted];
    const button = html(
      "button",
      { type: "button", "data-sort": key, "aria-label": group ? `${group}, ${heading}` : false },
      heading,
      html("span", { class: "arrow", "aria-hidden": "true" }, arrow),
    );
    return html("th", { scope: "col", "aria-sort": sorted, class: columnClass || null }, button);
  });
  return html("thead", {}, html("tr", {}, ...upper), html("tr", {}, ...lower));
}

function rowElement(row, columns) {
  const link = { href: `#service-${row.trajectory}`, "data-trajectory": row.trajectory };
  const name = row.trajectory < 0 ? row.name : html("a", link, row.name);
  const cells = columns.slice(1).map(([key, , , value, text, columnClass]) => {
    const worse = key === "delayed-compared" && row.delayed[1] > row.delayed[0];
    return html("td", { class: `${columnClass}${worse ? " worse" : ""}` || null }, text(value(row)));
  });
  return html("tr", {}, html("th", { scope: "row", title: row.name }, name), ...cells);
}
