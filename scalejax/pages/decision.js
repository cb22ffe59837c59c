"use strict";
// The page of a decision: controls, the sentence, the numbers, three pictures.
function decisionPage(data, arithmetic) {
  const names = Object.keys(data.law.parameters), width = names.length;
  const p = Float64Array.from(names.map((name) => data.law.parameters[name]));
  const draws = new Float64Array(data.count * width);
  data.draws.forEach((column, k) => numbers(column, data.count)
    .forEach((value, i) => { draws[i * width + k] = value; }));
  const solver = Solver(arithmetic, data.ranges);
  const place = Object.fromEntries(data.paths.map((path, k) => [path, k]));
  const base = Float64Array.from(data.values, (one) => (one === null ? Infinity : one));
  const unit = data.unit ? ` ${data.unit}` : "";

  // The controls: a slider and a text for each number, a list for the accelerator.
  const state = new Map(data.fields.map((field) => [field.key,
    field.value === null ? "" : written(field.value)]));
  state.set("hardware", data.chosen || "");
  state.set("format", data.format);
  const first = new Map(state);
  for (const [name, value] of stateInAddress()) if (state.has(name)) state.set(name, value);
  const inputs = new Map();
  function control(field) {
    const on = (value) => Math.log(value), id = `f-${field.key}`;
    const text = element("input", { id, type: "text", inputmode: "decimal", autocomplete: "off",
      spellcheck: "false", "aria-describedby": `${id}-note` });
    const slider = element("input", { type: "range", min: on(field.low), max: on(field.high),
      step: "any", "aria-label": field.label });
    const note = element("span", { id: `${id}-note`, class: "note" });
    const show = () => {
      const written = state.get(field.key), value = parsed(written);
      const fine = written === "" || value > 0;
      text.setAttribute("aria-invalid", String(!fine));
      slider.setAttribute("aria-valuetext", written === "" ? "no limit" : short(value));
      note.textContent = !fine ? "not a number: 1e24, 70B, 5M" : written === "" ? "none"
        : short(value);
      if (value > 0) slider.value = on(value);
      else slider.value = on(field.low) + (on(field.high) - on(field.low)) / 2;
      slider.classList.toggle("open", !(value > 0));
    };
    text.addEventListener("input", () => { state.set(field.key, text.value.trim()); show(); later(); });
    slider.addEventListener("input", () => {
      state.set(field.key, written(Number(Math.exp(slider.value).toPrecision(3))));
      text.value = state.get(field.key); show(); later();
    });
    const reset = () => { text.value = state.get(field.key); show(); };
    inputs.set(field.key, reset);
    reset();
    return element("div", { class: "field" }, element("label", { for: id }, field.label),
      element("div", { class: "pair" }, text, slider), note);
  }
  function list(key, label, options) {
    const select = element("select", { id: `f-${key}`, change: () => {
      state.set(key, select.value); later(); } },
      ...options.map(([value, text]) => element("option", { value }, text)));
    inputs.set(key, () => { select.value = state.get(key); });
    inputs.get(key)();
    return element("div", { class: "field" }, element("label", { for: `f-${key}` }, label), select);
  }
  const goals = data.fields.filter((one) => ["target_loss", "as_good_as"].includes(one.key));
  const plain = data.fields.filter((one) => !one.more && !goals.includes(one));
  const machines = [["", "none"], ...data.hardware.map((one) => [one.name, one.name])];
  replace("controls",
    ...plain.slice(0, 2).map(control), list("hardware", "accelerator", machines),
    ...plain.slice(2).map(control),
    ...(Object.keys(data.formats).length
      ? [list("format", "format of training", Object.keys(data.formats).map((one) => [one, one]))]
      : []),
    element("details", {}, element("summary", {}, "a loss to reach, as cheaply as possible"),
      ...goals.map(control)),
    element("details", {}, element("summary", {}, "more limits and prices"),
      ...data.fields.filter((one) => one.more).map(control)),
    element("button", { type: "button", click: () => {
      first.forEach((value, name) => state.set(name, value));
      inputs.forEach((reset) => reset()); later(); } }, "back to the plan\u2019s question"));

  // The question: the numbers in the order of the arithmetic, and what is asked.
  const value = (key) => (state.has(key) ? parsed(state.get(key)) : NaN);
  function question() {
    const q = base.slice(), limits = [];
    const set = (path, number) => { if (path in place) q[place[path]] = number; };
    const machine = data.hardware.find((one) => one.name === state.get("hardware"));
    const served = value("served_tokens") || 0;
    set("demand.input", served * (1 - data.share));
    set("demand.output", served * data.share);
    for (const field of data.fields) {
      const number = value(field.key);
      if (field.path && number > 0) set(field.path, number);
      if (field.path === "fixed.U" && !(number > 0)) set(field.path, Infinity);
      if (field.limit && number > 0) limits.push([field.limit, number]);
    }
    const format = state.get("format");
    if (format in data.formats) set("fixed.bits", data.formats[format]);
    const peaks = machine ? machine.peaks : {};
    const rent = value("usd_per_hour") > 0 ? value("usd_per_hour") : machine && machine.usd;
    set("training.peak", peaks[format] || NaN);
    set("training.usd_per_hour", rent || NaN);
    if (!data.apart || !machine) {
      set("serving.peak", peaks[format] || peaks.bf16 || NaN);
      set("serving.usd_per_hour", rent || NaN);
      set("serving.bandwidth", (machine && machine.bandwidth) || NaN);
    }
    const ask = { limits };
    if (data.size) ask.N = [data.size, data.size];
    if (value("target_loss") > 0) ask.target = value("target_loss");
    if (value("as_good_as") > 0) ask.asGoodAs = value("as_good_as");
    const quality = ask.target !== undefined || ask.asGoodAs !== undefined;
    if (quality) ask.cost = rent && machine ? "dollars" : "compute with serving";
    return { q, ask, machine, rent, served, quality, wrong: wrong(limits, machine, rent, quality) };
  }
  function wrong(limits, machine, rent, quality) {
    const has = (name) => limits.some(([one]) => one === name);
    const odd = data.fields.find((one) => state.get(one.key) && !(value(one.key) > 0));
    if (odd) return `${odd.label}: not a number above zero.`;
    if (value("target_loss") > 0 && value("as_good_as") > 0) {
      return "Give a loss to reach or a compute to be as good as, not both.";
    }
    if (has("dollars") && !machine) return "Dollars need an accelerator: choose one.";
    if (has("dollars") && !rent) return "Dollars need a price: give dollars an hour.";
    if (has("days") && !machine) return "Days need an accelerator: choose one.";
    if (has("time per token") && !(machine && machine.bandwidth)) {
      return "Seconds a token need an accelerator of known bandwidth: choose one.";
    }
    if (!quality && !["compute with serving", "dollars", "days"].some(has)) {
      return "Nothing limits the plan: give compute, dollars, days, or a loss to reach.";
    }
    return "";
  }

  // The answer, for the estimate and for every draw.
  function answered(asked) {
    const { q, ask } = asked;
    const best = solver.best(q, p, 0, ask);
    const every = [], sizes = solver.grid(q, p, 0, ask);
    for (let i = 0; i < data.count; i++) every.push(solver.best(q, draws, i * width, ask, sizes));
    return { best, every };
  }
  const spread = (every, of) => interval(every.map((one, i) => (one.found ? of(one, i * width) : NaN)),
    data.level);
  const wide = ([low, high]) => Number.isFinite(low) && high > data.wide * Math.max(low, 0);
  const span = ([low, high]) => (Number.isFinite(low) ? `${short(low)} to ${short(high)}` : "");

  function sentence(asked, { best, every }) {
    if (asked.wrong) return asked.wrong;
    if (!best.found) {
      const why = best.why === "loss" ? "no size reaches the loss within the limits"
        : `${best.why} leaves no room for any model`;
      return `No plan: ${why}.`;
    }
    const loss = `loss ${digits(best.loss, 5)}${unit}`;
    const money = Number.isFinite(cost(asked, best, "dollars"))
      ? `, ${short(cost(asked, best, "dollars"))} dollars` : "";
    const sizes = spread(every, (one) => one.N), tokens = spread(every, (one) => one.D);
    const guess = `${short(best.N)} parameters, ${short(best.D)} tokens`;
    if (wide(sizes)) {
      return `Train ${span(sizes)} parameters: the runs do not say more (best guess ${guess}: ${loss}${money}).`;
    }
    if (wide(tokens)) {
      return `Train ${short(best.N)} parameters on ${span(tokens)} tokens: the runs do not say more (${loss}${money}).`;
    }
    const ends = data.count ? ` (${span(sizes)})` : "";
    const alone = data.count ? "" : " There is no interval: " + (data.runs
      ? "the runs do not give one." : "a published set has no draws.");
    return `Train ${short(best.N)} parameters${ends} on ${short(best.D)} tokens: ${loss}${money}.${alone}`;
  }
  const cost = ({ q }, { N, D }, name, r = q) => solver.cost(name, N, D, r, p, 0);
  function unserved(q) {
    const r = q.slice();
    for (const path of ["demand.input", "demand.output"]) if (path in place) r[place[path]] = 0;
    return r;
  }
  function table1(asked, { best, every }) {
    const { q } = asked, rest = unserved(q), costs = solver.costs;
    const rows = [["parameters N", "", (one) => one.N], ["tokens D", "", (one) => one.D],
      ["D/N", "", (one) => one.D / one.N], ["loss", data.unit, (one) => one.loss]];
    if (costs.epochs && Number.isFinite(q[place["fixed.U"]])) {
      rows.push(["epochs", "", (one, o, s) => costs.epochs(one.N, one.D, q, s, o)[0]]);
    }
    const add = (label, name, unit, r, less) => rows.push([label, unit, (one, o, s) =>
      costs[name](one.N, one.D, r, s, o)[0] - (less ? costs[name](one.N, one.D, less, s, o)[0] : 0)]);
    add("training", "compute with serving", "FLOP", rest);
    if (asked.served) add("serving", "compute with serving", "FLOP", q, rest);
    if (asked.machine) {
      add("training", "GPU-hours", "GPU-hours", q);
      if (value("gpus") > 0) add("training", "days", "days", q);
    }
    if (asked.machine && asked.rent) {
      add("training", "dollars", "dollars", rest);
      if (asked.served) add("serving", "dollars", "dollars", q, rest);
    }
    add("weights when served", "weights", "bytes", q);
    if (asked.machine && asked.machine.bandwidth) add("one token, one user", "time per token", "s", q);
    const body = rows.map(([label, unit, of]) => {
      const [low, high] = spread(every, (one, o) => of(one, o, draws));
      const loose = wide([low, high]) && label !== "loss";
      const cells = [unit ? `${label}, ${unit}` : label, loose ? "\u2013" : of(best, 0, p)];
      return data.count ? [...cells, low, high] : cells;
    });
    const header = data.count ? ["number", "estimate", `${100 * data.level} % from`, "to"] : ["number", "estimate"];
    return scrolling("numbers", table("The model", header, body),
      downloads("numbers", () => ({ header, rows: body })));
  }
  function split(asked, { best }) {
    if (!asked.served) return [];
    const rest = unserved(asked.q);
    const kinds = [["FLOP", "compute with serving"]];
    if (asked.machine && asked.rent) kinds.push(["dollars", "dollars"]);
    return kinds.map(([unit, name]) => {
      const whole = cost(asked, best, name), training = cost(asked, best, name, rest);
      const share = training / whole, text = `${unit}: ${digits(100 * share, 3)} % training `
        + `(${short(training)}), ${digits(100 - 100 * share, 3)} % serving (${short(whole - training)})`;
      const bar = shape("svg", { viewBox: "0 0 100 6", preserveAspectRatio: "none", class: "bar",
        role: "img", "aria-label": text },
        shape("rect", { x: 0, y: 0, width: 100 * share, height: 6, class: "first" }),
        shape("rect", { x: 100 * share, y: 0, width: 100 - 100 * share, height: 6, class: "second" }));
      return element("div", { class: "split" }, bar, element("p", {}, text));
    });
  }
  function holds(asked, { best }) {
    return asked.ask.limits.map(([name, limit]) => {
      const now = cost(asked, best, name), near = now / limit > 1 - 1e-9;
      const units = data.units[name] || "";
      let text = `${name}: ${short(now)} of ${short(limit)} ${units}`;
      if (near) {
        const more = asked.ask.limits.map(([n, l]) => [n, n === name ? 1.01 * l : l]);
        const better = solver.best(asked.q, p, 0, { ...asked.ask, limits: more });
        const change = 100 * (better.goal / best.goal - 1);
        text += ` binds; 1 % more of it changes ${asked.quality ? "the cost" : "the loss"} by `
          + `${digits(change, 2)} %`;
      } else text += " has room";
      return element("li", {}, text);
    });
  }
  // Round sizes about the best one: what each costs, if a draw is the truth and D follows.
  const ROUND = [1, 1.3, 2, 3, 4, 5, 7, 8];
  function rounds(asked, { best, every }) {
    const sizes = [];
    const decade = Math.floor(Math.log10(best.N));
    for (const k of [decade - 1, decade, decade + 1]) for (const r of ROUND) sizes.push(r * 10 ** k);
    const near = sizes.sort((a, b) => Math.abs(Math.log(a / best.N)) - Math.abs(Math.log(b / best.N)))
      .slice(0, 7).sort((a, b) => a - b);
    const rooms = new Map(near.map((N) => [N, solver.room(N, asked.q, p, 0, asked.ask)]));
    const goal = (N, q, s, o, ask) =>
      solver.at(Math.log(N), q, s, o, solver.asked(q, s, o, ask), rooms.get(N)).goal;
    const mean = (list) => list.reduce((a, b) => a + b, 0) / list.length;
    const rows = near.map((N) => {
      const own = 100 * (goal(N, asked.q, p, 0, asked.ask) / best.goal - 1);
      const row = [N, own < Infinity ? Math.max(own, 0) : "no room"];
      if (!data.count) return row;
      const over = every.map((one, i) => (one.found
        ? Math.max(0, 100 * (goal(N, asked.q, draws, i * width, asked.ask) / one.goal - 1)) : NaN))
        .filter((x) => !Number.isNaN(x)).sort((a, b) => a - b);
      const lost = over.filter((x) => x === Infinity).length / over.length;
      if (lost) return [...row, `no room in ${digits(100 * lost, 2)} %`, ""];
      return [...row, mean(over), mean(over.slice(Math.floor(0.9 * over.length)))];
    });
    const what = asked.quality ? "cost" : "loss";
    const header = ["parameters N", `${what} above the best, %`,
      ...(data.count ? ["mean over draws, %", "worst tenth, %"] : [])];
    const shown = rows.map(([N, ...more]) => [figure(N), ...more]);
    return scrolling("round sizes", table("Round sizes, the tokens adapted", header, shown),
      downloads("sizes", () => ({ header, rows })));
  }
  function farOut(best) {
    let most = 0;
    const at = { N: best.N, D: best.D, C: solver.cost("training compute", best.N, best.D,
      base, p, 0) };
    for (const [name, [low, high]] of Object.entries(data.ends)) {
      if (name in at) most = Math.max(most, Math.log10(at[name] / high), Math.log10(low / at[name]));
    }
    return most;
  }

  // Pictures.
  const line = (from, to, count) => Array.from({ length: count },
    (_, k) => Math.exp(Math.log(from) + (Math.log(to) - Math.log(from)) * k / (count - 1)));
  function isoflop(asked, { best, every }) {
    const { q, ask } = asked, own = solver.asked(q, p, 0, ask);
    let xs = line(best.N / 12, best.N * 12, 61);
    xs = xs.filter((N) => solver.at(Math.log(N), q, p, 0, own).goal < Infinity);
    const y = [], low = [], high = [];
    for (const N of xs) {
      const room = solver.room(N, q, p, 0, own);
      const goal = solver.at(Math.log(N), q, p, 0, own, room).goal;
      y.push(goal < Infinity ? goal : NaN);
      if (!data.count) continue;
      const all = [];
      for (let i = 0; i < Math.min(data.count, 400); i++) {
        all.push(asked.quality && ask.asGoodAs !== undefined ? NaN
          : solver.at(Math.log(N), q, draws, i * width, ask, room).goal);
      }
      const [a, b] = interval(all, data.level);
      low.push(a); high.push(b);
    }
    const what = asked.quality ? `${ask.cost}, at the loss` : `loss${unit && `,${unit}`}`;
    const sizes = spread(every, (one) => one.N);
    const series = [];
    if (low.some(Number.isFinite)) series.push({ kind: "band", x: xs, low, high,
      label: `${100 * data.level} % of the draws` });
    series.push({ kind: "line", x: xs, y, label: "the law",
      text: (k) => `N ${short(xs[k])}: ${digits(y[k], 5)}` });
    if (Number.isFinite(sizes[0])) series.push({ kind: "upright", class: "end", x: [sizes[0]], y: [NaN] },
      { kind: "upright", class: "end", x: [sizes[1]], y: [NaN], label: "ends of the best N" });
    series.push({ kind: "points", class: "best", size: 5, x: [best.N], y: [best.goal],
      label: "best", text: () => `best: N ${short(best.N)}, D ${short(best.D)}, ${digits(best.goal, 5)}` });
    chart(document.getElementById("isoflop"), "isoflop", {
      title: asked.quality ? "What each size costs at the loss" : "Loss of each size within the limits",
      x: { label: "parameters N", log: true }, y: { label: what, log: asked.quality }, series });
  }
  function moving(asked) {
    const budgets = ["dollars", "compute with serving", "days"];
    return asked.ask.limits.find(([name]) => budgets.includes(name));
  }
  function path(asked, s, o, scale) {
    const main = moving(asked);
    if (!main || asked.quality) return null;
    const limits = asked.ask.limits.map(([n, l]) => [n, n === main[0] ? l * scale : l]);
    return solver.best(asked.q, s, o, { ...asked.ask, limits });
  }
  let run = 0;
  function frontier(asked, { best }) {
    const compute = (one) => solver.cost("training compute", one.N, one.D, asked.q, p, 0);
    const smallest = data.runs ? data.runs.C.reduce((a, b) => Math.min(a, b)) : Infinity;
    const scales = line(Math.min(1e-3, smallest / compute(best)), 100, 31), mine = ++run;
    const estimates = scales.map((scale) => path(asked, p, 0, scale));
    const host = document.getElementById("frontier"), plane = document.getElementById("plane");
    if (estimates[0] === null) { host.replaceChildren(); plane.replaceChildren(); return; }
    // Farther up than the worst run nothing is to be seen but the curve itself.
    const top = data.runs ? 1.1 * data.runs.loss.reduce((a, b) => Math.max(a, b)) : Infinity;
    const kept = estimates.filter((one) => one.found && one.loss < Math.max(top, best.loss * 1.3));
    const x = kept.map(compute), y = kept.map((one) => one.loss);
    const shown = (band) => {
      const series = band ? [{ kind: "band", x, ...band,
        label: `${100 * data.level} % of ${bandDraws} draws` }] : [];
      if (data.runs) series.push({ kind: "points", class: "run", x: data.runs.C, y: data.runs.loss,
        names: data.runs.names, label: "runs",
        text: (k) => `${data.runs.names[k]}: C ${short(data.runs.C[k])}, loss ${digits(data.runs.loss[k], 5)}` });
      series.push({ kind: "line", x, y, label: "best loss of the law",
        text: (k) => `C ${short(x[k])}: N ${short(kept[k].N)}, D ${short(kept[k].D)}, loss ${digits(y[k], 5)}` },
      { kind: "points", class: "best", size: 5, x: [compute(best)], y: [best.loss], label: "plan",
        text: () => `plan: C ${short(compute(best))}, loss ${digits(best.loss, 5)}` });
      chart(host, "frontier", { title: "Loss against training compute",
        x: { label: "training compute, FLOP", log: true }, y: { label: `loss${unit && `,${unit}`}`, log: true },
        series });
    };
    const bandDraws = Math.min(data.count, 100);
    shown(null);
    const series = [];
    if (data.count) series.push({ kind: "points", class: "draw", size: 1.5, label: "best under each draw",
      x: asked.every.map((one) => one.N), y: asked.every.map((one) => one.D) });
    if (data.runs) series.push({ kind: "points", class: "run", x: data.runs.N, y: data.runs.D,
      names: data.runs.names, label: "runs",
      text: (k) => `${data.runs.names[k]}: N ${short(data.runs.N[k])}, D ${short(data.runs.D[k])}, loss ${digits(data.runs.loss[k], 5)}` });
    series.push({ kind: "line", x: kept.map((one) => one.N), y: kept.map((one) => one.D),
      label: "best of each budget",
      text: (k) => `N ${short(kept[k].N)}, D ${short(kept[k].D)}: loss ${digits(y[k], 5)}` },
    { kind: "points", class: "best", size: 5, x: [best.N], y: [best.D], label: "plan",
      text: () => `plan: N ${short(best.N)}, D ${short(best.D)}` });
    chart(plane, "plane", { title: "Sizes and tokens", x: { label: "parameters N", log: true },
      y: { label: "tokens D", log: true }, series });
    // The band takes longer than the rest: a budget at a time, so that a slider stays smooth.
    const low = [], high = [];
    const step = (k) => {
      if (mine !== run || !data.count) return;
      if (k === kept.length) { shown({ low, high }); return; }
      const scale = scales[estimates.indexOf(kept[k])], all = [];
      for (let i = 0; i < bandDraws; i++) all.push(path(asked, draws, i * width, scale).loss);
      const [a, b] = interval(all, data.level);
      low.push(a); high.push(b);
      setTimeout(step, 0, k + 1);
    };
    if (data.count) setTimeout(step, 120, 0);
  }

  let waiting = 0;
  function later() { cancelAnimationFrame(waiting); waiting = requestAnimationFrame(draw); }
  function draw() {
    const asked = question();
    const changed = [...state].filter(([name, text]) => text !== first.get(name));
    keepState(changed);
    const answer = asked.wrong ? { best: { found: false }, every: [] } : answered(asked);
    asked.every = answer.every;
    const same = changed.length === 0;
    replace("verdict-sentence", same ? data.headline : sentence(asked, answer));
    document.getElementById("answer").hidden = !answer.best.found;
    document.documentElement.dataset.ready = "yes";
    if (!answer.best.found) return;
    const far = farOut(answer.best), lost = answer.every.filter((one) => !one.found).length;
    const notes = [];
    if (Object.keys(data.ends).length) notes.push(far > 0.05
      ? `${digits(far, 2)} decades beyond the runs: the interval holds what they leave open about the law, not that the law may bend.`
      : "Inside the range of the runs.");
    if (lost) notes.push(`${lost} of ${data.count} draws have no answer and are left out.`);
    replace("notes", ...notes.map((text) => element("li", {}, text)), ...holds(asked, answer));
    replace("numbers", table1(asked, answer), ...split(asked, answer));
    replace("sizes", data.size ? "" : rounds(asked, answer));
    isoflop(asked, answer);
    frontier(asked, answer);
  }
  window.addEventListener("hashchange", () => {
    first.forEach((text, name) => state.set(name, text));
    for (const [name, text] of stateInAddress()) if (state.has(name)) state.set(name, text);
    inputs.forEach((reset) => reset()); later();
  });
  let size = 0;
  new ResizeObserver(() => {
    const now = document.getElementById("answer").clientWidth;
    if (now && Math.abs(now - size) > 8) { size = now; later(); }
  }).observe(document.getElementById("answer"));
  draw();
}
