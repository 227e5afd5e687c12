// The page's address says in its fragment what is on the page: #tab=train&weights=modern&… Whatever
// has a part of that adds it here, once:
//
//   mnistLink.add("train", { put: () => text, take: (text) => …, asked: false })
//
// `put` gives the part as text, "" for nothing; one that is `asked` is put only on request. `take`
// shows the part, and throws when the text means nothing. A part that is added late, as one of a tab
// is that nobody has opened yet, takes then what the address said. A link is opened once: after
// that, Back and a reload return to a tab and keep what the visitor has made of it.
//
// But: says nothing itself; `wrong` is called when an address means nothing.
window.mnistLink = {
  NAMES: ["tab", "weights", "drawing", "picture", "train", "digits"],
  parts: new Map(),
  waiting: new Map(), // what the address said of parts that are not there yet
  failed: false,
  wrong: () => {},

  add(name, part) {
    this.parts.set(name, part);
    if (this.waiting.has(name)) this.take(name, this.waiting.get(name));
  },

  take(name, text) {
    this.waiting.delete(name);
    try {
      this.parts.get(name).take(text);
    } catch {
      this.fail();
    }
  },

  fail() {
    this.failed = true;
    this.wrong();
  },

  // Whether a part has something that is put only on request.
  asks() {
    return [...this.parts.values()].some((part) => part.asked && part.put());
  },

  // The whole address, with the parts that are put only on request where `asked`.
  address(asked = false) {
    const said = new URLSearchParams();
    for (const [name, part] of this.parts) {
      const text = !part.asked || asked ? part.put() : "";
      if (text) said.set(name, text);
    }
    return `${location.href.split("#")[0]}#${said}`;
  },

  // Opens a tab, unless it is.
  show(tab) {
    document.querySelector(`[role="tab"][data-tab-id="${tab}"]:not([aria-selected="true"])`)?.click();
  },

  open() {
    const said = new URLSearchParams(location.hash.slice(1));
    history.replaceState({ tab: said.get("tab") ?? "draw" }, "");
    if ([...said].some(([name, text]) => !text || !this.NAMES.includes(name))) return this.fail();
    this.waiting = new Map(said);
    for (const [name, text] of said) if (this.parts.has(name)) this.take(name, text);
  },
};

if (!history.state?.tab) mnistLink.open();
addEventListener("hashchange", () => history.state?.tab || mnistLink.open());
