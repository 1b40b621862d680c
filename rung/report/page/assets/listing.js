"use strict";
// A kernel at every stage: two texts beside each other with what differs, and the source of each line.

// Names of values are numbered anew by every printing, so lines that differ in them alone are the same.
rung.plain = (line) => line.replace(/[%@^#][\w$.:#]+/g, (name) => name[0]).trim();

// Longest common subsequence of two lists of keys (Myers 1986): pairs of equal positions, in order.
rung.common_lines = (a, b) => {
  let head = 0;
  while (head < a.length && head < b.length && a[head] === b[head]) head += 1;
  let tail = 0;
  while (tail < a.length - head && tail < b.length - head && a[a.length - 1 - tail] === b[b.length - 1 - tail]) tail += 1;
  const n = a.length - head - tail, m = b.length - head - tail, most = n + m, history = [];
  const pairs = Array.from({ length: head }, (_, at) => [at, at]), middle = [];
  if (most > 6000) return [...pairs, ...Array.from({ length: tail }, (_, at) => [a.length - tail + at, b.length - tail + at])];
  let reach = new Map([[1, 0]]), done = most === 0;
  for (let d = 0; d <= most && !done; d += 1) {
    history.push(new Map(reach));
    for (let k = -d; k <= d; k += 2) {
      const down = k === -d || (k !== d && (reach.get(k - 1) ?? -1) < (reach.get(k + 1) ?? -1));
      let x = down ? reach.get(k + 1) : reach.get(k - 1) + 1, y = x - k;
      while (x < n && y < m && a[head + x] === b[head + y]) { x += 1; y += 1; }
      reach.set(k, x);
      if (x >= n && y >= m) { done = true; break; }
    }
  }
  let x = n, y = m;
  for (let d = history.length - 1; d >= 0; d -= 1) {
    const v = history[d], k = x - y;
    const down = k === -d || (k !== d && (v.get(k - 1) ?? -1) < (v.get(k + 1) ?? -1));
    const before = down ? k + 1 : k - 1, from = v.get(before) ?? 0, to = from - before;
    while (x > Math.max(from, 0) && y > Math.max(to, 0) && x > 0 && y > 0) { x -= 1; y -= 1; middle.push([head + x, head + y]); if (d > 0 && x === (down ? from : from + 1)) break; }
    if (d > 0) { x = from; y = to; }
  }
  pairs.push(...middle.reverse());
  for (let at = tail; at > 0; at -= 1) pairs.push([a.length - at, b.length - at]);
  return pairs;
};

// Rows of two texts: [line on the left or null, line on the right or null].
rung.rows = (a, b) => {
  const rows = [];
  let x = 0, y = 0;
  for (const [i, j] of [...rung.common_lines(a, b), [a.length, b.length]]) {
    while (x < i || y < j) rows.push([x < i ? x++ : null, y < j ? y++ : null, true]);
    if (i < a.length) { rows.push([x++, y++, false]); }
  }
  return rows;
};

rung.listing = (block, place) => {
  const panes = rung.element("div", { class: block.source.length ? "panes three" : "panes" });
  const source = rung.element("div", { class: "code", tabindex: "0", role: "region", "aria-label": "source" });
  block.source.forEach((line, at) => source.append(rung.element("div", { "data-line": block.source_first + at }, rung.element("b", {}, `${block.source_first + at}`), line)));
  if (block.source.length) panes.append(rung.element("div", { class: "pane" }, rung.element("div", {}, block.source_name), source));
  const sides = ["before", "after"].map((name) => {
    const choice = rung.element("select", { "aria-label": name });
    block.stages.forEach((stage, at) => choice.append(rung.element("option", { value: at }, (stage.of_pass ? "   " : "stage ") + stage.name)));
    const code = rung.element("div", { class: "code", tabindex: "0", role: "region", "aria-label": `text ${name}` });
    panes.append(rung.element("div", { class: "pane" }, rung.element("div", {}, choice), code));
    return { choice, code };
  });
  const told = rung.element("span", { class: "dim", "aria-live": "polite" }), keys = rung.element("div", { class: "keys" });
  const step = (by) => {
    const to = Math.max(1, Math.min(block.stages.length - 1, Number(sides[1].choice.value) + by));
    sides[0].choice.value = to - 1;
    sides[1].choice.value = to;
    draw();
  };
  for (const [label, by] of [["← pass", -1], ["pass →", 1]]) {
    const button = rung.element("button", { type: "button" }, label);
    button.addEventListener("click", () => step(by));
    keys.append(button);
  }
  const next = rung.element("button", { type: "button" }, "next change");
  keys.append(next, told);
  place.append(keys, panes);

  const look = (line) => {
    for (const marked of place.querySelectorAll(".from")) marked.classList.remove("from");
    if (!line) return;
    for (const same of place.querySelectorAll(`.code [data-line="${line}"]`)) same.classList.add("from");
    const there = source.querySelector(`[data-line="${line}"]`);
    if (there) source.scrollTop = Math.max(0, there.offsetTop - source.offsetTop - source.clientHeight / 3);
  };
  place.addEventListener("click", (event) => { const line = event.target.closest?.("[data-line]"); if (line) look(line.dataset.line); });

  const draw = () => {
    const [left, right] = sides.map((side) => block.stages[Number(side.choice.value)]);
    const plain = (stage) => stage.lines.map((line) => rung.plain(block.lines[line]));
    const rows = rung.rows(plain(left), plain(right));
    const fill = (code, stage, column, name) => {
      const hot = new Map(stage.hot.flatMap(([first, last, words]) => Array.from({ length: last - first + 1 }, (_, at) => [first + at, words])));
      code.replaceChildren(...rows.map((row) => {
        const at = row[column];
        if (at === null) return rung.element("div", { class: "filler" }, "");
        const line = stage.source[at], element = rung.element("div", {}, rung.element("b", {}, line ? `${line}` : ""), block.lines[stage.lines[at]]);
        if (row[2]) element.classList.add(name);
        if (line) { element.dataset.line = line; element.classList.add("lookup"); }
        if (hot.has(at)) { element.classList.add("hot"); element.title = hot.get(at); }
        return element;
      }));
      code.scrollTop = 0;
    };
    fill(sides[0].code, left, 0, "removed");
    fill(sides[1].code, right, 1, "added");
    const gone = rows.filter((row) => row[2] && row[0] !== null).length, come = rows.filter((row) => row[2] && row[1] !== null).length;
    told.textContent = gone || come ? `${gone} lines removed, ${come} added; the number beside a line is its line in the source` : "no difference";
  };
  next.addEventListener("click", () => {
    const code = sides[1].code, lines = [...code.children];
    const changed = (at) => lines[at].matches(".added, .filler"), top = (at) => lines[at].offsetTop - code.offsetTop;
    const starts = lines.keys().filter ? [...lines.keys()].filter((at) => changed(at) && (at === 0 || !changed(at - 1))) : [];
    const to = starts.find((at) => top(at) > code.scrollTop + 8) ?? starts[0];
    if (to !== undefined) code.scrollTop = sides[0].code.scrollTop = Math.max(0, top(to) - 4);
  });
  let moving = null;
  sides.forEach((side, at) => {
    side.choice.addEventListener("change", draw);
    side.code.addEventListener("scroll", () => {
      if (moving === 1 - at) { moving = null; return; }
      moving = at;
      sides[1 - at].code.scrollTop = side.code.scrollTop;
      sides[1 - at].code.scrollLeft = side.code.scrollLeft;
    });
  });
  const stages = block.stages.map((_, at) => at).filter((at) => !block.stages[at].of_pass);
  sides[0].choice.value = stages[0] ?? 0;
  sides[1].choice.value = stages[1] ?? block.stages.length - 1;
  draw();
};
