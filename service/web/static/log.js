// Keeps logs at their end: what has come since the last line is fetched as a piece of HTML and
// appended, when the page is renewed. Nothing that is shown is written anew: what is selected or
// searched for stays. While the reader looks at older lines, nothing moves below them.
"use strict";
(() => {
  const NEAR = 40; // pixels from the end that count as at the end
  const MOST = 5000; // lines kept in the page; the oldest go
  const busy = new WeakSet();
  const since = new WeakMap();

  function isAtEnd(log) {
    return log.scrollHeight - log.scrollTop - log.clientHeight < NEAR;
  }

  function follows() {
    const choice = document.getElementById("log-follow");
    return choice === null || choice.checked;
  }

  function toEnd(log) {
    log.scrollTop = log.scrollHeight;
  }

  async function more(box) {
    if (busy.has(box) || !("follow" in box.dataset)) return;
    busy.add(box);
    const log = box.querySelector("ol.log");
    try {
      for (let again = true; again;) {
        const address = since.get(log) ?? box.dataset.log;
        const answer = await fetch(address, { cache: "no-store" });
        if (!answer.ok) return;
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        const piece = page.querySelector("ol");
        if (!piece || !log.isConnected) return;
        const lines = [...piece.children].filter((line) => !document.getElementById(line.id));
        const stay = !isAtEnd(log);
        log.append(...lines);
        while (log.children.length > MOST) log.firstElementChild.remove();
        since.set(log, piece.dataset.since);
        if (lines.length && follows() && !stay) toEnd(log);
        again = "more" in piece.dataset && lines.length > 0;
        if (log.children.length) box.querySelector(".log-none").hidden = true;
      }
    } catch { /* the daemon is away; the next news asks again */ } finally {
      busy.delete(box);
    }
  }

  function all() {
    for (const box of document.querySelectorAll("[data-log]")) {
      const log = box.querySelector("ol.log");
      if (!since.has(log)) since.set(log, box.dataset.log);
      more(box);
    }
  }

  for (const log of document.querySelectorAll("[data-log][data-follow] ol.log")) {
    since.set(log, log.closest("[data-log]").dataset.log);
    if (!location.hash.startsWith("#L") && follows()) toEnd(log);
  }
  document.getElementById("main").addEventListener("triphammer:updated", all);
  document.addEventListener("change", (event) => {
    if (event.target.id !== "log-follow" || !event.target.checked) return;
    for (const log of document.querySelectorAll("[data-follow] ol.log")) toEnd(log);
  });
})();
