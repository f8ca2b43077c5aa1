// SPDX-License-Identifier: Apache-2.0
#include "api/users.h"

#include "api/secret.h"
#include "base/clock.h"
#include "base/str.h"

#include <ctype.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define OPS crypto_pwhash_OPSLIMIT_INTERACTIVE
#define MEMORY crypto_pwhash_MEMLIMIT_INTERACTIVE
/* Nobody's, with the limits above (test_users sees to that): what a password is compared with when there is no such user. */
static const char NOBODYS_HASH[crypto_pwhash_STRBYTES] = "$argon2id$v=19$m=65536,t=2,p=1$QmF0Y2hzcG9vbCBub2JvZA$q0FhmyMaPHV6j9RLn2o0ylqDJsVWMwZQpnlu0d4yX5E";

#define MEMBER "users"

bool users_name_valid(const char *name) {
    static const char first[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_";
    const size_t length = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.@-");
    return length >= 1 && length < PRINCIPAL_NAME_SIZE && !name[length] && strchr(first, name[0]);
}

enum rc users_password_check(const char *name, const char *password, struct err *err) {
    const size_t length = strnlen(password, USERS_PASSWORD_MOST + 1);
    size_t characters = 0;
    if (length > USERS_PASSWORD_MOST)
        return err_set(err, RC_PERM, "the password is longer than %u bytes", USERS_PASSWORD_MOST);
    if (!str_is_utf8(password, length))
        return err_set(err, RC_PERM, "the password is not UTF-8");
    for (const char *at = password; *at; at++) {
        if ((unsigned char)*at < ' ' || *at == 0x7f)
            return err_set(err, RC_PERM, "the password has a control character in it");
        characters += ((unsigned char)*at & 0xc0u) != 0x80u;
    }
    if (characters < USERS_PASSWORD_LEAST)
        return err_set(err, RC_PERM, "the password has fewer than %u characters", USERS_PASSWORD_LEAST);
    return strcasecmp(name, password) == 0 ? err_set(err, RC_PERM, "the password is the user's name") : RC_OK;
}

/* --- one user in the document ---------------------------------------------------------------------------------------- */

/* False: the entry is not as it should be. */
static bool take_user(const cJSON *item, struct user *user) {
    char role[16];
    const cJSON *disabled = cJSON_GetObjectItemCaseSensitive(item, "disabled");
    *user = (struct user){.role = ROLE_NONE};
    if (!item->string || !users_name_valid(item->string) || !str_copy(user->name, sizeof user->name, item->string))
        return false;
    user->disabled = !cJSON_IsFalse(disabled);
    return cJSON_IsBool(disabled) && webfile_text(item, "role", role, sizeof role) && role_from_name(role, &user->role) &&
           webfile_text(item, "epoch", user->epoch, sizeof user->epoch) && *user->epoch && webfile_time(item, "created_at", &user->created_us) &&
           webfile_time(item, "updated_at", &user->updated_us);
}

cJSON *users_json(const struct user *user) {
    cJSON *json = cJSON_CreateObject();
    if (json && !webfile_set_text(json, "name", user->name, NULL) && !webfile_set_text(json, "role", role_name(user->role), NULL) &&
        cJSON_AddBoolToObject(json, "disabled", user->disabled) && !webfile_set_time(json, "created_at", user->created_us, NULL) &&
        !webfile_set_time(json, "updated_at", user->updated_us, NULL))
        return json;
    cJSON_Delete(json);
    return NULL;
}

/* --- the loop's memory ----------------------------------------------------------------------------------------------- */

struct users {
    const struct spool *spool;
    struct webfile_stamp stamp;
    bool read; /* stamp is of the file that list was made from */
    struct user *list;
    size_t count;
};

struct users *users_new(const struct spool *spool) {
    struct users *users = calloc(1, sizeof *users);
    if (users)
        users->spool = spool;
    return users;
}

void users_free(struct users *users) {
    if (users)
        free(users->list);
    free(users);
}

static int by_name(const void *a, const void *b) {
    return strcmp(((const struct user *)a)->name, ((const struct user *)b)->name);
}

/* A wrong entry makes the whole document wrong: silence about a user who cannot sign in helps nobody. */
static enum rc take_all(struct users *users, const cJSON *root, struct err *err) {
    const cJSON *entries = cJSON_GetObjectItemCaseSensitive(root, MEMBER), *item;
    const int count = cJSON_GetArraySize(entries);
    if (entries && !cJSON_IsObject(entries))
        return err_set(err, RC_CORRUPT, "web/" USERS_FILE ": \"" MEMBER "\" is no object");
    users->list = calloc((size_t)count + 1, sizeof *users->list);
    if (!users->list)
        return err_set(err, RC_TEMP, "out of memory");
    cJSON_ArrayForEach(item, entries) {
        if (!take_user(item, &users->list[users->count]))
            return err_set(err, RC_CORRUPT, "web/" USERS_FILE ": the entry of \"%.64s\" is damaged", item->string ? item->string : "");
        users->count++;
    }
    qsort(users->list, users->count, sizeof *users->list, by_name);
    return RC_OK;
}

enum rc users_refresh(struct users *users, struct err *err) {
    cJSON *root;
    if (users->read && webfile_fresh(users->spool, USERS_FILE, &users->stamp))
        return RC_OK;
    free(users->list);
    users->list = NULL;
    users->count = 0;
    enum rc rc = webfile_read(users->spool, USERS_FILE, &root, &users->stamp, err);
    if (!rc)
        rc = take_all(users, root, err);
    if (rc)
        users->count = 0;
    users->read = !rc;
    cJSON_Delete(root);
    return rc;
}

const struct user *users_find(const struct users *users, const char *name) {
    struct user key = {.role = ROLE_NONE};
    return users->count && str_copy(key.name, sizeof key.name, name) ? bsearch(&key, users->list, users->count, sizeof key, by_name) : NULL;
}

size_t users_count(const struct users *users) {
    return users->count;
}

const struct user *users_at(const struct users *users, size_t i) {
    return &users->list[i];
}

/* --- passwords ------------------------------------------------------------------------------------------------------- */

static enum rc hash_password(const char *password, char hash[crypto_pwhash_STRBYTES], struct err *err) {
    if (sodium_init() < 0 || crypto_pwhash_str_alg(hash, password, strlen(password), OPS, MEMORY, crypto_pwhash_ALG_ARGON2ID13) != 0)
        return err_set(err, RC_TEMP, "out of memory for the password's hash");
    return RC_OK;
}

enum rc users_verify(const struct spool *spool, const char *name, const char *password, struct user *user, struct err *err) {
    cJSON *root;
    char hash[crypto_pwhash_STRBYTES];
    enum rc rc = webfile_read(spool, USERS_FILE, &root, NULL, err);
    if (rc)
        return rc;
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(root, MEMBER), name);
    const bool known = item && take_user(item, user) && webfile_text(item, "hash", hash, sizeof hash);
    cJSON_Delete(root);
    if (sodium_init() < 0 || strnlen(password, USERS_PASSWORD_MOST + 1) > USERS_PASSWORD_MOST)
        return err_set(err, RC_PERM, "user name or password is wrong"); /* no name was looked at */
    const bool right = crypto_pwhash_str_verify(known ? hash : NOBODYS_HASH, password, strlen(password)) == 0;
    return known && right && !user->disabled ? RC_OK : err_set(err, RC_PERM, "user name or password is wrong");
}

