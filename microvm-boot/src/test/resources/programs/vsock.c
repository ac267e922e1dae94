/*
 * Sockets of the guest's for LinuxVsockTest, which compiles this:
 *
 *   vsock PORT COMMAND...       listens, goes on in the background, and runs the command for each connection, with
 *                               the socket as its standard input and output
 *   vsock -c PORT COMMAND...    connects to the host and runs the command with the socket
 *   vsock -a PORT               connects to the host, sends standard input, says that this is all, and prints the answer
 *
 * See vsock(7).
 */
#include <linux/vm_sockets.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void check(int result, const char *what) {
    if (result >= 0) return;
    perror(what);
    exit(1);
}

static void run(int connection, char **command) {
    check(dup2(connection, STDIN_FILENO), "dup2");
    check(dup2(connection, STDOUT_FILENO), "dup2");
    close(connection);
    execvp(command[0], command);
    perror(command[0]);
    _exit(1);
}

static void copy(int from, int to) {
    static char bytes[65536];
    ssize_t count;
    while ((count = read(from, bytes, sizeof bytes)) > 0) {
        for (ssize_t done = 0; done < count;) {
            ssize_t now = write(to, bytes + done, count - done);
            check(now, "write");
            done += now;
        }
    }
    check(count, "read");
}

int main(int argc, char **argv) {
    int asks = argc == 3 && strcmp(argv[1], "-a") == 0;
    int connects = asks || (argc > 3 && strcmp(argv[1], "-c") == 0);
    if (argc < 3) return 2;
    struct sockaddr_vm address = {
        .svm_family = AF_VSOCK,
        .svm_cid = connects ? VMADDR_CID_HOST : VMADDR_CID_ANY,
        .svm_port = strtoul(argv[connects ? 2 : 1], NULL, 10),
    };
    int s = socket(AF_VSOCK, SOCK_STREAM, 0);
    check(s, "socket");
    if (connects) {
        check(connect(s, (struct sockaddr *)&address, sizeof address), "connect");
        if (!asks) run(s, argv + 3);
        copy(STDIN_FILENO, s);
        check(shutdown(s, SHUT_WR), "shutdown");
        copy(s, STDOUT_FILENO);
        return 0;
    }
    signal(SIGCHLD, SIG_IGN);
    check(bind(s, (struct sockaddr *)&address, sizeof address), "bind");
    check(listen(s, 128), "listen");
    pid_t background = fork();
    check(background, "fork");
    if (background > 0) return 0;
    for (;;) {
        int connection = accept(s, NULL, NULL);
        check(connection, "accept");
        pid_t child = fork();
        check(child, "fork");
        if (child == 0) {
            close(s);
            signal(SIGCHLD, SIG_DFL);
            run(connection, argv + 2);
        }
        close(connection);
    }
}
