/** What docs/operations.md says that a user has to be allowed is enough. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import kafkajs from "kafkajs";
import { quietKafka } from "../support/kafkajs-oracle.ts";
import { kafkaSkip, startKafka } from "../support/kafka.ts";
import { run } from "../support/process.ts";
import { root } from "../support/runtimes.ts";

const { AclResourceTypes, AclOperationTypes, AclPermissionTypes, ResourcePatternTypes } = kafkajs;
const APP = "crawl-example";

/** The operations of a row of the document's table, by how its resource begins. */
function operations(resource: string): number[] {
  const row = readFileSync(join(root, "docs/operations.md"), "utf8").split("\n").find((line) =>
    line.startsWith(`| ${resource}`)
  );
  const words = row?.split("|")[2]?.trim().split(/, /) ?? [];
  return words.map((word) => {
    const found = Object.entries(AclOperationTypes).find(([name]) => name.replaceAll("_", "") === word.toUpperCase());
    return Number(found?.[1] ?? assert.fail(`${resource}: ${word} is no operation`));
  });
}

test(
  "a worker with the documented ACLs and no others ticks, fetches, and is told of; without them it says so, and waits",
  {
    skip: kafkaSkip,
    timeout: 120_000,
  },
  async (t) => {
    const kafka = await startKafka({
      secure: true,
      settings: {
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS",
      },
    });
    t.after(() => kafka.stop());
    const allow = (resourceType: number, resourceName: string, row: string) =>
      operations(row).map((operation) => ({
        resourceType,
        resourceName,
        resourcePatternType: ResourcePatternTypes.LITERAL,
        principal: `User:${kafka.user}`,
        host: "*",
        operation,
        permissionType: AclPermissionTypes.ALLOW,
      }));
    const user = `${kafka.user}:${encodeURIComponent(kafka.password)}`;
    const url = `kafka+ssl://${user}@${kafka.secureUrl}?sasl=scram-sha-512&ca=${kafka.caFile}`;
    const env = { MEPHISTO_URL: url };
    const worker = run("node", "examples/crawl.ts", ["worker", "-p", "0"], { env });
    await worker.waitFor(
      /error .*TOPIC_AUTHORIZATION_FAILED \(29\)\. Allow this user what docs\/operations\.md lists/,
      20_000,
    );

    const topics = ["titles", "pages"].map((actor) => `${APP}-${actor}`);
    const admin = quietKafka(kafka.brokers).admin();
    await admin.connect();
    await admin.createAcls({
      acl: [
        ...allow(AclResourceTypes.GROUP, APP, "group"),
        ...allow(AclResourceTypes.TRANSACTIONAL_ID, `${APP}.master`, "transactional id"),
        ...allow(AclResourceTypes.TOPIC, `${APP}-master`, "topic `<app id>-master`"),
        ...topics.flatMap((topic) => allow(AclResourceTypes.TOPIC, topic, "the actors' topics")),
      ],
    });
    await admin.disconnect();

    const { at } = await worker.waitFor(/This worker is master/, 30_000);
    for (const said of [/FETCHED Bread$/, /FETCHED News 1 of master 1$/, /KEPT /]) await worker.waitFor(said, 20_000);
    const timers = run("node", "examples/crawl.ts", ["timers"], { env });
    assert.deepEqual(await timers.exit, { code: 0, signal: null }, timers.output());
    assert.match(timers.output(), /^ +round .* ok +1 /m);
    worker.kill("SIGTERM");
    assert.deepEqual(await worker.exit, { code: 0, signal: null }, worker.output());
    const since = worker.lines.filter((line) => line.at > at).map(({ text }) => text).join("\n");
    assert.doesNotMatch(since, / (error|fatal) |cannot be read/);
  },
);
