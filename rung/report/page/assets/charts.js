"use strict";
// Descriptions of charts (parts.py) -> options of ECharts.
rung.common = (block, narrow) => ({
  animation: false,
  aria: { enabled: true, label: { description: `${block.title}. ${block.caption}` } },
  backgroundColor: "transparent",
  textStyle: { fontFamily: "system-ui, sans-serif", color: rung.ink() },
  legend: {
    type: "plain", top: 0, left: 0, itemWidth: 22, itemHeight: 9, itemGap: narrow ? 8 : 14, icon: "roundRect",
    textStyle: { color: rung.ink(), fontSize: 12 }, inactiveColor: rung.css("--line"),
  },
  tooltip: {
    trigger: "item", confine: true, className: "tip", backgroundColor: rung.css("--raised"), borderColor: rung.css("--line"),
    textStyle: { color: rung.ink(), fontSize: 13 }, extraCssText: "max-width:min(90vw,32rem);white-space:normal",
    formatter: (at) => at.data && at.data.tip ? rung.tip(at.data.tip) : "",
  },
});

rung.axis = (axis, extra) => ({
  type: axis.log ? "log" : "value", logBase: axis.log || 10, scale: true, name: axis.name, nameLocation: "middle",
  nameTextStyle: { color: rung.css("--pale"), fontSize: 12 },
  axisLabel: { color: rung.css("--pale"), hideOverlap: true, formatter: rung.forms[axis.form] },
  axisLine: { lineStyle: { color: rung.css("--line") } }, axisTick: { show: false },
  splitLine: { lineStyle: { color: rung.css("--line"), opacity: 0.6 } }, minorTick: { show: false },
  ...extra,
});

// A logarithmic axis that ends near what is shown, with ticks enough.
rung.closely = (axis, values) => {
  axis.min = Math.min(...values) / 1.15;
  axis.max = Math.max(...values) * 1.15;
  if (axis.max / axis.min < 100) axis.logBase = 2;
  axis.axisLabel = { ...axis.axisLabel, showMinLabel: false, showMaxLabel: false };
};

// Lines of a legend that wraps, as far as that can be told from the words.
rung.legendHeight = (names, width) => {
  let lines = 1, used = 0;
  for (const name of names) {
    const need = 42 + 6.6 * name.length;
    if (used && used + need > width) { lines += 1; used = 0; }
    used += need;
  }
  return 22 * lines + 14;
};

rung.marks = (marks) => ({
  silent: true, symbol: "none", animation: false,
  data: marks.map((mark) => ({
    [mark.axis === "x" ? "xAxis" : "yAxis"]: mark.at,
    lineStyle: { color: rung.colour(mark.colour), type: mark.style, width: 1.3 },
    label: {
      show: Boolean(mark.label), formatter: mark.label, color: rung.colour(mark.colour), fontSize: 11,
      backgroundColor: rung.css("--ground"), padding: [1, 3], distance: 4,
      position: mark.axis === "x" ? "insideEndTop" : "insideEndTop",
    },
  })),
});

// Intervals as whiskers, in the units of the axes.
rung.whiskers = (name, points, colour, lying, offset) => ({
  type: "custom", name, silent: true, z: 5, itemStyle: { color: colour }, tooltip: { show: false }, clip: true,
  encode: lying ? { x: [1, 2], y: 0 } : { x: 0, y: [1, 2] },
  data: points,
  renderItem: (_, api) => {
    const at = (value) => lying ? api.coord([value, api.value(0)]) : api.coord([api.value(0), value]);
    const [a, b] = [at(api.value(1)), at(api.value(2))];
    const shift = offset ? offset(api) : 0, cap = 4, style = { stroke: colour, lineWidth: 1.4, fill: null };
    const line = (x1, y1, x2, y2) => ({ type: "line", shape: { x1, y1, x2, y2 }, style });
    if (lying) {
      const y = a[1] + shift;
      return { type: "group", children: [line(a[0], y, b[0], y), line(a[0], y - cap, a[0], y + cap), line(b[0], y - cap, b[0], y + cap)] };
    }
    const x = a[0] + shift;
    return { type: "group", children: [line(x, a[1], x, b[1]), line(x - cap, a[1], x + cap, a[1]), line(x - cap, b[1], x + cap, b[1])] };
  },
});

