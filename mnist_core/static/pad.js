// The pad: collects pen strokes, asks the server what they are, shows the answer.
// gr.HTML runs own.js and this once, with `element`, `props`, `server` and `watch` in scope;
// `props.value` names the weights that read, `props.largest` is the largest picture in bytes.

const SEND_EVERY_MS = 100;
const RETRY_AFTER_MS = 2000;
const SPEAK_AFTER_MS = 700;
const INSIDE_AFTER_MS = 300;
const EXAMPLE_MS = 700;
const STEP = 0.003; // closer points, in the unit square, are left out
const PEN = 0.055; // width of the line shown; the one that is read has MNIST's own

const texts = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
while (texts.nextNode()) {
  const text = texts.currentNode;
  text.data = text.data.replace(/\S.*\S/, (english) => say(english));
}
for (const name of ["title", "aria-label"]) {
  for (const part of element.querySelectorAll(`[${name}]`))
    part.setAttribute(name, say(part.getAttribute(name)));
}

document.title = say("MNIST lab");

const find = (name) => element.querySelector(".pad-" + name);
const percent = (share) => (100 * share).toFixed(1) + " %";
const calm = matchMedia("(prefers-reduced-motion: reduce)");
const canvas = find("canvas");
const context = canvas.getContext("2d");
const seen = find("image").getContext("2d");

let strokes = []; // [[x, y], …] each, in the unit square, y down
let picture = null; // { file, bitmap: null when the browser cannot show it }, in place of strokes
let pointer = null; // id of the pointer that is down
let playing = false; // an example is being written
let answer = {}; // what is shown
let judged = null; // the digit that the visitor says it was …
let judgedAnswer = null; // … when this was the answer

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
  if (picture || playing) clear();
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
  context.clearRect(0, 0, side, side);
  if (picture?.bitmap) {
    const { width, height } = picture.bitmap;
    const scale = Math.min(side / width, side / height);
    const [w, h] = [width * scale, height * scale];
    context.drawImage(picture.bitmap, (side - w) / 2, (side - h) / 2, w, h);
  }
  context.strokeStyle = getComputedStyle(canvas).color;
  context.lineWidth = PEN * side;
  context.lineCap = context.lineJoin = "round";
  for (const stroke of strokes) {
    context.beginPath();
    context.moveTo(stroke[0][0] * side, stroke[0][1] * side);
    for (const [x, y] of stroke) context.lineTo(x * side, y * side);
    context.stroke();
  }
  find("hint").hidden = !blank();
  find("undo").disabled = find("clear").disabled = blank();
}

const blank = () => !strokes.length && !picture;

function fit() {
  const side = Math.round(canvas.clientWidth * devicePixelRatio);
  if (!side || side === canvas.width) return;
  canvas.width = canvas.height = side;
  paint();
}

new ResizeObserver(fit).observe(canvas);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => requestAnimationFrame(paint));

// ---- asking: one request at a time, ten a second at most, the newest drawing wins ----

let unread = false;
let waiting = false;
let lastSent = -Infinity;
let timer = 0;
let drawing = 0; // counts drawings, so that an answer to a cleared one is dropped

function changed(now = false) {
  paint();
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
  if (reply && asked === drawing && wasBlank === blank()) show(wasBlank ? {} : reply);
  if (reply || asked !== drawing) return schedule();
  unread = true;
  show({ ...answer, remark: say("The server does not answer. Trying again…") });
  timer = setTimeout(schedule, RETRY_AFTER_MS);
}

function ask() {
  const weights = props.value;
  if (picture) return server.read_file({ binary: true, data: { file: picture.file, weights } });
  return server.read_drawing({ strokes, weights });
}

// ---- showing ----

const bars = Array.from({ length: 10 }, (_, digit) => {
  const row = document.createElement("li");
  row.innerHTML = `<b>${digit}</b><span class="pad-track"><i></i></span><span class="pad-number"></span>`;
  find("bars").append(row);
  return { row, bar: row.querySelector("i"), number: row.querySelector(".pad-number") };
});

