// The inside, lit as one draws: the 28×28, a column of tiles for each layer, the ten answers; thin
// links from the tile that is pointed at. In the scope of pad.js; asks for maps a few times a second,
// between two questions of the bars, and paints when the browser has nothing else to do.

const INSIDE_EVERY_MS = 300;
const RESTS = 8; // times as long as the maps took: on a slow machine they come less often
const LONGEST_REST_MS = 3000; // but come they do, where the first look had a network to load
const TALL = 224; // of a column, in pixels of the screen
const TILE = { map: [64, 26], unit: [22, 12] }; // largest and smallest
const LEAST_CELL = 4; // pixels of a tile as it is painted
const GAP = 3; // between answers
const LINKED = 0.2; // of the strongest link: weaker ones are left out

const wide = matchMedia("(min-width: 1024px)");
const diagram = find("diagram");
const links = make("svg");
const blankImage = btoa("\0".repeat(784));

let layers = []; // as the server gives them, and how they lie: { canvas, units, tile, columns }
let pointed = null; // { layer, unit, place: [y, x] }
let sum = null; // … and its sum
let lit = null; // the 28×28 whose maps are shown, base64
let lighting = false;
const marks = [1, 2].map(() => make("i", { class: "inside-frame", hidden: "" }));
let lastLit = -Infinity;
let took = 0; // to bring and paint the maps, in milliseconds
let relight = 0;

// ---- asking ----

// What comes here waits until the browser has nothing else to do: the bars come first.
const idle = () => new Promise((resolve) => (window.requestIdleCallback ?? requestAnimationFrame)(resolve, { timeout: 500 }));
const inner = (sent) => answered(server.look_inside({ image: looked.image ?? blankImage, weights: props.value, ...sent }));

function lookInside() {
  clearTimeout(relight);
  if (!find("inside").open || lighting) return;
  const wait = lastLit + Math.max(INSIDE_EVERY_MS, Math.min(RESTS * took, LONGEST_REST_MS)) - performance.now();
  if (wait > 0) relight = setTimeout(lookInside, wait);
  else light();
}

async function light() {
  const asked = `${props.value} ${looked.image}`;
  if (asked === lit || !canvas.clientWidth) return;
  [lighting, lastLit] = [true, performance.now()];
  const reply = await inner({});
  if (reply?.layers) {
    await idle();
    lit = asked;
    setLayers(reply.layers);
    if (pointed && pointer === null) writeSum();
  } else if (canvas.isConnected) find("sum").textContent = reply?.remark ?? TRY_LATER;
  [lighting, took] = [false, performance.now() - lastLit];
  if (reply && asked !== `${props.value} ${looked.image}`) lookInside();
}

find("inside").addEventListener("toggle", lookInside);

// ---- the diagram ----

const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
const COLOURS = new Uint32Array(bytes(props.activations).buffer); // of a value 0..255, as a canvas has them

function setLayers(found) {
  const same = found.length === layers.length && found.every(({ name, shape }, k) => name === layers[k].name && String(shape) === String(layers[k].shape));
  if (!same) lay(found);
  found.forEach(({ maps }, k) => {
    layers[k].values = bytes(maps);
    if (pointer === null && !playing) chooseUnits(layers[k]);
  });
  paintInside();
}

function lay(found) {
  pointed = sum = null;
  diagram.replaceChildren(links);
  column(say("what it sees"), "28×28").append(make("canvas", { class: "inside-input", width: 28, height: 28 }));
  layers = found.map((layer, k) => {
    const [count, height, width] = layer.shape;
    const box = column(layer.name, count, layer.steps);
    const last = k === found.length - 1;
    const title = height > 1
      ? say("{name}: {count} maps. Arrow keys: another map; with Shift, another pixel of it.", { name: layer.name, count })
      : say("{name}: {count} values. Arrow keys: another value.", { name: layer.name, count });
    const canvas = make("canvas", { class: last ? "" : "digit-activation", tabindex: 0, role: "application", "aria-label": title });
    box.append(canvas);
    const made = { ...layer, canvas, box, count, height, width, last, values: new Uint8Array(count * height * width) };
    canvas.addEventListener("pointermove", (event) => pointAt(made, k, event));
    canvas.addEventListener("pointerdown", (event) => pointAt(made, k, event));
    canvas.addEventListener("keydown", (event) => step(made, k, event));
    canvas.addEventListener("focus", () => pointed?.layer === k || choosePixel(k, made.units[0]));
    return made;
  });
  fitColumns();
}

function column(name, size, title = "") {
  const head = make("p", {}, make("b", {}, name), " ", make("span", {}, size));
  const box = make("div", { class: "inside-column", title }, head);
  diagram.append(box);
  return box;
}

