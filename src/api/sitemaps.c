// SPDX-License-Identifier: Apache-2.0
#include "api/sitemaps.h"

#include "api/api.h"
#include "base/limits.h"
#include "net/sitemap.h"

#include <string.h>

#define TIMEOUT_MS 60000
#define URLS_TOLD 10000u
#define WRONG_TOLD 100u
#define URL_COST 24u /* bytes that each has in a job beside itself and its labels */

struct reading {
    struct request *r;
    const char *prefix; /* Pointer to what was asked for in the body */
    char pointer[64];   /* to the address in it */
    const char *where;
    bool any_host, labels;
    size_t urls_most; /* that are kept; what comes then is counted */
    size_t bytes, kept;
    bool full, failed; /* more than a job may have; out of memory */
    cJSON *urls, *wrong;
    size_t wrong_count;
    struct sitemap_counts counts;
};

static cJSON *labels_json(const struct url_list_labels *labels, size_t *bytes) {
    cJSON *json = cJSON_CreateObject();
    char value[URL_LIST_LABEL_BYTES + 1];
    for (size_t i = 0; i < labels->count; i++) {
        if (!labels->values[i].length || labels->values[i].length >= sizeof value)
            continue;
        memcpy(value, labels->values[i].data, labels->values[i].length);
        value[labels->values[i].length] = '\0';
        cJSON_AddStringToObject(json, labels->names[i], value);
        *bytes += strlen(labels->names[i]) + labels->values[i].length + 6;
    }
    return json;
}

static bool on_url(void *context, const char *file, size_t line, const char *url, const struct url_list_labels *labels) {
    struct reading *g = context;
    (void)file, (void)line;
    g->bytes += strlen(url) + URL_COST;
    cJSON *one = NULL;
    if (g->kept < g->urls_most && labels) {
        one = cJSON_CreateObject();
        cJSON_AddStringToObject(one, "url", url);
        cJSON_AddItemToObject(one, "labels", labels_json(labels, &g->bytes));
    } else if (g->kept < g->urls_most)
        one = cJSON_CreateString(url);
    if (one) {
        g->failed = !cJSON_AddItemToArray(g->urls, one) || g->failed;
        g->kept++;
    }
    g->full = g->bytes > LIMIT_JOB_FILE_BYTES;
    return !g->full && !g->failed;
}

static void on_wrong(void *context, const char *file, size_t line, const char *text, const char *why) {
    struct reading *g = context;
    char shown[1200];
    if (g->wrong_count++ >= WRONG_TOLD)
        return;
    str_format(shown, sizeof shown, "%.600s: line %zu: %.300s%s%.200s", file, line, text, *text ? " " : "", why);
    cJSON_AddItemToArray(g->wrong, cJSON_CreateString(shown));
}

static void on_other(void *context, const char *file, size_t line, const char *url) {
    (void)context, (void)file, (void)line, (void)url;
}

/* --- what is asked for ---------------------------------------------------------------------------------------------------- */

static bool read_flag(struct reading *g, const cJSON *json, const char *name, bool *out) {
    const cJSON *flag = cJSON_GetObjectItemCaseSensitive(json, name);
    char pointer[64];
    *out = cJSON_IsTrue(flag);
    if (!flag || cJSON_IsBool(flag))
        return true;
    str_format(pointer, sizeof pointer, "%s/%s", g->prefix, name);
    reply_invalid(g->r, pointer, "must be true or false");
    return false;
}

/* An address, or an object of it and what goes with it. */
static bool read_wish(struct reading *g, const cJSON *json) {
    static const char *const known[] = {"url", "any_host", "labels"};
    const cJSON *member;
    g->where = cJSON_GetStringValue(cJSON_IsObject(json) ? cJSON_GetObjectItemCaseSensitive(json, "url") : json);
    for (member = cJSON_IsObject(json) ? json->child : NULL; member; member = member->next) {
        bool is = false;
        for (size_t i = 0; i < sizeof known / sizeof *known; i++)
            is = is || strcmp(member->string, known[i]) == 0;
        if (is)
            continue;
        str_format(g->pointer, sizeof g->pointer, "%s/%.40s", g->prefix, member->string);
        reply_invalid(g->r, g->pointer, "is no member here: there are url, any_host and labels");
        return false;
    }
    if (!cJSON_IsObject(json) && !g->where) {
        reply_invalid(g->r, g->prefix, "must be the address of a sitemap, or an object of url, any_host and labels");
        return false;
    }
    str_format(g->pointer, sizeof g->pointer, "%s%s", g->prefix, cJSON_IsObject(json) ? "/url" : "");
    if (!g->where || !*g->where) {
        reply_invalid(g->r, g->pointer, "must be the address of a sitemap, or a host");
        return false;
    }
    return !cJSON_IsObject(json) || (read_flag(g, json, "any_host", &g->any_host) && read_flag(g, json, "labels", &g->labels));
}

