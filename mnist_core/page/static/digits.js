// Test digits: asks the server for the parts that it does not have yet, and shows them.
// gr.HTML runs own.js and this once. `props.value` is what the controls above say. What is pressed
// here changes `place`; only a filter goes to the controls, as the event `input` {truth, read} or
// {show}. The arrow keys move among the digits, PageUp and PageDown turn the page.

const PARTS = [
  ["time", "summary", "page", "matrices"],
  ["detail", "cloud", "network", "counts"], // these lie below, and come after the others
];
const ANSWER_WITHIN = 60000; // the server itself says earlier that it needs longer
const AGAIN_MS = 300;
const NONE = 10; // in place of a digit: what is none; as a reading, what was refused
const SETS = /^(mnist train|handwriting test|nondigits test)?$/; // those of a link; "" is MNIST's test
const SAID_AFTER_MS = 300;
const RESTS_AFTER_MS = 150;
const MARK_EVERY = 4; // moments of the slider, of which one is named

const find = (selector) => element.querySelector(selector);
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const slider = find("input");

find(".digit-time span:first-child").textContent = slider.ariaLabel = say("Time");
find("[data-drawing]").textContent = say("Read my drawing");
find("[data-file=sheet]").textContent = say("This page as PNG");
find("[data-file=csv]").textContent = say("All results as CSV");

let asked = {}; // what the controls say
let place = { moment: null, page: 0, chosen: null, drawing: null }; // the moment null is "as saved"
let times = []; // the moments of the run, [examples seen, in words] each
let has = {}; // a mark of each part as it is shown
let looking = false;
let stale = true; // something else is wanted than what is shown
let opened = false; // a digit was: it is brought into view
let turned = false; // a page was, with a key: its first digit has the focus then

// ---- what the server has ----

const ownDrawing = () => localStorage.getItem(DRAWING); // the cloud has it too

const ask = (parts, has) => {
  const reply = server.look({ ...asked, ...place, own: ownDrawing(), parts, has, mine: mnistOwn.key });
  return Promise.race([reply, wait(ANSWER_WITHIN)]).catch(() => undefined);
};

// One question at a time: what is wanted meanwhile is asked next, the last of it.
async function look() {
  stale = true;
  if (looking) return;
  looking = true;
  while (stale && element.offsetParent && asked.view) {
    stale = false;
    for (const parts of PARTS) if (!stale) await bring(parts);
  }
  looking = false;
}

async function bring(parts) {
  const note = setTimeout(() => tell(say("Reading the digits…")), SAID_AFTER_MS);
  let reply = { waiting: true };
  while (!stale && (!reply || reply.waiting)) {
    reply = await ask(parts, has);
    if (!reply) tell(TRYING);
    else if (reply.share != null) tell(reply.waiting, false, reply.share);
    if (!reply || reply.waiting) await wait(AGAIN_MS);
  }
  clearTimeout(note);
  if (stale) return;
  tell(reply.error ?? "", reply.error === undefined);
  for (const [name, part] of Object.entries(reply.parts ?? {})) {
    if (name === "time") setTimes(part);
    else if (name === "cloud") setCloud(part);
    else replace(find(`[data-part=${name}]`), part);
    has[name] = reply.marks[name];
  }
  shown();
}

// In place of the summary, and the digits pale, until they are those that are wanted.
function tell(sentence, settled = false, share = null) {
  find(".digit-said").textContent = sentence;
  find("progress").hidden = share === null;
  find("progress").value = share ?? 0;
  find(".digits").classList.toggle("digit-waits", !settled);
  if (times.length) setMoment(settled ? "" : sentence);
}

// A button that has the keyboard's focus keeps it.
function replace(part, html) {
  const focused = part.contains(document.activeElement) && document.activeElement.ariaLabel;
  part.innerHTML = html;
  const same = [...part.querySelectorAll("button")].find((button) => button.ariaLabel === focused);
  same?.focus({ preventScroll: true });
}

function shown() {
  for (const cell of element.querySelectorAll(".digit-cell"))
    cell.setAttribute("aria-pressed", Number(cell.dataset.i) === place.chosen);
  if (turned) find(".digit-cell")?.focus();
  turned = false;
  if (opened && "detail" in has) bringIntoView();
}

function bringIntoView() {
  opened = false;
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  find("[data-part=detail] > *")?.scrollIntoView({ behavior: calm ? "auto" : "smooth", block: "nearest" });
}

// ---- the moments of the run ----

function setTimes(run) {
  times = run.times;
  slider.max = times.length - 1;
  slider.value = run.place;
  find(".digit-time").hidden = times.length < 2;
  setMoment();
  const marks = times.map(([moment], k) =>
    make("i", { style: `left:${(100 * k) / (times.length - 1)}%` }, k % MARK_EVERY && moment !== null ? "" : short(moment)));
  find(".digit-marks").replaceChildren(...marks);
}

// Examples seen, as a mark of the slider says it.
function short(moment) {
  if (moment === null) return say("saved");
  return moment < 1000 ? String(moment) : `${Math.round(moment / 1000)}k`;
}

function setMoment(waits = "") {
  const [moment, words] = times[slider.value];
  place.moment = moment;
  find("output").textContent = waits ? `${words} · ${waits}` : words;
  slider.setAttribute("aria-valuetext", words);
}

let resting = 0;

slider.addEventListener("input", () => {
  setMoment();
  place.page = 0;
  clearTimeout(resting);
  resting = setTimeout(look, RESTS_AFTER_MS);
});

// ---- what is pressed ----

