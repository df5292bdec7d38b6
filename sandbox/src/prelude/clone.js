// structuredClone: plain data, dates, maps, sets, buffers and errors, with cycles.

export default function clone(natives, shared) {
  const { define, errorOf, uncurry, timeOf, EngineDate, isArray, ownKeys } = shared;
  const getPrototypeOf = Object.getPrototypeOf;
  const isEnumerable = uncurry(Object.prototype.propertyIsEnumerable);
  const isError = Error.isError;
  const NewMap = Map;
  const NewSet = Set;
  const mapHas = uncurry(Map.prototype.has), mapGet = uncurry(Map.prototype.get), mapSet = uncurry(Map.prototype.set);
  const mapEach = uncurry(Map.prototype.forEach), setEach = uncurry(Set.prototype.forEach), setAdd = uncurry(Set.prototype.add);
  const bufferSlice = uncurry(ArrayBuffer.prototype.slice);
  const bytesSlice = uncurry(getPrototypeOf(Uint8Array.prototype).slice);
  const sizeOf = Object.getOwnPropertyDescriptor(ArrayBuffer.prototype, "byteLength").get;
  const apply = Reflect.apply;
  const isView = ArrayBuffer.isView;
  const errors = { __proto__: null, Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError };

  const refused = { __proto__: null, RegExp, Promise, WeakMap, WeakSet };

  const attempt = (read) => { try { return read(); } catch { return undefined; } };
  const refuse = (what) => errorOf("DataCloneError", `${what} cannot be cloned`);

  const copy = (value, seen) => {
    if (typeof value === "function") throw refuse("a function");
    if (typeof value === "symbol") throw refuse("a symbol");
    if (typeof value !== "object" || value === null) return value;
    if (mapHas(seen, value)) return mapGet(seen, value);
    const keep = (made) => { mapSet(seen, value, made); return made; };
    if (isArray(value)) {
      const made = keep([]);
      made.length = value.length;
      members(value, made, seen);
      return made;
    }
    const time = attempt(() => timeOf(value));
    if (time !== undefined) return keep(new EngineDate(time));
    if (value instanceof NewMap) {
      const made = keep(new NewMap());
      mapEach(value, (item, key) => { mapSet(made, copy(key, seen), copy(item, seen)); });
      return made;
    }
    if (value instanceof NewSet) {
      const made = keep(new NewSet());
      setEach(value, (item) => { setAdd(made, copy(item, seen)); });
      return made;
    }
    if (isView(value)) return keep(bytesSlice(value));
    if (attempt(() => apply(sizeOf, value, [])) !== undefined) return keep(bufferSlice(value, 0));
    if (isError(value)) {
      const Kind = errors[value.name] ?? errors.Error;
      const made = keep(new Kind(`${value.message}`));
      if ("cause" in value) define(made, "cause", copy(value.cause, seen));
      return made;
    }
    for (const name in refused) if (value instanceof refused[name]) throw refuse(`a ${name}`);
    const made = keep({});
    members(value, made, seen);
    return made;
  };
  const members = (from, to, seen) => {
    const names = ownKeys(from);
    for (let index = 0; index < names.length; index++) {
      const name = names[index];
      if (typeof name === "string" && isEnumerable(from, name)) put(to, name, copy(from[name], seen));
    }
  };
  const { defineProperty } = Reflect;
  const put = (object, name, value) =>
    defineProperty(object, name, { __proto__: null, value, writable: true, enumerable: true, configurable: true });

  define(globalThis, "structuredClone", { structuredClone(value) { return copy(value, new NewMap()); } }.structuredClone);
}
