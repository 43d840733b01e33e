import { kafkaForTests, kafkaSkip } from "../support/kafka.ts";
import { conformance } from "./suite.ts";

conformance("Apache Kafka", kafkaForTests, kafkaSkip);