rung.symbols = ["circle", "rect", "triangle", "diamond", "roundRect", "pin"];

rung.chart = (block, width) => {
  const narrow = width < 600, names = block.series.map((each) => each.name);
  const options = rung.common(block, narrow), top = rung.legendHeight(names, width);
  options.legend.data = names;
  options.grid = { left: 62, right: 24, top, bottom: 52 };
  options.xAxis = rung.axis(block.x, { nameGap: 30, min: "dataMin", max: "dataMax" });
  options.yAxis = rung.axis(block.y, { nameGap: 46 });
  if (block.y.log) rung.closely(options.yAxis, block.series.flatMap((each) => each.points.flatMap((p) => [p.low ?? p.y, p.high ?? p.y])));
  options.series = block.series.flatMap((each, at) => rung.lines(each, at));
  if (block.loss_below !== null) {
    // The ground of losses, which reaches the edge of what is shown.
    const lowest = block.y.log ? 1e-9 : 0;
    options.series[0].markArea = {
      silent: true, itemStyle: { color: rung.colour(3), opacity: 0.09 },
      label: { show: true, position: "insideBottomRight", color: rung.colour(3), fontSize: 11 },
      data: [[{ yAxis: lowest, name: "loss" }, { yAxis: block.loss_below }]],
    };
  }
  if (block.marks.length) options.series[0].markLine = rung.marks(block.marks);
  return options;
};

rung.lines = (each, at) => {
  const colour = rung.colour(each.colour);
  if (each.style === "band") return rung.band(each, colour);
  const hollow = each.style === "hollow", loose = hollow || each.style === "points";
  const many = each.points.length > 60;
  const found = [{
    type: loose ? "scatter" : "line", name: each.name, z: 3, symbol: rung.symbols[at % 4], symbolSize: many ? 5 : 8, showSymbol: true,
    data: each.points.map((p) => ({ value: [p.x, p.y], tip: p.tip })),
    itemStyle: hollow ? { color: "transparent", borderColor: colour, borderWidth: 1.6 } : { color: colour },
    lineStyle: { color: colour, width: 1.8, type: each.style === "line" ? "solid" : each.style },
    emphasis: { scale: 1.4 },
  }];
  const whiskers = each.points.filter((p) => p.low !== null).map((p) => [p.x, p.low, p.high]);
  if (whiskers.length) found.push(rung.whiskers(each.name, whiskers, colour, false));
  return found;
};

rung.band = (each, colour) => [{
  type: "custom", name: each.name, silent: true, z: 1, itemStyle: { color: colour }, tooltip: { show: false }, clip: true,
  encode: { x: 0, y: [1, 2] },
  data: each.points.map((p) => [p.x, p.low, p.high]),
  renderItem: (item, api) => {
    if (item.dataIndex !== 0) return null;
    const low = each.points.map((p) => api.coord([p.x, p.low])), high = each.points.map((p) => api.coord([p.x, p.high]));
    return { type: "polygon", shape: { points: [...low, ...high.reverse()] }, style: { fill: colour, opacity: 0.18 } };
  },
}];

