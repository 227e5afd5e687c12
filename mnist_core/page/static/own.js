// Every script of the page's own components begins with this: the visitor's language, and how long
// to wait for an answer. `props.chinese` has the Chinese of the texts in the component's files.

const ANSWER_WITHIN_MS = 10000;

const isChinese = document.documentElement.lang.startsWith("zh"); // as gradio has settled it
if (!isChinese) document.documentElement.lang = "en";
const chinese = isChinese ? props.chinese : {};
const say = (english, values = {}) =>
  (chinese[english] ?? english).replace(/{(\w+)}/g, (_, name) => values[name]);

// The server's answer; undefined when there is none, or none in time.
const answered = (reply) =>
  Promise.race([reply, new Promise((resolve) => setTimeout(resolve, ANSWER_WITHIN_MS))]);

