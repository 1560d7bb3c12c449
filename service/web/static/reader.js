// What every page does for its reader: times in their zone, copying, the theme, questions that
// close. What it offers to other scripts stands in `triphammer`.
"use strict";
const triphammer = {};
(() => {
  const day = new Intl.DateTimeFormat("sv-SE", { dateStyle: "short", timeStyle: "medium" });
  const UNITS = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];

  function ago(seconds) {
    const past = seconds >= 0;
    const whole = Math.abs(seconds);
    if (past && whole < 5) return "just now";
    const [size, unit] = UNITS.find(([size]) => whole >= size) ?? UNITS[3];
    const told = `${Math.floor(whole / size)} ${unit}`;
    return past ? `${told} ago` : `in ${told}`;
  }

  function told(time, now) {
    const at = new Date(time.dateTime);
    if (Number.isNaN(at.valueOf())) return;
    const seconds = (now - at) / 1000;
    const near = "ago" in time.dataset && Math.abs(seconds) < 86400;
    const exact = day.format(at);
    const text = near ? ago(seconds) : "brief" in time.dataset ? exact.slice(5, 16) : exact;
    if (time.textContent !== text) time.textContent = text;
  }

  // Times of `root` in words for the reader; the exact one in UTC is their title.
  triphammer.localise = (root, which = "time[datetime]") => {
    const now = Date.now();
    for (const time of root.querySelectorAll(which)) told(time, now);
  };

  // What answers a form stands at an address where no page is: reloading would send it again.
  const { address } = document.getElementById("main").dataset;
  if (address) history.replaceState(null, "", address);

  triphammer.localise(document);
  for (const zone of document.querySelectorAll("[data-zone]")) {
    zone.textContent = Intl.DateTimeFormat().resolvedOptions().timeZone;
  }
  setInterval(() => {
    if (!document.hidden) triphammer.localise(document, "time[data-ago]");
  }, 1000);

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
      button.classList.add("done");
      setTimeout(() => button.classList.remove("done"), 1200);
    } catch {
      window.prompt("Copy this:", button.dataset.copy);
    }
  });

  // A question closes when the reader turns away from it.
  document.addEventListener("click", (event) => {
    for (const open of document.querySelectorAll("details.confirm[open]")) {
      if (!open.contains(event.target)) open.open = false;
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const open of document.querySelectorAll("details.confirm[open]")) {
      open.open = false;
      open.querySelector("summary").focus();
    }
  });

  // On a phone the pages are wider than the screen: the present one is in sight.
  const current = document.querySelector(".pages [aria-current]");
  if (current) current.parentElement.scrollLeft = current.offsetLeft - current.parentElement.clientWidth / 2 + current.offsetWidth / 2;

  const THEMES = ["system", "light", "dark"];
  const theme = document.getElementById("theme");
  const chosen = () => document.documentElement.dataset.theme ?? "system";
  function name() {
    const text = { system: "as the system", light: "light", dark: "dark" }[chosen()];
    theme.setAttribute("aria-label", `Theme: ${text}`);
    theme.title = `Theme: ${text}`;
  }
  triphammer.nextTheme = () => {
    const next = THEMES[(THEMES.indexOf(chosen()) + 1) % THEMES.length];
    if (next === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = next;
    try { localStorage.setItem("triphammer-theme", next); } catch { /* it holds for this page */ }
    name();
    document.dispatchEvent(new CustomEvent("triphammer:theme"));
  };
  theme.addEventListener("click", triphammer.nextTheme);
  name();
})();
