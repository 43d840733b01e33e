import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.*;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.types.*;
import org.apache.kafka.common.record.MemoryRecords;

/*
 * Prints, for each API key given as an argument, what Kafka's own schemas make of every version of its request and its
 * answer: `key request|response version full|null bytes` a line. Each field's value follows from its name alone, so that
 * a reader of the bytes can tell whether it has put them where they belong.
 */
public class MessageVectors {
  public static void main(String[] args) {
    for (String arg : args) {
      ApiKeys key = ApiKeys.forId(Integer.parseInt(arg));
      for (boolean nulls : new boolean[] {false, true}) {
        print(key, "request", key.messageType.requestSchemas(), nulls);
        print(key, "response", key.messageType.responseSchemas(), nulls);
      }
    }
  }

  static void print(ApiKeys key, String kind, Schema[] schemas, boolean nulls) {
    for (short version = key.messageType.lowestSupportedVersion(); version <= key.messageType.highestSupportedVersion(true); version++) {
      Schema schema = schemas[version];
      if (schema == null) continue;
      Object value = value(schema, "", nulls);
      ByteBuffer buffer = ByteBuffer.allocate(schema.sizeOf(value));
      schema.write(buffer, value);
      System.out.println(key.id + " " + kind + " " + version + " " + (nulls ? "null " : "full ") + HexFormat.of().formatHex(buffer.array()));
    }
  }

  /** The name as in the tables: without the prefix that keeps older fields apart from newer ones. */
  static String plain(String name) {
    return name.replace("v3_and_below_", "").replace("_", "");
  }

  static int hash(String name) {
    int hash = 0;
    for (char c : plain(name).toCharArray()) hash = (hash * 31 + c) & 0x7fffff;
    return hash;
  }

  static Object value(Type type, String name, boolean nulls) {
    if (nulls && type.isNullable()) return null;
    if (type instanceof Schema schema) {
      Struct struct = new Struct(schema);
      for (BoundField field : schema.fields()) struct.set(field, value(field.def.type, field.def.name, nulls));
      return struct;
    }
    if (type instanceof TaggedFields tagged) {
      NavigableMap<Integer, Object> values = new TreeMap<>();
      // What is the default is left out: null of those that can be null, and false.
      tagged.fields().forEach((tag, field) -> {
        Object value = value(field.type, field.name, nulls);
        if (value != null && !Boolean.FALSE.equals(value)) values.put(tag, value);
      });
      return values;
    }
    if (type.isArray()) {
      Type element = type.arrayElementType().get();
      return new Object[] {value(element, name, nulls), value(element, name, nulls)};
    }
    int hash = hash(name);
    String text = plain(name);
    String kind = type.toString().replaceAll("COMPACT_|NULLABLE_", "");
    return switch (kind) {
      case "BOOLEAN" -> hash % 2 == 1;
      case "INT8" -> (byte) (hash % 127);
      case "INT16" -> (short) (hash % 32767);
      case "UINT16" -> hash % 32767;
      case "INT32" -> hash;
      case "INT64" -> hash * 1000000L;
      case "FLOAT64" -> (double) hash;
      case "UUID" -> new Uuid(hash, hash);
      case "STRING" -> text;
      case "BYTES" -> ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8));
      case "RECORDS" -> MemoryRecords.readableRecords(ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8)));
      default -> throw new IllegalArgumentException(kind + " " + name);
    };
  }
}
