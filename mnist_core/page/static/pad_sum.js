// The sum behind the pixel that is pointed at in the inside, and what mattered, on the pad itself. In
// the scope of pad.js, which paints by `tint`, and of pad_inside.js.

// ---- the sum behind a pixel ----

let summing = false;

async function writeSum() {
  if (summing) return;
  summing = true;
  let asked;
  while (asked !== pointed && pointed) {
    asked = pointed;
    sum = await inner({ pixel: asked });
  }
  summing = false;
  if (!sum?.shown) return;
  drawLinks();
  showSum();
}

const rounded = (value) => value.toFixed(2).replace(/^-0\.00$/, "0.00").replace("-", "−");

function grid(rows, kind) {
  const most = Math.max(...rows.flat().map(Math.abs), 1e-9);
  const cells = rows.map((row) => `<tr>${row.map((value) => `<td style="--share:${Math.abs(value) / most}" class="${value < 0 ? "inside-minus" : "inside-plus"}">${rounded(value)}</td>`).join("")}</tr>`);
  return `<table class="inside-grid inside-${kind}">${cells.join("")}</table>`;
}

const named = ({ name, height }, unit) =>
  height > 1
    ? say("{layer}, map {map}", { layer: name, map: unit + 1 })
    : say("{layer}, value {value}", { layer: name, value: unit + 1 });

function showSum() {
  const layer = layers[pointed.layer];
  const before = layers[pointed.layer - 1];
  const { shown, parts, bias, values, steps } = sum;
  const rest = parts.reduce((total, part) => total + part, 0) - shown.reduce((total, { unit }) => total + parts[unit], 0);
  const of = (unit) => (before ? named(before, unit) : say("what it sees"));
  const factors = shown.map(({ unit, patch, kernel }) => `<figure><figcaption>${of(unit)}</figcaption><div>${grid(patch, "patch")}<b>×</b>${grid(kernel, "kernel")}<b>= ${rounded(parts[unit])}</b></div></figure>`);
  const terms = [...shown.map(({ unit }) => rounded(parts[unit]))];
  if (parts.length > shown.length) terms.push(say("{sum} of {count} other maps", { sum: rounded(rest), count: parts.length - shown.length }));
  if (bias) terms.push(say("bias {bias}", { bias: rounded(bias) }));
  const summed = terms.length > 1 ? `${terms.join(" + ")} = ` : "";
  const after = steps.map((name, k) => ` → ${name} <b>${rounded(values[k + 1])}</b>`).join("");
  const [y, x] = pointed.place;
  const pixel = { layer: layer.name, map: pointed.unit + 1, x: x + 1, y: y + 1 };
  const head = layer.height > 1 ? say("{layer}, map {map}, pixel {x}, {y}", pixel) : named(layer, pointed.unit);
  find("sum").innerHTML = `<p role="status"><b>${head}:</b> ${summed}<b>${rounded(values[0])}</b>${after}</p><div class="inside-factors">${factors.join("")}</div>`;
  frame();
}

// The patch on the maps before: on what it sees, for the first layer.
function frame() {
  const box = diagram.querySelector(".inside-patch-frame") ?? make("i", { class: "inside-frame inside-patch-frame" });
  const input = diagram.querySelector(".inside-input");
  box.hidden = pointed.layer > 0;
  const [y, x, h, w] = sum.frame.map((share) => share * input.clientWidth);
  lieAt(box, input.offsetLeft + x, input.offsetTop + y, w, h);
  diagram.append(box);
}

// ---- what mattered, on the pad ----

let mattered = null; // { image, levels: Uint8Array(784) }, 128 is nothing
const mattering = find("mattered");

mattering.addEventListener("click", () => {
  mattering.setAttribute("aria-pressed", mattering.getAttribute("aria-pressed") !== "true");
  whatMattered();
});

let matter = 0;

function whatMattered() {
  clearTimeout(matter);
  const wanted = mattering.getAttribute("aria-pressed") === "true" && looked.image;
  if (wanted && mattered?.image === looked.image && mattered.weights === props.value) return;
  if (mattered) {
    mattered = null;
    paint();
    showSeen(looked.image);
  }
  if (wanted && pointer === null && !playing) matter = setTimeout(colourIn, INSIDE_EVERY_MS);
}

async function colourIn() {
  const { image, digit } = looked;
  const weights = props.value;
  const reply = await inner({ mattered: digit });
  if (!reply?.mattered || image !== looked.image || weights !== props.value || mattering.getAttribute("aria-pressed") !== "true") return;
  mattered = { image, weights, levels: bytes(reply.mattered), ...place28(bytes(image)) };
  paint();
  showSeen(image);
}

// How the pad lies in the 28×28: both boxes of ink are the same.
function place28(ink) {
  const lit = [...ink.keys()].filter((i) => ink[i] > 100);
  const span = (values) => [Math.min(...values), Math.max(...values)];
  const [left, right] = span(lit.map((i) => i % 28));
  const [top, bottom] = span(lit.map((i) => Math.floor(i / 28)));
  const [padLeft, padRight] = span(strokes.flat().map(([x]) => x));
  const [padTop, padBottom] = span(strokes.flat().map(([, y]) => y));
  const scale = Math.max(right - left - 1.4, bottom - top - 1.4) / Math.max(padRight - padLeft, padBottom - padTop, 0.01);
  return { at: ([x, y]) => [(left + right) / 2 + scale * (x - (padLeft + padRight) / 2), (top + bottom) / 2 + scale * (y - (padTop + padBottom) / 2)] };
}

const SIDES = [[0, 0], [1, 0], [-1, 0], [0, 1], [0, -1]];

// The colour of a point of a stroke: orange where its ink spoke for the digit, blue where against.
function tint(point) {
  const [x, y] = mattered.at(point).map(Math.round);
  const near = SIDES.map(([dx, dy]) => mattered.levels[28 * (y + dy) + x + dx] ?? 128);
  const level = near.reduce((most, value) => (Math.abs(value - 128) > Math.abs(most - 128) ? value : most), 128);
  return signedColour(level);
}

function signedColour(level) {
  const share = Math.round(Math.min(100, 140 * Math.abs(level - 128) / 127));
  return `color-mix(in srgb, ${level > 128 ? "var(--for)" : "var(--against)"} ${share}%, var(--faint))`.replace(/var\((--\w+)\)/g, (_, name) => colour(name));
}
