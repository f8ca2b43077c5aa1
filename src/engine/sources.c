// SPDX-License-Identifier: Apache-2.0
#include "engine/sources.h"

#include "base/limits.h"
#include "os/dirscan.h"
#include "os/fsio.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct entry {
    struct entry *next; /* the newest definition of a name comes first; older ones stay for jobs that run with them */
    struct source *source;
};

struct sources {
    char *dir;
    cJSON *settings; /* NULL: none */
    struct entry *entries;
};

static bool has_settings(const char *settings) {
    return settings && *settings;
}

enum rc sources_new(const char *dir, const char *settings, struct sources **sources, struct err *err) {
    struct sources *s = calloc(1, sizeof *s);
    if (s)
        s->dir = strdup(dir);
    if (s && s->dir && has_settings(settings))
        s->settings = cJSON_Parse(settings);
    if (!s || !s->dir || (has_settings(settings) && !s->settings)) {
        sources_free(s);
        return err_set(err, RC_TEMP, "out of memory");
    }
    *sources = s;
    return RC_OK;
}

void sources_free(struct sources *sources) {
    if (!sources)
        return;
    for (struct entry *e = sources->entries; e;) {
        struct entry *next = e->next;
        source_free(e->source);
        free(e);
        e = next;
    }
    cJSON_Delete(sources->settings);
    free(sources->dir);
    free(sources);
}

struct names {
    char **list;
    size_t count, capacity;
};

static void names_release(struct names *names) {
    for (size_t i = 0; i < names->count; i++)
        free(names->list[i]);
    free(names->list);
}

