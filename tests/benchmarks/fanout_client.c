/* Load for the fan-out benchmark: many graphql-transport-ws sockets and one HTTP writer, in one epoll loop.
 *
 *   fanout_client key=value ...
 *     port, pid       the server, on 127.0.0.1; its CPU and memory are read from outside
 *     subscribe       file: the payload of a `subscribe` message
 *     write           file: the body of the HTTP request that makes an event; "@MARK@" in it has to come back in the event
 *     token           sent with connection_init and as bearer
 *     sockets, stalled  how many subscribe, and how many of them never read again
 *     events, alone   how many writes with all subscribers, and how many before with none, then with one
 *     rate            events a second; 0: the next one when everybody has the last one
 *     seconds         when to give up
 *
 * Prints one JSON object. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define HANDSHAKES_AT_ONCE 64
#define READ_BYTES (1 << 18)
#define MARK "@MARK@"
#define QUIET_SECONDS 10.0
#define SETTLE_SECONDS 4.0 /* other clients may keep the server busy */

enum phase { UPGRADING, INITIALISING, SUBSCRIBED, GONE };

struct peer {
    int fd;
    enum phase phase;
    bool stalled;
    unsigned char *rest; /* the beginning of a frame whose end has not arrived */
    size_t rest_length;
};

static int port, pid, sockets, stalled, events, alone;
static double rate, give_up_seconds = 60;
static char *subscribe_payload, *write_body, *token = "";

static int epoll, writer = -1, gone, subscribed, opened;
static struct peer *peers;
static char *answer;
static size_t answer_length;
static bool waits_for_answer;
static long *arrived; /* per event */
static uint32_t *latencies;
static long delivered, bytes, received_alone;
static int measured_from; /* the events before that only warm up */
static double began;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static void fail(const char *what) {
    fprintf(stderr, "%s (%s)\n", what, strerror(errno));
    exit(1);
}

static char *file_text(const char *path) {
    FILE *file = fopen(path, "r");
    if (!file) fail(path);
    fseek(file, 0, SEEK_END);
    long size = ftell(file);
    rewind(file);
    char *text = calloc(1, size + 1);
    if (fread(text, 1, size, file) != (size_t)size) fail(path);
    fclose(file);
    return text;
}

/* What the server used, all threads of it, the ended ones too: user and system time in seconds. */
static double server_cpu(void) {
    clockid_t clock;
    struct timespec t;
    if (clock_getcpuclockid(pid, &clock) || clock_gettime(clock, &t)) fail("the server is gone");
    return t.tv_sec + t.tv_nsec / 1e9;
}

static long server_kilobytes(void) {
    char path[64];
    long total = 0, resident = 0;
    snprintf(path, sizeof path, "/proc/%d/statm", pid);
    FILE *file = fopen(path, "r");
    if (!file || fscanf(file, "%ld %ld", &total, &resident) != 2) fail("the server is gone");
    fclose(file);
    return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

// Its database opens files when it likes, so only sockets count.
static int server_sockets(void) {
    char path[64], target[16];
    int count = 0;
    snprintf(path, sizeof path, "/proc/%d/fd", pid);
    DIR *folder = opendir(path);
    if (!folder) fail("the server is gone");
    for (struct dirent *file; (file = readdir(folder));)
        if (readlinkat(dirfd(folder), file->d_name, target, sizeof target) > 7 && !memcmp(target, "socket:", 7)) count++;
    closedir(folder);
    return count;
}

static int connection(void *pointer, int receive_bytes) {
    int fd = socket(AF_INET, SOCK_STREAM, 0), yes = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    if (fd < 0) fail("socket");
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    if (receive_bytes) setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof receive_bytes);
    if (connect(fd, (struct sockaddr *)&address, sizeof address)) fail("connect");
    fcntl(fd, F_SETFL, O_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = pointer};
    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
    return fd;
}

static void send_all(int fd, const char *text, size_t length) {
    while (length) {
        ssize_t sent = send(fd, text, length, MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN) return; /* reading will fail */
        if (sent < 0) {
            usleep(100);
            if (now() - began > give_up_seconds) fail("the server reads nothing");
            continue;
        }
        text += sent;
        length -= sent;
    }
}

