// SPDX-License-Identifier: Apache-2.0
#include "source/paginator_link.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "base/limits.h"
#include "source/link.h"
#include "source/paginator_chain.h"
#include "source/template.h"

/* --- definition ---------------------------------------------------------------------------------------------------- */

static enum rc reference_seen(void *context, const struct template_reference *reference) {
    bool *secret = context;

    *secret = *secret || reference->kind == TEMPLATE_SECRET;
    return RC_OK;
}

static void check_url(struct check *check, const struct source *source) {
    bool secret = false;

    if (template_each(source->steps[source->step_count - 1].ways[0].http.url, reference_seen, &secret) == RC_TEMP) {
        (void)check_no_memory(check);
    }
    if (secret) {
        (void)check_fail(check, "type", "a url with a secret in it cannot be paged by links");
    }
}

/* --- answer -------------------------------------------------------------------------------------------------------- */

static bool is_hidden(const void *context, const char *name) {
    const struct source *source = context;

    for (unsigned i = 0; i < source->hidden_count; i++) {
        if (strcasecmp(source->hidden_params[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static void follow(const struct source *source, const struct page_answer *answer, struct slice target, struct page_facts *facts) {
    enum rc rc = link_resolve(answer->url != NULL ? answer->url : "", target, facts->token, sizeof(facts->token), facts->fault);

    if (rc == RC_TEMP) {
        (void)str_copy(facts->fault, sizeof(facts->fault), "out of memory");
    }
    link_drop_params(facts->token, is_hidden, source);
}

/* --- request ------------------------------------------------------------------------------------------------------- */

static bool is_overlaid(const cJSON *overlay, const char *name) {
    return cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(overlay, "params"), name) != NULL;
}

static bool is_beside(const void *context, const char *name) {
    const struct source *source = context;

    return is_hidden(source, name) || is_overlaid(source->preview, name) || is_overlaid(source->purchase, name);
}

void paginator_link_bare(const struct source *source, char *url) {
    link_drop_params(url, is_beside, source);
}

/* Only what is no part of the link is put in beside it. */
static void keep_params(const struct source *source, cJSON *params) {
    for (cJSON *next, *param = params->child; param != NULL; param = next) {
        next = param->next;
        if (!is_beside(source, param->string)) {
            cJSON_Delete(cJSON_DetachItemViaPointer(params, param));
        }
    }
}

static bool is_given(const void *context, const char *name) {
    return cJSON_GetObjectItem(context, name) != NULL;
}

static enum rc link_place(const struct source *source, const struct page *page, struct placement *placement) {
    char *url;

    if (page->token[0] == '\0') {
        return RC_OK;
    }
    /* The definition may have been changed since the link was taken in. */
    if (!link_same_origin(placement->url, page->token)) {
        return RC_PERM;
    }
    url = strdup(page->token);
    if (url == NULL) {
        return RC_TEMP;
    }
    keep_params(source, placement->params);
    link_drop_params(url, is_given, placement->params);
    free(placement->url);
    placement->url = url;
    return RC_OK;
}

/* --- header_link --------------------------------------------------------------------------------------------------- */

static const char *const header_options[] = {"links_next_key", NULL};

static void header_check(struct check *check, struct source *source) {
    const cJSON *relation = check_string(check, source->paginator, "links_next_key", 256);

    if (relation != NULL && (relation->valuestring[0] == '\0' || strpbrk(relation->valuestring, " \t") != NULL)) {
        (void)check_fail(check, "links_next_key", "must be one relation");
    }
    paginator_want(check, source, NULL, "Link");
    check_url(check, source);
}

static void header_read(const struct source *source, const struct page_answer *answer, struct page_facts *facts) {
    const char *relation = cJSON_GetStringValue(paginator_option(source, "links_next_key"));
    const char *field = answer->fields != NULL ? fields_get(answer->fields, "Link") : NULL;
    struct slice target;

    if (field != NULL && link_find(field, relation != NULL ? relation : "next", &target)) {
        follow(source, answer, target, facts);
    }
}

const struct paginator_row paginator_header_link = {
    PAGINATOR_CHAIN, .links = true, .type = "header_link", .options = header_options, .check = header_check, .place = link_place, .read = header_read,
};

/* --- json_link ----------------------------------------------------------------------------------------------------- */

static const char *const json_options[] = {"next_url_path", NULL};

static void json_check_options(struct check *check, struct source *source) {
    char *path = NULL;

    check_pointer(check, source->paginator, "next_url_path", &path);
    free(path);
    check_url(check, source);
}

static void json_read(const struct source *source, const struct page_answer *answer, struct page_facts *facts) {
    const char *path = cJSON_GetStringValue(paginator_option(source, "next_url_path"));
    struct buf url = BUF_INIT(4 * LIMIT_TOKEN_BYTES); /* escapes of a URL that fits may be longer */
    struct slice value;
    enum rc rc;

    if (!paginator_find(answer, path != NULL ? path : "/next", &value) || json_type(value) == JSON_NULL || json_type(value) == JSON_FALSE) {
        return;
    }
    if (json_type(value) != JSON_STRING) {
        (void)str_copy(facts->fault, sizeof(facts->fault), "the next link is no text");
        return;
    }
    rc = json_decode_string(value, &url);
    if (rc == RC_TEMP) {
        (void)str_copy(facts->fault, sizeof(facts->fault), "out of memory");
    } else if (rc != RC_OK) {
        (void)str_format(facts->fault, sizeof(facts->fault), "the next link is longer than %u bytes", LIMIT_TOKEN_BYTES - 1);
    } else if (strlen(buf_text(&url)) != url.length) {
        (void)str_copy(facts->fault, sizeof(facts->fault), "the next link is no URL");
    } else if (url.length > 0) {
        follow(source, answer, (struct slice){.data = buf_text(&url), .length = url.length}, facts);
    }
    buf_release(&url);
}

const struct paginator_row paginator_json_link = {
    PAGINATOR_CHAIN, .links = true, .type = "json_link", .options = json_options, .check = json_check_options, .place = link_place, .read = json_read,
};
