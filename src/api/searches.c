// SPDX-License-Identifier: Apache-2.0
#include "api/searches.h"

#include "api/api.h"
#include "api/decode.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/limits.h"
#include "os/dirscan.h"
#include "os/fsio.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#define DIR_NAME "web/searches"
#define NAME_SIZE 256
#define NAME_MOST 64u
#define SEARCHES_MOST 5000     /* told */
#define SEARCHES_OF_OWNER 200u /* kept */

/* --- files -------------------------------------------------------------------------------------------------------------- */

static bool file_name(const char *owner, const char *name, char out[NAME_SIZE]) {
    struct buf text = BUF_INIT(NAME_SIZE - 8);
    enum rc rc = decode_escape(&text, owner);
    if (!rc)
        rc = buf_add_char(&text, '~');
    if (!rc)
        rc = decode_escape(&text, name);
    /* What decode_escape leaves alone has no slash, and the file no dot before it. */
    bool fits = !rc && *buf_text(&text) != '.' && str_format(out, NAME_SIZE, DIR_NAME "/%s.json", buf_text(&text));
    buf_release(&text);
    return fits;
}

static enum rc read_file(struct request *r, const char *path, cJSON **json, struct err *err) {
    struct buf text = BUF_INIT(LIMIT_JOB_FILE_BYTES);
    enum rc rc = fsio_read_file(r->api->spool->root_fd, path, &text, err);
    *json = rc ? NULL : cJSON_ParseWithLength(buf_text(&text), text.length);
    buf_release(&text);
    if (!rc && !cJSON_IsObject(*json)) {
        cJSON_Delete(*json);
        *json = NULL;
        rc = err_set(err, RC_CORRUPT, "%s: is no JSON object", path);
    }
    return rc;
}

static const char *text_of(const cJSON *json, const char *member) {
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, member));
    return text ? text : "";
}

typedef bool search_seen(void *context, const char *path, cJSON *json /* the callee's when it answers true */);

static enum rc each(struct request *r, search_seen *fn, void *context, struct err *err) {
    struct dirscan *scan;
    const char *name;
    unsigned char type;
    enum rc rc = dirscan_open(r->api->spool->root_fd, DIR_NAME, &scan, err);
    if (rc)
        return rc == RC_GONE ? RC_OK : rc;
    while ((rc = dirscan_next(scan, &name, &type, err)) == RC_OK) {
        char path[NAME_SIZE + 16];
        cJSON *json;
        if (type != DT_REG || !str_ends(name, ".json") || *name == '.' || !str_format(path, sizeof path, DIR_NAME "/%s", name))
            continue;
        if (read_file(r, path, &json, err) == RC_OK && !fn(context, path, json))
            cJSON_Delete(json);
    }
    dirscan_close(scan);
    return rc == RC_GONE ? RC_OK : rc;
}

static bool is_shared(const cJSON *json) {
    return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(json, "shared"));
}

/* --- looking ------------------------------------------------------------------------------------------------------------ */

struct listing {
    struct request *r;
    cJSON *list[SEARCHES_MOST];
    int count;
};

static bool add_search(void *context, const char *path, cJSON *json) {
    struct listing *l = context;
    const char *source = request_query(l->r, "source");
    (void)path;
    if (l->count == SEARCHES_MOST || (strcmp(text_of(json, "owner"), l->r->who.name) != 0 && !is_shared(json)) ||
        (source && strcmp(text_of(json, "source"), source) != 0))
        return false;
    l->list[l->count++] = json;
    return true;
}

static int by_name(const void *a, const void *b) {
    const cJSON *const *left = a, *const *right = b;
    int order = strcmp(text_of(*left, "name"), text_of(*right, "name"));
    return order ? order : strcmp(text_of(*left, "owner"), text_of(*right, "owner"));
}

void searches_list(struct request *r) {
    struct err err = {0};
    struct listing *l = calloc(1, sizeof *l);
    if (!l) {
        reply_later(r, 1, "out of memory");
        return;
    }
    l->r = r;
    enum rc rc = each(r, add_search, l, &err);
    qsort(l->list, (size_t)l->count, sizeof *l->list, by_name);
    cJSON *json = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(json, "searches");
    for (int i = 0; i < l->count; i++)
        cJSON_AddItemToArray(list, l->list[i]);
    free(l);
    if (rc) {
        cJSON_Delete(json);
        reply_rc(r, rc, &err);
    } else
        reply_json_cached(r, json);
}