enum rc users_get(const struct spool *spool, const char *name, struct user *user, struct err *err) {
    cJSON *root;
    enum rc rc = webfile_read(spool, USERS_FILE, &root, NULL, err);
    if (rc)
        return rc;
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(root, MEMBER), name);
    if (!item)
        rc = err_set(err, RC_GONE, "there is no user \"%.64s\"", name);
    else if (!take_user(item, user))
        rc = err_set(err, RC_CORRUPT, "web/" USERS_FILE ": the entry of \"%.64s\" is damaged", name);
    cJSON_Delete(root);
    return rc;
}

/* --- changes --------------------------------------------------------------------------------------------------------- */

enum act { ACT_ADD, ACT_PASSWORD, ACT_ROLE, ACT_DISABLED, ACT_REMOVE };

struct change {
    enum act act;
    const char *name;
    char hash[crypto_pwhash_STRBYTES];
    enum role role;
    bool disabled;
};

/* Whether somebody else could still administer. */
static bool other_admin(const cJSON *entries, const char *name) {
    const cJSON *item;
    struct user user;
    cJSON_ArrayForEach(item, entries) {
        if (take_user(item, &user) && user.role == ROLE_ADMIN && !user.disabled && strcmp(user.name, name) != 0)
            return true;
    }
    return false;
}

static bool loses_admin(const struct change *c, const cJSON *item) {
    struct user user;
    if (!take_user(item, &user) || user.role != ROLE_ADMIN || user.disabled)
        return false;
    return c->act == ACT_REMOVE || (c->act == ACT_DISABLED && c->disabled) || (c->act == ACT_ROLE && c->role != ROLE_ADMIN);
}

static enum rc new_epoch(cJSON *item, struct err *err) {
    char epoch[USERS_EPOCH_SIZE];
    secret_random_id(epoch);
    return webfile_set_text(item, "epoch", epoch, err);
}

