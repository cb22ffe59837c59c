"use strict";
// The page of a design: width against money with a slider, the runs on the plane, the usual grids.
function designPage(data) {
  const finite = (list) => list.map((one) => (one === null ? Infinity : one));
  const cost = data.curve.cost, widths = finite(data.curve.width), counts = data.curve.runs;
  const slider = document.getElementById("money");
  slider.min = Math.log(cost[0]); slider.max = Math.log(cost[cost.length - 1]);
  const start = Number(stateInAddress().get("money"));
  slider.value = Math.log(start > 0 ? start : data.budget);
  const said = (width) => (!Number.isFinite(width) ? "not known"
    : data.relative ? `+${digits(100 * width, 3)} %` : `\u00b1 ${digits(width, 3)}`);
  function widthAt(money) {
    let k = cost.findIndex((one) => one >= money);
    if (k < 0) k = cost.length - 1;
    if (k === 0 || !Number.isFinite(widths[k - 1])) return [widths[k], counts[k]];
    const share = Math.log(money / cost[k - 1]) / Math.log(cost[k] / cost[k - 1]);
    return [Math.exp((1 - share) * Math.log(widths[k - 1]) + share * Math.log(widths[k])), counts[k]];
  }
  const zip = (columns) => {
    const header = Object.keys(columns);
    return { header, rows: columns[header[0]].map((_, k) => header.map((name) =>
      (columns[name][k] === null ? Infinity : columns[name][k]))) };
  };
  function draw() {
    const money = Math.exp(slider.value), [width, count] = widthAt(money);
    slider.setAttribute("aria-valuetext", `${short(money)} ${data.unit}`);
    replace("promise", figure(money), ` ${data.unit} buys ${count} runs and ${data.target} to ${said(width)}.`);
    keepState([["money", String(Number(money.toPrecision(4)))]]);
    chart(document.getElementById("widths"), "widths", { title: "Expected width against money",
      x: { label: data.unit, log: true }, y: { label: data.relative ? "half width, share" : "half width",
        log: true }, series: [
        { kind: "line", x: cost, y: widths.map((one) => (Number.isFinite(one) ? one : NaN)),
          label: "best runs", text: (k) => `${short(cost[k])} ${data.unit}, ${counts[k]} runs: ${said(widths[k])}` },
        { kind: "points", class: "best", size: 5, x: [money], y: [width], label: "this money",
          text: () => `${short(money)} ${data.unit}: ${said(width)}` }] });
  }
  if (data.inputs.includes("N") && data.inputs.includes("D")) {
    const named = (k) => `N ${short(data.runs.N[k])}, D ${short(data.runs.D[k])}, ${data.runs.count[k]} of it`;
    const series = data.before.N && data.before.N.length ? [{ kind: "points", class: "run",
      x: data.before.N, y: data.before.D, label: "runs so far",
      text: (k) => `so far: N ${short(data.before.N[k])}, D ${short(data.before.D[k])}` }] : [];
    series.push({ kind: "points", class: "best", size: 5, x: data.runs.N, y: data.runs.D,
      label: "runs to train", text: named });
    chart(document.getElementById("plane"), "plane", { title: "Runs to train",
      x: { label: "parameters N", log: true }, y: { label: "tokens D", log: true }, series });
  }
  for (const [id, caption] of [["runs", "Runs to train"], ["scores", "For the same money"]]) {
    const { header, rows } = zip(data[id]);
    if (rows.length > (id === "scores" ? 1 : 0)) replace(id, scrolling(caption,
      table(caption, header, rows, true)), downloads(id, () => ({ header, rows })));
  }
  slider.addEventListener("input", draw);
  let size = 0;
  new ResizeObserver(() => {
    const now = document.getElementById("answer").clientWidth;
    if (Math.abs(now - size) > 8) { size = now; draw(); }
  }).observe(document.getElementById("answer"));
  draw();
  document.documentElement.dataset.ready = "yes";
}
