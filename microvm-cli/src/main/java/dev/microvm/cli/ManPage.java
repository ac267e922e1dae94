package dev.microvm.cli;

import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Model.PositionalParamSpec;

/** A manual page of a command, in the macros of man(7). */
final class ManPage {
    private final StringBuilder page = new StringBuilder();

    private ManPage() {}

    static String of(CommandSpec command) {
        ManPage made = new ManPage();
        made.write(command);
        return made.page.toString();
    }

    private void write(CommandSpec command) {
        String name = command.qualifiedName("-");
        String what = String.join(" ", command.usageMessage().description());
        line(".TH " + name.toUpperCase(Locale.ROOT) + " 1 \"\" microvm microvm");
        section("NAME", name + " - " + what);
        line(".SH SYNOPSIS");
        line(bold(command.qualifiedName()) + " [" + italic("OPTION") + "...]" + parameters(command));
        section("DESCRIPTION", what);
        command.positionalParameters().forEach(this::parameter);
        if (!command.options().isEmpty()) line(".SH OPTIONS");
        command.options().stream().filter(option -> !option.hidden()).forEach(this::option);
        if (!command.subcommands().isEmpty()) line(".SH COMMANDS");
        command.subcommands()
                .forEach((each, commandLine) -> entry(
                        bold(each),
                        String.join(
                                " ", commandLine.getCommandSpec().usageMessage().description())));
        String[] footer = command.usageMessage().footer();
        if (footer.length == 0) return;
        line(".SH NOTES");
        line(".nf");
        Arrays.stream(footer).map(ManPage::escaped).forEach(this::line);
        line(".fi");
    }

    private static String parameters(CommandSpec command) {
        if (!command.subcommands().isEmpty()) return " " + italic("COMMAND");
        return command.positionalParameters().stream()
                .map(each -> " " + italic(each.paramLabel()) + (each.arity().max() > 1 ? "..." : ""))
                .collect(Collectors.joining());
    }

    private void parameter(PositionalParamSpec parameter) {
        entry(italic(parameter.paramLabel()), String.join(" ", parameter.description()));
    }

    private void option(OptionSpec option) {
        String names = Arrays.stream(option.names()).map(ManPage::bold).collect(Collectors.joining(", "));
        boolean hasValue = option.arity().max() > 0;
        entry(hasValue ? names + "=" + italic(option.paramLabel()) : names, String.join(" ", option.description()));
    }

    private void entry(String head, String text) {
        line(".TP");
        line(head);
        line(escaped(text));
    }

    private void section(String name, String text) {
        line(".SH " + name);
        line(escaped(text));
    }

    private void line(String text) {
        page.append(text).append('\n');
    }

    private static String bold(String text) {
        return "\\fB" + escaped(text) + "\\fR";
    }

    private static String italic(String text) {
        return "\\fI" + escaped(text) + "\\fR";
    }

    /** A line that begins with a dot or an apostrophe would be a request. */
    private static String escaped(String text) {
        String safe = text.replace("\\", "\\e").replace("-", "\\-");
        return safe.startsWith(".") || safe.startsWith("'") ? "\\&" + safe : safe;
    }
}