// Each map is painted pixel by pixel into a small canvas, which the browser enlarges: one write for
// all of a layer. `scale` is how many times, `cell` a map's side there with a gap of 1 beside it.
function fitColumns() {
  for (const layer of layers) {
    const wide = layer.box.clientWidth;
    const { width, count, last } = layer;
    layer.cell = width * Math.ceil(LEAST_CELL / width);
    const room = (tile) => {
      const step = (tile / layer.cell) * (layer.cell + 1);
      return [Math.max(1, Math.floor(wide / step)), Math.floor(TALL / step)];
    };
    const [largest, smallest] = TILE[layer.height > 1 ? "map" : "unit"];
    let tile = largest;
    while (!last && tile > smallest && room(tile)[0] * room(tile)[1] < count) tile -= 1;
    const [columns, rows] = last ? [1, count] : room(tile);
    Object.assign(layer, { scale: tile / layer.cell, columns, wide, room: columns * rows });
    chooseUnits(layer);
  }
  paintInside();
}

// All maps where there is room, otherwise the strongest, in their order.
function chooseUnits(layer) {
  const every = [...Array(layer.count).keys()];
  const strength = (unit) => mapOf(layer, unit).reduce((total, value) => total + value, 0);
  const strong = layer.room < layer.count ? every.map((unit) => [strength(unit), unit]).sort(([a], [b]) => b - a).slice(0, layer.room) : [];
  layer.units = strong.length ? strong.map(([, unit]) => unit).sort((a, b) => a - b) : every;
  const some = strong.length && { shown: strong.length, count: layer.count };
  const size = layer.box.querySelector("span");
  size.title = some ? say("The strongest {shown} of {count}", some) : "";
  size.textContent = some ? say("{shown} of {count}", some) : layer.count;
  if (layer.height > 1) size.textContent += ` · ${layer.height}×${layer.width}`;
}

const mapOf = ({ values, height, width }, unit) => values.subarray(unit * height * width, (unit + 1) * height * width);

// Where a unit's tile is, in pixels of the screen, within its canvas; null where it is not shown.
function tileOf({ units, columns, cell, scale, last, wide, count }, unit) {
  const at = units.indexOf(unit);
  if (at < 0) return null;
  const h = TALL / count;
  if (last) return { x: 0, y: at * h, w: wide, h: h - GAP };
  const step = scale * (cell + 1);
  return { x: (at % columns) * step, y: Math.floor(at / columns) * step, w: scale * cell, h: scale * cell };
}

const colour = (name) => getComputedStyle(diagram).getPropertyValue(name).trim();

// Values 0..255 as ink; a weak one is brought out, as by a gamma of 2.
function inkPicture(values, width, height) {
  const [r, g, b] = inkColour().match(/\d+/g);
  const picture = new OffscreenCanvas(width, height);
  const image = new ImageData(width, height);
  for (let i = 0; i < values.length; i++) image.data.set([r, g, b, Math.sqrt(255 * values[i])], 4 * i);
  picture.getContext("2d").putImageData(image, 0, 0);
  return picture;
}

function paintInside() {
  if (!canvas.isConnected) return;
  const input = diagram.querySelector(".inside-input")?.getContext("2d");
  input?.clearRect(0, 0, 28, 28);
  input?.drawImage(inkPicture(looked.image ? bytes(looked.image) : new Uint8Array(784), 28, 28), 0, 0);
  for (const layer of layers) (layer.last ? paintAnswers : paintMaps)(layer);
  mark();
  drawLinks();
}

function paintMaps({ canvas: tiles, units, columns, cell, scale, height, width, values }) {
  const across = Math.min(columns, units.length) * (cell + 1) - 1;
  const image = new ImageData(across, Math.ceil(units.length / columns) * (cell + 1) - 1);
  const pixels = new Uint32Array(image.data.buffer);
  units.forEach((unit, at) => {
    const corner = Math.floor(at / columns) * (cell + 1) * across + (at % columns) * (cell + 1);
    for (let y = 0; y < cell; y++) {
      for (let x = 0; x < cell; x++) {
        const from = unit * height * width + Math.floor((y * height) / cell) * width + Math.floor((x * width) / cell);
        pixels[corner + y * across + x] = COLOURS[looked.image ? values[from] : 0];
      }
    }
  });
  [tiles.width, tiles.height] = [image.width, image.height];
  [tiles.style.width, tiles.style.height] = [`${image.width * scale}px`, `${image.height * scale}px`];
  tiles.getContext("2d").putImageData(image, 0, 0);
}

function paintAnswers(layer) {
  const { canvas: answers, values, wide, units } = layer;
  [answers.width, answers.height] = [wide * devicePixelRatio, TALL * devicePixelRatio];
  const pen = answers.getContext("2d");
  pen.scale(devicePixelRatio, devicePixelRatio);
  pen.textBaseline = "middle";
  for (const unit of units) {
    const { y, w, h } = tileOf(layer, unit);
    pen.fillStyle = colour("--tile");
    pen.fillRect(0, y, w, h);
    pen.fillStyle = colour("--color-accent");
    if (looked.image) pen.fillRect(18, y, (w - 18) * (values[unit] / 255), h);
    pen.fillStyle = inkColour();
    pen.font = `${Math.min(14, h)}px system-ui`;
    pen.fillText(unit < 10 ? unit : "–", 4, y + h / 2 + 1);
  }
}

