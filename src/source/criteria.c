// SPDX-License-Identifier: Apache-2.0
#include "source/criteria.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "source/paginator.h"
#include "source/source_parts.h"
#include "source/units.h"
#include "source/url_member.h"
#include "spool/document.h"
#include "spool/notice_target.h"

#define MOST_COUNT 9007199254740991u /* what a JSON number carries exactly */
#define MOST_ADDRESSES 32u
#define MOST_DOCUMENTS 1000u
#define MOST_TEXT_BYTES (8 * (size_t)LIMIT_JOB_FILE_BYTES) /* of a job printed again */
#define DUPLICATE_WINDOW_MS (INT64_C(30) * 24 * 3600 * 1000)

static const char *const modes[] = {"run", "preview", "probe", "results", "cleanup", "source", NULL};

static unsigned mode_of(struct check *check, const cJSON *root) {
    unsigned mode = 0;

    check_choice(check, root, "mode", modes, &mode);
    return mode;
}

/* What asks the daemon for something else than pages has members of its own, which what answers it checks. */
static bool has_pages(const char *mode) {
    return strcmp(mode, "run") == 0 || strcmp(mode, "preview") == 0 || strcmp(mode, "probe") == 0;
}

/* --- which source -------------------------------------------------------------------------------------------------- */

static void read_source(struct check *check, char source[65], char mode[16]) {
    enum errand_kind kind;

    source[0] = '\0';
    mode[0] = '\0';
    if (check->rc == RC_OK && !cJSON_IsObject(check->root)) {
        (void)check_fail(check, NULL, "must be an object");
    }
    check_name(check, check->root, "source", source);
    (void)str_copy(mode, 16, modes[mode_of(check, check->root)]);
    if (check->rc == RC_OK && source[0] == '\0' && !errand_mode(mode, &kind)) {
        static const char *const name[] = {"source"};
        const cJSON *member;

        cJSON_ArrayForEach(member, check->root) {
            if (str_nearest(member->string, name, 1) != NULL) {
                (void)check_fail(check, member->string, "unknown member \"%.64s\"; did you mean \"source\"?", member->string);
            }
        }
        (void)check_lacks(check, "source", "needs a source, the name of a definition in sources/");
    }
}

enum rc criteria_source(const char *file, const char *text, size_t length, char source[65], char mode[16], struct err *err) {
    return criteria_source_at(file, text, length, source, mode, NULL, err);
}

enum rc criteria_source_at(const char *file, const char *text, size_t length, char source[65], char mode[16], struct check_fault *fault, struct err *err) {
    struct check check;
    enum rc rc = check_open(&check, file, text, length, &json_rules_config, err);

    source[0] = '\0';
    mode[0] = '\0';
    check.fault = fault;
    if (rc == RC_OK) {
        read_source(&check, source, mode);
        rc = check.rc;
    }
    check_release(&check);
    return rc;
}

/* --- members ------------------------------------------------------------------------------------------------------- */

static bool is_label(const char *text) {
    for (const unsigned char *at = (const unsigned char *)text; *at != '\0'; at++) {
        if (*at < ' ' || *at == 0x7f) {
            return false;
        }
    }
    return true;
}

static void read_label(struct check *check, const cJSON *root, const char *name, char *out, size_t size) {
    const cJSON *item = check_string(check, root, name, size - 1);

    if (item == NULL) {
        return;
    }
    if (!is_label(item->valuestring)) {
        (void)check_fail(check, name, "has a control character");
        return;
    }
    (void)str_copy(out, size, item->valuestring);
}

static void read_notify(struct check *check, const cJSON *root) {
    const cJSON *list = check_array(check, root, "notify", 0, MOST_ADDRESSES), *item;
    size_t mark = check_enter(check, "notify", 0);
    unsigned index = 0;

    cJSON_ArrayForEach(item, list) {
        size_t inner = check_enter(check, NULL, index++);
        const char *text = cJSON_GetStringValue(item);

        if (text == NULL || !notice_target_valid(text)) {
            (void)check_fail(check, NULL, "must be " NOTICE_TARGET_RULE);
        }
        check_leave(check, inner);
    }
    check_leave(check, mark);
}

