// Draws the graphs of a page so that one can zoom, search and walk in them. What a graph is made of
// stands in the page as JSON, next to a drawing for readers without scripts; when the page is
// renewed only what has changed is drawn again. No style stands in the markup: all of it is
// attributes of SVG and classes.
"use strict";
(() => {
  const SVG = "http://www.w3.org/2000/svg";
  const { WIDTH, HEIGHT, CLOSED_HEIGHT, HEAD, MANY, Shape, layout, path } = graphLayout;
  const READABLE = 0.55; // a smaller scale than this shows no names
  const LEAST = 0.05, MOST = 2.5;
  const STATES = ["failed", "running", "retrying", "waiting", "queued", "pending", "cancelled",
    "skipped", "succeeded"];
  const drawn = new Map();

  function make(tag, attributes = {}, ...children) {
    const node = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    node.append(...children);
    return node;
  }

  function html(tag, attributes = {}, ...children) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (value === true) node.setAttribute(name, ""); else node.setAttribute(name, value);
    }
    node.append(...children);
    return node;
  }

  const cut = (text, most) => text.length > most ? text.slice(0, most - 1) + "…" : text;
  // The name of a group within the one around it; the body of a map stands for each of its items.
  const within = (group, above) => (above ? group.slice(above.length + 1) : group)
    .replace(/^(.*)\[\]$/, "each item of $1");
  const sum = (counts) => Object.values(counts).reduce((a, b) => a + b, 0);
  const plural = (n, what) => `${n} ${what}${n === 1 ? "" : "s"}`;

  function told(counts) {
    return STATES.filter((state) => counts[state]).map((state) => `${counts[state]} ${state}`)
      .join(", ");
  }

  // What one wants to know of many first, in a few words.
  function brief(counts) {
    const total = sum(counts), [only, ...others] = STATES.filter((state) => counts[state]);
    if (!others.length) return `${total} ${only}`;
    if (counts.failed) return `${counts.failed} of ${total} failed`;
    return `${(counts.succeeded ?? 0) + (counts.skipped ?? 0)} of ${total} done`;
  }

  function worst(counts) {
    return STATES.find((state) => counts[state]) || "pending";
  }

  // --- one drawing ----------------------------------------------------------------------------

  class Drawing {
    constructor(id) {
      this.id = id;
      this.closed = null;
      this.view = { k: 1, x: 0, y: 0 };
      this.signature = "";
      this.found = [];
      this.build();
    }

    build() {
      this.world = make("g");
      this.svg = make("svg", { class: "graph-canvas", role: "group", "aria-label": "Task graph" },
        this.world);
      this.search = html("input", {
        type: "search", placeholder: "Find a task", "aria-label": "Find a task in the graph",
        autocomplete: "off", spellcheck: "false",
      });
      this.status = html("span", { class: "graph-found", role: "status" });
      const button = (label, text, act) => {
        const node = html("button", { type: "button", "aria-label": label, title: label }, text);
        node.addEventListener("click", act);
        return node;
      };
      this.fold = button("Close groups", "Close groups", () => this.toggleAll());
      this.fold.removeAttribute("aria-label");
      this.fold.title = "Groups as one box each, or with all that is in them";
      this.tools = html("div", { class: "graph-tools" }, this.search, this.status, this.fold,
        button("Zoom out", "−", () => this.zoom(0.8)),
        button("Zoom in", "+", () => this.zoom(1.25)),
        button("Fit all of the graph", "Fit", () => this.fit()));
      this.hint = html("p", { class: "graph-hint" },
        "Drag to move. Wheel with Ctrl, or after a click, zooms. Keys: arrows walk, Enter opens,"
        + " + and − zoom, 0 shows all.");
      this.listen();
    }

    // The drawing put where the page wants it, with what the page says now.
    show(box) {
      const source = box.querySelector("script[type='application/json']");
      const place = box.querySelector(".graph-live");
      if (!source || !place) return;
      if (this.source !== source.textContent) {
        this.source = source.textContent;
        this.data = JSON.parse(this.source);
        this.adopt();
      }
      this.root = place;
      if (this.svg.parentNode !== place) place.replaceChildren(this.tools, this.svg, this.hint);
      if (!this.placed) this.render();
    }

    adopt() {
      const nodes = this.data.nodes;
      this.byName = new Map(nodes.map((node) => [node.name, node]));
      if (this.closed === null) {
        this.recall();
        const groups = new Set(nodes.flatMap((node) => node.groups.slice(0, 1)));
        this.closed ??= new Set(nodes.length > MANY ? groups : []);
      }
      if (this.placed) this.render();
    }

    render() {
      const shape = new Shape(this.data.nodes, this.closed);
      const groups = this.data.nodes.some((node) => node.groups.length);
      this.fold.hidden = !groups;
      this.fold.textContent = this.closed.size ? "Open groups" : "Close groups";
      if (this.placed && shape.signature === this.signature) {
        for (const box of shape.boxes.values()) this.dress(this.parts.get(box.name), box);
        this.mark();
        return;
      }
      this.signature = shape.signature;
      const narrow = this.root.clientWidth && this.root.clientWidth < 600;
      const graph = layout(shape, narrow ? "TB" : "LR");
      this.draw(shape, graph);
      const first = !this.placed;
      this.placed = true;
      this.size(graph);
      if (!first || !this.remembered || this.resized) this.begin(); else this.apply();
      this.width = this.room.width;
      this.mark();
    }

    size(graph) {
      const { width, height } = graph.graph();
      this.extent = { width: Number.isFinite(width) ? width : 0,
        height: Number.isFinite(height) ? height : 0 };
      const most = Math.max(260, Math.min(window.innerHeight * 0.62, 640));
      const scale = Math.min(1, (this.root.clientWidth || 800) / this.extent.width);
      const wanted = this.extent.height * Math.max(scale, READABLE);
      this.svg.style.height = Math.round(Math.min(Math.max(wanted, 96), most)) + "px";
    }

    draw(shape, graph) {
      this.parts = new Map();
      this.frames = new Map();
      this.lines = [];
      const frames = make("g", { class: "frames" }), lines = make("g", { class: "edges" });
      const boxes = make("g", { class: "boxes" });
      for (const [group, frame] of shape.frames) frames.append(this.frame(group, frame, graph));
      for (const edge of shape.edges) {
        const [from, to] = edge.split("\n");
        const line = make("path", { class: "edge", d: path(graph.edge(from, to).points) });
        lines.append(line);
        this.lines.push({ from, to, line });
      }
      for (const box of shape.boxes.values()) {
        const { x, y } = graph.node(box.name);
        const height = box.group ? CLOSED_HEIGHT : HEIGHT;
        const part = this.box(box, x - WIDTH / 2, y - height / 2, height);
        part.at = { x, y };
        this.parts.set(box.name, part);
        this.dress(part, box);
        boxes.append(part.node);
      }
      this.order = [...this.parts.keys()];
      this.world.replaceChildren(frames, lines, boxes);
      if (!this.parts.has(this.current)) this.current = this.standing(this.data.selected) ?? this.order[0];
      this.rove();
    }

    standing(name) {
      // What stands for a node: itself, or a closed group around it.
      if (this.parts.has(name)) return name;
      for (const [key, part] of this.parts) {
        if (part.box.nodes.some((node) => node.name === name)) return key;
      }
      return undefined;
    }

    frame(group, { above, inside }, graph) {
      const { x, y, width, height } = graph.node("frame " + group);
      const left = x - width / 2, head = HEAD * (inside + 1);
      const top = y - height / 2 - head, name = within(group, above);
      const label = make("text", { x: left + 10, y: top + 15 });
      label.textContent = "− " + cut(name, Math.max(8, Math.floor(width / 8)));
      const node = make("g", { class: "frame" }, make("title"),
        make("rect", { x: left, y: top, width, height: height + head, rx: 10 }), label);
      node.firstChild.textContent = `${group}: click to close this group`;
      node.addEventListener("click", () => { if (!this.moved) this.toggle(group); });
      return node;
    }

    box(box, x, y, height) {
      const link = make("a", { class: "box", transform: `translate(${x} ${y})` });
      const title = make("title");
      const many = box.group || box.nodes[0].mapped;
      if (many) {
        link.append(
          make("rect", { class: "behind", x: 8, y: 8, width: WIDTH, height, rx: 7 }),
          make("rect", { class: "behind", x: 4, y: 4, width: WIDTH, height, rx: 7 }));
      }
      const face = make("rect", { class: "face", width: WIDTH, height, rx: 7 });
      const bar = make("rect", { class: "state", x: 0, y: 0, width: 5, height, rx: 2.5 });
      const label = make("text", { class: "label", x: 14, y: 20 });
      const note = make("text", { class: "note", x: 14, y: 37 });
      const counts = make("g", { class: "counts", transform: `translate(14 ${height - 9})` });
      link.prepend(title, " ");
      link.append(face, bar, label, " ", note, counts);  // with spaces words stay words when read
      const part = { node: link, title, label, note, counts, box };
      link.addEventListener("click", (event) => {
        if (this.moved) { event.preventDefault(); return; }
        if (box.group) { event.preventDefault(); this.toggle(box.group); }
      });
      return part;
    }

    dress(part, box) {
      part.box = box;
      const one = box.nodes[0], items = {};
      let state, note, name;
      if (box.group) {
        for (const node of box.nodes) {
          if (node.state) items[node.state] = (items[node.state] || 0) + 1;
        }
        state = this.data.live ? worst(items) : "";
        name = "+ " + within(box.group, box.groups.at(-1));
        note = this.data.live ? brief(items) : plural(box.nodes.length, "task");
      } else {
        Object.assign(items, one.items);
        state = one.state;
        name = one.label;
        const how = one.attempt > 1 ? `${state}, attempt ${one.attempt}` : state;
        note = sum(items) ? brief(items) : [one.role, how].filter(Boolean).join(", ");
        if (!this.data.live) note = [one.role, one.mapped ? "for each item" : "",
          one.kind === "task" ? "" : one.kind].filter(Boolean).join(", ");
      }
      const look = `box ${state} ${box.group ? "closed" : ""}${one.when ? " guarded" : ""}`;
      part.look = look;
      if (part.told !== name + note + told(items)) {
        part.told = name + note + told(items);
        const full = box.group ? name : one.label === one.name ? name : `${name} (${one.name})`;
        const counts = note.includes(told(items)) ? "" : `; ${told(items)}`;
        const what = `${full}: ${note}${counts}${one.when && !box.group ? `, if ${one.when}` : ""}`;
        part.title.textContent = what;
        part.node.setAttribute("aria-label", box.group ? `${what}; Enter opens this group` : what);
      }
      part.label.textContent = cut(name, 24);
      part.note.textContent = cut(note || one.kind, 30);
      // What is cut is not in the name that is read out.
      for (const text of [part.label, part.note]) {
        if (text.textContent.endsWith("…")) text.setAttribute("aria-hidden", "true");
        else text.removeAttribute("aria-hidden");
      }
      if (one.href && !box.group) part.node.setAttribute("href", one.href);
      else if (box.group) part.node.setAttribute("href", "#");
      this.count(part.counts, items);
    }

    count(place, items) {
      // How many are in which state, as one bar.
      const total = sum(items), width = WIDTH - 28;
      const text = JSON.stringify(items);
      if (place.dataset.items === text) return;
      place.dataset.items = text;
      place.replaceChildren();
      if (!total) return;
      let x = 0;
      for (const state of STATES) {
        if (!items[state]) continue;
        const share = width * items[state] / total;
        place.append(make("rect", { class: "count " + state, x, y: 0, height: 4,
          width: Math.max(share, 1.5) }));
        x += share;
      }
    }

    // --- what is found and chosen -----------------------------------------------------------

    mark() {
      const selected = this.standing(this.data.selected);
      const found = new Set(this.found);
      this.svg.classList.toggle("searching", found.size > 0);
      for (const [name, part] of this.parts) {
        const look = part.look + (name === selected ? " selected" : "")
          + (found.has(name) ? " found" : "");
        if (part.node.getAttribute("class") !== look) part.node.setAttribute("class", look);
        if (name === selected) part.node.setAttribute("aria-current", "true");
        else part.node.removeAttribute("aria-current");
      }
      for (const { from, to, line } of this.lines) {
        const near = selected && (from === selected || to === selected);
        line.setAttribute("class", near ? "edge near" : "edge");
      }
    }

    find(text) {
      const wanted = text.trim().toLowerCase();
      const names = !wanted ? [] : this.data.nodes.filter(
        (node) => node.name.toLowerCase().includes(wanted) || node.state === wanted);
      this.found = [...new Set(names.map((node) => this.standing(node.name)))];
      this.at = -1;
      this.status.textContent = !wanted ? "" : plural(names.length, "task") + " found";
      this.mark();
      if (this.found.length) this.next(1);
    }

    next(step) {
      if (!this.found.length) return;
      this.at = (this.at + step + this.found.length) % this.found.length;
      this.current = this.found[this.at];
      this.rove();
      this.centre(this.current);
    }

    toggle(group) {
      const had = this.svg.contains(document.activeElement);
      if (this.closed.has(group)) this.closed.delete(group); else this.closed.add(group);
      this.render();
      // Who walks by keyboard goes on where the group was: what they stood on is drawn no more.
      const [name, part] = [...this.parts].find(([, { box }]) => box.group === group || box.groups.includes(group));
      this.current = name;
      this.rove();
      if (had) part.node.focus({ preventScroll: true });
      this.remember();
    }

    toggleAll() {
      const groups = this.data.nodes.flatMap((node) => node.groups.slice(0, 1));
      this.closed = new Set(this.closed.size ? [] : groups);
      this.render();
      this.remember();
    }

    // --- the keyboard: one stop for tab, arrows walk along the lines --------------------------

    rove() {
      for (const [name, part] of this.parts) {
        part.node.setAttribute("tabindex", name === this.current ? "0" : "-1");
      }
    }

    walk(key) {
      const here = this.parts.get(this.current);
      if (!here) return;
      const next = key === "ArrowRight" ? this.lines.filter((l) => l.from === this.current)
        .map((l) => l.to) : key === "ArrowLeft" ? this.lines.filter((l) => l.to === this.current)
        .map((l) => l.from) : this.beside(here, key === "ArrowDown" ? 1 : -1);
      if (!next.length) return;
      this.current = next[0];
      this.rove();
      const part = this.parts.get(this.current);
      part.node.focus({ preventScroll: true });
      this.reveal(part);
    }

    beside(here, way) {
      const near = [...this.parts.entries()]
        .filter(([, part]) => Math.abs(part.at.x - here.at.x) < WIDTH && part !== here
          && (part.at.y - here.at.y) * way > 0)
        .sort((a, b) => (a[1].at.y - b[1].at.y) * way);
      return near.slice(0, 1).map(([name]) => name);
    }

    // --- the view -----------------------------------------------------------------------------

    get room() {
      return { width: this.svg.clientWidth || 800, height: this.svg.clientHeight || 400 };
    }

    // Beside a panel the box is narrower: the view of a wider one would cut the graph off. A bar
    // that comes for scrolling changes nothing.
    get resized() {
      const { width } = this.room;
      return Math.abs(width - (this.width ?? width)) > width / 10;
    }

    // However often the view changes, it is drawn once a frame.
    apply() {
      this.waiting ??= requestAnimationFrame(() => {
        const { k, x, y } = this.view;
        this.waiting = undefined;
        this.world.setAttribute("transform", `translate(${x} ${y}) scale(${k})`);
        this.svg.classList.toggle("far", k < READABLE);
      });
    }

    begin() {
      // All of it where names can be read then, else the chosen or a failed task, else the start.
      const { width, height } = this.room, { extent } = this;
      const k = Math.min(1, width / extent.width, height / extent.height);
      if (k >= READABLE) { this.fit(); return; }
      this.view.k = Math.max(k, 0.75);
      const failed = this.data.nodes.find((node) => node.state === "failed")
        || this.data.nodes.find((node) => node.state === "running");
      const name = this.standing(this.data.selected) ?? this.standing(failed?.name);
      if (name) { this.centre(name); return; }
      this.view.x = 0;
      this.view.y = Math.min(0, (height - extent.height * this.view.k) / 2);
      this.apply();
    }

    fit() {
      const { width, height } = this.room, { extent } = this;
      const k = Math.max(LEAST, Math.min(1, width / extent.width, height / extent.height));
      this.view = { k, x: (width - extent.width * k) / 2, y: (height - extent.height * k) / 2 };
      this.apply();
      this.remember();
    }

    zoom(by, x = this.room.width / 2, y = this.room.height / 2) {
      const k = Math.min(MOST, Math.max(LEAST, this.view.k * by)), ratio = k / this.view.k;
      this.view = { k, x: x - (x - this.view.x) * ratio, y: y - (y - this.view.y) * ratio };
      this.apply();
      this.remember();
    }

    centre(name) {
      const part = this.parts.get(name);
      if (!part) return;
      const { width, height } = this.room;
      if (this.view.k < READABLE) this.view.k = 0.9;
      this.view.x = width / 2 - part.at.x * this.view.k;
      this.view.y = height / 2 - part.at.y * this.view.k;
      this.apply();
      this.remember();
    }

    reveal(part) {
      const { width, height } = this.room, { k, x, y } = this.view;
      const left = part.at.x * k + x, top = part.at.y * k + y;
      if (left < WIDTH / 2 || left > width - WIDTH / 2 || top < HEIGHT || top > height - HEIGHT) {
        this.centre(part.box.name);
      }
    }

    // The view outlives a click on a task, which loads its page.
    get key() { return "graph " + location.pathname + " " + this.id; }

    remember() {
      const kept = { view: this.view, width: this.room.width, closed: [...this.closed] };
      try { sessionStorage.setItem(this.key, JSON.stringify(kept)); } catch { /* no room */ }
    }

    recall() {
      try {
        const kept = JSON.parse(sessionStorage.getItem(this.key));
        if (!kept) return;
        this.view = kept.view;
        this.closed = new Set(kept.closed);
        this.width = kept.width;
        this.remembered = true;
      } catch { /* somebody else's */ }
    }

    listen() {
      this.search.addEventListener("input", () => this.find(this.search.value));
      this.search.addEventListener("keydown", (event) => {
        if (event.key === "Enter") { event.preventDefault(); this.next(event.shiftKey ? -1 : 1); }
        if (event.key === "Escape") { this.search.value = ""; this.find(""); }
      });
      this.svg.addEventListener("keydown", (event) => this.pressed(event));
      this.svg.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
      this.svg.addEventListener("pointerdown", (event) => this.grab(event));
      this.svg.addEventListener("focusin", (event) => {
        const link = event.target.closest("a.box");
        for (const [name, part] of this.parts) {
          if (part.node === link) this.current = name;
        }
      });
      new ResizeObserver(() => {
        if (!this.placed || !this.root.isConnected || !this.resized) return;
        this.begin();
        this.width = this.room.width;
      }).observe(this.svg);
    }

    pressed(event) {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const pan = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] };
      if (event.shiftKey && pan[event.key]) {
        this.view.x += pan[event.key][0];
        this.view.y += pan[event.key][1];
        this.apply();
      } else if (pan[event.key]) this.walk(event.key);
      else if (event.key === "+" || event.key === "=") this.zoom(1.25);
      else if (event.key === "-") this.zoom(0.8);
      else if (event.key === "0") this.fit();
      else return;
      event.preventDefault();
    }

    wheel(event) {
      // A page that only passes by below the pointer is not caught.
      const mine = event.ctrlKey || event.metaKey || this.svg.contains(document.activeElement)
        || this.active;
      if (!mine) return;
      event.preventDefault();
      const area = this.svg.getBoundingClientRect();
      const by = Math.exp(-event.deltaY * (event.deltaMode === 1 ? 0.05 : 0.0015));
      this.zoom(by, event.clientX - area.left, event.clientY - area.top);
    }

    grab(event) {
      if (event.button !== 0) return;
      this.active = true;
      this.moved = false;
      const from = { x: event.clientX, y: event.clientY, view: { ...this.view } };
      const move = (now) => {
        const dx = now.clientX - from.x, dy = now.clientY - from.y;
        if (!this.moved && Math.hypot(dx, dy) < 5) return;
        this.moved = true;
        this.view = { k: this.view.k, x: from.view.x + dx, y: from.view.y + dy };
        this.apply();
      };
      const end = () => {
        removeEventListener("pointermove", move);
        removeEventListener("pointerup", end);
        removeEventListener("pointercancel", end);
        if (this.moved) this.remember();
        // The click that ends a drag comes after this.
        setTimeout(() => { this.moved = false; });
      };
      addEventListener("pointermove", move);
      addEventListener("pointerup", end);
      addEventListener("pointercancel", end);
      const leave = (now) => {
        if (this.root.contains(now.target)) return;
        this.active = false;
        removeEventListener("pointerdown", leave, true);
      };
      addEventListener("pointerdown", leave, true);
    }
  }

  function showAll() {
    for (const box of document.querySelectorAll("[data-graph]")) {
      const id = box.dataset.graph;
      if (!drawn.has(id)) drawn.set(id, new Drawing(id));
      drawn.get(id).show(box);
    }
  }

  document.getElementById("main").addEventListener("triphammer:updated", showAll);
  showAll();
})();
