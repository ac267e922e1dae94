package dev.microvm.cli.firecracker.api;

import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** Finds the call for a request, with the rules and the words of Firecracker's {@code ParsedRequest}. */
public final class Router {
    private static final String OTHER_ID = "The id from the path does not match the id from the body!";

    /** The body of a call that needs none. */
    private static final byte[] NOTHING = {'{', '}'};

    private Router() {}

    /**
     * Reads a request.
     *
     * @param body empty for none
     * @throws ApiFault if there is no such call, or its body is refused
     */
    public static Request route(String method, String path, byte[] body) {
        List<String> tokens = List.of(path.replaceFirst("^/+", "").split("/"));
        String first = tokens.getFirst();
        String second = tokens.size() < 2 ? null : tokens.get(1);
        String third = tokens.size() < 3 ? "" : tokens.get(2);
        Request found = switch (method) {
            case "GET" -> body.length == 0 ? get(first, second, third) : refuse("GET request cannot have a body.");
            case "PUT" -> body.length > 0 ? put(first, second, body) : refuse("Empty PUT request.");
            case "PATCH" -> patch(first, second, third, body);
            case "DELETE" -> body.length == 0 ? delete(first, second) : refuse("Empty Delete request.");
            default -> null;
        };
        if (found == null) throw invalid(method, first);
        return found;
    }

    private static ApiFault invalid(String method, String path) {
        return new ApiFault("Invalid request method and/or path: %s %s.".formatted(method, path));
    }

    private static Request refuse(String why) {
        throw new ApiFault(why);
    }

    private static @Nullable Request get(String first, @Nullable String second, String third) {
        return switch (first) {
            case "" -> Request.of(Call.GET_INSTANCE);
            case "balloon" -> balloon(second, third);
            case "version" -> Request.of(Call.GET_VERSION);
            case "vm" -> "config".equals(second) ? Request.of(Call.GET_VM_CONFIG) : null;
            case "machine-config" -> Request.of(Call.GET_MACHINE_CONFIG);
            case "mmds" -> Request.of(Call.GET_MMDS);
            case "hotplug" -> "memory".equals(second) ? Request.of(Call.HOTPLUG_MEMORY) : null;
            default -> null;
        };
    }

    private static Request balloon(@Nullable String second, String third) {
        if (second == null) return Request.of(Call.GET_BALLOON);
        if (second.equals("statistics")) return Request.of(Call.GET_BALLOON_STATISTICS);
        if (!second.equals("hinting")) return refuse("Unrecognized GET request path `%s`.".formatted(second));
        if (third.equals("status")) return Request.of(Call.GET_HINTING_STATUS);
        return refuse("Unrecognized GET request path `/hinting/%s`.".formatted(third));
    }

    private static @Nullable Request put(String first, @Nullable String second, byte[] body) {
        return switch (first) {
            case "actions" -> Request.of(Call.PUT_ACTIONS, body);
            case "balloon" -> Request.of(Call.PUT_BALLOON, body);
            case "boot-source" -> Request.of(Call.PUT_BOOT_SOURCE, body);
            case "cpu-config" -> Request.of(Call.PUT_CPU_CONFIG, body);
            case "drives" -> named(Call.PUT_DRIVE, second, body, "drive_id");
            case "pmem" -> Request.of(Call.PMEM);
            case "logger" -> Request.of(Call.PUT_LOGGER, body);
            case "serial" -> Request.of(Call.PUT_SERIAL, body);
            case "machine-config" -> Request.of(Call.PUT_MACHINE_CONFIG, body);
            case "metrics" -> Request.of(Call.PUT_METRICS, body);
            case "mmds" -> mmds(second, body);
            case "network-interfaces" -> named(Call.PUT_NETWORK, second, body, "iface_id");
            case "snapshot" -> snapshot(second, body);
            case "vsock" -> Request.of(Call.PUT_VSOCK, body);
            case "entropy" -> Request.of(Call.PUT_ENTROPY, body);
            case "hotplug" -> "memory".equals(second) ? Request.of(Call.HOTPLUG_MEMORY) : null;
            default -> null;
        };
    }