static void read_common(struct check *check, const cJSON *root, struct criteria *c) {
    static const char *const priorities[] = {"low", "normal", "high", "urgent", NULL}; /* as enum priority */
    const cJSON *when;
    unsigned choice = PRIORITY_NORMAL;

    check_name(check, root, "source", c->source);
    (void)str_copy(c->mode, sizeof(c->mode), modes[mode_of(check, root)]);
    read_label(check, root, "name", c->name, sizeof(c->name));
    read_label(check, root, "created_by", c->created_by, sizeof(c->created_by));
    check_name(check, root, "campaign_id", c->campaign_id);
    check_choice(check, root, "priority", priorities, &choice);
    c->priority = (enum priority)choice;
    when = check_string(check, root, "not_before", 64);
    if (when != NULL && !clock_parse_rfc3339(when->valuestring, &c->not_before_us)) {
        (void)check_fail(check, "not_before", "must be a time such as \"2026-11-24T06:00:00Z\" (RFC 3339)");
    }
    read_notify(check, root);
}

static void read_amounts(struct check *check, const cJSON *root, const struct source *source, struct criteria *c) {
    const struct paginator_row *row = paginator_row(source->paginator_type);
    uint64_t most = source->max_limit > 0 ? source->max_limit : MOST_COUNT;

    check_u64(check, root, "max_records", 1, MOST_COUNT, &c->max_records);
    check_u64(check, root, "take", 1, MOST_COUNT, &c->take);
    check_money(check, root, "max_cost", &c->max_cost, &c->has_max_cost);
    if (source->limit > 0) {
        check_u64(check, root, "batch_size", 1, most, &c->batch_size);
    } else if (cJSON_GetObjectItemCaseSensitive(root, "batch_size") != NULL) {
        (void)check_fail(check, "batch_size", "the source %s has no page size", source->name);
    }
    if (check->rc == RC_OK && c->take != JOB_UNKNOWN && source->metered && !paginator_trims(source)) {
        (void)check_fail(check, "take", "the paginator %s cannot ask for less than a page, and %s charges for each record", row->type, source->name);
    }
}

static void read_choices(struct check *check, const cJSON *root, const struct source *source, struct criteria *c) {
    static const char *const processes[] = {"manual", "auto", NULL};
    static const char *const duplicates[] = {"reject", "reuse", "run", NULL}; /* as enum on_duplicate */
    /* Of an incremental source each run of the same search gives what is new. */
    unsigned process = source->automatic, duplicate = source->metered && source->incremental == NULL ? ON_DUPLICATE_REJECT : ON_DUPLICATE_RUN;

    if (source->on_duplicate >= 0) {
        duplicate = (unsigned)source->on_duplicate;
    }

    check_choice(check, root, "process", processes, &process);
    c->automatic = process == 1;
    check_choice(check, root, "on_duplicate", duplicates, &duplicate);
    c->on_duplicate = (enum on_duplicate)duplicate;
    check_duration(check, root, "duplicate_window", 0, &c->duplicate_window_ms);
    if (source->lists_ids) {
        check_duration(check, root, "refresh_older_than", 0, &c->refresh_older_than_ms);
    } else if (cJSON_GetObjectItemCaseSensitive(root, "refresh_older_than") != NULL) {
        (void)check_fail(check, "refresh_older_than", "the source %s does not list ids for free (metering.free_fields): what is owned cannot be left out",
                         source->name);
    }
    c->cache = true;
    check_flag(check, root, "cache", &c->cache);
    if (duplicate == ON_DUPLICATE_RUN && cJSON_GetObjectItemCaseSensitive(root, "on_duplicate") != NULL) {
        c->cache = false;
    }
}

