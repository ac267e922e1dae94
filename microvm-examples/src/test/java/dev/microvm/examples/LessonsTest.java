package dev.microvm.examples;

import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.boot.testing.GuestFiles;
import dev.microvm.testing.ChildJvm;
import dev.microvm.testing.Lanes;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Runs every lesson on the engine and compares what it prints with its page. With the system
 * property {@code microvm.lessons.write} it puts the output into the page instead.
 */
@Lanes.Engine
@Timeout(300)
final class LessonsTest {
    private static final Path PAGE = Path.of("../docs/lessons/README.md");
    private static final int LESSONS = 12;
    private static final int BOOT_LINUX = 8;
    private static final String AFTER_DESCRIPTION = "Hello from ";

    /** Numbers, addresses and random bytes, which differ from run to run and from kernel to kernel. */
    private static final Pattern NUMBERS = Pattern.compile("\\b(?=[0-9a-f]*[0-9])[0-9a-f]+\\b|\\b[0-9a-f]{8,}\\b");

    private static final List<Future<String>> OUTPUTS = new ArrayList<>(); // of lesson 1 first

    /** Two at a time: a lesson keeps one CPU busy. */
    @BeforeAll
    static void startLessons() {
        ExecutorService two = Executors.newFixedThreadPool(2);
        for (int i = 1; i <= LESSONS; i++) {
            int number = i;
            OUTPUTS.add(two.submit(() -> outputOf(number)));
        }
        two.shutdown();
    }

    static IntStream lessons() {
        return IntStream.rangeClosed(1, LESSONS);
    }

    @ParameterizedTest
    @MethodSource("lessons")
    void printsWhatItsPageShows(int number) throws Exception {
        String output = OUTPUTS.get(number - 1).get();
        String page = Files.readString(PAGE);
        Matcher block = Pattern.compile("(?s)(<!-- output of lesson " + number + " -->\n```text\n)(.*?)(```\n)")
                .matcher(page);
        assertThat(block.find())
                .as("a block for the output of lesson %d in %s", number, PAGE)
                .isTrue();

        if (Boolean.getBoolean("microvm.lessons.write")) {
            Files.writeString(PAGE, page.substring(0, block.end(1)) + output + page.substring(block.start(3)));
        } else {
            assertThat(masked(output)).isEqualTo(masked(block.group(2)));
        }
    }

    private static String outputOf(int number) throws IOException, InterruptedException {
        ProcessBuilder lesson = new ProcessBuilder(
                        ChildJvm.java(),
                        "--enable-native-access=ALL-UNNAMED",
                        "-Dmicrovm.hypervisor=engine",
                        "-cp",
                        ChildJvm.classPath(),
                        Lessons.class.getName(),
                        String.valueOf(number))
                .redirectError(ProcessBuilder.Redirect.INHERIT);
        lesson.environment()
                .put(
                        "MICROVM_GUEST",
                        GuestFiles.file("busybox").resolveSibling("").toString());
        Process process = lesson.start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).replace("\r", "");
        int code = process.waitFor();
        assertThat(code).as(output).isEqualTo(number == BOOT_LINUX ? 42 : 0); // BootLinux exits as its guest does
        return number == BOOT_LINUX ? output.substring(output.indexOf(AFTER_DESCRIPTION)) : output;
    }

    private static String masked(String text) {
        String spaced = text.replaceAll(" +", " "); // numbers are padded
        return NUMBERS.matcher(spaced).replaceAll("#").replaceAll("a program|the kernel", "code");
    }
}
