// Fool it: the smallest change found that makes each shipped network read another digit. In the scope
// of pad.js; the panel follows the drawing once the pen rests.

const fool = find("fool");
const foolPanel = find("fooled");
let fooled = null; // the 28×28 that is shown, base64
let fooling = 0;

fool.addEventListener("click", () => {
  fool.setAttribute("aria-pressed", foolPanel.hidden);
  foolPanel.hidden = !foolPanel.hidden;
  foolIt();
});

function foolIt() {
  clearTimeout(fooling);
  fool.disabled = !looked.image || pale;
  if (foolPanel.hidden || !looked.image) return;
  if (fooled !== looked.image && pointer === null && !playing) fooling = setTimeout(askFooled, fooled ? INSIDE_EVERY_MS : 0);
}

async function askFooled() {
  const { image } = looked;
  const reply = await inner({ fool: true });
  if (image !== looked.image) return;
  fooled = reply?.fooled ? image : null;
  if (!fooled) return find("changes").replaceChildren(reply?.remark ?? TRY_LATER);
  find("changes").replaceChildren(...Object.entries(reply.fooled).map(([name, change]) => change28(name, change, bytes(image))));
}

// A network's three pictures: the drawing, the change, and what it is then.
function change28(name, change, before) {
  const title = make("b", {}, name === "modern" ? say("Modern") : say("Tutorial"));
  if (!change) return make("figure", {}, make("figcaption", {}, title, " ", say("No change was found that fools it.")));
  const after = bytes(change.image);
  const difference = before.map((value, i) => 128 + (after[i] - value) / 2);
  const row = make("div", {},
    picture28(before, (value) => [0, 0, 0, value], say("read as {digit}", { digit: change.before })), "+",
    picture28(difference, (value) => [...(value > 128 ? [194, 65, 12] : [29, 111, 209]), Math.min(255, 4 * Math.abs(value - 128))], say("the change")), "=",
    picture28(after, (value) => [0, 0, 0, value], say("read as {digit}", { digit: change.read })));
  const size = { ink: percent(change.ink), most: change.most, percent: percent(change.probability) };
  const said = say("Changed: {ink} of the ink, no pixel by more than {most} of 255. Then {percent} sure.", size);
  return make("figure", {}, make("figcaption", {}, title), row, make("p", {}, said));
}

function picture28(values, colours, label) {
  const picture = make("canvas", { width: 28, height: 28 });
  const image = new ImageData(28, 28);
  values.forEach((value, i) => image.data.set(colours(value), 4 * i));
  picture.getContext("2d").putImageData(image, 0, 0);
  return make("span", {}, picture, label);
}
