package dev.microvm.junit;

import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.testing.ChildJvm;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.spi.ToolProvider;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The examples of docs/junit.md compile. Those of frameworks do so against the few declarations that
 * they use, as the frameworks have them.
 */
final class DocumentedExamplesTest {
    private static final Pattern EXAMPLE = Pattern.compile("(?s)```java\n(.*?)```");

    private static final Map<String, String> FRAMEWORKS = Map.of(
            "SpringBootTest",
            "@interface SpringBootTest {}",
            "DynamicPropertySource",
            "@interface DynamicPropertySource {}",
            "DynamicPropertyRegistry",
            "interface DynamicPropertyRegistry { void add(String name, java.util.function.Supplier<Object> value); }",
            "QuarkusTestResourceLifecycleManager",
            "interface QuarkusTestResourceLifecycleManager { java.util.Map<String, String> start(); void stop(); }",
            "MicronautTest",
            "@interface MicronautTest {}",
            "TestPropertyProvider",
            "interface TestPropertyProvider { java.util.Map<String, String> getProperties(); }");

    private static final String IMPORTS = """
            import static java.nio.charset.StandardCharsets.UTF_8;
            import static org.junit.jupiter.api.Assertions.assertEquals;
            import dev.microvm.sandbox.*;
            import dev.microvm.sandbox.root.*;
            import frameworks.*;
            import java.io.*;
            import java.net.*;
            import java.nio.file.*;
            import java.util.*;
            import org.junit.jupiter.api.*;
            import dev.microvm.junit.*;
            """;

    private static final String TEST_GUESTS = """
            class TestGuests {
                static GuestVm redis() {
                    return GuestVm.of(Root.directory(Path.of("redis"))).withExposedPorts(6379);
                }
            }
            """;

    @TempDir
    private Path folder;

    @Test
    void compile() throws IOException {
        List<String> files = new ArrayList<>();
        for (Map.Entry<String, String> each : FRAMEWORKS.entrySet()) {
            files.add(write("frameworks", each.getKey(), "public " + each.getValue()));
        }
        List<String> examples = EXAMPLE.matcher(Files.readString(Path.of("../docs/junit.md")))
                .results()
                .map((MatchResult found) -> found.group(1))
                .toList();
        for (int i = 0; i < examples.size(); i++) {
            files.add(write("example" + i, "Example", IMPORTS + examples.get(i) + TEST_GUESTS));
        }

        assertThat(examples).hasSizeGreaterThan(4);
        assertThat(problems(files)).isEmpty();
    }

    private String write(String packageName, String name, String text) throws IOException {
        Path file = Files.createDirectories(folder.resolve(packageName)).resolve(name + ".java");
        return Files.writeString(file, "package %s;%n%s".formatted(packageName, text))
                .toString();
    }

    private String problems(List<String> files) {
        List<String> arguments = new ArrayList<>(
                List.of("-proc:none", "-d", folder.resolve("classes").toString(), "-cp", ChildJvm.classPath()));
        arguments.addAll(files);
        StringWriter output = new StringWriter();
        PrintWriter to = new PrintWriter(output);
        int code = ToolProvider.findFirst("javac").orElseThrow().run(to, to, arguments.toArray(new String[0]));
        return code == 0 ? "" : output.toString();
    }
}
