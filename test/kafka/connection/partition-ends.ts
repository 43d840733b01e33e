// A program that sends, reads and closes, and is over then: for broker-connection.test.ts.
import process from "node:process";
import { until } from "../../support/until.ts";
import { Member, record } from "../support.ts";

const { TEST_URL = "", TEST_TOPIC = "" } = process.env;
const member = new Member(TEST_URL, TEST_TOPIC, [TEST_TOPIC]);
await member.membership.ready();
await member.driver.publisher.send(record(TEST_TOPIC, "hello"));
await until(() => member.handled.length === 1);
await member.stop();
const closed = performance.now();
process.once("exit", () => console.log(`ended after ${Math.round(performance.now() - closed)} ms`));
