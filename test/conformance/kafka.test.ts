import { kafkaForTests, kafkaSkip } from "../support/kafka.ts";
import { masterLogConformance } from "./master-log.ts";
import { overKafka } from "./over-kafka.ts";
import { conformance } from "./suite.ts";
import { overTcp } from "./tcp.ts";

conformance("Apache Kafka", async () => overTcp(await kafkaForTests()), { skip: kafkaSkip });
masterLogConformance("Apache Kafka", overKafka(kafkaForTests), kafkaSkip);
