/* SPDX-License-Identifier: MIT */
/* Testing: what every test program shares. */

#include <config.h>

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <emitter/base.h>

#include "baton/internal.h"
#include "testing.h"

/* --- marks --- */

static char marks[4096], taken[sizeof(marks)];

void mark(const char *word)
{
    size_t used = strlen(marks);

    ck_assert_uint_lt(used + strlen(word) + 1, sizeof(marks));
    (void)snprintf(marks + used, sizeof(marks) - used, "%s%s", used ? " " : "",
                   word);
}

void mark_number(long long number)
{
    char word[32];

    (void)snprintf(word, sizeof(word), "%lld", number);
    mark(word);
}

const char *take_marks(void)
{
    strcpy(taken, marks);
    marks[0] = '\0';
    return taken;
}

/* --- allocations: counted, and made to fail --- */

static atomic_ulong allocations_left; /* until the one that fails; 0: none */
static atomic_bool allocation_refused;
static atomic_size_t blocks, allocations;

bool count_down(atomic_ulong *left)
{
    unsigned long now = atomic_load(left);

    while (now != 0 && !atomic_compare_exchange_weak(left, &now, now - 1))
        ;
    return now == 1;
}

bool refuse_allocation(void)
{
    if (!count_down(&allocations_left))
        return false;
    atomic_store(&allocation_refused, true);
    return true;
}

static void *counted_malloc(size_t size)
{
    void *block = refuse_allocation() ? NULL : malloc(size);

    if (block) {
        atomic_fetch_add(&blocks, 1);
        atomic_fetch_add(&allocations, 1);
    }
    return block;
}

static void *counted_realloc(void *old, size_t size)
{
    void *block = refuse_allocation() ? NULL : realloc(old, size);

    if (block && !old)
        atomic_fetch_add(&blocks, 1);
    if (block)
        atomic_fetch_add(&allocations, 1);
    return block;
}

static void counted_free(void *block)
{
    if (block)
        atomic_fetch_sub(&blocks, 1);
    free(block);
}

void fail_allocation(unsigned long nth)
{
    atomic_store(&allocation_refused, false);
    atomic_store(&allocations_left, nth);
}

bool allocation_failed(void)
{
    atomic_store(&allocations_left, 0);
    return count_failure(atomic_exchange(&allocation_refused, false), "a");
}

size_t blocks_in_use(void)
{
    return atomic_load(&blocks);
}

size_t allocations_made(void)
{
    return atomic_load(&allocations);
}

/* --- descriptors, exhausted --- */

static struct rlimit descriptors;

/* Down to the first number that is not in use, but so many.  (poll refuses to
 * look at more descriptors than the limit says, and fcntl to copy one to a
 * number past it.) */
void leave_descriptors(unsigned count)
{
    struct rlimit limit;
    rlim_t first = 0;

    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &descriptors), 0);
    while (fcntl((int)first, F_GETFD) >= 0 || count-- > 0)
        first++;
    limit = descriptors;
    limit.rlim_cur = first;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

void exhaust_descriptors(void)
{
    leave_descriptors(0);
}

void restore_descriptors(void)
{
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &descriptors), 0);
}

/* --- the guard round each test --- */

static size_t fds_before, threads_before, blocks_before;

static size_t count_entries(const char *path)
{
    DIR *directory = opendir(path);
    size_t count = 0;

    ck_assert_ptr_nonnull(directory);
    while (readdir(directory))
        count++;
    (void)closedir(directory);
    return count;
}

static void guard_begin(void)
{
    fds_before = count_entries("/proc/self/fd");
    threads_before = count_entries("/proc/self/task");
    blocks_before = blocks_in_use();
    marks[0] = '\0';
    fail_allocation(0);
    fail_call("", 0, 0);
    fail_every_call(NULL, 0);
}

/* A joined thread may still be on its way out of the kernel's list, so this
 * waits for it; one that stays fails the test. */
static size_t count_threads(void)
{
    time_t give_up = time(NULL) + 20;
    size_t threads = count_entries("/proc/self/task");

    while (threads > threads_before && time(NULL) < give_up) {
        (void)sched_yield();
        threads = count_entries("/proc/self/task");
    }
    return threads;
}

/* While one thread leaves, a look at the kernel's list may pass over another,
 * which then still frees the pool that it was the last of. */
