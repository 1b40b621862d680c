"use strict";
// Tables that are in the page already: sorted by their headers, filtered by words.
rung.tables = () => {
  for (const box of document.querySelectorAll("div.table")) {
    const table = box.querySelector("table");
    [...table.tHead.rows[0].cells].forEach((header, column) => rung.sortable(table, header, column));
    if (table.tBodies[0].rows.length > 3) rung.filterable(box, table);
  }
};

rung.sortable = (table, header, column) => {
  const cells = [...table.tBodies[0].rows].map((row) => row.cells[column]);
  if (cells.some((cell) => cell && cell.dataset.value !== undefined)) {
    for (const cell of [header, ...cells]) cell?.classList.add("number");
  }
  const button = rung.element("button", { type: "button", title: "sort" }, header.textContent);
  header.replaceChildren(button);
  button.addEventListener("click", () => {
    const down = header.getAttribute("aria-sort") === "ascending";
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    header.setAttribute("aria-sort", down ? "descending" : "ascending");
    const rows = [...table.tBodies[0].rows];
    rows.sort((a, b) => (down ? -1 : 1) * rung.order(a.cells[column], b.cells[column]));
    table.tBodies[0].append(...rows);
  });
};

// Numbers before words; what has no number comes last among numbers.
rung.order = (a, b) => {
  const [x, y] = [a.dataset.value, b.dataset.value];
  if (x !== undefined && y !== undefined) return Number(x) - Number(y);
  if (x !== undefined || y !== undefined) return x !== undefined ? -1 : 1;
  return a.textContent.localeCompare(b.textContent, "en", { numeric: true });
};

rung.filterable = (box, table) => {
  const rows = [...table.tBodies[0].rows];
  const input = rung.element("input", { type: "search", placeholder: "filter rows", "aria-label": `filter rows of ${table.caption.textContent}` });
  const shown = rung.element("span", { class: "dim", "aria-live": "polite" });
  input.addEventListener("input", () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    let left = 0;
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
      left += row.hidden ? 0 : 1;
    }
    shown.textContent = words.length ? `${left} of ${rows.length} rows` : "";
  });
  box.prepend(rung.element("div", { class: "filter" }, input, shown));
};