struct finding {
    const char *name, *owner; /* owner: whose it may be without being shared */
    size_t own;               /* searches that are the owner's */
    char path[NAME_SIZE + 16];
    cJSON *json;
};

static bool is_it(void *context, const char *path, cJSON *json) {
    struct finding *f = context;
    const bool own = strcmp(text_of(json, "owner"), f->owner) == 0;
    f->own += own;
    if (strcmp(text_of(json, "name"), f->name) != 0 || (!own && (!is_shared(json) || f->json)))
        return false;
    cJSON_Delete(f->json);
    f->json = json;
    str_copy(f->path, sizeof f->path, path);
    return true;
}

/* The own one of that name, or one that is shared. False: the reply is set. */
static bool find(struct request *r, const char *name, struct finding *f) {
    struct err err = {0};
    *f = (struct finding){.name = name, .owner = r->who.name};
    enum rc rc = each(r, is_it, f, &err);
    if (!rc && f->json)
        return true;
    cJSON_Delete(f->json);
    f->json = NULL;
    if (rc)
        reply_rc(r, rc, &err);
    else
        reply_problem(r, 404, "there is no search \"%.80s\"", name);
    return false;
}

static void tag_of(const cJSON *json, char tag[32]) {
    char *text = cJSON_PrintUnformatted(json), sum[DIGEST_HEX_SIZE] = "";
    if (text)
        digest_of_hex(text, strlen(text), sum);
    cJSON_free(text);
    str_format(tag, 32, "\"%.24s\"", sum);
}

/* json is taken. */
static void reply_search(struct request *r, unsigned status, cJSON *json) {
    char tag[32];
    tag_of(json, tag);
    reply_json(r, status, json);
    reply_header(r, "ETag", "%s", tag);
}

void searches_get(struct request *r) {
    struct finding f;
    char tag[32];
    const char *known = request_header(r, "If-None-Match");
    if (!find(r, r->vars[0], &f))
        return;
    tag_of(f.json, tag);
    reply_search(r, 200, f.json);
    if (known && strstr(known, tag))
        reply_not_modified(r);
}

/* --- changing ----------------------------------------------------------------------------------------------------------- */

static bool check_body(struct request *r) {
    static const char *const known[] = {"name", "source", "shared", "job", NULL};
    const char *name, *source;
    const cJSON *shared = cJSON_GetObjectItemCaseSensitive(r->json, "shared");
    if (!request_members(r, known) || !request_text(r, "name", NAME_MOST, true, &name) || !request_text(r, "source", LIMIT_NAME_BYTES, true, &source))
        return false;
    if (!str_is_name(source))
        reply_invalid(r, "/source", "must be the name of a source");
    else if (shared && !cJSON_IsBool(shared))
        reply_invalid(r, "/shared", "must be true or false");
    else if (!cJSON_IsObject(cJSON_GetObjectItemCaseSensitive(r->json, "job")))
        reply_invalid(r, "/job", "must be the job, as it would be submitted");
    else
        return true;
    return false;
}

static void add_now(cJSON *json, const char *member) {
    char now[CLOCK_RFC3339_SIZE];
    clock_format_rfc3339(clock_wall_us(), 6, now);
    cJSON_DeleteItemFromObjectCaseSensitive(json, member);
    cJSON_AddStringToObject(json, member, now);
}

/* What the body says, of this owner; created_at of the one before. The caller frees. */
static cJSON *search_of(const struct request *r, const char *owner, const cJSON *before) {
    cJSON *json = cJSON_Duplicate(r->json, true);
    if (!cJSON_HasObjectItem(json, "shared"))
        cJSON_AddBoolToObject(json, "shared", false);
    cJSON_AddStringToObject(json, "owner", owner);
    if (before)
        cJSON_AddStringToObject(json, "created_at", text_of(before, "created_at"));
    else
        add_now(json, "created_at");
    add_now(json, "updated_at");
    return json;
}

