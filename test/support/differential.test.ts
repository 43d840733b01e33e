import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createServer } from "node:net";
import { test } from "node:test";
import { Output } from "../../src/wire/protocol/output.ts";
import { messageWriter } from "../../src/wire/protocol/write.ts";
import { describeGroups } from "../../src/broker/requests/15-describe-groups.ts";
import { run } from "./differential.ts";

test("a coordinator that is not ready is asked again", async () => {
  const codes = [14, 15, 16, 0];
  const answer = messageWriter(describeGroups.response, 5, true);
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.on("data", (request) => {
      const out = new Output();
      out.writer.int32(0).int32(request.readInt32BE(8)).noTaggedFields();
      const group = { groupId: "g", groupState: "", protocolType: "", protocolData: "", members: [] };
      answer(out, { throttleTimeMs: 0, groups: [{ ...group, errorCode: codes.shift() ?? -1 }] });
      const bytes = Buffer.concat(out.finish());
      bytes.writeInt32BE(bytes.length - 4);
      socket.write(bytes);
    });
  });
  const port = await new Promise<number>((resolve) =>
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : 0);
    })
  );
  const told = await run(port, async (at) => void await at.tell("describe", describeGroups, 5, { groups: ["g"] }));
  server.close();
  assert.deepEqual(told.map(([, answer]) => (answer as { groups: { errorCode: number }[] }).groups[0]?.errorCode), [0]);
  assert.deepEqual(codes, []);
});
