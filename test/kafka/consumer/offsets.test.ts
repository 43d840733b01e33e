import assert from "node:assert/strict";
import { test } from "node:test";
import { Acknowledgements } from "../../../src/core/acknowledgements.ts";
import { commitOf, isOfAnother, noteOf } from "../../../src/kafka/consumer/offsets.ts";

const committer = { groupId: "g", generationId: 1, memberId: "m", groupInstanceId: null };
const accepted = {
  throttleTimeMs: 0,
  topics: [{ topic: "t", partitions: [{ partition: 0, errorCode: 0 }] }],
};

test("what is accepted is not committed again, what is refused is", () => {
  const acks = new Acknowledgements({ topic: "t", partition: 0 }, 5);
  assert.equal(commitOf(committer, [acks]), undefined);
  acks.acknowledger()(9);
  const refused = { ...accepted, topics: [{ topic: "t", partitions: [{ partition: 0, errorCode: 27 }] }] };
  assert.deepEqual(commitOf(committer, [acks])?.apply(refused), { topic: "t", partition: 0, errorCode: 27 });
  assert.equal(commitOf(committer, [acks])?.apply(accepted), undefined);
  assert.equal(commitOf(committer, [acks]), undefined);
});

test("a commit of a log that has begun anew meanwhile says nothing of the new one", () => {
  const acks = new Acknowledgements({ topic: "t", partition: 0 }, 0);
  acks.acknowledger()(1000);
  const commit = commitOf(committer, [acks]);
  acks.reset(0);
  commit?.apply(accepted);
  acks.acknowledger()(10);
  assert.notEqual(commitOf(committer, [acks]), undefined, "ten messages of the new log have been handled");
});

test("what was handled before a partition was lost counts when it comes back, unless its offset was moved", () => {
  for (
    const [topicId, committed, counts] of [
      ["id", 5, true], // as this worker had committed it
      ["id", 7, true], // a commit whose answer was lost
      ["id", 9, true],
      ["id", 10, false], // somebody else has gone further
      ["id", 4, false], // set back by somebody
      ["another", 5, false],
    ] as const
  ) {
    const acks = new Acknowledgements({ topic: "t", partition: 0 }, 5);
    acks.topicId = "id";
    const acknowledge = acks.acknowledger();
    acknowledge(8);
    acks.closed = true;
    acknowledge(9); // it was in hand when the partition was lost
    assert.equal(acks.resume(topicId, committed), counts, `${topicId} ${committed}`);
    assert.equal(acks.closed, !counts);
    if (!counts) continue;
    assert.equal(acks.position, 9);
    assert.equal(commitOf(committer, [acks]) !== undefined, committed < 9);
  }
});

test("beside an offset stands which topic it is of; one that says nothing of it is taken at its word", () => {
  assert.equal(isOfAnother(noteOf("old"), "new"), true);
  assert.equal(isOfAnother(noteOf("new"), "new"), false);
  for (const note of [null, "", "set by hand"]) assert.equal(isOfAnother(note, "new"), false);
});

test("of a partition that was lost nothing is committed, neither what was handled before nor after that", () => {
  const acks = new Acknowledgements({ topic: "t", partition: 0 }, 0);
  const acknowledge = acks.acknowledger();
  acknowledge(5);
  acks.closed = true;
  assert.equal(commitOf(committer, [acks]), undefined);
  acknowledge(9);
  assert.equal(commitOf(committer, [acks]), undefined);
});

test("when it comes back, it is: unless another has gone further, or it is another log, or was set back", () => {
  const lost = () => {
    const acks = new Acknowledgements({ topic: "t", partition: 0 }, 5);
    acks.topicId = "id";
    acks.acknowledger()(9);
    acks.closed = true;
    return acks;
  };
  for (const [topicId, committed] of [["id", 10], ["id", 4], ["other", 5]] as const) {
    const acks = lost();
    assert.equal(acks.resume(topicId, committed), false, `${topicId} ${committed}`);
    assert.equal(commitOf(committer, [acks]), undefined);
  }
  for (const committed of [5, 7]) {
    const acks = lost();
    assert.equal(acks.resume("id", committed), true);
    assert.notEqual(commitOf(committer, [acks]), undefined);
  }
  const acks = lost();
  assert.equal(acks.resume("id", 9), true, "another has done just the same");
  assert.equal(commitOf(committer, [acks]), undefined);
});

test("what is acknowledged of a log that has begun anew counts for nothing", () => {
  const acks = new Acknowledgements({ topic: "t", partition: 0 }, 0);
  const acknowledge = acks.acknowledger();
  acks.reset(0);
  acknowledge(1000);
  assert.equal(acks.position, 0);
});
