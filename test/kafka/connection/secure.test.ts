import assert from "node:assert/strict";
import process from "node:process";
import { after, before, describe, test } from "node:test";
import { systemTime } from "../../../src/core/delay.ts";
import { MephistoError } from "../../../src/core/errors.ts";
import { KafkaDriver } from "../../../src/kafka/kafka-driver.ts";
import { parseUrl } from "../../../src/kafka/connection/url.ts";
import { createTopic, readTopic } from "../../support/kafkajs-oracle.ts";
import { type KafkaServer, kafkaSkip, type SecureListener, startKafka } from "../../support/kafka.ts";
import { run } from "../../support/process.ts";
import { type Proxy, startProxy } from "../../support/proxy.ts";
import type { Runtime } from "../../support/runtimes.ts";
import { until } from "../../support/until.ts";
import { closeAll, keptLines, Member, record, unique } from "../support.ts";

const options = { skip: kafkaSkip, timeout: 60_000 };
/** The runtime of this test: the one that the worker is started with. */
const own: Runtime = process.versions.bun ? "bun" : process.versions.deno ? "deno" : "node";

describe("a broker with TLS and SASL", options, () => {
  let kafka: KafkaServer & SecureListener;
  let elsewhere: Proxy | undefined;
  before(async () => {
    kafka = await startKafka({ secure: true });
  });
  after(async () => {
    closeAll();
    await elsewhere?.stop();
    await kafka.stop();
  });

  const url = ({ password = kafka.password, sasl = "scram-sha-512", at = kafka.secureUrl, ca = kafka.caFile } = {}) =>
    `kafka+ssl://${kafka.user}:${encodeURIComponent(password)}@${at}?sasl=${sasl}` +
    (ca === "" ? "" : `&ca=${encodeURIComponent(ca)}`);
  const driverAt = (address: string) => {
    const options = { linger: 0, compression: undefined };
    return new KafkaDriver(parseUrl(address, "test"), "kafka-test", options, keptLines(), systemTime);
  };
  /** What connecting fails with; within a limit, since a hang would be no answer. */
  const failure = async (address: string): Promise<MephistoError> => {
    const driver = driverAt(address);
    const start = performance.now();
    try {
      await driver.connect();
    } catch (error) {
      assert.ok(error instanceof MephistoError, String(error));
      assert.ok(performance.now() - start < 30_000, `it took ${Math.round(performance.now() - start)} ms`);
      assert.doesNotMatch(error.message, /\n|moonlight|hunter2/);
      return error;
    } finally {
      await driver.close(0);
    }
    return assert.fail(`${address} can be connected to`);
  };

  for (const sasl of ["scram-sha-512", "plain"]) {
    test(`takes a member's messages by ${sasl}, and hands them out`, async () => {
      const topic = unique("secret");
      await createTopic(kafka.brokers, topic);
      const member = new Member(url({ sasl }), topic, [topic]);
      await member.membership.ready();
      await member.driver.publisher.send(record(topic, "hush"));
      await until(() => member.handled.length === 1);
      assert.deepEqual((await readTopic(kafka.brokers, topic)).map(({ value }) => value?.toString()), ["hush"]);
      await member.stop();
    });

    test(`refuses a wrong password by ${sasl} in one line that does not show it`, async () => {
      const { code, message } = await failure(url({ sasl, password: "hunter2" }));
      assert.equal(code, "AUTHENTICATION_FAILED", message);
      assert.match(message, /^127\.0\.0\.1:\d+ refused the user, the password or the mechanism/);
    });
  }

  test("refuses a mechanism that it does not have", async () => {
    const { code, message } = await failure(url({ sasl: "scram-sha-256" }));
    assert.equal(code, "AUTHENTICATION_FAILED", message);
  });

  test("is not trusted without its authority", async () => {
    const { code, message } = await failure(url({ ca: "" }));
    assert.equal(code, "UNTRUSTED_CERTIFICATE", message);
    assert.match(message, /^The certificate of 127\.0\.0\.1:\d+ is not trusted .*\?ca=\/path\/ca\.pem/);
  });

  test("is not trusted under a name that is not in its certificate", {
    // Only Linux has all of 127.0.0.0/8 without being told.
    skip: kafkaSkip || process.platform !== "linux",
  }, async () => {
    const port = Number(kafka.secureUrl.split(":")[1]);
    elsewhere = await startProxy({ targetPort: port, host: "127.0.0.2" });
    const { code, message } = await failure(url({ at: `127.0.0.2:${elsewhere.port}` }));
    assert.equal(code, "UNTRUSTED_CERTIFICATE", message);
  });

  test("spoken to without TLS, and a plain one spoken to with it, is an error in time", async () => {
    const plain = await failure(`kafka://${kafka.secureUrl}`);
    assert.equal(plain.code, "UNREACHABLE", plain.message);
    assert.match(plain.message, /^No broker answers at 127\.0\.0\.1:\d+ \(.*if it wants TLS, give kafka\+ssl:\/\/\)\./);
    const secure = await failure(url({ at: `127.0.0.1:${kafka.port}` }));
    assert.equal(secure.code, "UNREACHABLE", secure.message);
    assert.match(secure.message, /^No broker answers at 127\.0\.0\.1:\d+ \(.*if it wants none, give kafka:\/\/\)\./);
  });

  test("runs a worker, and a worker with a wrong password ends with one clear line", async () => {
    const start = (address: string) =>
      run(own, "examples/master.ts", ["worker", "-l", "info", "--without-web"], { env: { MEPHISTO_URL: address } });
    const worker = start(url());
    const wrong = start(url({ password: "hunter2" }));
    await worker.waitFor(/PUBLISHING ON MASTER/, 15_000);
    await worker.waitFor(/^0\.\d+$/, 15_000);
    const { code } = await wrong.exit;
    assert.notEqual(code, 0);
    const lines = wrong.lines.map(({ text }) => text);
    assert.equal(lines.filter((text) => /refused the user, the password/.test(text)).length, 1, wrong.output());
    assert.doesNotMatch(wrong.output().replaceAll(/^---.*$/gm, ""), /hunter2|^\s+at /m);
    worker.kill("SIGTERM");
    assert.deepEqual(await worker.exit, { code: 0, signal: null });
    assert.doesNotMatch(worker.output(), /moonlight/);
  });
});
