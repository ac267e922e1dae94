package dev.microvm.backend.net.user;

import dev.microvm.backend.net.user.Headers.Ethernet;
import dev.microvm.backend.net.user.Headers.Ipv4;
import dev.microvm.backend.net.user.Headers.Tcp;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;

/** Rows of frames as bytes, for the fuzzer. */
final class FrameScript {
    private static final int FIX_CHECKSUMS = 1; // in the byte before a frame
    private static final int FIX_TCP = 2; // ports and numbers of the connection that there is
    private static final int MOST_FRAMES = 64;
    private static final int STEP_MILLIS = 300;

    private FrameScript() {}

    static byte[] of(byte[]... frames) {
        ByteArrayOutputStream script = new ByteArrayOutputStream();
        for (byte[] frame : frames) {
            script.write(frame.length >>> Byte.SIZE);
            script.write(frame.length);
            script.write(0);
            script.writeBytes(frame);
        }
        return script.toByteArray();
    }

    static void run(byte[] script, StackRig rig) {
        ByteBuffer from = ByteBuffer.wrap(script);
        for (int i = 0; i < MOST_FRAMES && from.remaining() > 3; i++) {
            int length = Short.toUnsignedInt(from.getShort());
            int kind = Byte.toUnsignedInt(from.get());
            byte[] frame = new byte[Math.min(length, from.remaining())];
            from.get(frame);
            int ip = Ethernet.SIZE;
            if ((kind & FIX_TCP) != 0 && frame.length >= ip + Ipv4.SIZE + Tcp.SIZE) rig.aim(frame);
            if ((kind & FIX_CHECKSUMS) != 0) GuestFrames.fixChecksums(frame);
            rig.send(frame);
            if ((kind & ~(FIX_TCP | FIX_CHECKSUMS)) == 0) continue;
            rig.pass((kind >>> 2) * STEP_MILLIS);
        }
    }
}
