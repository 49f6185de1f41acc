/* SPDX-License-Identifier: MIT */
/* Nats siege: the programs that check-nats-siege starts, and kills.
 *
 *   nats_siege serve URL,URL,... LOG
 *   nats_siege submit URL,URL,... LOG NAME SECONDS
 *   nats_siege leader URL,URL,... STREAM.INFO.NAME
 *   nats_siege info URL,URL,... WHAT.INFO.NAME
 *   nats_siege left URL,URL,... STREAM: the ids of its messages
 *
 * A log gets a line, in one write, for what a program may be killed after:
 * "ran ID", "accepted ID", "after ID STATUS", "answer ID STATUS".  Both end by
 * themselves or at SIGTERM, with status 0 if they left nothing open. */

#include <config.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <nats/nats.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <emitter.h>
#include <emitter/nats.h>

enum { UNDER_WAY = 64, EVERY_MS = 5, TICK_MS = 100 };

static em_loop *loop;
static em_nats *nats;
static int log_fd;
static const char *name;
static unsigned long submitted, called, waiting, calling, ticks;
static bool ending; /* no more is submitted */

/* Libnats' threads, which are closed at once after their connections, leave a
 * message or the place for their last error behind.  What libemitter-nats
 * itself leaves is what its unit tests look for. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_options(void);

const char *__lsan_default_suppressions(void)
{
    return "leak:libnats.so\n";
}

const char *__lsan_default_options(void)
{
    return "print_suppressions=0";
}

static void note(const char *format, ...)
{
    char line[256];
    va_list list;
    int length;

    va_start(list, format);
    length = vsnprintf(line, sizeof(line), format, list);
    va_end(list);
    if (write(log_fd, line, (size_t)length) != length)
        abort();
}

static void check(int r, const char *what)
{
    if (r >= 0)
        return;
    (void)fprintf(stderr, "nats_siege: %s: %s\n", what, em_strerror(r));
    exit(1);
}

static int count_descriptors(void)
{
    DIR *directory = opendir("/proc/self/fd");
    int count = 0;

    while (readdir(directory))
        count++;
    (void)closedir(directory);
    return count;
}

static size_t split(char *urls, const char **ret)
{
    char *rest = NULL, *url;
    size_t count = 0;

    for (url = strtok_r(urls, ",", &rest); url;
         url = strtok_r(NULL, ",", &rest))
        ret[count++] = url;
    return count;
}

static void on_error(em_emitter *emitter, void *arg, void *data)
{
    const em_error *error = arg;

    (void)emitter, (void)data;
    note("error %d %s\n", error->code, error->message);
}

static void stop(em_source *signal, int signo, void *data)
{
    (void)signal, (void)signo, (void)data;
    em_loop_stop(loop);
}

static void once_connected(em_emitter *emitter, void *arg, void *data)
{
    (void)emitter, (void)arg, (void)data;
    em_loop_stop(loop);
}

/* Whatever servers are up; one that is not yet may be the only one. */
static void connect_to(const char *const *urls, size_t count)
{
    for (;;) {
        check(em_nats_connect(loop,
                              EM_OPTIONS(em_nats_options, .servers = urls,
                                         .server_count = count,
                                         .reconnect_ms = 100, .ping_ms = 1000,
                                         .connect_ms = 6000),
                              &nats),
              "connect");
        check(em_on(em_nats_emitter(nats), "connect", once_connected, NULL),
              "on");
        check(em_on(em_nats_emitter(nats), "error", on_error, NULL), "on");
        (void)em_loop_run(loop, EM_RUN_DEFAULT);
        if (em_nats_is_connected(nats))
            return;
        em_nats_free(nats);
        (void)em_loop_run(loop, EM_RUN_DEFAULT);
        (void)poll(NULL, 0, 200);
    }
}

/* --- serve --- */

/* Some take so long that they have to be kept alive. */
static int work(em_baton *baton, void *data)
{
    em_nats_job *job = data;
    const char *payload = job->data;

    (void)baton;
    (void)poll(NULL, 0, *payload == 0 ? 2500 : *payload % 16);
    check(em_nats_append(job->result, job->data, job->size), "append");
    if (job->id)
        note("ran %s\n", payload + 1);
    return 0;
}

static void tick(em_source *timer, void *data)
{
    (void)timer, (void)data;
    (void)em_nats_publish(nats, "siege.tick", NULL, 0);
}

