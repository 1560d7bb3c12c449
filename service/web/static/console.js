// Keeps the page live: when the daemon says that something changed, the page's main part is
// fetched again and put in place. At most one fetch at a time, at most five a second.
"use strict";
(() => {
  const live = document.getElementById("live");
  const scope = document.getElementById("main").dataset.run;
  let wanted = false;
  let busy = false;

  async function refresh() {
    if (busy) { wanted = true; return; }
    busy = true;
    wanted = false;
    try {
      const answer = await fetch(location.href, { cache: "no-store" });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page.getElementById("main");
      const focused = document.activeElement;
      if (fresh && !(focused && focused.closest("form"))) {
        document.getElementById("main").replaceChildren(...fresh.childNodes);
      }
    } catch {
      live.textContent = "not live";
    }
    setTimeout(() => { busy = false; if (wanted) refresh(); }, 200);
  }

  const stream = new EventSource("/api/v1/stream" + (scope ? "?run=" + scope : ""));
  stream.onopen = () => { live.textContent = "live"; live.classList.add("on"); refresh(); };
  stream.onerror = () => { live.textContent = "not live"; live.classList.remove("on"); };
  for (const kind of ["event", "run", "task", "flow", "part", "resync", "message"]) {
    stream.addEventListener(kind, refresh);
  }
})();
