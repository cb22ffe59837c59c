"use strict";
// The best N and D of a question: one unknown, ln N, at the D that the limits leave.
// `arithmetic` has the law and the costs, each with its slopes in ln N and ln D, as they were
// written from the law itself. Costs are straight lines in D.
function Solver(arithmetic, ranges) {
  const { law, costs } = arithmetic;
  const SCAN = 48, HALVINGS = 60, STEPS = 60;
  const none = (why) => ({ found: false, N: NaN, D: NaN, loss: NaN, goal: NaN, why });

  // The most tokens that the limits leave for a size, and the limit that says so; NaN for none.
  function most(N, q, p, o, limits) {
    let D = ranges.D[1], by = null;
    for (const [name, limit] of limits) {
      const base = costs[name](N, 0, q, p, o)[0], rise = costs[name](N, 1, q, p, o)[2];
      const tokens = rise > 0 ? (limit - base) / rise : base <= limit ? Infinity : NaN;
      if (!(tokens >= ranges.D[0])) return { D: NaN, by: name };
      if (tokens < D) { D = tokens; by = name; }
    }
    return { D, by };
  }

  // A root in ln D between two ends where `f` has a sign change: Newton's steps, kept inside.
  function root(f, low, high) {
    let y = high;
    for (let k = 0; k < STEPS; k++) {
      const [value, slope] = f(y);
      if (value > 0) low = y; else high = y;
      const next = y - value / slope;
      const step = next > low && next < high ? next : (low + high) / 2;
      if (Math.abs(step - y) < 1e-14 * Math.abs(y) || high - low < 1e-13) return step;
      y = step;
    }
    return y;
  }

  // The tokens of the lowest loss of a size: all that there are, or fewer where more would hurt.
  function lowest(N, q, p, o, limits) {
    const end = most(N, q, p, o, limits);
    if (!(end.D > 0)) return end;
    if (!(law(N, end.D, q, p, o)[2] > 0)) return end;
    let low = Math.log(ranges.D[0]), high = Math.log(end.D);
    for (let k = 0; k < HALVINGS; k++) {
      const y = (low + high) / 2;
      if (law(N, Math.exp(y), q, p, o)[2] > 0) high = y; else low = y;
    }
    return { D: Math.exp(low), by: null };
  }

  // The fewest tokens with which a size reaches a loss.
  function fewest(N, q, p, o, limits, target) {
    const end = lowest(N, q, p, o, limits);
    if (!(end.D > 0) || law(N, end.D, q, p, o)[0] > target) return { D: NaN, by: "loss" };
    const least = ranges.D[0];
    if (law(N, least, q, p, o)[0] <= target) return { D: least, by: null };
    const over = (y) => {
      const [value, , slope] = law(N, Math.exp(y), q, p, o);
      return [Math.log(value / target), slope / value];
    };
    return { D: Math.exp(root(over, Math.log(least), Math.log(end.D))), by: "loss" };
  }

  // What is minimised at ln N, and its slope there along the limit that binds.
  function at(x, q, p, o, ask) {
    const N = Math.exp(x);
    const place = ask.target === undefined ? lowest(N, q, p, o, ask.limits)
      : fewest(N, q, p, o, ask.limits, ask.target);
    if (!(place.D > 0)) return { goal: Infinity, slope: NaN, place };
    const [L, byN, byD] = law(N, place.D, q, p, o);
    const [goal, inN, inD] = ask.target === undefined ? [L, byN, byD]
      : costs[ask.cost](N, place.D, q, p, o);
    let turn = 0;
    if (place.by === "loss") turn = -byN / byD;
    else if (place.by !== null) {
      const [, n, d] = costs[place.by](N, place.D, q, p, o);
      turn = -n / d;
    }
    return { goal, slope: inN + inD * turn, place };
  }

  // The best N and D. `ask` has limits as [name, value], for a loss to reach `target` and the
  // `cost` to minimise, and `N` for a range of sizes.
  function best(q, p, o, ask) {
    const [from, to] = (ask.N || ranges.N).map(Math.log);
    if (from === to) return answer(from, q, p, o, ask);
    const xs = Array.from({ length: SCAN + 1 }, (_, k) => from + (to - from) * k / SCAN);
    const goals = xs.map((x) => at(x, q, p, o, ask).goal);
    let k = 0;
    for (let i = 1; i <= SCAN; i++) if (goals[i] < goals[k]) k = i;
    if (!(goals[k] < Infinity)) return none(at(from, q, p, o, ask).place.by);
    let low = xs[Math.max(k - 1, 0)], high = xs[Math.min(k + 1, SCAN)], middle = xs[k];
    let x = middle;
    // The slope changes its sign at the optimum, where two limits meet too.
    for (let i = 0; i < HALVINGS && high - low > 1e-14 * Math.abs(x); i++) {
      x = (low + high) / 2;
      const { goal, slope } = at(x, q, p, o, ask);
      if (goal === Infinity ? x > middle : slope > 0) high = x; else low = x;
      if (goal < Infinity) middle = x;
    }
    for (const end of [low, high, middle]) {
      if (at(end, q, p, o, ask).goal < at(x, q, p, o, ask).goal) x = end;
    }
    return answer(x, q, p, o, ask);
  }

  function answer(x, q, p, o, ask) {
    const { goal, place } = at(x, q, p, o, ask);
    if (!(goal < Infinity)) return none(place.by);
    const N = Math.exp(x), D = place.D;
    return { found: true, N, D, loss: law(N, D, q, p, o)[0], goal, why: place.by };
  }

  // The question of a draw: the loss to reach may itself be the best of a compute.
  function asked(q, p, o, ask) {
    if (ask.asGoodAs === undefined) return ask;
    const quality = best(q, p, o, { limits: [["training compute", ask.asGoodAs]] });
    return { ...ask, target: quality.loss };
  }

  return {
    best: (q, p, o, ask) => best(q, p, o, asked(q, p, o, ask)),
    asked, at, law, costs,
    cost: (name, N, D, q, p, o) => costs[name](N, D, q, p, o)[0],
  };
}