/* --- the answer ----------------------------------------------------------------------------------------------------------- */

static void reply_failed(struct reading *g, enum rc rc, const struct err *err) {
    if (rc == RC_PERM || rc == RC_GONE)
        reply_invalid(g->r, g->pointer, "%s", err->text);
    else if (rc == RC_AGAIN)
        reply_problem(g->r, 502, "%s", err->text);
    else if (rc == RC_CANCELLED)
        reply_later(g->r, 5, "the server is being stopped");
    else
        reply_rc(g->r, RC_TEMP, err);
}

/* False: the reply is set. */
static bool read_all(struct reading *g) {
    const struct sitemap_options options = {.any_host = g->any_host,
                                            .private_hosts = g->r->api->options->sitemap_private_hosts,
                                            .labels = g->labels,
                                            .ca_file = *g->r->api->options->ca_file ? g->r->api->options->ca_file : NULL,
                                            .timeout_ms = TIMEOUT_MS,
                                            .stop_fd = g->r->api->stop_fd};
    const struct sitemap_told told = {.url = on_url, .wrong = on_wrong, .other = on_other, .context = g};
    struct err err = {0};
    g->urls = cJSON_CreateArray();
    g->wrong = cJSON_CreateArray();
    const enum rc rc = sitemap_read(g->where, &options, &told, &g->counts, &err);
    if (rc)
        reply_failed(g, rc, &err);
    else if (g->failed || !g->urls || !g->wrong)
        reply_later(g->r, 1, "out of memory");
    else if (g->wrong_count) {
        const cJSON *one;
        reply_invalid(g->r, g->pointer, "%s", cJSON_GetStringValue(g->wrong->child));
        for (one = g->wrong->child->next; one; one = one->next)
            reply_invalid_add(g->r, g->pointer, cJSON_GetStringValue(one));
    } else if (!g->counts.urls && g->counts.other_hosts) { /* the member that takes them */
        str_format(g->pointer, sizeof g->pointer, "%s/any_host", g->prefix);
        reply_invalid(g->r, g->pointer, "all of its %zu URLs are of other hosts", g->counts.other_hosts);
    } else if (!g->counts.urls)
        reply_invalid(g->r, g->pointer, "there is no URL in it");
    else
        return true;
    return false;
}

static void add_counts(const struct reading *g, cJSON *json) {
    cJSON_AddNumberToObject(json, "duplicates", (double)g->counts.duplicates);
    cJSON_AddNumberToObject(json, "other_hosts", (double)g->counts.other_hosts);
    cJSON_AddNumberToObject(json, "sitemaps", (double)g->counts.files);
}

static void release(struct reading *g) {
    cJSON_Delete(g->urls);
    cJSON_Delete(g->wrong);
}

void sitemaps_list(struct request *r) {
    struct reading g = {.r = r, .prefix = "", .urls_most = URLS_TOLD};
    if (read_wish(&g, r->json) && read_all(&g)) {
        cJSON *json = cJSON_CreateObject();
        cJSON_AddItemToObject(json, "urls", g.urls);
        g.urls = NULL;
        cJSON_AddNumberToObject(json, "total", (double)g.counts.urls);
        cJSON_AddBoolToObject(json, "more", g.full);
        add_counts(&g, json);
        reply_json(r, 200, json);
    }
    release(&g);
}

bool sitemaps_expand(struct request *r) {
    struct reading g = {.r = r, .prefix = "/sitemap", .urls_most = SIZE_MAX};
    cJSON *wish = cJSON_DetachItemFromObjectCaseSensitive(r->json, "sitemap");
    bool done = false;
    if (cJSON_GetObjectItemCaseSensitive(r->json, "urls"))
        reply_invalid(r, "/sitemap", "stands in place of urls, which are there too");
    else if (read_wish(&g, wish) && read_all(&g)) {
        done = !g.full && cJSON_AddItemToObject(r->json, "urls", g.urls);
        if (g.full)
            reply_invalid(r, "/sitemap",
                          "has more than %zu URLs, which is more than fit into a job of %u bytes: name one of its sitemaps, or leave the labels out",
                          g.counts.urls - 1, LIMIT_JOB_FILE_BYTES);
        if (done) {
            g.urls = NULL;
            r->beside = cJSON_CreateObject();
            add_counts(&g, r->beside);
        }
    }
    cJSON_Delete(wish);
    release(&g);
    return done;
}
