// A cloud of digits on a canvas: each a dot in the colour of what it is, a figure where it is read as
// something else; the ten directions stand at the rim. Between two clouds of the same digits it moves.

const CLOUD_MARGIN = 24;
const RIM = 12; // from the cloud's edge to the middle of a direction's figure

function cloudOn(canvas) {
  const pen = canvas.getContext("2d");
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  let [cloud, from, since, lasts, frame] = [{ places: [], truths: [], read: [] }, [], 0, 0, 0];
  let marked = -1; // one that is pointed at

  // On the screen, in pixels.
  const onScreen = ([x, y]) => [x, y].map((value) => CLOUD_MARGIN + (value * (canvas.clientWidth - 2 * CLOUD_MARGIN)) / 1000);

  function now() {
    const share = lasts ? Math.min(1, (performance.now() - since) / lasts) : 1;
    const between = (place, k) => place.map((value, axis) => from[k][axis] + share * (value - from[k][axis]));
    return share < 1 ? cloud.places.map(between) : cloud.places;
  }

  function show(found, moves) {
    const same = cloud.places.length === found.places.length;
    from = same ? now() : found.places;
    if (!same) marked = -1;
    [cloud, since, lasts] = [found, performance.now(), calm.matches ? 0 : moves];
    draw();
  }

  function mark(k) {
    marked = k;
    draw();
  }

  function draw() {
    cancelAnimationFrame(frame);
    const side = canvas.clientWidth;
    if (!side) return;
    canvas.width = canvas.height = side * devicePixelRatio;
    pen.scale(devicePixelRatio, devicePixelRatio);
    [pen.textAlign, pen.textBaseline] = ["center", "middle"];
    const style = getComputedStyle(canvas);
    const places = now().map(onScreen);
    for (let digit = 0; digit < 10; digit++) {
      pen.fillStyle = style.getPropertyValue(`--digit-${digit}`);
      drawDirection(digit, side);
      drawDigits(digit, places, Math.max(1.6, side / 180));
    }
    pen.fillStyle = pen.strokeStyle = getComputedStyle(document.body).color;
    if (!places.length) writeEmpty(side);
    if (cloud.own) ring(onScreen(cloud.own), true);
    if (marked >= 0) ring(places[marked]);
    if (performance.now() < since + lasts) frame = requestAnimationFrame(draw);
  }

  function drawDirection(digit, side) {
    const [angle, far] = [(digit * Math.PI) / 5, side / 2 - CLOUD_MARGIN + RIM];
    pen.globalAlpha = 1;
    pen.font = `650 ${side < 300 ? 13 : 16}px system-ui`;
    pen.fillText(digit, side / 2 + far * Math.sin(angle), side / 2 - far * Math.cos(angle));
  }

  function writeEmpty(side) {
    pen.font = "14px system-ui";
    pen.globalAlpha = 0.65;
    const words = say("They appear here while a run trains.");
    const half = words.indexOf(" ", words.length / 2); // none in Chinese, which is short
    if (half < 0) return pen.fillText(words, side / 2, side / 2);
    pen.fillText(words.slice(0, half), side / 2, side / 2 - 10);
    pen.fillText(words.slice(half + 1), side / 2, side / 2 + 10);
  }

  function drawDigits(digit, places, size) {
    pen.font = `650 ${canvas.clientWidth < 300 ? 9 : 11}px system-ui`;
    pen.beginPath();
    places.forEach((place, k) => {
      if (cloud.truths[k] !== digit) return;
      if (cloud.read[k] !== digit) pen.fillText(digit, ...place);
      else pen.roundRect(place[0] - size, place[1] - size, 2 * size, 2 * size, size);
    });
    pen.globalAlpha = 0.7;
    pen.fill();
  }

  function ring(place, filled = false) {
    pen.globalAlpha = 1;
    pen.lineWidth = 2;
    for (const far of filled ? [9, 4] : [9]) {
      pen.beginPath();
      pen.arc(...place, far, 0, 7);
      if (far === 4) pen.fill();
      else pen.stroke();
    }
  }

  new ResizeObserver(draw).observe(canvas);
  new MutationObserver(draw).observe(document.body, { attributeFilter: ["class"] }); // light, dark
  return { show, mark, places: () => now().map(onScreen) };
}
