/** A promise that knows whether somebody waits for it: `await` calls `then` of a subclass. */
export class ObservedPromise extends Promise<void> {
  watched = false;

  static override get [Symbol.species](): PromiseConstructor {
    return Promise;
  }

  // deno-lint-ignore no-explicit-any -- the signature of Promise.then
  override then(...handlers: Parameters<Promise<void>["then"]>): Promise<any> {
    this.watched = true;
    return super.then(...handlers);
  }

  /** Its rejection ends no process, also if nobody waits for it. */
  excuse(): void {
    Promise.prototype.then.call(this, undefined, () => {});
  }
}
