// Copy link; what is said of a link; and the parts of it that belong to no tab: which tab is open,
// and the weights that read. gr.HTML runs own.js and this once; `props.value` names the weights,
// `props.shipped` those that are everybody's: a visitor's own runs are in no link.

const TABS = ["draw", "train", "test"];

const find = (selector) => element.querySelector(selector);
const [copy, said, drawing, field] = [".share-copy", ".share-said", ".share-drawing", "input"].map(find);

copy.textContent = say("Copy link");
drawing.textContent = say("Copy it with my drawing");
field.ariaLabel = say("Link to this page");

// ---- copying ----

async function copyLink(asked) {
  const address = mnistLink.address(asked);
  const copied = await navigator.clipboard?.writeText(address).then(() => true, () => false);
  field.hidden = Boolean(copied);
  field.value = address;
  drawing.hidden = asked || !mnistLink.asks();
  tell(copied ? say("Copied. Whoever opens it finds this tab, these weights and settings.") : say("Copy this address:"));
  if (!copied) field.select();
}

let leaving = 0;

function tell(sentence, wrong = false) {
  said.hidden = false;
  said.classList.toggle("share-wrong", wrong);
  find("p").textContent = sentence;
  clearTimeout(leaving);
  if (!wrong && field.hidden) leaving = setTimeout(hide, 8000);
}

function hide() {
  if (!said.contains(document.activeElement)) said.hidden = true;
}

copy.addEventListener("click", () => copyLink(false));
drawing.addEventListener("click", () => {
  copyLink(true);
  copy.focus();
});
element.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || said.hidden) return;
  said.hidden = true;
  event.stopPropagation(); // or the pad would be cleared
});
document.addEventListener("pointerdown", ({ target }) => element.contains(target) || (said.hidden = true));

// ---- a link that is opened ----

mnistLink.wrong = () => {
  field.hidden = drawing.hidden = true;
  tell(say("This link says nothing that this page knows, or only in part: ask for it again."), true);
};
if (mnistLink.failed) mnistLink.wrong();

const open = () => document.querySelector('[role="tab"][aria-selected="true"]')?.dataset.tabId;

mnistLink.add("tab", {
  put: open,
  take(name) {
    if (!TABS.includes(name)) throw new Error(name);
    mnistLink.show(name);
  },
});

mnistLink.add("weights", {
  put: () => (props.shipped.includes(props.value) ? props.value : ""),
  take(name) {
    if (!props.shipped.includes(name)) throw new Error(name);
    trigger("input", { weights: name });
  },
});

// Each tab that is opened is a place to which Back returns. Its button may come after this, and on a
// narrow screen be away for a moment: until the visitor does something, it is tried again.
let arrived = false;
for (const name of ["pointerdown", "keydown"]) addEventListener(name, () => (arrived = true), true);
new MutationObserver(() => {
  const name = open();
  if (!name) return;
  const { tab } = history.state;
  arrived ||= name === tab || !TABS.includes(tab);
  if (!arrived) mnistLink.show(tab);
  else if (name !== tab) history.pushState({ tab: name }, "", `#tab=${name}`);
}).observe(document.body, { subtree: true, childList: true, attributeFilter: ["aria-selected"] });
addEventListener("popstate", ({ state }) => state?.tab && mnistLink.show(state.tab));
