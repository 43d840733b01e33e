import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { systemTime } from "../../../src/core/delay.ts";
import { silent } from "../../../src/core/logger.ts";
import { delay } from "../../../src/core/delay.ts";
import { KafkaDriver } from "../../../src/kafka/kafka-driver.ts";
import { parseUrl } from "../../../src/kafka/connection/url.ts";
import { Mastership } from "../../../src/worker/master/mastership.ts";
import { type KafkaAddress, kafkaForTests } from "../../support/kafka.ts";
import { until } from "../../support/until.ts";
import { unique } from "../support.ts";
import { ignoring } from "../../../src/driver/ignoring.ts";

describe("an instance id that is used again while its first worker lives", { timeout: 60_000 }, () => {
  let kafka: KafkaAddress;
  before(async () => {
    kafka = await kafkaForTests();
  });
  const leave: (() => Promise<void>)[] = [];
  after(async () => {
    await Promise.all(leave.map((each) => each()));
  });

  function worker(group: string, instanceId: string | undefined, heartbeatInterval: number) {
    const { url } = kafka;
    const driver = new KafkaDriver(
      parseUrl(url, "test"),
      "test",
      { linger: 0, compression: undefined },
      silent,
      systemTime,
    );
    const profile = { worker: "", runtime: "", version: "", timers: [], mayBeMaster: true, presence: undefined };
    const membership = driver.join(
      { group, topics: [], profile, instanceId, sessionTimeout: 6000, heartbeatInterval },
      {
        ...ignoring,
        claim: () => mastership.claim(),
        generation: (generation) => mastership.generation(generation),
        removed: () => mastership.removed(),
      },
    );
    const mastership: Mastership = new Mastership(membership.lease, () => {}, silent, systemTime, delay);
    leave.push(async () => {
      mastership.resign();
      await membership.leave(1000);
      await driver.close(100);
    });
    return { isMaster: () => mastership.master };
  }

  // Whoever is put out of its place by the same id hears of it with its next heartbeat. If the group elects anew just then,
  // nobody is left in it who knows of that master.
  test("never makes two masters, also amid an election", async () => {
    const group = unique("instances");
    const first = worker(group, "a", 1900);
    await until(first.isMaster, { within: 20_000 });
    await delay(2000); // it has just sent a heartbeat
    const others = [worker(group, undefined, 200)];
    await delay(30);
    others.push(worker(group, "a", 200));
    let both = false;
    await until(() => {
      const masters = [first, ...others].filter((each) => each.isMaster());
      both ||= masters.length > 1;
      return others.some((each) => each.isMaster());
    }, { within: 20_000, every: 5 });
    const end = performance.now() + 2000;
    await until(() => {
      both ||= [first, ...others].filter((each) => each.isMaster()).length > 1;
      return performance.now() > end;
    }, { every: 5 });
    assert.ok(!both, "there were two masters at once");
  });
});