static enum rc fill_new(const struct change *c, cJSON *item, struct err *err) {
    enum rc rc = webfile_set_text(item, "hash", c->hash, err);
    rc = rc ? rc : webfile_set_text(item, "role", role_name(c->role), err);
    rc = rc ? rc : webfile_set(item, "disabled", cJSON_CreateFalse(), err);
    rc = rc ? rc : new_epoch(item, err);
    return rc ? rc : webfile_set_time(item, "created_at", clock_wall_us(), err);
}

static enum rc edit_item(const struct change *c, cJSON *entries, cJSON *item, struct err *err) {
    enum rc rc = RC_OK;
    switch (c->act) {
    case ACT_ADD:
        rc = fill_new(c, item, err);
        break;
    case ACT_PASSWORD:
        rc = webfile_set_text(item, "hash", c->hash, err);
        rc = rc ? rc : new_epoch(item, err);
        break;
    case ACT_ROLE:
        rc = webfile_set_text(item, "role", role_name(c->role), err);
        break;
    case ACT_DISABLED:
        rc = webfile_set(item, "disabled", cJSON_CreateBool(c->disabled), err);
        rc = rc ? rc : new_epoch(item, err);
        break;
    case ACT_REMOVE:
        cJSON_DeleteItemFromObjectCaseSensitive(entries, c->name);
        return RC_OK;
    }
    return rc ? rc : webfile_set_time(item, "updated_at", clock_wall_us(), err);
}

static enum rc edit_users(void *context, cJSON *root, struct err *err) {
    const struct change *c = context;
    cJSON *entries = webfile_object(root, MEMBER);
    if (!entries)
        return err_set(err, RC_CORRUPT, "web/" USERS_FILE ": \"" MEMBER "\" is no object");
    cJSON *item = cJSON_GetObjectItemCaseSensitive(entries, c->name);
    if (c->act == ACT_ADD && item)
        return err_set(err, RC_AGAIN, "there is a user \"%.64s\" already", c->name);
    if (c->act == ACT_ADD && cJSON_GetArraySize(entries) >= (int)WEBFILE_MEMBERS)
        return err_set(err, RC_AGAIN, "there are %u users already", WEBFILE_MEMBERS);
    if (c->act == ACT_ADD)
        item = cJSON_AddObjectToObject(entries, c->name);
    if (!item)
        return c->act == ACT_ADD ? err_set(err, RC_TEMP, "out of memory") : err_set(err, RC_GONE, "there is no user \"%.64s\"", c->name);
    if (loses_admin(c, item) && !other_admin(entries, c->name))
        return err_set(err, RC_AGAIN, "\"%.64s\" is the last enabled admin: make another one first", c->name);
    return edit_item(c, entries, item, err);
}

static enum rc change(const struct spool *spool, struct change *c, struct err *err) {
    if (!users_name_valid(c->name))
        return c->act == ACT_ADD ? err_set(err, RC_PERM, "a user's name is 1 to 64 of A-Z a-z 0-9 _ . @ -, the first a letter, a digit or _")
                                 : err_set(err, RC_GONE, "there is no user \"%.64s\"", c->name);
    enum rc rc = sodium_init() < 0 ? err_set(err, RC_FATAL, "libsodium does not start") : webfile_change(spool, USERS_FILE, edit_users, c, err);
    sodium_memzero(c->hash, sizeof c->hash);
    return rc;
}

/* Hashed before the lock is taken. */
static enum rc change_with_password(const struct spool *spool, struct change *c, const char *password, struct err *err) {
    enum rc rc = users_password_check(c->name, password, err);
    rc = rc ? rc : hash_password(password, c->hash, err);
    return rc ? rc : change(spool, c, err);
}

enum rc users_add(const struct spool *spool, const char *name, const char *password, enum role role, struct err *err) {
    struct change c = {.act = ACT_ADD, .name = name, .role = role};
    return role == ROLE_NONE ? err_set(err, RC_PERM, "a role is viewer, operator or admin") : change_with_password(spool, &c, password, err);
}

enum rc users_set_password(const struct spool *spool, const char *name, const char *password, struct err *err) {
    struct change c = {.act = ACT_PASSWORD, .name = name};
    return change_with_password(spool, &c, password, err);
}

enum rc users_set_role(const struct spool *spool, const char *name, enum role role, struct err *err) {
    struct change c = {.act = ACT_ROLE, .name = name, .role = role};
    return role == ROLE_NONE ? err_set(err, RC_PERM, "a role is viewer, operator or admin") : change(spool, &c, err);
}

enum rc users_set_disabled(const struct spool *spool, const char *name, bool disabled, struct err *err) {
    struct change c = {.act = ACT_DISABLED, .name = name, .disabled = disabled};
    return change(spool, &c, err);
}

enum rc users_remove(const struct spool *spool, const char *name, struct err *err) {
    struct change c = {.act = ACT_REMOVE, .name = name};
    return change(spool, &c, err);
}