element.addEventListener("click", ({ target }) => {
  const button = target.closest("button");
  if (!button) return;
  const { i, page, show, truth, read, file } = button.dataset;
  const again = button.getAttribute("aria-pressed") === "true"; // brings all digits back
  if (i) open({ chosen: Number(i), drawing: null });
  else if (page) go({ page: Number(page) });
  else if (show) trigger("input", again ? {} : { show });
  else if (truth) trigger("input", again ? {} : { truth: Number(truth), read: Number(read) });
  else if (file) download(button, file);
  else if ("pad" in button.dataset) toPad(find(".digit-large img"));
  else if ("drawing" in button.dataset) openDrawing();
});

function go(change) {
  Object.assign(place, change);
  look();
}

function open(what) {
  opened = true;
  delete has.detail;
  go(what);
  shown();
}

function openDrawing() {
  const drawing = ownDrawing();
  if (drawing) return open({ chosen: null, drawing });
  const hint = say("There is no drawing yet: draw a digit on the Draw tab first.");
  find("[data-part=detail]").replaceChildren(make("p", { class: "digit-hint" }, hint));
  place.chosen = null;
  delete has.detail;
  shown();
  bringIntoView();
}

async function download(button, kind) {
  button.disabled = true;
  let reply = { waiting: true };
  while (reply?.waiting) reply = (await ask([kind], {})) ?? null;
  button.disabled = false;
  if (!reply?.parts) return tell(reply?.error ?? TRY_LATER, true);
  saveFile(reply.parts[kind].name, reply.parts[kind].href);
}

// The pad reads the digit as it reads any picture that is chosen there.
function toPad(digit) {
  const canvas = make("canvas", { width: 280, height: 280 });
  const context = canvas.getContext("2d");
  context.fillStyle = "white";
  context.fillRect(0, 0, 280, 280);
  context.drawImage(digit, 0, 0, 280, 280);
  canvas.toBlob((blob) => {
    const files = new DataTransfer();
    files.items.add(new File([blob], "digit.png", { type: "image/png" }));
    const input = document.querySelector(".pad-file");
    input.files = files.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
    mnistLink.show("draw");
  });
}

element.addEventListener("keydown", (event) => {
  const cell = event.target.closest(".digit-cell");
  if (!cell || event.ctrlKey || event.metaKey || event.altKey) return;
  const cells = [...element.querySelectorAll(".digit-cell")];
  const columns = cells.filter((other) => other.offsetTop === cells[0].offsetTop).length;
  const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns };
  const pages = { PageUp: 0, PageDown: 1 };
  if (event.key in steps) {
    const place = cells.indexOf(cell) + steps[event.key];
    if (cells[place]) cells[place].focus();
    else turn(place < 0 ? 0 : 1);
  } else if (event.key in pages) turn(pages[event.key]);
  else return;
  event.preventDefault();
});

function turn(which) {
  const button = element.querySelectorAll("[data-page]")[which];
  if (button.disabled) return;
  turned = true;
  button.click();
}

// ---- what the controls say ----

function listen() {
  const before = asked;
  asked = props.value ?? {};
  if (asked.weights !== before.weights) place.moment = linked.weights === asked.weights ? linked.moment : null;
  if (asked.digits !== before.digits) Object.assign(place, { chosen: null, drawing: null });
  const said = ({ time, ...all }) => JSON.stringify(all);
  if (said(asked) !== said(before)) place.page = 0;
  setChips();
  look();
}

// The cell of the matrix that is chosen, and the way back to all digits.
function setChips() {
  const { truth = -1, read_as: read = -1 } = asked.view ?? {};
  let label = "";
  if (truth === NONE) label = read === NONE ? say("No digit, refused") : read < 0 ? say("All that is no digit") : say("No digit, read as {read}", { read });
  else if (read === NONE) label = truth < 0 ? say("All refused as no digit") : say("{truth}s refused as no digit", { truth });
  else if (truth >= 0 && read >= 0) label = say("{truth}s read as {read}", { truth, read });
  else if (truth >= 0) label = say("All {digit}s", { digit: truth });
  else if (read >= 0) label = say("All read as {digit}", { digit: read });
  const title = say("{label}: show all digits again", { label });
  const chip = make("button", { type: "button", class: "digit-chip", "aria-label": title }, `${label} ×`);
  chip.addEventListener("click", () => trigger("input", {}));
  find(".digit-chips").replaceChildren(...(label ? [chip] : []));
}

// ---- in a link: weights, moment and digits, where they are everybody's, and the chosen cell ----

let linked = {};

mnistLink.add("digits", {
  put() {
    const { weights, digits, view: { truth, read_as: read } } = asked;
    const moment = weights.includes("/") ? null : place.moment; // a visitor's own run is in no link
    const set = SETS.test(digits) ? digits : "";
    const said = [moment === null ? "" : weights, moment ?? "", truth, read, ...(set ? [set] : [])].join(".");
    return said === "..-1.-1" ? "" : said;
  },
  take(text) {
    const [, weights, moment, truth, read, set = ""] = text.match(/^(\w*)\.(\d{0,12})\.(-1|\d|10)\.(-1|\d|10)(?:\.([a-z ]*))?$/);
    if (!SETS.test(set)) throw new Error("no such digits");
    linked = { weights, moment: moment === "" ? null : Number(moment) };
    if (asked.weights === weights) go({ moment: linked.moment });
    if (truth !== "-1" || read !== "-1" || set) trigger("input", { truth: Number(truth), read: Number(read), digits: set });
  },
});

watch("value", listen);
new IntersectionObserver(() => stale && look()).observe(element); // as the tab is opened
listen();
watchCloud();