/* A text frame as clients send it; a mask of zeros leaves the text as it is (RFC 6455, 5.3). */
static void send_frame(struct peer *peer, const char *text) {
    size_t length = strlen(text), head = 2;
    char *frame = malloc(length + 8);
    frame[0] = (char)0x81;
    if (length < 126) {
        frame[1] = (char)(0x80 | length);
    } else {
        frame[1] = (char)(0x80 | 126);
        frame[2] = (char)(length >> 8);
        frame[3] = (char)length;
        head = 4;
    }
    memset(frame + head, 0, 4);
    memcpy(frame + head + 4, text, length);
    send_all(peer->fd, frame, head + 4 + length);
    free(frame);
}

static void open_peer(struct peer *peer) {
    char request[512];
    /* A small window, or the kernel would read for the stalled. */
    peer->fd = connection(peer, peer->stalled ? 4096 : 0);
    int length = snprintf(request, sizeof request,
                          "GET /graphql HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                          "Sec-WebSocket-Key: c29tZSBzaXh0ZWVuIGJ5dA==\r\nSec-WebSocket-Version: 13\r\n"
                          "Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n",
                          port);
    send_all(peer->fd, request, length);
}

static void lose(struct peer *peer) {
    if (peer->phase == GONE) return;
    peer->phase = GONE;
    gone++;
    close(peer->fd);
}

static void take_event(const char *mark, size_t length, double at) {
    char *end;
    double sent = strtod(mark + strlen("bench:"), &end);
    long event = *end == ':' ? strtol(end + 1, NULL, 10) : -1;
    received_alone += event == -1;
    if (event < 0 || event >= events) return;
    arrived[event]++;
    if (event < measured_from) return;
    latencies[delivered++] = (uint32_t)((at - sent) * 1e6);
    bytes += length;
}

static void take_message(struct peer *peer, int opcode, const char *text, size_t length, double at) {
    if (opcode == 8) {
        lose(peer);
        return;
    }
    const char *mark = memmem(text, length, "bench:", 6);
    if (mark) {
        take_event(mark, length, at);
    } else if (memmem(text, length, "connection_ack", 14)) {
        char *message = malloc(strlen(subscribe_payload) + 64);
        sprintf(message, "{\"id\":\"1\",\"type\":\"subscribe\",\"payload\":%s}", subscribe_payload);
        send_frame(peer, message);
        free(message);
        peer->phase = SUBSCRIBED;
        subscribed++;
        if (peer->stalled) epoll_ctl(epoll, EPOLL_CTL_DEL, peer->fd, NULL);
    } else if (memmem(text, length, "\"ping\"", 6)) {
        send_frame(peer, "{\"type\":\"pong\"}");
    } else {
        fprintf(stderr, "unexpected: %.*s\n", (int)(length < 300 ? length : 300), text);
        lose(peer);
    }
}

/* How much of this was consumed. */
static size_t take_bytes(struct peer *peer, unsigned char *data, size_t length, double at) {
    size_t used = 0;
    if (peer->phase == UPGRADING) {
        unsigned char *end = memmem(data, length, "\r\n\r\n", 4);
        if (!end) return 0;
        if (!memmem(data, length, " 101 ", 5)) fail("the upgrade was refused");
        used = end + 4 - data;
        char message[300];
        snprintf(message, sizeof message,
                 "{\"type\":\"connection_init\",\"payload\":{\"Authorization\":\"Bearer %.200s\"}}", token);
        peer->phase = INITIALISING;
        send_frame(peer, message);
    }
    while (peer->phase != GONE && length - used >= 2) {
        unsigned char *frame = data + used;
        size_t size = frame[1] & 127, head = 2;
        if (size == 126) head = 4;
        if (size == 127) head = 10;
        if (length - used < head) break;
        if (head > 2) size = 0;
        for (size_t i = 2; i < head; i++) size = size << 8 | frame[i];
        if (length - used < head + size) break;
        take_message(peer, frame[0] & 15, (char *)frame + head, size, at);
        used += head + size;
    }
    return used;
}

static void read_peer(struct peer *peer) {
    static unsigned char data[READ_BYTES];
    if (peer->phase == GONE) return;
    size_t kept = peer->rest_length;
    memcpy(data, peer->rest, kept);
    ssize_t got = read(peer->fd, data + kept, sizeof data - kept);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) {
        lose(peer);
        return;
    }
    size_t length = kept + got, used = take_bytes(peer, data, length, now());
    if (used == length && !kept) return;
    peer->rest_length = length - used;
    peer->rest = realloc(peer->rest, peer->rest_length + 1);
    memcpy(peer->rest, data + used, peer->rest_length);
}

