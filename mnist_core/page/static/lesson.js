// How it works: a question first, then something to do. What a network answers is asked of the
// server; the rest is computed here, on what templates/lesson.html brings. gr.HTML runs own.js and
// this once; the page puts the lesson in as its value.

const SIDE = 28;
const MEAN = 0.1307; // of MNIST's training pixels
const STD = 0.3081;
const KERNEL = 5;
const TRIES = 6;
const one = (selector, part = element) => part.querySelector(selector);
const step = (name) => one(`[data-step="${name}"]`);
const share = (x) => `${(100 * x).toFixed(1)} %`;

function tell(name, sentence) {
  one(".lesson-said", step(name)).textContent = sentence;
}

const begun = {}; // by the name of a step, what it does when its question has been answered

element.addEventListener("click", ({ target }) => {
  const button = target.closest("[data-ask]");
  if (!button) return;
  const name = button.dataset.ask;
  const answers = button.parentElement.children;
  for (const other of answers) other.setAttribute("aria-pressed", other === button);
  const after = one(".lesson-after", step(name));
  if (!after.hidden) return;
  after.hidden = false;
  const right = "right" in button.dataset;
  begun[name](right ? say("As you expected.") : say("Not what you expected."));
});

async function asked(name, question) {
  tell(name, say("Computing…"));
  let reply;
  for (let tries = 0; !reply && tries < TRIES; tries++) { // what was begun goes on, and is then there
    const said = await answered(server.ask(question)).catch(() => undefined);
    if (said && Object.keys(said).length) reply = said;
  }
  if (!reply) tell(name, TRY_LATER);
  return reply;
}

// ---- a convolution ----

let digit = []; // 28 × 28, as the network is given it
let place = [12, 12]; // of the square's upper left corner: [row, column]

function pixels() {
  const kept = localStorage.getItem(DRAWING);
  const bytes = atob(kept ?? one(".lesson").dataset.digit);
  digit = Array.from(bytes, (byte) => (byte.charCodeAt(0) / 255 - MEAN) / STD);
}

function sums() {
  const { weights, bias } = JSON.parse(one(".lesson").dataset.kernels);
  const chosen = Number(one("select", step("convolution")).value);
  const kernel = weights[chosen];
  const side = SIDE - KERNEL + 1;
  const map = Array.from({ length: side * side }, (_, at) => {
    const [row, column] = [Math.floor(at / side), at % side];
    return kernel.reduce((sum, weight, k) => sum + weight * pixelAt(row, column, k), bias[chosen]);
  });
  return { kernel, bias: bias[chosen], map, side };
}

const pixelAt = (row, column, k) => digit[SIDE * (row + Math.floor(k / KERNEL)) + column + (k % KERNEL)];

function paint(canvas, side, colour) {
  const context = canvas.getContext("2d");
  const size = canvas.width / side;
  context.clearRect(0, 0, canvas.width, canvas.height);
  for (let at = 0; at < side * side; at++) {
    context.fillStyle = colour(at);
    context.fillRect((at % side) * size, Math.floor(at / side) * size, size, size);
  }
  return (row, column, width) => {
    context.strokeStyle = "#2563eb";
    context.lineWidth = 3;
    context.strokeRect(column * size, row * size, width * size, width * size);
  };
}

const ink = (x) => `color-mix(in srgb, ${getComputedStyle(element).color} ${Math.round(100 * x)}%, transparent)`;
const signed = (x) => `${x < 0 ? "rgb(28 126 214" : "rgb(232 89 12"} / ${Math.min(1, Math.abs(x))})`;

function showConvolution() {
  const { kernel, bias, map, side } = sums();
  const [row, column] = place;
  const part = step("convolution");
  paint(one(".lesson-digit", part), SIDE, (at) => ink(STD * digit[at] + MEAN))(row, column, KERNEL);
  const most = Math.max(...map.map(Math.abs));
  paint(one(".lesson-map", part), side, (at) => signed(map[at] / most))(row, column, 1);
  const cells = kernel.map((weight, k) => {
    const pixel = pixelAt(row, column, k);
    return make("td", { style: `background:${signed((pixel * weight) / 1.5)}` }, `${pixel.toFixed(1)} × ${weight.toFixed(2)}`);
  });
  const rows = Array.from({ length: KERNEL }, (_, y) => make("tr", {}, ...cells.slice(KERNEL * y, KERNEL * (y + 1))));
  one("table", part).replaceChildren(...rows);
  const sum = map[side * row + column];
  const values = { sum: (sum - bias).toFixed(2), bias: bias.toFixed(2), total: sum.toFixed(2) };
  one(".lesson-sum", part).textContent = say("{sum} in all, plus the bias {bias}: {total}", values);
  return { map, side };
}

function go(row, column) {
  const last = SIDE - KERNEL;
  place = [row, column].map((x) => Math.min(last, Math.max(0, Math.round(x))));
  showConvolution();
}

