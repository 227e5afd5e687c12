// My digits, under the pad: what drawings really were, kept in the browser, and read by at once.
// In the scope of pad.js and pad_answer.js, which call `ownKey`, `judge`, `showTruth` and `showAs`.

const OWN_OFF = "mnist-lab-own-off";
const MOST_OWN_BYTES = 900_000;
const SMOOTH = 0.004; // how far a point left out may lie from the line, in the unit square
const NO_DIGIT = "no digit";
const OWN_SIDE = 36;

let judged = null; // the drawing's place among those kept, once it is one
let taught = { drawings: [], key: null }; // what the server goes by
let teaching = 0;

const own = (name) => element.querySelector(".own-" + name);

const truths = [...Array(10).keys(), NO_DIGIT].map((label) => {
  const button = make("button", { type: "button" }, label === NO_DIGIT ? say("no digit") : label);
  button.addEventListener("click", () => judge(label));
  find("digits").append(button);
  return { label, button };
});

// ---- right or not ----

// A second press on the same label takes the drawing back.
function judge(label) {
  const drawings = [...mnistOwn.drawings];
  const before = drawings[judged]?.label;
  if (judged === null && drawings.length >= mnistOwn.MOST)
    return tellOwn(say("There is room for {most} drawings: remove one first.", { most: mnistOwn.MOST }));
  const place = judged ?? drawings.length;
  if (before === label) drawings.splice(place, 1);
  else drawings[place] = { ...(picture ? { image: answer.image } : { strokes: simplified(strokes) }), label };
  if (JSON.stringify(drawings).length > MOST_OWN_BYTES)
    return tellOwn(say("There is no room for more drawings: remove one first."));
  mnistOwn.set(drawings);
  judged = before === label ? null : place;
  showTruth();
}

function showTruth() {
  find("ask").textContent = judged === null ? say("Right? It was a") : say("In my digits, below:");
  for (const { label, button } of truths) {
    button.disabled = !answer.image || pale || answer.reading.length > 1;
    button.setAttribute("aria-pressed", judged !== null && mnistOwn.drawings[judged]?.label === label);
  }
}

// Ramer, Douglas and Peucker: the fewest points whose line stays near the one that was drawn.
function simplified(drawn) {
  const far = ([x, y], [x0, y0], [x1, y1]) => {
    const [dx, dy] = [x1 - x0, y1 - y0];
    const along = ((x - x0) * dx + (y - y0) * dy) / (dx * dx + dy * dy || 1);
    const t = Math.min(1, Math.max(0, along));
    return Math.hypot(x - x0 - t * dx, y - y0 - t * dy);
  };
  const simple = (line) => {
    const gaps = line.map((point) => far(point, line[0], line.at(-1)));
    const widest = Math.max(...gaps);
    if (widest <= SMOOTH) return [line[0], line.at(-1)];
    const place = gaps.indexOf(widest);
    return [...simple(line.slice(0, place + 1)).slice(0, -1), ...simple(line.slice(place))];
  };
  return drawn.map((line) => (line.length > 2 ? simple(line) : line));
}

// ---- reading by them ----

const ownKey = () => (own("use").checked ? taught.key : null);

// Tells the server of them, once; what it says comes back with them.
async function teachOwn() {
  const mine = ++teaching;
  const { drawings } = mnistOwn;
  const weights = props.value;
  let reply = { key: null, misread: [] };
  if (drawings.length) {
    const known = mnistOwn.key;
    reply = await answered(server.keep_own(known ? { key: known, weights } : { drawings, weights }));
    if (known && reply?.unknown) {
      mnistOwn.key = null;
      return mine === teaching && teachOwn();
    }
  }
  if (mine !== teaching) return;
  if (!reply?.key && drawings.length)
    return tellOwn(reply?.remark ?? TRY_LATER);
  mnistOwn.key = reply.key;
  taught = { ...reply, drawings };
  showOwn();
  if (!blank()) changed(true);
}

// Says by which of them a drawing is read, where one decided it.
function showAs({ own: place = null, unknown }) {
  if (unknown) {
    mnistOwn.key = null;
    teachOwn();
  }
  const drawn = place === null ? undefined : taught.drawings[place];
  find("as").hidden = !drawn;
  own("list").querySelector(".own-decides")?.classList.remove("own-decides");
  if (!drawn) return;
  thumbnail(find("as").querySelector("canvas"), drawn);
  own("list").children[place]?.classList.add("own-decides");
}

// ---- what is seen of them ----

function showOwn() {
  const { drawings } = mnistOwn;
  const misread = taught.drawings === drawings ? taught.misread : [];
  own("list").replaceChildren(...drawings.map((drawing, place) => ownButton(drawing, place, misread[place])));
  for (const name of ["teach", "save", "forget", "use"]) own(name).disabled = !drawings.length;
  const values = { count: drawings.length, ...taught };
  const told = taught.drawings === drawings && drawings.length;
  tellOwn(
    !drawings.length ? say("None yet: say what a drawing was, and it is read by from then on.")
    : told ? say("{count} · read right {before} → {after}", values)
    : say("{count} drawings", values),
  );
  own("list").scrollLeft = own("list").scrollWidth;
  showTruth();
}

