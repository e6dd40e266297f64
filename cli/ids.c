/* Words that name commands, and the sets they make.
 *
 * Pure: it knows no broker; what "last" is comes from the caller. A set never names more than
 * IDS_COUNT_MAX commands, so that a slip of the finger ("1-100000000000") cannot eat the memory. */
#include "cli/ids.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

static int parse_id(const char *text, size_t size, int64_t *ret_id)
{
    char digits[24];
    uint64_t value;
    if (size == 4 && memcmp(text, "last", 4) == 0) {
        *ret_id = IDS_LAST;
        return 0;
    }
    if (size == 0 || size >= sizeof digits) {
        return -EINVAL;
    }
    memcpy(digits, text, size);
    digits[size] = '\0';
    int rc = text_parse_u64(digits, 1, INT64_MAX - 1, &value);
    if (rc < 0) {
        return -EINVAL;
    }
    *ret_id = (int64_t)value;
    return 0;
}

static int push_range(struct id_set *set, struct id_range range)
{
    struct id_range *ranges = realloc(set->ranges, (set->range_count + 1) * sizeof *ranges);
    if (ranges == NULL) {
        return -ENOMEM;
    }
    set->ranges = ranges;
    set->ranges[set->range_count++] = range;
    return 0;
}

static int push_batch(struct id_set *set, int64_t batch)
{
    int64_t *batches = realloc(set->batches, (set->batch_count + 1) * sizeof *batches);
    if (batches == NULL) {
        return -ENOMEM;
    }
    set->batches = batches;
    set->batches[set->batch_count++] = batch;
    return 0;
}

int ids_parse(struct id_set *set, const char *word, struct buffer *message)
{
    struct id_range range = {0};
    size_t size = strlen(word);
    if (size > 1 && (word[0] == 'B' || word[0] == 'b') && word[1] >= '0' && word[1] <= '9') {
        int64_t batch;
        if (parse_id(word + 1, size - 1, &batch) < 0) {
            buffer_printf(message, "%s is not a batch: write it as in B17", word);
            return -EINVAL;
        }
        return push_batch(set, batch);
    }
    const char *dash = strchr(word, '-');
    size_t first_size = dash != NULL ? (size_t)(dash - word) : size;
    range.is_range = dash != NULL;
    const char *second = dash != NULL ? dash + 1 : word;
    if (parse_id(word, first_size, &range.first) < 0 ||
        parse_id(second, strlen(second), &range.last) < 0) {
        buffer_printf(message, "%s names no command: write 12, a range 12-20, last, or a batch B17",
                      word);
        return -EINVAL;
    }
    if (range.first > range.last) {
        buffer_printf(message, "%s is an empty range: the smaller id comes first", word);
        return -EINVAL;
    }
    return push_range(set, range);
}

bool ids_need_last(const struct id_set *set)
{
    for (size_t i = 0; i < set->range_count; i++) {
        if (set->ranges[i].last == IDS_LAST) {
            return true;
        }
    }
    return false;
}

int ids_resolve(struct id_set *set, int64_t last, struct buffer *message)
{
    for (size_t i = 0; i < set->range_count; i++) {
        struct id_range *range = &set->ranges[i];
        if (range->last != IDS_LAST) {
            continue;
        }
        if (last == 0) {
            buffer_append_str(message, "there is no last command: the pool never had one");
            return -EINVAL;
        }
        range->last = last;
        if (range->first == IDS_LAST) {
            range->first = last;
        }
        if (range->first > range->last) {
            buffer_printf(message, "the range from %lld on is empty: the last command is %lld",
                          (long long)range->first, (long long)last);
            return -EINVAL;
        }
    }
    return 0;
}

bool ids_is_single(const struct id_set *set)
{
    return set->batch_count == 0 && set->range_count == 1 && !set->ranges[0].is_range;
}

static int compare_ids(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

int ids_expand(const struct id_set *set, int64_t **ret_ids, size_t *ret_count,
               struct buffer *message)
{
    uint64_t total = 0;
    for (size_t i = 0; i < set->range_count; i++) {
        uint64_t count = (uint64_t)(set->ranges[i].last - set->ranges[i].first) + 1;
        if (count > IDS_COUNT_MAX || total + count > IDS_COUNT_MAX) {
            buffer_printf(message, "more than %d commands are named: name fewer, or a batch",
                          (int)IDS_COUNT_MAX);
            return -EINVAL;
        }
        total += count;
    }
    int64_t *ids = malloc((size_t)(total != 0 ? total : 1) * sizeof *ids);
    if (ids == NULL) {
        return -ENOMEM;
    }
    size_t n = 0;
    for (size_t i = 0; i < set->range_count; i++) {
        for (int64_t id = set->ranges[i].first; id <= set->ranges[i].last; id++) {
            ids[n++] = id;
        }
    }
    if (n > 1) {
        qsort(ids, n, sizeof *ids, compare_ids);
    }
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        if (kept == 0 || ids[kept - 1] != ids[i]) {
            ids[kept++] = ids[i];
        }
    }
    *ret_ids = ids;
    *ret_count = kept;
    return 0;
}

void ids_done(struct id_set *set)
{
    free(set->ranges);
    free(set->batches);
    *set = (struct id_set){0};
}
