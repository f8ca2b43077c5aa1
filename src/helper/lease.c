// SPDX-License-Identifier: Apache-2.0
#include "helper/lease.h"

#include "base/json.h"
#include "base/json_schema.h"
#include "base/str.h"
#include "helper/tool.h"
#include "os/fsio.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_MOST ((size_t)1024 * 1024)
#define VALUE_MOST ((size_t)64 * 1024 * 1024)
#define INSTALLED "/etc/batchspool/lease"
#define PROMPT_HEAD "# version "

/* In a checkout the programs are in build/, beside etc/. */
static const char *find_directory(const char *given, char room[TOOL_PATH_SIZE]) {
    const char *named = given ? given : getenv("BATCHSPOOL_LEASE");
    char program[TOOL_PATH_SIZE];
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    if (named)
        return named;
    program[length > 0 ? length : 0] = '\0';
    char *slash = strrchr(program, '/');
    if (slash && str_format(room, TOOL_PATH_SIZE, "%.*s/../etc/lease", (int)(slash - program), program) && access(room, R_OK) == 0)
        return room;
    return INSTALLED;
}

/* The last part of a name like "urn:batchspool:lease:commercial:1". */
static enum rc read_version(const struct lease *lease, char out[LEASE_VERSION_SIZE], const char *path, struct err *err) {
    const char *id = tool_text(lease->json, "$id", ""), *last = strrchr(id, ':');
    char wanted[128];
    if (!last || !str_copy(out, LEASE_VERSION_SIZE, last + 1) || !str_format(wanted, sizeof wanted, "urn:batchspool:lease:%s:%s", lease->name, out) ||
        strcmp(id, wanted) != 0)
        return err_set(err, RC_PERM, "%s: $id must be \"urn:batchspool:lease:%s:VERSION\"", path, lease->name);
    return RC_OK;
}

static enum rc read_schema(const char *directory, struct lease *lease, struct err *err) {
    char path[TOOL_PATH_SIZE];
    if (!str_format(path, sizeof path, "%s/%s.schema.json", directory, lease->name))
        return err_set(err, RC_PERM, "%s: the path is too long", directory);
    enum rc rc = fsio_read_file(AT_FDCWD, path, &lease->schema, err);
    if (rc == RC_GONE)
        return err_set(err, RC_PERM, "there is no schema \"%s\": %s is missing", lease->name, path);
    if (!rc)
        rc = json_check(buf_text(&lease->schema), lease->schema.length, &json_rules_config, err);
    if (!rc)
        rc = json_schema_check((struct slice){.data = buf_text(&lease->schema), .length = lease->schema.length}, err);
    if (rc)
        return err_prefix(err, rc, "%s", path);
    lease->json = cJSON_ParseWithLength(buf_text(&lease->schema), lease->schema.length);
    return lease->json ? read_version(lease, lease->schema_version, path, err) : err_set(err, RC_TEMP, "out of memory");
}

static enum rc read_prompt(const char *directory, struct lease *lease, struct err *err) {
    char path[TOOL_PATH_SIZE];
    if (!str_format(path, sizeof path, "%s/%s.prompt", directory, lease->name))
        return err_set(err, RC_PERM, "%s: the path is too long", directory);
    enum rc rc = fsio_read_file(AT_FDCWD, path, &lease->prompt, err);
    if (rc)
        return rc == RC_GONE ? RC_PERM : rc;
    const char *text = buf_text(&lease->prompt), *end = strchr(text, '\n');
    size_t head = strlen(PROMPT_HEAD);
    if (!end || strncmp(text, PROMPT_HEAD, head) != 0 ||
        !str_format(lease->prompt_version, LEASE_VERSION_SIZE, "%.*s", (int)(end - text - (ptrdiff_t)head), text + head) ||
        !str_is_utf8(text, lease->prompt.length))
        return err_set(err, RC_PERM, "%s: its first line must be \"" PROMPT_HEAD "N\", and it must be UTF-8", path);
    size_t rest = lease->prompt.length - (size_t)(end + 1 - text);
    memmove(lease->prompt.data, end + 1, rest + 1);
    lease->prompt.length = rest;
    return RC_OK;
}

enum rc lease_open(const char *given, const char *name, struct lease *lease, struct err *err) {
    char room[TOOL_PATH_SIZE];
    const char *directory = find_directory(given, room);
    *lease = (struct lease){.schema = BUF_INIT(FILE_MOST), .prompt = BUF_INIT(FILE_MOST)};
    if (!str_is_name(name) || !str_copy(lease->name, sizeof lease->name, name))
        return err_set(err, RC_PERM, "schema must be a name such as \"commercial\"");
    enum rc rc = read_schema(directory, lease, err);
    return rc ? rc : read_prompt(directory, lease, err);
}

void lease_release(struct lease *lease) {
    cJSON_Delete(lease->json);
    buf_release(&lease->schema);
    buf_release(&lease->prompt);
    *lease = (struct lease){.json = NULL};
}

enum rc lease_check(const struct lease *lease, const cJSON *value, struct err *err) {
    char *text = cJSON_PrintUnformatted(value);
    if (!text || strlen(text) > VALUE_MOST) {
        free(text);
        return err_set(err, RC_TEMP, "out of memory");
    }
    enum rc rc = json_schema_validate((struct slice){.data = buf_text(&lease->schema), .length = lease->schema.length}, slice_of(text), err);
    free(text);
    return rc ? err_prefix(err, RC_TEMP, "the model's answer is not as the schema %s wants it", lease->name) : RC_OK;
}

enum rc lease_date_order(const char *text, enum date_order *order, struct err *err) {
    *order = DATE_ORDER_NONE;
    if (!text || !*text)
        return RC_OK;
    if (strcmp(text, "dmy") != 0 && strcmp(text, "mdy") != 0)
        return err_set(err, RC_PERM, "date_order must be \"dmy\" (day first) or \"mdy\" (month first)");
    *order = *text == 'd' ? DATE_ORDER_DMY : DATE_ORDER_MDY;
    return RC_OK;
}
