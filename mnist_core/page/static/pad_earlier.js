// Under the verdict of one's own run: what its network made of the same drawing before. In the scope
// of pad.js; asked once the pen rests.

const EARLIER_AFTER_MS = 400;

let earlier = 0;

function lookEarlier() {
  clearTimeout(earlier);
  find("earlier").textContent = "";
  if (!props.value.includes("/") || !answer.image || pointer !== null) return; // shipped, or not done
  earlier = setTimeout(async () => {
    const [asked, weights] = [looked, props.value];
    const reply = await answered(server.read_earlier({ image: asked.image, weights }));
    if (reply && asked === looked && weights === props.value) find("earlier").textContent = reply.sentence;
  }, EARLIER_AFTER_MS);
}
