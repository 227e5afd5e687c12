// The pad: collects pen strokes, asks the server what they are, shows the answer.
// gr.HTML runs own.js and this once, with `element`, `props`, `server` and `watch` in scope;
// `props.value` names the weights that read, `props.largest` is the largest picture in bytes.

const SEND_EVERY_MS = 100;
const RETRY_AFTER_MS = 2000;
const PICTURE_TRIES = 3; // something on the way may refuse it each time
const EXAMPLE_MS = 700;
const STEP = 0.003; // closer points, in the unit square, are left out
const PEN = 0.055; // width of the line shown; the one that is read has MNIST's own

const calm = matchMedia("(prefers-reduced-motion: reduce)");
const canvas = find("canvas");
const context = canvas.getContext("2d");

let strokes = []; // [[x, y], …] each, in the unit square, y down
let picture = null; // { file, bitmap: null when the browser cannot show it }, in place of strokes
let pointer = null; // id of the pointer that is down
let playing = false; // an example is being written
let pale = false; // … by the hand that writes before the visitor does

// ---- drawing ----

function point(event) {
  const box = canvas.getBoundingClientRect();
  const within = (x) => Math.round(1000 * Math.min(1, Math.max(0, x))) / 1000;
  return [within((event.clientX - box.left) / box.width), within((event.clientY - box.top) / box.height)];
}

function extend(event) {
  const stroke = strokes.at(-1);
  const events = event.getCoalescedEvents?.() ?? [];
  for (const one of events.length ? events : [event]) {
    const [x, y] = point(one);
    const [lastX, lastY] = stroke.at(-1);
    if (Math.hypot(x - lastX, y - lastY) >= STEP) stroke.push([x, y]);
  }
}

canvas.addEventListener("pointerdown", (event) => {
  if (pointer !== null || event.button !== 0) return;
  event.preventDefault();
  if (picture || playing || pale) clear();
  pointer = event.pointerId;
  canvas.setPointerCapture(pointer);
  strokes.push([point(event)]);
  paint();
});

canvas.addEventListener("pointermove", (event) => {
  if (event.pointerId !== pointer) return;
  extend(event);
  changed();
});

for (const name of ["pointerup", "pointercancel"]) {
  canvas.addEventListener(name, (event) => {
    if (event.pointerId !== pointer) return;
    if (name === "pointerup") extend(event);
    pointer = null;
    changed(true);
  });
}

function paint() {
  const side = canvas.width;
  context.globalAlpha = 1;
  context.clearRect(0, 0, side, side);
  if (picture?.bitmap) {
    const { width, height } = picture.bitmap;
    const scale = Math.min(side / width, side / height);
    const [w, h] = [width * scale, height * scale];
    context.drawImage(picture.bitmap, (side - w) / 2, (side - h) / 2, w, h);
  }
  context.strokeStyle = inkColour();
  context.lineWidth = PEN * side;
  context.lineCap = context.lineJoin = "round";
  context.globalAlpha = pale ? 0.3 : 1;
  for (const stroke of strokes) {
    if (mattered) drawTinted(stroke, side);
    else drawLine(stroke, side);
  }
  find("hint").hidden = !blank();
  find("undo").disabled = find("clear").disabled = blank() || pale;
}

function drawLine(points, side) {
  context.beginPath();
  context.moveTo(points[0][0] * side, points[0][1] * side);
  for (const [x, y] of points) context.lineTo(x * side, y * side);
  context.stroke();
}

function drawTinted(stroke, side) {
  stroke.forEach((point, i) => {
    context.strokeStyle = tint(point);
    drawLine([stroke[Math.max(0, i - 1)], point], side);
  });
}

const blank = () => !strokes.length && !picture;

function fit() {
  const side = Math.round(canvas.clientWidth * devicePixelRatio);
  if (!side || side === canvas.width) return;
  canvas.width = canvas.height = side;
  paint();
}

function repaint() {
  paint();
  paintInside();
  showOwn();
  showAs(answer);
}

new ResizeObserver(fit).observe(canvas);
new MutationObserver(repaint).observe(document.body, { attributeFilter: ["class"] }); // light, dark

