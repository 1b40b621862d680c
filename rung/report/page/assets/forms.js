"use strict";
// Colours of both themes, and numbers at axes.
const rung = { charts: [] };

rung.dark = () => document.documentElement.dataset.theme === "dark";

// Okabe and Ito (2008), told apart by colour-blind readers; on dark ground a little lighter.
rung.palette = () => rung.dark()
  ? ["#56b4e9", "#e69f00", "#2fc494", "#ff8a4c", "#d99bbd", "#f0e442", "#7fa8ff"]
  : ["#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9", "#6a51a3"];

rung.colour = (number) => {
  if (number === -1) return rung.dark() ? "#9aa4af" : "#7f7f7f";
  if (number === -2) return rung.ink();
  const palette = rung.palette();
  return palette[number % palette.length];
};

rung.css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
rung.ink = () => rung.css("--ink");

rung.digits = (value, digits = 3) => Number(value.toPrecision(digits)).toLocaleString("en", { maximumSignificantDigits: digits });

rung.forms = {
  number: (value) => rung.digits(value),
  times: (value) => `${rung.digits(value)}x`,
  percent: (value) => `${rung.digits(value)}%`,
  cycles: (value) => value >= 1e6 ? `${rung.digits(value / 1e6)}M` : value >= 1e3 ? `${rung.digits(value / 1e3)}k` : rung.digits(value),
  count: (value) => value >= 1048576 ? `${rung.digits(value / 1048576)}M` : value >= 1024 ? `${rung.digits(value / 1024)}K` : rung.digits(value),
  seconds: (value) => {
    const unit = [[1, "s"], [1e-3, "ms"], [1e-6, "us"], [1e-9, "ns"]].find(([scale]) => Math.abs(value) >= scale) || [1e-9, "ns"];
    return value === 0 ? "0" : `${rung.digits(value / unit[0])} ${unit[1]}`;
  },
};

// An element with attributes; text is text, never markup.
rung.element = (name, attributes = {}, ...children) => {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
};

rung.escape = (text) => text.replace(/[&<>"]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[c]);
rung.tip = (text) => rung.escape(text).replace(/\n/g, "<br>");
