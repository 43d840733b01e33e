import { MephistoError, messageOf } from "../../core/errors.ts";
import { Code, errorName, isRetriableCode } from "../../wire/error-codes.ts";
import type { ProducedPartition } from "../../wire/requests/00-produce.ts";

/** Waiting does not mend it: somebody has to allow it. */
const UNAUTHORIZED: ReadonlySet<number> = new Set([
  Code.TOPIC_AUTHORIZATION_FAILED,
  Code.GROUP_AUTHORIZATION_FAILED,
  Code.CLUSTER_AUTHORIZATION_FAILED,
  Code.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
]);

/** An error code of Kafka's protocol that we have no better answer to: of code `PROTOCOL`, or `NOT_AUTHORIZED`. */
export class ProtocolError extends MephistoError {
  /** The number on the wire. */
  readonly kafkaCode: number;

  constructor(kafkaCode: number, what: string) {
    const said = `${what}: the broker answered ${errorName(kafkaCode)} (${kafkaCode}).`;
    const todo = ' Allow this user what docs/operations.md lists under "What Kafka needs".';
    const unauthorized = UNAUTHORIZED.has(kafkaCode);
    super(unauthorized ? "NOT_AUTHORIZED" : "PROTOCOL", unauthorized ? said + todo : said, {
      retriable: isRetriableCode(kafkaCode),
    });
    this.kafkaCode = kafkaCode;
  }
}

/** Of a topic that the broker does not create. `message`: what it says itself. */
export function notCreated(topic: string, kafkaCode: number, message: string | null): MephistoError {
  const error = new ProtocolError(kafkaCode, `Creating topic ${topic}`);
  if (error.code === "NOT_AUTHORIZED") return error;
  const why = message ?? `${errorName(kafkaCode)} (${kafkaCode}).`;
  return new MephistoError("UNKNOWN_TOPIC", `Topic ${topic} does not exist and could not be created: ${why}`, {
    cause: error,
  });
}

/** Of a message, alone in its batch, that the topic does not take; its size in bytes. */
export function tooLarge(topic: string, size: number): MephistoError {
  return new MephistoError(
    "MESSAGE_TOO_LARGE",
    `A message of ${size} bytes is larger than topic ${topic} accepts (max.message.bytes).`,
  );
}

/** Errors that a message brings upon itself: it will never be taken. */
const REFUSALS: ReadonlySet<number> = new Set([Code.INVALID_TIMESTAMP, Code.INVALID_RECORD, Code.POLICY_VIOLATION]);

/**
 * Of a write that a partition refuses for good: `MESSAGE_REFUSED`, with what the broker says of the message that is to
 * blame, else of the batch, or `PROTOCOL`. `at`: the message's place in the batch.
 */
export function refusalOf(
  { topic, partition }: { readonly topic: string; readonly partition: number },
  kafkaCode: number,
  outcome: ProducedPartition | undefined,
  at = outcome?.recordErrors[0]?.index,
): MephistoError {
  const cause = new ProtocolError(kafkaCode, `Writing to ${topic}[${partition}]`);
  if (!REFUSALS.has(kafkaCode)) return cause;
  const words = outcome?.recordErrors.find(({ index }) => index === at)?.message || outcome?.errorMessage;
  const name = `${errorName(kafkaCode)} (${kafkaCode})`;
  const why = words ? `${words.replace(/[.!]$/, "")}: ${name}` : name;
  return new MephistoError("MESSAGE_REFUSED", `${topic}[${partition}] does not take this message: ${why}.`, { cause });
}

/** Throws a {@link ProtocolError} for any code but 0. */
export function check(code: number, what: string): void {
  if (code !== 0) throw new ProtocolError(code, what);
}

/** A connection that broke or an answer that did not come: what was asked may have happened. */
export class ConnectionLost extends MephistoError {
  /** Whether it was given up since nothing came any more. */
  readonly silent: boolean;

  constructor(address: string, why: string, cause?: unknown, silent = false) {
    super("UNREACHABLE", `The connection to ${address} is gone: ${why}.`, { cause });
    this.silent = silent;
  }
}

/** How TLS libraries say that a certificate is not trusted, or not the host's. */
const UNTRUSTED =
  /SELF_SIGNED|UNABLE_TO_|CERT_|ALTNAME|UNKNOWN_?ISSUER|UNKNOWN_CA|self[- ]signed|certificate|unable to verify/i;

const ADVERTISED = " The cluster itself names this address for one of its brokers: if it cannot be reached from this " +
  "machine, set advertised.listeners of that broker.";

/** What a failed attempt to connect means, in one sentence. Errors: `UNREACHABLE` and its two more exact sisters. */
export function connectError(
  thrown: unknown,
  address: string,
  { secure, advertised = false }: { readonly secure: boolean; readonly advertised?: boolean },
): MephistoError {
  if (thrown instanceof MephistoError) return thrown;
  const name = thrown instanceof Error ? thrown.name : "";
  const code = codeOf(thrown);
  const message = messageOf(thrown);
  if (/SASL/.test(name) || /SASL (mechanism|state)/.test(message)) {
    return new MephistoError(
      "AUTHENTICATION_FAILED",
      `${address} refused the user, the password or the mechanism (${
        clean(message)
      }). Check them in the URL or in sasl.`,
      { cause: thrown },
    );
  }
  if (secure && (UNTRUSTED.test(code) || UNTRUSTED.test(message))) {
    return new MephistoError(
      "UNTRUSTED_CERTIFICATE",
      `The certificate of ${address} is not trusted (${clean(message)}). Give the authority that signed it: ` +
        `?ca=/path/ca.pem in the URL, or ssl: { ca }.`,
      { cause: thrown },
    );
  }
  const hint = advertised ? ADVERTISED : "";
  return new MephistoError(
    "UNREACHABLE",
    `No broker answers at ${address} (${reason(code, message, secure)}).${hint}`,
    {
      cause: thrown,
    },
  );
}

function reason(code: string, message: string, secure: boolean): string {
  // What a listener with TLS does with a plain request, and a plain one with a greeting of TLS.
  if (!secure && message === "Closed connection") return "it closed the connection; if it wants TLS, give kafka+ssl://";
  if (secure && /before secure TLS connection/.test(message)) {
    return "it closed the connection at the greeting of TLS; if it wants none, give kafka://";
  }
  switch (code) {
    case "ECONNREFUSED":
      return "connection refused";
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return "no such host";
    case "EHOSTUNREACH":
    case "ENETUNREACH":
      return "no route to the host";
    default:
      return clean(message);
  }
}

function clean(message: string): string {
  return message.replace(/^(Connection error: |Failed to connect: )/, "").replace(/\s+/g, " ").replace(/\.$/, "");
}

function codeOf(thrown: unknown): string {
  return typeof thrown === "object" && thrown !== null && "code" in thrown ? String(thrown.code) : "";
}
