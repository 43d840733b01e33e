import type { Time } from "../../core/delay.ts";
import { MephistoError } from "../../core/errors.ts";
import type { Call } from "../../wire/call.ts";
import { abort, type Connect, type Connection } from "./kafkajs.ts";
import { connectError, ConnectionLost } from "./errors.ts";
import type { LineRate, SilenceLimits } from "./line-rate.ts";
import { writerTo } from "./piece-writer.ts";
import { progressOf } from "./progress.ts";
import { newestVersion } from "./requirements.ts";
import { type Address, shownAddress } from "./url.ts";

/** How long nothing may move before an answer is given up, when nothing else is said: well within a session. */
export const REQUEST_TIMEOUT_MS = 3000;
/** After that, what has come is read for so long. */
const READ_GRACE_MS = 10;

/**
 * One connection to one broker for one purpose, made when it is needed and again when it broke. Requests are answered in
 * the order of their sending; a request that is waited for while nothing moves breaks the connection, since all that follow
 * it would wait too. An answer that comes slowly is waited for as long as it comes.
 */
export class BrokerConnection {
  readonly address: Address;
  readonly line: LineRate;
  readonly #time: Time;
  readonly #connect: Connect;
  readonly #clientId: Uint8Array;
  readonly #listener: { readonly secure: boolean; readonly advertised: boolean };
  #connection: Connection | undefined;
  #connecting: Promise<Connection> | undefined;
  #closed = false;
  /** How many answers are waited for, and how long the latest of them may be waited for in silence, in ms. */
  #waiting = 0;
  #longestSilenceMs = 0;
  #answeredAt = 0;

  /** `advertised`: the address is not one that the program was given, but what the cluster says. */
  constructor(
    { address, line, time }: { readonly address: Address; readonly line: LineRate; readonly time: Time },
    connect: Connect,
    clientId: string,
    secure: boolean,
    advertised = false,
  ) {
    this.address = address;
    this.line = line;
    this.#time = time;
    this.#connect = connect;
    this.#clientId = new TextEncoder().encode(clientId);
    this.#listener = { secure, advertised };
  }

