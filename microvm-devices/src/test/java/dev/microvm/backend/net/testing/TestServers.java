package dev.microvm.backend.net.testing;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Random;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;

/** Small servers on the host's loopback, and data for them. */
public final class TestServers {
    private TestServers() {}

    /** Pseudo-random bytes. */
    public static byte[] data(int size, long seed) {
        byte[] data = new byte[size];
        new Random(seed).nextBytes(data);
        return data;
    }

    /** As sha256sum prints it. */
    public static String sha256(byte[] data) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(data));
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError(e);
        }
    }

    /** What serves one connection. */
    public interface Session {
        /** Serves it; it is closed afterwards. */
        void serve(Socket client) throws IOException;
    }

    /** A TCP server with a thread for each connection. */
    public static final class Tcp implements AutoCloseable {
        private final ServerSocket socket;

        /** Listens on any port of the loopback. */
        @SuppressWarnings("this-escape")
        public Tcp(Session session) throws IOException {
            socket = new ServerSocket(0, 1024, InetAddress.getLoopbackAddress());
            Thread.ofVirtual().start(() -> accept(session));
        }

        /** One that sends this to whoever asks by HTTP. */
        public static Tcp http(byte[] content) throws IOException {
            return new Tcp(client -> {
                BufferedReader request = new BufferedReader(new InputStreamReader(client.getInputStream(), ISO_8859_1));
                String line = request.readLine();
                while (line != null && !line.isEmpty()) line = request.readLine();
                OutputStream out = client.getOutputStream();
                out.write(("HTTP/1.0 200 OK\r\nContent-Length: " + content.length + "\r\n\r\n").getBytes(ISO_8859_1));
                out.write(content);
            });
        }

        /** One that reads to the end and only then answers with the hash of what it read. */
        public static Tcp hashing() throws IOException {
            return new Tcp(client -> {
                InputStream in = client.getInputStream();
                client.getOutputStream().write(sha256(in.readAllBytes()).getBytes(ISO_8859_1));
            });
        }

        /** One that sends a line back, and ends the connection. */
        public static Tcp line() throws IOException {
            return new Tcp(client -> {
                BufferedReader in = new BufferedReader(new InputStreamReader(client.getInputStream(), ISO_8859_1));
                client.getOutputStream().write((in.readLine() + "\n").getBytes(ISO_8859_1));
            });
        }

        /** Its port. */
        public int port() {
            return socket.getLocalPort();
        }

        private void accept(Session session) {
            while (!socket.isClosed()) {
                try {
                    Socket client = socket.accept();
                    Thread.ofVirtual().start(() -> serve(session, client));
                } catch (IOException e) {
                    return; // closed
                }
            }
        }

        private static void serve(Session session, Socket client) {
            try (client) {
                session.serve(client);
            } catch (IOException e) {
                // the client went away, as some tests want
            }
        }

        @Override
        public void close() throws IOException {
            socket.close();
        }
    }

    /** A UDP server that sends each datagram back. */
    public static final class UdpEcho implements AutoCloseable {
        private final DatagramSocket socket;
        private final BlockingQueue<Integer> lengths = new LinkedBlockingQueue<>();

        /** Listens on any port of the loopback. */
        @SuppressWarnings("this-escape")
        public UdpEcho() throws IOException {
            socket = new DatagramSocket(0, InetAddress.getLoopbackAddress());
            Thread.ofPlatform().daemon().start(this::echo);
        }

        /** Its port. */
        public int port() {
            return socket.getLocalPort();
        }

        /** The lengths of the datagrams that came, in bytes. */
        public BlockingQueue<Integer> lengths() {
            return lengths;
        }

        private void echo() {
            byte[] buffer = new byte[0xffff];
            while (!socket.isClosed()) {
                try {
                    DatagramPacket packet = new DatagramPacket(buffer, buffer.length);
                    socket.receive(packet);
                    lengths.add(packet.getLength());
                    socket.send(packet);
                } catch (IOException e) {
                    return; // closed
                }
            }
        }

        @Override
        public void close() {
            socket.close();
        }
    }
}
