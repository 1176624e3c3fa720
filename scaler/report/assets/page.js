// Light or dark, and the order in which the page is filled.

/** Makes the button switch the theme; the choice is stored if the browser permits it. */
function connectThemeButton(button) {
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ?? (system.matches ? "dark" : "light")) === "dark";
  const showOtherTheme = () => (button.textContent = isDark() ? "Light" : "Dark");
  try {
    const stored = localStorage.getItem("tidecast-theme");
    if (stored === "dark" || stored === "light") root.dataset.theme = stored;
  } catch {
    // This browser stores nothing: the theme of the system is used until the button is pressed.
  }
  button.onclick = () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    try {
      localStorage.setItem("tidecast-theme", root.dataset.theme);
    } catch {
      // The choice is not stored; it still applies to this visit.
    }
    showOtherTheme();
  };
  system.onchange = showOtherTheme;
  showOtherTheme();
}

/** Opens the service in the address, `#service-3`. */
function openFromAddress(open) {
  const service = /^#service-(\d+)$/.exec(location.hash);
  if (service) open(Number(service[1]));
}

connectThemeButton(document.getElementById("theme"));
const data = JSON.parse(document.getElementById("data").textContent);
showFrontier(document.getElementById("frontier"), data);
const summary = document.getElementById("summary");
summary.open = data.outcomes.length <= 12;
const open = showTrajectories(data);
showServices(data, open);
addEventListener("hashchange", () => openFromAddress(open));
openFromAddress(open);
