// SPDX-License-Identifier: Apache-2.0
#include "api/sessions.h"

#include "base/clock.h"
#include "base/str.h"
#include "os/dirscan.h"
#include "os/fsio.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define DIR "sessions"
#define MARK '~' /* not in names, nor in families */
#define PATH_SIZE (sizeof(DIR) + PRINCIPAL_NAME_SIZE + PRINCIPAL_FAMILY_SIZE + 8)
#define SECOND_US INT64_C(1000000)
#define HEX "0123456789abcdef"
#define BASE64URL "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

/* --- names ----------------------------------------------------------------------------------------------------------- */

static bool is_family(const char *text, size_t length) {
    return length == PRINCIPAL_FAMILY_SIZE - 1 && strspn(text, HEX) >= length;
}

static bool path_of(const char *user, const char *family, char out[PATH_SIZE]) {
    return users_name_valid(user) && is_family(family, strlen(family)) && str_format(out, PATH_SIZE, DIR "/%s%c%s.json", user, MARK, family);
}

bool sessions_token_parse(const char *token, struct session *session, const char **secret) {
    *session = (struct session){.expires_s = 0};
    if (strnlen(token, SESSIONS_TOKEN_SIZE) >= SESSIONS_TOKEN_SIZE)
        return false;
    const char *family = strchr(token, MARK), *last = family ? strchr(family + 1, MARK) : NULL;
    if (!last || !is_family(family + 1, (size_t)(last - family - 1)) || strlen(last + 1) != SECRET_MAC_SIZE - 1 ||
        strspn(last + 1, BASE64URL) != SECRET_MAC_SIZE - 1)
        return false;
    if (!str_format(session->user, sizeof session->user, "%.*s", (int)(family - token), token) || !users_name_valid(session->user))
        return false;
    if (secret)
        *secret = last + 1;
    return str_format(session->family, sizeof session->family, "%.*s", (int)(last - family - 1), family + 1);
}

bool sessions_alive(const struct spool *spool, const char *user, const char *family) {
    char path[PATH_SIZE];
    struct stat st;
    return path_of(user, family, path) && fsio_stat(spool->web_fd, path, &st, NULL) == RC_OK && S_ISREG(st.st_mode);
}

/* --- all files of a user, or of everybody ------------------------------------------------------------------------------ */

struct found {
    char path[PATH_SIZE];
    int64_t used_us; /* the file's time */
};

/* Calls fn with each session's file whose name begins with prefix. fn returns false to stop. */
static enum rc each(const struct spool *spool, const char *prefix, bool (*fn)(void *context, const struct found *found), void *context, struct err *err) {
    struct dirscan *scan;
    const char *name;
    unsigned char type;
    enum rc rc = dirscan_open(spool->web_fd, DIR, &scan, err);
    if (rc)
        return err_prefix(err, rc, "web");
    while ((rc = dirscan_next(scan, &name, &type, err)) == RC_OK) {
        struct found found;
        struct stat st;
        if (!str_starts(name, prefix) || !str_ends(name, ".json") || !str_format(found.path, sizeof found.path, DIR "/%s", name) ||
            fsio_stat(spool->web_fd, found.path, &st, NULL) != RC_OK)
            continue;
        found.used_us = clock_file_us(st.st_mtim);
        if (!fn(context, &found))
            break;
    }
    dirscan_close(scan);
    return rc == RC_GONE ? RC_OK : rc;
}

static bool prefix_of(const char *user, char out[PRINCIPAL_NAME_SIZE + 1]) {
    return users_name_valid(user) && str_format(out, PRINCIPAL_NAME_SIZE + 1, "%s%c", user, MARK);
}

struct removal {
    const struct spool *spool;
    int64_t before_us;   /* those that were used before it */
    char but[PATH_SIZE]; /* not this one */
    bool any;
};

static bool remove_one(void *context, const struct found *found) {
    struct removal *r = context;
    if (found->used_us < r->before_us && strcmp(found->path, r->but) != 0 && fsio_unlink(r->spool->web_fd, found->path, NULL) == RC_OK)
        r->any = true;
    return true;
}

static enum rc remove_all(struct removal *r, const char *prefix, struct err *err) {
    int lock;
    enum rc rc = webfile_lock(r->spool, &lock, err);
    if (rc)
        return rc;
    rc = each(r->spool, prefix, remove_one, r, err);
    if (!rc && r->any)
        rc = fsio_sync_dir(r->spool->web_fd, DIR, err);
    close(lock);
    return rc;
}

