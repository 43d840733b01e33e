/** What a program may throw, and nobody may look at without care. */
const throws = () => {
  throw new Error("a trap");
};

/** Every trap that a Proxy has, and each throws. */
export const TRAPS: ProxyHandler<object> = Object.fromEntries(
  Object.getOwnPropertyNames(Reflect).map((name) => [name, throws]),
);

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

export const HOSTILE: Readonly<Record<string, unknown>> = {
  "no prototype": Object.create(null),
  "a Proxy whose traps throw": new Proxy({}, TRAPS),
  "a Proxy of an error whose traps throw": new Proxy(new Error("x"), TRAPS),
  "a revoked Proxy": revoked(),
  "a message that is an object": Object.assign(new Error(), { message: { status: 500 } }),
  "a message and a stack that throw": Object.defineProperties(new Error(), {
    message: { get: throws },
    stack: { get: throws },
  }),
  "a stack that is no text": Object.defineProperty(new Error("plain"), "stack", { value: [] }),
  "a toString that throws": { toString: throws },
  "undefined": undefined,
  "a symbol": Symbol("s"),
};

/** A promise-like whose `then` throws. */
export const BAD_THENABLE: Promise<never> = Object.defineProperty(Object.create(null), "then", { get: throws });
