// The runs: asks the server what is new of them and shows it; what is pressed goes to the page.
// gr.HTML runs own.js and this once. `props.value` is [the visitor's token, what they chose, the
// epochs field].

const SOON_MS = 400; // while a run trains
const LATER_MS = 3000;

let timer = 0;
let looks = 0;
let has = {}; // a mark of each part as it is shown
let pressed = null; // what the pointer is down on: replaced now, it would not be clicked

async function look() {
  clearTimeout(timer);
  const mine = ++looks;
  let wait = SOON_MS;
  try {
    if (!props.value?.[0] || !element.offsetParent) return;
    const asked = { page: props.value, drawing: localStorage.getItem("mnist-lab-drawing"), has };
    const reply = await answered(server.look(asked));
    if (mine !== looks) return;
    wait = reply?.active ? SOON_MS : LATER_MS;
    const note = element.querySelector(".run-lost");
    const lost = reply ? "" : say("The server does not answer. Trying again…");
    if (note.textContent !== lost) note.textContent = lost; // lest the same is read out again
    if (reply) show(reply);
  } finally {
    if (mine === looks) timer = setTimeout(look, wait); // or a later look does
  }
}

function show({ parts, marks, running }) {
  element.querySelector(".run-now").setAttribute("aria-live", running ? "off" : "polite");
  for (const [name, html] of Object.entries(parts)) {
    const part = element.querySelector(`[data-part=${name}]`);
    const focused = part.contains(document.activeElement) ? document.activeElement : null;
    if (focused?.matches(".run-name, select") || part.contains(pressed)) continue;
    replace(part, html, focused);
    has[name] = marks[name];
  }
}

// The keyboard's place is kept, in a row of its own or where a button has become another, and how
// far a wide table is scrolled.
function replace(part, html, focused) {
  const all = () => [...part.querySelectorAll("[data-action]")];
  const isSame = ({ dataset }) =>
    dataset.action === focused?.dataset.action && dataset.run === focused?.dataset.run;
  const place = all().indexOf(focused);
  const scrolled = part.querySelector(".run-scroll")?.scrollLeft;
  part.innerHTML = html;
  (all().find(isSame) ?? all()[place])?.focus({ preventScroll: true });
  if (scrolled) part.querySelector(".run-scroll").scrollLeft = scrolled;
}

// A press on anything with data-action goes to the page as a "select" event with what was pressed.
function send(event) {
  const target = event.target.closest("[data-action]");
  if (!target || target.disabled) return;
  const isField = target.matches("input, select");
  if (isField !== (event.type === "change")) return;
  const { action, run, ask } = target.dataset;
  if (ask && !confirm(ask)) return;
  const value = target.type === "checkbox" ? target.checked : target.value;
  delete has[target.closest("[data-part]").dataset.part]; // shown anew, should it be refused
  trigger("select", { action, run_id: run, value });
  if (action === "download") target.value = "";
  if (target.matches(".run-name, select")) target.blur();
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
