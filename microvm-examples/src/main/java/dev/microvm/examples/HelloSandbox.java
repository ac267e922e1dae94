package dev.microvm.examples;

import dev.microvm.sandbox.ExecResult;
import dev.microvm.sandbox.Sandbox;
import dev.microvm.sandbox.root.Root;
import java.nio.file.Path;

/**
 * The first example of README, and what {@code scripts/demo} runs: a guest whose root is the folder
 * {@code rootfs}, and a command in it. {@code scripts/guest-files rootfs} makes such a folder.
 */
public final class HelloSandbox {
    private HelloSandbox() {}

    /** Runs the command. */
    public static void main(String[] args) {
        Root root = Root.directory(Path.of("rootfs"));
        try (Sandbox sandbox = Sandbox.builder().root(root).start()) {
            ExecResult result = sandbox.exec("uname", "-a");
            System.out.println(result.exitCode() + " " + result.stdout());
        }
    }
}
