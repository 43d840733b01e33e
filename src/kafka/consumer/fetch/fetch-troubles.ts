import type { MephistoError } from "../../../core/errors.ts";
import type { BackgroundReports, Report } from "../../../core/background-reports.ts";
import type { Reading } from "./reading.ts";

/** What has been reported as not to be had at the moment: partitions, and brokers. */
export class FetchTroubles {
  readonly #troubles: BackgroundReports;
  readonly #partitions = new Set<Reading>();
  readonly #brokers = new Set<number>();

  constructor(troubles: BackgroundReports) {
    this.#troubles = troubles;
  }

  /** Whether there is any of a partition. */
  get any(): boolean {
    return this.#partitions.size > 0;
  }

  failed(reading: Reading, error: MephistoError): void {
    const { topic, partition } = reading;
    this.#partitions.add(reading);
    this.#reportOf(topic).failed(error, { topic, partition }, String(partition));
  }

  over(reading: Reading): void {
    if (this.#partitions.delete(reading)) this.#reportOf(reading.topic).over(String(reading.partition));
  }

  /** It is not read any more. */
  drop(reading: Reading): void {
    if (this.#partitions.delete(reading)) this.#reportOf(reading.topic).drop(String(reading.partition));
  }

  brokerFailed(nodeId: number, error: MephistoError): void {
    this.#brokers.add(nodeId);
    this.#reportOf(`from broker ${nodeId}`).failed(error);
  }

  brokerAnswered(nodeId: number): void {
    if (this.#brokers.delete(nodeId)) this.#reportOf(`from broker ${nodeId}`).over();
  }

  /** A broker that leads nothing any more that is read here is nobody's trouble. `leaders`: of all that is read. */
  forgetBrokers(leaders: () => Iterable<number>): void {
    if (this.#brokers.size === 0) return;
    const leading = new Set(leaders());
    for (const nodeId of this.#brokers) {
      if (leading.has(nodeId)) continue;
      this.#brokers.delete(nodeId);
      this.#reportOf(`from broker ${nodeId}`).drop();
    }
  }

  /** `what`: a topic, or `from broker 1`. */
  #reportOf(what: string): Report {
    return this.#troubles.of(`Reading ${what}`);
  }
}
