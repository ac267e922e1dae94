package dev.microvm.bench;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Rows of text, printed as an aligned Markdown table. */
final class Table {
    private final List<String[]> rows = new ArrayList<>();

    Table(String... header) {
        rows.add(header);
    }

    void row(String... cells) {
        if (cells.length != rows.getFirst().length) throw new IllegalArgumentException("a row of the wrong length");
        rows.add(cells);
    }

    @Override
    public String toString() {
        int columns = rows.getFirst().length;
        int[] widths = new int[columns];
        for (String[] row : rows) {
            for (int i = 0; i < columns; i++) widths[i] = Math.max(widths[i], row[i].length());
        }
        StringBuilder text = new StringBuilder();
        append(text, rows.getFirst(), widths);
        append(text, Arrays.stream(widths).mapToObj("-"::repeat).toArray(String[]::new), widths);
        for (String[] row : rows.subList(1, rows.size())) append(text, row, widths);
        return text.toString();
    }

    private static void append(StringBuilder text, String[] row, int[] widths) {
        for (int i = 0; i < row.length; i++) {
            text.append("| ").append(row[i]).repeat(' ', widths[i] - row[i].length() + 1);
        }
        text.append("|\n");
    }
}