static void serve(void)
{
    em_source *timer;

    check(
        em_nats_serve(nats,
                      EM_OPTIONS(em_nats_serve_options, .subject = "task",
                                 .work = work, .stream = "SIEGE", .replicas = 3,
                                 .attempts = 1000, .ack_ms = 2000, .limit = 16),
                      NULL),
        "serve");
    check(em_nats_serve(nats,
                        EM_OPTIONS(em_nats_serve_options, .subject = "quick",
                                   .work = work),
                        NULL),
          "serve");
    check(em_loop_add_timer(loop, TICK_MS, TICK_MS, tick, NULL, &timer),
          "timer");
    (void)em_loop_run(loop, EM_RUN_DEFAULT);
    em_source_remove(timer);
}

/* --- submit --- */

/* What is to be the result: how long it takes, and who it is. */
typedef struct job {
    char payload[64];
    const char *id; /* in there */
} job;

static bool is_right(const job *j, const em_nats_bytes *result)
{
    return result->size == sizeof(j->payload) &&
           memcmp(result->data, j->payload, result->size) == 0;
}

static void accepted(em_nats_call *call, void *data)
{
    (void)call;
    note("accepted %s\n", ((job *)data)->id);
}

static void after(em_nats_call *call, int status, const em_nats_bytes *result,
                  void *data)
{
    const job *j = data;

    (void)call;
    waiting--;
    if (status == 0 && !is_right(j, result))
        status = -EBADMSG;
    note("after %s %d\n", j->id, status);
}

static void answered(em_nats_call *call, int status,
                     const em_nats_bytes *result, void *data)
{
    const job *j = data;

    (void)call;
    calling--;
    if (status == 0 && !is_right(j, result))
        status = -EBADMSG;
    note("answer %s %d\n", j->id, status);
}

static job *new_job(const char *kind, unsigned long number)
{
    job *j = malloc(sizeof(*j));

    if (!j)
        abort();
    *j = (job){ .id = j->payload + 1 };
    j->payload[0] = (char)(number % 128);
    (void)snprintf(j->payload + 1, sizeof(j->payload) - 1, "%s-%s-%lu", name,
                   kind, number);
    return j;
}

/* The result of every other one, which has no id of ours, is handed to us. */
static void submit_one(void)
{
    job *j = new_job("d", submitted);
    int r = em_nats_run(
        nats,
        EM_OPTIONS(em_nats_run_options, .subject = "task",
                   .payload = j->payload, .payload_size = sizeof(j->payload),
                   .after = after, .accepted = accepted, .data = j,
                   .free_data = free, .stream = "SIEGE",
                   .id = submitted % 2 ? j->id : NULL),
        NULL);

    if (r < 0) {
        free(j);
        return;
    }
    submitted++;
    waiting++;
}

static void call_one(void)
{
    job *j = new_job("q", called);
    int r = em_nats_run(nats,
                        EM_OPTIONS(em_nats_run_options, .subject = "quick",
                                   .payload = j->payload,
                                   .payload_size = sizeof(j->payload),
                                   .after = answered, .data = j,
                                   .free_data = free, .timeout_ms = 5000),
                        NULL);

    if (r < 0) {
        free(j);
        return;
    }
    note("called %s\n", j->id);
    called++;
    calling++;
}

/* At the end it waits for a tick: its subscriptions outlived what happened. */
static void submit_some(em_source *timer, void *data)
{
    (void)timer, (void)data;
    if (!ending && waiting < UNDER_WAY)
        submit_one();
    if (!ending && calling < 4)
        call_one();
    if (ending && waiting + calling == 0 && ticks > 2)
        em_loop_stop(loop);
}

static void on_tick(em_emitter *emitter, void *arg, void *data)
{
    (void)emitter, (void)arg, (void)data;
    ticks++;
}

static void end(em_source *timer, void *data)
{
    (void)timer, (void)data;
    ending = true;
    ticks = 0;
}

static void submit(unsigned seconds)
{
    em_emitter *emitter;
    em_source *timer, *last;

    check(em_emitter_new(loop, &emitter), "emitter");
    check(em_on(emitter, "tick", on_tick, NULL), "on");
    check(em_nats_import(nats, "siege.*", emitter, NULL, NULL), "import");
    check(
        em_loop_add_timer(loop, EVERY_MS, EVERY_MS, submit_some, NULL, &timer),
        "timer");
    check(em_loop_add_timer(loop, seconds * 1000, 0, end, NULL, &last),
          "timer");
    (void)em_loop_run(loop, EM_RUN_DEFAULT);
    note("%s %s\n", waiting + calling ? "unfinished" : "finished", name);
    em_source_remove(timer);
    em_source_remove(last);
    em_unref(emitter);
}

