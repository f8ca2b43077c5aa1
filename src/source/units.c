// SPDX-License-Identifier: Apache-2.0
#include "source/units.h"

#include <stdlib.h>

#include "source/template.h"

/* --- which ones ---------------------------------------------------------------------------------------------------- */

static enum rc read_list(const struct source_list *list, const cJSON *job, struct units_list *out, struct err *err) {
    const cJSON *array = template_at(job, list->in), *value;
    const char *member = list->in + 1;

    if (!cJSON_IsArray(array) || array->child == NULL) {
        return err_set(err, RC_PERM, "%s: must be a list with at least one element", member);
    }
    out->name = list->name;
    out->values = calloc((size_t)cJSON_GetArraySize(array), sizeof(const cJSON *));
    if (out->values == NULL) {
        return err_set(err, RC_TEMP, "out of memory");
    }
    cJSON_ArrayForEach(value, array) {
        out->values[out->count++] = value;
    }
    return RC_OK;
}

enum rc units_new(const struct source *source, const cJSON *job, uint64_t take, struct units **units, struct err *err) {
    struct units *u = calloc(1, sizeof(*u));
    enum rc rc = u != NULL ? RC_OK : err_set(err, RC_TEMP, "out of memory");

    *units = NULL;
    for (unsigned i = 0; i < source->list_count && rc == RC_OK; i++) {
        rc = read_list(&source->lists[i], job, &u->lists[u->list_count++], err);
        u->count = i == 0 ? u->lists[i].count : u->count * u->lists[i].count;
        if (rc == RC_OK && u->count > LIMIT_BATCHES) {
            rc = err_set(err, RC_PERM, "%s: the lists make more than %u units; split them over several jobs", source->lists[i].in + 1, LIMIT_BATCHES);
        }
    }
    if (rc != RC_OK) {
        units_free(u);
        return rc;
    }
    u->count = take < u->count ? take : u->count;
    *units = u;
    return RC_OK;
}

void units_free(struct units *units) {
    if (units == NULL) {
        return;
    }
    for (unsigned i = 0; i < units->list_count; i++) {
        free(units->lists[i].values);
    }
    free(units);
}

cJSON *units_item(const struct units *units, uint32_t batch) {
    cJSON *item = batch >= 1 && batch <= units->count ? cJSON_CreateObject() : NULL;
    uint64_t left = batch - UINT32_C(1);

    for (unsigned i = units->list_count; i-- > 0 && item != NULL;) {
        const struct units_list *list = &units->lists[i];
        cJSON *value = cJSON_Duplicate(list->values[left % list->count], true);

        left /= list->count;
        if (value == NULL || !cJSON_AddItemToObject(item, list->name, value)) {
            cJSON_Delete(value);
            cJSON_Delete(item);
            return NULL;
        }
    }
    return item;
}

static const char *text_of(const cJSON *value) {
    if (cJSON_IsObject(value)) {
        const cJSON *url = cJSON_GetObjectItemCaseSensitive(value, "url");

        value = url != NULL ? url : cJSON_GetObjectItemCaseSensitive(value, "name");
    }
    return cJSON_GetStringValue(value);
}

bool units_label(const struct units *units, uint32_t batch, char out[UNITS_LABEL_SIZE]) {
    const cJSON *values[SOURCE_MAX_LISTS];
    struct buf text = BUF_INIT((size_t)LIMIT_JOB_FILE_BYTES);
    uint64_t left = batch - UINT32_C(1);
    bool there = units != NULL && batch >= 1 && batch <= units->count;

    for (unsigned i = there ? units->list_count : 0; i-- > 0; left /= units->lists[i].count) {
        values[i] = units->lists[i].values[left % units->lists[i].count];
    }
    for (unsigned i = 0; there && i < units->list_count; i++) {
        const char *known = text_of(values[i]);
        char *printed = known != NULL ? NULL : cJSON_PrintUnformatted(values[i]);

        (void)buf_printf(&text, "%s%s", i > 0 ? " " : "", known != NULL ? known : printed != NULL ? printed : "");
        cJSON_free(printed);
    }
    str_printable(out, UNITS_LABEL_SIZE, buf_text(&text), text.length);
    buf_release(&text);
    return there;
}

