// Makes what a script's `run` is given: `input`, `tools`, `state` and `steward`.

export default function run(natives, shared) {
  const { freeze, create, uncurry, errorOf, timeOf, EngineDate, now, id } = shared;
  const { call, fail, span, time, parse } = natives;
  const split = uncurry(String.prototype.split);
  const join = uncurry(Array.prototype.join);
  const has = uncurry(Object.prototype.hasOwnProperty);
  const parseDate = EngineDate.parse;
  const isFinite = Number.isFinite;
  const NewProxy = Proxy;

  // A name that is not there is a clear error, not `undefined is not a function` one line later.
  const guarded = (members, what, known) => {
    freeze(members);
    const missing = (target, name) => {
      if (typeof name === "symbol" || has(target, name)) return target[name];
      // Asked by `await`, by printing and by comparing; never names of tools.
      if (name === "then" || name === "toJSON" || name === "constructor") return undefined;
      throw errorOf("ReferenceError", `there is no \`${what}${name}\`: granted ${known.length === 1 ? "is" : "are"} ${join(known, ", ") || "no tools"}`);
    };
    return new NewProxy(members, freeze({ __proto__: null, get: missing }));
  };

  const toolsOf = (names) => {
    const services = create(null);
    for (let index = 0; index < names.length; index++) {
      const name = names[index];
      const { 0: service, 1: verb } = split(name, ".");
      services[service] ??= create(null);
      services[service][verb] = freeze({ [verb](args, options) { return call(name, args, options); } }[verb]);
    }
    for (const service in services) services[service] = guarded(services[service], `tools.${service}.`, names);
    return guarded(services, "tools.", names);
  };

  const millis = (point, what) => {
    if (typeof point === "number" && isFinite(point)) return point;
    let parsed = NaN;
    if (typeof point === "string") parsed = parseDate(point);
    else if (typeof point === "object" && point !== null) {
      try { parsed = timeOf(point); } catch { /* No Date: refused below. */ }
    }
    if (!isFinite(parsed)) throw errorOf("TypeError", `${what} is a Date, milliseconds, or a text such as "2026-03-29T09:00:00Z"`);
    return parsed;
  };
  const length = (span_, what) => {
    if (typeof span_ === "number" && isFinite(span_) && span_ >= 0) return span_;
    if (typeof span_ === "string") return span(span_);
    throw errorOf("TypeError", `${what} is milliseconds, or a text such as "90s", "15m", "72h" or "1h30m"`);
  };

  const steward = {
    now() { return now(); },
    id() { return id(); },
    sleep(span_) { return call("steward.sleep", { ms: length(span_, "the time to sleep") }); },
    sleepUntil(point) { return call("steward.sleep", { until_ms: millis(point, "the time to sleep until") }); },
    waitFor(event, options) {
      if (typeof event !== "string" || event === "") throw errorOf("TypeError", "`waitFor` takes the name of an event");
      const { until, timeout } = options ?? {};
      if (until !== undefined) return call("steward.wait_for", { event, until_ms: millis(until, "`until`") });
      if (timeout !== undefined) return call("steward.wait_for", { event, until_ms: now() + length(timeout, "`timeout`") });
      return call("steward.wait_for", { event });
    },
    ask(question, options, more) {
      if (typeof question !== "string" || question === "") throw errorOf("TypeError", "`ask` takes a question, and the options to choose from");
      const { text, otherwise, until, timeout } = more ?? {};
      return call("steward.ask", {
        question,
        options,
        ...(text === undefined ? {} : { text }),
        ...(otherwise === undefined ? {} : { otherwise }),
        ...(until !== undefined ? { until_ms: millis(until, "`until`") } : {}),
        ...(until === undefined && timeout !== undefined ? { until_ms: now() + length(timeout, "`timeout`") } : {}),
      });
    },
    fail(message, details) { fail(`${message}`, details); },
    time: freeze({
      parts(point, zone) { return time.parts(millis(point, "the time"), zone); },
      format(point, zone, pattern) { return time.format(millis(point, "the time"), zone, pattern); },
      parse(text, zone) { return new EngineDate(time.parse(text, zone)); },
      add(point, amounts, zone) { return new EngineDate(time.add(millis(point, "the time"), amounts, zone)); },
      startOf(point, unit, zone) { return new EngineDate(time.startOf(millis(point, "the time"), unit, zone)); },
    }),
    parse: freeze({
      csv(text, options) { return parse.csv(text, options ?? {}); },
      json(text, options) { return parse.json(text, options ?? {}); },
      xml(text) { return parse.xml(text); },
      feed(text) { return parse.feed(text); },
      ics(text) { return parse.ics(text); },
      html(text) {
        const select = (css) => parse.html(text, css);
        parse.html(text, "html");
        return freeze({ select(css) { return select(css); } });
      },
    }),
  };
  freeze(steward);

  const state = freeze({
    get(key) { return call("state.get", { key }); },
    set(key, value) { return call("state.set", { key, value }); },
    delete(key) { return call("state.delete", { key }); },
  });

  shared.hooks.entry = (input, names) => ({ input, tools: toolsOf(names), state, steward });
}
