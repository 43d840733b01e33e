import { kafkaForTests, kafkaSkip } from "../support/kafka.ts";
import { masterLogConformance } from "./master-log.ts";
import { overKafka } from "./over-kafka.ts";
import { conformance } from "./suite.ts";

conformance("Apache Kafka", kafkaForTests, kafkaSkip);
masterLogConformance("Apache Kafka", overKafka(kafkaForTests), kafkaSkip);