static size_t count_blocks(void)
{
    time_t give_up = time(NULL) + 3;

    while (blocks_in_use() != blocks_before && time(NULL) < give_up)
        (void)sched_yield();
    return blocks_in_use();
}

static void guard_end(void)
{
    em__default_end();
    ck_assert_str_eq(marks, "");
    ck_assert_msg(count_entries("/proc/self/fd") == fds_before,
                  "the test left a descriptor open, or closed another's");
    ck_assert_msg(count_threads() == threads_before,
                  "the test left a thread running");
    ck_assert_msg(count_blocks() == blocks_before,
                  "the test left %zu blocks of memory, and began with %zu",
                  blocks_in_use(), blocks_before);
}

/* Tests fork while threads run, which ThreadSanitizer refuses by default. */
const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
    return "die_after_fork=0";
}

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*start)(void *), void *data);

/* It also adds a thread of its own to the first that a process starts.  Started
 * here that is there, or started by the fork, before a test counts. */
void __tsan_init(void) __attribute__((weak));

static void *nothing(void *data)
{
    return data;
}

static void start_sanitizer_thread(void)
{
    pthread_t thread;

    if (__tsan_init && __real_pthread_create(&thread, NULL, nothing, NULL) == 0)
        (void)pthread_join(thread, NULL);
}

/* --- a program that aborts --- */

const char *stderr_of_abort(void (*fn)(void))
{
    static char text[1024];
    int ends[2], status;
    size_t used = 0;
    ssize_t n;
    pid_t child;

    ck_assert_int_eq(pipe(ends), 0);
    child = fork();
    if (child == 0) {
        (void)dup2(ends[1], STDERR_FILENO);
        (void)signal(SIGABRT, SIG_DFL);
        fn();
        _exit(0);
    }
    (void)close(ends[1]);
    while ((n = read(ends[0], text + used, sizeof(text) - 1 - used)) > 0)
        used += (size_t)n;
    text[used] = '\0';
    (void)close(ends[0]);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    return text;
}

/* --- suites --- */

bool on_epoll(void)
{
    const char *poller = getenv("EMITTER_POLLER");

    return poller && strcmp(poller, "epoll") == 0;
}

bool portable(void)
{
#ifdef EM_PORTABLE
    return true;
#else
    return false;
#endif
}

bool under_valgrind(void)
{
    const char *preloaded = getenv("LD_PRELOAD");

    return preloaded && strstr(preloaded, "vgpreload");
}

size_t enough(size_t count)
{
    return under_valgrind() ? count / 16 : count;
}

bool emulated(void)
{
    const char *emulator = getenv("EMITTER_TESTS_EMULATED");

    return emulator && *emulator;
}

static int run_once(const char *name, const TTest *const *tests, size_t count)
{
    Suite *suite = suite_create(name);
    TCase *tcase = tcase_create(name);
    SRunner *runner = srunner_create(suite);
    size_t i;
    int failed;

    suite_add_tcase(suite, tcase);
    tcase_add_checked_fixture(tcase, guard_begin, guard_end);
    tcase_set_timeout(tcase, 120); /* a hang, not a speed limit */
    for (i = 0; i < count; i++)
        tcase_add_test(tcase, tests[i]);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed;
}

static int run_on(const char *poller, const char *name,
                  const TTest *const *tests, size_t count)
{
    char title[64];

    (void)snprintf(title, sizeof(title), "%s on %s", name, poller);
    (void)setenv("EMITTER_POLLER", poller, 1);
    return run_once(title, tests, count);
}

/* EMITTER_POLLER in the environment restricts it to that one. */
int run_suite(const char *name, const TTest *const *tests, size_t count)
{
    const char *wish = getenv("EMITTER_POLLER");
    bool all = !wish || !*wish;
    int failed = 0;

    if (as_worker && getenv("EMITTER_WORKER"))
        return as_worker();
    start_sanitizer_thread();
    (void)em_set_allocator(counted_malloc, counted_realloc, counted_free);
    if (!all)
        return run_on(wish, name, tests, count) ? EXIT_FAILURE : EXIT_SUCCESS;
#ifdef WITH_EPOLL
    failed += run_on("epoll", name, tests, count);
#endif
#ifdef WITH_POLL
    failed += run_on("poll", name, tests, count);
#endif
    (void)unsetenv("EMITTER_POLLER");
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
