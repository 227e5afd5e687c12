// The cloud of the Test digits tab: its digits can be pointed at and opened, the visitor's drawing is
// among them, and while the chosen run trains it moves with it. In the scope of digits.js, which
// opens the digit that is chosen here, and of cloud.js.

const MOVE_MS = 450;
const NEAR_PX = 14; // of the pointer, on the screen
const WATCH_MS = 500;

let dots = null; // as the server gives them
let at = -1; // the dot that is pointed at
let trains = false; // it is the cloud of a run as it trains

const cloudBox = element.querySelector(".digit-cloud");
const cloudCanvas = cloudBox.querySelector("canvas");
const cloud = cloudOn(cloudCanvas);

cloudBox.querySelector("h3").textContent = say("The cloud");
cloudBox.querySelector("p").textContent = say("Each dot is a digit. It lies toward what it is read as, the farther out the surer the network is; a figure is a digit that is misread. Move the slider, or train: as the network learns, the cloud separates.");
cloudCanvas.ariaLabel = say("The cloud of digits. Arrow keys go from one to the next, Enter opens it.");

function setCloud(found) {
  if (dots?.numbers.length !== found.numbers.length) at = -1;
  dots = found;
  cloudBox.hidden = !found.numbers.length; // of what is no digit there is none
  cloud.show(found, trains ? WATCH_MS : MOVE_MS);
  cloudBox.querySelector(".digit-near").hidden = trains; // they are of the weights as saved
  if (!trains) showNear();
}

// The chosen weights may be a run that trains, whose test digits these are.
async function watchCloud() {
  const { weights = "", digits } = asked;
  const watched = element.offsetParent && weights.includes("/") && digits === "mnist test" && place.moment === null;
  const found = watched && (await answered(server.watch({ weights, own: ownDrawing() }).catch(() => null)));
  if (found && weights === asked.weights && place.moment === null) {
    trains = true;
    setCloud(found);
    cloudBox.querySelector(".digit-cloud-at").textContent = say("As it trains: {percent}", { percent: found.percent });
  } else if (trains) {
    trains = false;
    delete has.cloud;
    look();
  }
  setTimeout(watchCloud, WATCH_MS);
}

function pointCloud(k) {
  at = k;
  cloudBox.querySelector(".digit-cloud-at").textContent = k < 0 ? "" : say("Number {number}: it is a {truth}", { number: dots.numbers[k], truth: dots.truths[k] });
  cloud.mark(k);
}

cloudCanvas.addEventListener("pointermove", ({ offsetX, offsetY }) => {
  const far = cloud.places().map(([x, y]) => Math.hypot(x - offsetX, y - offsetY));
  const nearest = far.indexOf(Math.min(...far));
  if (dots) pointCloud(far[nearest] < NEAR_PX ? nearest : -1);
});
cloudCanvas.addEventListener("click", () => at >= 0 && open({ chosen: dots.numbers[at], drawing: null }));
cloudCanvas.addEventListener("keydown", (event) => {
  const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
  if (!dots || (!by && event.key !== "Enter")) return;
  event.preventDefault();
  if (by) pointCloud((at + by + dots.numbers.length) % dots.numbers.length);
  else if (at >= 0) open({ chosen: dots.numbers[at], drawing: null });
});

// The training digits that are nearest to the visitor's own drawing.
function showNear() {
  const said = dots.near ? say("Your drawing is the ringed dot. The five training digits that it is most like, to this network:") : say("Draw a digit on the Draw tab: it becomes a dot here, with the five training digits that it is most like.");
  const near = (dots.near?.truths ?? []).map((truth, k) => {
    const style = `--sprite:url(${dots.near.sprite});background-size:1000% auto;background-position:${(100 * k) / 9}% 0`;
    return make("span", {}, make("i", { class: "digit-sprite", style }), truth);
  });
  cloudBox.querySelector(".digit-near").replaceChildren(make("p", {}, said), ...near);
}