// A frame around the map that is pointed at, and one around its pixel.
function mark() {
  const [tileMark, pixelMark] = marks;
  const layer = pointed && layers[pointed.layer];
  const tile = layer && tileOf(layer, pointed.unit);
  tileMark.hidden = !tile;
  pixelMark.hidden = !tile || layer.height === 1;
  if (!tile) return;
  const [left, top] = [layer.canvas.offsetLeft + tile.x, layer.canvas.offsetTop + tile.y];
  const [w, h] = [tile.w / layer.width, tile.h / layer.height];
  lieAt(tileMark, left, top, tile.w, tile.h);
  lieAt(pixelMark, left + pointed.place[1] * w, top + pointed.place[0] * h, w, h);
  diagram.append(...marks);
}

function lieAt(box, left, top, width, height) {
  Object.assign(box.style, { left: `${left}px`, top: `${top}px`, width: `${width}px`, height: `${height}px` });
}

// ---- the links of the tile that is pointed at ----

function drawLinks() {
  links.replaceChildren();
  if (!pointed || !sum?.before || !tileOf(layers[pointed.layer], pointed.unit)) return;
  const origin = diagram.getBoundingClientRect();
  const place = (layer, unit, side) => {
    const box = (layer?.canvas ?? diagram.querySelector(".inside-input")).getBoundingClientRect();
    const tile = layer ? tileOf(layer, unit) : { x: 0, y: 0, w: box.width, h: box.height };
    return tile && [box.left - origin.left + tile.x + side * tile.w, box.top - origin.top + tile.y + tile.h / 2];
  };
  const here = layers[pointed.layer];
  const fan = (other, weights, into) => {
    const most = Math.max(...weights.map(Math.abs), 1e-9);
    weights.forEach((weight, unit) => {
      const share = Math.abs(weight) / most;
      const far = share >= LINKED && place(other, unit, into ? 1 : 0);
      if (far) link(place(here, pointed.unit, into ? 0 : 1), far, 2.5 * share, weight > 0);
    });
  };
  fan(layers[pointed.layer - 1], sum.before, true);
  if (layers[pointed.layer + 1]) fan(layers[pointed.layer + 1], sum.onward, false);
}

function link([x, y], [farX, farY], width, isFor) {
  const middle = (x + farX) / 2;
  const d = `M${x} ${y}C${middle} ${y} ${middle} ${farY} ${farX} ${farY}`;
  links.append(make("path", { d, class: isFor ? "inside-for" : "inside-against", "stroke-width": width }));
}

// ---- pointing: with the pointer, or with keys ----

function pointAt(layer, k, { offsetX, offsetY }) {
  const { columns, cell, scale, units, height, width, last, count } = layer;
  const [across, down] = last ? [layer.wide, TALL / count] : [scale * (cell + 1), scale * (cell + 1)];
  const unit = units[Math.floor(offsetY / down) * columns + Math.floor(offsetX / across)];
  if (unit === undefined) return;
  const { x, y, w, h } = tileOf(layer, unit);
  const within = (share, most) => Math.min(most - 1, Math.max(0, Math.floor(share * most)));
  choosePixel(k, unit, [within((offsetY - y) / h, height), within((offsetX - x) / w, width)]);
}

function step(layer, k, event) {
  const steps = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
  const by = steps[event.key];
  if (!by || pointed?.layer !== k) return;
  event.preventDefault();
  if (event.shiftKey) {
    const [y, x] = [pointed.place[0] + by[0], pointed.place[1] + by[1]];
    if (y >= 0 && x >= 0 && y < layer.height && x < layer.width) choosePixel(k, pointed.unit, [y, x]);
  } else {
    const next = layer.units[layer.units.indexOf(pointed.unit) + by[0] * layer.columns + by[1]];
    if (next !== undefined) choosePixel(k, next);
  }
}

// Without a place, the brightest pixel.
function choosePixel(layer, unit, place) {
  const map = mapOf(layers[layer], unit);
  const brightest = map.indexOf(Math.max(...map));
  place ??= [Math.floor(brightest / layers[layer].width), brightest % layers[layer].width];
  const asked = { layer, unit, place };
  if (JSON.stringify(asked) === JSON.stringify(pointed)) return;
  pointed = asked;
  mark();
  writeSum();
}

new ResizeObserver(() => layers.length && diagram.clientWidth && fitColumns()).observe(diagram);
find("inside").open = wide.matches;