begun.convolution = (judged) => {
  pixels();
  const { map, side } = showConvolution();
  const at = map.indexOf(Math.max(...map));
  const part = step("convolution");
  for (const [name, shift] of [[".lesson-digit", KERNEL / 2], [".lesson-map", 0.5]]) {
    const canvas = one(name, part);
    const count = name === ".lesson-map" ? side : SIDE;
    canvas.addEventListener("pointermove", ({ offsetX, offsetY }) =>
      go((offsetY / canvas.clientHeight) * count - shift, (offsetX / canvas.clientWidth) * count - shift));
  }
  one(".lesson-digit", part).addEventListener("keydown", (event) => {
    const move = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    if (!move) return;
    event.preventDefault();
    go(place[0] + move[0], place[1] + move[1]);
  });
  one("select", part).addEventListener("change", showConvolution);
  go(Math.floor(at / side), at % side);
  const values = { judged, sum: Math.max(...map).toFixed(2) };
  tell("convolution", say("{judged} The largest sum here, {sum}, is where the square now is: the strokes there look like the filter. Choose other filters, and move the square.", values));
};

// ---- pooling ----

const WIDE = 12;
let shift = 4;

const strokeAt = (at, moved) => {
  const [row, column] = [Math.floor(at / WIDE), at % WIDE];
  return Math.abs(column - moved - row / 4) < 1 && row > 0 && row < WIDE - 1 ? 1 : 0;
};
const whole = (moved) => Array.from({ length: WIDE * WIDE }, (_, at) => strokeAt(at, moved));
const pooled = (values) => {
  const half = WIDE / 2;
  return Array.from({ length: half * half }, (_, at) => {
    const corner = 2 * WIDE * Math.floor(at / half) + 2 * (at % half);
    return Math.max(values[corner], values[corner + 1], values[corner + WIDE], values[corner + WIDE + 1]);
  });
};
const changed = (one, other) => one.filter((x, at) => x !== other[at]).length;

function showPooling(judged, by) {
  const before = whole(shift);
  shift = Math.min(7, Math.max(1, shift + by));
  const now = whole(shift);
  const part = step("pooling");
  paint(one(".lesson-stroke", part), WIDE, (at) => ink(now[at]));
  paint(one(".lesson-pooled", part), WIDE / 2, (at) => ink(pooled(now)[at]));
  const values = { judged, pixels: changed(before, now), kept: changed(pooled(before), pooled(now)) };
  tell("pooling", say("{judged} Moved by a pixel, {pixels} of 144 pixels changed and {kept} of the 36 that are kept.", values));
}

begun.pooling = (judged) => {
  showPooling(judged, 1);
  step("pooling").addEventListener("click", ({ target }) => {
    if (target.dataset.move) showPooling("", Number(target.dataset.move));
  });
};

// ---- softmax ----

function showSoftmax(judged) {
  const rows = [...step("softmax").querySelectorAll("label")];
  const numbers = rows.map((row) => Number(one("input", row).value));
  const powers = numbers.map(Math.exp);
  const sum = powers.reduce((a, b) => a + b);
  rows.forEach((row, k) => {
    const [number, percent] = row.querySelectorAll("output");
    number.textContent = numbers[k].toFixed(1);
    percent.textContent = share(powers[k] / sum);
    one("i b", row).style.width = share(powers[k] / sum).replace(" ", "");
  });
  const parts = powers.map((x) => (x < 1e4 ? x.toFixed(2) : x.toExponential(1))).join(" + ");
  const values = { judged, parts, percent: share(powers[0] / sum) };
  tell("softmax", say("{judged} e to the power of the three: {parts}. The first has {percent} of the sum; what all have in common cancels out.", values));
}

begun.softmax = (judged) => {
  const inputs = [...step("softmax").querySelectorAll("input")];
  step("softmax").addEventListener("input", () => showSoftmax(""));
  step("softmax").addEventListener("click", ({ target }) => {
    const by = Number(target.dataset.grow);
    if (!by || inputs.some(({ value }) => Math.abs(Number(value) + by) > 10)) return;
    for (const input of inputs) input.value = Number(input.value) + by;
    showSoftmax("");
  });
  for (const input of inputs) input.value = Number(input.value) + 5;
  showSoftmax(judged);
};

// ---- a plot of a few lines ----

// Lines of [x, y] in a box with these edges; dots; what it shows, in words.
function plot(box, { left, right, bottom, top }, lines, dots, label) {
  const x = (value) => 40 + (550 * (value - left)) / (right - left);
  const y = (value) => 190 - 170 * Math.min(1.05, (value - bottom) / (top - bottom));
  const drawing = make("svg", { viewBox: "0 0 600 215", role: "img", "aria-label": label });
  drawing.append(make("path", { class: "lesson-axis", d: "M40 20V190H590" }));
  for (const [value, at] of [[bottom, 190], [top, 20]])
    drawing.append(make("text", { x: 34, y: at + 4, "text-anchor": "end" }, Number(value.toPrecision(3))));
  lines.forEach(({ points, colour, name }, k) => {
    const d = `M${points.map(([a, b]) => `${x(a).toFixed(1)} ${y(b).toFixed(1)}`).join("L")}`;
    const text = make("text", { x: 60 + 260 * k, y: 210, fill: colour }, name);
    drawing.append(make("path", { d, stroke: colour, class: "lesson-line" }), text);
  });
  for (const [a, b] of dots) drawing.append(make("circle", { cx: x(a), cy: y(b), r: 6, class: "lesson-dot" }));
  one(`[data-plot="${box}"]`).replaceChildren(drawing);
}

