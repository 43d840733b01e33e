// The dev broker as a process of its own: `dev-broker-program.ts <JSON of BrokerOptions>` prints its port.
import process from "node:process";
import { Broker } from "../../src/broker/broker.ts";
import { codecs } from "../../src/kafka/compression.ts";

const [options = "{}"] = process.argv.slice(2);
const say = (line: string) => console.log(line);
const broker = new Broker({
  port: 0,
  codecs,
  logger: { debug() {}, info: say, warn: say, error: say },
  ...JSON.parse(options),
});
process.once("SIGTERM", () => void broker.stop().then(() => process.exit()));
const { port } = await broker.start();
console.log(`port ${port}`);
