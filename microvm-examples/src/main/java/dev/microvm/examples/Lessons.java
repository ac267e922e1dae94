package dev.microvm.examples;

import java.util.Arrays;
import java.util.List;

/** The lessons in order. Runs one by its number; without a number lists them. */
public final class Lessons {
    private static final List<Lesson> LESSONS = List.of(
            new Lesson("the first instruction and its registers", FirstInstruction::main),
            new Lesson("single steps", SingleSteps::main),
            new Lesson("hello over a UART", HelloUart::main),
            new Lesson("an interrupt by PIT and PIC", TimerInterrupt::main),
            new Lesson("a page table walked", PageWalk::main),
            new Lesson("a device of your own", OwnDevice::main),
            new Lesson("a running Linux from outside", LookInside::main),
            new Lesson("booting Linux", BootLinux::main),
            new Lesson("a disk, and an overlay on it", ADisk::main),
            new Lesson("a network with a port forward", PortForward::main),
            new Lesson("untrusted code with limits", UntrustedCode::main),
            new Lesson("the same run twice", SameRunTwice::main));

    private record Lesson(String title, Program program) {}

    /** A program's main method. */
    @FunctionalInterface
    private interface Program {
        void run(String... args) throws Exception;
    }

    private Lessons() {}

    /** Runs the lesson whose number, from 1, is the first argument; the rest is the lesson's. */
    public static void main(String[] args) throws Exception {
        if (args.length == 0) {
            list();
            return;
        }
        int number = numberOf(args[0]);
        if (number < 1 || number > LESSONS.size()) {
            System.err.printf("there is no lesson '%s'; there are 1 to %d%n", args[0], LESSONS.size());
            System.exit(1);
        }
        LESSONS.get(number - 1).program().run(Arrays.copyOfRange(args, 1, args.length));
    }

    private static void list() {
        for (int i = 0; i < LESSONS.size(); i++) {
            System.out.printf("%2d  %s%n", i + 1, LESSONS.get(i).title());
        }
    }

    private static int numberOf(String text) {
        try {
            return Integer.parseInt(text);
        } catch (NumberFormatException e) {
            return 0;
        }
    }
}
