/* SPDX-License-Identifier: MIT */
/* Privilege: the user and the groups that a process is to have.
 *
 * Groups first: who has given the user away may change no group any more.  What
 * was set is believed only after asking, since what setuid(2) does depends on
 * capabilities that a root in a container may not have, and differs between
 * systems (Chen, Wagner, Dean: Setuid Demystified, USENIX Security 2002). */

#include <config.h>

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <unistd.h>
#if defined(__linux__) && !defined(EM_PORTABLE)
#include <sys/prctl.h>
#endif

#include "base/alloc.h"
#include "worker/privilege.h"

enum { FIRST_SIZE = 1024, GREATEST_SIZE = 1 << 24 };

/* --- looking up --- */

/* Call look with a buffer that is large enough.  These functions return their
 * error, and some systems say so for a name that is not there. */
static int with_buffer(em__privilege *privilege, const char *name,
                       int (*look)(em__privilege *privilege, const char *name,
                                   char *buffer, size_t size))
{
    size_t size;
    char *buffer;
    int r = ERANGE;

    for (size = FIRST_SIZE; r == ERANGE && size <= GREATEST_SIZE; size *= 2) {
        buffer = em__malloc(size);
        if (!buffer)
            return -ENOMEM;
        r = look(privilege, name, buffer, size);
        em__free(buffer);
    }
    return r == ENOENT ? -ESRCH : -r;
}

static int look_up_user(em__privilege *privilege, const char *name,
                        char *buffer, size_t size)
{
    struct passwd entry, *found;
    int r = getpwnam_r(name, &entry, buffer, size, &found);

    if (r != 0)
        return r;
    if (!found)
        return ESRCH;
    privilege->uid = entry.pw_uid;
    privilege->gid = entry.pw_gid;
    return 0;
}

static int look_up_group(em__privilege *privilege, const char *name,
                         char *buffer, size_t size)
{
    struct group entry, *found;
    int r = getgrnam_r(name, &entry, buffer, size, &found);

    if (r != 0)
        return r;
    if (!found)
        return ESRCH;
    privilege->gid = entry.gr_gid;
    return 0;
}

static int make_room(em__privilege *privilege, int count)
{
    gid_t *groups =
        em__realloc(privilege->groups, 2 * (size_t)count * sizeof(*groups));

    if (!groups)
        return -ENOMEM;
    privilege->groups = groups;
    privilege->found = groups + count;
    privilege->group_count = count;
    return 0;
}

/* All groups that the user is in, and gid.  getgrouplist tells how many there
 * are if there is no room for them. */
static int find_groups(em__privilege *privilege, const char *user)
{
    int count = 16;
    int room, r;

    do {
        room = count;
        r = make_room(privilege, room);
        if (r < 0)
            return r;
        r = getgrouplist(user, privilege->gid, privilege->groups, &count);
        if (r < 0 && count <= room)
            count = 2 * room;
    } while (r < 0);
    privilege->group_count = count;
    return 0;
}

static int find(em__privilege *privilege, const char *user, const char *group)
{
    int r = 0;

    if (user)
        r = with_buffer(privilege, user, look_up_user);
    if (r == 0 && group)
        r = with_buffer(privilege, group, look_up_group);
    if (r < 0)
        return r;
    if (user)
        return find_groups(privilege, user);
    r = make_room(privilege, 1);
    if (r == 0)
        privilege->groups[0] = privilege->gid;
    return r;
}

int em__privilege_find(em__privilege *privilege, const char *user,
                       const char *group)
{
    *privilege = (em__privilege){ .has_user = user, .has_group = group };
    if (!user && !group)
        return 0;
    if (geteuid() != 0)
        return -EPERM;
    return find(privilege, user, group);
}

void em__privilege_free(em__privilege *privilege)
{
    em__free(privilege->groups);
    privilege->groups = NULL;
}

/* --- dropping --- */

/* A root may have asked prctl(2) to keep its capabilities over setuid(2).  Then
 * they are permitted only, so that setuid(0) fails, and one call away.  -EPERM:
 * it has also locked that. */
static int keep_no_capabilities(void)
{
#ifdef PR_SET_KEEPCAPS
    if (prctl(PR_GET_KEEPCAPS) != 0 && prctl(PR_SET_KEEPCAPS, 0UL) < 0)
        return -errno;
#endif
    return 0;
}

static int set(const em__privilege *privilege)
{
    int r = keep_no_capabilities();

    if (r < 0)
        return r;
    if (setgroups((size_t)privilege->group_count, privilege->groups) < 0 ||
        setgid(privilege->gid) < 0)
        return -errno;
    if (privilege->has_user && setuid(privilege->uid) < 0)
        return -errno;
    return 0;
}

/* Real, effective and saved: one that is left is a way back. */
static bool is_user(uid_t uid)
{
#ifdef HAVE_GETRESUID
    uid_t real, effective, saved;

    return getresuid(&real, &effective, &saved) == 0 && real == uid &&
           effective == uid && saved == uid;
#else
    return getuid() == uid && geteuid() == uid;
#endif
}

static bool is_group(gid_t gid)
{
#ifdef HAVE_GETRESUID
    gid_t real, effective, saved;

    return getresgid(&real, &effective, &saved) == 0 && real == gid &&
           effective == gid && saved == gid;
#else
    return getgid() == gid && getegid() == gid;
#endif
}

static bool is_wanted(const em__privilege *privilege, gid_t gid)
{
    int i;

    for (i = 0; i < privilege->group_count; i++) {
        if (privilege->groups[i] == gid)
            return true;
    }
    return gid == privilege->gid;
}

/* More than there is room for are too many. */
static bool has_no_other_group(const em__privilege *privilege)
{
    int count = getgroups(privilege->group_count, privilege->found);
    int i;

    for (i = 0; i < count; i++) {
        if (!is_wanted(privilege, privilege->found[i]))
            return false;
    }
    return count >= 0;
}

/* Who is root on purpose may be anybody. */
static bool can_go_back(const em__privilege *privilege)
{
    if (!privilege->has_user || privilege->uid == 0)
        return false;
    return setuid(0) == 0 || (privilege->gid != 0 && setgid(0) == 0);
}

int em__privilege_drop(const em__privilege *privilege)
{
    int r;

    if (!privilege->has_user && !privilege->has_group)
        return 0;
    r = set(privilege);
    if (r < 0)
        return r;
    if ((privilege->has_user && !is_user(privilege->uid)) ||
        !is_group(privilege->gid) || !has_no_other_group(privilege) ||
        can_go_back(privilege))
        return -EPERM;
    return 0;
}
