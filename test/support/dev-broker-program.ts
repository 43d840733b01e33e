// The dev broker as a process of its own: `dev-broker-program.ts <JSON of BrokerOptions>` prints its port. With
// `maintainEvery`, in ms, retention and compaction come sooner than they do by themselves.
import process from "node:process";
import { Broker } from "../../src/broker/broker.ts";
import { codecs } from "../../src/compression/compression.ts";

const [options = "{}"] = process.argv.slice(2);
const { maintainEvery = 0, ...given } = JSON.parse(options);
const say = (line: string) => console.log(line);
const broker = new Broker({
  port: 0,
  codecs,
  logger: { debug() {}, info: say, warn: say, error: say },
  ...given,
});
process.once("SIGTERM", () => void broker.stop().then(() => process.exit()));
const { port } = await broker.start();
if (maintainEvery > 0) setInterval(() => broker.maintain(), maintainEvery);
console.log(`port ${port}`);
