// TextEncoder, TextDecoder, atob and btoa, over native functions.

export default function text(natives, shared) {
  const { define, uncurry, errorOf } = shared;
  const { encode, decode, toBase64, fromBase64 } = natives.text;
  const wellFormed = uncurry(String.prototype.toWellFormed);
  const toLowerCase = uncurry(String.prototype.toLowerCase);
  const trim = uncurry(String.prototype.trim);
  const Bytes = Uint8Array;
  const Buffer = ArrayBuffer;
  const isView = ArrayBuffer.isView;
  const apply = Reflect.apply;
  const getter = (name) => {
    const { get } = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Uint8Array.prototype), name);
    return (view) => apply(get, view, []);
  };
  const viewOf = (names, prototype) => names.map((name) => Object.getOwnPropertyDescriptor(prototype, name).get);
  const ofArray = viewOf(["buffer", "byteOffset", "byteLength"], Object.getPrototypeOf(Uint8Array.prototype));
  const ofData = viewOf(["buffer", "byteOffset", "byteLength"], DataView.prototype);
  const tag = getter(Symbol.toStringTag);
  const bytesOf = (source) => {
    if (source === undefined) return new Bytes(0);
    if (isView(source)) {
      const parts = tag(source) === undefined ? ofData : ofArray;
      return new Bytes(apply(parts[0], source, []), apply(parts[1], source, []), apply(parts[2], source, []));
    }
    if (source instanceof Buffer) return new Bytes(source);
    throw errorOf("TypeError", "what is decoded is a typed array or an ArrayBuffer");
  };

  define(globalThis, "TextEncoder", class TextEncoder {
    get encoding() { return "utf-8"; }
    encode(text = "") { return encode(wellFormed(`${text}`)); }
  });

  define(globalThis, "TextDecoder", class TextDecoder {
    #fatal;
    #ignoreBOM;
    constructor(label = "utf-8", options = {}) {
      const name = toLowerCase(trim(`${label}`));
      if (name !== "utf-8" && name !== "utf8" && name !== "unicode-1-1-utf-8") {
        throw errorOf("RangeError", `the encoding \`${label}\` is not known: utf-8 is`);
      }
      this.#fatal = !!options.fatal;
      this.#ignoreBOM = !!options.ignoreBOM;
    }
    get encoding() { return "utf-8"; }
    get fatal() { return this.#fatal; }
    get ignoreBOM() { return this.#ignoreBOM; }
    decode(source) { return decode(bytesOf(source), this.#fatal, this.#ignoreBOM); }
  });

  define(globalThis, "btoa", { btoa(binary) { return toBase64(wellFormed(`${binary}`)); } }.btoa);
  define(globalThis, "atob", { atob(text) { return fromBase64(wellFormed(`${text}`)); } }.atob);
  shared.wellFormed = wellFormed;
}
