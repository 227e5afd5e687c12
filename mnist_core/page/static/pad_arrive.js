// How a drawing comes to the pad without being drawn: kept from before a reload, from a link, dropped
// or pasted as a picture, or written by a pale hand before the visitor has touched anything. In the
// scope of pad.js, whose `arrive()` starts all this.

const KEPT = "mnist-lab-pad";
const MOST_KEPT = 2_000_000; // bytes of a picture
const UNTOUCHED_MS = 1500;
const PALE_MS = 1400; // to write one
const PALE_REST_MS = 1800;
const PALE_DIGITS = 4; // then it leaves the server alone
const TOUCHES = ["pointerdown", "keydown", "change", "dragenter"]; // each ends it for good
const MOST_POINTS = 20_000;
const MOST_DIGITS = 12; // of a number in a picture
const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

// ---- a drawing as text: each stroke's points, two letters a coordinate, in thousandths ----

function written(drawn) {
  const letters = (x) => LETTERS[Math.round(1000 * x) >> 6] + LETTERS[Math.round(1000 * x) & 63];
  return drawn.map((stroke) => stroke.map(([x, y]) => letters(x) + letters(y)).join("")).join(".");
}

// Throws for what is no such text.
function strokesOf(text) {
  const number = (pair) => (64 * LETTERS.indexOf(pair[0]) + LETTERS.indexOf(pair[1])) / 1000;
  if (!/^([\w-]{4})+(\.([\w-]{4})+)*$/.test(text) || text.length > 4 * MOST_POINTS) throw new Error();
  const drawn = text.split(".").map((stroke) => stroke.match(/.{4}/g).map((point) => [number(point.slice(0, 2)), number(point.slice(2))]));
  if (drawn.flat(2).some((x) => x > 1)) throw new Error();
  return drawn;
}

// ---- a picture as text: the 28×28 that the network sees, which is read as it is; of a number all,
// which are read side by side ----

const pixels = () =>
  (answer.digits?.length ? answer.digits : [looked])
    .map(({ image }) => (image ?? "").replace(/=+$/, "").replaceAll("+", "-").replaceAll("/", "_"))
    .join(".");

// Throws for what is no such text.
function choosePixels(text) {
  const digits = text.replaceAll("-", "+").replaceAll("_", "/").split(".").map(bytes);
  if (digits.length > MOST_DIGITS || digits.some(({ length }) => length !== 784)) throw new Error();
  const small = make("canvas", { width: 28 * digits.length, height: 28 });
  digits.forEach((levels, place) => {
    const data = new ImageData(28, 28);
    levels.forEach((ink, k) => data.data.set([255 - ink, 255 - ink, 255 - ink, 255], 4 * k));
    small.getContext("2d").putImageData(data, 28 * place, 0);
  });
  small.toBlob(choose);
}

// ---- kept over a reload, for as long as the window is open ----

async function keep() {
  const [mine, content] = [drawing, { strokes: pale ? "" : written(strokes) }];
  if (picture?.file && picture.file.size <= MOST_KEPT) content.picture = await dataAddress(picture.file);
  if (mine !== drawing) return;
  try {
    sessionStorage.setItem(KEPT, JSON.stringify(content));
  } catch {
    sessionStorage.removeItem(KEPT); // too large for it
  }
}

function dataAddress(file) {
  return new Promise((resolve) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.onerror = () => resolve(undefined);
    reader.readAsDataURL(file);
  });
}

async function recall() {
  try {
    const content = JSON.parse(sessionStorage.getItem(KEPT) ?? "{}");
    if (content.picture) return choose(await (await fetch(content.picture)).blob());
    if (content.strokes) begin(strokesOf(content.strokes));
  } catch {
    sessionStorage.removeItem(KEPT);
  }
}

function begin(drawn) {
  clear();
  strokes = drawn;
  changed(true);
}

// ---- pictures that are dropped or pasted ----

function receiveFile(files) {
  if (files.length) choose(files[0]);
  else show({ remark: say("Only a picture in a file can be dropped or pasted here.") });
}

for (const name of ["dragenter", "dragover", "dragleave", "drop"]) {
  element.addEventListener(name, (event) => {
    event.preventDefault();
    find("paper").classList.toggle("pad-over", name === "dragenter" || name === "dragover");
    if (name === "drop") receiveFile(event.dataTransfer.files);
  });
}

document.addEventListener("paste", (event) => {
  if (!find("canvas").clientWidth || event.target.closest?.("input:not([type=file]), textarea")) return;
  event.preventDefault();
  receiveFile(event.clipboardData.files);
});

// ---- it writes before you do ----

async function writePale() {
  for (let written = 0; written < PALE_DIGITS; written++) {
    if (!blank() && !pale) return;
    clear();
    pale = true;
    const mine = drawing;
    await write(PALE_MS);
    await new Promise((resolve) => setTimeout(resolve, PALE_REST_MS));
    if (mine !== drawing || !canvas.clientWidth || document.hidden) break;
  }
  if (pale) clear();
}

function arrive() {
  const untouched = setTimeout(() => blank() && !calm.matches && canvas.clientWidth && writePale(), UNTOUCHED_MS);
  const touch = () => {
    clearTimeout(untouched);
    if (pale) clear();
    for (const name of TOUCHES) document.removeEventListener(name, touch, true);
  };
  for (const name of TOUCHES) document.addEventListener(name, touch, true);
  mnistLink.add("drawing", {
    asked: true,
    put: () => (pale || playing ? "" : written(strokes)),
    take: (text) => begin(strokesOf(text)),
  });
  mnistLink.add("picture", { asked: true, put: () => (picture ? pixels() : ""), take: choosePixels });
  if (blank()) recall();
}
