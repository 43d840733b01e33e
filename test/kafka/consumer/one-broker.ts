import { systemTime } from "../../../src/core/delay.ts";
import { Cluster } from "../../../src/kafka/connection/cluster.ts";
import { type Address, parseUrl } from "../../../src/kafka/connection/url.ts";

/** A cluster of one broker, which leads everything and is not there: what is sent to it a test answers. */
export class OneBroker extends Cluster {
  constructor() {
    super(parseUrl("kafka://nobody:1", "test"), "test", systemTime);
  }

  override leader(): number {
    return 1;
  }

  override node(): Address {
    return { host: "nobody", port: 1 };
  }
}
