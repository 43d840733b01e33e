import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { MephistoError } from "../../../src/core/errors.ts";
import { redact } from "../../../src/core/redact.ts";
import { parseUrl, shownAddress } from "../../../src/kafka/connection/url.ts";

const folder = mkdtempSync(join(tmpdir(), "mephisto-url-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const caFile = join(folder, "ca authority.pem");
writeFileSync(caFile, "PEM");

const from = "from --url";
const parse = (url: string) => parseUrl(url, from);

test("an address is a host and a port, 9092 if it says none", () => {
  assert.deepEqual(parse("kafka://localhost:19092"), {
    brokers: [{ host: "localhost", port: 19092 }],
    ssl: undefined,
    sasl: undefined,
    shown: "kafka://localhost:19092",
  });
  assert.deepEqual(parse("kafka://localhost").brokers, [{ host: "localhost", port: 9092 }]);
  assert.deepEqual(parse("kafka://localhost/").brokers, [{ host: "localhost", port: 9092 }]);
});

test("several brokers are parted by commas", () => {
  const { brokers, shown } = parse("kafka://a:1, b.example.org,10.0.0.7:65535");
  assert.deepEqual(brokers, [{ host: "a", port: 1 }, { host: "b.example.org", port: 9092 }, {
    host: "10.0.0.7",
    port: 65535,
  }]);
  assert.equal(shown, "kafka://a:1,b.example.org:9092,10.0.0.7:65535");
});

test("an IPv6 address stands in brackets", () => {
  const { brokers, shown } = parse("kafka://[::1]:9093,[fe80::7]");
  assert.deepEqual(brokers, [{ host: "::1", port: 9093 }, { host: "fe80::7", port: 9092 }]);
  assert.equal(shown, "kafka://[::1]:9093,[fe80::7]:9092");
  assert.equal(shownAddress({ host: "::1", port: 1 }), "[::1]:1");
});

test("TLS, a user and a mechanism are part of the address", () => {
  const { ssl, sasl, shown } = parse(
    `kafka+ssl://me%40home:p%3Aa%2Fs%25s@h:9093?sasl=SCRAM-SHA-512&ca=${encodeURIComponent(caFile)}`,
  );
  assert.deepEqual(sasl, { mechanism: "scram-sha-512", username: "me@home", password: "p:a/s%s" });
  assert.deepEqual(ssl, { ca: "PEM" });
  assert.equal(shown, "kafka+ssl://h:9093");
  assert.deepEqual(parse("kafka+ssl://h").ssl, {});
});

test("a user without a mechanism means PLAIN, and a password may hold colons", () => {
  assert.deepEqual(parse("kafka://me:a:b@h").sasl, { mechanism: "plain", username: "me", password: "a:b" });
  assert.deepEqual(parse("kafka://me@h?sasl=scram-sha-256").sasl, {
    mechanism: "scram-sha-256",
    username: "me",
    password: "",
  });
});

test("options come before the address", () => {
  const sasl = { mechanism: "plain", username: "other", password: "secret" } as const;
  const url = `kafka+ssl://me:secret@h?ca=${encodeURIComponent(caFile)}`;
  assert.deepEqual(parseUrl(url, from, { sasl }).sasl, sasl);
  assert.equal(parseUrl(url, from, { ssl: false }).ssl, undefined);
  assert.deepEqual(parseUrl(url, from, { ssl: { ca: "OTHER", servername: "n" } }).ssl, {
    ca: "OTHER",
    servername: "n",
  });
  assert.deepEqual(parseUrl("kafka://h", from, { ssl: true }).ssl, {});
  assert.deepEqual(parseUrl("kafka://h", from, { ssl: { servername: "n" } }).ssl, { servername: "n" });
});

test("what cannot be used is told in a sentence, with where it came from and without the password", () => {
  const cases: [url: string, why: RegExp][] = [
    ["", /not of the form/],
    ["localhost:9092", /not of the form/],
    ["http://localhost", /not of the form/],
    ["kafka://", /not of the form/],
    ["kafka://user:hunter2@", /not of the form/],
    ["kafka+tls://user:hunter2@h", /not of the form/],
    ["kafka+ssl://user:hunter2@h/topic", /not of the form/],
    ["kafka://user:hunter2@h?x=1", /unknown parameter "x"\. There are sasl and ca\./],
    ["kafka://user:hunter2@h?sals=plain", /unknown parameter "sals"\. Did you mean sasl\?/],
    ["kafka://user@h?password=hunter2", /unknown parameter "password"/],
    ["kafka://user:hunter2@h?sasl=plainn", /sasl=plainn is not one of .*\. Did you mean plain\?/],
    ["kafka://user:hunter2@h?sasl=scram-sha-265", /Did you mean scram-sha-256\?/],
    ["kafka://user:hunter2@h:0", /"h:0" is not host:port/],
    ["kafka://user:hunter2@h:65536", /"h:65536" is not host:port/],
    ["kafka://user:hunter2@h:port", /"h:port" is not host:port/],
    ["kafka://user:hunter2@a:1,,b:2", /"" is not host:port/],
    ["kafka://user:hunter2@::1", /"::1" is not host:port/],
    ["kafka://h?sasl=plain", /no user:password@/],
    ["kafka://user:hunter2@h?sasl=gssapi", /sasl=gssapi is not one of plain, scram-sha-256, scram-sha-512/],
    ["kafka://user:hunter2%@h", /write a plain % as %25/],
    ["kafka://user:hunter2@h?ca=/x.pem", /ca= needs kafka\+ssl/],
    ["kafka+ssl://user:hunter2@h?ca=/no/such/file.pem", /file of ca= cannot be read \(ENOENT|No such file/],
    // An @ or a / that should have been escaped must not show the rest of the password.
    ["kafka://user:x@hunter2@h", /not of the form/],
    ["kafka://user:x/hunter2@h", /not of the form|is not host:port/],
    ["kafka:/user:hunter2@h", /not of the form/],
    ["user:hunter2@h:9092", /not of the form/],
  ];
  for (const [url, why] of cases) {
    assert.throws(() => parse(url), (error) => {
      assert.ok(error instanceof MephistoError, url);
      assert.equal(error.code, "INVALID_URL", url);
      assert.match(error.message, why, url);
      assert.match(error.message, /\(from --url\)/, url);
      assert.doesNotMatch(error.message, /hunter2/, url);
      assert.doesNotMatch(error.message, /\n/, url);
      return true;
    }, url);
  }
});

test("redact takes user and password out of any text", () => {
  assert.equal(redact("kafka+ssl://user:hunter2@h:9093?sasl=plain"), "kafka+ssl://h:9093?sasl=plain");
  assert.equal(redact("kafka://a:1,b:2"), "kafka://a:1,b:2");
  for (
    const text of [
      "kafka://u:x@hunter2@h",
      "kafka://u:x/hunter2@h",
      "kafka:/u:hunter2@h",
      "u:hunter2@h",
      "//u:hunter2\n@h",
    ]
  ) {
    assert.doesNotMatch(redact(text), /hunter2/, text);
  }
});
