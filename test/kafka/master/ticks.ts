import assert from "node:assert/strict";
import { describeTransactions } from "../../../src/broker/requests/65-describe-transactions.ts";
import type { FencedPublisher } from "../../../src/driver/master-log.ts";
import { until } from "../../support/until.ts";
import { wireClient } from "../../support/wire-client.ts";
import { type App, yes } from "./masters.ts";
import { failure } from "../../support/failure.ts";

/** As a master does: what is not known is found out from the journal, and what did not happen is tried again. */
export async function surely(
  app: App,
  master: FencedPublisher,
  name: string,
  values: readonly string[],
): Promise<void> {
  await until(async () => {
    const code = await failure(app.tick(master, name, values));
    if (code === "") return true;
    assert.ok(["UNKNOWN_OUTCOME", "UNREACHABLE", "PROTOCOL"].includes(code), code);
    if (code !== "UNKNOWN_OUTCOME") return false;
    await until(async () => await failure(master.recover(yes)) === "", { within: 40_000 });
    return await until(async () => ({ last: await app.last(master) }), { within: 40_000 }).then(({ last }) =>
      last === name
    );
  }, { within: 60_000 });
}

/** Every tick is whole and there once, in the order of the ticks. */
export function assertOnce(values: readonly string[], ticks: number, size: number): void {
  const numbers = (count: number) => Array.from({ length: count }, (_, index) => index);
  const wanted = numbers(ticks).flatMap((n) => numbers(size).map((m) => `${n}/${m}`));
  assert.deepEqual(values.toSorted(), wanted.sort());
}

/** What the coordinator knows of an app's masters. */
export async function stateOf({ id, brokers }: App) {
  const asking = await wireClient(Number(brokers[0]?.split(":")[1]));
  const { transactionStates } = await asking.call(describeTransactions, 0, { transactionalIds: [`${id}.master`] });
  asking.close();
  return transactionStates[0] ?? assert.fail("nothing is known of it");
}
