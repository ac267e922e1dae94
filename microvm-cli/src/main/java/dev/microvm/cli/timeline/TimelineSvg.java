package dev.microvm.cli.timeline;

import java.util.List;
import java.util.Locale;

/** Draws phases as bars, in the colours that the reader's system prefers, light or dark. */
final class TimelineSvg {
    private static final int WIDTH = 960;
    private static final int LABELS = 300; // width of the names
    private static final int FIGURES = 90; // width of the times, right of the bars
    private static final int ROW = 24;
    private static final int TOP = 56;
    private static final int TICKS = 5;

    private static final String STYLE = """
        <style>
          svg { --back: #ffffff; --text: #1f2328; --line: #d0d7de;
                --jvm: #8250df; --host: #0969da; --kernel: #bf8700; --guest: #1a7f37;
                background: var(--back); font: 13px system-ui, sans-serif; }
          @media (prefers-color-scheme: dark) {
            svg { --back: #0d1117; --text: #e6edf3; --line: #30363d;
                  --jvm: #a371f7; --host: #58a6ff; --kernel: #d29922; --guest: #3fb950; } }
          text { fill: var(--text); } line { stroke: var(--line); }
          .jvm { fill: var(--jvm); } .host { fill: var(--host); }
          .kernel { fill: var(--kernel); } .guest { fill: var(--guest); }
        </style>
        """;

    private TimelineSvg() {}

    static String of(List<Phase> phases) {
        double end = phases.stream().mapToDouble(Phase::endMillis).max().orElse(0);
        double scale = (WIDTH - LABELS - FIGURES) / Math.max(1, end);
        int height = TOP + ROW * phases.size() + ROW;
        StringBuilder svg = new StringBuilder();
        add(svg, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" role=\"img\">%n", WIDTH, height);
        add(svg, "<title>%s</title>%n", "Start of a microVM: %.0f ms".formatted(end));
        svg.append(STYLE);
        add(svg, "<rect width=\"%d\" height=\"%d\" style=\"fill: var(--back)\"/>%n", WIDTH, height);
        add(svg, "<text x=\"12\" y=\"24\">From the start of the process to the first command: %.0f ms</text>%n", end);
        axis(svg, end, scale, height);
        for (int i = 0; i < phases.size(); i++) bar(svg, phases.get(i), TOP + i * ROW, scale);
        return svg.append("</svg>\n").toString();
    }

    private static void axis(StringBuilder svg, double end, double scale, int height) {
        for (int i = 0; i <= TICKS; i++) {
            double at = end * i / TICKS;
            double x = LABELS + at * scale;
            add(svg, "<line x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" y2=\"%d\"/>%n", x, TOP - 8, x, height - ROW);
            add(svg, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%.0f</text>%n", x, TOP - 12, at);
        }
    }

    private static void bar(StringBuilder svg, Phase phase, int y, double scale) {
        String who = phase.who().name().toLowerCase(Locale.ROOT);
        double x = LABELS + phase.startMillis() * scale;
        double width = Math.max(1, phase.millis() * scale); // a short one is seen, too
        add(svg, "<text x=\"12\" y=\"%d\">%s</text>%n", y + 15, escaped(phase.name()));
        add(
                svg,
                "<rect class=\"%s\" x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"16\" rx=\"2\"/>%n",
                who,
                x,
                y + 2,
                width);
        add(svg, "<text x=\"%.1f\" y=\"%d\">%.0f ms</text>%n", x + width + 6, y + 15, phase.millis());
    }

    private static void add(StringBuilder svg, String format, Object... values) {
        svg.append(String.format(Locale.ROOT, format.replace("%n", "\n"), values));
    }

    private static String escaped(String text) {
        return text.replace("&", "&amp;").replace("<", "&lt;");
    }
}
