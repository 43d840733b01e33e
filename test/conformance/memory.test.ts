import { masterLogConformance } from "./master-log.ts";
import { inMemory, masterLogInMemory } from "./memory.ts";
import { conformance } from "./suite.ts";

conformance("the log in memory", () => Promise.resolve(inMemory()), { packs: false });
masterLogConformance("the log in memory", () => Promise.resolve(masterLogInMemory()));