function ownButton(drawing, place, isMisread) {
  const label = drawing.label === NO_DIGIT ? say("no digit") : drawing.label;
  const title = isMisread ? say("{label}, which these weights misread: remove it", { label }) : say("{label}: remove it", { label });
  const canvas = make("canvas");
  const attributes = { type: "button", class: isMisread ? "own-misread" : "", title, "aria-label": title };
  const button = make("button", attributes, canvas, drawing.label === NO_DIGIT ? "–" : drawing.label);
  thumbnail(canvas, drawing);
  button.addEventListener("click", () => confirm(say("Remove this drawing?")) && remove(place));
  return button;
}

function remove(place) {
  if (judged !== null) judged = judged === place ? null : judged - (judged > place);
  mnistOwn.set(mnistOwn.drawings.toSpliced(place, 1));
}

function thumbnail(canvas, { strokes, image }) {
  const side = OWN_SIDE * devicePixelRatio;
  canvas.width = canvas.height = side;
  const pen = canvas.getContext("2d");
  pen.strokeStyle = pen.fillStyle = inkColour();
  if (image) {
    const size = side / 28;
    [...atob(image)].forEach((ink, i) => {
      pen.globalAlpha = ink.charCodeAt(0) / 255;
      pen.fillRect((i % 28) * size, Math.floor(i / 28) * size, size, size);
    });
    return;
  }
  const all = strokes.flat();
  const [left, top] = [0, 1].map((axis) => Math.min(...all.map((point) => point[axis])));
  const [right, bottom] = [0, 1].map((axis) => Math.max(...all.map((point) => point[axis])));
  const scale = (0.75 * side) / Math.max(right - left, bottom - top, 1e-3);
  const shifted = ([x, y]) => [(x - (left + right) / 2) * scale + side / 2, (y - (top + bottom) / 2) * scale + side / 2];
  pen.lineWidth = 0.08 * side;
  pen.lineCap = pen.lineJoin = "round";
  for (const stroke of strokes) {
    pen.beginPath();
    pen.moveTo(...shifted(stroke[0]));
    for (const point of stroke) pen.lineTo(...shifted(point));
    pen.stroke();
  }
}

const tellOwn = (sentence) => (own("said").textContent = sentence);

// ---- a file of them, the switch, and forgetting ----

function saveOwn() {
  const lines = mnistOwn.drawings.map((drawing) => JSON.stringify(drawing) + "\n");
  const href = URL.createObjectURL(new Blob(lines, { type: "application/jsonl" }));
  saveFile("my-digits.jsonl", href);
  setTimeout(() => URL.revokeObjectURL(href), 10_000);
}

// The server checks it, as it does whatever it is sent: all of it is taken, or nothing.
async function openOwn(file) {
  const refused = say("{file} has no labelled drawings, one in a line; nothing was taken.", { file: file.name });
  if (file.size > MOST_OWN_BYTES) return tellOwn(refused);
  let drawings;
  try {
    drawings = (await file.text()).split("\n").filter((line) => line.trim()).map((line) => JSON.parse(line));
  } catch {
    return tellOwn(refused);
  }
  const all = [...mnistOwn.drawings, ...drawings];
  if (!drawings.length || all.length > mnistOwn.MOST || JSON.stringify(all).length > MOST_OWN_BYTES)
    return tellOwn(drawings.length ? say("There is no room for more drawings: remove one first.") : refused);
  const reply = await answered(server.keep_own({ drawings, weights: props.value }));
  if (!reply?.key) return tellOwn(reply?.remark ?? TRY_LATER);
  mnistOwn.set(all);
}

mnistOwn.teach = () => trigger("select", { drawings: mnistOwn.drawings }); // for Train too
own("teach").addEventListener("click", mnistOwn.teach);
own("save").addEventListener("click", saveOwn);
own("file").addEventListener("change", ({ target }) => {
  if (target.files.length) openOwn(target.files[0]);
  target.value = "";
});
own("forget").addEventListener("click", () => {
  if (!confirm(say("Forget all of them? A file that you saved stays."))) return;
  judged = null;
  mnistOwn.set([]);
});
own("use").checked = !localStorage.getItem(OWN_OFF);
own("use").addEventListener("change", ({ target }) => {
  if (target.checked) localStorage.removeItem(OWN_OFF);
  else localStorage.setItem(OWN_OFF, "1");
  if (!blank()) changed(true);
});

mnistOwn.listeners.add(() => {
  showOwn(); // at once, and again with what the server says
  teachOwn();
});
watch("value", teachOwn);
mnistOwn.ready.then(teachOwn);