function show(reply) {
  answer = reply;
  const { digit = null, probabilities = null, image = null, remark = "" } = reply;
  bars.forEach(({ row, bar, number }, k) => {
    const share = probabilities ? probabilities[k] : 0;
    bar.style.transform = `scaleX(${share.toFixed(4)})`;
    number.textContent = probabilities ? percent(share) : "";
    row.classList.toggle("pad-first", k === digit);
  });
  find("reading").classList.toggle("pad-blank", digit === null);
  find("digit").textContent = digit ?? "0"; // hidden, but keeps the height
  find("share").textContent = digit === null ? "" : percent(probabilities[digit]);
  find("answer").classList.toggle("pad-unsure", remark !== "");
  // A stroke that has only begun is not yet too small.
  find("remark").textContent = digit === null && pointer !== null ? "" : remark;
  showSeen(image);
  if (image) localStorage.setItem("mnist-lab-drawing", image); // the Train tab reads it as it learns
  else localStorage.removeItem("mnist-lab-drawing");
  showTruth();
  speak();
  lookInside();
}

function showSeen(image) {
  const pixels = seen.createImageData(28, 28);
  const ink = image ? atob(image) : "";
  for (let i = 0; i < 784; i++) {
    pixels.data.fill(ink ? ink.charCodeAt(i) : 0, 4 * i, 4 * i + 3);
    pixels.data[4 * i + 3] = 255;
  }
  seen.putImageData(pixels, 0, 0);
}

let looking = 0;
let inside = null; // the answer whose inside is shown

// The network's inside on the drawing, once the pen rests and while it is open.
function lookInside() {
  clearTimeout(looking);
  find("inside").hidden = !answer.image;
  if (find("inside").open && answer.image) looking = setTimeout(fetchInside, INSIDE_AFTER_MS);
}

async function fetchInside() {
  const asked = answer;
  if (asked === inside) return;
  const maps = await answered(server.look_inside({ image: asked.image, weights: props.value }));
  if (asked !== answer) return;
  inside = maps ? asked : null;
  find("maps").innerHTML = maps ?? say("The server does not answer. Try again in a moment.");
}

find("inside").addEventListener("toggle", lookInside);

let speaking = 0;

function speak() {
  clearTimeout(speaking);
  speaking = setTimeout(() => {
    const { digit = null, probabilities, remark = "" } = answer;
    const read = () => say("Read as {digit}, {percent}.", { digit, percent: percent(probabilities[digit]) });
    find("live").textContent = digit === null ? remark : `${read()} ${remark}`.trim();
  }, SPEAK_AFTER_MS);
}

// ---- right or not: a tally of the session ----

const tally = JSON.parse(sessionStorage.getItem("mnist-tally") || '{"right": 0, "asked": 0}');

const truths = Array.from({ length: 10 }, (_, digit) => {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = digit;
  button.addEventListener("click", () => judge(digit));
  find("digits").append(button);
  return button;
});

function judge(digit) {
  if (judged === null) tally.asked += 1;
  tally.right += (digit === answer.digit) - (judged !== null && judged === judgedAnswer);
  [judged, judgedAnswer] = [digit, answer.digit];
  sessionStorage.setItem("mnist-tally", JSON.stringify(tally));
  showTruth();
}

function showTruth() {
  truths.forEach((button, digit) => {
    button.disabled = (answer.digit ?? null) === null;
    button.setAttribute("aria-pressed", digit === judged);
  });
  find("tally").textContent = tally.asked ? say("{right} of {asked} right", tally) : "";
}

// ---- tools ----

function clear() {
  drawing += 1;
  [strokes, picture, pointer, judged, unread, playing] = [[], null, null, null, false, false];
  clearTimeout(timer);
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
  const mine = drawing;
  const whole = await answered(server.draw_example(next));
  if (mine !== drawing || strokes.length) return;
  if (!whole) return show({ remark: say("The server does not answer. Try again in a moment.") });
  next = (next + 1) % 10;
  playing = true;
  const count = whole.flat().length;
  const start = performance.now();
  while (playing && mine === drawing) {
    let left = calm.matches ? count : Math.ceil((count * (performance.now() - start)) / EXAMPLE_MS);
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
