import { systemTime } from "../../../src/core/delay.ts";
import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { silent } from "../../../src/core/logger.ts";
import { MephistoError } from "../../../src/core/errors.ts";
import { BackgroundReports } from "../../../src/core/background-reports.ts";
import { Cluster } from "../../../src/kafka/connection/cluster.ts";
import { parseUrl } from "../../../src/kafka/connection/url.ts";
import { WriteAccess } from "../../../src/kafka/producer/write-access.ts";
import { StillClock } from "../../core/fakes.ts";

const [UNKNOWN_TOPIC, REFUSED, WRITE] = [3, 29, 1 << 4];

test("a topic that may not be written to makes unready until it may be, or is deleted", async (t) => {
  mock.timers.enable({ apis: ["setTimeout"] });
  t.after(() => mock.timers.reset());
  const stop = new AbortController();
  t.after(() => stop.abort());
  const cluster = new Cluster(parseUrl("kafka://nobody:1", "test"), "test", systemTime);
  const answers = {
    allowed: { errorCode: REFUSED, authorizedOperations: 0 },
    deleted: { errorCode: REFUSED, authorizedOperations: 0 },
  };
  cluster.ask = <T>() =>
    Promise.resolve({ topics: Object.entries(answers).map(([name, is]) => ({ name, ...is })) } as T);
  const troubles = new BackgroundReports(silent, new StillClock());
  const access = new WriteAccess(cluster, troubles, silent, stop.signal);
  for (const topic of Object.keys(answers)) access.refused(topic, new MephistoError("NOT_AUTHORIZED", "You may not."));
  const look = async () => {
    mock.timers.tick(2000);
    await new Promise((resolve) => setImmediate(resolve));
    return troubles.all.map(({ name }) => name);
  };
  assert.deepEqual(await look(), ["Writing to allowed", "Writing to deleted"]);
  answers.deleted.errorCode = UNKNOWN_TOPIC;
  assert.deepEqual(await look(), ["Writing to allowed"]);
  answers.allowed = { errorCode: 0, authorizedOperations: WRITE };
  assert.deepEqual(await look(), []);
});