static void send_write(int event) {
    static size_t room;
    static char *request;
    char mark[64];
    snprintf(mark, sizeof mark, "bench:%.6f:%d:", now(), event);
    const char *place = strstr(write_body, MARK);
    size_t length = strlen(write_body) - strlen(MARK) + strlen(mark);
    if (room < length + 1024) request = realloc(request, room = length + 1024);
    int size = snprintf(request, room,
                        "POST /graphql HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Type: application/json\r\n"
                        "Authorization: Bearer %s\r\nContent-Length: %zu\r\n\r\n%.*s%s%s",
                        port, token, length, (int)(place - write_body), write_body, mark, place + strlen(MARK));
    send_all(writer, request, size);
    waits_for_answer = true;
}

static void read_answer(void) {
    static char chunk[1 << 16];
    ssize_t got = read(writer, chunk, sizeof chunk);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0 && !waits_for_answer) {
        epoll_ctl(epoll, EPOLL_CTL_DEL, writer, NULL);
        return;
    }
    if (got <= 0) fail("the writer was hung up on");
    answer = realloc(answer, answer_length + got + 1);
    memcpy(answer + answer_length, chunk, got);
    answer_length += got;
    answer[answer_length] = 0;
    char *end = strstr(answer, "\r\n\r\n"), *size = strcasestr(answer, "content-length:");
    if (!end || !size || answer_length < end + 4 - answer + strtoul(size + 15, NULL, 10)) return;
    if (!strstr(answer, " 200 ") || !strstr(end, "\"id\"")) {
        fprintf(stderr, "the write failed: %.600s\n", answer);
        exit(1);
    }
    answer_length = 0;
    waits_for_answer = false;
}

static void loop_once(int milliseconds) {
    struct epoll_event ready[256];
    int count = epoll_wait(epoll, ready, 256, milliseconds);
    for (int i = 0; i < count; i++) {
        if (ready[i].data.ptr) read_peer(ready[i].data.ptr);
        else read_answer();
    }
    if (now() - began > give_up_seconds) {
        fprintf(stderr, "gave up: %d of %d sockets, %ld messages\n", subscribed, sockets, delivered);
        exit(1);
    }
}

static void connect_up_to(int wanted) {
    while (subscribed + gone < wanted) {
        while (opened < wanted && opened - subscribed - gone < HANDSHAKES_AT_ONCE) {
            peers[opened].stalled = opened >= sockets - stalled;
            open_peer(&peers[opened++]);
        }
        loop_once(100);
    }
    /* Subscriptions are not acknowledged: they are in place when the server has nothing more to do. */
    double settled_by = now() + SETTLE_SECONDS;
    for (int quiet = 0; quiet < 2 && now() < settled_by;) {
        double cpu = server_cpu(), until = now() + 0.15;
        while (now() < until) loop_once(20);
        quiet = server_cpu() - cpu < 0.006 ? quiet + 1 : 0;
    }
}

/* What a write costs without subscribers, or with one; the same number before that only warm up. */
static double write_alone(void) {
    double cpu = 0;
    for (int i = 0; i < 2 * alone; i++) {
        if (i == alone) cpu = server_cpu();
        long received_before = received_alone;
        send_write(-1);
        while (waits_for_answer || (subscribed && received_alone == received_before)) loop_once(100);
    }
    return alone ? (server_cpu() - cpu) / alone : 0;
}

/* Events up to a number, one after the other or at a rate; false when nothing came for too long. */
static bool deliver(int from, int to, int sockets_before, double *dropped_after) {
    double start = now(), progressed = start;
    int sent = from, done = from;
    long seen = 0, total = 0;
    while (done < to) {
        bool due = rate > 0 ? now() - start >= (sent - from) / rate : sent == done;
        if (sent < to && due && !waits_for_answer) send_write(sent++);
        loop_once(rate > 0 ? 1 : 100);
        while (done < sent && arrived[done] >= sockets - stalled) {
            total += arrived[done++];
            if (stalled && *dropped_after < 0 && done % 8 == 0 && server_sockets() <= sockets_before - stalled)
                *dropped_after = now() - start;
        }
        long here = total + (done < to ? arrived[done] : 0);
        if (here != seen || (sent == to && rate > 0 && now() - progressed < 1)) {
            progressed = here != seen ? now() : progressed;
            seen = here;
        } else if (now() - progressed > QUIET_SECONDS) {
            return false;
        }
    }
    while (waits_for_answer) loop_once(100);
    return true;
}

