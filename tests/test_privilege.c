/* SPDX-License-Identifier: MIT */
/* Privileges: who a worker is, and that it cannot be anybody else again.
 *
 * The tests that need root skip themselves without, and those that need the
 * opposite drop it in a child of their own. */

#include <config.h>

#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "worker/privilege.h"
#include "workers.h"

static bool is_root(void)
{
    if (geteuid() == 0)
        return true;
    (void)printf("skipped: this test is for root\n");
    return false;
}

/* --- who it is --- */

static int say_who(em_loop *own, em_worker *parent, void *data)
{
    uid_t ruid, euid, suid;
    gid_t rgid, egid, sgid;
    gid_t groups[64];
    int count = getgroups(64, groups);
    int i;

    (void)own, (void)data;
    if (getresuid(&ruid, &euid, &suid) < 0 ||
        getresgid(&rgid, &egid, &sgid) < 0)
        return 1;
    say(parent, "user %u %u %u group %u %u %u groups", ruid, euid, suid, rgid,
        egid, sgid);
    for (i = 0; i < count; i++)
        say(parent, " %u", groups[i]);
    return 0;
}

/* What it says if it has this user, this group, and no other. */
static const char *just(unsigned user, unsigned group)
{
    static char text[256];

    (void)snprintf(text, sizeof(text), "user %u %u %u group %u %u %u groups %u",
                   user, user, user, group, group, group, group);
    return text;
}

TEST(a_worker_of_nobody_is_nobody_in_nobodys_groups)
{
    const struct passwd *nobody = getpwnam("nobody");
    const gid_t ours[] = { 0, 4, 20 };

    if (!is_root())
        return;
    ck_assert_ptr_nonnull(nobody);
    ck_assert_int_eq(setgroups(3, ours), 0);
    begin_workers();
    ck_assert_str_eq(answer(EM_OPTIONS(em_worker_options, .main = say_who,
                                       .user = "nobody")),
                     just(nobody->pw_uid, nobody->pw_gid));
    ck_assert_int_eq(geteuid(), 0); /* we are who we were */
    end_workers();
}

static int try_everything(em_loop *own, em_worker *parent, void *data)
{
    (void)own, (void)data;
    say(parent, "%d%d%d%d%d%d", setuid(0) == 0, seteuid(0) == 0,
        setresuid(-1U, 0, -1U) == 0, setgid(0) == 0, setegid(0) == 0,
        setgroups(0, NULL) == 0);
    say(parent, " %d", access("/etc/shadow", R_OK) == 0);
    return 0;
}

TEST(there_is_no_way_back)
{
    if (!is_root())
        return;
    begin_workers();
    ck_assert_str_eq(answer(EM_OPTIONS(em_worker_options, .user = "nobody",
                                       .main = try_everything)),
                     "000000 0");
    end_workers();
}

static int say_capabilities(em_loop *own, em_worker *parent, void *data)
{
    FILE *file = fopen("/proc/self/status", "re");
    unsigned long long permitted = 1;
    char line[256];

    (void)own, (void)data;
    while (file && fgets(line, sizeof(line), file)) {
        if (strncmp(line, "CapPrm:", 7) == 0)
            permitted = strtoull(line + 7, NULL, 16);
    }
    say(parent, "%llx", permitted);
    if (file)
        (void)fclose(file);
    return 0;
}

TEST(a_root_that_keeps_its_capabilities_hands_none_down)
{
    if (!is_root() || portable())
        return;
    begin_workers();
    ck_assert_int_eq(prctl(PR_SET_KEEPCAPS, 1UL), 0);
    ck_assert_str_eq(answer(EM_OPTIONS(em_worker_options, .user = "nobody",
                                       .main = say_capabilities)),
                     "0");
    ck_assert_int_eq(prctl(PR_SET_KEEPCAPS, 0UL), 0);
    end_workers();
}

int as_worker(void)
{
    em_worker *parent;
    em_loop *own;

    if (em_loop_new(NULL, &own) < 0 || em_worker_parent(own, &parent) < 0 ||
        say_who(own, parent, NULL) != 0)
        return 1;
    em_loop_free(own);
    return 0;
}