enum rc sessions_end_all(const struct spool *spool, const char *user, const char *but, struct err *err) {
    struct removal r = {.spool = spool, .before_us = INT64_MAX};
    char prefix[PRINCIPAL_NAME_SIZE + 1];
    if (!prefix_of(user, prefix))
        return RC_OK;
    if (but && !path_of(user, but, r.but))
        r.but[0] = '\0';
    return remove_all(&r, prefix, err);
}

enum rc sessions_prune(const struct spool *spool, int64_t now_s, struct err *err) {
    struct removal r = {.spool = spool, .before_us = (now_s - SESSIONS_IDLE_S) * SECOND_US};
    return remove_all(&r, "", err);
}

/* --- one session -------------------------------------------------------------------------------------------------------- */

static enum rc remove_session(const struct spool *spool, const char *path, struct err *err) {
    enum rc rc = fsio_unlink(spool->web_fd, path, err);
    return rc ? rc : fsio_sync_dir(spool->web_fd, DIR, err);
}

enum rc sessions_end(const struct spool *spool, const char *user, const char *family, struct err *err) {
    char path[PATH_SIZE];
    int lock;
    if (!path_of(user, family, path))
        return err_set(err, RC_GONE, "there is no such session");
    enum rc rc = webfile_lock(spool, &lock, err);
    if (rc)
        return rc;
    rc = remove_session(spool, path, err);
    close(lock);
    return rc;
}

static int64_t end_of(int64_t created_s, int64_t now_s) {
    return now_s + SESSIONS_IDLE_S < created_s + SESSIONS_LIFE_S ? now_s + SESSIONS_IDLE_S : created_s + SESSIONS_LIFE_S;
}

/* The file as it is after a use: previous "" at the beginning. */
static enum rc put(const struct spool *spool, const char *path, cJSON *root, const char *secret, const char *previous, int64_t now_s, int64_t expires_s,
                   struct err *err) {
    char sum[SECRET_SUM_SIZE];
    secret_sum(secret, strlen(secret), sum);
    enum rc rc = webfile_set_text(root, "previous", previous, err);
    rc = rc ? rc : webfile_set_text(root, "current", sum, err);
    rc = rc ? rc : webfile_set_time(root, "used_at", now_s * SECOND_US, err);
    rc = rc ? rc : webfile_set_time(root, "expires_at", expires_s * SECOND_US, err);
    return rc ? rc : webfile_write(spool, path, root, err);
}

struct oldest {
    struct found found;
    unsigned count;
};

static bool look_older(void *context, const struct found *found) {
    struct oldest *o = context;
    if (o->count++ == 0 || found->used_us < o->found.used_us)
        o->found = *found;
    return true;
}

/* Room for one more. */
static enum rc make_room(const struct spool *spool, const char *user, struct err *err) {
    char prefix[PRINCIPAL_NAME_SIZE + 1];
    struct oldest o;
    enum rc rc = RC_OK;
    if (!prefix_of(user, prefix))
        return err_set(err, RC_PERM, "that is no user's name");
    do {
        o = (struct oldest){.count = 0};
        rc = each(spool, prefix, look_older, &o, err);
        if (!rc && o.count >= SESSIONS_MOST)
            rc = fsio_unlink(spool->web_fd, o.found.path, err);
    } while (!rc && o.count > SESSIONS_MOST);
    return rc;
}

enum rc sessions_begin(const struct spool *spool, const struct user *user, int64_t now_s, struct session *session, char token[SESSIONS_TOKEN_SIZE],
                       struct err *err) {
    char secret[SECRET_MAC_SIZE], path[PATH_SIZE];
    int lock;
    *session = (struct session){.expires_s = end_of(now_s, now_s)};
    secret_random_id(session->family);
    secret_random(secret);
    if (!str_copy(session->user, sizeof session->user, user->name) || !path_of(user->name, session->family, path))
        return err_set(err, RC_PERM, "that is no user's name");
    cJSON *root = cJSON_CreateObject();
    enum rc rc = root && cJSON_AddNumberToObject(root, "version", 1) ? RC_OK : err_set(err, RC_TEMP, "out of memory");
    rc = rc ? rc : webfile_set_text(root, "epoch", user->epoch, err);
    rc = rc ? rc : webfile_set_time(root, "created_at", now_s * SECOND_US, err);
    rc = rc ? rc : webfile_lock(spool, &lock, err);
    if (!rc) {
        rc = make_room(spool, user->name, err);
        rc = rc ? rc : put(spool, path, root, secret, "", now_s, session->expires_s, err);
        close(lock);
    }
    cJSON_Delete(root);
    snprintf(token, SESSIONS_TOKEN_SIZE, "%s%c%s%c%s", session->user, MARK, session->family, MARK, secret);
    return rc;
}

