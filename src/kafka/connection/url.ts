import { readFileSync } from "node:fs";
import type { AppOptions, SaslOptions, SslOptions } from "../../core/app-options.ts";
import { MephistoError, messageOf } from "../../core/errors.ts";
import { suggestion } from "../../core/nearest.ts";
import { redact } from "../../core/redact.ts";

/** A host and its port. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** What an address and the options beside it say about reaching a cluster. */
export interface Endpoint {
  readonly brokers: readonly Address[];
  readonly ssl: SslOptions | undefined;
  readonly sasl: SaslOptions | undefined;
  /** For people: without user and password. */
  readonly shown: string;
}

const FORM = /^kafka(\+ssl)?:\/\/(?:([^@/?]*)@)?([^@/?]+)\/?(?:\?(.*))?$/;
const PARAMETERS = ["sasl", "ca"];
const MECHANISMS = ["plain", "scram-sha-256", "scram-sha-512"] as const;

/**
 * Reads `kafka://a:9092,b:9092` or `kafka+ssl://user:password@host:9093?sasl=scram-sha-512&ca=/path/ca.pem`; the `ssl`
 * and `sasl` options come before what the URL says. `from` names where the URL came from. A user without `sasl=` means
 * `plain`. Errors: `INVALID_URL`, whose sentence never holds the password.
 */
export function parseUrl(url: string, from: string, options: Pick<AppOptions, "ssl" | "sasl"> = {}): Endpoint {
  const match = FORM.exec(url);
  if (!match) throw invalid(url, from, "it is not of the form kafka://host:port");
  const [, secure, user, hosts = "", query = ""] = match;
  const parameters = new URLSearchParams(query);
  const unknown = [...parameters.keys()].find((name) => !PARAMETERS.includes(name));
  if (unknown !== undefined) {
    const hint = suggestion(unknown, PARAMETERS) || ` There are ${PARAMETERS.join(" and ")}.`;
    throw invalid(url, from, `it has an unknown parameter ${JSON.stringify(unknown)}.${hint}`);
  }
  const brokers = hosts.split(",").map((host) => address(host, url, from));
  const sasl = options.sasl ?? saslOf(user, parameters.get("sasl"), url, from);
  return {
    brokers,
    ssl: sslOf(options.ssl, secure !== undefined, parameters.get("ca"), url, from),
    sasl,
    shown: `kafka${secure ?? ""}://${brokers.map(shownAddress).join(",")}`,
  };
}

/** `host:port`, with brackets around an IPv6 address. */
export function shownAddress({ host, port }: Address): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

function address(text: string, url: string, from: string): Address {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s]+))(?::(\d{1,5}))?$/.exec(text.trim());
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3] ?? 9092);
  if (host === undefined || port < 1 || port > 65535) {
    throw invalid(url, from, `${JSON.stringify(text)} is not host:port`);
  }
  return { host, port };
}

function saslOf(
  user: string | undefined,
  mechanism: string | null,
  url: string,
  from: string,
): SaslOptions | undefined {
  if (user === undefined) {
    if (mechanism !== null) throw invalid(url, from, "it has sasl= but no user:password@");
    return undefined;
  }
  const [name = "", ...rest] = user.split(":");
  const known = MECHANISMS.find((each) => each === (mechanism ?? "plain").toLowerCase());
  if (!known) {
    const hint = suggestion(mechanism ?? "", MECHANISMS);
    throw invalid(url, from, `sasl=${mechanism} is not one of ${MECHANISMS.join(", ")}.${hint}`);
  }
  try {
    return { mechanism: known, username: decodeURIComponent(name), password: decodeURIComponent(rest.join(":")) };
  } catch {
    throw invalid(url, from, "its user or password has a % that is not an escape; write a plain % as %25");
  }
}

function sslOf(
  option: AppOptions["ssl"],
  secure: boolean,
  ca: string | null,
  url: string,
  from: string,
): SslOptions | undefined {
  if (option === false) return undefined;
  if (option === undefined && !secure) {
    if (ca !== null) throw invalid(url, from, "ca= needs kafka+ssl://");
    return undefined;
  }
  const base = typeof option === "object" ? option : {};
  if (ca === null) return base;
  try {
    return { ca: readFileSync(ca, "utf8"), ...base };
  } catch (error) {
    throw invalid(url, from, `the file of ca= cannot be read (${messageOf(error)})`);
  }
}

function invalid(url: string, from: string, why: string): MephistoError {
  return new MephistoError(
    "INVALID_URL",
    `The address ${JSON.stringify(redact(url))} (${from}) cannot be used: ${why}${/[.?]$/.test(why) ? "" : "."} ` +
      `Give kafka://host:port[,host:port], or kafka+ssl://user:password@host:port?sasl=scram-sha-512.`,
  );
}
