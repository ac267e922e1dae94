package dev.microvm.boot;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.microvm.memory.GuestMemory;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CommandLineTest {
    @Test
    void endsWithZero_whenWritten() {
        GuestMemory memory = Guests.memory(4096);
        memory.slice(0, 4096).fill((byte) 0xFF);

        CommandLine.of("quiet").write(memory, 0x100);

        assertThat(memory.read(0x100, 7)).containsExactly('q', 'u', 'i', 'e', 't', 0, 0xFF);
    }

    @Test
    void refuses_whenItHasANewline() {
        refusal("quiet\nro", "cmdline: expected printable ASCII characters, found U+000A (newline) at index 5");
    }

    @Test
    void refuses_whenItHasANul() {
        refusal("a\0", "cmdline: expected printable ASCII characters, found U+0000 (NUL) at index 1");
    }

    @Test
    void refuses_whenItIsNotAscii() {
        refusal("name=Zoë", "cmdline: expected printable ASCII characters, found U+00EB at index 7");
    }

    @Test
    void refuses_whenItIsLongerThanTheKernelTakes() {
        assertThatExceptionOfType(BootException.class)
                .isThrownBy(() -> CommandLine.of("x".repeat(2048)).requireLength(2047))
                .withMessage(
                        "cmdline: expected at most 2047 characters, which is what this kernel takes, found 2048 characters");
    }

    @Test
    void accepts_whenItIsAsLongAsTheKernelTakes() {
        assertThatCode(() -> CommandLine.of("x".repeat(2047)).requireLength(2047))
                .doesNotThrowAnyException();
    }

    private static void refusal(String text, String message) {
        assertThatExceptionOfType(BootException.class)
                .isThrownBy(() -> CommandLine.of(text))
                .withMessage(message);
    }

    @Test
    void takesParametersAtItsEnd() {
        assertThat(CommandLine.of("quiet").with(List.of("a", "b=1"))).hasToString("quiet a b=1");
        assertThat(CommandLine.of("").with(List.of("a"))).hasToString("a");
        assertThat(CommandLine.of("quiet").with(List.of())).hasToString("quiet");
    }

    @Test
    void takesParametersBeforeThoseForInit() {
        assertThat(CommandLine.of("quiet -- --verbose").with(List.of("a"))).hasToString("quiet a -- --verbose");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "quiet --          | quiet a --",
                "quiet\t--\tone    | quiet a --\tone",
                "-- one            | a -- one",
                "quiet \"--\" one  | quiet a \"--\" one",
                "x=\"1 -- 2\" y    | x=\"1 -- 2\" y a",
                "x=-- y --z        | x=-- y --z a",
            })
    void findsTheWordForInit_asLinuxDoes(String text, String expected) {
        assertThat(CommandLine.of(text).with(List.of("a"))).hasToString(expected);
    }
}
