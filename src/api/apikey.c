// SPDX-License-Identifier: Apache-2.0
#include "api/apikey.h"

#include "api/secret.h"
#include "base/clock.h"
#include "base/str.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define MEMBER "keys"
#define ID_LENGTH (PRINCIPAL_KEY_SIZE - 1)
#define SECOND_US INT64_C(1000000)
#define DAY_US (86400 * SECOND_US)
#define ENV_LEAST 16u
#define ENV_MOST 1024u
#define ENV_CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/=" /* what a field can bring (token68) */

/* --- texts ----------------------------------------------------------------------------------------------------------- */

bool apikey_id(const char *text, char id[PRINCIPAL_KEY_SIZE]) {
    const size_t prefix = strlen(APIKEY_PREFIX);
    if (strnlen(text, APIKEY_SIZE) != APIKEY_SIZE - 1 || !str_starts(text, APIKEY_PREFIX) || text[prefix + ID_LENGTH] != '_')
        return false;
    memcpy(id, text + prefix, ID_LENGTH);
    id[ID_LENGTH] = '\0';
    return strspn(id, "0123456789abcdef") == ID_LENGTH && strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") == APIKEY_SIZE - 1;
}

enum rc apikey_scopes(const char *const *names, size_t count, uint32_t *scopes, struct err *err) {
    const char *known[SCOPE_COUNT - 1];
    *scopes = 0;
    for (enum scope s = SCOPE_READ; s < SCOPE_COUNT; s++)
        known[s - SCOPE_READ] = scope_name(s);
    for (size_t i = 0; i < count; i++) {
        enum scope scope;
        if (!scope_from_name(names[i], &scope)) {
            const char *near = str_nearest(names[i], known, SCOPE_COUNT - 1);
            return err_set(err, RC_PERM, "there is no scope \"%.32s\"%s%s%s", names[i], near ? " (did you mean \"" : "", near ? near : "", near ? "\"?)" : "");
        }
        *scopes |= SCOPE_BIT(scope);
    }
    return *scopes ? RC_OK : err_set(err, RC_PERM, "a key needs a scope: read, submit, control, process, admin, metrics, cron");
}

static cJSON *scopes_json(uint32_t scopes) {
    cJSON *list = cJSON_CreateArray();
    for (enum scope s = SCOPE_READ; list && s < SCOPE_COUNT; s++)
        if (scopes & SCOPE_BIT(s))
            cJSON_AddItemToArray(list, cJSON_CreateString(scope_name(s)));
    return list;
}

static bool take_scopes(const cJSON *list, uint32_t *scopes) {
    const cJSON *item;
    *scopes = 0;
    cJSON_ArrayForEach(item, list) {
        enum scope scope;
        if (!cJSON_IsString(item) || !scope_from_name(item->valuestring, &scope))
            return false;
        *scopes |= SCOPE_BIT(scope);
    }
    return cJSON_IsArray(list);
}

/* What the file and people see alike. */
static enum rc put_members(cJSON *json, const struct apikey *key, struct err *err) {
    enum rc rc = webfile_set_text(json, "name", key->name, err);
    rc = rc ? rc : webfile_set_text(json, "owner", key->owner, err);
    rc = rc ? rc : webfile_set_text(json, "role", role_name(key->role), err);
    rc = rc ? rc : webfile_set(json, "scopes", scopes_json(key->scopes), err);
    rc = rc ? rc : webfile_set_time(json, "created_at", key->created_us, err);
    rc = rc ? rc : webfile_set_time(json, "expires_at", key->expires_us, err);
    return rc ? rc : webfile_set_time(json, "last_used_at", key->last_used_us, err);
}

cJSON *apikey_json(const struct apikey *key) {
    cJSON *json = cJSON_CreateObject();
    if (json && !webfile_set_text(json, "key_id", key->id, NULL) && !put_members(json, key, NULL))
        return json;
    cJSON_Delete(json);
    return NULL;
}

static bool take_key(const cJSON *item, struct apikey *key) {
    char role[16];
    *key = (struct apikey){.role = ROLE_NONE};
    return item->string && str_copy(key->id, sizeof key->id, item->string) && webfile_text(item, "name", key->name, sizeof key->name) &&
           webfile_text(item, "owner", key->owner, sizeof key->owner) && webfile_time(item, "owner_since", &key->owner_since_us) &&
           webfile_text(item, "sha256", key->sha256, sizeof key->sha256) && strlen(key->sha256) == sizeof key->sha256 - 1 &&
           webfile_text(item, "role", role, sizeof role) && role_from_name(role, &key->role) &&
           take_scopes(cJSON_GetObjectItemCaseSensitive(item, "scopes"), &key->scopes) && webfile_time(item, "created_at", &key->created_us) &&
           webfile_time(item, "expires_at", &key->expires_us) && key->expires_us && webfile_time(item, "last_used_at", &key->last_used_us);
}

