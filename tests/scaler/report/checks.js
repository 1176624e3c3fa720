// What can be checked of accessibility by looking at the page; the answer is a list of what is wrong.
(() => {
  const wrong = [];
  const all = (selector) => [...document.querySelectorAll(selector)];
  const shown = (element) =>
    element.checkVisibility({ visibilityProperty: true }) && element.getClientRects().length;
  const say = (what, element) => wrong.push(`${what}: ${element.outerHTML.slice(0, 120)}`);

  if (!document.documentElement.lang || !document.title) wrong.push("no language or title");
  if (all("h1").length !== 1 || all("main").length !== 1) wrong.push("one h1 and one main");
  const ids = all("[id]").map((each) => each.id);
  if (new Set(ids).size !== ids.length) wrong.push("an id is used twice");
  let level = 0;
  for (const each of all("h1, h2, h3, h4").filter(shown)) {
    if (Number(each.tagName[1]) > level + 1) say("a level of headings is left out", each);
    level = Number(each.tagName[1]);
  }
  for (const each of all("button, a, summary").filter(shown)) {
    if (!(each.getAttribute("aria-label") ?? each.textContent).trim()) say("has no name", each);
  }
  for (const each of all("input, select").filter(shown)) if (!each.labels.length) say("has no label", each);
  for (const each of all("svg:not([aria-hidden] svg, .plot)")) {
    if (each.getAttribute("role") !== "img" || !each.getAttribute("aria-label"))
      say("a picture without words", each);
  }
  for (const each of all("[aria-labelledby]")) {
    if (!document.getElementById(each.getAttribute("aria-labelledby")))
      say("is named by what is not there", each);
  }
  for (const each of all("table").filter(shown)) {
    if (!each.caption) say("a table without a caption", each);
    if (each.querySelector("th:not([scope])")) say("a header without scope", each);
  }
  for (const each of all(".scroll").filter(shown)) {
    if (each.tabIndex !== 0 || !each.getAttribute("aria-label")) say("scrolls, but not by keyboard", each);
  }
  if (all("[tabindex]").some((each) => each.tabIndex > 0)) wrong.push("an order of its own for Tab");
  for (const each of all("button, select, input, summary").filter(shown)) {
    const box = each.getBoundingClientRect();
    if (box.height < 23.5 || box.width < 23.5) say(`too small to hit, ${box.width} x ${box.height}`, each);
  }
  if (document.documentElement.scrollWidth > innerWidth) wrong.push("wider than the window");

  const parts = (colour) => colour.match(/[\d.]+/g).map(Number);
  const luminance = (colour) => {
    const [red, green, blue] = parts(colour)
      .slice(0, 3)
      .map((each) => each / 255)
      .map((each) => (each <= 0.04045 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const ground = (element) => {
    for (let each = element; each; each = each.parentElement) {
      const colour = getComputedStyle(each).backgroundColor;
      if ((parts(colour)[3] ?? 1) > 0) return colour;
    }
    return "rgb(255, 255, 255)";
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.textContent.trim() || !shown(element) || element.closest("script, style, option"))
      continue;
    const style = getComputedStyle(element);
    const front = luminance(element.namespaceURI.endsWith("svg") ? style.fill : style.color);
    const back = luminance(ground(element));
    const ratio = (Math.max(front, back) + 0.05) / (Math.min(front, back) + 0.05);
    if (ratio < 4.5) say(`hard to read, ${ratio.toFixed(2)}`, element);
  }
  return wrong;
})();
