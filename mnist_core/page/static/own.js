// Every script of the page's own components begins with this: the visitor's language, how long to
// wait for an answer, and how a part is made. `props.chinese` has the Chinese of the texts in the
// component's files.

const ANSWER_WITHIN_MS = 10000;
const DRAWING = "mnist-lab-drawing"; // where the pad keeps what it read, base64 of the 28×28, for every tab
const SVG = ["svg", "g", "path", "circle", "text"];

const isChinese = document.documentElement.lang.startsWith("zh"); // as gradio has settled it
if (!isChinese) document.documentElement.lang = "en";
const chinese = isChinese ? props.chinese : {};
const say = (english, values = {}) =>
  (chinese[english] ?? english).replace(/{(\w+)}/g, (_, name) => values[name]);
const TRY_LATER = say("The server does not answer. Try again in a moment.");
const TRYING = say("The server does not answer. Trying again…");

// The server's answer; undefined when there is none, or none in time.
const answered = (reply) =>
  Promise.race([reply, new Promise((resolve) => setTimeout(resolve, ANSWER_WITHIN_MS))]);

// An element of HTML or SVG; children are elements or texts.
function make(tag, attributes = {}, ...children) {
  const part = SVG.includes(tag) ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) part.setAttribute(name, value);
  part.append(...children);
  return part;
}

// Hands a file to the browser.
const saveFile = (name, href) => make("a", { download: name, href }).click();

