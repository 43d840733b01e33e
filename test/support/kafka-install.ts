import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { accessSync, constants, existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { archiveClasses, minimalProperties } from "./kafka-archive.ts";
import { jvmFlags } from "./kafka-process.ts";

const execute = promisify(execFile);

/** The version of Apache Kafka that the tests run against. */
export const kafkaVersion = "4.1.0";

/** The user that every broker's SASL mechanisms know. */
export const credentials = { user: "mephisto", password: "moonlight" };

/** What a broker is started from. Everything in it is made once and kept in the cache folder of the repository. */
export type KafkaInstall = {
  /** Class path of the broker and its tools. */
  classPath: string;
  /** Folder with a formatted, empty log: `meta.properties` and `bootstrap.checkpoint`. */
  formatted: string;
  /** Class data archive, which halves the work of starting the broker, or one of its tools. */
  archive: string;
  /** Key store of the broker's TLS listener (password: the credentials' one) and the CA's certificate. */
  keyStore: string;
  caFile: string;
};

const cache = fileURLToPath(new URL("../../.cache/", import.meta.url));
/** Goes up when the recipe of the prepared folder changes, so that older caches are not used. */
const recipe = 2;

/** Why Kafka cannot be started here, or `false` when it can. */
export function missingTools(): string | false {
  const missing = ["java", "keytool", "mvn"].filter((tool) => !isOnPath(tool));
  return missing.length > 0 && `real Kafka needs ${missing.join(" and ")} on the PATH`;
}

/** Downloads and prepares Kafka on first use. Safe to call from several processes at once. */
export async function installKafka(): Promise<KafkaInstall> {
  const libs = await once(`kafka-${kafkaVersion}`, download);
  const classPath = (await readdir(libs)).filter((name) => name.endsWith(".jar")).sort().map((name) => join(libs, name))
    .join(delimiter);
  // The JVM ignores an archive of the same classes in another place, such as that of a cache which was copied.
  const place = createHash("sha256").update(classPath).digest("hex").slice(0, 8);
  const prepared = await once(`kafka-${kafkaVersion}-prepared-${recipe}-${place}`, async (folder) => {
    await Promise.all([format(folder, classPath), makeCertificates(folder)]);
    await archiveClasses(classPath, join(folder, "data"), join(folder, "classes.jsa"));
  });
  return {
    classPath,
    formatted: join(prepared, "data"),
    archive: join(prepared, "classes.jsa"),
    keyStore: join(prepared, "broker.p12"),
    caFile: join(prepared, "ca.pem"),
  };
}

/** A folder of the cache, made in a temporary place and moved as a whole: two makers don't clash, the first one wins. */
async function once(name: string, make: (folder: string) => Promise<void>): Promise<string> {
  const folder = join(cache, name);
  if (existsSync(folder)) return folder;
  await mkdir(cache, { recursive: true });
  const making = await mkdtemp(join(cache, `${name}-making-`));
  try {
    await make(making);
    await rename(making, folder).catch((error: unknown) => {
      if (!existsSync(folder)) throw error;
    });
  } finally {
    await rm(making, { recursive: true, force: true });
  }
  return folder;
}

async function download(folder: string): Promise<void> {
  const artifacts = [
    ["org.apache.kafka", "kafka_2.13", kafkaVersion],
    ["org.apache.kafka", "kafka-tools", kafkaVersion],
    // Kafka logs through slf4j and comes without a binding: with none, a broker that fails to start says nothing.
    ["org.slf4j", "slf4j-simple", "1.7.36"],
  ];
  const dependencies = artifacts.map(([group, artifact, version]) =>
    `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version></dependency>`
  );
  const pom = join(folder, "pom.xml");
  await writeFile(
    pom,
    `<project><modelVersion>4.0.0</modelVersion><groupId>test</groupId><artifactId>kafka</artifactId>` +
      `<version>1</version><dependencies>${dependencies.join("")}</dependencies></project>`,
  );
  await tool("mvn", ["-q", "-B", "-f", pom, "dependency:copy-dependencies", `-DoutputDirectory=${folder}`]);
}

async function format(folder: string, classPath: string): Promise<void> {
  const properties = join(folder, "format.properties");
  await writeFile(properties, minimalProperties(join(folder, "data"), 9092, 9093));
  const { user, password } = credentials;
  await tool("java", [
    ...jvmFlags,
    "-cp",
    classPath,
    "kafka.tools.StorageTool",
    "format",
    "-t",
    // All test brokers may share one cluster id: they never meet.
    "bWVwaGlzdG8tdGVzdHMtMQ",
    "-c",
    properties,
    "--add-scram",
    `SCRAM-SHA-512=[name=${user},password=${password}]`,
  ]);
}

/** A CA and a broker certificate that it has signed, for `localhost` and `127.0.0.1`. */
async function makeCertificates(folder: string): Promise<void> {
  const keytool = (...args: string[]) => tool("keytool", [...args, "-storepass", credentials.password], folder);
  const keys = ["-genkeypair", "-keyalg", "EC", "-groupname", "secp256r1", "-validity", "3650", "-storetype", "PKCS12"];
  await keytool(...keys, "-alias", "ca", "-dname", "CN=Mephisto test CA", "-ext", "bc:c", "-keystore", "ca.p12");
  await keytool("-exportcert", "-rfc", "-alias", "ca", "-keystore", "ca.p12", "-file", "ca.pem");
  const broker = ["-alias", "broker", "-keystore", "broker.p12"];
  await keytool(...keys, ...broker, "-dname", "CN=localhost");
  await keytool("-certreq", ...broker, "-file", "broker.csr");
  await keytool(
    ...["-gencert", "-rfc", "-alias", "ca", "-keystore", "ca.p12", "-infile", "broker.csr", "-outfile", "broker.pem"],
    ...["-validity", "3650", "-ext", "san=dns:localhost,ip:127.0.0.1"],
  );
  await keytool("-importcert", "-noprompt", "-alias", "ca", "-keystore", "broker.p12", "-file", "ca.pem");
  await keytool("-importcert", "-noprompt", ...broker, "-file", "broker.pem");
}

async function tool(name: string, args: string[], cwd?: string): Promise<void> {
  try {
    await execute(name, args, cwd === undefined ? {} : { cwd });
  } catch (error) {
    throw new Error(`preparing Kafka for the tests: ${name} failed`, { cause: error });
  }
}

/** Whether a program is found. */
export function isOnPath(name: string): boolean {
  return (process.env.PATH ?? "").split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
