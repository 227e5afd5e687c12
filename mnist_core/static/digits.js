// The grid of digits, the matrices and one digit in detail: what is pressed goes to the server as events.
// `select` {index}: open a digit; `submit` {page}: turn to a page; `input` {truth, read} or {show}:
// show other digits. The arrow keys move among the digits, PageUp and PageDown turn the page.

element.addEventListener("click", (event) => {
  const data = event.target.closest("button")?.dataset;
  if (!data) return;
  if ("i" in data) trigger("select", { index: Number(data.i) });
  else if ("page" in data) trigger("submit", { page: Number(data.page) });
  else if ("show" in data) trigger("input", { show: data.show });
  else if ("truth" in data)
    trigger("input", { truth: Number(data.truth), read: Number(data.read) });
});

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

// After a turn the first digit of the new page has the focus, so that the keys go on working.
let turned = false;

function turn(which) {
  const button = element.querySelectorAll("[data-page]")[which];
  if (button.disabled) return;
  turned = true;
  button.click();
}

watch("value", () => {
  if (turned) element.querySelector(".digit-cell")?.focus();
  turned = false;
});
