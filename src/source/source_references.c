// SPDX-License-Identifier: Apache-2.0
#include "source/source_parts.h"

#include <string.h>

#include "source/split.h"

/* What the templates of a source name: it must exist, and be known where the template stands. And which parameters hold secrets. */

struct references {
    struct check *check;
    const struct source *source;
    const char *member; /* in which the template stands */
    unsigned step;      /* steps before it can be named */
    bool part;          /* the step is done for each element of an array */
    bool answer;        /* the check of an answer */
    bool secretless;    /* a program's arguments and input are no place for secrets */
    bool range;         /* it belongs to a part of a split search */
    bool ids;           /* it asks for records by their ids */
    bool optional;      /* what is left out when a secret is missing */
    bool suggest;       /* it asks for suggestions: of a job there is nothing but ${job.q} */
};

static enum rc job_reference(const struct references *refs, const char *name) {
    const char *names[SOURCE_MAX_MEMBERS + 32], *nearest;
    size_t count = 0;

    if (refs->suggest) {
        return strcmp(name, "q") == 0 ? RC_OK : check_fail(refs->check, refs->member, "${job.%s}: of suggestions there is only ${job.q}", name);
    }
    if (source_is_common_member(name)) {
        return RC_OK;
    }
    for (const char *const *common = source_common_members; *common != NULL; common++) {
        names[count++] = *common;
    }
    for (unsigned i = 0; i < refs->source->member_count; i++) {
        if (strcmp(refs->source->members[i].name, name) == 0) {
            return RC_OK;
        }
        names[count++] = refs->source->members[i].name;
    }
    nearest = str_nearest(name, names, count);
    return check_fail(refs->check, refs->member, "${job.%s}: a job has no such member and job_members does not declare it%s%s%s", name,
                      nearest != NULL ? "; did you mean \"" : "", nearest != NULL ? nearest : "", nearest != NULL ? "\"?" : "");
}

static enum rc item_reference(const struct references *refs, const char *name) {
    for (unsigned i = 0; i < refs->source->list_count; i++) {
        if (*name == '\0' || strcmp(refs->source->lists[i].name, name) == 0) {
            return RC_OK;
        }
    }
    return check_fail(refs->check, refs->member, "${item.%s}: no list of foreach has this name", name);
}

static enum rc reference_seen(void *context, const struct template_reference *reference) {
    const struct references *refs = context;

    switch (reference->kind) {
    case TEMPLATE_JOB:
        return job_reference(refs, reference->name);
    case TEMPLATE_SECRET:
        if (reference->optional && !refs->optional) {
            return check_fail(refs->check, refs->member, "${secret:%s?}: a secret may be missing in params and headers of a request alone", reference->name);
        }
        return !refs->secretless ? RC_OK : check_fail(refs->check, refs->member, "${secret:%s}: secrets go into requests, not to programs", reference->name);
    case TEMPLATE_ITEM:
        if (refs->source->list_count > 0) {
            return item_reference(refs, reference->name);
        }
        return refs->ids && strcmp(reference->name, "ids") == 0
                   ? RC_OK
                   : check_fail(refs->check, refs->member, "${item.%s}: the source has pages, no items", reference->name);
    case TEMPLATE_PART:
        return refs->part ? RC_OK : check_fail(refs->check, refs->member, "${part}: the step has no for_each");
    case TEMPLATE_UNIT:
        if (strcmp(reference->name, "answer") == 0) {
            return refs->answer ? RC_OK : check_fail(refs->check, refs->member, "${answer}: it is seen by the check of an http alone");
        }
        return strcmp(reference->name, "part_number") != 0 || refs->part ? RC_OK
                                                                         : check_fail(refs->check, refs->member, "${part_number}: the step has no for_each");
    case TEMPLATE_RANGE:
        return refs->range && (strcmp(reference->name, "from") == 0 || strcmp(reference->name, "to") == 0)
                   ? RC_OK
                   : check_fail(refs->check, refs->member, "${range.%s}: only ${range.from} and ${range.to}, in the paginator's split", reference->name);
    case TEMPLATE_STEP:
    case TEMPLATE_ATTEMPTS:
        for (unsigned i = 0; i < refs->step; i++) {
            if (strcmp(refs->source->steps[i].name, reference->name) == 0) {
                return RC_OK;
            }
        }
        return check_fail(refs->check, refs->member, "${%s.%s}: no earlier step has this name", reference->kind == TEMPLATE_STEP ? "steps" : "attempts",
                          reference->name);
    }
    return RC_OK;
}

static void references_in(struct references *refs, const char *member, const cJSON *value) {
    refs->member = member;
    if (value != NULL && refs->check->rc == RC_OK && template_each_value(value, reference_seen, refs) == RC_TEMP) {
        (void)check_no_memory(refs->check);
    }
}

static enum rc hidden_seen(void *context, const struct template_reference *reference) {
    bool *hidden = context;

    *hidden = *hidden || reference->kind == TEMPLATE_SECRET;
    return RC_OK;
}

