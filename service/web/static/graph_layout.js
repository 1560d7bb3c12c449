// Where the nodes of a graph stand: open or closed groups, and the layout by dagre.
"use strict";
const graphLayout = (() => {
  const WIDTH = 190, HEIGHT = 50, CLOSED_HEIGHT = 58;
  const HEAD = 12; // room for the name of a frame, above what dagre leaves
  const MANY = 80; // from so many on groups begin closed, and ranks are found the quick way

  class Shape {
    // The graph with the groups in `closed` drawn as one node each.
    constructor(nodes, closed) {
      this.place = new Map(); // by a node's name the name of what stands for it
      this.boxes = new Map();
      this.frames = new Map();
      for (const node of nodes) this.add(node, closed);
      this.edges = new Set();
      for (const node of nodes) {
        for (const up of node.up) {
          const from = this.place.get(up), to = this.place.get(node.name);
          if (from && from !== to) this.edges.add(from + "\n" + to);
        }
      }
    }

    add(node, closed) {
      const shut = node.groups.findIndex((group) => closed.has(group));
      if (shut < 0) {
        this.place.set(node.name, node.name);
        this.boxes.set(node.name, { name: node.name, groups: node.groups, nodes: [node] });
      } else {
        const group = node.groups[shut], key = "group " + group;
        this.place.set(node.name, key);
        if (!this.boxes.has(key)) {
          const groups = node.groups.slice(0, shut);
          this.boxes.set(key, { name: key, group, groups, nodes: [] });
        }
        this.boxes.get(key).nodes.push(node);
      }
      const open = shut < 0 ? node.groups : node.groups.slice(0, shut);
      open.forEach((group, at) => {
        const inside = Math.max(this.frames.get(group)?.inside ?? 0, open.length - 1 - at);
        this.frames.set(group, { above: at ? open[at - 1] : null, inside });
      });
    }

    get signature() {
      return [...this.boxes.keys(), "|", ...this.edges, "|", ...this.frames.keys()].join("\n");
    }
  }

  function layout(shape, direction) {
    const graph = new dagre.graphlib.Graph({ compound: true });
    const heads = Math.max(0, ...[...shape.frames.values()].map((frame) => frame.inside + 1));
    graph.setGraph({
      rankdir: direction, nodesep: 18 + HEAD * heads, ranksep: direction === "LR" ? 60 : 44, edgesep: 10,
      marginx: 16, marginy: 16, ranker: shape.boxes.size > MANY ? "tight-tree" : "network-simplex",
    });
    graph.setDefaultEdgeLabel(() => ({}));
    for (const [group, { above }] of shape.frames) {
      graph.setNode("frame " + group, {});
      if (above) graph.setParent("frame " + group, "frame " + above);
    }
    for (const box of shape.boxes.values()) {
      graph.setNode(box.name, { width: WIDTH, height: box.group ? CLOSED_HEIGHT : HEIGHT });
      if (box.groups.length) graph.setParent(box.name, "frame " + box.groups[box.groups.length - 1]);
    }
    for (const edge of shape.edges) graph.setEdge(...edge.split("\n"));
    dagre.layout(graph);
    return graph;
  }

  function path(points) {
    // A line through the middles of its parts, bent at the points between them.
    let text = `M${points[0].x} ${points[0].y}`;
    for (let i = 1; i < points.length - 1; i++) {
      const x = (points[i].x + points[i + 1].x) / 2, y = (points[i].y + points[i + 1].y) / 2;
      text += `Q${points[i].x} ${points[i].y} ${x} ${y}`;
    }
    const last = points[points.length - 1];
    return text + `L${last.x} ${last.y}`;
  }

  return { WIDTH, HEIGHT, CLOSED_HEIGHT, HEAD, MANY, Shape, layout, path };
})();
