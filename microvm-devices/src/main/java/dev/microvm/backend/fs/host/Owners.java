package dev.microvm.backend.fs.host;

import dev.microvm.linux.FileCalls;

/**
 * Owners of files, as the guest sees them. If this process is root's, they are the host's numbers.
 * Otherwise root of the guest stands for the user of this process: it owns what that user owns, and
 * what the guest makes; files of the host's root belong to nobody.
 */
public final class Owners {
    private static final int ROOT = 0;
    private static final int NOBODY = 65534; // of include/linux/highuid.h: DEFAULT_OVERFLOWUID

    private final int uid;
    private final int gid;

    Owners(int uid, int gid) {
        this.uid = uid;
        this.gid = gid;
    }

    static Owners ofThisProcess() {
        return new Owners(FileCalls.geteuid(), FileCalls.getegid());
    }

    /** Whether this process may give files away. */
    boolean privileged() {
        return uid == ROOT;
    }

    /** Returns the number that the guest sees of a user of the host. */
    public int guestUid(int host) {
        return shown(host, uid);
    }

    /** Returns the number that the guest sees of a group of the host. */
    public int guestGid(int host) {
        return shown(host, gid);
    }

    private int shown(int host, int own) {
        if (privileged()) return host;
        if (host == own) return ROOT;
        return host == ROOT ? NOBODY : host;
    }

    /** Returns the host's number of a user of the guest. */
    int hostUid(int guest) {
        return !privileged() && guest == ROOT ? uid : guest;
    }

    /** Returns the host's number of a group of the guest. */
    int hostGid(int guest) {
        return !privileged() && guest == ROOT ? gid : guest;
    }
}