/* The source's own members: checked, and its defaults put in. */
static void read_own(struct check *check, cJSON *root, const struct source *source) {
    for (unsigned i = 0; i < source->member_count && check->rc == RC_OK; i++) {
        const struct source_member *member = &source->members[i];
        cJSON *value = cJSON_GetObjectItemCaseSensitive(root, member->name);

        if (value != NULL) {
            source_member_check(check, member, member->name, value);
        } else if (member->initial != NULL) {
            cJSON *copy = cJSON_Duplicate(member->initial, true);

            if (copy == NULL || !cJSON_AddItemToObject(root, member->name, copy)) {
                cJSON_Delete(copy);
                (void)check_no_memory(check);
            }
        } else if (member->required) {
            (void)check_lacks(check, member->name, "the source %s needs the member \"%s\"", source->name, member->name);
        }
        if (check->rc == RC_OK && strcmp(member->type, "urls") == 0 && (value = cJSON_GetObjectItemCaseSensitive(root, member->name)) != NULL) {
            url_member_read(check, member, value);
        }
    }
}

/* Documents of one group are one thing: a job of them alone that has no name is called like it, where that can be a name. */
static void name_by_group(const cJSON *documents, struct criteria *c) {
    const char *group = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(documents->child, "group"));
    const cJSON *item;

    cJSON_ArrayForEach(item, documents) {
        const char *own = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(item, "group"));

        if (group == NULL || own == NULL || strcmp(own, group) != 0) {
            return;
        }
    }
    if (c->name[0] == '\0' && is_label(group) && strlen(group) < sizeof(c->name)) {
        (void)str_copy(c->name, sizeof(c->name), group);
    }
}

/* Units that are no pages: there must be some. */
static void read_units(struct check *check, const cJSON *root, const struct source *source, struct criteria *c) {
    const cJSON *documents = cJSON_GetObjectItemCaseSensitive(root, "documents");
    struct units *units;
    struct err err = {0};
    enum rc rc;

    if (source->documents && check->rc == RC_OK) {
        if (document_check_list(documents, MOST_DOCUMENTS, &err) != RC_OK) {
            (void)check_fail(check, "documents", "%s", err.text);
        } else {
            name_by_group(documents, c);
        }
    }
    if (source->list_count == 0 || check->rc != RC_OK) {
        return;
    }
    rc = units_new(source, root, c->take, &units, &err);
    c->unit_count = units != NULL ? units->count : 0;
    units_free(units);
    if (rc != RC_OK) {
        (void)(rc == RC_TEMP ? check_no_memory(check) : check_fail(check, NULL, "%s", err.text));
    }
}

struct needed {
    struct check *check;
    const cJSON *root;
    const char *source;
};

static enum rc needed_seen(void *context, const struct template_reference *reference) {
    const struct needed *needed = context;

    if (reference->kind != TEMPLATE_JOB || cJSON_GetObjectItemCaseSensitive(needed->root, reference->name) != NULL) {
        return RC_OK;
    }
    return check_lacks(needed->check, reference->name, "the source %s needs the member \"%s\"", needed->source, reference->name);
}

static void check_uses(struct check *check, const cJSON *root, const struct source *source) {
    struct needed needed = {.check = check, .root = root, .source = source->name};
    const cJSON *criteria = cJSON_GetObjectItemCaseSensitive(root, "criteria");

    if (check->rc == RC_OK && source_each_reference(source, needed_seen, &needed) == RC_TEMP) {
        (void)check_no_memory(check);
    }
    if (criteria != NULL && !cJSON_IsArray(criteria) && !cJSON_IsObject(criteria)) {
        (void)check_fail(check, "criteria", "must be a list or an object");
    } else if (criteria != NULL && check->rc == RC_OK && !source_uses(source, "criteria")) {
        (void)check_fail(check, "criteria", "the source %s does not use them: everything would be fetched", source->name);
    }
}

/* --- what makes two searches the same ------------------------------------------------------------------------------ */

static enum rc add_member(const cJSON *root, const char *name, bool *first, struct buf *out) {
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(root, name);
    enum rc rc;

    if (value == NULL) {
        return RC_OK;
    }
    rc = buf_add_text(out, *first ? "" : ",");
    *first = false;
    rc = rc == RC_OK ? json_quote(slice_of(name), out) : rc;
    rc = rc == RC_OK ? buf_add_char(out, ':') : rc;
    return rc == RC_OK ? template_print(value, out) : rc;
}

static enum rc canonical(const struct buf *text, struct buf *out) {
    return json_canonical((struct slice){.data = buf_text(text), .length = text->length}, out);
}