// ---- asking: one request at a time, ten a second at most, the newest drawing wins ----

let unread = false;
let unanswered = 0; // times in a row
let waiting = false;
let lastSent = -Infinity;
let timer = 0;
let drawing = 0; // counts drawings, so that an answer to a cleared one is dropped

function changed(now = false) {
  paint();
  if (now) keep();
  unread = true;
  schedule(now);
}

function schedule(now = false) {
  if (waiting || !unread) return;
  clearTimeout(timer);
  const wait = lastSent + SEND_EVERY_MS - performance.now();
  if (now || wait <= 0) send();
  else timer = setTimeout(send, wait);
}

async function send() {
  clearTimeout(timer);
  const [asked, wasBlank] = [drawing, blank()];
  [unread, waiting, lastSent] = [false, true, performance.now()];
  const reply = await answered(ask());
  waiting = false;
  if (reply && asked === drawing && wasBlank === blank()) receive(wasBlank ? {} : reply);
  unanswered = reply ? 0 : unanswered + 1;
  if (reply || asked !== drawing) return schedule();
  if (picture && unanswered >= PICTURE_TRIES)
    return show({ remark: say("This picture does not get through: choose it again, or a smaller one.") });
  unread = true;
  show({ ...answer, remark: TRYING });
  timer = setTimeout(schedule, RETRY_AFTER_MS);
}

function ask() {
  const weights = props.value;
  const own = ownKey();
  if (picture) return server.read_file({ binary: true, data: { file: picture.file, weights, own } });
  return server.read_drawing({ strokes, weights, own, unfinished: pointer !== null || playing });
}

// ---- tools ----

function clear() {
  drawing += 1;
  unanswered = 0;
  [strokes, picture, pointer, judged] = [[], null, null, null];
  unread = playing = pale = false;
  clearTimeout(timer);
  keep();
  paint();
  show({});
}

function undo() {
  if (picture || playing || strokes.length < 2) return clear();
  strokes.pop();
  pointer = null;
  changed(true);
}

let next = Math.floor(10 * Math.random());

async function example() {
  clear();
  return write();
}

// A digit by a synthetic hand, stroke by stroke.
async function write(duration = EXAMPLE_MS) {
  const mine = drawing;
  const whole = await answered(server.draw_example(next));
  if (mine !== drawing || strokes.length) return;
  if (!whole && pale) return;
  if (!whole) return show({ remark: TRY_LATER });
  next = (next + 1) % 10;
  playing = true;
  const count = whole.flat().length;
  const start = performance.now();
  while (playing && mine === drawing) {
    let left = calm.matches ? count : Math.ceil((count * (performance.now() - start)) / duration);
    playing = left < count;
    strokes = [];
    for (const stroke of whole) {
      if (left > 0) strokes.push(stroke.slice(0, left));
      left -= stroke.length;
    }
    changed(!playing);
    await new Promise(requestAnimationFrame);
  }
}

async function choose(file) {
  clear();
  const mine = drawing;
  if (file.size > props.largest) {
    const most = Math.round(props.largest / 1e6);
    const remark = say("This file is too large. Choose a picture below {most} MB.", { most });
    return show({ remark });
  }
  const bitmap = await createImageBitmap(file).catch(() => null);
  if (mine !== drawing || strokes.length) return;
  picture = { file, bitmap };
  changed(true);
}

find("undo").addEventListener("click", undo);
find("clear").addEventListener("click", clear);
find("example").addEventListener("click", example);
find("file").addEventListener("change", ({ target }) => {
  if (target.files.length) choose(target.files[0]);
  target.value = "";
});

document.addEventListener("keydown", (event) => {
  if (!canvas.clientWidth || event.target.closest("input:not([type=file]), textarea, select")) return;
  if (event.key === "Escape") clear();
  else if (event.key.toLowerCase() === "z" && (event.ctrlKey || event.metaKey) && !event.shiftKey) undo();
  else return;
  event.preventDefault();
});

watch("value", () => changed(true));
fit();
show({});
send(); // an empty drawing: the server loads the weights before the first stroke
arrive();
