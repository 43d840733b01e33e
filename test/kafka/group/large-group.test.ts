import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type KafkaAddress, kafkaForTests } from "../../support/kafka.ts";
import { until } from "../../support/until.ts";
import { closeAll, Member, unique } from "../support.ts";

describe("a group of many timers", { timeout: 60_000 }, () => {
  let kafka: KafkaAddress;
  before(async () => {
    kafka = await kafkaForTests();
  });
  after(closeAll);

  // Kafka keeps what all members say in one record of 1 MB.
  test("forms with 24 workers of 1,000 timers each", async () => {
    const group = unique("large");
    const timers = Array.from({ length: 1000 }, (_, n) => ({ name: `timer-of-this-app-${n}`, rule: "every 1m" }));
    const members = Array.from({ length: 24 }, () => new Member(kafka.url, group, [], { profile: { timers } }));
    await until(() => members.every(({ generationNow: now, membership }) => membership.joined && now?.members === 24));
    assert.equal(members.filter(({ elected }) => elected).length, 1);
  });
});
