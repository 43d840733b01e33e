import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import process from "node:process";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { metadata } from "../../../src/wire/requests/03-metadata.ts";
import { createTopic } from "../../support/kafkajs-oracle.ts";
import { type KafkaAddress, kafkaForTests } from "../../support/kafka.ts";
import { freePorts } from "../../support/ports.ts";
import { run } from "../../support/process.ts";
import { type Proxy, startProxy } from "../../support/proxy.ts";
import { closeAll, clusterAt, codeOf, unique } from "../support.ts";

const options = { timeout: 60_000 };
const own = process.versions.bun ? "bun" : process.versions.deno ? "deno" : "node";
const question = metadata({ topics: [] });

describe("a connection to a broker", options, () => {
  let kafka: KafkaAddress;
  let proxy: Proxy;
  before(async () => {
    kafka = await kafkaForTests();
    proxy = await startProxy({ targetPort: Number(kafka.brokers[0]?.split(":")[1]) });
  });
  after(async () => {
    closeAll();
    await proxy.stop();
  });
  const connectionTo = (port: number, host = "127.0.0.1") =>
    clusterAt(`kafka://${host}:${port}`).connection({ host, port });
  /** What it was rejected with, and that this was long before a minute was over. */
  const fails = async (promise: Promise<unknown>, message: RegExp) => {
    const start = performance.now();
    await assert.rejects(promise, { code: "UNREACHABLE", message });
    assert.ok(performance.now() - start < 20_000, `it took ${Math.round(performance.now() - start)} ms`);
  };

  test("that is refused says so at once", async () => {
    const [port = 0] = await freePorts(1);
    const where = new RegExp(`No broker answers at 127.0.0.1:${port} \\(connection refused\\)`);
    await fails(connectionTo(port).send(question), where);
    await fails(connectionTo(1, "nowhere.invalid").send(question), /nowhere\.invalid:1 \(no such host\)/);
  });

  test("to a black hole fails within the time that connecting may take", async () => {
    const hole = createServer((socket) => socket.on("error", () => {})).listen(0, "127.0.0.1");
    await once(hole, "listening");
    const address = hole.address();
    assert.ok(typeof address === "object" && address !== null);
    await fails(
      connectionTo(address.port).send(question),
      /No broker answers at .* \(no answer within 3000 ms\)/,
    );
    hole.close();
  });

  test("gives each request its answer, with any number on their way", async () => {
    const topics = [unique("one"), unique("two")];
    for (const topic of topics) await createTopic(kafka.brokers, topic);
    const connection = connectionTo(proxy.port);
    const names = Array.from({ length: 100 }, (_, index) => topics[index % 2] ?? "");
    const answers = await Promise.all(names.map((topic) => connection.send(metadata({ topics: [topic] }))));
    assert.deepEqual(answers.map((answer) => answer.topics[0]?.name), names);
    assert.equal(proxy.connections(), 1);
  });

  test("does not take an answer for lost that came while the process was busy", async () => {
    // Not by the proxy, which is busy as well.
    const asked = connectionTo(Number(kafka.brokers[0]?.split(":")[1]));
    await asked.send(question);
    const answered = asked.send(question, 20);
    await Promise.resolve();
    const until = performance.now() + 300;
    while (performance.now() < until);
    assert.ok((await answered).brokers.length > 0);
  });

  test("that falls silent fails all requests at the first limit, and is made again", async () => {
    const connection = connectionTo(proxy.port);
    await connection.send(question);
    proxy.freeze();
    await Promise.all([
      fails(connection.send(question, 300), /127\.0\.0\.1:\d+ is gone: no answer to Metadata within 300 ms/),
      fails(connection.send(question, 60_000), /no answer to Metadata within 300 ms/),
    ]);
    await proxy.heal();
    await connection.send(question);
  });

  test("that is cut fails what is under way at once, and is made again", async () => {
    const connection = connectionTo(proxy.port);
    await connection.send(question);
    proxy.freeze();
    const pending = fails(connection.send(question, 60_000), /The connection to 127\.0\.0\.1:\d+ is gone/);
    await proxy.cut();
    await pending;
    await fails(connection.send(question), /connection refused/);
    await proxy.heal();
    await connection.send(question);
  });

  test("that is closed fails what is under way, and what comes later", async () => {
    const connection = connectionTo(proxy.port);
    await connection.send(question);
    proxy.freeze();
    const pending = codeOf(connection.send(question, 60_000));
    connection.close();
    assert.equal(await pending, "STOPPED");
    assert.equal(await codeOf(connection.send(question)), "STOPPED");
    const connecting = connectionTo(proxy.port);
    const early = codeOf(connecting.send(question));
    connecting.close();
    await proxy.heal();
    assert.equal(await early, "STOPPED");
  });

  test("and all that stands on it let the process end when they are closed", async () => {
    const topic = unique("ends");
    await createTopic(kafka.brokers, topic);
    const script = fileURLToPath(new URL("./partition-ends.ts", import.meta.url));
    const program = run(own, script, [], { env: { TEST_URL: kafka.url, TEST_TOPIC: topic } });
    assert.deepEqual(await program.exit, { code: 0, signal: null }, program.output());
    const took = Number(/^ended after (\d+) ms$/m.exec(program.stdout.join("\n"))?.[1]);
    assert.ok(took < 2000, `something kept the process alive\n${program.output()}`);
  });
});
