// URL and URLSearchParams, over a native parser.

export default function url(natives, shared) {
  const { define, errorOf, wellFormed } = shared;
  const { parse, set, origin, pairs: pairsOf, query } = natives.url;
  const iterator = Symbol.iterator;
  const isArray = Array.isArray;
  const keys = Object.keys;
  const text = (value) => wellFormed(`${value}`);
  const HREF = 0, PROTOCOL = 1, USERNAME = 2, PASSWORD = 3, HOST = 4, HOSTNAME = 5, PORT = 6, PATHNAME = 7, SEARCH = 8, HASH = 9;

  let bind;
  class URLSearchParams {
    #pairs = [];
    #changed = undefined;
    static {
      // For URL alone: it shows a change on either side to the other.
      bind = (params, search, changed) => {
        params.#pairs = pairsOf(search);
        params.#changed = changed;
      };
    }
    constructor(init = "") {
      if (typeof init === "object" && init !== null) {
        if (typeof init[iterator] === "function") {
          for (const pair of init) this.#push(pair[0], pair[1]);
        } else {
          const names = keys(init);
          for (let index = 0; index < names.length; index++) this.#push(names[index], init[names[index]]);
        }
      } else {
        this.#pairs = pairsOf(text(init));
      }
    }
    #push(name, value) { define(this.#pairs, this.#pairs.length, [text(name), text(value)]); }
    #keep(wanted) {
      const kept = [];
      for (let index = 0; index < this.#pairs.length; index++) {
        if (wanted(this.#pairs[index])) define(kept, kept.length, this.#pairs[index]);
      }
      this.#pairs = kept;
    }
    #tell() { if (this.#changed !== undefined) this.#changed(query(this.#pairs)); }
    get size() { return this.#pairs.length; }
    append(name, value) { this.#push(name, value); this.#tell(); }
    delete(name, value) {
      name = text(name);
      if (value !== undefined) value = text(value);
      this.#keep((pair) => pair[0] !== name || (value !== undefined && pair[1] !== value));
      this.#tell();
    }
    get(name) {
      name = text(name);
      for (let index = 0; index < this.#pairs.length; index++) if (this.#pairs[index][0] === name) return this.#pairs[index][1];
      return null;
    }
    getAll(name) {
      name = text(name);
      const found = [];
      for (let index = 0; index < this.#pairs.length; index++) {
        if (this.#pairs[index][0] === name) define(found, found.length, this.#pairs[index][1]);
      }
      return found;
    }
    has(name, value) {
      name = text(name);
      for (let index = 0; index < this.#pairs.length; index++) {
        if (this.#pairs[index][0] === name && (value === undefined || this.#pairs[index][1] === text(value))) return true;
      }
      return false;
    }
    set(name, value) {
      name = text(name);
      value = text(value);
      let done = false;
      this.#keep((pair) => {
        if (pair[0] !== name) return true;
        if (done) return false;
        pair[1] = value;
        done = true;
        return true;
      });
      if (!done) this.#push(name, value);
      this.#tell();
    }
    sort() {
      // By name, stable: an insertion sort needs nothing that a script may have changed.
      const pairs = this.#pairs;
      for (let index = 1; index < pairs.length; index++) {
        const pair = pairs[index];
        let at = index;
        for (; at > 0 && pairs[at - 1][0] > pair[0]; at--) pairs[at] = pairs[at - 1];
        pairs[at] = pair;
      }
      this.#tell();
    }
    forEach(callback, self) { for (const pair of this) callback.call(self, pair[1], pair[0], this); }
    *entries() { for (let index = 0; index < this.#pairs.length; index++) yield [this.#pairs[index][0], this.#pairs[index][1]]; }
    *keys() { for (let index = 0; index < this.#pairs.length; index++) yield this.#pairs[index][0]; }
    *values() { for (let index = 0; index < this.#pairs.length; index++) yield this.#pairs[index][1]; }
    [iterator]() { return this.entries(); }
    toString() { return query(this.#pairs); }
  }

  class URL {
    #parts;
    #params;
    constructor(href, base) {
      const parts = base === undefined ? parse(text(href)) : parse(text(href), text(base));
      if (parts === undefined || parts === null) throw errorOf("TypeError", `\`${href}\` is no URL`);
      this.#parts = parts;
    }
    static canParse(href, base) {
      const parts = base === undefined ? parse(text(href)) : parse(text(href), text(base));
      return parts !== undefined && parts !== null;
    }
    static parse(href, base) { return URL.canParse(href, base) ? new URL(href, base) : null; }
    #set(part, value) {
      this.#parts = set(this.#parts[HREF], part, text(value)) ?? this.#parts;
      if (part === "search") this.#follow();
    }
    #follow() {
      if (this.#params !== undefined) this.#bind(this.#params);
    }
    #bind(params) {
      bind(params, this.#parts[SEARCH], (search) => { this.#parts = set(this.#parts[HREF], "search", search) ?? this.#parts; });
    }
    get href() { return this.#parts[HREF]; }
    set href(href) {
      const parts = parse(text(href));
      if (parts === undefined || parts === null) throw errorOf("TypeError", `\`${href}\` is no URL`);
      this.#parts = parts;
      this.#follow();
    }
    get origin() { return origin(this.#parts[HREF]); }
    get protocol() { return this.#parts[PROTOCOL]; }
    set protocol(value) { this.#set("protocol", value); }
    get username() { return this.#parts[USERNAME]; }
    set username(value) { this.#set("username", value); }
    get password() { return this.#parts[PASSWORD]; }
    set password(value) { this.#set("password", value); }
    get host() { return this.#parts[HOST]; }
    set host(value) { this.#set("host", value); }
    get hostname() { return this.#parts[HOSTNAME]; }
    set hostname(value) { this.#set("hostname", value); }
    get port() { return this.#parts[PORT]; }
    set port(value) { this.#set("port", value); }
    get pathname() { return this.#parts[PATHNAME]; }
    set pathname(value) { this.#set("pathname", value); }
    get search() { return this.#parts[SEARCH]; }
    set search(value) { this.#set("search", value); }
    get hash() { return this.#parts[HASH]; }
    set hash(value) { this.#set("hash", value); }
    get searchParams() {
      if (this.#params === undefined) {
        this.#params = new URLSearchParams();
        this.#bind(this.#params);
      }
      return this.#params;
    }
    toString() { return this.href; }
    toJSON() { return this.href; }
  }

  define(globalThis, "URL", URL);
  define(globalThis, "URLSearchParams", URLSearchParams);
  // `isArray` is kept for the helpers that follow.
  shared.isArray = isArray;
}