rung.bars = (block, width) => {
  const narrow = width < 600, several = block.series.length > 1, names = several ? block.series.map((each) => each.name) : [];
  const options = rung.common(block, narrow), top = several ? rung.legendHeight(names, width) : 22;
  options.legend.show = several;
  options.legend.data = names;
  const room = block.lying ? Math.min(width * 0.42, 14 + 6.4 * Math.max(...block.categories.map((name) => Math.max(...name.split("\n").map((line) => line.length))))) : 62;
  options.grid = { left: room, right: block.lying ? 56 : 16, top, bottom: block.lying ? 48 : 66 };
  const category = {
    type: "category", data: block.categories, inverse: block.lying, axisTick: { show: false },
    axisLine: { lineStyle: { color: rung.css("--line") } },
    axisLabel: {
      color: rung.ink(), interval: 0, fontSize: narrow ? 10 : 12, lineHeight: narrow ? 13 : 16, overflow: "break",
      width: block.lying ? room - 12 : Math.max(40, (width - 90) / block.categories.length - 6),
    },
  };
  const value = rung.axis(block.y, { nameGap: block.lying ? 28 : 46, scale: false });
  [options.xAxis, options.yAxis] = block.lying ? [value, category] : [category, value];
  // On a logarithmic axis bars grow from 1, up or down.
  if (block.y.log) {
    const all = block.series.flatMap((each) => each.bars).filter(Boolean).flatMap((bar) => [bar.low ?? bar.value, bar.high ?? bar.value, 1]);
    const low = Math.min(...all), high = Math.max(...all);
    value.min = low < 1 ? low / 1.15 : 1;
    value.max = Math.max(high * 1.35, 1.6);
    if (value.max / value.min < 100) value.logBase = 2;
    Object.assign(value.axisLabel, { showMinLabel: low >= 1, showMaxLabel: false });
  }
  options.series = block.series.flatMap((each, at) => rung.bar(block, each, at));
  if (block.marks.length) options.series[0].markLine = rung.marks(block.marks);
  return options;
};

rung.bar = (block, each, at) => {
  const count = block.stacked ? 1 : block.series.length;
  const colour = (position) => rung.colour(block.colours.length ? block.colours[position] : each.colour);
  const vertical = (p) => block.lying ? [p.value, p.at] : [p.at, p.value];
  const bars = each.bars.map((bar, position) => bar && { ...bar, at: position }).filter(Boolean);
  const span = (api, fraction) => Math.abs(api.size(block.lying ? [0, 1] : [1, 0])[block.lying ? 1 : 0]) * fraction;
  const shift = (api) => span(api, 0.72) * ((at + 0.5) / count - 0.5);
  if (block.stacked) {
    return [{
      type: "bar", name: each.name, stack: "all", barWidth: "62%", itemStyle: { color: rung.colour(each.colour) },
      data: each.bars.map((bar) => bar ? { value: bar.value, tip: bar.tip } : { value: 0 }),
    }];
  }
  const base = block.y.log ? 1 : 0;
  const found = [{
    type: "custom", name: each.name, itemStyle: { color: rung.colour(each.colour) }, z: 2,
    encode: block.lying ? { x: 0, y: 1 } : { x: 0, y: 1 },
    data: bars.map((bar) => ({ value: vertical(bar), tip: bar.tip, at: bar.at, high: bar.high, low: bar.low })),
    renderItem: (item, api) => {
      const bar = bars[item.dataIndex];
      const end = api.coord(vertical(bar)), start = api.coord(vertical({ ...bar, value: base }));
      const thick = span(api, 0.72) / count * 0.9, middle = (block.lying ? end[1] : end[0]) + shift(api);
      const shape = block.lying
        ? { x: Math.min(start[0], end[0]), y: middle - thick / 2, width: Math.abs(end[0] - start[0]), height: thick }
        : { x: middle - thick / 2, y: Math.min(start[1], end[1]), width: thick, height: Math.abs(end[1] - start[1]) };
      const top = api.coord(vertical({ ...bar, value: Math.max(bar.high ?? bar.value, base) }));
      const words = thick > 26 || block.lying ? rung.forms[block.y.form](bar.value) : "";
      const text = block.lying
        ? { x: Math.max(top[0], start[0]) + 6, y: middle, align: "left", verticalAlign: "middle" }
        : { x: middle, y: Math.min(top[1], start[1]) - 5, align: "center", verticalAlign: "bottom" };
      return {
        type: "group",
        children: [
          { type: "rect", shape, style: { fill: bar.tone === "bad" ? rung.colour(3) : colour(bar.at) }, emphasis: { style: { opacity: 0.85 } } },
          { type: "text", silent: true, style: { ...text, text: words, fill: rung.ink(), fontSize: 12, fontFamily: "system-ui, sans-serif" } },
        ],
      };
    },
  }];
  const whiskers = bars.filter((bar) => bar.low !== null).map((bar) => [bar.at, bar.low, bar.high]);
  if (whiskers.length) found.push({ ...rung.whiskers(each.name, whiskers, rung.ink(), block.lying, shift) });
  return found;
};