// ---- a step on one weight ----

let along = null; // { start, weights, losses }
let walked = []; // the weights it had

function lossAt(weight) {
  const { weights, losses } = along;
  const at = ((weight - weights[0]) / (weights.at(-1) - weights[0])) * (weights.length - 1);
  const low = Math.min(weights.length - 2, Math.max(0, Math.floor(at)));
  const slope = (losses[low + 1] - losses[low]) / (weights[low + 1] - weights[low]);
  return [losses[low] + slope * (weight - weights[low]), slope];
}

const rate = () => 10 ** Number(one("[data-rate]").value);

function showGradient(judged) {
  const [loss, slope] = lossAt(walked.at(-1));
  one("[data-rate] + output").textContent = rate().toPrecision(2);
  const { weights, losses } = along;
  const lowest = Math.min(...losses);
  const values = {
    judged,
    weight: walked.at(-1).toFixed(3),
    loss: loss.toFixed(4),
    slope: slope.toFixed(4),
    lowest: lowest.toFixed(4),
    steps: walked.length - 1,
  };
  const sentence = say("{judged} After {steps} steps the weight is {weight}, the loss {loss}, the slope {slope}; the lowest on this curve is {lowest}.", values);
  tell("gradient", sentence);
  const edges = { left: weights[0], right: weights.at(-1), bottom: lowest, top: Math.max(...losses) };
  const curve = { points: weights.map((w, k) => [w, losses[k]]), colour: "var(--run-0)", name: say("loss on 64 digits, over the weight") };
  plot("gradient", edges, [curve], walked.slice(-12).map((w) => [w, lossAt(w)[0]]), sentence);
}

function walk() {
  const [, slope] = lossAt(walked.at(-1));
  const [first, last] = [along.weights[0], along.weights.at(-1)];
  walked.push(Math.min(last, Math.max(first, walked.at(-1) - rate() * slope)));
  showGradient("");
}

begun.gradient = async (judged) => {
  along = await asked("gradient", { what: "gradient" });
  if (!along) return void (one(".lesson-after", step("gradient")).hidden = true);
  walked = [along.start];
  const slopes = along.weights.map((w) => Math.abs(lossAt(w)[1]));
  one("[data-rate]").value = Math.log10(3 / Math.max(...slopes)); // a step of about 3 at the steepest
  showGradient(judged);
  one("[data-rate]").addEventListener("input", () => showGradient(""));
  one("[data-walk]").addEventListener("click", walk);
  one("[data-back]").addEventListener("click", () => {
    walked = [along.start];
    showGradient("");
  });
};

// ---- learning by heart ----

async function learn(digits, judged) {
  const reply = await asked("overfit", { what: "overfit", digits });
  if (!reply) return;
  const [epochs, known, others] = reply.points.at(-1);
  const values = { judged, digits, epochs, known: share(known), others: share(others), tested: reply.tested };
  const sentence = say("{judged} After {epochs} epochs on {digits} digits it reads {known} of them, and {others} of {tested} others. What it knows beyond those it has seen is only what they have in common.", values);
  const line = (k, colour, name) => ({ points: reply.points.map((point) => [point[0], point[k]]), colour, name });
  plot("overfit", { left: 0, right: epochs, bottom: 0, top: 1 },
    [line(1, "var(--run-0)", say("read right of those it learns")), line(2, "var(--run-1)", say("read right of others"))], [], sentence);
  tell("overfit", sentence);
}

begun.overfit = (judged) => {
  learn(100, judged);
  step("overfit").addEventListener("click", ({ target }) => {
    if (target.dataset.digits) learn(Number(target.dataset.digits), "");
  });
};

// ---- resuming, and the tutorial's two bugs ----

const number = (x) => x.toLocaleString("en-US");

begun.resume = async (judged) => {
  const reply = await asked("resume", { what: "resume" });
  if (!reply) return;
  const { kilobytes, count, differing } = reply;
  const values = { judged, kilobytes, count: number(count), differing: number(differing) };
  tell("resume", say("{judged} Just done: stopped after 50 of 100 steps, saved in {kilobytes} kB, loaded, trained on. {differing} of {count} weights differ: a checkpoint holds the weights, the momentum, the place in the order of the digits and the state of the random numbers.", values));
};

begun.bugs = async (judged) => {
  const reply = await asked("bugs", { what: "resume" });
  if (!reply) return;
  const values = { judged, changed: number(reply.changed), count: number(reply.count) };
  tell("bugs", say("{judged} Just done: one step of it changes {changed} of the {count} loaded weights. That is the first bug; the second hides it: the tutorial’s train() goes on using the old network, so its curve falls all the same.", values));
};
