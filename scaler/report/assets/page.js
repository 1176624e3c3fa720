// Light or dark, and the order in which the page is filled.

/** The button shows the theme that it would bring; the choice is kept where the browser allows it. */
function keepTheme(button) {
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  const dark = () => (root.dataset.theme ?? (system.matches ? "dark" : "light")) === "dark";
  const tell = () => (button.textContent = dark() ? "Light" : "Dark");
  try {
    const kept = localStorage.getItem("tidecast-theme");
    if (kept === "dark" || kept === "light") root.dataset.theme = kept;
  } catch {
    // A browser that keeps nothing: the system's theme, until the button is pressed.
  }
  button.onclick = () => {
    root.dataset.theme = dark() ? "light" : "dark";
    try {
      localStorage.setItem("tidecast-theme", root.dataset.theme);
    } catch {
      // Not kept, and shown all the same.
    }
    tell();
  };
  system.onchange = tell;
  tell();
}

function opensByAddress(open) {
  const asked = /^#service-(\d+)$/.exec(location.hash);
  if (asked) open(Number(asked[1]));
}

keepTheme(document.getElementById("theme"));
const data = JSON.parse(document.getElementById("data").textContent);
showFrontier(document.getElementById("frontier"), data);
const summary = document.getElementById("summary");
summary.open = data.outcomes.length <= 12;
const open = showCourses(data);
showServices(data, open);
addEventListener("hashchange", () => opensByAddress(open));
opensByAddress(open);
