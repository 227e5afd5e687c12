// What the pad answers: verdict, bars, the 28 × 28, a number's digits, the inside.
// Runs before pad.js, in the same scope, and knows of it only the pen (`pointer`).

const SPEAK_AFTER_MS = 700;
const REFUSE_AFTER_MS = 500; // a stroke that is no digit may be the first of one

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
const seen = find("image").getContext("2d");
const inkColour = () => getComputedStyle(document.body).color; // what is in it fades to a new one

let answer = {}; // what is shown
let looked = {}; // the digit of it that is looked at
let chosen = null; // place of the digit of a number that the visitor looks at; null for the last

const bars = Array.from({ length: 10 }, (_, digit) => {
  const [bar, number] = [make("b"), make("span")];
  const row = make("li", { class: "bar" }, make("span", {}, digit), make("i", {}, bar), number);
  element.querySelector(".bars").append(row);
  return { row, bar, number };
});

let refusing = 0;

function receive(reply) {
  clearTimeout(refusing);
  const refused = reply.image && !reply.reading;
  if (refused && pointer === null) refusing = setTimeout(show, REFUSE_AFTER_MS, reply);
  else show(reply);
}

// The digit that is looked at: the only one, one of a number, or what a refused drawing is likest.
function current() {
  const { digits = [], probabilities = null, image = null } = answer;
  if (digits.length) return digits[Math.min(chosen ?? digits.length - 1, digits.length - 1)];
  return { digit: probabilities && probabilities.indexOf(Math.max(...probabilities)), probabilities, image };
}

function show(reply) {
  clearTimeout(refusing);
  if (reply.reading !== answer.reading) chosen = null;
  answer = reply;
  const { reading = "", image, remark = "", takes_all } = reply;
  const refused = Boolean(image) && !reading;
  find("reading").classList.toggle("pad-blank", !image);
  find("answer").hidden = reading.length > 1;
  for (const name of ["answer", "number"]) find(name).classList.toggle("pad-unsure", remark !== "");
  element.querySelector(".bars").classList.toggle("pad-unsure", refused);
  const all = takes_all ? say("These weights take everything for a digit: they know nothing else.") : "";
  // A stroke that has only begun is not yet too small, nor no digit.
  find("remark").textContent = !reading && pointer !== null ? "" : remark || all;
  find("why").hidden = !refused || pointer !== null;
  if (refused) {
    const values = { percent: percent(reply.is_digit) };
    find("is-digit").textContent = say("Whether it is one is judged apart: here, {percent} that it is a digit.", values);
  }
  showNumber(reply.digits ?? []);
  showDigit();
  showTruth();
  showAs(reply);
  speak();
}

// The bars, the 28 × 28 and the inside of the digit that is looked at.
function showDigit() {
  looked = current();
  const { digit, probabilities, image } = looked;
  bars.forEach(({ row, bar, number }, k) => {
    const share = probabilities ? probabilities[k] : 0;
    bar.style.setProperty("--share", share.toFixed(4));
    number.textContent = probabilities ? percent(share) : "";
    row.classList.toggle("bar-first", k === digit);
  });
  find("label").textContent = introduced(digit);
  find("digit").textContent = digit ?? "0"; // hidden, but keeps the height
  find("share").textContent = probabilities ? percent(probabilities[digit]) : "";
  showSeen(image);
  if (image && !pale) localStorage.setItem(DRAWING, image);
  else if (!image) localStorage.removeItem(DRAWING);
  lookInside();
  lookEarlier();
  whatMattered();
  foolIt();
}

function introduced(digit) {
  if (answer.reading?.length > 1) return say("This is");
  if (answer.image && !answer.reading) return digit === 8 ? say("Perhaps an") : say("Perhaps a");
  return digit === 8 ? say("This is an") : say("This is a");
}

// A button for each digit of a number; those that are there stay, with the keyboard's focus.
function showNumber(digits) {
  const group = find("number");
  group.hidden = !digits.length;
  group.style.setProperty("--count", digits.length);
  while (group.children.length > digits.length) group.lastChild.remove();
  while (group.children.length < digits.length) {
    const [button, place] = [make("button", { type: "button" }), group.children.length];
    button.addEventListener("click", () => {
      chosen = place;
      showNumber(answer.digits);
      showDigit();
    });
    group.append(button);
  }
  digits.forEach(({ digit, probabilities }, place) => {
    const button = group.children[place];
    button.textContent = digit;
    button.setAttribute("aria-label", `${digit}, ${percent(probabilities[digit])}`);
    button.setAttribute("aria-pressed", digits[place] === current());
  });
}

function showSeen(image) {
  const pixels = seen.createImageData(28, 28);
  const ink = image ? atob(image) : "";
  for (let i = 0; i < 784; i++) {
    const level = ink ? ink.charCodeAt(i) : 0;
    const against = mattered && mattered.levels[i] - 128; // orange for, blue against
    const colours = !against ? [1, 1, 1] : against > 0 ? [1, 0.45, 0.1] : [0.3, 0.65, 1];
    for (const k of [0, 1, 2]) pixels.data[4 * i + k] = level * colours[k];
    pixels.data[4 * i + 3] = 255;
  }
  seen.putImageData(pixels, 0, 0);
}

let speaking = 0;

function speak() {
  clearTimeout(speaking);
  speaking = setTimeout(() => {
    if (pale) return;
    const { reading = "", digit, probabilities, remark = "" } = answer;
    const read = reading.length > 1
      ? say("Read as the number {number}.", { number: reading })
      : reading && say("Read as {digit}, {percent}.", { digit, percent: percent(probabilities[digit]) });
    find("live").textContent = `${read} ${remark}`.trim();
  }, SPEAK_AFTER_MS);
}
