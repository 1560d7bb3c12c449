// Runs before the page is drawn, so that nobody sees the other theme first.
"use strict";
(() => {
  const root = document.documentElement;
  root.classList.add("scripted");
  let theme = null;
  try { theme = localStorage.getItem("triphammer-theme"); } catch { /* storage is shut: follow the system */ }
  if (theme === "light" || theme === "dark") root.dataset.theme = theme;
})();
