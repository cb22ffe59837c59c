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
  function lowest(N, q, p, o, limits, room) {
    const end = room || most(N, q, p, o, limits);
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
  function fewest(N, q, p, o, limits, room, target) {
    const end = lowest(N, q, p, o, limits, room);
    if (!(end.D > 0) || law(N, end.D, q, p, o)[0] > target) return { D: NaN, by: "loss" };
    const least = ranges.D[0];
    if (law(N, least, q, p, o)[0] <= target) return { D: least, by: null };
    const over = (y) => {
      const [value, , slope] = law(N, Math.exp(y), q, p, o);
      return [Math.log(value / target), slope / value];
    };
    return { D: Math.exp(root(over, Math.log(least), Math.log(end.D))), by: "loss" };
  }

  // What is minimised at ln N, and its slope there along the limit that binds. The `room` for
  // tokens is the same for all draws, and may be given.
  function at(x, q, p, o, ask, room) {
    const N = Math.exp(x);
    const place = ask.target === undefined ? lowest(N, q, p, o, ask.limits, room)
      : fewest(N, q, p, o, ask.limits, room, ask.target);
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

  // A place where `f` changes its sign between two ends, as Chandrupatla has it: by the inverse
  // parabola where that is safe, else by halves. Gives both sides of it.
  function crossing(f, a, b, fa, fb) {
    let c = a, fc = fa, t = 0.5;
    for (let k = 0; k < STEPS; k++) {
      const x = a + t * (b - a), fx = f(x);
      if (Math.sign(fx) === Math.sign(fa)) { c = a; fc = fa; } else { c = b; b = a; fc = fb; fb = fa; }
      a = x; fa = fx;
      const least = 1e-14 * Math.abs(a) / Math.abs(b - c);
      if (fa === 0 || least > 0.5) break;
      const xi = (a - b) / (c - b), phi = (fa - fb) / (fc - fb);
      const bent = phi * phi < xi && (1 - phi) * (1 - phi) < 1 - xi;
      t = bent ? fa / (fb - fa) * fc / (fb - fc) + (c - a) / (b - a) * fa / (fc - fa) * fb / (fc - fb)
        : 0.5;
      t = Math.min(1 - least, Math.max(least, t));
    }
    return [a, b];
  }

  // The sizes that are tried first, with the tokens that they have room for.
  function grid(q, p, o, ask) {
    const [from, to] = (ask.N || ranges.N).map(Math.log), count = from === to ? 0 : SCAN;
    return Array.from({ length: count + 1 }, (_, k) => {
      const x = from + (to - from) * k / (count || 1);
      return { x, room: most(Math.exp(x), q, p, o, ask.limits) };
    });
  }

  // The best N and D. `ask` has limits as [name, value], for a loss to reach `target` and the
  // `cost` to minimise, and `N` for a range of sizes.
  function best(q, p, o, ask, sizes) {
    const tried = sizes || grid(q, p, o, ask);
    const goals = tried.map(({ x, room }) => at(x, q, p, o, ask, room).goal);
    let k = 0;
    for (let i = 1; i < tried.length; i++) if (goals[i] < goals[k]) k = i;
    if (!(goals[k] < Infinity)) return none(at(tried[0].x, q, p, o, ask).place.by);
    const middle = tried[k].x;
    if (tried.length === 1) return answer(middle, q, p, o, ask);
    // The slope changes its sign at the optimum, where two limits meet too; beyond the last size
    // that meets the limits it counts as away from it.
    const slope = (x) => {
      const one = at(x, q, p, o, ask);
      return one.goal < Infinity ? one.slope : x > middle ? 1 : -1;
    };
    const low = tried[Math.max(k - 1, 0)].x, high = tried[Math.min(k + 1, tried.length - 1)].x;
    const below = slope(low), above = slope(high);
    const ends = below < 0 && above > 0 ? crossing(slope, low, high, below, above)
      : [low, high];
    let x = middle;
    for (const end of ends) if (at(end, q, p, o, ask).goal <= at(x, q, p, o, ask).goal) x = end;
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
    best: (q, p, o, ask, sizes) => best(q, p, o, asked(q, p, o, ask), sizes),
    asked, at, law, costs, grid, room: (N, q, p, o, ask) => most(N, q, p, o, ask.limits),
    cost: (name, N, D, q, p, o) => costs[name](N, D, q, p, o)[0],
  };
}
