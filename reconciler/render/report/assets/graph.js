/* Draws the graphs of a report: the steps of each stack in waves, from left to right.
   Texts of the plan reach the page through textContent and a canvas only, never as HTML. */
"use strict";
(() => {
  const FOLD_ABOVE = 150;      // more steps than this: equal ones of a wave become one node
  const DAGRE_UP_TO = 300;     // more nodes, or more bends of lines, than these: columns in the
  const BENDS_UP_TO = 1000;    // order of the data, with straight lines
  const WIDTH = 176, HEIGHT = 44, APART = 16, BETWEEN = 64, LETTERS = 25;
  const ZOOM = { least: 0.05, most: 2.5, readable: 0.62, first: 1, step: 1.25 };
  const TONES = ["danger", "care", "good"];
  const source = document.getElementById("report-data");
  if (!source) return;
  const data = JSON.parse(source.textContent);
  const say = (name, fields = {}) =>
    data.graph_words[name].replace(/\{(\w+)\}/g, (whole, field) => String(fields[field] ?? whole));

  // Cytoscape writes one rule into a style element of its own unless an element has this id. The
  // page's policy refuses such a style; graph.css has the rule.
  const stands_for_style = document.createElement("meta");
  stands_for_style.id = "__________cytoscape_stylesheet";
  document.head.append(stands_for_style);

  const element = (name, className, text) => {
    const made = document.createElement(name);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
  };
  // Long names keep their beginning and their end, which says which one of several it is.
  const shortened = (text) => {
    const letters = Array.from(text);
    if (letters.length <= LETTERS) return text;
    const end = 10;
    return `${letters.slice(0, LETTERS - end - 1).join("")}…${letters.slice(-end).join("")}`;
  };

  /* The steps of a graph. Its data has each distinct operation, label, wave and tone once. */
  const stepsOf = (graph) => graph.nodes.map(([address, kind, id]) => {
    const [operation, label, wave, tone] = graph.kinds[kind];
    return {
      id: id ?? `${operation} ${address}`, address, operation, label, tone,
      wave: Number(wave) || 0,
    };
  });

  // A step is shown as its address, with the operation below it.
  const name = (step) => String(step.address);
  const kind = (step) => String(step.address).split(/[.[]/)[0];
  const EQUAL = [
    (step) => [step.wave, kind(step), step.operation, step.tone],
    (step) => [step.wave, kind(step), step.tone],
  ];

  /* Equal steps of a wave, by key. Steps whose operations differ are equal too if there would be
     too many nodes otherwise. */
  function groups(steps) {
    for (const equal of EQUAL) {
      const found = new Map();
      for (const step of steps) {
        const key = JSON.stringify(equal(step));
        if (!found.has(key)) found.set(key, []);
        found.get(key).push(step);
      }
      if (found.size <= DAGRE_UP_TO || equal === EQUAL.at(-1)) return found;
    }
    return undefined;
  }

  /* The nodes to draw: each step, or one node for equal steps of a wave. `open` has the keys of
     folded nodes that were opened; `all` opens every one. */
  function folded({ steps, edges }, open, all) {
    const nodes = [], place = new Map();
    for (const [key, members] of groups(steps)) {
      const folds = !all && steps.length > FOLD_ABOVE && members.length > 1 && !open.has(key);
      for (const shown of folds ? [members] : members.map((step) => [step])) {
        const id = `n${nodes.length}`, [first] = shown;
        shown.forEach((step) => place.set(step, id));
        const isOne = shown.every((step) => step.operation === first.operation);
        const what = isOne ? String(first.label) : kind(first);
        nodes.push({
          id, key, members: shown, wave: first.wave, tone: first.tone, isFolded: folds,
          title: folds ? `${what} × ${shown.length}` : name(first),
          label: folds ? "" : String(first.label),
        });
      }
    }
    const pairs = new Set();
    for (const [before, after] of edges) {
      const from = place.get(steps[before]), to = place.get(steps[after]);
      if (from && to && from !== to) pairs.add(`${from} ${to}`);
    }
    return { nodes, edges: [...pairs].map((pair) => pair.split(" ")) };
  }

  /* Gives every node its place: a column for each wave. Dagre orders the nodes of a column so that
     few lines cross, and bends long lines around nodes. */
  function arranged({ nodes, edges }) {
    const waves = new Map(nodes.map((node) => [node.id, node.wave]));
    const bends = new Map();
    const forward = edges.filter(([from, to]) => waves.get(from) < waves.get(to));
    const spans = forward.reduce((sum, [from, to]) => sum + waves.get(to) - waves.get(from), 0);
    const isBent = nodes.length <= DAGRE_UP_TO && 2 * spans - forward.length <= BENDS_UP_TO;
    if (isBent) {
      const layout = new dagre.graphlib.Graph();
      layout.setGraph({
        rankdir: "LR", nodesep: APART, ranksep: BETWEEN, edgesep: 8,
        // Two ranks for each wave: dagre needs one for the label of a line, even without labels.
        ranker: (ranks) => ranks.nodes().forEach((id) => {
          ranks.node(id).rank = waves.has(id) ? 2 * waves.get(id) : 1;
        }),
      });
      layout.setDefaultEdgeLabel(() => ({}));
      nodes.forEach(({ id }) => layout.setNode(id, { width: WIDTH, height: HEIGHT }));
      forward.forEach(([from, to]) => layout.setEdge(from, to, {}));
      dagre.layout(layout);
      nodes.forEach((node) => Object.assign(node, layout.node(node.id)));
      layout.edges().forEach((edge) => bends.set(
        `${edge.v} ${edge.w}`, layout.edge(edge).points.slice(1, -1)));
      return { nodes, edges, bends, isBent };
    }
    const columns = new Map();
    for (const node of nodes) {
      if (!columns.has(node.wave)) columns.set(node.wave, []);
      columns.get(node.wave).push(node);
    }
    const rows = Math.max(8, Math.ceil(Math.sqrt(nodes.length)));
    let left = 0;
    for (const wave of [...columns.keys()].sort((a, b) => a - b)) {
      columns.get(wave).forEach((node, number) => {
        node.x = left + Math.floor(number / rows) * (WIDTH + APART);
        node.y = (number % rows) * (HEIGHT + APART);
      });
      left += Math.ceil(columns.get(wave).length / rows) * (WIDTH + APART) + BETWEEN;
    }
    return { nodes, edges, bends, isBent };
  }

  /* The bends of a line as Cytoscape wants them: along the straight line between two nodes, and at
     right angles to it. */
  function segments(from, to, points) {
    const dx = to.x - from.x, dy = to.y - from.y, square = dx * dx + dy * dy || 1;
    const length = Math.sqrt(square);
    return {
      weights: points.map((p) => ((p.x - from.x) * dx + (p.y - from.y) * dy) / square),
      distances: points.map((p) => ((p.y - from.y) * dx - (p.x - from.x) * dy) / length),
    };
  }

  function elements({ nodes, edges, bends, isBent }) {
    const byId = new Map(nodes.map((node) => [node.id, node]));
    const tops = new Map();
    for (const node of nodes) {
      const top = tops.get(node.wave);
      tops.set(node.wave, top
        ? { left: Math.min(top.left, node.x), right: Math.max(top.right, node.x) }
        : { left: node.x, right: node.x });
    }
    const above = Math.min(...nodes.map((node) => node.y)) - HEIGHT;
    return [
      ...[...tops].map(([wave, top]) => ({
        classes: "wave", position: { x: (top.left + top.right) / 2, y: above },
        data: { id: `w${wave}`, text: say("wave", { number: wave }) },
      })),
      ...nodes.map((node) => ({
        classes: ["step", node.isFolded && "folded", TONES.includes(node.tone) && node.tone]
          .filter(Boolean).join(" "),
        position: { x: node.x, y: node.y },
        data: {
          id: node.id, node,
          text: [node.title, node.label].filter(Boolean)
            .map(shortened).join("\n"),
        },
      })),
      ...edges.map(([from, to]) => {
        const points = bends.get(`${from} ${to}`) || [];
        return {
          classes: points.length ? "bent" : isBent ? "" : "faint",
          data: { source: from, target: to, ...segments(byId.get(from), byId.get(to), points) },
        };
      }),
    ];
  }

  /* The colors of the page, so that light, dark and forced colors are one rule set in CSS. */
  function look(figure) {
    const colors = getComputedStyle(figure);
    const of = (name) => colors.getPropertyValue(`--graph-${name}`).trim();
    const ink = of("ink"), line = of("line"), focus = of("focus");
    return [
      { selector: "node", style: {
        label: "data(text)", color: ink, "font-family": "system-ui, sans-serif", "font-size": 12,
        "text-valign": "center", "text-halign": "center", "text-wrap": "wrap",
        "text-max-width": WIDTH - 12, "line-height": 1.2, "min-zoomed-font-size": 5 } },
      { selector: ".wave", style: {
        "background-opacity": 0, width: 1, height: 1, events: "no", "font-size": 13,
        "font-weight": "bold", color: of("quiet") } },
      { selector: ".step", style: {
        shape: "round-rectangle", width: WIDTH, height: HEIGHT, "background-color": of("node"),
        "border-width": 2, "border-color": of("plain") } },
      ...TONES.map((tone) => (
        { selector: `.${tone}`, style: { "border-color": of(tone) } })),
      { selector: ".folded", style: { "border-style": "double", "border-width": 5 } },
      { selector: "edge", style: {
        width: 1.5, "line-color": line, "target-arrow-color": line, "target-arrow-shape": "triangle",
        "arrow-scale": 0.9, "curve-style": "straight", "source-endpoint": "90deg",
        "target-endpoint": "270deg" } },
      { selector: ".faint", style: { opacity: 0.35 } },
      { selector: ".bent", style: {
        "curve-style": "round-segments", "segment-weights": "data(weights)",
        "segment-distances": "data(distances)", "segment-radii": 12,
        "edge-distances": "node-position" } },
      { selector: ".far", style: { opacity: 0.3 } },
      { selector: ".current", style: {
        "border-width": 5, "border-color": focus, "border-style": "solid" } },
      { selector: "edge.near", style: { width: 3, opacity: 1, "line-color": focus,
        "target-arrow-color": focus } },
    ];
  }

  class View {
    constructor(figure, graph, number) {
      this.figure = figure;
      this.steps = stepsOf(graph);
      this.edges = graph.edges;
      this.open = new Set();
      this.all = false;
      this.tools = element("div", "graph-tools");
      this.tools.setAttribute("role", "group");
      this.tools.setAttribute("aria-label", say("tools"));
      this.button("zoom_in", () => this.zoom(ZOOM.step), "+");
      this.button("zoom_out", () => this.zoom(1 / ZOOM.step), "−");
      this.button("fit", () => this.fit());
      if (this.steps.length > FOLD_ABOVE) {
        this.fold = this.button("unfold_all", () => this.toggle());
      }
      this.help = element("p", "graph-help", say("help"));
      this.help.id = `graph-help-${number}`;
      this.canvas = element("div", "graph-canvas");
      this.canvas.tabIndex = 0;
      this.canvas.setAttribute("role", "application");
      this.canvas.setAttribute("aria-describedby", this.help.id);
      this.canvas.setAttribute("aria-label", say("canvas", {
        stack: graph.stack, number: this.steps.length,
        waves: new Set(this.steps.map((step) => step.wave)).size,
      }));
      this.details = element("div", "graph-details");
      this.details.setAttribute("aria-live", "polite");
      figure.append(this.tools, this.canvas, this.help, this.details);
      this.listen();
    }

    button(name, act, sign) {
      const made = element("button", "", sign || say(name));
      made.type = "button";
      if (sign) {
        made.setAttribute("aria-label", say(name));
        made.title = say(name);
      }
      made.addEventListener("click", act);
      this.tools.append(made);
      return made;
    }

    listen() {
      this.canvas.addEventListener("keydown", (event) => this.key(event));
      // A page that scrolls past the graph is neither caught by it on a wheel nor by one finger.
      this.canvas.addEventListener("wheel", (event) => {
        if (event.ctrlKey || event.metaKey) event.preventDefault();
        else event.stopPropagation();
      }, { capture: true, passive: false });
      for (const name of ["touchstart", "touchmove"]) {
        this.canvas.addEventListener(name, (event) => {
          if (event.touches.length < 2) event.stopPropagation();
        }, { capture: true, passive: true });
      }
      matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
        if (this.cy) this.cy.style(look(this.figure));
      });
    }

    /* Draws the graph from its data; `chosen` is a step to be current afterwards. */
    draw(chosen) {
      const plan = arranged(folded(this, this.open, this.all));
      // The first picture of a Cytoscape has even what is far out of view; later ones are drawn
      // where they are seen, and the rest of them when there is time. So there is one for all.
      if (this.cy) {
        this.cy.batch(() => {
          this.cy.elements().remove();
          this.cy.add(elements(plan));
        });
      } else this.create(elements(plan));
      this.begin(plan.nodes);
      this.choose(chosen && this.cy.nodes(".step").filter(
        (node) => node.data("node").members.some((step) => step.id === chosen)).first());
      this.cy.one("render", () => { this.figure.dataset.drawn = String(plan.nodes.length); });
    }

    create(drawn) {
      const inner = element("div", "graph-inner");
      this.canvas.replaceChildren(inner);
      this.cy = cytoscape({
        container: inner, elements: drawn, style: look(this.figure),
        layout: { name: "preset", fit: false }, minZoom: ZOOM.least, maxZoom: ZOOM.most,
        autoungrabify: true, autounselectify: true, boxSelectionEnabled: false,
        textureOnViewport: this.steps.length > DAGRE_UP_TO,
      });
      this.cy.on("tap", "node.step", ({ target }) => this.choose(target));
      this.cy.on("dbltap", "node.folded", ({ target }) => this.unfold(target));
    }

    /* The first picture: all of it if it can be read, else its beginning at a readable size. */
    begin(nodes) {
      const ends = (axis, size) => {
        const middles = nodes.map((node) => node[axis]);
        return [Math.min(...middles) - size, Math.max(...middles) + size];
      };
      const [x1, x2] = ends("x", WIDTH / 2), [y1, y2] = ends("y", 1.5 * HEIGHT);
      const box = { x1, y1, w: x2 - x1, h: y2 - y1 - HEIGHT / 2 };
      const width = this.canvas.clientWidth;
      const zoom = Math.min(ZOOM.first, Math.max(ZOOM.readable, (width - 24) / box.w));
      const high = Math.min(Math.max(box.h * zoom + 32, 160), innerHeight * 0.7);
      this.canvas.style.height = `${Math.round(high)}px`;
      this.cy.resize();
      this.cy.zoom(zoom);
      const spare = width - box.w * zoom;
      this.cy.pan({
        x: (spare > 0 ? spare / 2 : 12) - box.x1 * zoom,
        y: Math.max((high - box.h * zoom) / 2, 16) - box.y1 * zoom,
      });
    }

    fit() { this.cy.fit(undefined, 16); }

    zoom(factor) {
      this.cy.zoom({
        level: this.cy.zoom() * factor,
        renderedPosition: { x: this.cy.width() / 2, y: this.cy.height() / 2 },
      });
    }

    toggle() {
      this.all = !this.all;
      this.open.clear();
      this.fold.textContent = say(this.all ? "fold" : "unfold_all");
      this.draw();
    }

    unfold(target) {
      const { key, members } = target.data("node");
      this.open.add(key);
      this.draw(members[0].id);
      this.canvas.focus();
    }

    /* Makes a node the current one, shows what is known of it, and moves it into view. */
    choose(target) {
      const { cy } = this;
      cy.elements().removeClass("current near far");
      this.current = target && target.length ? target : undefined;
      if (!this.current) {
        this.details.replaceChildren(element("p", "", say("choose")));
        return;
      }
      const near = this.current.closedNeighborhood();
      cy.elements().not(near).not(".wave").addClass("far");
      near.edges().addClass("near");
      this.current.addClass("current");
      const box = this.current.renderedBoundingBox(), margin = 8;
      const shift = (least, most, room) =>
        (least < margin ? margin - least : Math.min(0, room - margin - most));
      cy.panBy({ x: shift(box.x1, box.x2, cy.width()), y: shift(box.y1, box.y2, cy.height()) });
      this.describe();
    }

    describe() {
      const node = this.current.data("node"), [first] = node.members;
      const facts = element("dl");
      const fact = (name, ...values) => {
        const value = element("dd");
        value.append(...values);
        facts.append(element("dt", "", say(name)), value);
      };
      if (node.isFolded) fact("members", this.scrolled(node.members.map(name)));
      else fact("step", String(first.id));
      fact("waits", this.neighbours(this.current.incomers("node")));
      fact("needed", this.neighbours(this.current.outgoers("node")));
      const gist = [node.label, say("wave", { number: node.wave })].filter(Boolean).join(" · ");
      const parts = [element("h4", "", node.title), element("p", "graph-wave", gist), facts];
      if (node.isFolded) {
        const open = element("button", "", say("unfold"));
        open.type = "button";
        open.addEventListener("click", () => this.unfold(this.current));
        parts.push(open);
      }
      this.details.replaceChildren(...parts);
    }

    list(items) {
      const made = element("ul");
      made.append(...items.map((item) => {
        const row = element("li");
        row.append(item);
        return row;
      }));
      return made;
    }

    /* A list that scrolls when it is long: the keyboard must reach it. */
    scrolled(items) {
      const made = this.list(items);
      made.className = "graph-long";
      made.tabIndex = 0;
      made.setAttribute("aria-label", say("members"));
      return made;
    }

    neighbours(nodes) {
      if (!nodes.length) return say("none");
      return this.list(nodes.map((node) => {
        const { title, label } = node.data("node");
        const made = element("button", "graph-link", [title, label].filter(Boolean).join(" · "));
        made.type = "button";
        made.addEventListener("click", () => {
          this.choose(node);
          this.canvas.focus();
        });
        return made;
      }));
    }

    key(event) {
      const move = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
      const [x, y] = move[event.key] || [0, 0];
      if (event.altKey || event.ctrlKey || event.metaKey) return;
      if (x || y) {
        if (event.shiftKey) this.cy.panBy({ x: -60 * x, y: -60 * y });
        else this.walk(x, y);
      } else if (event.key === "+" || event.key === "=") this.zoom(ZOOM.step);
      else if (event.key === "-") this.zoom(1 / ZOOM.step);
      else if (event.key === "0") this.fit();
      else if (event.key === "Escape") this.choose();
      else if (event.key === "Enter" && this.current?.hasClass("folded")) this.unfold(this.current);
      else return;
      event.preventDefault();
    }

    /* Moves to the nearest step in a direction; a neighbour in the graph comes before others. */
    walk(x, y) {
      const steps = this.cy.nodes(".step");
      if (!this.current) {
        this.choose(steps.first());
        return;
      }
      const here = this.current.position();
      const along = (node) => (node.position().x - here.x) * x + (node.position().y - here.y) * y;
      const aside = (node) => Math.abs(
        (node.position().x - here.x) * y + (node.position().y - here.y) * x);
      const ahead = steps.filter((node) => along(node) > 1 && (x || aside(node) < WIDTH / 2));
      const near = ahead.intersection(this.current.neighborhood("node"));
      const found = (x && near.length ? near : ahead).sort(
        (a, b) => along(a) + 3 * aside(a) - along(b) - 3 * aside(b));
      if (found.length) this.choose(found.first());
    }
  }

  const figures = [...document.querySelectorAll("figure.graph[data-stack]")];
  const views = new Map();
  const watch = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      watch.unobserve(target);
      views.get(target).draw();
    }
  }, { rootMargin: "400px" });
  (data.graphs || []).forEach((graph, number) => {
    const index = figures.findIndex((figure) => figure.dataset.stack === graph.stack);
    if (index < 0 || !graph.nodes.length) return;
    const [figure] = figures.splice(index, 1);
    figure.hidden = false;
    views.set(figure, new View(figure, graph, number));
    watch.observe(figure);
  });
})();
