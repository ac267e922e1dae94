package dev.microvm.snapshot;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.microvm.backend.disk.CacheMode;
import dev.microvm.backend.disk.DiskImage;
import dev.microvm.backend.disk.ImageFormat;
import dev.microvm.model.Content;
import dev.microvm.state.DeviceState;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.UnixDomainSocketAddress;
import java.net.UnknownHostException;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.util.OptionalLong;

/** The fields of values that are no records: numbers, texts, times, addresses, disk images. */
final class LeafFields {
    private static final String OVERLAY_LIMIT = ".overlayLimit";
    private static final String BACKING = ".backing";
    private static final String ALONE = ".alone";
    private static final int LONGEST_NAME = 1024; // of a field: some hundred backing images

    private LeafFields() {}

    /** Whether values of a type have such fields. */
    static boolean canWrite(Class<?> type) {
        return type.isPrimitive()
                || type.isEnum()
                || type == Integer.class
                || type == String.class
                || type == Duration.class
                || type == Instant.class
                || Path.class.isAssignableFrom(type)
                || SocketAddress.class.isAssignableFrom(type)
                || type == DiskImage.class
                || type == Content.Bytes.class;
    }

    static void write(DeviceState to, String name, Object value) {
        switch (value) {
            case Boolean flag -> to.put(name, flag);
            case Number number -> to.put(name, number.longValue());
            case Enum<?> constant -> text(to, name, constant.name());
            case String text -> text(to, name, text);
            case Duration time -> to.put(name, new long[] {time.getSeconds(), time.getNano()});
            case Instant time -> to.put(name, new long[] {time.getEpochSecond(), time.getNano()});
            case Path path -> text(to, name, path.toAbsolutePath().toString());
            case UnixDomainSocketAddress address ->
                text(to, name + ".path", address.getPath().toString());
            case InetSocketAddress address -> {
                InetAddress host = address.getAddress();
                text(to, name + ".name", address.getHostString());
                if (host != null) to.put(name + ".address", host.getAddress());
                to.put(name + ".port", address.getPort());
            }
            case DiskImage image -> write(to, name, image);
            case Content.Bytes content -> to.put(name, content.bytes());
            default -> throw new IllegalStateException("no form for " + value.getClass());
        }
    }

    private static void text(DeviceState to, String name, String text) {
        to.put(name, text.getBytes(UTF_8));
    }

    private static void write(DeviceState to, String name, DiskImage image) {
        write(to, name + ".path", image.path());
        write(to, name + ".format", image.format());
        write(to, name + ".cache", image.cache());
        to.put(name + ".readOnly", image.isOpenedReadOnly());
        to.put(name + ALONE, image.isAlone());
        image.overlayLimit().ifPresent(limit -> to.put(name + OVERLAY_LIMIT, limit));
        image.backing().ifPresent(below -> write(to, name + BACKING, below));
    }

    static Object read(FieldReader from, String name, Class<?> type) {
        try {
            if (type == boolean.class) return from.number(name) != 0;
            if (type == int.class || type == Integer.class) return from.integer(name);
            if (type == long.class) return from.number(name);
            if (type.isEnum()) return constant(from, name, type);
            if (type == String.class) return from.text(name);
            if (type == Duration.class) {
                long[] parts = pair(from, name);
                return Duration.ofSeconds(parts[0], parts[1]);
            }
            if (type == Instant.class) {
                long[] parts = pair(from, name);
                return Instant.ofEpochSecond(parts[0], parts[1]);
            }
            if (Path.class.isAssignableFrom(type)) return Path.of(from.text(name));
            if (SocketAddress.class.isAssignableFrom(type)) return address(from, name);
            if (type == DiskImage.class) return image(from, name);
            if (type == Content.Bytes.class) return Content.of(from.bytes(name));
        } catch (InvalidPathException | DateTimeException | ArithmeticException | UnknownHostException e) {
            throw new IllegalArgumentException("field %s: %s".formatted(name, e.getMessage()), e);
        }
        throw new IllegalStateException("no form for " + type);
    }

    private static Object constant(FieldReader from, String name, Class<?> type) {
        String wanted = from.text(name);
        for (Object each : type.getEnumConstants()) {
            if (((Enum<?>) each).name().equals(wanted)) return each;
        }
        throw new IllegalArgumentException("field %s: unknown %s %s".formatted(name, type.getSimpleName(), wanted));
    }

    private static long[] pair(FieldReader from, String name) {
        long[] parts = from.numbers(name);
        if (parts.length != 2) throw new IllegalArgumentException("field %s is no time".formatted(name));
        return parts;
    }

    private static SocketAddress address(FieldReader from, String name) throws UnknownHostException {
        if (from.has(name + ".path")) return UnixDomainSocketAddress.of(from.text(name + ".path"));
        String host = from.text(name + ".name");
        int port = from.integer(name + ".port");
        return from.has(name + ".address")
                ? new InetSocketAddress(InetAddress.getByAddress(host, from.bytes(name + ".address")), port)
                : InetSocketAddress.createUnresolved(host, port);
    }

    private static DiskImage image(FieldReader from, String name) {
        if (name.length() > LONGEST_NAME) throw new IllegalArgumentException("too many backing images");
        Path path = Path.of(from.text(name + ".path"));
        ImageFormat format = (ImageFormat) constant(from, name + ".format", ImageFormat.class);
        DiskImage image =
                DiskImage.of(path, format).cache((CacheMode) constant(from, name + ".cache", CacheMode.class));
        if (from.number(name + ALONE) != 0) image = image.withoutBacking();
        if (from.has(name + BACKING)) image = image.backing(image(from, name + BACKING));
        if (from.number(name + ".readOnly") != 0) image = image.readOnly();
        OptionalLong limit = from.has(name + OVERLAY_LIMIT)
                ? OptionalLong.of(from.number(name + OVERLAY_LIMIT))
                : OptionalLong.empty();
        return limit.isPresent() ? image.overlay(limit.getAsLong()) : image;
    }
}