/* --- the loop's memory ----------------------------------------------------------------------------------------------- */

struct apikeys {
    const struct spool *spool;
    struct webfile_stamp stamp;
    bool read;
    struct apikey *list;
    size_t count;
};

struct apikeys *apikeys_new(const struct spool *spool) {
    struct apikeys *keys = calloc(1, sizeof *keys);
    if (keys)
        keys->spool = spool;
    return keys;
}

void apikeys_free(struct apikeys *keys) {
    if (keys)
        free(keys->list);
    free(keys);
}

static int by_id(const void *a, const void *b) {
    return strcmp(((const struct apikey *)a)->id, ((const struct apikey *)b)->id);
}

static enum rc take_all(struct apikeys *keys, const cJSON *root, struct err *err) {
    const cJSON *entries = cJSON_GetObjectItemCaseSensitive(root, MEMBER), *item;
    if (entries && !cJSON_IsObject(entries))
        return err_set(err, RC_CORRUPT, "web/" APIKEY_FILE ": \"" MEMBER "\" is no object");
    keys->list = calloc((size_t)cJSON_GetArraySize(entries) + 1, sizeof *keys->list);
    if (!keys->list)
        return err_set(err, RC_TEMP, "out of memory");
    cJSON_ArrayForEach(item, entries) {
        if (!take_key(item, &keys->list[keys->count]))
            return err_set(err, RC_CORRUPT, "web/" APIKEY_FILE ": the entry of \"%.64s\" is damaged", item->string ? item->string : "");
        keys->count++;
    }
    qsort(keys->list, keys->count, sizeof *keys->list, by_id);
    return RC_OK;
}

enum rc apikeys_refresh(struct apikeys *keys, struct err *err) {
    cJSON *root;
    if (keys->read && webfile_fresh(keys->spool, APIKEY_FILE, &keys->stamp))
        return RC_OK;
    free(keys->list);
    keys->list = NULL;
    keys->count = 0;
    enum rc rc = webfile_read(keys->spool, APIKEY_FILE, &root, &keys->stamp, err);
    if (!rc)
        rc = take_all(keys, root, err);
    if (rc)
        keys->count = 0;
    keys->read = !rc;
    cJSON_Delete(root);
    return rc;
}

size_t apikeys_count(const struct apikeys *keys) {
    return keys->count;
}

const struct apikey *apikeys_at(const struct apikeys *keys, size_t i) {
    return &keys->list[i];
}

static struct apikey *find(const struct apikeys *keys, const char *id) {
    struct apikey key = {.role = ROLE_NONE};
    return keys->count && str_copy(key.id, sizeof key.id, id) ? bsearch(&key, keys->list, keys->count, sizeof key, by_id) : NULL;
}

const struct apikey *apikeys_find(const struct apikeys *keys, const char *id) {
    return find(keys, id);
}

bool apikey_principal(const struct apikey *key, const struct user *owner, struct principal *who) {
    *who = (struct principal){
        .kind = PRINCIPAL_KEY, .role = key->role < owner->role ? key->role : owner->role, .scopes = key->scopes, .expires_s = key->expires_us / SECOND_US};
    who->own_only = key->role == ROLE_OPERATOR || owner->role == ROLE_OPERATOR;
    str_copy(who->name, sizeof who->name, key->owner);
    str_copy(who->key_id, sizeof who->key_id, key->id);
    return !owner->disabled && owner->created_us == key->owner_since_us;
}

enum rc apikeys_check(struct apikeys *keys, const struct users *users, const char *text, int64_t now_s, struct principal *who, bool *write_use,
                      struct err *err) {
    char id[PRINCIPAL_KEY_SIZE], sum[SECRET_SUM_SIZE];
    struct apikey *key = apikey_id(text, id) ? find(keys, id) : NULL;
    const struct user *owner = key ? users_find(users, key->owner) : NULL;
    *write_use = false;
    secret_sum(text, strnlen(text, APIKEY_SIZE), sum);
    if (!key || !secret_same(sum, key->sha256) || key->expires_us <= now_s * SECOND_US || !owner || !apikey_principal(key, owner, who)) {
        *who = (struct principal){.kind = PRINCIPAL_NOBODY};
        return err_set(err, RC_PERM, "that key is not known, or its time is over");
    }
    *write_use = key->last_used_us + APIKEY_USED_S * SECOND_US <= now_s * SECOND_US;
    if (*write_use)
        key->last_used_us = now_s * SECOND_US; /* until the file says so, too */
    return RC_OK;
}

/* --- changes --------------------------------------------------------------------------------------------------------- */

