// Keys: the palette that goes anywhere, and the shortcuts that its help tells of.
"use strict";
(() => {
  const palette = document.getElementById("palette");
  const help = document.getElementById("shortcuts");
  const box = palette.querySelector("input");
  const list = palette.querySelector("[role=listbox]");
  const count = palette.querySelector("[role=status]");
  const single = help.querySelector("input");
  const ACTIONS = "#main [data-command], #main .actions :is(a.button, button, summary.button)";
  const PLACES = { n: "/", f: "/flows", r: "/runs", e: "/events", s: "/sensors", o: "/outbox", h: "/health", a: "/docs" };
  let options = [];
  let here = -1;
  let asked = null;
  let timer = null;
  let went = null;

  function open() {
    if (help.open) help.close();
    if (palette.open) return;
    palette.showModal();
    box.select();
    search();
  }

  // What can be done on the page that is open, as its buttons say it.
  function commands(text) {
    return [...document.querySelectorAll(ACTIONS)]
      .filter((element) => element.getClientRects().length && !element.disabled && !element.closest(".sheet"))
      .map((element) => ({ kind: "Do", title: element.dataset.command || element.textContent.trim(), note: "on this page", element }))
      .filter((item) => item.title.toLowerCase().includes(text.toLowerCase()));
  }

  async function search() {
    timer = null;
    asked?.abort();
    const mine = asked = new AbortController();
    const text = box.value.trim();
    let found = [];
    let fault = "";
    try {
      const answer = await fetch(`/palette?q=${encodeURIComponent(text)}`, { signal: mine.signal });
      if (answer.ok && !answer.redirected) found = (await answer.json()).items;
      else fault = "The daemon does not answer this.";
    } catch (error) {
      if (error.name === "AbortError") return;
      fault = "The daemon cannot be reached.";
    }
    if (mine === asked) show([...commands(text), ...found], fault);
  }

  function show(items, fault) {
    options = items;
    list.replaceChildren(...items.map(option));
    choose(items.length ? 0 : -1);
    count.textContent = fault || (items.length ? `${items.length} found` : "Nothing found");
    count.classList.toggle("visually-hidden", items.length > 0);
  }

  function option(item, number) {
    const row = document.createElement("li");
    row.role = "option";
    row.id = `palette-${number}`;
    for (const part of ["kind", "title", "note"]) {
      const cell = document.createElement("span");
      cell.className = part;
      cell.textContent = item[part] ?? "";
      row.append(cell, " ");
    }
    row.addEventListener("click", (event) => go(number, event.ctrlKey || event.metaKey));
    row.addEventListener("pointermove", () => choose(number, false));
    return row;
  }

  function choose(number, scroll = true) {
    here = number;
    [...list.children].forEach((row, index) => row.setAttribute("aria-selected", String(index === number)));
    if (number < 0) {
      box.removeAttribute("aria-activedescendant");
    } else {
      box.setAttribute("aria-activedescendant", `palette-${number}`);
      if (scroll) list.children[number].scrollIntoView({ block: "nearest" });
    }
  }

  function go(number, apart) {
    const item = options[number];
    if (!item) return;
    palette.close();
    if (item.element) {
      item.element.focus();
      item.element.click();
    } else if (apart) {
      window.open(item.href);
    } else {
      location.assign(item.href);
    }
  }

  box.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(search, 60);
  });
  box.addEventListener("keydown", (event) => {
    const last = options.length - 1;
    const moves = { ArrowDown: here >= last ? 0 : here + 1, ArrowUp: here <= 0 ? last : here - 1 };
    if (event.key in moves && options.length) {
      event.preventDefault();
      choose(moves[event.key]);
    } else if (event.key === "Enter") {
      event.preventDefault();
      // What was typed last may not have been answered yet.
      if (timer !== null) clearTimeout(timer), search().then(() => go(here, false));
      else go(here, event.ctrlKey || event.metaKey);
    }
  });
  for (const dialog of [palette, help]) {
    dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  }
  for (const button of document.querySelectorAll("[data-opens]")) {
    button.addEventListener("click", () => {
      if (button.dataset.opens === "palette") open();
      else help.showModal();
    });
  }

  function kept() {
    try { return localStorage.getItem("triphammer-keys") !== "off"; } catch { return true; }
  }
  single.checked = kept();
  single.addEventListener("change", () => {
    try { localStorage.setItem("triphammer-keys", single.checked ? "on" : "off"); } catch { /* for this page only */ }
  });

  // The links and rows of the page, one after the other.
  function step(by) {
    const rows = [...document.querySelectorAll("#main tbody tr")].filter((row) => row.querySelector("a"));
    const now = rows.findIndex((row) => row.contains(document.activeElement));
    const next = rows[now < 0 ? (by > 0 ? 0 : rows.length - 1) : now + by];
    next?.querySelector("a").focus();
  }

  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
      event.preventDefault();
      open();
      return;
    }
    // A dialog that was just closed keeps the focus for a moment.
    const typing = event.target.closest?.("input, textarea, select, dialog, [contenteditable]");
    const shut = event.target.closest?.("dialog:not([open])");
    if ((typing && !shut) || event.ctrlKey || event.metaKey || event.altKey || !single.checked) return;
    const place = went !== null && event.timeStamp - went < 1500 ? PLACES[event.key] : undefined;
    went = null;
    if (place !== undefined) location.assign(place);
    else if (event.key === "/") open();
    else if (event.key === "?") help.showModal();
    else if (event.key === "g") went = event.timeStamp;
    else if (event.key === "j") step(1);
    else if (event.key === "k") step(-1);
    else if (event.key === "d") triphammer.nextTheme();
    else return;
    event.preventDefault();
  });
})();
