import { AsyncLocalStorage } from "node:async_hooks";

/** A value that goes along with a call and all that it awaits. */
export interface Context<T> {
  run<R>(value: T, fn: () => R): R;
  get(): T | undefined;
}

/** A new context, empty until `run`. */
export function context<T>(): Context<T> {
  const storage = new AsyncLocalStorage<T>();
  return { run: (value, fn) => storage.run(value, fn), get: () => storage.getStore() };
}