static enum rc write_search(struct request *r, const char *path, const cJSON *json, struct err *err) {
    char tmp[NAME_SIZE + 16];
    char *text = cJSON_Print(json);
    if (!text)
        return err_set(err, RC_TEMP, "out of memory");
    str_format(tmp, sizeof tmp, "%s.tmp", path);
    enum rc rc = fsio_put_file(r->api->spool->root_fd, tmp, path, 0660, text, strlen(text), err);
    cJSON_free(text);
    return rc == RC_PERM ? RC_TEMP : rc;
}

/* Gone for good when it answers RC_OK; one that is gone already is as well. */
static enum rc remove_search(struct request *r, const char *path, struct err *err) {
    enum rc rc = fsio_unlink(r->api->spool->root_fd, path, err);
    return rc && rc != RC_GONE ? rc : fsio_sync_dir(r->api->spool->root_fd, DIR_NAME, err);
}

/* No room for it, or another search has the name: the own one, or a shared one. `but`: the one that is being renamed. */
static bool name_taken(struct request *r, const char *name, const char *but) {
    struct err err = {0};
    struct finding f = {.name = name, .owner = r->who.name};
    enum rc rc = each(r, is_it, &f, &err);
    bool taken = f.json && !(but && strcmp(f.path, but) == 0);
    cJSON_Delete(f.json);
    if (rc)
        reply_rc(r, rc, &err);
    else if (taken)
        reply_problem(r, 409, "there is a search \"%.80s\" already", name);
    else if (!but && f.own >= SEARCHES_OF_OWNER)
        reply_problem(r, 409, "you have %u searches already; delete one first", SEARCHES_OF_OWNER);
    else
        return false;
    return true;
}

void searches_create(struct request *r) {
    char path[NAME_SIZE];
    struct err err = {0};
    struct buf location = BUF_INIT(600);
    if (!check_body(r))
        return;
    const char *name = text_of(r->json, "name");
    if (!file_name(r->who.name, name, path)) {
        reply_invalid(r, "/name", "is too long");
        return;
    }
    if (name_taken(r, name, NULL))
        return;
    cJSON *json = search_of(r, r->who.name, NULL);
    enum rc rc = write_search(r, path, json, &err);
    if (rc) {
        cJSON_Delete(json);
        reply_rc(r, rc, &err);
        return;
    }
    reply_search(r, 201, json);
    if (buf_add_text(&location, "/api/searches/") == RC_OK && decode_escape(&location, name) == RC_OK)
        reply_header(r, "Location", "%s", buf_text(&location));
    buf_release(&location);
}

/* It is one's own, or an admin asks; and as the client saw it last. False: the reply is set. */
static bool may_change(struct request *r, const struct finding *f) {
    char tag[32];
    const char *match = request_header(r, "If-Match");
    tag_of(f->json, tag);
    if (strcmp(text_of(f->json, "owner"), r->who.name) != 0 && r->who.role != ROLE_ADMIN)
        reply_problem(r, 403, "the search belongs to %s", text_of(f->json, "owner"));
    else if (match && strcmp(match, "*") != 0 && !strstr(match, tag))
        reply_problem(r, 412, "the search was changed meanwhile; read it again");
    else
        return true;
    return false;
}

void searches_put(struct request *r) {
    struct finding f;
    char path[NAME_SIZE];
    struct err err = {0};
    if (!check_body(r) || !find(r, r->vars[0], &f))
        return;
    const char *name = text_of(r->json, "name");
    if (!may_change(r, &f) || (strcmp(name, f.name) != 0 && name_taken(r, name, f.path)))
        goto end;
    if (!file_name(text_of(f.json, "owner"), name, path)) {
        reply_invalid(r, "/name", "is too long");
        goto end;
    }
    cJSON *json = search_of(r, text_of(f.json, "owner"), f.json);
    enum rc rc = write_search(r, path, json, &err);
    if (!rc && strcmp(path, f.path) != 0)
        rc = remove_search(r, f.path, &err);
    if (rc) {
        cJSON_Delete(json);
        reply_rc(r, rc, &err);
    } else
        reply_search(r, 200, json);
end:
    cJSON_Delete(f.json);
}

void searches_delete(struct request *r) {
    struct finding f;
    struct err err = {0};
    if (!find(r, r->vars[0], &f))
        return;
    if (may_change(r, &f)) {
        enum rc rc = remove_search(r, f.path, &err);
        if (rc)
            reply_rc(r, rc, &err);
        else
            reply_empty(r, 204);
    }
    cJSON_Delete(f.json);
}
