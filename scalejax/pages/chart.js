"use strict";
// A picture as SVG: lines, bands, points with names, marks. It prints as lines, takes its colours
// from the style of the page, and reads out the nearest point to a pointer or the arrow keys.
function chart(host, name, spec) {
  const width = Math.max(280, Math.min(host.clientWidth || 640, 760));
  const height = spec.height || Math.round(Math.max(240, Math.min(360, width * 0.56)));
  const box = { left: spec.left || 58, right: 14, top: 10, bottom: 42 };
  const across = axis(spec.x, values(spec, "x"), box.left, width - box.right);
  const up = axis(spec.y, values(spec, "y"), height - box.bottom, box.top);
  const svg = shape("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img",
    tabindex: "0", "aria-label": `${spec.title}. Arrow keys read the points out.` });
  svg.append(shape("title", {}, spec.title), ...frame(across, up, spec, width, height, box));
  const clip = `clip-${name}`;
  svg.append(shape("clipPath", { id: clip }, shape("rect", { x: box.left, y: box.top,
    width: width - box.left - box.right, height: height - box.top - box.bottom })));
  const inside = shape("g", { "clip-path": `url(#${clip})` });
  svg.append(inside);
  const spots = [];
  for (const one of spec.series) drawn(one, across, up, inside, spots);
  const readout = element("p", { class: "readout", "aria-live": "polite" }, spec.hint || "\u00a0");
  const ring = shape("circle", { r: 6, class: "ring", visibility: "hidden" });
  svg.append(ring);
  let current = -1;
  const say = (k) => {
    current = k;
    const spot = spots[k];
    ring.setAttribute("cx", spot.x); ring.setAttribute("cy", spot.y);
    ring.setAttribute("visibility", "visible");
    readout.textContent = spot.text;
  };
  const nearest = (event) => {
    if (!spots.length) return;
    const frame = svg.getBoundingClientRect(), scale = width / frame.width;
    const x = (event.clientX - frame.left) * scale, y = (event.clientY - frame.top) * scale;
    let best = 0, least = Infinity;
    spots.forEach((spot, k) => {
      const away = (spot.x - x) ** 2 + (spot.y - y) ** 2 * (spot.named ? 1 : 4);
      if (away < least) { least = away; best = k; }
    });
    say(best);
  };
  svg.addEventListener("pointermove", nearest);
  svg.addEventListener("pointerdown", nearest);
  svg.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
    if (!step || !spots.length) return;
    say((current + step + spots.length) % spots.length);
    event.preventDefault();
  });
  const legend = element("ul", { class: "legend" }, ...spec.series.filter((one) => one.label)
    .map((one) => element("li", {}, key(one), one.label)));
  host.replaceChildren(element("h3", {}, spec.title), svg, legend,
    element("div", { class: "under" }, readout, downloads(name, () => flat(spec))));
}
function values(spec, way) {
  return spec.series.flatMap((one) => one.far ? [] : [
    ...(one[way] || []), ...(way === "y" ? [...(one.low || []), ...(one.high || [])] : []),
    ...(way === "x" ? [...(one.from || []), ...(one.to || [])] : [])]);
}
function axis(spec, all, from, to) {
  const kept = all.filter((value) => Number.isFinite(value) && (!spec.log || value > 0));
  let low = spec.low === undefined ? kept.reduce((a, b) => Math.min(a, b), Infinity) : spec.low;
  let high = spec.high === undefined ? kept.reduce((a, b) => Math.max(a, b), -Infinity) : spec.high;
  if (!(low < high)) { const middle = Number.isFinite(low) ? low : 1;
    low = spec.log ? middle / 2 : middle - 1; high = spec.log ? middle * 2 : middle + 1; }
  const on = spec.log ? Math.log : (value) => value;
  const pad = spec.low === undefined ? 0.04 * (on(high) - on(low)) : 0;
  const start = on(low) - pad, end = on(high) + pad;
  return { place: (value) => from + (on(value) - start) / (end - start) * (to - from),
    ticks: spec.names ? [] : spec.log ? decades(start, end) : steps(start, end) };
}
function decades(start, end) {
  const from = start / Math.LN10, to = end / Math.LN10, ticks = [];
  const fine = to - from < 1.6 ? [1, 2, 5] : [1], stride = Math.max(1, Math.ceil((to - from) / 6));
  for (let k = Math.floor(from); k <= to; k += 1) {
    if (((k % stride) + stride) % stride) continue;
    for (const part of fine) {
      const place = k + Math.log10(part);
      if (place >= from && place <= to) ticks.push(part * 10 ** k);
    }
  }
  return ticks.length > 1 ? ticks : steps(Math.exp(start), Math.exp(end));
}
function steps(start, end) {
  const rough = (end - start) / 5, unit = 10 ** Math.floor(Math.log10(rough));
  const step = unit * [1, 2, 5, 10].find((one) => one * unit >= rough), ticks = [];
  for (let k = Math.ceil(start / step); k * step <= end; k++) ticks.push(k * step);
  return ticks;
}
function frame(across, up, spec, width, height, box) {
  const parts = [];
  const foot = height - box.bottom;
  for (const tick of across.ticks) {
    const x = across.place(tick);
    parts.push(shape("line", { x1: x, x2: x, y1: box.top, y2: foot, class: "grid" }),
      shape("text", { x, y: foot + 15, "text-anchor": "middle" }, short(Number(tick.toPrecision(6)))));
  }
  for (const tick of up.ticks) {
    const y = up.place(tick);
    parts.push(shape("line", { x1: box.left, x2: width - box.right, y1: y, y2: y, class: "grid" }),
      shape("text", { x: box.left - 6, y: y + 4, "text-anchor": "end" },
        short(Number(tick.toPrecision(6)))));
  }
  (spec.y.names || []).forEach((label, k) => parts.push(shape("text", {
    x: box.left - 6, y: up.place(k) + 4, "text-anchor": "end" },
    label.length > 18 ? `${label.slice(0, 17)}\u2026` : label)));
  const middle = (box.top + foot) / 2;
  parts.push(shape("text", { x: (box.left + width - box.right) / 2, y: height - 6,
    "text-anchor": "middle", class: "name" }, spec.x.label));
  if (!spec.y.names) parts.push(shape("text", { x: 13, y: middle, "text-anchor": "middle",
    transform: `rotate(-90 13 ${middle})`, class: "name" }, spec.y.label));
  return parts;
}
function drawn(one, across, up, inside, spots) {
  const kind = `${one.kind} ${one.class || ""}`;
  const spot = (x, y, text, named) => {
    if (Number.isFinite(x) && Number.isFinite(y)) spots.push({ x, y, text, named });
  };
  if (one.kind === "band") {
    const kept = one.x.map((x, k) => [x, one.low[k], one.high[k]])
      .filter((row) => row.every(Number.isFinite));
    const there = kept.map(([x, , high]) => `${across.place(x)},${up.place(high)}`);
    const back = kept.map(([x, low]) => `${across.place(x)},${up.place(low)}`).reverse();
    inside.append(shape("polygon", { points: [...there, ...back].join(" "), class: kind }));
  } else if (one.kind === "line") {
    const path = one.x.map((x, k) => [across.place(x), up.place(one.y[k])])
      .filter(([x, y]) => Number.isFinite(x) && Number.isFinite(y));
    inside.append(shape("polyline", { points: path.map((pair) => pair.join(",")).join(" "),
      class: kind }));
    one.x.forEach((x, k) => spot(across.place(x), up.place(one.y[k]), one.text(k)));
  } else if (one.kind === "spans") {
    one.y.forEach((y, k) => {
      const place = up.place(y);
      if (Number.isFinite(one.from[k]) && Number.isFinite(one.to[k])) {
        inside.append(shape("line", { x1: across.place(one.from[k]), x2: across.place(one.to[k]),
          y1: place, y2: place, class: kind }));
      }
      inside.append(shape("circle", { cx: across.place(one.x[k]), cy: place, r: 3.5,
        class: `points ${one.class || ""}` }));
      spot(across.place(one.x[k]), place, one.text(k), true);
    });
  } else if (one.kind === "upright") {
    const x = across.place(one.x[0]);
    inside.append(shape("line", { x1: x, x2: x, y1: 0, y2: 2000, class: kind }));
  } else {
    one.x.forEach((value, k) => {
      const x = across.place(value), y = up.place(one.y[k]);
      if (!Number.isFinite(x) || !Number.isFinite(y)) return;
      inside.append(shape("circle", { cx: x, cy: y, r: one.size || 3, class: kind }));
      if (one.text) spot(x, y, one.text(k), true);
    });
  }
}
function key(one) {
  const svg = shape("svg", { width: 22, height: 12, "aria-hidden": "true" });
  const kind = `${one.kind} ${one.class || ""}`;
  if (one.kind === "band") svg.append(shape("rect", { x: 1, y: 1, width: 20, height: 10, class: kind }));
  else if (one.kind === "points") svg.append(shape("circle", { cx: 11, cy: 6, r: one.size || 3, class: kind }));
  else svg.append(shape("line", { x1: 1, x2: 21, y1: 6, y2: 6, class: kind }));
  return svg;
}
// The data of a picture, one row a point.
function flat(spec) {
  const header = ["series", "name", spec.x.label, spec.y.label, "low", "high"], rows = [];
  for (const one of spec.series) {
    const count = (one.x || []).length;
    for (let k = 0; k < count; k++) {
      const ends = one.kind === "spans" ? [one.from[k], one.to[k]]
        : one.low ? [one.low[k], one.high[k]] : [NaN, NaN];
      rows.push([one.label || one.kind, one.names ? one.names[k] : "", one.x[k],
        one.y ? one.y[k] : NaN, ...ends]);
    }
  }
  return { header, rows };
}