static enum rc add_search(const struct criteria *c, const struct source *source, struct buf *text) {
    bool first = true;
    enum rc rc = buf_add_text(text, "{\"members\":{");

    for (unsigned i = 0; source != NULL && i < source->member_count && rc == RC_OK; i++) {
        rc = add_member(c->json, source->members[i].name, &first, text);
    }
    rc = rc == RC_OK ? buf_add_char(text, '}') : rc;
    first = false;
    rc = rc == RC_OK ? add_member(c->json, "criteria", &first, text) : rc;
    rc = rc == RC_OK ? add_member(c->json, "documents", &first, text) : rc;
    rc = rc == RC_OK ? add_member(c->json, "source", &first, text) : rc;
    return rc == RC_OK ? buf_add_char(text, '}') : rc;
}

static enum rc sum_up(struct criteria *c, const struct source *source) {
    struct buf text = BUF_INIT(MOST_TEXT_BYTES), form = BUF_INIT(MOST_TEXT_BYTES);
    enum rc rc = add_search(c, source, &text);

    rc = rc == RC_OK ? canonical(&text, &form) : rc;
    if (rc == RC_OK) {
        digest_of_hex(buf_text(&form), form.length, c->hash);
    }
    buf_release(&text);
    buf_release(&form);
    return rc;
}

/* --- whole --------------------------------------------------------------------------------------------------------- */

/* What needs no source. */
static void read_errand(struct check *check, struct criteria *c) {
    enum errand_kind kind;

    if (!cJSON_IsObject(check->root)) {
        (void)check_fail(check, NULL, "must be an object");
        return;
    }
    read_common(check, check->root, c);
    if (check->rc == RC_OK && !errand_mode(c->mode, &kind)) {
        (void)check_fail(check, NULL, "needs a source");
    }
    c->errand = check->rc == RC_OK ? calloc(1, sizeof(*c->errand)) : NULL;
    if (c->errand == NULL) {
        (void)check_no_memory(check);
        return;
    }
    c->errand->kind = kind;
    errand_read(check, check->root, c->source, c->errand);
}

static void read_all(struct check *check, const struct source *source, struct criteria *c) {
    const char *own[SOURCE_MAX_MEMBERS + 2];
    cJSON *root = check->root;

    for (unsigned i = 0; i < source->member_count; i++) {
        own[i] = source->members[i].name;
    }
    own[source->member_count] = source->documents ? "documents" : NULL;
    own[source->member_count + 1] = NULL;
    if (!cJSON_IsObject(root)) {
        (void)check_fail(check, NULL, "must be an object");
        return;
    }
    read_common(check, root, c);
    if (check->rc == RC_OK && strcmp(c->source, source->name) != 0) {
        (void)check_fail(check, "source", "is not %s", source->name);
    }
    if (check->rc == RC_OK && strcmp(c->mode, "source") == 0) {
        c->steer = calloc(1, sizeof(*c->steer));
        if (c->steer == NULL) {
            (void)check_no_memory(check);
        } else {
            steer_read(check, root, c->steer);
        }
    }
    if (check->rc == RC_OK && strcmp(c->mode, "probe") == 0 && cJSON_GetObjectItemCaseSensitive(root, "suggest") != NULL) {
        c->suggest = calloc(1, sizeof(*c->suggest));
        if (c->suggest == NULL) {
            (void)check_no_memory(check);
        } else {
            suggest_read(check, root, source, c->suggest);
        }
        return;
    }
    if (check->rc != RC_OK || !has_pages(c->mode) || !check_object(check, root, source_common_members, own)) {
        return;
    }
    read_amounts(check, root, source, c);
    read_choices(check, root, source, c);
    if (strcmp(c->mode, "probe") == 0 && source->list_count > 0 && template_at(root, source->lists[0].in) == NULL) {
        return; /* what is asked of a source of units needs none */
    }
    read_own(check, root, source);
    read_units(check, root, source, c);
    check_uses(check, root, source);
}

enum rc criteria_parse(const char *file, const char *text, size_t length, const struct source *source, struct criteria **criteria, struct err *err) {
    return criteria_parse_at(file, text, length, source, criteria, NULL, err);
}