static int ascending(const void *left, const void *right) {
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    return (a > b) - (a < b);
}

static double percentile(double part) {
    return delivered ? latencies[(long)((delivered - 1) * part)] / 1e3 : 0;
}

static void read_options(int count, char **options) {
    for (int i = 1; i < count; i++) {
        char *value = strchr(options[i], '=');
        if (!value) fail(options[i]);
        *value++ = 0;
        const char *name = options[i];
        if (!strcmp(name, "port")) port = atoi(value);
        else if (!strcmp(name, "pid")) pid = atoi(value);
        else if (!strcmp(name, "sockets")) sockets = atoi(value);
        else if (!strcmp(name, "stalled")) stalled = atoi(value);
        else if (!strcmp(name, "events")) events = atoi(value);
        else if (!strcmp(name, "alone")) alone = atoi(value);
        else if (!strcmp(name, "rate")) rate = atof(value);
        else if (!strcmp(name, "seconds")) give_up_seconds = atof(value);
        else if (!strcmp(name, "token")) token = value;
        else if (!strcmp(name, "subscribe")) subscribe_payload = file_text(value);
        else if (!strcmp(name, "write")) write_body = file_text(value);
        else fail(name);
    }
    if (!port || !pid || !subscribe_payload || !write_body || !strstr(write_body, MARK)) fail("an option is missing");
}

int main(int count, char **options) {
    read_options(count, options);
    began = now();
    epoll = epoll_create1(0);
    measured_from = 1; /* the first event warms up */
    events += measured_from;
    arrived = calloc(events, sizeof *arrived);
    latencies = calloc((size_t)sockets * events + 1, sizeof *latencies);
    writer = connection(NULL, 0);

    peers = calloc(sockets, sizeof *peers);

    double dropped_after = -1, write_cpu = write_alone(), event_cpu = 0;
    if (alone && sockets) {
        connect_up_to(1);
        event_cpu = write_alone();
    }
    long before = server_kilobytes();
    double connecting = now(), connect_cpu = server_cpu();
    connect_up_to(sockets);
    connecting = now() - connecting;
    connect_cpu = server_cpu() - connect_cpu;
    long idle = server_kilobytes();
    /* A new connection: servers hang up on writers that say nothing for some seconds. */
    // Before the writer's socket changes: the server may learn of the new one and of the old one's end at any time.
    int open_sockets = server_sockets();
    close(writer);
    writer = connection(NULL, 0);

    bool complete = deliver(0, measured_from, open_sockets, &dropped_after);
    double cpu = server_cpu();
    double start = now();
    complete = complete && deliver(measured_from, events, open_sockets, &dropped_after);
    double seconds = now() - start;
    cpu = server_cpu() - cpu;
    long after = server_kilobytes();

    /* Peers that were asked to close get a while to do so, before the line is cut. */
    for (double until = now() + 15; stalled && dropped_after < 0 && now() < until;) {
        loop_once(100);
        if (server_sockets() <= open_sockets - stalled) dropped_after = now() - start;
    }
    qsort(latencies, delivered, sizeof *latencies, ascending);
    printf("{\"complete\":%s,\"delivered\":%ld,\"events\":%d,\"bytes\":%.1f,\"seconds\":%.4f,\"cpu_seconds\":%.6f,"
           "\"write_cpu_seconds\":%.6f,\"event_cpu_seconds\":%.6f,\"connect_seconds\":%.3f,\"connect_cpu_seconds\":%.3f,"
           "\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"max_ms\":%.3f,\"kb_before\":%ld,\"kb_idle\":%ld,\"kb_after\":%ld,"
           "\"gone\":%d,\"dropped_after\":%.2f}\n",
           complete ? "true" : "false", delivered, events - measured_from, delivered ? (double)bytes / delivered : 0,
           seconds, cpu, write_cpu, event_cpu, connecting, connect_cpu, percentile(0.5), percentile(0.99),
           percentile(1), before, idle, after, gone, dropped_after);
    return 0;
}
