"use strict";
// What every page shares: elements, numbers as people read and write them, tables, CSV, copying.
// Text goes into the page as text and never as markup, so that no name of a run can be code.
const SVG = "http://www.w3.org/2000/svg";
function element(tag, attributes, ...children) {
  return filled(document.createElement(tag), attributes, children);
}
function shape(tag, attributes, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}
function filled(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (typeof value === "function") node.addEventListener(name, value);
    else if (value !== null && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children);
  return node;
}
function replace(id, ...children) { document.getElementById(id).replaceChildren(...children); }

// Numbers: short to read, and what people type.
const SCALES = [[1e12, "T"], [1e9, "B"], [1e6, "M"], [1e3, "k"]];
function digits(value, count) {
  const kept = Number(value.toPrecision(count)), size = Math.abs(kept);
  const text = size >= 1e15 || (size > 0 && size < 1e-4) ? kept.toExponential() : String(kept);
  return text.replace("e+", "e").replace(/-/g, "\u2212");
}
function short(value) {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "\u2013" : "\u221e";
  const size = Math.abs(value);
  if (size >= 1e15 || size < 1e3) return digits(value, size < 1e3 ? 4 : 3);
  const [scale, letter] = SCALES.find(([scale]) => size >= 0.9995 * scale);
  return digits(value / scale, 3) + letter;
}
function parsed(text) {
  const match = /^\s*([0-9]*\.?[0-9]+(?:e[+-]?[0-9]+)?)\s*([kKmMbBgGtT]?)\s*$/i.exec(
    text.replace(/[,_$\s]/g, ""));
  if (!match) return NaN;
  const scale = { k: 1e3, m: 1e6, b: 1e9, g: 1e9, t: 1e12 }[match[2].toLowerCase()] || 1;
  return Number(match[1]) * scale;
}
// A number as it stands in a field: short where that loses nothing.
function written(value) {
  return parsed(short(value)) === value ? short(value) : String(value).replace("e+", "e");
}
// A number that is read short and copied in full.
function figure(value, text) {
  return element("data", { value: String(value), title: String(value) }, text || short(value));
}
document.addEventListener("copy", (event) => {
  const selection = document.getSelection();
  if (!selection.rangeCount || !event.clipboardData) return;
  const part = selection.getRangeAt(0).cloneContents();
  const figures = part.querySelectorAll("data");
  if (!figures.length) return;
  figures.forEach((one) => { one.textContent = one.getAttribute("value"); });
  part.querySelectorAll("td, th").forEach((cell) => cell.append("\t"));
  part.querySelectorAll("tr, p, li").forEach((row) => row.append("\n"));
  event.clipboardData.setData("text/plain", part.textContent.trim());
  event.preventDefault();
});

function quantile(sorted, share) {
  const place = share * (sorted.length - 1), k = Math.floor(place), rest = place - k;
  return rest ? sorted[k] + rest * (sorted[k + 1] - sorted[k]) : sorted[k];
}
function interval(values, level) {
  const sorted = Float64Array.from(values).filter(Number.isFinite).sort();
  if (!sorted.length) return [NaN, NaN];
  return [quantile(sorted, (1 - level) / 2), quantile(sorted, (1 + level) / 2)];
}
function numbers(column, count) {
  if (typeof column === "number") return new Float64Array(count).fill(column);
  const bytes = Uint8Array.from(atob(column), (letter) => letter.charCodeAt(0));
  return new Float64Array(bytes.buffer);
}

// Files: a table of which no cell can be taken for a formula.
function csv(header, rows) {
  const cell = (value) => {
    if (typeof value === "number") return Number.isFinite(value) ? String(value) : "";
    const text = String(value === null || value === undefined ? "" : value);
    const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
    return /[",\n\r]/.test(safe) ? `"${safe.replace(/"/g, '""')}"` : safe;
  };
  return [header, ...rows].map((row) => row.map(cell).join(",")).join("\r\n") + "\r\n";
}
function downloads(name, table) {
  return element("button", { type: "button", class: "small", click: () => {
    const { header, rows } = table();
    const address = URL.createObjectURL(new Blob([csv(header, rows)], { type: "text/csv" }));
    element("a", { href: address, download: `${name}.csv` }).click();
    setTimeout(() => URL.revokeObjectURL(address), 1000);
  } }, "data as CSV");
}

// A table whose columns sort at a click; `find` keeps the rows that have a text.
function table(caption, header, rows, sortable) {
  const body = element("tbody");
  let order = null;
  const cell = (value, k) => element(k ? "td" : "th", {
    scope: k ? null : "row", class: typeof value === "number" ? "number" : "text",
  }, typeof value === "number" ? figure(value) : value instanceof Node ? value : String(value));
  const draw = (find) => {
    const kept = rows.filter((row) => !find || row.some((one) =>
      String(one).toLowerCase().includes(find.toLowerCase())));
    if (order) {
      const [k, sign] = order;
      const key = (row) => row[k];
      kept.sort((a, b) => sign * (typeof key(a) === "number" && typeof key(b) === "number"
        ? (Number.isNaN(key(a)) ? 1 : Number.isNaN(key(b)) ? -1 : key(a) - key(b))
        : String(key(a)).localeCompare(String(key(b)))));
    }
    body.replaceChildren(...kept.map((row) => element("tr", {}, ...row.map(cell))));
  };
  const heads = header.map((name, k) => {
    if (!sortable) return element("th", { scope: "col" }, name);
    const head = element("th", { scope: "col" }, element("button", { type: "button", click: () => {
      order = [k, order && order[0] === k ? -order[1] : 1];
      heads.forEach((one) => one.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", order[1] > 0 ? "ascending" : "descending");
      draw(node.find);
    } }, name));
    return head;
  });
  const node = element("table", {}, element("caption", {}, caption),
    element("thead", {}, element("tr", {}, ...heads)), body);
  node.draw = (find) => { node.find = find; draw(find); };
  draw();
  return node;
}
function scrolling(name, ...children) {
  return element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": name },
    ...children);
}

// The state of the controls in the address, so that a link is an answer.
function stateInAddress() {
  return new Map(new URLSearchParams(location.hash.slice(1)));
}
function keepState(values) {
  const text = new URLSearchParams(values).toString();
  try { history.replaceState(null, "", `#${text}`); } catch { location.hash = text; }
}
