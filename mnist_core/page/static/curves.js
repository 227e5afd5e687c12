// Curves as pictures: loss and test accuracy of runs side by side, with a legend. Lines are SVG
// stretched to the box, in the colours of page.css; words are HTML over it, and keep their size.
// A run is { id, name, colour, total, seen, resumes, steps: [[examples, loss]], tests: [[examples,
// loss, accuracy]] }. Losses as in the tutorial: the train loss a line, the test loss points. The axis
// of the accuracy is even in halvings of what is read wrong: the climb from 10 % is seen on it as well
// as what sets 98 % and 99 % apart.

const SMOOTHING = 0.1;
const MAX_LOSS = 5;
const SHARES = [0, 50, 80, 90, 95, 98, 99, 100]; // percent on the axis of the accuracy
const LEAST_WRONG = 0.005; // added to the share read wrong: 100 % is not infinitely far up
const KEY = say("line: as it trains · ● all test digits · ┆ resumed · x: training examples seen · accuracy: each line up, about half the mistakes");

// What a page has of each run, by its id, and what `curves.new_points` says is new of it.
function gather(known, news) {
  const gathered = new Map();
  for (const run of news) {
    const before = known.get(run.id);
    for (const name of ["steps", "tests", "live"]) {
      const { whole, new: points } = run[name];
      run[name].points = whole || !before ? points : [...before[name].points, ...points];
    }
    gathered.set(run.id, run);
  }
  return gathered;
}

// What the server is told that the page has.
const known = (runs) =>
  Object.fromEntries([...runs.values()].map(({ id, steps, tests, live }) =>
    [id, { steps: mark(steps), tests: mark(tests), live: mark(live) }]));
const mark = ({ stride, next, last }) => ({ stride, next, last });

// A series to its end: the last point may not be among those that are kept.
const whole = ({ points, end }) => (end && end[0] > (points.at(-1)?.[0] ?? -1) ? [...points, end] : points);

function drawCurves(box, runs) {
  const curves = [...runs].map((run) => {
    const [steps, tests, live] = [run.steps, run.tests, run.live].map(whole);
    return { ...run, steps, tests, live, line: smooth(steps), style: `--c:var(--run-${run.colour})` };
  });
  const right = Math.max(curves.length ? 1 : 60000, ...curves.map(({ total, seen }) => Math.max(total, seen)));
  const losses = curves.flatMap(({ line, tests }) => [...line, ...tests].map(([, y]) => y));
  const top = losses.every((y) => y <= 2.5) ? 2.5 : MAX_LOSS;
  const beside = SHARES.map((y) => [`${y} %`, heightOf(y / 100)]);
  const below = (most) => ticks(right, most).map((x) => [x.toLocaleString("en-US"), x / right]);
  const title = say("Loss");
  box.replaceChildren(
    make("div", { class: "run-curves" },
      panel("run-loss", title, curves.map((curve) => lossLines(curve, right, top)), below(6),
        ticks(top).map((y) => [String(y), y / top]), describe(curves) || say("Loss: no run yet")),
      panel("run-accuracy", say("Test accuracy"), curves.map((curve) => accuracyLines(curve, right)),
        below(2), beside, say("Test accuracy")),
      make("ul", { class: "run-legend" }, ...curves.map(legend), make("li", { class: "run-key" }, KEY)),
    ),
  );
}

function panel(kind, title, lines, below, beside, description) {
  const grid = beside.map(([, share]) => `M0 ${round(1000 * (1 - share))}H1000`).join("");
  const words = (marks, side) =>
    marks.map(([text, at]) => make("span", { style: `${side}:${(100 * at).toFixed(1)}%` }, text));
  const svg = { viewBox: "0 0 1000 1000", preserveAspectRatio: "none", role: "img", "aria-label": description };
  return make("figure", { class: `run-panel ${kind}` },
    make("figcaption", {}, title),
    make("div", { class: "run-plot" },
      make("svg", svg, make("path", { class: "run-grid", d: grid }), ...lines),
      make("div", { class: "run-y" }, ...words(beside, "bottom")),
      make("div", { class: "run-x" }, ...words(below, "left"))));
}

function lossLines({ steps, line, tests, resumes, style }, right, top) {
  const group = make("g", { style });
  const add = (kind, d) => d && group.append(make("path", { class: kind, d }));
  if (steps.length) {
    add("run-noise", path(steps, right, top));
    add("run-line", path(line, right, top));
  }
  add("run-resumed", resumes.map((x) => `M${round((1000 * x) / right)} 0V1000`).join(""));
  add("run-dots", dots(tests, right, top));
  return group;
}

// A line through what was read while it trained, and before that, or without it, through the tests;
// the tests are dots of their own, since they are of other digits.
function accuracyLines({ tests, live, style }, right) {
  const [points, read] = [tests.map(([x, , accuracy]) => [x, accuracy]), live]
    .map((series) => series.map(([x, accuracy]) => [x, heightOf(accuracy)]));
  const line = [...points.filter(([x]) => !read.length || x < read[0][0]), ...read];
  const group = make("g", { style });
  if (points.length)
    group.append(
      make("path", { class: "run-line", d: path(line, right, 1) }),
      make("path", { class: "run-dots", d: dots(points, right, 1) }));
  return group;
}

// 0..1, on the axis of the accuracy.
const heightOf = (accuracy) => 1 - Math.log(1 + (1 - accuracy) / LEAST_WRONG) / Math.log(1 + 1 / LEAST_WRONG);

function legend({ name, tests, style }) {
  const last = tests.length ? ` ${(100 * tests.at(-1)[2]).toFixed(1)} %` : "";
  return make("li", { style }, make("i"), name + last);
}

// What the chart shows, for those who do not see it.
function describe(curves) {
  return curves
    .filter(({ line, tests }) => line.length && tests.length)
    .map(({ name, seen, line, tests }) =>
      say("{name}: after {seen} examples train loss {loss}, test accuracy {percent} %", {
        name,
        seen: seen.toLocaleString("en-US"),
        loss: line.at(-1)[1].toFixed(2),
        percent: (100 * tests.at(-1)[2]).toFixed(1),
      }))
    .join("; ");
}

// An exponential moving average of y, corrected for its start (as Adam's moments are).
function smooth(points) {
  let [average, weight] = [0, 0];
  return points.map(([x, y]) => {
    average += SMOOTHING * (y - average);
    weight += SMOOTHING * (1 - weight);
    return [x, average / weight];
  });
}

// Round numbers from 0 to `end`, at most `most` after the 0.
function ticks(end, most = 6) {
  const power = 10 ** Math.floor(Math.log10(end));
  const step = power * [0.1, 0.2, 0.25, 0.5, 1, 2, 5].find((part) => end / (power * part) < most + 1);
  return Array.from({ length: Math.floor(end / step + 1e-9) + 1 }, (_, n) => Number((n * step).toPrecision(12)));
}

const round = (x) => String(Math.round(x));

// SVG path data in a box 1000 wide and 1000 high; above the top is drawn at the top.
const path = (points, right, top) =>
  "M" + points.map(([x, y]) => {
    const height = Math.min(Math.max(y / top, -0.05), 1);
    return `${round((1000 * x) / right)} ${round(1000 * (1 - height))}`;
  }).join("L");

// Round dots in a stretched SVG: lines of no length with round ends that do not scale.
const dots = (points, right, top) => points.map((point) => `${path([point], right, top)}h0`).join("");
