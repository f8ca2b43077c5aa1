// SPDX-License-Identifier: Apache-2.0
#include "cmd/config.h"

#include "base/buf.h"
#include "base/json.h"
#include "base/limits.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SYSTEM_DIR "/etc/batchspool"
#define SYSTEM_FILE SYSTEM_DIR "/batchspool.json"
#define CHECKOUT_FILE "etc/batchspool.json"
#define SYSTEM_SPOOL "/var/spool/batchspool"

enum kind { KIND_PATH, KIND_WORD, KIND_COUNT, KIND_LEVEL, KIND_FORMAT, KIND_FLAG, KIND_CAPS, KIND_HTTPD, KIND_NOTICES, KIND_SETTINGS };

struct key {
    const char *name;
    enum kind kind;
    size_t offset, size;
    unsigned least, most;     /* KIND_COUNT */
    bool (*ok)(const char *); /* KIND_WORD */
    const char *allowed;      /* KIND_WORD: for the error */
};

static bool is_record_store(const char *text) {
    return strcmp(text, "lmdb") == 0;
}

#define AT(member) offsetof(struct config, member), sizeof(((struct config *)NULL)->member)

static const struct key keys[] = {
    {"spool", KIND_PATH, AT(spool), 0, 0, NULL, NULL},
    {"sources", KIND_PATH, AT(sources), 0, 0, NULL, NULL},
    {"source_settings", KIND_SETTINGS, AT(source_settings), 0, 0, NULL, NULL},
    {"credentials", KIND_PATH, AT(credentials), 0, 0, NULL, NULL},
    {"ca_file", KIND_PATH, AT(ca_file), 0, 0, NULL, NULL},
    {"record_store", KIND_WORD, AT(record_store), 0, 0, is_record_store, "\"lmdb\""},
    {"node", KIND_WORD, AT(node), 0, 0, str_is_name, "a name of letters, digits, _ and -, at most 64"},
    {"rescan_interval_s", KIND_COUNT, AT(rescan_interval_s), 1, 3600, NULL, NULL},
    {"max_concurrent_jobs", KIND_COUNT, AT(max_concurrent_jobs), 1, 1000, NULL, NULL},
    {"max_active", KIND_COUNT, AT(max_active), 1, 100000, NULL, NULL},
    {"helpers", KIND_PATH, AT(helpers), 0, 0, NULL, NULL},
    {"max_helpers", KIND_COUNT, AT(max_helpers), 0, 256, NULL, NULL},
    {"sync_threads", KIND_COUNT, AT(sync_threads), 1, 64, NULL, NULL},
    {"loaders", KIND_COUNT, AT(loaders), 1, 64, NULL, NULL},
    {"log_level", KIND_LEVEL, AT(log_level), 0, 0, NULL, NULL},
    {"log_format", KIND_FORMAT, AT(log_json), 0, 0, NULL, NULL},
    {"job_retention_days", KIND_COUNT, AT(job_retention_days), 0, 36500, NULL, NULL},
    {"priority_ageing_s", KIND_COUNT, AT(priority_ageing_s), 0, 86400, NULL, NULL},
    {"payload_retention_months", KIND_COUNT, AT(payload_retention_months), 0, 1200, NULL, NULL},
    {"archive", KIND_FLAG, AT(archive), 0, 0, NULL, NULL},
    {"sitemap_private_hosts", KIND_FLAG, AT(sitemap_private_hosts), 0, 0, NULL, NULL},
    {"daily_cost_caps", KIND_CAPS, AT(daily_cost_caps), 0, 0, NULL, NULL},
    {"stuck_after_s", KIND_COUNT, AT(stuck_after_s), 1, 31 * 86400, NULL, NULL},
    {"stuck_waiting_s", KIND_COUNT, AT(stuck_waiting_s), 1, 366 * 86400, NULL, NULL},
    {"httpd", KIND_HTTPD, AT(httpd), 0, 0, NULL, NULL},
    {"notices", KIND_NOTICES, AT(notices), 0, 0, NULL, NULL},
};

#define KEY_COUNT (sizeof keys / sizeof keys[0])

/* Where a value came from: for errors, and what its relative paths are relative to. */
struct origin {
    const char *where; /* the file, or "environment" */
    const char *name;  /* the key or the variable */
    const char *dir;
};

