// Runs before every other script of the page.
// Every kind of Chinese is shown Chinese: gradio knows zh-CN and zh-TW alone.
{
  const [first] = [navigator.language ?? navigator.languages?.[0] ?? ""];
  if (/^zh\b/i.test(first) && !["zh-CN", "zh-TW"].includes(first)) {
    const language = /hant|hk|mo|tw/i.test(first) ? "zh-TW" : "zh-CN";
    Object.defineProperty(navigator, "language", { get: () => language });
  }
}
// Where the browser refuses to keep anything, as it may in another site's frame, it is kept for as
// long as the page is open, and the page says so (`page-forgets` in page.css).
for (const name of ["localStorage", "sessionStorage"]) {
  try {
    window[name].setItem("mnist-lab-test", "");
    window[name].removeItem("mnist-lab-test");
  } catch {
    const kept = new Map();
    const value = {
      getItem: (key) => kept.get(String(key)) ?? null,
      setItem: (key, text) => void kept.set(String(key), String(text)),
      removeItem: (key) => void kept.delete(String(key)),
      clear: () => kept.clear(),
      key: (index) => [...kept.keys()][index] ?? null,
      get length() {
        return kept.size;
      },
    };
    Object.defineProperty(window, name, { value, configurable: true });
    if (name === "localStorage") document.documentElement.dataset.forgets = "";
  }
}
