import type { GroupSettings } from "./groups/settings.ts";
import type { ServerLimits } from "./net/server.ts";
import type { TransactionSettings } from "./transactions/settings.ts";

/** A number for each setting that was given. */
type Numbers<T> = { readonly [K in keyof T]?: number };

const MINUTE_MS = 60_000;

function pick<T>(given: ReadonlyMap<string, string>, names: Readonly<Record<string, keyof T & string>>): Numbers<T> {
  const found: { [K in keyof T]?: number } = {};
  for (const [setting, name] of Object.entries(names)) {
    const value = given.get(setting);
    if (value !== undefined) found[name] = Number(value) * (setting.endsWith(".minutes") ? MINUTE_MS : 1);
  }
  return found;
}

/** What was given of groups. */
export function groupSettingsOf(given: ReadonlyMap<string, string>): Numbers<GroupSettings> {
  return pick<GroupSettings>(given, {
    "group.min.session.timeout.ms": "minSessionTimeoutMs",
    "group.max.session.timeout.ms": "maxSessionTimeoutMs",
    "group.initial.rebalance.delay.ms": "initialRebalanceDelayMs",
    "group.max.size": "maxSize",
    "offset.metadata.max.bytes": "offsetMetadataMaxBytes",
    "offsets.retention.minutes": "offsetsRetentionMs",
    "offsets.retention.check.interval.ms": "offsetsRetentionCheckIntervalMs",
  });
}

/** What was given of transactions. */
export function transactionSettingsOf(given: ReadonlyMap<string, string>): Numbers<TransactionSettings> {
  return pick<TransactionSettings>(given, {
    "transaction.max.timeout.ms": "maxTimeoutMs",
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": "abortIntervalMs",
    "transactional.id.expiration.ms": "idExpirationMs",
    "transaction.remove.expired.transaction.cleanup.interval.ms": "idExpirationIntervalMs",
  });
}

/** What was given of connections. */
export function limitsOf(given: ReadonlyMap<string, string>): Numbers<ServerLimits> {
  return pick<ServerLimits>(given, {
    "connections.max.idle.ms": "idle",
    "max.connections": "connections",
    "socket.request.max.bytes": "produce",
  });
}