TEST(an_executed_worker_is_who_it_was_told_to_be)
{
    const struct passwd *nobody = getpwnam("nobody");

    if (!is_root() || under_valgrind())
        return;
    begin_workers();
    ck_assert_str_eq(answer(EM_OPTIONS(em_worker_options, .user = "nobody")),
                     just(nobody->pw_uid, nobody->pw_gid));
    end_workers();
}

TEST(a_group_may_be_another_or_the_only_thing_that_changes)
{
    const struct passwd *nobody = getpwnam("nobody");
    const struct group *daemon = getgrnam("daemon");

    if (!is_root())
        return;
    ck_assert_ptr_nonnull(daemon);
    begin_workers();
    ck_assert_str_eq(answer(EM_OPTIONS(em_worker_options, .main = say_who,
                                       .group = "daemon")),
                     just(0, daemon->gr_gid));
    ck_assert_str_eq(answer(EM_OPTIONS(em_worker_options, .main = say_who,
                                       .user = "nobody", .group = "daemon")),
                     just(nobody->pw_uid, daemon->gr_gid));
    ck_assert_str_eq(
        answer(EM_OPTIONS(em_worker_options, .main = say_who, .user = "root")),
        just(0, 0));
    end_workers();
}

/* --- failures --- */

static int betray(em_loop *own, em_worker *parent, void *data)
{
    (void)own, (void)parent, (void)data;
    (void)kill(getppid(), SIGKILL);
    return 0;
}

static int try(const char *user, const char *group, em_worker_main_fn *main)
{
    em_worker *worker;
    int r = em_worker_spawn(master,
                            EM_OPTIONS(em_worker_options, .main = main,
                                       .user = user, .group = group),
                            &worker);

    if (r == 0)
        em_worker_free(worker);
    ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
    return r;
}

TEST(who_is_not_there_is_told)
{
    if (!is_root())
        return;
    begin_workers();
    assert_error(-ESRCH, try("no such user", NULL, betray));
    assert_error(-ESRCH, try(NULL, "no such group", betray));
    assert_error(-ESRCH, try("nobody", "no such group", betray));
    assert_error(-ESRCH, try("", NULL, betray));
    end_workers();
}

/* Injected where it matters: each step, and each look after it. */
TEST(a_step_that_fails_ends_the_worker_before_user_code)
{
    static const char *const steps[] = {
        "setgroups", "setgid", "setuid", "getresuid", "getresgid", "getgroups"
    };
    size_t i;

    if (!is_root())
        return;
    begin_workers();
    for (i = 0; i < 6; i++) {
        if (portable() && strncmp(steps[i], "getres", 6) == 0)
            continue;
        fail_call(steps[i], 1, EPERM);
        assert_error(-EPERM, try("nobody", NULL, betray));
        ck_assert_msg(call_failed(), "%s", steps[i]);
    }
    fail_call("setgroups", 1, ENOMEM);
    assert_error(-ENOMEM, try("nobody", NULL, betray));
    ck_assert(call_failed());
    end_workers();
}

/* What a kernel or a sandbox may do: say yes and change nothing. */
TEST(a_step_that_only_pretends_to_succeed_is_found_out)
{
    static const char *const steps[] = { "setgroups", "setgid", "setuid" };
    const gid_t ours[] = { 0, 4, 20 };
    size_t i;

    if (!is_root())
        return;
    ck_assert_int_eq(setgroups(3, ours), 0);
    begin_workers();
    for (i = 0; i < 3; i++) {
        fail_call(steps[i], 1, PRETEND);
        assert_error(-EPERM, try("nobody", NULL, betray));
        ck_assert_msg(call_failed(), "%s", steps[i]);
    }
    end_workers();
}

/* In a child that nobody kills meanwhile; exits with the error. */
static int error_of_step(const char *call, int error)
{
    em__privilege privilege;
    int status;
    pid_t child;

    assert_ok(em__privilege_find(&privilege, "nobody", NULL));
    fail_call(call, 1, error);
    child = fork();
    if (child == 0)
        _exit(-em__privilege_drop(&privilege));
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(call_failed(), "%s", call);
    ck_assert(WIFEXITED(status));
    em__privilege_free(&privilege);
    return WEXITSTATUS(status);
}

