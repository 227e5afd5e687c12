// The grid of digits, the matrices and one digit in detail: what is pressed goes to the server as events.
// `select` {index}: open a digit; `submit` {page}: turn to a page; `input` {truth, read} or {show}:
// show other digits. The arrow keys move among the digits, PageUp and PageDown turn the page.

element.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  const data = button.dataset;
  if ("i" in data) open(button);
  else if ("pad" in data) toPad(element.querySelector(".digit-large img"));
  else if ("page" in data) trigger("submit", { page: Number(data.page) });
  else if ("show" in data) trigger("input", { show: data.show });
  else if ("truth" in data)
    trigger("input", { truth: Number(data.truth), read: Number(data.read) });
});

function open(cell) {
  element.querySelector('[aria-pressed="true"]')?.setAttribute("aria-pressed", "false");
  cell.setAttribute("aria-pressed", "true");
  document.body.dataset.digitOpened = "";
  trigger("select", { index: Number(cell.dataset.i) });
}

// The pad reads the digit as it reads any picture that is chosen there.
function toPad(digit) {
  const canvas = Object.assign(document.createElement("canvas"), { width: 280, height: 280 });
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
    document.querySelector('[role="tab"]').click();
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

// After a turn the first digit of the new page has the focus, so that the keys go on working.
let turned = false;

function turn(which) {
  const button = element.querySelectorAll("[data-page]")[which];
  if (button.disabled) return;
  turned = true;
  button.click();
}

// A digit that was opened is brought into view, where it is not.
watch("value", () => {
  const detail = element.querySelector(".digit-detail");
  if (detail && "digitOpened" in document.body.dataset) {
    delete document.body.dataset.digitOpened;
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    detail.scrollIntoView({ behavior: calm ? "auto" : "smooth", block: "nearest" });
  }
  if (turned) element.querySelector(".digit-cell")?.focus();
  turned = false;
});
