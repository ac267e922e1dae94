package dev.microvm.cli.firecracker.api;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Paths, and the texts of Firecracker's {@code parsed_request.rs}. */
final class RouterTest {
    private static Request route(String method, String path, String body) {
        return Router.route(method, path, body.getBytes(UTF_8));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '\0', textBlock = """
        GET    | /                      |                                    | GET_INSTANCE
        GET    | //version              |                                    | GET_VERSION
        GET    | /machine-config/       |                                    | GET_MACHINE_CONFIG
        GET    | /vm/config             |                                    | GET_VM_CONFIG
        GET    | /balloon               |                                    | GET_BALLOON
        GET    | /balloon/statistics    |                                    | GET_BALLOON_STATISTICS
        GET    | /balloon/hinting/status |                                   | GET_HINTING_STATUS
        GET    | /mmds                  |                                    | GET_MMDS
        GET    | /hotplug/memory        |                                    | HOTPLUG_MEMORY
        PUT    | /actions               | {"action_type": "InstanceStart"}   | PUT_ACTIONS
        PUT    | /drives/a              | {"drive_id": "a", "is_root_device": true} | PUT_DRIVE
        PUT    | /network-interfaces/a  | {"iface_id": "a", "host_dev_name": "t"} | PUT_NETWORK
        PUT    | /mmds                  | {"any": [1]}                       | PUT_MMDS
        PUT    | /mmds/config           | {"network_interfaces": ["a"]}      | PUT_MMDS_CONFIG
        PUT    | /pmem/a                | {}                                 | PMEM
        PUT    | /hotplug/memory        | {}                                 | HOTPLUG_MEMORY
        PATCH  | /vm                    | {"state": "Paused"}                | PATCH_VM
        PATCH  | /balloon               | {"amount_mib": 1}                  | PATCH_BALLOON
        PATCH  | /balloon/statistics    | {"stats_polling_interval_s": 1}    | PATCH_BALLOON_STATISTICS
        PATCH  | /balloon/hinting/start |                                    | PATCH_HINTING_START
        PATCH  | /balloon/hinting/start | {"acknowledge_on_stop": false}     | PATCH_HINTING_START
        PATCH  | /balloon/hinting/stop  |                                    | PATCH_HINTING_STOP
        PATCH  | /drives/a              | {"drive_id": "a"}                  | PATCH_DRIVE
        PUT    | /snapshot/create       | {"snapshot_path": "s", "mem_file_path": "m"} | PUT_SNAPSHOT_CREATE
        PUT    | /snapshot/load         | {"snapshot_path": "s", "mem_file_path": "m"} | PUT_SNAPSHOT_LOAD
        DELETE | /drives/a              |                                    | UNPLUG
        """)
    void findsTheCall(String method, String path, String body, Call call) {
        assertThat(route(method, path, body == null ? "" : body).call()).isEqualTo(call);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '\0', textBlock = """
        GET    | /foo                  |     | Invalid request method and/or path: GET foo.
        POST   | /                     | {}  | Invalid request method and/or path: POST .
        PUT    | /version              | {}  | Invalid request method and/or path: PUT version.
        GET    | /vm                   |     | Invalid request method and/or path: GET vm.
        GET    | /                     | {}  | GET request cannot have a body.
        PUT    | /boot-source          |     | Empty PUT request.
        PATCH  | /vm                   |     | Empty PATCH request.
        PATCH  | /machine-config       | {}  | Empty PATCH request.
        DELETE | /drives/a             | {}  | Empty Delete request.
        PUT    | /drives               | {}  | The ID cannot be empty.
        PUT    | /drives/a-b           | {}  | API Resource IDs can only contain alphanumeric characters and underscores.
        GET    | /balloon/foo          |     | Unrecognized GET request path `foo`.
        GET    | /balloon/hinting      |     | Unrecognized GET request path `/hinting/`.
        PATCH  | /balloon/hinting/x    |     | Unrecognized PATCH request path `/hinting/x`.
        PUT    | /mmds/foo             | {}  | Unrecognized PUT request path `foo`.
        PUT    | /snapshot             | {}  | Missing snapshot operation type.
        PUT    | /snapshot/foo         | {}  | Invalid request method and/or path: PUT /snapshot/foo.
        PUT    | /drives/b             | {"drive_id": "a", "is_root_device": true} | The id from the path does not match the id from the body!
        PUT    | /network-interfaces/b | {"iface_id": "a", "host_dev_name": "t"} | The id from the path [b] does not match the id from the body [a]!
        """)
    void refuses(String method, String path, String body, String message) {
        assertThatThrownBy(() -> route(method, path, body == null ? "" : body))
                .isInstanceOf(ApiFault.class)
                .hasMessage(message);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '\0', textBlock = """
        /actions        | {"action_type": "X"}  | unknown variant `X`, expected one of `FlushMetrics`, `InstanceStart`, `SendCtrlAltDel` at line 1 column 19.
        /boot-source    | {"kernel": "x"}       | unknown field `kernel`, expected one of `kernel_image_path`, `initrd_path`, `boot_args` at line 1 column 9.
        /machine-config | {"vcpu_count": 1}     | missing field `mem_size_mib` at line 1 column 17.
        /vsock          | {"guest_cid": "3"}    | invalid type: string "3", expected u32 at line 1 column 17.
        /balloon        | {                     | EOF while parsing an object at line 1 column 1.
        /entropy        | {"x": 1}              | unknown field `x`, expected `rate_limiter` at line 1 column 4.
        /snapshot/load  | {"snapshot_path": ""} | missing field: either `mem_backend` or `mem_file_path` is required.
        """)
    void refusesABody(String path, String body, String message) {
        assertThatThrownBy(() -> route("PUT", path, body))
                .hasMessage("An error occurred when deserializing the json body of a request: " + message);
    }

    @Test
    void refusesBothKindsOfMemory() {
        String both = "{\"snapshot_path\": \"s\", \"mem_file_path\": \"m\","
                + " \"mem_backend\": {\"backend_path\": \"m\", \"backend_type\": \"File\"}}";

        assertThatThrownBy(() -> route("PUT", "/snapshot/load", both))
                .hasMessageContaining("too many fields: either `mem_backend` or `mem_file_path` exclusively");
    }
}
