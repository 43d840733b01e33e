import { BACKOFF, Backoff } from "../../core/backoff.ts";
import type { Clock } from "../../core/clock.ts";
import { isRetriable, MephistoError } from "../../core/errors.ts";
import { delay } from "../../core/delay.ts";
import type { Cluster, TopicState } from "../connection/cluster.ts";

/** How long sends wait for a topic: for its first metadata, and for one that is gone to be created again. */
const TOPIC_TIMEOUT_MS = 15_000;

export interface FindParts {
  readonly cluster: Pick<Cluster, "known">;
  readonly clock: Clock;
  /** Aborts when the producer is closed. */
  readonly signal: AbortSignal;
}

/** The topic, as soon as it is known; `wasThere`: one that is not there may come back. */
export async function findTopic(name: string, wasThere: boolean, parts: FindParts): Promise<TopicState> {
  const { cluster, clock, signal } = parts;
  const until = clock.monotonic() + TOPIC_TIMEOUT_MS;
  const backoff = new Backoff(BACKOFF.topic);
  for (;;) {
    try {
      return await cluster.known(name);
    } catch (error) {
      if (signal.aborted) throw stopped();
      const isGone = error instanceof MephistoError && error.code === "UNKNOWN_TOPIC";
      if (clock.monotonic() > until || !(isRetriable(error) || isGone && wasThere)) {
        throw isGone && wasThere ? gone(name, error) : error;
      }
      await delay(backoff.next(), signal);
    }
  }
}

function gone(topic: string, cause: unknown): MephistoError {
  return new MephistoError(
    "UNKNOWN_TOPIC",
    `Topic ${topic} has been deleted, and was not created again within ${TOPIC_TIMEOUT_MS / 1000} s.`,
    { cause },
  );
}

export function stopped(): MephistoError {
  return new MephistoError("STOPPED", "The app has been stopped.");
}