enum rc criteria_parse_at(const char *file, const char *text, size_t length, const struct source *source, struct criteria **criteria, struct check_fault *fault,
                          struct err *err) {
    struct criteria *c = calloc(1, sizeof(*c));
    struct check check;
    enum rc rc;

    *criteria = NULL;
    if (c == NULL) {
        return err_set(err, RC_TEMP, "%s: out of memory", file);
    }
    c->priority = PRIORITY_NORMAL;
    c->max_records = JOB_UNKNOWN;
    c->take = JOB_UNKNOWN;
    c->batch_size = source != NULL ? source->limit : 0;
    c->duplicate_window_ms = DUPLICATE_WINDOW_MS;
    c->refresh_older_than_ms = source != NULL ? source->refresh_older_than_ms : 0;
    rc = check_open(&check, file, text, length, &json_rules_config, err);
    check.fault = fault;
    if (rc == RC_OK) {
        if (source == NULL) {
            read_errand(&check, c);
        } else {
            read_all(&check, source, c);
        }
        rc = check.rc;
    }
    c->json = check_take_root(&check);
    check_release(&check);
    if (rc == RC_OK) {
        rc = sum_up(c, source);
        if (rc != RC_OK) {
            (void)err_set(err, rc, "%s: %s", file, rc == RC_TEMP ? "out of memory" : "too large to compare");
        }
    }
    if (rc != RC_OK) {
        criteria_free(c);
        return rc;
    }
    *criteria = c;
    return RC_OK;
}

void criteria_free(struct criteria *criteria) {
    if (criteria != NULL) {
        cJSON_Delete(criteria->json);
        free(criteria->steer);
        free(criteria->suggest);
        free(criteria->errand);
        free(criteria);
    }
}

/* --- edited -------------------------------------------------------------------------------------------------------- */

static enum rc same_value(const cJSON *a, const cJSON *b, bool *same) {
    struct buf text[2] = {BUF_INIT(MOST_TEXT_BYTES), BUF_INIT(MOST_TEXT_BYTES)};
    struct buf form[2] = {BUF_INIT(MOST_TEXT_BYTES), BUF_INIT(MOST_TEXT_BYTES)};
    const cJSON *values[2] = {a, b};
    enum rc rc = RC_OK;

    for (int i = 0; i < 2 && rc == RC_OK; i++) {
        rc = template_print(values[i], &text[i]);
        rc = rc == RC_OK ? canonical(&text[i], &form[i]) : rc;
    }
    *same = rc == RC_OK && form[0].length == form[1].length && memcmp(buf_text(&form[0]), buf_text(&form[1]), form[0].length) == 0;
    for (int i = 0; i < 2; i++) {
        buf_release(&text[i]);
        buf_release(&form[i]);
    }
    return rc;
}

/* Every member of one that the other lacks or has with another value. */
static enum rc compare(const cJSON *one, const cJSON *other, struct err *err) {
    static const char *const free_members[] = {"priority", "not_before", "max_records", "max_cost", "process", "notify", NULL};
    const cJSON *member;

    cJSON_ArrayForEach(member, one) {
        const cJSON *value = cJSON_GetObjectItemCaseSensitive(other, member->string);
        const char *const *name = free_members;
        bool same = false;
        enum rc rc = RC_OK;

        while (*name != NULL && strcmp(*name, member->string) != 0) {
            name++;
        }
        if (*name == NULL && value != NULL) {
            rc = same_value(member, value, &same);
        }
        if (rc == RC_TEMP) {
            return err_set(err, rc, "out of memory");
        }
        if (*name == NULL && !same) {
            return err_set(err, RC_PERM,
                           "%.64s was changed after pages were requested; only priority, not_before, max_records, max_cost, process and notify may change: "
                           "set it back, or submit a new job",
                           member->string);
        }
    }
    return RC_OK;
}

enum rc criteria_may_differ(const struct criteria *before, const struct criteria *after, struct err *err) {
    enum rc rc = compare(before->json, after->json, err);

    return rc == RC_OK ? compare(after->json, before->json, err) : rc;
}