static enum rc no_object(struct err *err) {
    return err_set(err, RC_CORRUPT, "web/" APIKEY_FILE ": \"" MEMBER "\" is no object");
}

static bool is_owners(const cJSON *item, const char *owner) {
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(item, "owner"));
    return text && strcmp(text, owner) == 0;
}

/* What is over goes at the next addition: nobody needs to see a key that expired a month ago. */
static unsigned count_and_prune(cJSON *entries, const char *owner, int64_t now_us) {
    unsigned count = 0;
    cJSON *next;
    for (cJSON *item = entries->child; item; item = next) {
        int64_t expires_us;
        next = item->next;
        if (webfile_time(item, "expires_at", &expires_us) && expires_us + 30 * DAY_US < now_us)
            cJSON_Delete(cJSON_DetachItemViaPointer(entries, item));
        else if (is_owners(item, owner))
            count++;
    }
    return count;
}

static enum rc edit_add(void *context, cJSON *root, struct err *err) {
    const struct apikey *key = context;
    cJSON *entries = webfile_object(root, MEMBER);
    if (!entries)
        return no_object(err);
    const unsigned count = count_and_prune(entries, key->owner, key->created_us);
    if (count >= APIKEY_MOST_OF_OWNER)
        return err_set(err, RC_AGAIN, "\"%s\" has %u keys already: remove one first", key->owner, count);
    if (cJSON_GetArraySize(entries) >= (int)WEBFILE_MEMBERS)
        return err_set(err, RC_AGAIN, "there are %u keys already", WEBFILE_MEMBERS);
    cJSON *item = cJSON_AddObjectToObject(entries, key->id);
    enum rc rc = item ? put_members(item, key, err) : err_set(err, RC_TEMP, "out of memory");
    rc = rc ? rc : webfile_set_time(item, "owner_since", key->owner_since_us, err);
    return rc ? rc : webfile_set_text(item, "sha256", key->sha256, err);
}

static enum rc check_wish(const struct apikey_wish *wish, const struct user *owner, struct err *err) {
    const uint32_t all = SCOPE_BIT(SCOPE_COUNT) - SCOPE_BIT(SCOPE_READ);
    const size_t length = strnlen(wish->name, APIKEY_NAME_SIZE);
    if (owner->disabled)
        return err_set(err, RC_PERM, "\"%s\" is disabled", owner->name);
    if (wish->role > owner->role)
        return err_set(err, RC_PERM, "the role %s is above %s, which \"%s\" has", role_name(wish->role), role_name(owner->role), owner->name);
    if (!wish->scopes || (wish->scopes & ~all))
        return err_set(err, RC_PERM, "a key needs a scope: read, submit, control, process, admin, metrics, cron");
    if ((wish->scopes & SCOPE_BIT(SCOPE_ADMIN)) && owner->role != ROLE_ADMIN)
        return err_set(err, RC_PERM, "the scope admin is for keys of admins");
    if (length == 0 || length >= APIKEY_NAME_SIZE || !str_is_utf8(wish->name, length))
        return err_set(err, RC_PERM, "a key's name is 1 to %d bytes of UTF-8", APIKEY_NAME_SIZE - 1);
    for (const char *at = wish->name; *at; at++)
        if ((unsigned char)*at < ' ' || *at == 0x7f)
            return err_set(err, RC_PERM, "the key's name has a control character in it");
    return wish->life_days > APIKEY_LIFE_MOST_DAYS ? err_set(err, RC_PERM, "a key lives for at most %u days", APIKEY_LIFE_MOST_DAYS) : RC_OK;
}

enum rc apikey_add(const struct spool *spool, const struct apikey_wish *wish, struct apikey *key, char text[APIKEY_SIZE], struct err *err) {
    struct user owner;
    char id[SECRET_ID_SIZE], secret[SECRET_MAC_SIZE];
    enum rc rc = users_get(spool, wish->owner, &owner, err);
    rc = rc ? rc : check_wish(wish, &owner, err);
    if (rc)
        return rc;
    const int64_t now_us = clock_wall_us();
    const unsigned days = wish->life_days ? wish->life_days : APIKEY_LIFE_DAYS;
    *key = (struct apikey){.role = wish->role ? wish->role : owner.role,
                           .scopes = wish->scopes,
                           .owner_since_us = owner.created_us,
                           .created_us = now_us,
                           .expires_us = now_us / SECOND_US * SECOND_US + (int64_t)days * DAY_US};
    if (sodium_init() < 0)
        return err_set(err, RC_FATAL, "libsodium does not start");
    secret_random_id(id);
    secret_random(secret);
    id[ID_LENGTH] = '\0';
    str_copy(key->id, sizeof key->id, id);
    str_copy(key->name, sizeof key->name, wish->name);
    str_copy(key->owner, sizeof key->owner, owner.name);
    str_format(text, APIKEY_SIZE, APIKEY_PREFIX "%s_%s", id, secret);
    secret_sum(text, strlen(text), key->sha256);
    sodium_memzero(secret, sizeof secret);
    return webfile_change(spool, APIKEY_FILE, edit_add, key, err);
}

