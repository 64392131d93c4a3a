// A gallery on a page: tiles, filter, order, pages, large view, selection. Shows what the kernel tells, asks it for the
// rest, and keeps nothing. What is set as HTML was made and escaped by the kernel.

const ORDERS = {
  name: (a, b) => a.place - b.place,
  size: (a, b) => b.size - a.size,
  date: (a, b) => b.modified - a.modified,
  type: (a, b) => a.type.localeCompare(b.type) || a.place - b.place,
};
const KEYS = "Arrow keys move, Enter opens, Space selects, Escape closes.";
const MOVES = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: "up", ArrowDown: "down", Home: "first", End: "last" };

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

function fits(pattern) {
  if (!/[*?[{]/.test(pattern)) return (name) => name.includes(pattern);
  let source = "";
  let depth = 0;
  for (const letter of pattern) {
    if (letter === "*") source += ".*";
    else if (letter === "?") source += ".";
    else if (letter === "{") (source += "(?:"), (depth += 1);
    else if (letter === "}" && depth) (source += ")"), (depth -= 1);
    else if (letter === "," && depth) source += "|";
    else source += letter.replace(/[.+^$()|[\]\\{}]/, "\\$&");
  }
  const whole = new RegExp(`^${source}${")".repeat(depth)}$`);
  return (name) => whole.test(name);
}

class View {
  constructor(model, el) {
    this.model = model;
    this.slots = new Map(); // by URL: { slot, tile, open, box, ...what the kernel told of it }
    this.order = []; // URLs as they are shown
    this.page = { number: 1, pages: null, more: false };
    this.opened = null;
    this.picture = null;
    this.build(el);
    this.seen = new IntersectionObserver((entries) => this.see(entries), { rootMargin: "300px" });
    this.hear = (message, buffers) => this.on[message.tell]?.call(this, message, buffers);
    model.on("msg:custom", this.hear);
    this.ask("page");
  }

  close() {
    this.model.off("msg:custom", this.hear);
    this.seen.disconnect();
    this.forgetPicture();
  }

  ask(what, more = {}) {
    try {
      this.model.send({ ask: what, ...more });
    } catch {
      // There is no kernel: the page that the notebook keeps stays in sight.
    }
  }

  build(el) {
    const button = (words, onclick, more = {}) => make("button", { type: "button", onclick, ...more }, words);
    this.filter = make("input", {
      type: "search", placeholder: "filter by name or *.tif", "aria-label": "Filter", oninput: () => this.arrange(),
    });
    this.sort = make(
      "select", { "aria-label": "Sort by", onchange: () => this.arrange() },
      ...Object.keys(ORDERS).map((name) => make("option", { value: name }, `by ${name}`)),
    );
    this.count = make("span", { class: "s3m-note", role: "status" });
    const everywhere = "Give the selection back, that of other pages too";
    this.none = button("Select none", () => this.select(null, false), { hidden: true, title: everywhere });
    this.tools = make(
      "div", { class: "s3m-tools", role: "toolbar", "aria-label": "Gallery" }, this.filter, this.sort,
      button("Select all", () => this.select(this.shown(), true), { title: "Select what is shown on this page" }),
      this.none, this.count,
      button("Mount", () => this.hand("mount"), { title: "Show the folder of the selection as ordinary files" }),
      button("Link", () => this.hand("line"), { title: "Keep the selection by reference, in a folder for git" }),
    );
    this.line = make("div", { class: "s3m-handed", hidden: true, role: "status" });
    this.bars = make("div");
    this.grid = make("div", { class: "s3m-grid", role: "list", "aria-label": `Previews. ${KEYS}`, title: "" });
    this.large = make("section", { class: "s3m-large", hidden: true, "aria-label": "Large view" });
    this.progress = make("progress", { "aria-label": "Previews that are ready", hidden: true });
    this.note = make("span", { class: "s3m-note" });
    this.back = button("‹ Back", () => this.turn(this.page.number - 1), { "aria-label": "Previous page" });
    this.on_ = button("More ›", () => this.turn(this.page.number + 1), { "aria-label": "Next page" });
    this.where = make("span", { class: "s3m-note" });
    this.root = make(
      "div",
      { class: "s3m-gallery s3m-view", hidden: true, "data-lm-suppress-shortcuts": "true", style: this.model.get("measures") },
      make("div", { class: "s3m-where" }, this.model.get("where")), this.tools, this.line, this.bars, this.grid,
      make("div", { class: "s3m-tools s3m-foot" }, this.back, this.where, this.on_, this.progress, this.note),
    );
    this.root.addEventListener("keydown", (event) => this.press(event));
    el.append(this.root);
  }

  on = {
    page(told) {
      this.root.hidden = false;
      this.root.classList.add(this.model.get("identity")); // hides the page that the notebook keeps
      this.shut();
      this.seen.disconnect();
      this.page = told;
      this.slots = new Map(told.tiles.map((one, place) => [one.url, this.slot({ ...one, place })]));
      this.arrange();
      this.grid.scrollTop = 0;
      this.tools.hidden = !told.tiles.length;
      this.state(told);
      this.chosen(told.count);
      this.back.hidden = told.number <= 1;
      this.on_.hidden = !told.more;
      this.on_.disabled = this.back.disabled = false;
      const many = told.number > 1 || told.more;
      this.where.textContent = many ? `page ${told.number}${told.pages ? ` of ${told.pages}` : ""}` : "";
      this.sort.title = many ? "Orders this page; %s3thumbs --sort orders all" : "";
      if (this.turned) this.root.scrollIntoView({ block: "nearest" });
      this.turned = false;
    },
    tiles(told) {
      for (const { url, html } of told.tiles) this.fill(url, html);
      this.state(told);
    },
    state(told) {
      this.state(told);
    },
    selected(told) {
      this.chosen(told.count);
    },
    large(told) {
      if (told.url !== this.opened) return;
      if (!this.whole) this.picture.innerHTML = told.picture;
      this.said.innerHTML = told.said;
      this.original.hidden = !told.original;
    },
    link(told) {
      if (told.url === this.opened) this.links.replaceChildren(this.copyable("link", told.link, told.note));
    },
    original(told) {
      if (told.url !== this.opened) return;
      const image = make("img", { alt: `${this.slots.get(told.url)?.name} at full size` });
      image.onload = () => told.url === this.opened && this.showWhole(image, "");
      image.onerror = () => told.url === this.opened && this.ask("through", { url: told.url });
      this.links.replaceChildren(make("div", { class: "s3m-note" }, "Loading the original …"));
      image.referrerPolicy = "no-referrer";
      image.src = told.link;
    },
    through(told, buffers) {
      if (told.url !== this.opened) return;
      this.forgetPicture();
      this.blob = URL.createObjectURL(new Blob([buffers[0]], { type: told.type }));
      const alt = `${this.slots.get(told.url)?.name}, read by the kernel`;
      this.showWhole(make("img", { src: this.blob, alt }), told.note);
    },
    line(told) {
      const away = make("button", { type: "button", onclick: () => (this.line.hidden = true) }, "Close");
      this.line.replaceChildren(this.copyable("line for a cell", told.line, "", told.note), away);
      this.line.hidden = false;
    },
    trouble(told) {
      const words = make("div", { class: "s3m-why", role: "alert" }, told.lines.join(". "));
      if (told.about.url && told.about.url === this.opened) this.links.replaceChildren(words);
      else this.line.replaceChildren(words), (this.line.hidden = false);
      this.on_.disabled = this.back.disabled = false;
    },
  };

  slot(told) {
    const { url, name } = told;
    const tile = make("div", { class: "s3m-inside" });
    const open = make("button", {
      type: "button", class: "s3m-open", "aria-label": `Open ${name}`, tabindex: -1, onclick: () => this.open(url),
    });
    const box = make("input", {
      type: "checkbox", class: "s3m-choose", "aria-label": `Select ${name}`, tabindex: -1, checked: told.selected,
      onclick: (event) => this.click(url, event),
    });
    const slot = make("div", { class: "s3m-slot s3m-pending", role: "listitem" }, tile, open, box);
    tile.append(this.waiting(told));
    slot.classList.toggle("s3m-chosen", told.selected);
    slot.dataset.url = url;
    slot.addEventListener("focusin", () => this.stop(url));
    this.seen.observe(slot);
    return { ...told, slot, tile, open, box };
  }

  waiting({ name, type }) {
    return make(
      "figure", { class: "s3m-tile s3m-pending" },
      make("div", { class: "s3m-picture" }, make("div", { class: "s3m-icon", role: "img", "aria-label": "reading" }, type)),
      make("figcaption", { class: "s3m-words" }, make("div", { class: "s3m-name" }, make("span", {}, name))),
    );
  }

  fill(url, html) {
    const one = this.slots.get(url);
    if (!one) return;
    const fresh = make("div");
    fresh.innerHTML = html;
    const [now, next] = [one.tile.querySelector(".s3m-picture img"), fresh.querySelector(".s3m-picture img")];
    // Where only the colours changed, the picture that is there stays until the new one is decoded.
    if (now && next) next.decode().catch(() => {}).then(() => one.tile.replaceChildren(...fresh.children));
    else one.tile.replaceChildren(...fresh.children);
    one.slot.classList.remove("s3m-pending");
  }

  state(told) {
    if (this.barred !== told.bars) this.bars.innerHTML = this.barred = told.bars;
    this.progress.hidden = told.ready >= told.total;
    this.progress.max = told.total;
    this.progress.value = told.ready;
    this.note.textContent = (told.ready < told.total ? `${told.ready} of ${told.total} ready · ` : "") + told.note;
  }

  arrange() {
    const wanted = this.filter.value.trim().toLowerCase();
    const good = fits(wanted);
    const all = [...this.slots.values()].sort(ORDERS[this.sort.value]);
    for (const one of all) one.slot.hidden = Boolean(wanted) && !good(one.name.toLowerCase());
    this.order = all.map((one) => one.url);
    this.grid.replaceChildren(...all.map((one) => one.slot));
    this.put();
    if (!this.shown().includes(this.at)) this.stop(this.shown()[0]);
  }

  shown() {
    return this.order.filter((url) => !this.slots.get(url).slot.hidden);
  }

  see(entries) {
    const urls = entries.filter((one) => one.isIntersecting).map((one) => one.target.dataset.url);
    const wanted = urls.filter((url) => this.slots.get(url)?.slot.classList.contains("s3m-pending"));
    if (wanted.length) this.ask("pictures", { urls: wanted });
  }

  // One tile alone is reached by Tab; arrows lead to the others.
  stop(url) {
    for (const one of [this.slots.get(this.at), this.slots.get(url)]) {
      if (one) one.open.tabIndex = one.box.tabIndex = one.url === url ? 0 : -1;
    }
    this.at = url;
  }

  press(event) {
    event.stopPropagation(); // the notebook has keys of its own
    const url = event.target.closest?.(".s3m-slot")?.dataset.url;
    if (event.key === "Escape" && this.opened) {
      this.leave();
    } else if (url && event.key in MOVES) {
      this.slots.get(this.next(url, MOVES[event.key]))?.open.focus();
    } else if (url && event.key === " " && event.target.classList.contains("s3m-open")) {
      this.select([url], !this.slots.get(url).box.checked);
    } else if (url && event.key === "a" && (event.ctrlKey || event.metaKey)) {
      this.select(this.shown(), true);
    } else {
      return;
    }
    event.preventDefault();
  }

  next(url, move) {
    const shown = this.shown();
    const here = shown.indexOf(url);
    if (move === "first" || move === "last") return shown.at(move === "first" ? 0 : -1);
    if (typeof move === "number") return shown[here + move];
    const box = this.slots.get(url).slot.getBoundingClientRect();
    const down = move === "down";
    const rest = down ? shown.slice(here + 1) : shown.slice(0, Math.max(here, 0)).reverse();
    return rest.find((one) => {
      const other = this.slots.get(one).slot.getBoundingClientRect();
      return (down ? other.top > box.top + 1 : other.top < box.top - 1) && Math.abs(other.left - box.left) < box.width / 2;
    });
  }

  click(url, event) {
    const on = event.target.checked;
    const shown = this.shown();
    const [from, to] = [shown.indexOf(this.last), shown.indexOf(url)].sort((a, b) => a - b);
    this.select(event.shiftKey && from >= 0 ? shown.slice(from, to + 1) : [url], on);
    this.last = url;
  }

  select(urls, on) {
    for (const url of urls ?? this.slots.keys()) {
      const one = this.slots.get(url);
      one.box.checked = on;
      one.slot.classList.toggle("s3m-chosen", on);
    }
    this.ask("select", { urls, on });
  }

  chosen(count) {
    this.count.textContent = count ? `${count} selected` : "";
    this.none.hidden = !count;
  }

  hand(what) {
    this.line.replaceChildren(make("div", { class: "s3m-note" }, "One moment …"));
    this.line.hidden = false;
    this.ask(what);
  }

  turn(number) {
    this.on_.disabled = this.back.disabled = true;
    this.turned = true;
    this.ask("page", { number });
  }

  open(url) {
    const button = (words, onclick, more = {}) => make("button", { type: "button", onclick, ...more }, words);
    this.forgetPicture();
    this.whole = false;
    this.opened = url;
    this.picture = make("div", { class: "s3m-shown" });
    this.said = make("div", { class: "s3m-said" });
    this.links = make("div", { class: "s3m-links", role: "status" });
    this.original = button("Original", () => this.ask("original", { url }), { hidden: true });
    const close = button("Close", () => this.leave());
    this.large.replaceChildren(
      make(
        "div", { class: "s3m-tools" }, button("Previous", () => this.step(-1)), button("Next", () => this.step(1)),
        this.original, button("Get link", () => this.ask("link", { url })), close,
      ),
      this.links, make("div", { class: "s3m-pair" }, this.picture, this.said),
    );
    this.large.hidden = false;
    this.put();
    close.focus({ preventScroll: true });
    this.large.scrollIntoView({ block: "nearest" });
    this.ask("open", { url });
  }

  showWhole(image, note) {
    this.whole = true;
    this.picture.replaceChildren(image);
    this.links.replaceChildren(make("div", { class: "s3m-note" }, note));
  }

  put() {
    const slot = this.slots.get(this.opened)?.slot;
    if (slot && !slot.hidden) slot.after(this.large);
    else this.shut();
  }

  step(by) {
    const shown = this.shown();
    this.open(shown[(shown.indexOf(this.opened) + by + shown.length) % shown.length]);
  }

  leave() {
    const url = this.opened;
    this.shut();
    this.slots.get(url)?.open.focus();
  }

  shut() {
    this.forgetPicture();
    this.opened = null;
    this.large.hidden = true;
    this.large.replaceChildren();
    this.large.remove();
  }

  forgetPicture() {
    if (this.blob) URL.revokeObjectURL(this.blob);
    this.blob = null;
  }

  copyable(label, text, note, before = "") {
    const field = make("input", { readonly: true, "aria-label": label, value: text, onfocus: (event) => event.target.select() });
    const copy = make("button", { type: "button" }, "Copy");
    copy.onclick = () => {
      field.select();
      const said = () => (copy.textContent = "Copied");
      if (navigator.clipboard) navigator.clipboard.writeText(text).then(said, () => document.execCommand("copy") && said());
      else if (document.execCommand("copy")) said();
    };
    return make(
      "div", { class: "s3m-copyable" }, make("div", { class: "s3m-note" }, before), field, copy,
      make("div", { class: "s3m-note" }, note),
    );
  }
}

function render({ model, el }) {
  const view = new View(model, el);
  return () => view.close();
}

export default { render };
