// The runs: asks the server what is new of them and shows it; what is pressed goes to the page.
// gr.HTML runs this once. `props.value` is [the visitor's token, what they chose, the epochs field].

const SOON_MS = 400; // while a run trains
const LATER_MS = 3000;
const ANSWER_WITHIN_MS = 10000;

let timer = 0;
let looks = 0;
let has = {}; // a mark of each part as it is shown
let lost = ""; // what to say when the server does not answer
let pressed = null; // what the pointer is down on: replaced now, it would not be clicked

async function look() {
  clearTimeout(timer);
  const mine = ++looks;
  let wait = SOON_MS;
  if (props.value?.[0] && element.offsetParent) {
    const asked = { page: props.value, drawing: localStorage.getItem("mnist-lab-drawing"), has };
    const patience = new Promise((resolve) => setTimeout(resolve, ANSWER_WITHIN_MS));
    const reply = await Promise.race([server.look(asked), patience]);
    if (mine !== looks) return; // a later one is on its way
    if (reply) show(reply);
    element.querySelector(".run-lost").textContent = reply ? "" : lost;
    if (!reply?.active) wait = LATER_MS;
  }
  timer = setTimeout(look, wait);
}

function show({ parts, marks, unanswered }) {
  lost = unanswered;
  for (const [name, html] of Object.entries(parts)) {
    const part = element.querySelector(`[data-part=${name}]`);
    const place = controls(part).indexOf(document.activeElement);
    if (controls(part)[place]?.matches(".run-name, select") || part.contains(pressed)) continue;
    part.innerHTML = html;
    controls(part)[place]?.focus();
    has[name] = marks[name];
  }
}

const controls = (part) => [...part.querySelectorAll("[data-action]")];

// A press on anything with data-action goes to the page as a "select" event with what was pressed.
function send(event) {
  const target = event.target.closest("[data-action]");
  if (!target || target.disabled) return;
  const isField = target.matches("input, select");
  if (isField !== (event.type === "change")) return;
  const { action, run, ask } = target.dataset;
  if (ask && !confirm(ask)) return;
  const value = target.type === "checkbox" ? target.checked : target.value;
  trigger("select", { action, run_id: run, value });
  if (action === "download") target.value = "";
  if (target.matches(".run-name, select")) target.blur();
}

element.addEventListener("pointerdown", ({ target }) => (pressed = target));
for (const name of ["pointerup", "pointercancel"]) addEventListener(name, () => (pressed = null));
element.addEventListener("click", send);
element.addEventListener("change", send);
watch("value", look);
look();
