// The runs: asks the server what is new of them and shows it; what is pressed goes to the page.
// gr.HTML runs own.js, curves.js, cloud.js, run_settings.js and this once. `props.value` is [the
// visitor's token, what they chose].

const SOON_MS = 400; // while a run trains
const LATER_MS = 3000;
const MOST_MOVED_MS = 1500;
const TWICE_MS = 700; // Train has become Stop, which a second click of a double click must not press

let timer = 0;
let looks = 0;
let marks = {}; // of each part as it is shown
let runs = new Map(); // the curves' points, by run
let drawn = ""; // what was new of the curves when they were drawn
let startedAt = -Infinity; // when a run was started here
let moved = 0; // when the cloud last did
let pressed = null; // what the pointer is down on: replaced now, it would not be clicked

async function look() {
  clearTimeout(timer);
  const mine = ++looks;
  let wait = SOON_MS;
  try {
    if (!props.value?.[0] || !element.offsetParent) return;
    const drawing = localStorage.getItem(DRAWING);
    const page = { page: props.value, settings: form() ? settings() : {}, drawing };
    const text = await answered(server.look({ ...page, marks, points: known(runs), mine: mnistOwn.key }));
    if (mine !== looks) return;
    const reply = text && JSON.parse(text);
    wait = reply?.active ? SOON_MS : LATER_MS;
    const note = element.querySelector(".run-lost");
    const lost = reply ? "" : TRYING;
    if (note.textContent !== lost) note.textContent = lost; // once, or it is read out again and again
    if (reply) show(reply);
    if (reply?.forgotten) mnistOwn.changed(mnistOwn.drawings); // and sent again
  } finally {
    if (mine === looks) timer = setTimeout(look, wait); // or a later look does
  }
}

function show({ parts, marks: news, curves, cloud: found, running }) {
  element.querySelector(".run-now").setAttribute("aria-live", running ? "off" : "polite");
  for (const [name, html] of Object.entries(parts)) {
    const part = element.querySelector(`[data-part=${name}]`);
    const focused = part.contains(document.activeElement) ? document.activeElement : null;
    if (focused?.matches(".run-name, select") || part.contains(pressed)) continue;
    replace(part, html, focused);
    marks[name] = news[name];
    if (name === "settings") settingsArrived();
    if (name === "experiments") showOwnExperiment();
  }
  runs = gather(runs, curves);
  const now = JSON.stringify(curves);
  if (now !== drawn) drawCurves(element.querySelector(".run-chart"), runs.values());
  drawn = now;
  if (found) moveCloud(found);
  marks.cloud = news.cloud;
}

// From where it was to where it is, for as long as that took: until then the next will have come.
function moveCloud(found) {
  const since = performance.now() - moved;
  moved += since;
  cloud.show(found, Math.min(since, MOST_MOVED_MS));
}

// The keyboard's place is kept, in a row of its own or where a button has become another, through a
// while in which it cannot be pressed too, and how far a wide table is scrolled.
function replace(part, html, focused) {
  const all = () => [...part.querySelectorAll("[data-action]")];
  const isSame = ({ dataset }) =>
    dataset.action === focused?.dataset.action && dataset.run === focused?.dataset.run;
  const waits = !focused && document.activeElement === document.body;
  const place = waits ? part.place : all().indexOf(focused);
  const scrolled = part.querySelector(".run-scroll")?.scrollLeft;
  part.innerHTML = html;
  const next = all().find(isSame) ?? all()[place];
  next?.focus({ preventScroll: true });
  part.place = next?.disabled ? all().indexOf(next) : -1;
  if (scrolled) part.querySelector(".run-scroll").scrollLeft = scrolled;
}

// A press on anything with data-action goes to the page as a "select" event with what was pressed.
function send(event) {
  const target = event.target.closest("[data-action]");
  if (!target || target.disabled) return;
  const isField = target.matches("input, select");
  if (isField !== (event.type === "change")) return;
  const { action, run, ask } = target.dataset;
  if (action === "stop" && performance.now() - startedAt < TWICE_MS) return;
  if (action === "train" && showWrongField()) return;
  if (ask && !confirm(ask)) return;
  if (["train", "again", "experiment", "resume"].includes(action)) startedAt = performance.now();
  const said = target.dataset.value; // JSON
  const value = said ? JSON.parse(said) : target.type === "checkbox" ? target.checked : target.value;
  target.closest("details[name]")?.removeAttribute("open");
  if (["experiment", "duel"].includes(action)) element.querySelector(".run-top").scrollIntoView({ block: "nearest" });
  delete marks[target.closest("[data-part]").dataset.part]; // shown anew, should it be refused
  trigger("select", { action, run_id: run, value, settings: settings(), device: device() });
  if (action === "experiment" && value[0] === "own") mnistOwn.teach();
  if (action === "download") target.value = "";
  if (target.matches(".run-name, select")) target.blur();
}

// Looks again once the visitor has stopped typing: what a button says may follow from it.
let typing = 0;

function soon() {
  clearTimeout(typing);
  typing = setTimeout(look, 300);
}

const [cloudBox, cloud] = [element.querySelector(".run-cloud"), cloudOn(element.querySelector(".cloud"))];
cloudBox.querySelector("figcaption").textContent = say("The cloud");
cloudBox.querySelector("p").textContent = say("Each dot is a test digit, in the colour of what it is. It goes toward what it is read as.");
cloudBox.querySelector("canvas").ariaLabel = say("Test digits, each toward what it is read as: they separate as the network learns");

change.lastChild.textContent = say("change");

// "Teach it mine" asks its question when there are digits of the visitor's, and otherwise says how
// to make some.
function showOwnExperiment() {
  const [none, question] = element.querySelectorAll("[data-name=own] > div");
  if (!none) return;
  none.hidden = mnistOwn.drawings.length > 0;
  question.hidden = !none.hidden;
  none.querySelector("button").onclick = () => mnistLink.show("draw");
}

mnistOwn.listeners.add(showOwnExperiment);

// A question that opens is gone to, and put away by Escape, and by pressing elsewhere.
element.addEventListener("toggle", ({ target }) => {
  const question = target.matches("details[name=run-experiment][open]") && target.querySelector("div:not([hidden])");
  if (!question) return;
  question.focus({ preventScroll: true });
  question.scrollIntoView({ block: "nearest" });
}, true);
document.addEventListener("keydown", ({ key }) => key === "Escape" && putAway());
document.addEventListener("pointerdown", ({ target }) => target.closest("details[name=run-experiment]") || putAway());

function putAway() {
  for (const open of element.querySelectorAll("details[name=run-experiment][open]")) {
    if (open.contains(document.activeElement)) open.querySelector("summary").focus();
    open.open = false;
  }
}

// On a closed list an arrow key would choose, and so download, at once: it opens the list.
element.addEventListener("keydown", (event) => {
  if (!event.target.showPicker || !event.target.matches("select") || !event.key.startsWith("Arrow")) return;
  event.preventDefault();
  event.target.showPicker();
});

element.addEventListener("pointerdown", ({ target }) => (pressed = target));
for (const name of ["pointerup", "pointercancel", "contextmenu"]) addEventListener(name, () => (pressed = null));
element.addEventListener("click", send);
element.addEventListener("change", send);
watch("value", look);
look();