static void find_hidden(struct check *check, struct source *source, const cJSON *params) {
    const cJSON *param;

    cJSON_ArrayForEach(param, params) {
        bool hidden = false;

        if (template_each_value(param, hidden_seen, &hidden) != RC_OK || !hidden) {
            continue;
        }
        if (source->hidden_count == SOURCE_MAX_HIDDEN) {
            (void)check_fail(check, "params", "more than %u of them hold secrets", SOURCE_MAX_HIDDEN);
            return;
        }
        source->hidden_params[source->hidden_count++] = param->string;
    }
}

void source_find_hidden(struct check *check, struct source *source) {
    const struct source_step *last = &source->steps[source->step_count - 1];

    for (unsigned i = 0; i < last->way_count; i++) {
        find_hidden(check, source, last->ways[i].http.params);
    }
    find_hidden(check, source, cJSON_GetObjectItemCaseSensitive(source->preview, "params"));
    find_hidden(check, source, cJSON_GetObjectItemCaseSensitive(source->purchase, "params"));
    find_hidden(check, source, cJSON_GetObjectItemCaseSensitive(source->list, "params"));
    find_hidden(check, source, cJSON_GetObjectItemCaseSensitive(source->by_id, "params"));
}

static void http_references(struct references *refs, const struct source_http *http) {
    refs->member = "url";
    (void)template_each(http->url, reference_seen, refs);
    refs->optional = true;
    references_in(refs, "params", http->params);
    references_in(refs, "headers", http->headers);
    refs->optional = false;
    references_in(refs, "json", http->json);
}

static void step_references(struct references *refs, const struct source_step *step) {
    struct check *check = refs->check;

    refs->part = step->for_each != NULL;
    refs->member = "for_each";
    if (step->for_each != NULL) {
        (void)template_each(step->for_each, reference_seen, refs);
    }
    for (unsigned i = 0; i < step->way_count; i++) {
        const struct source_way *way = &step->ways[i];
        size_t outer = i > 0 ? check_enter(check, "fallback", 0) : 0, middle = i > 0 ? check_enter(check, NULL, i - 1) : 0;
        size_t inner = check_enter(check, way->helper ? "exec" : "http", 0);

        refs->secretless = way->helper;
        if (way->helper) {
            references_in(refs, "command", way->exec.command);
            references_in(refs, "stdin", way->exec.input);
        } else {
            http_references(refs, &way->http);
        }
        if (way->http.checked) {
            size_t program = check_enter(check, "check", 0);

            refs->secretless = refs->answer = true;
            references_in(refs, "command", way->http.check.command);
            references_in(refs, "stdin", way->http.check.input);
            refs->answer = false;
            check_leave(check, program);
        }
        refs->secretless = false;
        check_leave(check, inner);
        if (i > 0) {
            check_leave(check, middle);
            check_leave(check, outer);
        }
    }
}

static void suggest_references(struct references *refs) {
    size_t mark = check_enter(refs->check, "suggest", 0), inner;

    refs->suggest = true;
    for (unsigned i = 0; i < refs->source->suggest_count; i++) {
        inner = check_enter(refs->check, refs->source->suggests[i].name, 0);
        http_references(refs, &refs->source->suggests[i].http);
        check_leave(refs->check, inner);
    }
    refs->suggest = false;
    check_leave(refs->check, mark);
}

void source_check_references(struct check *check, const struct source *source) {
    struct references refs = {.check = check, .source = source};
    const char *const overlays[] = {"preview", "purchase"};
    size_t mark = check_enter(check, "steps", 0);

    for (unsigned i = 0; i < source->step_count; i++) {
        size_t step = check_enter(check, NULL, i);

        refs.step = i;
        step_references(&refs, &source->steps[i]);
        check_leave(check, step);
    }
    refs.part = false;
    check_leave(check, mark);
    mark = check_enter(check, "unit_cache", 0);
    refs.step = 0;
    refs.secretless = true;
    references_in(&refs, "key", source->unit_cache_key);
    check_leave(check, mark);
    refs.secretless = false;
    mark = check_enter(check, "error_handler", 0);
    (void)check_enter(check, "throttle", 0);
    refs.member = "group";
    if (source->throttle.group != NULL) {
        (void)template_each(source->throttle.group, reference_seen, &refs);
    }
    check_leave(check, mark);
    mark = check_enter(check, "metering", 0);
    refs.step = 0; /* they are laid over the first step */
    references_in(&refs, overlays[0], source->preview);
    references_in(&refs, overlays[1], source->purchase);
    references_in(&refs, "list", source->list);
    refs.ids = true;
    references_in(&refs, "by_id", source->by_id);
    refs.ids = false;
    check_leave(check, mark);
    suggest_references(&refs);
    if (source->split != NULL) {
        mark = check_enter(check, "paginator", 0);
        refs.range = true;
        references_in(&refs, "split", source->split->params);
        references_in(&refs, "split", source->split->headers);
        references_in(&refs, "split", source->split->json);
        references_in(&refs, "split", source->split->append);
        check_leave(check, mark);
    }
}