struct removal {
    const char *id, *owner;
};

static enum rc edit_remove(void *context, cJSON *root, struct err *err) {
    const struct removal *r = context;
    cJSON *entries = webfile_object(root, MEMBER);
    if (!entries)
        return no_object(err);
    cJSON *item = cJSON_GetObjectItemCaseSensitive(entries, r->id);
    if (!item || (r->owner && !is_owners(item, r->owner)))
        return err_set(err, RC_GONE, "there is no key \"%.16s\"", r->id);
    cJSON_Delete(cJSON_DetachItemViaPointer(entries, item));
    return RC_OK;
}

enum rc apikey_remove(const struct spool *spool, const char *id, const char *owner, struct err *err) {
    struct removal r = {.id = id, .owner = owner};
    return webfile_change(spool, APIKEY_FILE, edit_remove, &r, err);
}

static enum rc edit_remove_all(void *context, cJSON *root, struct err *err) {
    const char *owner = context;
    cJSON *entries = webfile_object(root, MEMBER), *next;
    bool any = false;
    if (!entries)
        return no_object(err);
    for (cJSON *item = entries->child; item; item = next) {
        next = item->next;
        if (!is_owners(item, owner))
            continue;
        cJSON_Delete(cJSON_DetachItemViaPointer(entries, item));
        any = true;
    }
    return any ? RC_OK : RC_GONE;
}

enum rc apikey_remove_all(const struct spool *spool, const char *owner, struct err *err) {
    char name[PRINCIPAL_NAME_SIZE];
    if (!str_copy(name, sizeof name, owner))
        return RC_OK;
    enum rc rc = webfile_change(spool, APIKEY_FILE, edit_remove_all, name, err);
    return rc == RC_GONE ? RC_OK : rc;
}

struct key_use {
    const char *id;
    int64_t when_us;
};

static enum rc edit_used(void *context, cJSON *root, struct err *err) {
    const struct key_use *use = context;
    cJSON *item = cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(root, MEMBER), use->id);
    int64_t before_us;
    if (!item)
        return RC_GONE;
    return webfile_time(item, "last_used_at", &before_us) && before_us >= use->when_us ? RC_GONE : webfile_set_time(item, "last_used_at", use->when_us, err);
}

enum rc apikey_used(const struct spool *spool, const char *id, int64_t when_us, struct err *err) {
    struct key_use use = {.id = id, .when_us = when_us};
    enum rc rc = webfile_change(spool, APIKEY_FILE, edit_used, &use, err);
    return rc == RC_GONE ? RC_OK : rc;
}

/* --- the environment -------------------------------------------------------------------------------------------------- */

static enum rc take_env(const char *name, char sum[65], bool *has, struct err *err) {
    char *text = getenv(name);
    *has = text && *text;
    if (!*has)
        return RC_OK;
    const size_t length = strnlen(text, ENV_MOST + 1);
    if (length < ENV_LEAST || length > ENV_MOST || strspn(text, ENV_CHARACTERS) < length)
        return err_set(err, RC_FATAL, "%s: must have %u to %u characters of A-Z a-z 0-9 - . _ ~ + /, such as `openssl rand -hex 32` gives", name, ENV_LEAST,
                       ENV_MOST);
    secret_sum(text, length, sum);
    sodium_memzero(text, length); /* /proc/PID/environ has no more of it */
    unsetenv(name);
    return RC_OK;
}

enum rc apikey_env_take(struct apikey_env *env, struct err *err) {
    enum rc rc = take_env("BACKGROUND_PROCESSOR_API_KEY", env->processor, &env->has_processor, err);
    return rc ? rc : take_env("CRON_SECRET", env->cron, &env->has_cron, err);
}

bool apikey_env_check(const struct apikey_env *env, const char *text, enum scope scope, struct principal *who) {
    char sum[SECRET_SUM_SIZE];
    const bool cron = scope == SCOPE_CRON;
    if (!(cron ? env->has_cron : scope == SCOPE_PROCESS && env->has_processor))
        return false;
    secret_sum(text, strnlen(text, ENV_MOST + 1), sum);
    if (!secret_same(sum, cron ? env->cron : env->processor))
        return false;
    *who = (struct principal){.kind = PRINCIPAL_ENV, .role = ROLE_OPERATOR, .scopes = SCOPE_BIT(scope)};
    str_copy(who->name, sizeof who->name, cron ? "CRON_SECRET" : "BACKGROUND_PROCESSOR_API_KEY");
    return true;
}