static enum rc wrong(const struct origin *from, struct err *err, const char *allowed) {
    return err_set(err, RC_FATAL, "%s: %s: must be %s", from->where, from->name, allowed);
}

static enum rc set_path(char *out, size_t size, const char *text, const struct origin *from, struct err *err) {
    bool fits = !*text                        ? str_copy(out, size, "")
                : *text == '/'                ? str_copy(out, size, text)
                : strcmp(from->dir, "/") == 0 ? str_format(out, size, "/%s", text)
                                              : str_format(out, size, "%s/%s", from->dir, text);
    return fits ? RC_OK : wrong(from, err, "a shorter path");
}

static bool take_cap(struct cost_cap *cap, const cJSON *value) {
    char *number = cJSON_IsNumber(value) ? cJSON_PrintUnformatted(value) : NULL;
    const char *text = number ? number : cJSON_IsString(value) ? value->valuestring : "";
    bool good = strlen(value->string) == 3 && strspn(value->string, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 3 &&
                str_copy(cap->currency, sizeof cap->currency, value->string) && dec_parse(slice_of(text), &cap->cap) && dec_compare(cap->cap, dec_zero()) >= 0;
    cJSON_free(number);
    return good;
}

/* {"USD": "1000"}: what all sources together may cost in a day. */
static enum rc set_caps(struct config *config, const cJSON *object, const struct origin *from, struct err *err) {
    unsigned count = 0;
    const cJSON *value;
    bool good = cJSON_IsObject(object);
    cJSON_ArrayForEach(value, object) {
        if (good)
            good = count < CONFIG_CAPS_MAX && take_cap(&config->daily_cost_caps[count++], value);
    }
    config->daily_cost_cap_count = good ? count : 0;
    return good ? RC_OK : wrong(from, err, "an object of at most 16 currencies and what may be spent in a day, such as {\"USD\": \"1000\"}");
}

static enum rc set_caps_text(struct config *config, const char *text, const struct origin *from, struct err *err) {
    cJSON *json = json_check(text, strlen(text), &json_rules_config, NULL) == RC_OK ? cJSON_Parse(text) : NULL;
    enum rc rc = set_caps(config, json, from, err);
    cJSON_Delete(json);
    return rc;
}

static enum rc set_httpd_text(struct config *config, const char *text, const struct origin *from, struct err *err) {
    char file[100];
    str_format(file, sizeof file, "%.20s: %.70s", from->where, from->name);
    return config_httpd_read(&config->httpd, file, text, strlen(text), NULL, from->dir, err);
}

static enum rc set_notices_text(struct config *config, const char *text, const struct origin *from, struct err *err) {
    char file[100];
    str_format(file, sizeof file, "%.20s: %.70s", from->where, from->name);
    return config_notices_read(&config->notices, file, text, strlen(text), NULL, from->dir, err);
}

static enum rc set_settings_text(struct config *config, const char *text, const struct origin *from, struct err *err) {
    char file[100];
    str_format(file, sizeof file, "%.20s: %.70s", from->where, from->name);
    return config_sources_read(config->source_settings, file, text, strlen(text), NULL, err);
}

static enum rc set_text(struct config *config, const struct key *key, const char *text, const struct origin *from, struct err *err) {
    char *at = (char *)config + key->offset;
    uint64_t count;
    char range[64];
    switch (key->kind) {
    case KIND_PATH:
        return set_path(at, key->size, text, from, err);
    case KIND_WORD:
        return key->ok(text) && str_copy(at, key->size, text) ? RC_OK : wrong(from, err, key->allowed);
    case KIND_COUNT:
        snprintf(range, sizeof range, "a whole number from %u to %u", key->least, key->most);
        if (!str_to_u64(text, key->least, key->most, &count))
            return wrong(from, err, range);
        *(unsigned *)(void *)at = (unsigned)count;
        return RC_OK;
    case KIND_LEVEL:
        return log_level_parse(text, &config->log_level) ? RC_OK : wrong(from, err, "\"debug\", \"info\", \"warn\" or \"error\"");
    case KIND_FORMAT:
        config->log_json = strcmp(text, "json") == 0;
        return config->log_json || strcmp(text, "text") == 0 ? RC_OK : wrong(from, err, "\"text\" or \"json\"");
    case KIND_FLAG:
        *(bool *)(void *)at = strcmp(text, "true") == 0;
        return *(bool *)(void *)at || strcmp(text, "false") == 0 ? RC_OK : wrong(from, err, "true or false");
    case KIND_CAPS:
        return set_caps_text(config, text, from, err);
    case KIND_HTTPD:
        return set_httpd_text(config, text, from, err);
    case KIND_NOTICES:
        return set_notices_text(config, text, from, err);
    case KIND_SETTINGS:
        return set_settings_text(config, text, from, err);
    }
    return wrong(from, err, "something else");
}

static enum rc set_value(struct config *config, const struct key *key, const cJSON *value, const struct origin *from, struct err *err) {
    if (key->kind == KIND_COUNT) {
        char digits[32];
        snprintf(digits, sizeof digits, "%.17g", cJSON_IsNumber(value) ? value->valuedouble : -1.0);
        return set_text(config, key, digits, from, err);
    }
    if (key->kind == KIND_FLAG)
        return set_text(config, key, cJSON_IsTrue(value) ? "true" : cJSON_IsFalse(value) ? "false" : "", from, err);
    if (key->kind == KIND_CAPS)
        return set_caps(config, value, from, err);
    return cJSON_IsString(value) ? set_text(config, key, value->valuestring, from, err) : wrong(from, err, "text");
}

static const struct key *find_key(const char *name) {
    for (size_t i = 0; i < KEY_COUNT; i++)
        if (strcmp(keys[i].name, name) == 0)
            return &keys[i];
    return NULL;
}

static enum rc unknown_key(const char *file, const char *name, struct err *err) {
    const char *names[KEY_COUNT];
    for (size_t i = 0; i < KEY_COUNT; i++)
        names[i] = keys[i].name;
    const char *near = str_nearest(name, names, KEY_COUNT);
    if (near)
        return err_set(err, RC_FATAL, "%s: unknown key \"%s\" (did you mean \"%s\"?)", file, name, near);
    return err_set(err, RC_FATAL, "%s: unknown key \"%s\"; batchspool.json(5) lists the keys", file, name);
}

/* The file, with the line and the column of a key's value. */
static const char *place_of(const struct config *config, const struct buf *text, const char *name, char *out, size_t size) {
    char pointer[80];
    struct slice value;
    unsigned line = 1, column = 1;
    if (!str_format(pointer, sizeof pointer, "/%s", name) || !json_find((struct slice){text->data, text->length}, pointer, &value))
        return config->file;
    for (const char *at = text->data; at < value.data; at++) {
        column = *at == '\n' ? 1 : column + 1;
        line += *at == '\n';
    }
    return str_format(out, size, "%s: line %u column %u", config->file, line, column) ? out : config->file;
}

static enum rc take_object(struct config *config, const cJSON *json, const struct buf *text, const char *dir, struct err *err) {
    char where[sizeof config->file + 64];
    if (!cJSON_IsObject(json))
        return err_set(err, RC_FATAL, "%s: must hold one JSON object", config->file);
    const cJSON *value;
    cJSON_ArrayForEach(value, json) {
        const struct key *key = find_key(value->string);
        const struct origin from = {place_of(config, text, value->string, where, sizeof where), key ? key->name : "", dir};
        if (!key)
            return unknown_key(from.where, value->string, err);
        enum rc rc = key->kind == KIND_SETTINGS  ? config_sources_read(config->source_settings, config->file, buf_text(text), text->length, key->name, err)
                     : key->kind == KIND_HTTPD   ? config_httpd_read(&config->httpd, config->file, buf_text(text), text->length, key->name, dir, err)
                     : key->kind == KIND_NOTICES ? config_notices_read(&config->notices, config->file, buf_text(text), text->length, key->name, dir, err)
                                                 : set_value(config, key, value, &from, err);
        if (rc)
            return rc;
    }
    return RC_OK;
}

/* Links are followed and pipes are read: the administrator chose the file. */
static enum rc read_text(const char *file, struct buf *text, struct err *err) {
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_sys(err, "%s", file);
    char bytes[4096];
    ssize_t got;
    enum rc rc = RC_OK;
    while (!rc && (got = read(fd, bytes, sizeof bytes)) != 0) {
        if (got < 0)
            rc = err_sys(err, "%s", file);
        else if (buf_add(text, bytes, (size_t)got) != RC_OK)
            rc = err_set(err, RC_PERM, "%s: is longer than %zu bytes", file, text->max);
    }
    close(fd);
    return rc;
}

static enum rc read_file(struct config *config, const char *dir, struct err *err) {
    struct buf text = BUF_INIT(LIMIT_JOB_FILE_BYTES);
    enum rc rc = read_text(config->file, &text, err);
    if (!rc && (rc = json_check(buf_text(&text), text.length, &json_rules_config_commented, err)) != RC_OK)
        err_prefix(err, rc, "%s", config->file);
    if (rc) {
        buf_release(&text);
        return RC_FATAL;
    }
    json_strip_comments(text.data, text.length);
    cJSON *json = cJSON_ParseWithLength(text.data, text.length);
    rc = json ? take_object(config, json, &text, dir, err) : err_set(err, RC_FATAL, "%s: out of memory", config->file);
    cJSON_Delete(json);
    buf_release(&text);
    return rc;
}

/* The environment says it, of this one daemon: so it holds over the definitions of sources too, which are meant for many. */
static void take_note(struct config *config, const char *key) {
    config->job_retention_hold = config->job_retention_hold || strcmp(key, "job_retention_days") == 0;
}

/* By names that people know from elsewhere; our own names hold over them. */
static enum rc take_known_names(struct config *config, const char *working_dir, struct err *err) {
    static const char *const names[][2] = {{"MAX_CONCURRENT_JOBS", "max_concurrent_jobs"}, {"JOB_RETENTION_DAYS", "job_retention_days"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *value = getenv(names[i][0]);
        const struct origin from = {"environment", names[i][0], working_dir};
        enum rc rc = value && *value ? set_text(config, find_key(names[i][1]), value, &from, err) : RC_OK;
        take_note(config, value && *value ? names[i][1] : "");
        if (rc)
            return rc;
    }
    return RC_OK;
}

static enum rc take_environment(struct config *config, const char *working_dir, struct err *err) {
    enum rc known = take_known_names(config, working_dir, err);
    if (known)
        return known;
    for (size_t i = 0; i < KEY_COUNT; i++) {
        char variable[64];
        str_format(variable, sizeof variable, "BATCHSPOOL_%s", keys[i].name);
        for (char *c = variable; *c; c++)
            *c = *c >= 'a' && *c <= 'z' ? (char)(*c - 'a' + 'A') : *c;
        const char *value = getenv(variable);
        if (!value)
            continue;
        const struct origin from = {"environment", variable, working_dir};
        enum rc rc = set_text(config, &keys[i], value, &from, err);
        take_note(config, keys[i].name);
        if (rc)
            return rc;
    }
    return RC_OK;
}

static void default_node(struct config *config) {
    if (gethostname(config->node, sizeof config->node) != 0 || !config->node[0])
        str_copy(config->node, sizeof config->node, "localhost");
    config->node[sizeof config->node - 1] = '\0';
    for (char *c = config->node; *c; c++) {
        const char one[2] = {*c, '\0'};
        *c = str_is_name(one) ? *c : '-';
    }
}

static void set_defaults(struct config *config) {
    memset(config, 0, sizeof *config);
    str_copy(config->record_store, sizeof config->record_store, "lmdb");
    default_node(config);
    config->rescan_interval_s = 10;
    config->max_concurrent_jobs = 8;
    config->max_active = 1000;
    config->sync_threads = 4;
    config->loaders = 1;
    config->priority_ageing_s = 60;
    config->log_level = LOG_LEVEL_INFO;
    config->job_retention_days = 90;
    config->payload_retention_months = 1;
    config->archive = true;
    config->stuck_after_s = 900;
    config->stuck_waiting_s = 21600;
    config_httpd_init(&config->httpd);
    notify_settings_init(&config->notices);
    const char *credentials = getenv("CREDENTIALS_DIRECTORY");
    if (credentials && *credentials == '/')
        str_copy(config->credentials, sizeof config->credentials, credentials);
}

/* Which file to read, and its directory; config->file stays "" when there is none. */
static enum rc choose_file(struct config *config, const char *file, const char *working_dir, char dir[PATH_MAX], struct err *err) {
    const char *named = file ? file : getenv("BATCHSPOOL_CONFIG");
    const char *chosen = named && *named ? named : access(CHECKOUT_FILE, F_OK) == 0 ? CHECKOUT_FILE : access(SYSTEM_FILE, F_OK) == 0 ? SYSTEM_FILE : "";
    const struct origin from = {"--config", chosen, working_dir};
    enum rc rc = set_path(config->file, sizeof config->file, chosen, &from, err);
    if (rc)
        return rc;
    str_copy(dir, PATH_MAX, *config->file ? config->file : SYSTEM_FILE);
    char *slash = strrchr(dir, '/');
    slash[slash == dir ? 1 : 0] = '\0';
    if (!str_format(config->sources, sizeof config->sources, "%s/sources", strcmp(dir, "/") == 0 ? "" : dir))
        return wrong(&from, err, "a shorter path");
    if (strcmp(chosen, CHECKOUT_FILE) == 0 && !(named && *named))
        return str_format(config->spool, sizeof config->spool, "%s/spool", working_dir) ? RC_OK : wrong(&from, err, "a shorter path");
    str_copy(config->spool, sizeof config->spool, SYSTEM_SPOOL);
    return RC_OK;
}

enum rc config_load(const char *file, const char *spool_override, struct config *config, struct err *err) {
    set_defaults(config);
    char working_dir[PATH_MAX], dir[PATH_MAX];
    if (!getcwd(working_dir, sizeof working_dir)) {
        err_sys(err, "working directory");
        return RC_FATAL;
    }
    enum rc rc = choose_file(config, file, working_dir, dir, err);
    if (!rc && *config->file)
        rc = read_file(config, dir, err);
    if (!rc)
        rc = take_environment(config, working_dir, err);
    char templates[PATH_MAX + 16];
    str_format(templates, sizeof templates, "%s/notices", strcmp(dir, "/") == 0 ? "" : dir);
    if (!rc)
        rc = config_notices_environment(&config->notices, templates, err);
    const struct origin from = {"--spool", "DIR", working_dir};
    if (!rc && spool_override)
        rc = set_path(config->spool, sizeof config->spool, spool_override, &from, err);
    if (!rc && !*config->spool)
        rc = err_set(err, RC_FATAL, "%s: spool: must name a directory", *config->file ? config->file : "configuration");
    return rc;
}

/* What holds from SIGHUP on. */
static const char *const live_keys[] = {
    "rescan_interval_s", "max_concurrent_jobs", "max_active",      "max_helpers",        "priority_ageing_s",        "daily_cost_caps",
    "log_level",         "log_format",          "source_settings", "job_retention_days", "payload_retention_months", "archive"};

static bool is_live(const struct key *key) {
    for (size_t i = 0; i < sizeof live_keys / sizeof *live_keys; i++)
        if (strcmp(key->name, live_keys[i]) == 0)
            return true;
    return false;
}

struct retention_limits config_retention(const struct config *config) {
    return (struct retention_limits){.job_days = config->job_retention_days,
                                     .job_days_hold = config->job_retention_hold,
                                     .payload_months = config->payload_retention_months,
                                     .archive = config->archive};
}

void config_adopt(struct config *config, const struct config *fresh, config_told *told, void *context) {
    for (size_t i = 0; i < KEY_COUNT; i++) {
        char *at = (char *)config + keys[i].offset;
        const char *from = (const char *)fresh + keys[i].offset;
        bool text = keys[i].kind == KIND_PATH || keys[i].kind == KIND_WORD;
        if (text ? strcmp(at, from) == 0 : memcmp(at, from, keys[i].size) == 0)
            continue;
        if (is_live(&keys[i]))
            memcpy(at, from, keys[i].size);
        if (keys[i].kind == KIND_CAPS)
            config->daily_cost_cap_count = fresh->daily_cost_cap_count;
        told(context, keys[i].name, is_live(&keys[i]));
    }
    config->job_retention_hold = fresh->job_retention_hold;
}
