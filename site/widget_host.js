// Runs the book's widgets in a static page: every slot holds its model, this file holds the modules that draw them.
(() => {
  const modules = __MODULES__;
  const loading = new Map();
  const load = (key) => {
    if (!loading.has(key)) {
      const url = URL.createObjectURL(new Blob([modules[key]], { type: "text/javascript" }));
      loading.set(key, import(url));
    }
    return loading.get(key);
  };

  // The part of anywidget's model that a module may use; there is no kernel to save to.
  class Model {
    #values;
    #listeners = new Map();
    constructor({ state, buffers }) {
      this.#values = state;
      for (const { path, data } of buffers) {
        const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
        const parent = path.slice(0, -1).reduce((node, step) => node[step], state);
        parent[path.at(-1)] = new DataView(bytes.buffer);
      }
    }
    get(name) { return this.#values[name]; }
    set(name, value) {
      this.#values[name] = value;
      for (const listener of [...(this.#listeners.get(`change:${name}`) ?? [])]) listener();
    }
    on(event, listener) {
      if (!this.#listeners.has(event)) this.#listeners.set(event, new Set());
      this.#listeners.get(event).add(listener);
    }
    off(event, listener) {
      if (listener) this.#listeners.get(event)?.delete(listener);
      else this.#listeners.delete(event);
    }
    save_changes() {}
    send() {}
  }

  // The address keeps what the reader set: #line-by-hand:w1=0.5,b=-1&other:step=3
  const widgets = new Map(); // name -> { model, start: the state it came with }
  const choices = (spec) => Object.fromEntries((spec.controls ?? []).map((c) => [c.name, c.values]));

  const write = () => {
    const parts = [];
    for (const [name, { model, start }] of widgets) {
      const values = choices(model.get("spec"));
      const changed = Object.entries(model.get("state")).filter(([key, index]) => index !== start[key]);
      const pairs = changed.map(([key, index]) => `${key}=${encodeURIComponent(values[key]?.[index] ?? index)}`);
      if (pairs.length) parts.push(`${name}:${pairs.join(",")}`);
    }
    const rest = location.href.split("#")[0];
    history.replaceState(history.state, "", parts.length ? `${rest}#${parts.join("&")}` : rest);
  };
  let timer;
  const writeSoon = () => {
    clearTimeout(timer);
    timer = setTimeout(write, 150);
  };

  const read = () => {
    let target;
    for (const part of location.hash.slice(1).split("&")) {
      const [name, pairs = ""] = part.split(":");
      const widget = widgets.get(decodeURIComponent(name));
      if (!widget) continue;
      target ??= document.getElementById(decodeURIComponent(name));
      const values = choices(widget.model.get("spec"));
      const state = { ...widget.start };
      for (const [key, text] of pairs.split(",").map((pair) => pair.split("="))) {
        if (!(key in state) || text === undefined) continue;
        const value = decodeURIComponent(text);
        const index = values[key] ? values[key].findIndex((v) => String(v) === value) : Math.trunc(Number(value));
        if (index >= 0) state[key] = index;
      }
      widget.model.set("state", state);
    }
    if (!target) return;
    const show = () => target.scrollIntoView({ behavior: "instant" }); // smoothly, it would miss what moves meanwhile
    show();
    if (document.readyState !== "complete") addEventListener("load", show, { once: true }); // and while styles arrive
  };

  const start = async (slot) => {
    const stored = JSON.parse(slot.querySelector("script").textContent);
    const model = new Model(stored);
    const mount = document.createElement("div");
    slot.prepend(mount);
    try {
      await (await load(stored.module)).default.render({ model, el: mount });
      slot.classList.add("nnw-runs");
    } catch (error) {
      console.error(error);
      mount.textContent = "This widget could not start; here is its picture.";
      slot.classList.add("nnw-failed");
      return;
    }
    widgets.set(model.get("spec").name, { model, start: { ...model.get("state") } });
    model.on("change:state", writeSoon);
  };

  Promise.all([...document.querySelectorAll(".nnw-slot")].map(start)).then(() => {
    read();
    addEventListener("hashchange", read);
  });
})();
