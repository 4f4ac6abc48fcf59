"use strict";
(() => {
  // The space, in pixels, that a box needs to be readable before anything is zoomed.
  const ROOM = 15000;
  const LEAST_SCALE = 0.6;
  const LONGEST_LINE = 22;
  const LONGEST_NAME = 64;
  const data = JSON.parse(document.getElementById("graph").textContent);
  const at = (id) => document.getElementById(id);
  const picture = at("picture");
  const rows = {
    locks: [...document.querySelectorAll("tr[data-lock]")],
    edges: [...document.querySelectorAll("tr[data-edge]")],
    cycles: [...document.querySelectorAll("tr[data-cycle]")],
  };
  const deepest = Math.max(...data.locks.map((lock) => lock.module.split(".").length));
  const opened = new Set();
  let selected = { locks: new Set(), edges: new Set() };
  let shown = { locks: new Set(), edges: new Set() };
  let grouping = 0;
  let boxes = new Map();
  let arrows = new Map();
  let nodes = null;
  let lines = null;
  let network = null;
  let isMoved = false;

  // Which locks and edges the filters leave.

  const isWithin = (module, prefix) =>
    prefix === "" || module === prefix || module.startsWith(`${prefix}.`);

  function filtered() {
    const text = at("name").value.trim().toLowerCase();
    const module = at("module").value;
    const cycle = at("cycle").value;
    const matches = data.locks.map(
      (lock) => lock.name.toLowerCase().includes(text) && isWithin(lock.module, module),
    );
    const isInCycle = (cycles) =>
      cycle === "" || (cycle === "any" ? cycles.length > 0 : cycles.includes(Number(cycle)));
    const locks = new Set();
    const edges = new Set();
    data.edges.forEach((edge, index) => {
      if (!isInCycle(edge.cycles)) return;
      if (matches[edge.source] || matches[edge.target]) {
        edges.add(index);
        locks.add(edge.source).add(edge.target);
      }
    });
    return { locks, edges };
  }

  // What is drawn: a box for a lock, or for all locks of a module or package.

  const groupOf = (index, parts) => data.locks[index].module.split(".").slice(0, parts).join(".");

  // A group that was opened shows the finer groups in it, and at last its locks.
  function boxOf(index) {
    for (let parts = grouping; parts > 0 && parts <= deepest; parts += 1) {
      const group = groupOf(index, parts);
      if (!opened.has(group)) return `group ${group}`;
    }
    return `lock ${index}`;
  }

  // Unless it is chosen: the finest groups of which not too many are drawn.
  function chosenGrouping() {
    if (at("group").value !== "auto") return Number(at("group").value);
    const most = Math.max(14, (picture.clientWidth * picture.clientHeight) / ROOM);
    const number = (parts) =>
      new Set([...shown.locks].map((index) => (parts ? groupOf(index, parts) : index))).size;
    const levels = [...at("group").options].slice(1).map((option) => Number(option.value));
    return levels.find((parts) => number(parts) <= most) ?? levels.at(-1);
  }

  function gather() {
    grouping = chosenGrouping();
    boxes = new Map();
    arrows = new Map();
    for (const index of [...shown.locks].sort((one, other) => one - other)) {
      const id = boxOf(index);
      if (!boxes.has(id)) boxes.set(id, { id, locks: [], isRed: false });
      const box = boxes.get(id);
      box.locks.push(index);
      box.isRed ||= data.locks[index].cycle;
    }
    for (const index of shown.edges) {
      const edge = data.edges[index];
      const [from, to] = [boxOf(edge.source), boxOf(edge.target)];
      if (from === to && from.startsWith("group ")) continue;
      const id = `${from} -> ${to}`;
      if (!arrows.has(id)) arrows.set(id, { id, from, to, edges: [], isRed: false, waits: false });
      const arrow = arrows.get(id);
      arrow.edges.push(index);
      arrow.isRed ||= edge.cycles.length > 0;
      arrow.waits ||= edge.waits;
    }
  }

  // Long names have several lines; the whole one is in the tip and in the table.
  function broken(name) {
    const half = LONGEST_NAME / 2;
    const text =
      name.length > LONGEST_NAME ? `${name.slice(0, half)}\u2026${name.slice(-half)}` : name;
    const lines = [""];
    for (const piece of text.split(/(?=[.[])|(?<=[^.])(?=_)|(?<=[a-z])(?=[A-Z])/)) {
      if (lines.at(-1) !== "" && (lines.at(-1) + piece).length > LONGEST_LINE) lines.push("");
      lines.push(lines.pop() + piece);
    }
    return lines.join("\n");
  }

  const count = (number, word) => `${number} ${word}${number === 1 ? "" : "s"}`;

  function labelOf(box) {
    if (box.id.startsWith("lock ")) return broken(data.locks[box.locks[0]].short);
    return `${broken(box.id.slice(6))}\n${count(box.locks.length, "lock")}`;
  }

  function tipOf(box) {
    if (box.id.startsWith("lock ")) return data.locks[box.locks[0]].about;
    const names = box.locks.slice(0, 12).map((index) => data.locks[index].name);
    if (box.locks.length > 12) names.push("…");
    return `${names.join("\n")}\n(double-click to open)`;
  }

  function tipOfArrow(arrow) {
    const [first, ...more] = arrow.edges.map((index) => data.edges[index].about);
    return more.length ? `${first}\n(and ${count(more.length, "more edge")})` : first;
  }

  // Colours are those of the page, so that they follow its light or dark scheme.

  function colours() {
    const style = getComputedStyle(document.documentElement);
    const value = (name) => style.getPropertyValue(name).trim();
    return {
      line: value("--line"), red: value("--red"), paper: value("--paper"), ink: value("--ink"),
      mark: value("--mark"), faint: value("--faint"), shade: value("--shade"),
    };
  }

  function looks() {
    const colour = colours();
    const isAny = selected.locks.size + selected.edges.size > 0;
    const bright = new Set();
    const strong = new Set();
    for (const arrow of arrows.values()) {
      const isOwn = arrow.edges.some((index) => selected.edges.has(index));
      if (isOwn) strong.add(arrow.id);
    }
    for (const index of selected.edges) {
      bright.add(boxOf(data.edges[index].source)).add(boxOf(data.edges[index].target));
    }
    const chosen = new Set([...selected.locks].map(boxOf));
    const looksOfBoxes = [...boxes.values()].map((box) => {
      const isDim = isAny && !bright.has(box.id) && !chosen.has(box.id);
      const border = isDim ? colour.faint : box.isRed ? colour.red : colour.line;
      const isGroup = box.id.startsWith("group ");
      const background = chosen.has(box.id) ? colour.mark : isGroup ? colour.shade : colour.paper;
      return {
        id: box.id,
        borderWidth: box.isRed ? 2.5 : 1.2,
        color: { border, background, highlight: { border, background: colour.mark },
          hover: { border, background } },
        font: { color: isDim ? colour.faint : box.isRed ? colour.red : colour.ink },
      };
    });
    const looksOfArrows = [...arrows.values()].map((arrow) => {
      const isDim = isAny && !strong.has(arrow.id);
      const own = isDim ? colour.faint : arrow.isRed ? colour.red : colour.line;
      return {
        id: arrow.id,
        color: { color: own, highlight: own, hover: own },
        width: (arrow.isRed ? 2.4 : 1.2) + (strong.has(arrow.id) ? 1.6 : 0),
      };
    });
    return [looksOfBoxes, looksOfArrows];
  }

  function paint() {
    const [looksOfBoxes, looksOfArrows] = looks();
    nodes.update(looksOfBoxes);
    lines.update(looksOfArrows);
  }

  // What is acquired later stands to the right. The library's own layouts know nothing of the size
  // of boxes. It draws them in the size that their text has, which is worked out here.

  function sizeOf(label) {
    const lines = label.split("\n");
    const longest = Math.max(...lines.map((line) => line.length));
    return { width: longest * 8.6 + 20, height: lines.length * 17 + 20 };
  }

  const mean = (numbers) => numbers.reduce((sum, each) => sum + each, 0) / numbers.length;

  // The boxes behind each box, without the arrows that close a cycle.
  function forward(ids, next) {
    const entered = new Set();
    const done = new Set();
    const ahead = new Map(ids.map((id) => [id, []]));
    const isTarget = new Set(ids.flatMap((id) => next.get(id)));
    const order = [];
    const visit = (id) => {
      entered.add(id);
      for (const other of next.get(id)) {
        if (!entered.has(other)) visit(other);
        if (done.has(other)) ahead.get(id).push(other);
      }
      done.add(id);
      order.unshift(id);
    };
    const starts = [...ids.filter((id) => !isTarget.has(id)), ...ids];
    for (const id of starts) if (!entered.has(id)) visit(id);
    return { ahead, order };
  }

  function columnsOf(ids, next) {
    const { ahead, order } = forward(ids, next);
    const rank = new Map(ids.map((id) => [id, 0]));
    for (const id of order) {
      for (const other of ahead.get(id)) {
        rank.set(other, Math.max(rank.get(other), rank.get(id) + 1));
      }
    }
    // What nothing leads to stands close to what it leads to.
    const isTarget = new Set([...ahead.values()].flat());
    for (const id of order) {
      if (isTarget.has(id) || ahead.get(id).length === 0) continue;
      rank.set(id, Math.min(...ahead.get(id).map((other) => rank.get(other))) - 1);
    }
    const columns = [];
    const most = Math.max(7, Math.ceil(Math.sqrt(ids.length) * 1.5));
    for (const each of [...new Set(rank.values())].sort((one, other) => one - other)) {
      const members = ids.filter((id) => rank.get(id) === each);
      const number = Math.ceil(members.length / most);
      const length = Math.ceil(members.length / number);
      for (let start = 0; start < members.length; start += length) {
        columns.push(members.slice(start, start + length));
      }
    }
    return columns;
  }

  // Return the places of connected boxes: in columns, or in rows if it goes `down`. In these, boxes
  // stand close to their neighbours.
  function layered(ids, next, sizes, down) {
    const [along, across] = down ? ["height", "width"] : ["width", "height"];
    const columns = columnsOf(ids, next);
    const beside = new Map(ids.map((id) => [id, []]));
    for (const id of ids) {
      for (const other of next.get(id)) {
        beside.get(id).push(other);
        beside.get(other).push(id);
      }
    }
    const middles = new Map();
    const stack = (column, wanted) => {
      column.sort((one, other) => wanted.get(one) - wanted.get(other));
      let end = -Infinity;
      for (const id of column) {
        const half = sizes.get(id)[across] / 2;
        middles.set(id, Math.max(wanted.get(id), end + half + 18));
        end = middles.get(id) + half;
      }
      // Where boxes were pushed on, the whole column moves back by as much on average.
      const pushed = mean(column.map((id) => middles.get(id) - wanted.get(id)));
      for (const id of column) middles.set(id, middles.get(id) - pushed);
    };
    for (const column of columns) {
      stack(column, new Map(column.map((id, index) => [id, (index - column.length / 2) * 60])));
    }
    for (let turn = 0; turn < 12; turn += 1) {
      for (const column of turn % 2 ? columns : columns.toReversed()) {
        stack(column, new Map(column.map((id) =>
          [id, beside.get(id).length ? mean(beside.get(id).map((each) => middles.get(each))) : 0])));
      }
    }
    const places = new Map();
    let start = 0;
    for (const column of columns) {
      const length = Math.max(...column.map((id) => sizes.get(id)[along]));
      for (const id of column) {
        const [main, other] = [start + length / 2, middles.get(id)];
        places.set(id, down ? { x: other, y: main } : { x: main, y: other });
      }
      start += length + (down ? 55 : 75);
    }
    return places;
  }

  function laidOut(down) {
    const sizes = new Map([...boxes.values()].map((box) => [box.id, sizeOf(labelOf(box))]));
    const next = new Map([...boxes.keys()].map((id) => [id, []]));
    for (const { from, to } of arrows.values()) if (from !== to) next.get(from).push(to);
    return packed(parts().map((ids) => {
      const places = layered(ids, next, sizes, down);
      const edge = (side) => ids.map((id) => side(places.get(id), sizes.get(id)));
      const left = Math.min(...edge((place, size) => place.x - size.width / 2));
      const top = Math.min(...edge((place, size) => place.y - size.height / 2));
      const right = Math.max(...edge((place, size) => place.x + size.width / 2));
      const bottom = Math.max(...edge((place, size) => place.y + size.height / 2));
      return { places, left, top, width: right - left + 60, height: bottom - top + 45 };
    }));
  }

  // Put what is not connected in rows, so that the whole has about the shape of the picture.
  function packed(areas) {
    areas.sort((one, other) => other.height - one.height || other.width - one.width);
    const space = areas.reduce((sum, each) => sum + each.width * each.height, 0);
    const shape = picture.clientWidth / Math.max(1, picture.clientHeight);
    const most = Math.max(Math.sqrt(space * shape) * 1.15, ...areas.map((each) => each.width));
    let [x, y, row, width] = [0, 0, 0, 0];
    const found = new Map();
    for (const area of areas) {
      if (x > 0 && x + area.width > most) [x, y, row] = [0, y + row, 0];
      for (const [id, place] of area.places) {
        found.set(id, { x: place.x - area.left + x, y: place.y - area.top + y });
      }
      x += area.width;
      width = Math.max(width, x);
      row = Math.max(row, area.height);
    }
    const scale = Math.min(picture.clientWidth / (width || 1), picture.clientHeight / (y + row || 1));
    return { places: found, scale };
  }

  function draw(opening = "") {
    if (network) network.destroy();
    gather();
    const [looksOfBoxes, looksOfArrows] = looks();
    const [aside, below] = [laidOut(false), laidOut(true)];
    const down = below.scale > aside.scale * 1.15;
    const { places } = down ? below : aside;
    nodes = new vis.DataSet(looksOfBoxes.map((look) => {
      const box = boxes.get(look.id);
      return { ...look, ...places.get(look.id), label: labelOf(box), title: tipOf(box) };
    }));
    lines = new vis.DataSet(looksOfArrows.map((look) => {
      const arrow = arrows.get(look.id);
      return {
        ...look, from: arrow.from, to: arrow.to, dashes: !arrow.waits, title: tipOfArrow(arrow),
        label: arrow.edges.length > 1 ? String(arrow.edges.length) : undefined,
        smooth: arrows.has(`${arrow.to} -> ${arrow.from}`)
          ? { enabled: true, type: "curvedCW", roundness: 0.2 }
          : { enabled: true, type: "cubicBezier", roundness: 0.4,
            forceDirection: down ? "vertical" : "horizontal" },
      };
    }));
    const colour = colours();
    const options = {
      physics: false,
      interaction: { hover: true, tooltipDelay: 200,
        keyboard: { enabled: true, bindToWindow: false } },
      nodes: { shape: "box", margin: 8, shapeProperties: { borderRadius: 5 },
        font: { face: "ui-monospace, monospace", size: 14 } },
      edges: { arrows: { to: { enabled: true, scaleFactor: 0.7 } },
        selfReference: { size: 16, angle: 0.8 },
        font: { color: colour.ink, strokeColor: colour.paper, size: 12 } },
    };
    network = new vis.Network(picture, { nodes, edges: lines }, options);
    network.on("click", chosenInPicture);
    network.on("doubleClick", openedInPicture);
    isMoved = opening !== "";
    for (const name of ["zoom", "dragStart"]) network.on(name, () => { isMoved = true; });
    fit();
    if (boxes.size > 0 && network.getScale() < LEAST_SCALE) beginAt(places, opening);
  }

  // Too small to be read as a whole: begin with what was opened, with a cycle, or at the top left.
  function beginAt(places, opening) {
    const all = [...boxes.values()];
    const first =
      all.find(({ locks }) => opening !== "" && isWithin(data.locks[locks[0]].module, opening)) ??
      all.find((box) => box.isRed);
    const along = (side, length) => {
      const ends = [...places.values()].map((place) => place[side]);
      const half = length / LEAST_SCALE / 2;
      const [least, most] = [Math.min(...ends) - 130 + half, Math.max(...ends) + 130 - half];
      if (least > most) return (least + most) / 2;
      return first ? Math.min(Math.max(places.get(first.id)[side], least), most) : least;
    };
    const position = {
      x: along("x", picture.clientWidth), y: along("y", picture.clientHeight),
    };
    network.moveTo({ position, scale: LEAST_SCALE });
  }

  function parts() {
    const next = new Map([...boxes.keys()].map((id) => [id, []]));
    for (const { from, to } of arrows.values()) {
      next.get(from).push(to);
      next.get(to).push(from);
    }
    const seen = new Set();
    const found = [];
    for (const start of boxes.keys()) {
      if (seen.has(start)) continue;
      const part = [start];
      seen.add(start);
      for (const id of part) {
        for (const other of next.get(id)) {
          if (!seen.has(other)) part.push(other);
          seen.add(other);
        }
      }
      found.push(part);
    }
    return found;
  }

  function isInView(id) {
    const { x, y } = network.canvasToDOM(network.getPosition(id));
    const isWithinPicture =
      x > 0 && y > 0 && x < picture.clientWidth && y < picture.clientHeight;
    return isWithinPicture && network.getScale() >= LEAST_SCALE;
  }

  const fit = () => network.fit({ maxZoomLevel: 1.2, animation: false });

  // The picture and the tables tell each other what is selected.

  function select(locks, edges, options) {
    selected = { locks: new Set(locks), edges: new Set(edges) };
    const isAny = selected.locks.size + selected.edges.size > 0;
    const ends = new Set();
    for (const index of selected.edges) {
      ends.add(data.edges[index].source).add(data.edges[index].target);
    }
    rows.locks.forEach((row, index) => {
      row.classList.toggle("selected", selected.locks.has(index));
      row.classList.toggle("near", !selected.locks.has(index) && ends.has(index));
    });
    rows.edges.forEach((row, index) => {
      row.classList.toggle("selected", selected.locks.size === 0 && selected.edges.has(index));
      row.classList.toggle("near", selected.locks.size > 0 && selected.edges.has(index));
    });
    rows.cycles.forEach((row, index) => {
      row.classList.toggle("selected", options?.cycle === index);
    });
    paint();
    if (!isAny) return;
    if (options?.isFromPicture) {
      const name = selected.locks.size > 0 ? "locks" : "edges";
      openTab(name);
      const row = rows[name][Math.min(...(name === "locks" ? selected.locks : selected.edges))];
      row.scrollIntoView({ block: "nearest" });
    } else {
      const all = [...selected.locks, ...ends].filter((index) => shown.locks.has(index));
      const ids = [...new Set(all.map(boxOf))];
      if (!ids.every(isInView)) {
        isMoved = true;
        network.fit({ nodes: ids, maxZoomLevel: 1, animation: false });
      }
    }
  }

  const edgesAt = (locks) =>
    [...shown.edges].filter((index) =>
      locks.includes(data.edges[index].source) || locks.includes(data.edges[index].target));

  function chosenInPicture(event) {
    const options = { isFromPicture: true };
    if (event.nodes.length > 0) {
      const { locks } = boxes.get(event.nodes[0]);
      select(locks, edgesAt(locks), options);
    } else if (event.edges.length > 0) {
      select([], arrows.get(event.edges[0]).edges, options);
    } else {
      select([], []);
    }
  }

  function openedInPicture(event) {
    const id = event.nodes[0];
    if (id === undefined || !id.startsWith("group ")) return;
    opened.add(id.slice(6));
    draw(id.slice(6));
  }

  function chosenInTable(event) {
    const link = event.target.closest("a, summary");
    const row = event.target.closest("tr");
    if (row === null || (link !== null && !link.classList.contains("pick"))) return;
    event.preventDefault();
    const { lock, edge, cycle } = row.dataset;
    if (lock !== undefined) select([Number(lock)], edgesAt([Number(lock)]));
    else if (edge !== undefined) select([], [Number(edge)]);
    else if (cycle !== undefined) {
      const number = Number(cycle) + 1;
      const edges = data.edges.flatMap((each, index) =>
        each.cycles.includes(number) ? [index] : []);
      select([], edges, { cycle: Number(cycle) });
    }
  }

  function openTab(name) {
    for (const button of at("tabs").children) {
      button.setAttribute("aria-pressed", String(button.value === name));
      at(button.value).hidden = button.value !== name;
    }
  }

  function refresh() {
    shown = filtered();
    rows.locks.forEach((row, index) => { row.hidden = !shown.locks.has(index); });
    rows.edges.forEach((row, index) => { row.hidden = !shown.edges.has(index); });
    const cycles = new Set([...shown.edges].flatMap((index) => data.edges[index].cycles));
    rows.cycles.forEach((row, index) => { row.hidden = !cycles.has(index + 1); });
    at("count").textContent =
      `${shown.locks.size} of ${count(data.locks.length, "lock")}, ` +
      `${shown.edges.size} of ${count(data.edges.length, "edge")}`;
    draw();
  }

  function begin() {
    let timer = 0;
    const later = (action) => {
      clearTimeout(timer);
      timer = setTimeout(action, 200);
    };
    at("name").addEventListener("input", () => later(refresh));
    // Other groups may fit another window, but nobody's place in the picture is lost.
    addEventListener("resize", () => { if (!isMoved) later(refresh); });
    for (const name of ["module", "cycle"]) at(name).addEventListener("change", refresh);
    at("group").addEventListener("change", () => { opened.clear(); draw(); });
    at("filters").addEventListener("submit", (event) => event.preventDefault());
    at("filters").addEventListener("reset", () => setTimeout(() => {
      selected = { locks: new Set(), edges: new Set() };
      opened.clear();
      refresh();
      select([], []);
    }));
    const zoom = (factor) => {
      isMoved = true;
      network.moveTo({ scale: network.getScale() * factor });
    };
    at("closer").addEventListener("click", () => zoom(1.4));
    at("farther").addEventListener("click", () => zoom(1 / 1.4));
    at("fit").addEventListener("click", fit);
    at("tables").addEventListener("click", chosenInTable);
    at("tabs").addEventListener("click", (event) => {
      if (event.target.value) openTab(event.target.value);
    });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => draw());
    openTab(at("tabs").children[0].value);
    refresh();
  }

  document.body.classList.add("live");
  begin();
})();