/* What a look says is not told, but that it was not as it should be. */
TEST(each_step_tells_its_error)
{
    static const char *const steps[] = { "setgroups", "setgid", "setuid" };
    const gid_t ours[] = { 0, 4, 20 };
    size_t i;

    if (!is_root())
        return;
    ck_assert_int_eq(setgroups(3, ours), 0);
    for (i = 0; i < 3; i++) {
        ck_assert_int_eq(error_of_step(steps[i], EIO), EIO);
        ck_assert_int_eq(error_of_step(steps[i], PRETEND), EPERM);
    }
    ck_assert_int_eq(error_of_step("getgroups", EIO), EPERM);
    if (portable())
        return;
    ck_assert_int_eq(error_of_step("getresuid", EIO), EPERM);
    ck_assert_int_eq(error_of_step("getresgid", EIO), EPERM);
}

static int try_failing(const char *call, int error, const char *user,
                       const char *group, em_worker_main_fn *main)
{
    int r;

    fail_call(call, 1, error);
    r = try(user, group, main);
    ck_assert_msg(call_failed(), "%s", call);
    return r;
}

/* Some say "no such file" where there is no such name. */
TEST(a_database_that_fails_is_told)
{
    if (!is_root())
        return;
    begin_workers();
    assert_error(-EIO, try_failing("getpwnam_r", EIO, "nobody", NULL, betray));
    assert_error(-EIO, try_failing("getgrnam_r", EIO, NULL, "daemon", betray));
    assert_error(-ESRCH,
                 try_failing("getpwnam_r", ENOENT, "nobody", NULL, betray));
    end_workers();
}

TEST(entries_longer_than_the_first_buffer_are_read_in_a_larger_one)
{
    if (!is_root())
        return;
    begin_workers();
    assert_ok(try_failing("getpwnam_r", ERANGE, "nobody", NULL, hang));
    assert_ok(try_failing("getgrnam_r", ERANGE, NULL, "daemon", hang));
    assert_ok(try_failing("getgrouplist", EINVAL, "nobody", NULL, hang));
    fail_every_call("getpwnam_r", ERANGE); /* but not without end */
    assert_error(-ERANGE, try("nobody", NULL, betray));
    end_workers();
}

static void look_up_without_memory(const char *user, const char *group)
{
    unsigned long nth;
    int r = -ENOMEM;

    for (nth = 1; r < 0; nth++) {
        assert_error(-ENOMEM, r);
        fail_allocation(nth);
        r = try(user, group, hang);
        (void)allocation_failed();
    }
}

TEST(without_memory_nobody_is_looked_up)
{
    if (!is_root())
        return;
    begin_workers();
    look_up_without_memory("nobody", "daemon");
    look_up_without_memory(NULL, "daemon");
    end_workers();
}

/* --- who is not root --- */

static int ask_for_more(em_loop *own, em_worker *parent, void *data)
{
    em_worker *worker;
    int user, group, nice_;

    (void)data;
    user = em_worker_spawn(
        own, EM_OPTIONS(em_worker_options, .main = hang, .user = "nobody"),
        &worker);
    group = em_worker_spawn(
        own, EM_OPTIONS(em_worker_options, .main = hang, .group = "daemon"),
        &worker);
    nice_ = em_worker_spawn(
        own, EM_OPTIONS(em_worker_options, .main = hang, .nice = -1), &worker);
    say(parent, "%d %d %d %d", user == -EPERM, group == -EPERM,
        nice_ == -EPERM || nice_ == -EACCES, waitpid(-1, NULL, WNOHANG));
    return 0;
}

TEST(who_is_not_root_is_refused)
{
    begin_workers();
    ck_assert_str_eq(
        answer(EM_OPTIONS(em_worker_options, .main = ask_for_more,
                          .user = geteuid() == 0 ? "nobody" : NULL)),
        "1 1 1 -1");
    end_workers();
}

SUITE("privilege", a_worker_of_nobody_is_nobody_in_nobodys_groups,
      there_is_no_way_back, a_root_that_keeps_its_capabilities_hands_none_down,
      an_executed_worker_is_who_it_was_told_to_be,
      a_group_may_be_another_or_the_only_thing_that_changes,
      who_is_not_there_is_told,
      a_step_that_fails_ends_the_worker_before_user_code,
      a_step_that_only_pretends_to_succeed_is_found_out,
      each_step_tells_its_error, a_database_that_fails_is_told,
      entries_longer_than_the_first_buffer_are_read_in_a_larger_one,
      without_memory_nobody_is_looked_up, who_is_not_root_is_refused);