    private static Request mmds(@Nullable String second, byte[] body) {
        if (second == null) return Request.of(Call.PUT_MMDS, body);
        if (second.equals("config")) return Request.of(Call.PUT_MMDS_CONFIG, body);
        return refuse("Unrecognized PUT request path `%s`.".formatted(second));
    }

    private static Request snapshot(@Nullable String second, byte[] body) {
        if (second == null) return refuse("Missing snapshot operation type.");
        return switch (second) {
            case "create" -> Request.of(Call.PUT_SNAPSHOT_CREATE, body);
            case "load" -> load(Request.of(Call.PUT_SNAPSHOT_LOAD, body));
            default -> throw invalid("PUT", "/snapshot/" + second);
        };
    }

    private static Request load(Request request) {
        boolean file = request.body().has("mem_file_path");
        boolean backend = request.body().has("mem_backend");
        if (file && backend) {
            throw request.refuse("too many fields: either `mem_backend` or `mem_file_path` exclusively is required");
        }
        if (!file && !backend) {
            throw request.refuse("missing field: either `mem_backend` or `mem_file_path` is required");
        }
        return request;
    }

    private static @Nullable Request patch(String first, @Nullable String second, String third, byte[] body) {
        if (first.equals("balloon") && "hinting".equals(second)) return hinting(third, body);
        if (body.length == 0) return refuse("Empty PATCH request.");
        return switch (first) {
            case "balloon" ->
                Request.of("statistics".equals(second) ? Call.PATCH_BALLOON_STATISTICS : Call.PATCH_BALLOON, body);
            case "drives" -> named(Call.PATCH_DRIVE, second, body, "drive_id");
            case "machine-config" -> machine(Request.of(Call.PATCH_MACHINE_CONFIG, body));
            case "mmds" -> Request.of(Call.PATCH_MMDS, body);
            case "network-interfaces" -> named(Call.PATCH_NETWORK, second, body, "iface_id");
            case "pmem" -> Request.of(Call.PMEM);
            case "vm" -> Request.of(Call.PATCH_VM, body);
            case "hotplug" -> "memory".equals(second) ? Request.of(Call.HOTPLUG_MEMORY) : null;
            default -> null;
        };
    }

    private static Request hinting(String third, byte[] body) {
        if (third.equals("start")) return Request.of(Call.PATCH_HINTING_START, body.length == 0 ? NOTHING : body);
        if (third.equals("stop")) return Request.of(Call.PATCH_HINTING_STOP);
        return refuse("Unrecognized PATCH request path `/hinting/%s`.".formatted(third));
    }

    private static Request machine(Request request) {
        return request.body().isEmpty() ? refuse("Empty PATCH request.") : request;
    }

    private static @Nullable Request delete(String first, @Nullable String second) {
        if (!List.of("drives", "pmem", "network-interfaces").contains(first)) return null;
        checkedId(second);
        return Request.of(Call.UNPLUG);
    }

    /** Reads a call whose path and body name the same thing. */
    private static Request named(Call call, @Nullable String id, byte[] body, String key) {
        String checked = checkedId(id);
        Request request = Request.of(call, body);
        String other = request.body().text(key);
        if (checked.equals(other)) return request;
        if (!key.equals("iface_id")) return refuse(OTHER_ID);
        return refuse("The id from the path [%s] does not match the id from the body [%s]!".formatted(checked, other));
    }

    private static String checkedId(@Nullable String id) {
        if (id == null || id.isEmpty()) throw new ApiFault("The ID cannot be empty.");
        if (!id.codePoints().allMatch(each -> each == '_' || Character.isLetterOrDigit(each))) {
            throw new ApiFault("API Resource IDs can only contain alphanumeric characters and underscores.");
        }
        return id;
    }

    /** Returns a method as Firecracker's log writes it: {@code Put}. */
    public static String titled(String method) {
        return method.isEmpty() ? "" : method.charAt(0) + method.substring(1).toLowerCase(Locale.ROOT);
    }
}
