// Takes away what could tell two executions apart, and puts the run's own time and chance in its place.
//
// Everything that is needed later is taken here, before any script could have changed it.

export default function core(natives, shared) {
  const { apply, construct, defineProperty, deleteProperty, ownKeys } = Reflect;
  const { freeze, create } = Object;
  const uncurry = (method) => (self, ...rest) => apply(method, self, rest);
  const hidden = (value) => ({ __proto__: null, value, writable: true, enumerable: false, configurable: true });
  const define = (object, name, value) => defineProperty(object, name, hidden(value));

  for (const name of ["eval", "SharedArrayBuffer", "Atomics", "WeakRef", "FinalizationRegistry", "performance"]) {
    deleteProperty(globalThis, name);
  }

  // A hook of the engine that runs code while an error is made; assigning to it has no effect.
  for (const name of ["prepareStackTrace", "stackTraceLimit"]) {
    defineProperty(Error, name, { __proto__: null, get: () => undefined, set: () => {}, enumerable: false, configurable: false });
  }

  // The engine keeps the stack of an error where no script can change it, and shows it through this getter.
  const stackOf = uncurry(Object.getOwnPropertyDescriptor(Error.prototype, "stack").get);

  const EngineDate = Date;
  const timeOf = uncurry(EngineDate.prototype.getTime);
  const dateText = uncurry(EngineDate.prototype.toString);
  const { now, random, id } = natives;
  const RunDate = function Date(...parts) {
    if (new.target === undefined) return dateText(new EngineDate(now()));
    return construct(EngineDate, parts.length === 0 ? [now()] : parts, new.target);
  };
  define(RunDate, "now", { now() { return now(); } }.now);
  define(RunDate, "parse", EngineDate.parse);
  define(RunDate, "UTC", EngineDate.UTC);
  defineProperty(RunDate, "length", { __proto__: null, value: 7, configurable: true });
  defineProperty(RunDate, "prototype", { __proto__: null, value: EngineDate.prototype, writable: false });
  define(EngineDate.prototype, "constructor", RunDate);
  define(globalThis, "Date", RunDate);
  define(Math, "random", { random() { return random(); } }.random);

  const AnyError = Error;
  const kinds = { __proto__: null, Error, TypeError, RangeError, SyntaxError, ReferenceError };
  const errorOf = (name, message) => {
    const Kind = kinds[name];
    if (Kind !== undefined) return new Kind(message);
    const error = new AnyError(message);
    define(error, "name", name);
    return error;
  };
  const refuse = (error, code, message, data) => {
    define(error, "message", message);
    defineProperty(error, "code", { __proto__: null, value: code, writable: true, enumerable: true, configurable: true });
    defineProperty(error, "data", { __proto__: null, value: data, writable: true, enumerable: true, configurable: true });
    return error;
  };

  const log = natives.log;
  define(globalThis, "console", {
    debug(...values) { log("debug", values); },
    log(...values) { log("info", values); },
    info(...values) { log("info", values); },
    warn(...values) { log("warn", values); },
    error(...values) { log("error", values); },
  });

  shared.uncurry = uncurry;
  shared.define = define;
  shared.freeze = freeze;
  shared.create = create;
  shared.ownKeys = ownKeys;
  shared.EngineDate = EngineDate;
  shared.RunDate = RunDate;
  shared.timeOf = timeOf;
  shared.errorOf = errorOf;
  shared.id = id;
  shared.now = now;
  shared.hooks = { __proto__: null, error: errorOf, refuse };
  shared.samples = {
    __proto__: null,
    array: [],
    date: new EngineDate(0),
    arguments: (function () { return arguments; })(),
    timeOf: (date) => timeOf(date),
    stackOf: (error) => stackOf(error),
  };
  // The zone is read once, here, where the process may still read files.
  new EngineDate(0).getTimezoneOffset();
}
