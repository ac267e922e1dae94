package dev.microvm.backend.disk;

import java.util.Arrays;

/** The places of the tables of a qcow2 file, each in a cluster of its own, to find two at one place. */
final class Qcow2TablePlaces {
    private final long clusterSize;
    private long[] places = new long[64];
    private int count;

    Qcow2TablePlaces(long clusterSize) {
        this.clusterSize = clusterSize;
    }

    /** Adds a table; 0 stands for none. Who uses a place that is not aligned finds that out. */
    void add(long place) {
        if (place == 0 || (place & (clusterSize - 1)) != 0) return;
        if (count == places.length) places = Arrays.copyOf(places, places.length * 2);
        places[count++] = place;
    }

    /** Returns the first place of two tables, 0 if there is none. */
    long shared() {
        Arrays.sort(places, 0, count);
        for (int i = 1; i < count; i++) {
            if (places[i] == places[i - 1]) return places[i];
        }
        return 0;
    }
}