enum rc units_key(const struct source *source, const cJSON *job, const cJSON *item, const cJSON *known, char out[DIGEST_HEX_SIZE], struct err *err) {
    const struct template_scope scope = {.job = job, .item = item, .known = known};
    struct buf text = BUF_INIT((size_t)LIMIT_JOB_FILE_BYTES);
    cJSON *filled = NULL;
    enum rc rc = template_json(source->unit_cache_key, &scope, &filled, err);

    if (rc == RC_OK && ((rc = buf_printf(&text, "unit %s ", source->name)) != RC_OK || (rc = template_print(filled, &text)) != RC_OK)) {
        rc = err_set(err, rc, "unit_cache: the key is too long");
    }
    if (rc == RC_OK) {
        digest_of_hex(buf_text(&text), text.length, out);
    }
    cJSON_Delete(filled);
    buf_release(&text);
    return rc;
}

unsigned units_requests(const struct source *source, const cJSON *job) {
    unsigned count = 0;

    for (unsigned i = 0; i < source->step_count; i++) {
        unsigned way = source_first_way(&source->steps[i], 0, job);

        count += way < source->steps[i].way_count && !source->steps[i].ways[way].helper;
    }
    return count;
}

/* --- their plan ---------------------------------------------------------------------------------------------------- */

struct plan {
    struct paginator paginator;
    bool *known; /* of unit i + 1: it was handed out, now or in an earlier run */
    uint64_t count, next, out;
};

static struct plan *plan_of(struct paginator *paginator) {
    return (struct plan *)(void *)paginator;
}

enum rc units_plan(uint64_t count, struct paginator **paginator) {
    struct plan *plan = calloc(1, sizeof(*plan));

    *paginator = NULL;
    if (plan == NULL) {
        return RC_TEMP;
    }
    plan->paginator.row = &units_row;
    plan->count = count;
    plan->known = calloc(count > 0 ? count : 1, sizeof(*plan->known));
    if (plan->known == NULL) {
        free(plan);
        return RC_TEMP;
    }
    *paginator = &plan->paginator;
    return RC_OK;
}

static void plan_destroy(struct paginator *paginator) {
    free(plan_of(paginator)->known);
    free(paginator);
}

static enum rc plan_next(struct paginator *paginator, struct page *page) {
    struct plan *plan = plan_of(paginator);

    while (plan->next < plan->count && plan->known[plan->next]) {
        plan->next++;
    }
    if (plan->next == plan->count) {
        return plan->out > 0 ? RC_AGAIN : RC_GONE;
    }
    *page = (struct page){.batch = (uint32_t)plan->next + 1, .offset = plan->next, .limit = 1};
    plan->known[plan->next] = true;
    plan->out++;
    return RC_OK;
}

static void plan_restore(struct paginator *paginator, const struct page *page) {
    struct plan *plan = plan_of(paginator);

    if (page->batch >= 1 && page->batch <= plan->count && !plan->known[page->batch - 1]) {
        plan->known[page->batch - 1] = true;
        plan->out++;
    }
}

static void plan_answer(struct paginator *paginator, const struct page *page, const struct page_facts *facts) {
    (void)page;
    (void)facts;
    plan_of(paginator)->out--;
}

static bool plan_ended(const struct paginator *paginator) {
    const struct plan *plan = (const struct plan *)(const void *)paginator;

    return plan->out == 0 && plan->next == plan->count;
}

const struct paginator_row units_row = {
    .type = "units",
    .trims = true,
    .destroy = plan_destroy,
    .next = plan_next,
    .restore = plan_restore,
    .answer = plan_answer,
    .ended = plan_ended,
};
