package dev.microvm.cli.firecracker;

import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.cli.firecracker.api.Bodies;
import dev.microvm.cli.firecracker.api.Call;
import dev.microvm.cli.firecracker.json.Shape;
import dev.microvm.cli.firecracker.json.Type;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashSet;
import java.util.Locale;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The tables of docs/firecracker.md are those of the code. {@code -Dmicrovm.writeDocs=true} writes
 * them.
 */
final class DocumentationTest {
    private static final Path PAGE = Path.of("../docs/firecracker.md");

    @Test
    void hasEachCall() throws IOException {
        StringBuilder table = new StringBuilder("| call | when | body |\n| --- | --- | --- |\n");
        for (Call call : Call.values()) {
            String body = call.body() == null ? "" : call.body().name();
            table.append("| `%s %s` | %s | %s |\n".formatted(call.method(), call.path(), when(call), body));
        }
        check("calls", table.toString());
    }

    private static String when(Call call) {
        return call.when() == Call.When.NEVER
                ? "not there: 400"
                : call.when().name().toLowerCase(Locale.ROOT).replace('_', ' ');
    }

    @Test
    void hasEachKey() throws IOException {
        Set<Shape> shapes = new LinkedHashSet<>();
        for (Call call : Call.values()) if (call.body() != null) addAll(call.body(), shapes);
        StringBuilder table = new StringBuilder("| body | key | type | remark |\n| --- | --- | --- | --- |\n");
        for (Shape shape : shapes) {
            String name = shape.name();
            for (Shape.Key key : shape.keys()) {
                String shown = key.required() ? "**`%s`**".formatted(key.name()) : "`%s`".formatted(key.name());
                table.append("| %s | %s | %s | %s |\n"
                        .formatted(name, shown, key.type().label(), key.remark()));
                name = "";
            }
        }
        check("bodies", table.toString());
    }

    private static void addAll(Shape shape, Set<Shape> to) {
        if (!to.add(shape)) return;
        for (Shape.Key key : shape.keys()) {
            Type type = key.type() instanceof Type.Many many ? many.each() : key.type();
            if (type instanceof Type.Structure structure) addAll(structure.shape(), to);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"drives", "boot-source", "machine-config"})
    void describesTheFile(String key) {
        assertThat(Bodies.VM_CONFIG.keys()).extracting(Shape.Key::name).contains(key);
    }

    private static void check(String part, String table) throws IOException {
        String page = Files.readString(PAGE);
        String begin = "<!-- %s: made by DocumentationTest -->\n".formatted(part);
        String end = "<!-- end of %s -->".formatted(part);
        int from = page.indexOf(begin) + begin.length();
        int to = page.indexOf(end);
        if (Boolean.getBoolean("microvm.writeDocs")) {
            Files.writeString(PAGE, page.substring(0, from) + table + page.substring(to));
        } else {
            assertThat(page.substring(from, to)).isEqualTo(table);
        }
    }
}
