import type { BrokerOptions, DevBroker } from "./host.ts";

/** Makes a broker for development. Loaded only where one is asked for: workers need none. */
export async function makeBroker(options: BrokerOptions): Promise<DevBroker> {
  const [{ Broker }, { codecs }] = await Promise.all([
    import("../broker/broker.ts"),
    import("../compression/compression.ts"),
  ]);
  return new Broker({ ...options, codecs });
}
