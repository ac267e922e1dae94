package dev.microvm.testing;

import java.io.IOException;
import java.lang.reflect.Modifier;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * The public types that the module under test exports to everyone. They are read from its sources,
 * so that they are the same on the class path and on the module path.
 */
public final class ExportedTypes {
    private static final Path SOURCES = Path.of("src/main/java"); // of the module whose tests run
    private static final Pattern EXPORTS = Pattern.compile("\\bexports\\s+([\\w.]+)\\s*;"); // not "exports ... to"
    private static final String JAVA = ".java";

    private ExportedTypes() {}

    /** Returns the types, with those that are nested in them. */
    public static List<Class<?>> ofThisModule() throws IOException {
        List<String> packages = EXPORTS.matcher(Files.readString(SOURCES.resolve("module-info.java")))
                .results()
                .map((MatchResult found) -> found.group(1))
                .toList();
        List<Class<?>> types = new ArrayList<>();
        for (String each : packages) {
            for (String name : sourcesIn(each)) addPublic(load(each + "." + name), types);
        }
        return types;
    }

    private static List<String> sourcesIn(String packageName) throws IOException {
        try (Stream<Path> files = Files.list(SOURCES.resolve(packageName.replace('.', '/')))) {
            return files.map(file -> file.getFileName().toString())
                    .filter(name -> name.endsWith(JAVA) && !name.equals("package-info.java"))
                    .map(name -> name.substring(0, name.length() - JAVA.length()))
                    .sorted()
                    .toList();
        }
    }

    private static Class<?> load(String name) {
        try {
            return Class.forName(name, false, ExportedTypes.class.getClassLoader());
        } catch (ClassNotFoundException e) {
            throw new IllegalStateException(e);
        }
    }

    private static void addPublic(Class<?> type, List<Class<?>> types) {
        if (!Modifier.isPublic(type.getModifiers())) return;
        types.add(type);
        Arrays.stream(type.getDeclaredClasses()).forEach(nested -> addPublic(nested, types));
    }
}
