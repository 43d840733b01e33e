import { startDevBroker } from "../support/dev-broker.ts";
import { masterLogConformance } from "./master-log.ts";
import { overKafka } from "./over-kafka.ts";
import { conformance } from "./suite.ts";
import { overTcp } from "./tcp.ts";

conformance("the dev broker", async () => overTcp(await startDevBroker({ keeps: false })));
masterLogConformance("the dev broker", overKafka(() => startDevBroker({ keeps: false })));
