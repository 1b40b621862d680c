"use strict";
// Rows of spans over time: zoomed by the wheel and by a slider, moved by dragging, and both by keys.
rung.timeline = (block, place) => {
  const keys = rung.element("div", { class: "keys" }), canvas = rung.element("div", { tabindex: "0", role: "application" });
  canvas.setAttribute("aria-label", `${block.title}: plus and minus zoom, arrows move, 0 shows all`);
  place.append(keys, canvas);
  const begin = Math.min(...block.spans.map((span) => span[2])), end = Math.max(...block.spans.map((span) => span[3]));
  canvas.style.height = `${110 + 30 * block.rows.length}px`;
  const chart = echarts.init(canvas, null, { renderer: "canvas" });
  rung.charts.push(chart);
  const window_ = { start: 0, end: 100 };

  const show = (start, stop) => {
    const wide = Math.max(1e-4, Math.min(100, stop - start)), from = Math.max(0, Math.min(100 - wide, start));
    chart.dispatchAction({ type: "dataZoom", dataZoomIndex: 0, start: from, end: from + wide });
  };
  const zoom = (factor) => {
    const middle = (window_.start + window_.end) / 2, half = (window_.end - window_.start) * factor / 2;
    show(middle - half, middle + half);
  };
  const move = (share) => { const by = share * (window_.end - window_.start); show(window_.start + by, window_.end + by); };
  const acts = { "+": () => zoom(0.5), "=": () => zoom(0.5), "-": () => zoom(2), ArrowLeft: () => move(-0.25), ArrowRight: () => move(0.25), 0: () => show(0, 100) };
  canvas.addEventListener("keydown", (event) => {
    if (acts[event.key] && !event.ctrlKey && !event.metaKey) { event.preventDefault(); acts[event.key](); }
  });
  for (const [label, name, act] of [["+", "zoom in", "+"], ["−", "zoom out", "-"], ["←", "earlier", "ArrowLeft"], ["→", "later", "ArrowRight"], ["all", "show all", "0"]]) {
    const button = rung.element("button", { type: "button", "aria-label": name, title: name }, label);
    button.addEventListener("click", acts[act]);
    keys.append(button);
  }
  const swatches = block.looks.map((look) => {
    const swatch = rung.element("i");
    keys.append(rung.element("span", { class: "key" }, swatch, look.name));
    return swatch;
  });
  chart.on("datazoom", () => {
    const { start, end: stop } = chart.getOption().dataZoom[0];
    Object.assign(window_, { start, end: stop });
    canvas.dataset.zoom = `${start.toFixed(2)} ${stop.toFixed(2)}`;
  });

  const colour = (look) => look.idle ? (rung.dark() ? "#3a424c" : "#dfe3e8") : rung.colour(look.colour);
  const pixel = (item, api) => {
    const [row, look, from, to] = block.spans[item.dataIndex];
    const a = api.coord([from, row]), b = api.coord([to, row]), box = item.coordSys, tall = api.size([0, 1])[1] * 0.74;
    const left = Math.max(a[0], box.x), right = Math.min(Math.max(b[0], a[0] + 0.4), box.x + box.width);
    if (right <= left) return null;
    return { type: "rect", shape: { x: left, y: a[1] - tall / 2, width: right - left, height: tall }, style: { fill: colour(block.looks[look]) } };
  };
  const draw = () => {
    if (!canvas.clientWidth) return;
    chart.resize();
    swatches.forEach((swatch, at) => { swatch.style.background = colour(block.looks[at]); });
    const options = rung.common(block, canvas.clientWidth < 600);
    const words = Math.max(...block.rows.map((name) => name.length));
    options.grid = { left: 20 + 6.6 * words, right: 20, top: 8, bottom: 84 };
    options.legend = undefined;
    options.tooltip.formatter = (at) => rung.tip(block.words[block.spans[at.dataIndex][4]] + `\n${rung.digits(block.spans[at.dataIndex][2], 7)} to ${rung.digits(block.spans[at.dataIndex][3], 7)} ${block.unit}`);
    options.xAxis = rung.axis({ name: block.unit, form: "number", log: 0 }, { min: begin, max: end, nameGap: 26, axisLabel: { color: rung.css("--pale"), hideOverlap: true, formatter: (value) => rung.digits(value, 6) } });
    options.yAxis = { type: "category", data: block.rows, inverse: true, axisTick: { show: false }, axisLine: { show: false }, axisLabel: { color: rung.ink() }, splitLine: { show: false } };
    options.dataZoom = [
      { type: "inside", filterMode: "weakFilter", minSpan: 1e-4, start: window_.start, end: window_.end, zoomOnMouseWheel: "ctrl" },
      { type: "slider", filterMode: "weakFilter", minSpan: 1e-4, height: 22, bottom: 8, showDataShadow: false, labelFormatter: (value) => rung.digits(value, 5), textStyle: { color: rung.css("--pale") }, borderColor: rung.css("--line"), start: window_.start, end: window_.end },
    ];
    options.series = [{
      type: "custom", renderItem: pixel, clip: true, progressive: 0, encode: { x: [1, 2], y: 0 }, dimensions: ["row", "begin", "end"],
      data: block.spans.map(([row, , from, to]) => [row, from, to]),
    }];
    chart.setOption(options, true);
  };
  draw();
  canvas.dataset.zoom = "0.00 100.00";
  return draw;
};
