#include "eval/results.h"

#include "weights/json.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <string.h>

struct mgm_eval_scores mgm_eval_scores_none(void)
{
    struct mgm_eval_scores scores;
    for (int region = 0; region < MGM_REGION_COUNT; region++)
        for (int k = 0; k < MGM_METRIC_COUNT; k++)
            scores.values[region][k] = NAN;
    return scores;
}

/** @return false if memory ran out */
static bool add_scores(cJSON *object, const char *name, const struct mgm_eval_scores *scores)
{
    cJSON *regions = cJSON_AddObjectToObject(object, name);
    bool complete = regions != NULL;
    for (int region = 0; region < MGM_REGION_COUNT && complete; region++) {
        if (isnan(scores->values[region][0]))
            continue;
        cJSON *values = cJSON_CreateDoubleArray(scores->values[region], MGM_METRIC_COUNT);
        complete = values && cJSON_AddItemToObject(regions, mgm_region_names[region], values);
        if (!complete)
            cJSON_Delete(values);
    }
    return complete;
}

char *mgm_eval_result_print(const struct mgm_eval_result *result)
{
    cJSON *object = cJSON_CreateObject();
    const bool complete = cJSON_AddStringToObject(object, "name", result->name) &&
                          cJSON_AddStringToObject(object, "guidance", result->guidance) &&
                          cJSON_AddNumberToObject(object, "seconds", result->seconds) &&
                          add_scores(object, "matte", &result->matte) && add_scores(object, "itself", &result->itself);
    char *line = complete ? cJSON_PrintUnformatted(object) : NULL; /* a line that lacks something could not be read */
    cJSON_Delete(object);
    return line;
}

static bool read_scores(const cJSON *object, struct mgm_eval_scores *scores)
{
    *scores = mgm_eval_scores_none();
    if (!cJSON_IsObject(object))
        return false;
    for (int region = 0; region < MGM_REGION_COUNT; region++) {
        const cJSON *array = cJSON_GetObjectItemCaseSensitive(object, mgm_region_names[region]);
        if (!array)
            continue;
        if (!cJSON_IsArray(array) || cJSON_GetArraySize(array) != MGM_METRIC_COUNT)
            return false;
        for (int k = 0; k < MGM_METRIC_COUNT; k++) {
            const cJSON *value = cJSON_GetArrayItem(array, k);
            if (!cJSON_IsNumber(value) || !isfinite(value->valuedouble))
                return false;
            scores->values[region][k] = value->valuedouble;
        }
    }
    return true;
}

static bool read_result(const cJSON *object, struct mgm_eval_result *result)
{
    const cJSON *seconds = cJSON_GetObjectItemCaseSensitive(object, "seconds");
    result->name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, "name"));
    result->guidance = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, "guidance"));
    result->seconds = cJSON_IsNumber(seconds) ? seconds->valuedouble : NAN;
    return result->name && result->guidance && isfinite(result->seconds) &&
           read_scores(cJSON_GetObjectItemCaseSensitive(object, "matte"), &result->matte) &&
           read_scores(cJSON_GetObjectItemCaseSensitive(object, "itself"), &result->itself);
}

enum mgm_status mgm_eval_results_parse(struct mgm_context *ctx, const char *name, const char *text, size_t size,
                                       const char *header,
                                       enum mgm_status (*each)(void *argument, const struct mgm_eval_result *result),
                                       void *argument, size_t *whole)
{
    *whole = 0;
    for (int number = 1; *whole < size; number++) {
        const char *line = text + *whole, *end = memchr(line, '\n', size - *whole);
        if (!end)
            break;
        const size_t length = (size_t)(end - line);
        if (number == 1) {
            if (length != strlen(header) || memcmp(line, header, length) != 0)
                return mgm_fail(ctx, MGM_E_INVALID, "%s: these are results of something else: %.*s, expected %s", name,
                                length < 300 ? (int)length : 300, line, header);
        } else {
            cJSON *object = NULL;
            struct mgm_eval_result result;
            enum mgm_status status =
                mgm_json_parse(ctx, name, "a line is no JSON object", (const uint8_t *)line, length, &object);
            if (status == MGM_OK)
                status = read_result(object, &result) ? each(argument, &result) : MGM_E_FORMAT;
            cJSON_Delete(object);
            if (status == MGM_E_FORMAT)
                return mgm_fail(ctx, status, "%s, line %d: no result of a picture", name, number);
            if (status != MGM_OK)
                return status;
        }
        *whole += length + 1;
    }
    return MGM_OK;
}