/* --- what JetStream says --- */

static natsStatus connect_any(const char *const *urls, int count,
                              natsConnection **ret)
{
    natsOptions *options = NULL;
    natsStatus s = natsOptions_Create(&options);

    if (s == NATS_OK)
        s = natsOptions_SetServers(options, (const char **)urls, count);
    if (s == NATS_OK)
        s = natsConnection_Connect(ret, options);
    natsOptions_Destroy(options);
    return s;
}

static void show(jsCtx *js, const char *stream, uint64_t number)
{
    natsMsg *message = NULL;
    const char *id;

    if (js_GetMsg(&message, js, stream, number, NULL, NULL) == NATS_OK &&
        natsMsgHeader_Get(message, "Nats-Msg-Id", &id) == NATS_OK)
        (void)printf("%llu %s\n", (unsigned long long)number, id);
    natsMsg_Destroy(message);
}

static int show_left(const char *const *urls, int count, const char *stream)
{
    natsConnection *nc = NULL;
    jsCtx *js = NULL;
    jsStreamInfo *info = NULL;
    natsStatus s = connect_any(urls, count, &nc);
    uint64_t number;

    if (s == NATS_OK)
        s = natsConnection_JetStream(&js, nc, NULL);
    if (s == NATS_OK)
        s = js_GetStreamInfo(&info, js, stream, NULL, NULL);
    for (number = info ? info->State.FirstSeq : 1;
         info && info->State.Msgs > 0 && number <= info->State.LastSeq;
         number++)
        show(js, stream, number);
    jsStreamInfo_Destroy(info);
    jsCtx_Destroy(js);
    natsConnection_Destroy(nc);
    (void)nats_CloseAndWait(0);
    return s == NATS_OK ? 0 : 1;
}

static int ask(const char *const *urls, int count, const char *what,
               const char *word)
{
    natsConnection *nc = NULL;
    natsMsg *answer = NULL;
    char subject[128];
    const char *at, *text;
    natsStatus s = connect_any(urls, count, &nc);

    (void)snprintf(subject, sizeof(subject), "$JS.API.%s", what);
    if (s == NATS_OK)
        s = natsConnection_RequestString(&answer, nc, subject, "", 2000);
    text = s == NATS_OK ? natsMsg_GetData(answer) : "";
    if (strcmp(word, "info") == 0)
        (void)printf("%s\n", text);
    at = strstr(text, "\"leader\":\"");
    if (strcmp(word, "leader") == 0 && at)
        (void)printf("%.*s\n", (int)strcspn(at + 10, "\""), at + 10);
    natsMsg_Destroy(answer);
    natsConnection_Destroy(nc);
    (void)nats_CloseAndWait(0);
    return s == NATS_OK ? 0 : 1;
}

int main(int argc, char **argv)
{
    const char *urls[8];
    size_t count = argc > 3 ? split(argv[2], urls) : 0;
    em_source *term;
    int descriptors;

    if (count == 0)
        return 2;
    if (strcmp(argv[1], "left") == 0)
        return show_left(urls, (int)count, argv[3]);
    if (strcmp(argv[1], "serve") != 0 && strcmp(argv[1], "submit") != 0)
        return ask(urls, (int)count, argv[3], argv[1]);
    log_fd = open(argv[3], O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    descriptors = count_descriptors();
    check(em_loop_new(NULL, &loop), "loop");
    connect_to(urls, count);
    check(em_loop_add_signal(loop, SIGTERM, stop, NULL, &term), "signal");
    em_source_unref(term);
    if (argc > 5) {
        name = argv[4];
        submit((unsigned)atoi(argv[5]));
    } else {
        serve();
    }
    em_source_remove(term);
    em_nats_free(nats);
    (void)em_loop_run(loop, EM_RUN_DEFAULT);
    em_loop_free(loop);
    (void)em_pool_shutdown(em_pool_default(), UINT64_MAX);
    if (nats_CloseAndWait(10000) != NATS_OK) /* somebody still uses libnats */
        return 4;
    return count_descriptors() == descriptors ? 0 : 3;
}