/* --- use of a refresh token ------------------------------------------------------------------------------------------------ */

struct use {
    const struct spool *spool;
    const struct secret *secret;
    const char *token, *given; /* the whole of it; its last part */
    int64_t now_s;
    char path[PATH_SIZE];
    char current[SECRET_SUM_SIZE], previous[SECRET_SUM_SIZE];
    int64_t created_us, used_us, expires_us;
};

static enum rc over(const struct use *u, const char *why, struct err *err) {
    struct err ignored = {0};
    remove_session(u->spool, u->path, &ignored);
    return err_set(err, RC_PERM, "%s", why);
}

static bool take_file(struct use *u, const cJSON *root, char epoch[USERS_EPOCH_SIZE]) {
    return webfile_text(root, "epoch", epoch, USERS_EPOCH_SIZE) && webfile_text(root, "current", u->current, sizeof u->current) &&
           webfile_text(root, "previous", u->previous, sizeof u->previous) && webfile_time(root, "created_at", &u->created_us) &&
           webfile_time(root, "used_at", &u->used_us) && webfile_time(root, "expires_at", &u->expires_us);
}

/* The token is the current one, or was until a moment ago; its successor in next. */
static enum rc take_turn(struct use *u, cJSON *root, struct session *session, char next[SECRET_MAC_SIZE], bool *reused, struct err *err) {
    char sum[SECRET_SUM_SIZE], next_sum[SECRET_SUM_SIZE];
    secret_sum(u->given, strlen(u->given), sum);
    secret_mac(u->secret, "refresh", u->token, next);
    secret_sum(next, strlen(next), next_sum);
    session->expires_s = u->expires_us / SECOND_US;
    if (secret_same(sum, u->current)) {
        session->expires_s = end_of(u->created_us / SECOND_US, u->now_s);
        return put(u->spool, u->path, root, next, u->current, u->now_s, session->expires_s, err);
    }
    if (secret_same(sum, u->previous) && secret_same(next_sum, u->current) && u->now_s - u->used_us / SECOND_US <= SESSIONS_GRACE_S)
        return RC_OK;
    *reused = true;
    return over(u, "the refresh token was used before: its session has been ended", err);
}

static enum rc use_locked(struct use *u, struct session *session, struct user *user, char next[SECRET_MAC_SIZE], bool *reused, struct err *err) {
    char epoch[USERS_EPOCH_SIZE] = "";
    cJSON *root = NULL;
    enum rc rc = users_get(u->spool, session->user, user, err);
    if (rc && rc != RC_GONE)
        return rc;
    const bool enabled = !rc && !user->disabled;
    rc = webfile_read(u->spool, u->path, &root, NULL, err);
    if (rc && rc != RC_CORRUPT)
        return rc;
    if (rc || (cJSON_HasObjectItem(root, "current") && !take_file(u, root, epoch)))
        rc = over(u, "the session's file is damaged: it has been ended", err);
    else if (!cJSON_HasObjectItem(root, "current"))
        rc = err_set(err, RC_PERM, "the session is over");
    else if (!enabled || strcmp(user->epoch, epoch) != 0)
        rc = over(u, "the user was disabled, or has another password", err);
    else if (u->expires_us <= u->now_s * SECOND_US)
        rc = over(u, "the session has expired", err);
    else
        rc = take_turn(u, root, session, next, reused, err);
    cJSON_Delete(root);
    return rc;
}

enum rc sessions_rotate(const struct spool *spool, const struct secret *secret, const char *token, int64_t now_s, struct session *session, struct user *user,
                        char next[SESSIONS_TOKEN_SIZE], bool *reused, struct err *err) {
    struct use u = {.spool = spool, .secret = secret, .token = token, .now_s = now_s};
    char last[SECRET_MAC_SIZE];
    bool ignored = false;
    int lock;
    reused = reused ? reused : &ignored;
    *reused = false;
    if (!sessions_token_parse(token, session, &u.given) || !path_of(session->user, session->family, u.path))
        return err_set(err, RC_PERM, "that is no refresh token");
    enum rc rc = webfile_lock(spool, &lock, err);
    if (rc)
        return rc;
    rc = use_locked(&u, session, user, last, reused, err);
    close(lock);
    if (!rc)
        snprintf(next, SESSIONS_TOKEN_SIZE, "%s%c%s%c%s", session->user, MARK, session->family, MARK, last);
    return rc;
}
