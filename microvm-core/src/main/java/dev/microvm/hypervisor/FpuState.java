package dev.microvm.hypervisor;

import java.util.Arrays;
import java.util.Objects;

/**
 * x87, SSE and extended processor state.
 *
 * @param xsave the XSAVE area in its standard format: Intel SDM vol. 1, 13.4; at least 576 bytes
 * @param xcr0 mask of the enabled components: Intel SDM vol. 1, 13.3
 */
@SuppressWarnings("ArrayRecordComponent") // copied in and out, compared by content
public record FpuState(byte[] xsave, long xcr0) {
    /**
     * Size in bytes of the legacy region and the header, which every area has: Intel SDM vol. 1,
     * 13.4.
     */
    public static final int MIN_SIZE = 576;

    /**
     * Copies the area; throws {@link IllegalArgumentException} if it is shorter than
     * {@link #MIN_SIZE}.
     */
    public FpuState {
        Objects.requireNonNull(xsave, "xsave");
        if (xsave.length < MIN_SIZE) {
            throw new IllegalArgumentException("XSAVE area: at least 576 bytes, was " + xsave.length);
        }
        xsave = xsave.clone();
    }

    @Override
    public byte[] xsave() {
        return xsave.clone();
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof FpuState that && xcr0 == that.xcr0 && Arrays.equals(xsave, that.xsave);
    }

    @Override
    public int hashCode() {
        return 31 * Arrays.hashCode(xsave) + Long.hashCode(xcr0);
    }

    @Override
    public String toString() {
        return "FpuState[xsave=" + xsave.length + " bytes, xcr0=0x" + Long.toHexString(xcr0) + "]";
    }
}
