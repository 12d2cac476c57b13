"use strict";
// What makes a page better that is readable without it: tables that sort, and long ones that unpack, filter and print whole.
document.documentElement.classList.add("has-script");

const STEP = 200; // rows of a long table that are drawn at once

const number = (text) => {
  const found = /^[^\d\-+]*([\-+]?[\d,]*\.?\d+(?:e[\-+]?\d+)?)/i.exec(text.trim());
  return found ? parseFloat(found[1].replaceAll(",", "")) : NaN;
};

function compare(one, other, numeric) {
  if (!numeric) return String(one).localeCompare(String(other), undefined, { numeric: true });
  const [a, b] = [one, other].map((value) => (typeof value === "number" ? value : number(String(value))));
  return Number.isNaN(a) ? (Number.isNaN(b) ? 0 : -1) : Number.isNaN(b) ? 1 : a - b;
}

// Heads become buttons; `sort(column, numeric, direction)` puts the rows in order.
function sortable(table, sort) {
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    if (!head.textContent.trim()) return;
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const numeric = head.classList.contains("n");
      const now = head.getAttribute("aria-sort");
      const direction = now ? (now === "ascending" ? -1 : 1) : numeric ? -1 : 1;
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", direction === 1 ? "ascending" : "descending");
      sort(column, numeric, direction);
    });
  });
}

for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  sortable(table, (column, numeric, direction) => {
    const rows = [...body.rows];
    rows.sort((a, b) => direction * compare(a.cells[column]?.textContent ?? "", b.cells[column]?.textContent ?? "", numeric));
    body.append(...rows);
  });
}

async function unpacked(text) {
  const bytes = Uint8Array.from(atob(text.trim()), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(stream).text());
}

// A long table: <table class="long" data-rows="id of the packed block" data-status="column">, its tools beside it.
async function long(table) {
  const { rows, pictures } = await unpacked(document.getElementById(table.dataset.rows).textContent);
  const body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells];
  const numeric = heads.map((head) => head.classList.contains("n"));
  const tools = document.querySelector(table.dataset.tools);
  const [wanted, status, told, more] = ["input", "select", ".told", ".more"].map((part) => tools.querySelector(part));
  const statusColumn = Number(table.dataset.status);
  let order = rows, shown = STEP;

  const cell = (value, column) => {
    const made = document.createElement("td");
    made.className = numeric[column] ? "n" : column === statusColumn ? String(value) : "file";
    made.textContent = Array.isArray(value) ? value[1] : value;
    return made;
  };
  const line = (row) => {
    const made = document.createElement("tr");
    made.append(...row.slice(0, heads.length).map(cell));
    const seen = pictures && pictures[row[0]];
    if (seen) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "button";
      button.setAttribute("aria-expanded", "false");
      button.textContent = `pictures (${seen.length})`;
      button.setAttribute("aria-label", `pictures of ${row[0]}`);
      button.addEventListener("click", () => toggle(made, button, row[0], seen));
      made.lastChild.append(" ", button);
    }
    return made;
  };
  const toggle = (row, button, name, seen) => {
    const open = button.getAttribute("aria-expanded") === "true";
    button.setAttribute("aria-expanded", String(!open));
    if (open) return row.nextSibling.remove();
    const under = document.createElement("tr");
    const place = under.insertCell();
    place.colSpan = heads.length;
    const box = document.createElement("div");
    box.className = "pictures";
    for (const [unit, source, found] of seen) {
      const figure = document.createElement("figure");
      const image = document.createElement("img");
      image.loading = "lazy";
      image.alt = `${table.dataset.unit} ${unit} of ${name}: ${found || "nothing found"}`;
      image.src = source;
      const caption = document.createElement("figcaption");
      caption.textContent = `${table.dataset.unit} ${unit}: ${found || "nothing found"}`;
      figure.append(image, caption);
      box.append(figure);
    }
    place.append(box);
    row.after(under);
  };
  const draw = () => {
    const words = wanted.value.toLowerCase().split(/\s+/).filter(Boolean);
    const kept = order.filter((row) => {
      if (status.value && row[statusColumn] !== status.value) return false;
      const text = row.map((value) => (Array.isArray(value) ? value[1] : value)).join(" ").toLowerCase();
      return words.every((word) => text.includes(word));
    });
    body.replaceChildren(...kept.slice(0, shown).map(line));
    const count = (number) => number.toLocaleString("en");
    const matching = kept.length < rows.length ? `${count(kept.length)} of ${count(rows.length)} match` : `${count(rows.length)} in all`;
    told.textContent = kept.length > shown ? `${matching}, ${count(shown)} shown` : matching;
    more.hidden = kept.length <= shown;
  };
  const plain = (value) => (Array.isArray(value) ? value[0] : value);
  sortable(table, (column, isNumeric, direction) => {
    order = [...rows].sort((a, b) => direction * compare(plain(a[column]), plain(b[column]), isNumeric));
    draw();
  });
  wanted.addEventListener("input", () => { shown = STEP; draw(); });
  status.addEventListener("change", () => { shown = STEP; draw(); });
  more.addEventListener("click", () => { shown += 5 * STEP; draw(); });
  let before = shown;
  addEventListener("beforeprint", () => { before = shown; shown = Infinity; draw(); });
  addEventListener("afterprint", () => { shown = before; draw(); });
  draw();
  table.dataset.ready = "yes";
}

for (const table of document.querySelectorAll("table.long")) {
  long(table).catch((error) => {
    table.insertAdjacentHTML("beforebegin", '<p class="bad">This browser cannot unpack all rows; below are the first, and all that failed.</p>');
    console.warn(error);
  });
}
