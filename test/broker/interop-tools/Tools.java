import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.util.ArrayList;
import java.util.List;
import org.apache.kafka.common.utils.Exit;

/*
 * Runs several of Kafka's tools in one JVM, whose start is most of the time that each takes. A word `;` is between two of
 * them; each is the class and its arguments. Of each it prints `exit CODE`, and what the tool has printed, indented.
 */
public class Tools {
  static class Exited extends RuntimeException {
    final int code;

    Exited(int code) {
      this.code = code;
    }
  }

  public static void main(String[] words) throws Exception {
    Exit.Procedure exit = (code, message) -> {
      throw new Exited(code);
    };
    Exit.setExitProcedure(exit);
    Exit.setHaltProcedure(exit);
    List<String> command = new ArrayList<>();
    for (String word : words) {
      if (word.equals(";")) run(command);
      else command.add(word);
    }
    run(command);
    System.exit(0);
  }

  static void run(List<String> command) throws Exception {
    PrintStream out = System.out;
    PrintStream err = System.err;
    ByteArrayOutputStream said = new ByteArrayOutputStream();
    PrintStream both = new PrintStream(said, true);
    System.setOut(both);
    System.setErr(both);
    int code = 0;
    try {
      String[] arguments = command.subList(1, command.size()).toArray(new String[0]);
      Class.forName(command.get(0)).getMethod("main", String[].class).invoke(null, (Object) arguments);
    } catch (InvocationTargetException thrown) {
      if (!(thrown.getCause() instanceof Exited exited)) throw thrown;
      code = exited.code;
    } finally {
      System.setOut(out);
      System.setErr(err);
    }
    out.println("exit " + code);
    said.toString().lines().forEach(line -> out.println("  " + line));
    command.clear();
  }
}
