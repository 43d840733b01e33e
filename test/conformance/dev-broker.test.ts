import { startDevBroker } from "../support/dev-broker.ts";
import { conformance } from "./suite.ts";

conformance("the dev broker", () => startDevBroker({ keeps: false }));
