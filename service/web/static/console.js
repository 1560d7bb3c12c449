// Keeps the page live. When the daemon says that something changed, the page is asked for again
// and its main part is morphed into what it has become: what is typed, focused, selected, opened
// and scrolled stays. At most one request at a time and five a second; none while nobody looks.
"use strict";
(() => {
  const FASTEST = 200;
  const SLOWEST = 10_000;
  const main = document.getElementById("main");
  const live = document.getElementById("live");
  let morph = null;
  let stream = null;
  let wanted = false;
  let timer = null;
  let busy = false;
  let pause = FASTEST;
  let etag = null;
  let asked = 0;
  let known = true;

  htmx.registerExtension("triphammer", {
    init: (api) => { morph = api.morph; },
    // What the reader has typed or chosen is theirs until they send it.
    htmx_before_morph_attr: (element, { attrName }) => !(
      (attrName === "value" && element instanceof HTMLInputElement && element.value !== element.defaultValue)
      || (attrName === "checked" && element.checked !== element.defaultChecked)
      || (attrName === "selected" && element.selected !== element.defaultSelected)
    ),
  });

  // The answer to a form: what was filled in, and what is wrong with it, stays until the reader
  // sends it again or leaves.
  const refused = "address" in main.dataset ? main.querySelectorAll(':is(form:has([role="alert"]), [role="alert"]:not(form *, #unready))') : [];
  for (const part of refused) part.dataset.keep = "";

  function say(text, on) {
    if (live.textContent !== text) live.textContent = text;
    live.classList.toggle("on", on);
  }

  // Whoever is not known any more is asked once who they are, not every few seconds.
  function signedOut(where) {
    known = false;
    stop();
    const link = document.createElement("a");
    link.href = where;
    link.textContent = "signed out";
    live.replaceChildren(link);
    live.classList.remove("on");
  }

  // News of what was seen: a look at the page is asked for, soon.
  function news() {
    wanted = true;
    if (known && !busy && timer === null && !document.hidden) timer = setTimeout(look, 0);
  }

  async function look() {
    timer = null;
    if (!known || document.hidden) return;
    busy = true;
    wanted = false;
    const began = performance.now();
    let failed = false;
    try {
      failed = !(await fetched());
    } catch {
      failed = true;
    }
    // A daemon that answers slowly, or has many readers, is asked less often; one that does not
    // answer, seldom.
    const took = performance.now() - began;
    const least = Math.max(FASTEST, asked, took * 2);
    pause = Math.min(failed ? pause * 2 : least, SLOWEST);
    wanted ||= failed;
    timer = setTimeout(() => {
      timer = null;
      if (wanted) look();
    }, Math.max(0, pause - took));
    busy = false;
  }

  async function fetched() {
    const headers = { Accept: "text/html", ...(etag === null ? {} : { "If-None-Match": etag }) };
    const answer = await fetch(location.href, { cache: "no-store", headers });
    asked = Number(answer.headers.get("Triphammer-Pause") ?? 0);
    if (answer.status === 304) return true;
    if (answer.redirected && new URL(answer.url).pathname === "/signin") {
      signedOut(answer.url);
      return true;
    }
    if (answer.status === 401) {
      signedOut(`/signin?next=${encodeURIComponent(location.pathname + location.search)}`);
      return true;
    }
    if (!answer.ok) {
      say("not live", false);
      return answer.status < 500 && answer.status !== 429;
    }
    if (stream?.readyState === EventSource.OPEN) say("live", true);
    etag = answer.headers.get("ETag");
    put(new DOMParser().parseFromString(await answer.text(), "text/html"));
    return true;
  }

  function put(page) {
    const fresh = page.getElementById("main");
    if (!fresh || morph === null) return;
    triphammer.localise(fresh);
    const changed = [...fresh.querySelectorAll("tr[id], [data-mark][id]")]
      .filter((row) => differs(document.getElementById(row.id), row))
      .map((row) => row.id);
    document.title = page.title;
    keep(fresh);
    morph(main, fresh, true);
    htmx.process(main);
    mark(changed);
    main.dispatchEvent(new CustomEvent("triphammer:updated", { bubbles: true, detail: { changed } }));
  }

  // What stays is put where it is in the page that the other parts are morphed into.
  function keep(fresh) {
    for (const part of refused) {
      if (part.matches("form")) {
        like(fresh, part)[like(main, part).indexOf(part)]?.replaceWith(part.cloneNode(true));
      } else if (part.parentElement === main) {
        fresh.insertBefore(part.cloneNode(true), fresh.children[[...main.children].indexOf(part)] ?? null);
      }
    }
  }

  function like(root, form) {
    const action = form.getAttribute("action");
    return [...root.querySelectorAll("form")].filter((one) => one.getAttribute("action") === action);
  }

  function differs(old, fresh) {
    return old === null || words(old) !== words(fresh);
  }

  // What a row says, but for the times: they change by themselves.
  function words(row) {
    const walker = document.createTreeWalker(row, NodeFilter.SHOW_TEXT);
    let text = "";
    while (walker.nextNode()) {
      if (!walker.currentNode.parentElement.closest("time")) text += walker.currentNode.data;
    }
    return text;
  }

  function mark(ids) {
    const tint = "var(--accent-tint)";
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    for (const id of ids.slice(0, 50)) {
      document.getElementById(id)?.animate(
        [{ backgroundColor: tint }, { backgroundColor: calm ? tint : "transparent" }],
        { id: "news", duration: 1600, easing: "ease-out" },
      );
    }
  }

  // A mark that has begun keeps its colour when it gets dark: none is better then.
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    for (const one of document.getAnimations()) if (one.id === "news") one.cancel();
  });

  function address() {
    const asked = new URLSearchParams();
    if (main.dataset.run) asked.set("run", main.dataset.run);
    if (main.dataset.flow) asked.set("flow", main.dataset.flow);
    for (const kind of (main.dataset.kinds ?? "").split(" ").filter(Boolean)) asked.append("kind", kind);
    const query = asked.toString();
    return `/api/v1/stream${query ? `?${query}` : ""}`;
  }

  function start() {
    if (!known || stream !== null || document.hidden) return;
    stream = new EventSource(address());
    stream.onopen = () => { say("live", true); news(); };
    stream.onerror = () => {
      say("not live", false);
      if (stream !== null && stream.readyState === EventSource.CLOSED) {  // refused: ask again later
        stop();
        setTimeout(start, SLOWEST / 2);
        news();
      }
    };
    for (const kind of ["event", "run", "task", "flow", "part", "backfill", "message", "resync"]) {
      stream.addEventListener(kind, news);
    }
  }

  function stop() {
    if (stream !== null) stream.close();
    stream = null;
  }

  // Browsers open few connections to one host: a page that nobody sees holds none.
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      stop();
    } else {
      triphammer.localise(document);
      known = true;  // they may have signed in elsewhere
      start();
    }
  });
  addEventListener("pagehide", stop);
  addEventListener("pageshow", (event) => { if (event.persisted) start(); });

  // What fades by itself, such as rates, is looked at again without news.
  if (main.dataset.every) setInterval(news, Number(main.dataset.every) * 1000);
  say("not live", false);
  start();
})();
