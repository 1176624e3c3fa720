// Accessibility checks that need a rendered page; the result is a list of failures.
(() => {
  const failures = [];
  const all = (selector) => [...document.querySelectorAll(selector)];
  const isVisible = (element) =>
    element.checkVisibility({ visibilityProperty: true }) && element.getClientRects().length;
  const visible = (selector) => all(selector).filter(isVisible);
  const fail = (reason, element) => failures.push(`${reason}: ${element.outerHTML.slice(0, 120)}`);

  if (!document.documentElement.lang || !document.title) failures.push("no language or title");
  if (all("h1").length !== 1 || all("main").length !== 1) failures.push("not exactly one h1 and one main");
  const ids = all("[id]").map((element) => element.id);
  if (new Set(ids).size !== ids.length) failures.push("duplicate id");
  let level = 0;
  for (const heading of visible("h1, h2, h3, h4")) {
    if (Number(heading.tagName[1]) > level + 1) fail("skipped heading level", heading);
    level = Number(heading.tagName[1]);
  }
  for (const element of visible("button, a, summary")) {
    if (!(element.getAttribute("aria-label") ?? element.textContent).trim()) fail("no name", element);
  }
  for (const control of visible("input, select")) if (!control.labels.length) fail("no label", control);
  for (const picture of all("svg:not([aria-hidden] svg, .plot)")) {
    if (picture.getAttribute("role") !== "img" || !picture.getAttribute("aria-label"))
      fail("picture without a text", picture);
  }
  for (const element of all("[aria-labelledby]")) {
    if (!document.getElementById(element.getAttribute("aria-labelledby")))
      fail("aria-labelledby of a missing element", element);
  }
  for (const table of visible("table")) {
    if (!table.caption) fail("table without a caption", table);
    if (table.querySelector("th:not([scope])")) fail("header without scope", table);
  }
  for (const element of visible(".scroll")) {
    if (element.tabIndex !== 0 || !element.getAttribute("aria-label"))
      fail("cannot be scrolled by keyboard", element);
  }
  if (all("[tabindex]").some((element) => element.tabIndex > 0)) failures.push("positive tabindex");
  for (const element of visible("button, select, input, summary")) {
    const box = element.getBoundingClientRect();
    if (box.height < 23.5 || box.width < 23.5) fail(`small target, ${box.width} x ${box.height}`, element);
  }
  if (document.documentElement.scrollWidth > innerWidth) failures.push("wider than the window");

  const channels = (colour) => colour.match(/[\d.]+/g).map(Number);
  const luminance = (colour) => {
    const [red, green, blue] = channels(colour)
      .slice(0, 3)
      .map((channel) => channel / 255)
      .map((channel) => (channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const backgroundOf = (element) => {
    for (let ancestor = element; ancestor; ancestor = ancestor.parentElement) {
      const colour = getComputedStyle(ancestor).backgroundColor;
      if ((channels(colour)[3] ?? 1) > 0) return colour;
    }
    return "rgb(255, 255, 255)";
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.textContent.trim() || !isVisible(element) || element.closest("script, style, option"))
      continue;
    const style = getComputedStyle(element);
    const front = luminance(element.namespaceURI.endsWith("svg") ? style.fill : style.color);
    const back = luminance(backgroundOf(element));
    const ratio = (Math.max(front, back) + 0.05) / (Math.min(front, back) + 0.05);
    if (ratio < 4.5) fail(`low contrast, ${ratio.toFixed(2)}`, element);
  }
  return failures;
})();
