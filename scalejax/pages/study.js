"use strict";
// The page of a study: one quantity over the families, errors, failures, and a table of all.
function studyPage(data) {
  const value = Object.fromEntries(Object.entries(data.numbers)
    .map(([name, column]) => [name, numbers(column, data.count)]));
  const name = (key, k) => data.names[key].names[data.names[key].codes[k]];
  const rows = Array.from({ length: data.count }, (_, k) => ({
    family: name("family", k), recipe: name("recipe", k), subset: name("subset", k),
    quantity: name("quantity", k), status: name("status", k),
    estimate: value.estimate[k], stderr: value.stderr[k], lo: value.lo[k], hi: value.hi[k] }));
  const state = { quantity: data.names.quantity.names.find((one) => one === "alpha")
    || data.names.quantity.names[0], recipe: data.names.recipe.names[0],
  subset: data.names.subset.names[0], order: "estimate", find: "" };
  for (const [key, text] of stateInAddress()) if (key in state) state[key] = text;
  const selects = Object.entries({ quantity: "number", recipe: "recipe", subset: "subset" })
    .filter(([key]) => data.names[key].names.length > 1)
    .map(([key, label]) => list(key, label, data.names[key].names));
  function list(key, label, options) {
    const select = element("select", { id: `f-${key}`, change: () => {
      state[key] = select.value; draw(); } },
    ...options.map((one) => element("option", { value: one }, one)));
    select.value = state[key];
    return element("div", { class: "field" }, element("label", { for: `f-${key}` }, label), select);
  }
  replace("controls", ...selects, list("order", "order", ["estimate", "family"]));
  const keys = ["family", "recipe", "subset", "quantity", "estimate", "stderr", "lo", "hi", "status"];
  const SHOWN = 500;
  const all = rows.map((row) => keys.map((key) => row[key]));
  const found = () => all.filter((row) => !state.find
    || row.some((one) => String(one).toLowerCase().includes(state.find.toLowerCase())));
  const box = document.getElementById("find");
  box.value = state.find;
  box.addEventListener("input", () => { state.find = box.value; laws(); remember(); });
  function laws() {
    const kept = found();
    replace("rows", kept.length > SHOWN ? `the first ${SHOWN} of ${kept.length} rows; the CSV has all`
      : `${kept.length} rows`);
    replace("laws", scrolling("all laws", table("Laws and their numbers", keys,
      kept.slice(0, SHOWN), true)), downloads("laws", () => ({ header: keys, rows: kept })));
  }
  const remember = () => keepState(Object.entries(state).filter(([, text]) => text));
  const percent = (text) => `${100 * data.level} % ${text}`;
  function draw() {
    const part = rows.filter((row) => row.quantity === state.quantity && row.recipe === state.recipe
      && row.subset === state.subset && Number.isFinite(row.estimate));
    part.sort((a, b) => (state.order === "family" ? b.family.localeCompare(a.family)
      : a.estimate - b.estimate));
    const whole = data.together.find((one) => one.quantity === state.quantity
      && one.recipe === state.recipe && one.subset === state.subset);
    const wide = 1.959963984540054;
    replace("together", ...(whole ? [`${state.quantity} over ${whole.families} families: `,
      figure(whole.mean), " (95 % ", figure(whole.mean - wide * whole.stderr), " to ",
      figure(whole.mean + wide * whole.stderr), "); between families tau ", figure(whole.tau),
      `, I\u00b2 ${digits(100 * whole.i2, 3)} % of what varies.`]
      : ["No two families have a standard error here: nothing is put together."]));
    const series = [{ kind: "spans", label: percent("of a family"), x: part.map((row) => row.estimate),
      y: part.map((_, k) => k), from: part.map((row) => row.lo), to: part.map((row) => row.hi),
      names: part.map((row) => row.family),
      text: (k) => `${part[k].family}: ${digits(part[k].estimate, 5)} `
        + `(${digits(part[k].lo, 4)} to ${digits(part[k].hi, 4)}), ${part[k].status}` }];
    if (whole) series.push({ kind: "upright", class: "whole", x: [whole.mean], y: [NaN],
      label: "together" });
    chart(document.getElementById("forest"), "forest", {
      title: `${state.quantity} of each family`, left: 140,
      height: Math.max(160, Math.min(40 + 18 * part.length, 1600)),
      x: { label: state.quantity }, y: { label: "family", low: -0.7, high: part.length - 0.3,
        names: part.length > 85 ? [] : part.map((row) => row.family) }, series });
    remember();
  }
  replace("errors", scrolling("errors", table("Median error on what was held out, by recipe",
    data.errors.header, data.errors.rows.map((row) => row.map((one) => (one === null ? NaN : one))),
    true)), downloads("errors", () => data.errors));
  if (data.failed.rows.length) {
    replace("failed", scrolling("failures", table("Failed, by name", data.failed.header,
      data.failed.rows, true)), downloads("failed", () => data.failed));
  }
  laws();
  draw();
  let size = 0;
  new ResizeObserver(() => {
    const now = document.getElementById("answer").clientWidth;
    if (Math.abs(now - size) > 8) { size = now; draw(); }
  }).observe(document.getElementById("answer"));
  document.documentElement.dataset.ready = "yes";
}
