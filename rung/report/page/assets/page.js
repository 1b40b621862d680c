"use strict";
// Puts everything where it belongs, and again when the theme or the width changes.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const root = document.documentElement, button = document.getElementById("theme");
  const asked = window.matchMedia("(prefers-color-scheme: dark)");
  const drawn = [];

  const use = (dark) => {
    root.dataset.theme = dark ? "dark" : "light";
    button.textContent = dark ? "Light" : "Dark";
    for (const draw of drawn) draw();
  };
  button.addEventListener("click", () => use(!rung.dark()));
  asked.addEventListener("change", (event) => use(event.matches));
  root.dataset.theme = asked.matches ? "dark" : "light";
  button.textContent = asked.matches ? "Light" : "Dark";

  for (const figure of document.querySelectorAll("figure[data-block]")) {
    const block = data[Number(figure.dataset.block)], place = figure.querySelector(".drawn");
    if (block.kind === "listing") { rung.listing(block, place); continue; }
    if (block.kind === "timeline") { drawn.push(rung.timeline(block, place)); continue; }
    if (block.lying) place.style.height = `${110 + 26 * block.categories.length * (block.stacked ? 1 : block.series.length)}px`;
    const chart = echarts.init(place, null, { renderer: "svg" });
    const draw = () => { if (!place.clientWidth) return; chart.resize(); chart.setOption(rung[block.kind](block, place.clientWidth), true); };
    rung.charts.push(chart);
    drawn.push(draw);
    draw();
  }
  // What is folded has no width before it is opened, for a reader, for a link to it, or for paper.
  for (const folded of document.querySelectorAll("details")) folded.addEventListener("toggle", () => drawn.forEach((draw) => draw()));
  const open = () => document.getElementById(location.hash.slice(1))?.querySelector("details")?.setAttribute("open", "");
  addEventListener("hashchange", open);
  open();
  rung.tables();
  for (const box of document.querySelectorAll(".rerun")) {
    const copy = rung.element("button", { type: "button" }, "Copy");
    copy.addEventListener("click", async () => {
      try { await navigator.clipboard.writeText(box.querySelector("code").textContent); copy.textContent = "Copied"; }
      catch { getSelection().selectAllChildren(box.querySelector("code")); }
    });
    box.append(copy);
  }
  let waiting = 0, width = innerWidth;
  addEventListener("resize", () => {
    if (innerWidth === width) return;
    width = innerWidth;
    cancelAnimationFrame(waiting);
    waiting = requestAnimationFrame(() => drawn.forEach((draw) => draw()));
  });
  addEventListener("beforeprint", () => {
    for (const folded of document.querySelectorAll("details")) folded.open = true;
    drawn.forEach((draw) => draw());
    if (rung.dark()) { use(false); addEventListener("afterprint", () => use(true), { once: true }); }
  });
})();
