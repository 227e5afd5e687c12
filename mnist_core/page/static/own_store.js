// The visitor's own labelled drawings, for every tab: { strokes or image, label } each, as
// `digits/own.py` has them. Kept in the browser, or where it refuses, for as long as the page is open.
window.mnistOwn = {
  MOST: 2000,
  drawings: [],
  listeners: new Set(),
  key: null, // what the server knows them by
  database: null,
  teach: () => {}, // teaches them to the weights that read, once the pad is there

  ready: new Promise((resolve) => {
    try {
      const request = indexedDB.open("mnist-lab-own", 1);
      request.onupgradeneeded = () => request.result.createObjectStore("drawings");
      request.onsuccess = () => resolve(request.result);
      request.onerror = request.onblocked = () => resolve(null);
    } catch {
      resolve(null);
    }
  }).then((database) => {
    mnistOwn.database = database;
    return mnistOwn.recall();
  }),

  // Another of the visitor's pages may have changed them.
  recall() {
    return new Promise((resolve) => {
      const store = mnistOwn.open("readonly");
      if (!store) return resolve();
      const request = store.get("all");
      request.onerror = () => resolve();
      request.onsuccess = () => {
        const kept = request.result ?? [];
        if (JSON.stringify(kept) !== JSON.stringify(mnistOwn.drawings)) mnistOwn.changed(kept);
        resolve();
      };
    });
  },

  set(drawings) {
    mnistOwn.open("readwrite")?.put(drawings, "all");
    mnistOwn.changed(drawings);
  },

  changed(drawings) {
    [mnistOwn.drawings, mnistOwn.key] = [drawings, null];
    for (const listener of mnistOwn.listeners) listener();
  },

  open(mode) {
    try {
      return mnistOwn.database?.transaction("drawings", mode).objectStore("drawings");
    } catch {
      return null;
    }
  },
};
document.addEventListener("visibilitychange", () => document.hidden || mnistOwn.recall());
