/* SPDX-License-Identifier: MIT */
/* Set-up: what a child does to become what its plan says.
 *
 * Here nothing allocates or takes a lock, since another thread of the parent
 * may have held it.  The order matters: descriptors before anything that could
 * use them; limits, priority and processors while it is still root; then the
 * privileges; and the death signal after those, since a change of credentials
 * clears it. */

#include <config.h>

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#if defined(__linux__) && !defined(EM_PORTABLE)
#include <sys/prctl.h>
#endif

#include "worker/descriptors.h"
#include "worker/spawn.h"

#ifdef __GLIBC__
typedef __rlimit_resource_t resource_name; /* an enum, for C with GNU's */
#else
typedef int resource_name;
#endif

static int arrange_descriptors(const em__spawn *spawn)
{
    int r = em__descriptors_redirect(spawn->options->stdio);

    if (r < 0)
        return r;
    em__descriptors_close_others(spawn->kept, spawn->kept_count);
    if (spawn->options->main)
        return 0;
    em__descriptors_hand_down(spawn->options->keep_fds,
                              spawn->options->keep_count);
    em__descriptors_hand_down(&spawn->badge.fd, 1);
    return 0;
}

/* Those that cannot be changed are as they should be.  The fork was made with
 * all signals blocked, so no handler of the parent's has run here. */
static int reset_signals(const em__spawn *spawn)
{
    struct sigaction action;
    sigset_t none;
    int signo;

    (void)spawn;
    memset(&action, 0, sizeof(action));
    action.sa_handler = SIG_DFL;
    for (signo = 1; signo < NSIG; signo++)
        (void)sigaction(signo, &action, NULL);
    (void)sigemptyset(&none);
    return sigprocmask(SIG_SETMASK, &none, NULL) == 0 ? 0 : -errno;
}

static int set_limits(const em__spawn *spawn)
{
    const em_limit *limit = spawn->options->limits;
    size_t i;

    for (i = 0; i < spawn->options->limit_count; i++, limit++) {
        struct rlimit of = { (rlim_t)limit->soft, (rlim_t)limit->hard };

        if (setrlimit((resource_name)limit->resource, &of) < 0)
            return -errno;
    }
    return 0;
}

/* -1 is also a priority. */
static int set_nice(const em__spawn *spawn)
{
    if (!spawn->options->nice)
        return 0;
    errno = 0;
    return nice(spawn->options->nice) == -1 && errno != 0 ? -errno : 0;
}

static int set_cpus(const em__spawn *spawn)
{
    return em__spawn_set_cpus(spawn->options->cpus);
}

static int change_directory(const em__spawn *spawn)
{
    if (!spawn->options->cwd)
        return 0;
    return chdir(spawn->options->cwd) == 0 ? 0 : -errno;
}

static int drop_privileges(const em__spawn *spawn)
{
    return em__privilege_drop(&spawn->privilege);
}

/* The parent may have ended before: then nobody is left to be told.  0 is one
 * in another namespace of processes, of whom only the channel tells. */
static int notice_death(const em__spawn *spawn)
{
    pid_t parent;

#ifdef PR_SET_PDEATHSIG
    if (!spawn->notice_death)
        return 0;
    if (prctl(PR_SET_PDEATHSIG, (unsigned long)SIGTERM) < 0)
        return -errno;
#endif
    parent = getppid();
    return parent == spawn->parent || parent == 0 ? 0 : -ESRCH;
}

int em__spawn_set_up(const em__spawn *spawn)
{
    static int (*const steps[])(const em__spawn *) = {
        arrange_descriptors, reset_signals,   set_limits,   set_nice, set_cpus,
        change_directory,    drop_privileges, notice_death,
    };
    size_t i;
    int r = 0;

    for (i = 0; i < sizeof(steps) / sizeof(steps[0]) && r == 0; i++)
        r = steps[i](spawn);
    return r;
}

int em__spawn_set_cpus(uint64_t cpus)
{
#if defined(CPU_SET) && !defined(EM_PORTABLE)
    cpu_set_t set;
    unsigned i;

    if (!cpus)
        return 0;
    CPU_ZERO(&set);
    for (i = 0; i < 64; i++) {
        if (cpus >> i & 1)
            CPU_SET(i, &set);
    }
    return sched_setaffinity(0, sizeof(set), &set) == 0 ? 0 : -errno;
#else
    return cpus ? -ENOTSUP : 0;
#endif
}
