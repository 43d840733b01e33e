import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import { Acknowledgements } from "../../../../src/core/acknowledgements.ts";
import { ByteBudget } from "../../../../src/core/byte-budget.ts";
import type { Delivery } from "../../../../src/driver/driver.ts";
import { Fetcher } from "../../../../src/kafka/consumer/fetch/fetcher.ts";
import type { BrokerConnection } from "../../../../src/kafka/connection/broker-connection.ts";
import { Positions } from "../../../../src/kafka/consumer/positions.ts";
import type { Address } from "../../../../src/kafka/connection/url.ts";
import { BatchBuilder } from "../../../../src/wire/batch-builder.ts";
import type { Call } from "../../../../src/wire/call.ts";
import { Lines } from "../../../core/fakes.ts";
import { until } from "../../../support/until.ts";
import { FakeTime, settle } from "../../../worker/fakes.ts";
import { OneBroker } from "../one-broker.ts";

/** Big enough that each batch is a part of its own. */
const SIZE = 70_000;

function batchAt(offset: number): Uint8Array {
  const builder = new BatchBuilder();
  builder.append(null, new Uint8Array(SIZE), [], 0);
  const batch = builder.build();
  new DataView(batch.buffer).setBigInt64(0, BigInt(offset));
  return batch;
}

/** A broker that leads one partition, and gives the test each request for it. */
class FakeCluster extends OneBroker {
  readonly requests: { call: Call<unknown>; answer: (records: Uint8Array) => void }[] = [];

  override connection(address: Address): BrokerConnection {
    const connection = super.connection(address);
    connection.send = <T>(call: Call<unknown>) =>
      new Promise<T>((resolve) => {
        const answer = (records: Uint8Array) => {
          const partitions = [{ partition: 0, errorCode: 0, aborted: [], records }];
          resolve({ errorCode: 0, topics: [{ topicId: "0".repeat(32), partitions }] } as T);
        };
        this.requests.push({ call, answer });
      });
    return connection;
  }
}

/** Whether a request is for the partition from this offset on. */
function asksFrom(call: Call<unknown>, fetchOffset: number): boolean {
  const bytes = Buffer.from(call.encode());
  const offset = Buffer.alloc(12);
  offset.writeInt32BE(-1); // the leader epoch before it
  offset.writeBigInt64BE(BigInt(fetchOffset), 4);
  return bytes.includes(offset);
}

test("a corrupt batch behind messages that are gathered is asked for again, and they are not", async (t) => {
  const cluster = new FakeCluster();
  const time = new FakeTime();
  const lines = new Lines();
  const deliveries: Delivery[] = [];
  const budget = new ByteBudget();
  const deliver = (delivery: Delivery) => void deliveries.push(delivery);
  const fetcher = new Fetcher(cluster, new Positions(cluster), deliver, lines, time, undefined, budget);
  const acks = new Acknowledgements({ topic: "t", partition: 0 }, 0, "0".repeat(32));
  t.after(() => fetcher.close());
  fetcher.add(acks);
  await until(() => cluster.requests.length > 0);
  const corrupt = batchAt(2);
  corrupt[corrupt.length - 1] = 1;
  cluster.requests[0]?.answer(Buffer.concat([batchAt(0), batchAt(1), corrupt, batchAt(3)]));
  await settle();
  // As a batch of messages is gathered: all are opened, and nothing is acknowledged yet.
  const runs = deliveries.map((delivery) => delivery.open());
  assert.deepEqual(runs.map((run) => run?.messages.map(({ offset }) => offset)), [[0], [1], [], undefined]);
  assert.match(lines.all[0] ?? "", /t\[0\] at offset 2: the broker sent a batch that cannot be read/);
  cluster.requests.at(-1)?.answer(new Uint8Array(0)); // it was for what follows
  time.jump(5000);
  await until(() => cluster.requests.some(({ call }) => asksFrom(call, 2)));
  for (const delivery of deliveries) delivery.close();
  assert.equal(budget.held, 0);
});
