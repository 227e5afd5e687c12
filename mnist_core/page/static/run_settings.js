// The settings: fields that a recipe fills, that are marked as they are typed, folded to one line,
// and part of a link. In the scope of runs.js; the fields are templates/run_settings.html.

const KEPT_SETTINGS = "mnist-lab-settings";
const change = element.querySelector(".run-change");
const fold = element.querySelector(".run-settings");

const form = () => fold.querySelector("form"); // whose "dataset" is one of its fields
const settingFields = () => [...form().elements].filter(({ name }) => name && name !== "device");

// What is filled in, by name; an empty field is null.
function settings() {
  const values = {};
  for (const field of settingFields()) {
    if (field.type === "radio") values.recipe = form().elements.recipe.value;
    else if (field.type !== "number") values[field.name] = field.value;
    else values[field.name] = field.value === "" ? null : Number(field.value);
  }
  return values;
}

const device = () => form().elements.device?.value || "cpu";

// Throws for what are no settings.
function fillIn(values) {
  for (const [name, value] of Object.entries(values)) {
    const field = form().elements[name];
    if (!field) throw new Error(name);
    const before = field.value;
    field.value = String(value);
    if (String(field.value) === "" || (name === "recipe" && field.value !== value)) {
      field.value = before;
      throw new Error(name);
    }
  }
}

function recipeOf(name) {
  return JSON.parse(form().getAttribute("data-fill"))[name];
}

// Marks what is out of its range, says the rest in one line, and keeps all for the next visit.
function settled() {
  for (const field of settingFields()) {
    if (field.type !== "number") continue;
    const wrong = !field.checkValidity();
    const [mark, help] = field.parentElement.querySelectorAll("strong, small");
    field.setAttribute("aria-invalid", wrong);
    const text = wrong ? help.dataset.range : "";
    if (mark.textContent !== text) mark.textContent = text;
  }
  const { recipe, epochs, learning_rate, seed } = settings();
  const title = form().querySelector(`[value="${CSS.escape(recipe)}"]`).parentElement.textContent.trim();
  const values = { recipe: title, epochs, rate: learning_rate, seed };
  change.firstChild.textContent =
    epochs === 1
      ? say("{recipe} · 1 epoch · rate {rate} · seed {seed}", values)
      : say("{recipe} · {epochs} epochs · rate {rate} · seed {seed}", values);
  change.toggleAttribute("data-wrong", Boolean(wrongField()));
  localStorage.setItem(KEPT_SETTINGS, written());
}

const wrongField = () => settingFields().find((field) => field.type === "number" && !field.checkValidity());

// Unfolds and goes to a field that is out of its range; whether there is one.
function showWrongField() {
  const field = wrongField();
  if (!field) return false;
  unfold(true);
  const details = field.closest("details");
  if (details) details.open = true;
  field.focus();
  return true;
}

function unfold(open) {
  fold.hidden = !open;
  change.setAttribute("aria-expanded", open);
}

function typed({ target }) {
  if (!form()?.contains(target) || target.name === "device") return;
  const filled = target.name === "recipe" && recipeOf(target.value);
  if (filled) fillIn(filled);
  else if (target.name !== "recipe" && !form().getAttribute("data-keep").split(" ").includes(target.name))
    form().elements.recipe.value = form().getAttribute("data-own");
  settled();
  soon();
}

// As text for a link: the recipe, and what differs from it; what is no number or out of range is not.
function written() {
  const values = settings();
  const base = recipeOf(values.recipe) ?? recipeOf("tutorial");
  const changed = settingFields().filter((field) => field.name !== "recipe" && field.checkValidity()
    && values[field.name] !== base[field.name]);
  return [values.recipe, ...changed.map(({ name }) => `${name}-${values[name]}`)].join("*");
}

function readIn(text) {
  const [recipe, ...changes] = text.split("*");
  const base = recipeOf(recipe) ?? (recipe === form().getAttribute("data-own") && recipeOf("tutorial"));
  if (!base) throw new Error(recipe);
  fillIn({ ...base, recipe });
  for (const part of changes) {
    const [, name, value] = part.match(/^([a-z_]+)-(.+)$/);
    if (name === "recipe") throw new Error(part);
    fillIn({ [name]: value });
  }
  if (wrongField()) throw new Error(text);
}

// Once, when the fields have come.
function settingsArrived() {
  take(localStorage.getItem(KEPT_SETTINGS) ?? "tutorial", () => {});
  mnistLink.add("train", { put: () => (written() === "tutorial" ? "" : written()), take });
}

function take(text, wrong = (error) => { throw error; }) {
  try {
    readIn(text);
  } catch (error) {
    form().reset();
    wrong(error);
  } finally {
    settled();
  }
}

change.addEventListener("click", () => unfold(fold.hidden));
fold.addEventListener("input", typed);
fold.addEventListener("submit", (event) => event.preventDefault());
fold.addEventListener("keydown", ({ key }) => {
  if (key !== "Escape") return;
  unfold(false);
  change.focus();
});