  /** Connects, if it is not. Errors: `UNREACHABLE`, `AUTHENTICATION_FAILED`, `UNTRUSTED_CERTIFICATE`, `STOPPED`. */
  async open(): Promise<void> {
    if (this.#current() === undefined) await this.#reconnect();
  }

  /**
   * Sends a request and gives its answer. `timeout`: how long nothing may move meanwhile, in ms. `onSent` is called when
   * the bytes have been handed to the socket. Errors: as `open`; `UNREACHABLE` also for a lost connection or answer, after which it may have happened.
   */
  async send<T>(call: Call<T>, timeout: number | SilenceLimits = REQUEST_TIMEOUT_MS, onSent?: () => void): Promise<T> {
    const connection = this.#current() ?? await this.#reconnect();
    const payload = await this.#exchange(connection, call, timeout, onSent);
    return call.decode(payload);
  }

  /** The newest version of a request that the broker serves; -1: none, or the connection is not open. */
  newest(apiKey: number): number {
    return newestVersion(this.#connection?.versions, apiKey);
  }

  /** Ends the connection; what is waiting for an answer fails. */
  close(): void {
    this.#closed = true;
    const connection = this.#connection;
    this.#connection = undefined;
    if (connection) abort(connection, this.#stopped());
  }

  #current(): Connection | undefined {
    const connection = this.#connection;
    if (connection === undefined) return undefined;
    // A SASL session that is nearly over: kafkajs would authenticate again amid other requests and mix up the answers.
    return connection.isConnected() && (!this.#needsLogin(connection)) ? connection : undefined;
  }

  #needsLogin(connection: Connection): boolean {
    return this.#login && !connection.isAuthenticated();
  }

  /** Whether connections to this broker are authenticated: seen at the first. */
  #login = false;

  #reconnect(): Promise<Connection> {
    this.#connecting ??= this.#make().finally(() => {
      this.#connecting = undefined;
    });
    return this.#connecting;
  }

  async #make(): Promise<Connection> {
    if (this.#closed) throw this.#stopped();
    const old = this.#connection;
    this.#connection = undefined;
    if (old) abort(old, new ConnectionLost(shownAddress(this.address), "it is replaced by a new one"));
    try {
      const connection = await this.#connect(this.address, this.line);
      if (this.#closed) {
        abort(connection, this.#stopped());
        throw this.#stopped();
      }
      this.#login = connection.isAuthenticated();
      return this.#connection = connection;
    } catch (error) {
      throw connectError(error, shownAddress(this.address), this.#listener);
    }
  }

  #exchange<T>(
    connection: Connection,
    call: Call<T>,
    timeout: number | SilenceLimits,
    onSent?: () => void,
  ): Promise<Uint8Array> {
    const { apiKey, apiName, apiVersion } = call;
    const { line } = this;
    const time = this.#time;
    const correlationId = connection.nextCorrelationId();
    const body = call.encode();
    const header = this.#header(apiKey, apiVersion, correlationId, body.length);
    // Answers come in order: one that waits behind another waits as long as that may.
    const silence = this.#longestSilenceMs = Math.max(
      line.silenceMs(apiName, timeout),
      this.#waiting > 0 ? this.#longestSilenceMs : 0,
    );
    this.#waiting++;
    const progress = progressOf(connection.socket);
    const sent = time.monotonic();
    return new Promise((resolve, reject) => {
      const quiet = () => silence + Math.max(sent, progress?.on ?? sent, this.#answeredAt) - time.monotonic();
      const late = () => {
        if (quiet() > 0) return look();
        line.lost(apiName);
        abort(connection, this.#lost(`no answer to ${apiName} within ${Math.round(silence)} ms`, undefined, true));
      };
      const look = () => {
        const left = quiet();
        // After a pause of the whole process the answer may have come, and only not have been read.
        cancel = left > 0 ? time.startTimer(Math.ceil(left), look) : time.startTimer(READ_GRACE_MS, late);
      };
      let cancel = time.startTimer(silence, look);
      let isWaiting = true;
      const ended = () => {
        cancel();
        if (isWaiting) this.#waiting--;
        isWaiting = false;
      };
      connection.requestQueue.push({
        entry: {
          apiKey,
          apiName,
          apiVersion,
          correlationId,
          resolve: ({ payload }) => {
            ended();
            this.#answeredAt = time.monotonic();
            if (progress) {
              line.answered(
                apiName,
                time.monotonic() - sent,
                typeof timeout !== "number" || timeout === REQUEST_TIMEOUT_MS,
              );
              if (progress.began !== undefined) line.received(payload.length, progress.at - progress.began);
              progress.began = undefined;
            }
            resolve(payload);
          },
          reject: (error) => {
            ended();
            reject(error instanceof MephistoError ? error : this.#lost(error.message.replace(/\.$/, ""), error));
          },
        },
        expectResponse: true,
        requestTimeout: null,
        sendRequest: () => {
          writerTo(connection.socket)?.write(header, body);
          onSent?.();
        },
      });
    });
  }

  /** The length of the request and its header, version 1. */
  #header(apiKey: number, apiVersion: number, correlationId: number, bodyLength: number): Uint8Array {
    const header = new Uint8Array(14 + this.#clientId.length);
    const view = new DataView(header.buffer);
    view.setInt32(0, header.length - 4 + bodyLength);
    view.setInt16(4, apiKey);
    view.setInt16(6, apiVersion);
    view.setInt32(8, correlationId);
    view.setInt16(12, this.#clientId.length);
    header.set(this.#clientId, 14);
    return header;
  }

  #lost(why: string, cause?: unknown, silent = false): ConnectionLost {
    return new ConnectionLost(shownAddress(this.address), why, cause, silent);
  }

  #stopped(): MephistoError {
    return new MephistoError("STOPPED", `The connection to ${shownAddress(this.address)} has been closed.`);
  }
}