static bool names_add(struct names *names, const char *name, size_t length) {
    if (names->count == names->capacity) {
        size_t capacity = names->capacity ? names->capacity * 2 : 16;
        char **list = realloc(names->list, capacity * sizeof *list);
        if (!list)
            return false;
        names->list = list;
        names->capacity = capacity;
    }
    names->list[names->count] = strndup(name, length);
    return names->list[names->count] && ++names->count;
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static enum rc read_names(const struct sources *sources, struct names *names, struct err *err) {
    struct dirscan *scan;
    enum rc rc = dirscan_open(AT_FDCWD, sources->dir, &scan, err);
    if (rc)
        return rc;
    const char *name;
    unsigned char type;
    while ((rc = dirscan_next(scan, &name, &type, err)) == RC_OK) {
        if (type != DT_REG || name[0] == '.' || !str_ends(name, ".json") || str_ends(name, ".builder.json"))
            continue; /* NAME.builder.json is the dashboard's (docs/BUILDER.md) */
        if (!names_add(names, name, strlen(name) - 5)) {
            rc = err_set(err, RC_TEMP, "out of memory");
            break;
        }
    }
    dirscan_close(scan);
    if (rc != RC_GONE)
        return rc;
    if (names->count)
        qsort(names->list, names->count, sizeof *names->list, by_text);
    return RC_OK;
}

enum rc sources_list(struct sources *sources, bool (*fn)(void *context, const char *name), void *context, struct err *err) {
    struct names names = {0};
    enum rc rc = read_names(sources, &names, err);
    for (size_t i = 0; !rc && i < names.count; i++)
        if (!fn(context, names.list[i]))
            break;
    names_release(&names);
    return rc;
}

static enum rc not_found(const struct sources *sources, const char *name, struct err *err) {
    struct names names = {0};
    struct err ignored = {0};
    const char *near = NULL;
    if (read_names(sources, &names, &ignored) == RC_OK)
        near = str_nearest(name, (const char *const *)names.list, names.count);
    if (near)
        err_set(err, RC_GONE, "there is no source \"%s\" in %s (did you mean \"%s\"?)", name, sources->dir, near);
    else
        err_set(err, RC_GONE, "there is no source \"%s\" in %s; `batchspool sources` lists those that there are", name, sources->dir);
    names_release(&names);
    return RC_GONE;
}

const cJSON *sources_settings(const struct sources *sources, const char *name) {
    return cJSON_GetObjectItemCaseSensitive(sources->settings, name);
}

void sources_unknown_settings(const struct sources *sources, bool (*fn)(void *context, const char *name), void *context) {
    char path[4200];
    const cJSON *one;
    cJSON_ArrayForEach(one, sources->settings) {
        snprintf(path, sizeof path, "%s/%s.json", sources->dir, one->string);
        if (access(path, F_OK) != 0 && !fn(context, one->string))
            return;
    }
}

static enum rc read_source(const struct sources *sources, const char *name, struct source **source, struct err *err) {
    if (!str_is_name(name))
        return err_set(err, RC_GONE, "\"%s\" is no source name: letters, digits, _ and -, at most 64", name);
    char file[80];
    str_format(file, sizeof file, "%s.json", name);
    int dir;
    enum rc rc = fsio_open_dir(AT_FDCWD, sources->dir, &dir, err);
    if (rc)
        return err_prefix(err, rc, "sources directory");
    struct buf text = BUF_INIT(LIMIT_JOB_FILE_BYTES);
    rc = fsio_read_file(dir, file, &text, err);
    close(dir);
    if (rc == RC_GONE)
        rc = not_found(sources, name, err);
    else if (!rc) {
        char shown[4200];
        snprintf(shown, sizeof shown, "%s/%s", sources->dir, file);
        rc = source_parse_with(shown, buf_text(&text), text.length, sources_settings(sources, name), source, err);
    }
    buf_release(&text);
    return rc;
}

static enum rc add_entry(struct sources *sources, struct source *source, struct err *err) {
    struct entry *e = calloc(1, sizeof *e);
    if (!e) {
        source_free(source);
        return err_set(err, RC_TEMP, "out of memory");
    }
    e->source = source;
    e->next = sources->entries;
    sources->entries = e;
    return RC_OK;
}

enum rc sources_get(struct sources *sources, const char *name, const struct source **source, struct err *err) {
    for (struct entry *e = sources->entries; e; e = e->next) {
        if (strcmp(e->source->name, name) == 0) {
            *source = e->source;
            return RC_OK;
        }
    }
    struct source *found = NULL;
    enum rc rc = read_source(sources, name, &found, err);
    if (!rc)
        rc = add_entry(sources, found, err);
    if (!rc)
        *source = found;
    return rc;
}

void sources_reload(struct sources *sources, const char *settings, void (*fn)(void *context, const char *name, const struct err *err), void *context) {
    cJSON *fresh = has_settings(settings) ? cJSON_Parse(settings) : NULL;
    if (fresh || !has_settings(settings)) {
        cJSON_Delete(sources->settings);
        sources->settings = fresh;
    }
    struct entry *before = sources->entries;
    for (struct entry *e = before; e; e = e->next) {
        bool newest = true;
        for (struct entry *o = before; o != e; o = o->next)
            newest = newest && strcmp(o->source->name, e->source->name) != 0;
        if (!newest)
            continue;
        struct err err = {0};
        struct source *found = NULL;
        enum rc rc = read_source(sources, e->source->name, &found, &err);
        if (!rc)
            rc = add_entry(sources, found, &err);
        if (rc)
            fn(context, e->source->name, &err);
    }
}

/* Secrets that people have in their environment under a name of its own already. */
static const struct { const char *name, *variable; } known_secrets[] = {{"openai_api_key", "OPENAI_API_KEY"}, {"resend_api_key", "RESEND_API_KEY"}};

enum rc sources_secret(const char *credentials_dir, const char *name, struct buf *out, struct err *err) {
    buf_reset(out);
    if (!str_is_name(name))
        return err_set(err, RC_PERM, "\"%s\" is no secret name: letters, digits, _ and -, at most 64", name);
    if (credentials_dir && *credentials_dir) {
        int dir;
        enum rc rc = fsio_open_dir(AT_FDCWD, credentials_dir, &dir, err);
        if (rc)
            return err_prefix(err, rc, "credentials directory");
        rc = fsio_read_file(dir, name, out, err);
        close(dir);
        if (rc != RC_GONE) {
            if (!rc && out->length && out->data[out->length - 1] == '\n')
                out->data[--out->length] = '\0';
            return rc;
        }
    }
    char variable[96];
    str_format(variable, sizeof variable, "BATCHSPOOL_SECRET_%s", name);
    for (char *c = variable; *c; c++)
        *c = *c == '-' ? '_' : *c;
    const char *value = getenv(variable);
    if (!value) { /* the form with upper-case letters, as people write environment variables */
        for (char *c = variable; *c; c++)
            *c = (*c >= 'a' && *c <= 'z') ? (char)(*c - 'a' + 'A') : *c;
        value = getenv(variable);
    }
    for (size_t i = 0; !value && i < sizeof known_secrets / sizeof known_secrets[0]; i++)
        if (strcmp(known_secrets[i].name, name) == 0)
            value = getenv(known_secrets[i].variable);
    if (!value)
        return err_set(err, RC_GONE, "secret \"%s\" is neither a file in the credentials directory%s%s nor BATCHSPOOL_SECRET_%s in the environment", name,
                       credentials_dir && *credentials_dir ? " " : "", credentials_dir ? credentials_dir : "", name);
    return buf_add_text(out, value);
}
