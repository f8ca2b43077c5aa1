// SPDX-License-Identifier: Apache-2.0
#include "source/url_member.h"

#include <string.h>

#include "base/strset.h"
#include "net/url_list.h"

#define MORE_MOST 3u /* that are shown beside the first */

struct refused { /* URLs that are wrong: told together */
    size_t count;
    unsigned first; /* its index */
    bool object;    /* it is one */
    char text[240], more[MORE_MOST * 56];
};

static bool is_label(const cJSON *value) {
    return cJSON_IsNumber(value) || cJSON_IsBool(value) || (cJSON_IsString(value) && strlen(value->valuestring) <= URL_LIST_LABEL_BYTES);
}

static void check_labels(struct check *check, const cJSON *labels) {
    const cJSON *label;
    size_t mark;

    if (labels == NULL) {
        return;
    }
    if (!cJSON_IsObject(labels) || cJSON_GetArraySize(labels) > (int)URL_LIST_LABELS_MOST) {
        (void)check_fail(check, "labels", "must be an object of at most %u labels", URL_LIST_LABELS_MOST);
        return;
    }
    mark = check_enter(check, "labels", 0);
    cJSON_ArrayForEach(label, labels) {
        if (!is_label(label)) {
            (void)check_fail(check, label->string, "must be a text of at most %u bytes, a number, or true or false", URL_LIST_LABEL_BYTES);
        }
    }
    check_leave(check, mark);
}

/* The text of an element, checked but for what it says; NULL: wrong, and told. */
static const char *text_of(struct check *check, const cJSON *item) {
    static const char *const names[] = {"url", "labels", NULL};
    const cJSON *url;

    if (cJSON_IsString(item)) {
        return item->valuestring;
    }
    if (!cJSON_IsObject(item)) {
        (void)check_fail(check, NULL, "must be a URL, or an object of url and labels");
        return NULL;
    }
    if (!check_object(check, item, names, NULL)) {
        return NULL;
    }
    check_labels(check, cJSON_GetObjectItemCaseSensitive(item, "labels"));
    url = cJSON_GetObjectItemCaseSensitive(item, "url");
    if (!cJSON_IsString(url)) {
        (void)check_fail(check, "url", "must be a text");
    }
    return check->rc == RC_OK ? url->valuestring : NULL;
}

static bool keep(const char *clean, cJSON *item, cJSON *out) {
    cJSON *one = cJSON_CreateObject(), *labels = cJSON_IsObject(item) ? cJSON_DetachItemFromObjectCaseSensitive(item, "labels") : NULL;

    labels = labels != NULL ? labels : cJSON_CreateObject();
    if (one != NULL && cJSON_AddStringToObject(one, "url", clean) != NULL && cJSON_AddItemToObject(one, "labels", labels)) {
        return cJSON_AddItemToArray(out, one);
    }
    cJSON_Delete(one);
    cJSON_Delete(labels);
    return false;
}

static void refuse(struct refused *refused, unsigned index, bool object, const char *text, const char *why) {
    const size_t used = strlen(refused->more);
    char shown[96];

    refused->count++;
    if (refused->count == 1) {
        refused->first = index;
        refused->object = object;
        (void)str_printable(shown, sizeof(shown), text, strlen(text));
        (void)str_format(refused->text, sizeof(refused->text), "\"%s\" %s", shown, why);
    } else if (refused->count <= 1 + MORE_MOST) {
        (void)str_printable(shown, 50, text, strlen(text));
        (void)str_format(refused->more + used, sizeof(refused->more) - used, "%s\"%s\"", used != 0 ? ", " : "", shown);
    }
}

static void tell_refused(struct check *check, const struct refused *refused) {
    size_t mark = check_enter(check, NULL, refused->first);
    const char *member = refused->object ? "url" : NULL;

    if (refused->count == 1) {
        (void)check_fail(check, member, "%s", refused->text);
    } else {
        (void)check_fail(check, member, "%s; %zu more %s wrong: %s%s", refused->text, refused->count - 1, refused->count == 2 ? "is" : "are", refused->more,
                         refused->count > 1 + MORE_MOST ? " ..." : "");
    }
    check_leave(check, mark);
}

static void read_one(struct check *check, const struct source_member *member, unsigned index, struct strset *seen, cJSON *item, cJSON *out,
                     struct refused *refused) {
    const char *text = text_of(check, item);
    char clean[URL_LIST_URL_MOST];
    struct err why = {.text = ""};
    bool fresh = false;
    enum rc rc;

    if (text == NULL) {
        return;
    }
    rc = url_list_clean(text, clean, &why);
    if (rc == RC_OK && !member->private_hosts && url_list_is_private(clean)) {
        rc = err_set(&why, RC_PERM, URL_LIST_PRIVATE ", which the source does not allow (private_hosts)");
    }
    if (rc == RC_PERM) {
        refuse(refused, index, cJSON_IsObject(item), text, why.text);
    } else if (rc != RC_OK || strset_keep(seen, clean, &fresh) == NULL || (fresh && !keep(clean, item, out))) {
        (void)check_no_memory(check);
    }
}

void url_member_read(struct check *check, const struct source_member *member, cJSON *list) {
    struct strset seen = {.slots = NULL};
    cJSON *out = cJSON_CreateArray(), *item;
    struct refused refused = {.count = 0};
    unsigned index = 0;
    size_t mark = check_enter(check, member->name, 0);

    if (out == NULL) {
        (void)check_no_memory(check);
    }
    cJSON_ArrayForEach(item, list) {
        size_t inner = check_enter(check, NULL, index);

        if (check->rc == RC_OK) {
            read_one(check, member, index, &seen, item, out, &refused);
        }
        check_leave(check, inner);
        index++;
    }
    if (refused.count != 0) {
        tell_refused(check, &refused);
    }
    check_leave(check, mark);
    strset_release(&seen);
    if (check->rc == RC_OK) { /* the two change their elements */
        item = list->child;
        list->child = out->child;
        out->child = item;
    }
    cJSON_Delete(out);
}
