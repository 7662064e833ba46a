/** mgm info: what a weights file holds. */
#include "command.h"
#include "models.h"
#include "report.h"

#include "matting/model.h"
#include "matting/network.h"
#include "weights/weights.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

enum { NAMES_SHOWN = 8 };

struct values {
    bool json;
};

static const struct command_option options[] = {
    {"json", 0, OPTION_FLAG, offsetof(struct values, json), NULL, "one JSON object on stdout"},
    {0},
};

static const struct command_example examples[] = {
    {"Say which models are installed:", "mgm info"},
    {"Say what a checkpoint holds:", "mgm info model.pth"},
    {"The same for another program:", "mgm info model.pth --json > facts.json"},
    {0},
};

static int run(int argc, char **argv);

const struct command cmd_info = {
    .name = "info",
    .summary = "says what a weights file holds, or which models are installed",
    .synopsis = "[FILE] [--json]",
    .details = "Reads any safetensors file, sets of them by their index (.safetensors.index.json), and checkpoints of\n"
               "PyTorch's (nothing in them is executed). Of a matting network or one for foreground\n"
               "colours it tells what it finds from what, width, size, how it was trained and what it scored; of\n"
               "anything else, what tensors it has. A word without a dot or a slash is the name of an installed model.\n"
               "Without FILE, these are listed, each with what its card says first.",
    .options = options,
    .examples = examples,
    .min_operands = 0,
    .max_operands = 1,
    .takes = TAKES_MODEL,
    .run = run,
};

static const char *dtype_name(enum mgm_dtype dtype)
{
    static const char *const names[] = {"F32", "F16", "BF16", "F64", "U8", "I64", "I32", "I16", "I8", "BOOL", "other"};
    return dtype <= MGM_DTYPE_OTHER ? names[dtype] : "other";
}

/** The type that most values are stored in. */
static enum mgm_dtype main_dtype(const struct mgm_safetensors *file)
{
    size_t values[MGM_DTYPE_OTHER + 1] = {0};
    enum mgm_dtype best = MGM_DTYPE_F32;
    for (int i = 0; i < mgm_safetensors_count(file); i++) {
        const struct mgm_tensor *tensor = mgm_safetensors_at(file, i);
        values[tensor->dtype] += tensor->count;
        if (values[tensor->dtype] > values[best])
            best = tensor->dtype;
    }
    return best;
}

/** Metadata that is itself JSON (the training facts) is shown as such. */
static cJSON *describe_metadata(const struct mgm_safetensors *file)
{
    cJSON *object = cJSON_CreateObject();
    for (int i = 0; i < mgm_safetensors_metadata_count(file); i++) {
        const char *key, *value;
        mgm_safetensors_metadata_at(file, i, &key, &value);
        cJSON *parsed = value[0] == '{' ? cJSON_Parse(value) : NULL;
        cJSON_AddItemToObject(object, key, parsed ? parsed : cJSON_CreateString(value));
    }
    return object;
}

static cJSON *describe_names(const struct mgm_safetensors *file)
{
    cJSON *array = cJSON_CreateArray();
    for (int i = 0; i < mgm_safetensors_count(file) && i < NAMES_SHOWN; i++)
        cJSON_AddItemToArray(array, cJSON_CreateString(mgm_safetensors_at(file, i)->name));
    return array;
}

static void describe_model(const struct mgm_model *model, cJSON *object)
{
    static const char *const tasks[] = {"foreground colours", "foreground colours, from their estimate", "mattes"};
    static const char *const inputs[] = {"photo, alpha", "photo, alpha, estimated foreground and background",
                                         "photo, guidance"};
    const struct mgm_model_facts facts = mgm_model_facts(model);
    const enum mgm_colour_kind kind = model->colour ? model->kind : MGM_COLOUR_KINDS;
    cJSON_AddStringToObject(object, "architecture", mgm_architecture_name(kind));
    cJSON_AddStringToObject(object, "finds", tasks[kind]);
    cJSON_AddStringToObject(object, "inputs", inputs[kind]);
    cJSON_AddNumberToObject(object, "channels", model->graph.layers[0].channels);
    report_add_text(object, "name", facts.name);
    cJSON_AddNumberToObject(object, "width", facts.width);
    cJSON_AddNumberToObject(object, "parameters", (double)facts.parameters);
}

static cJSON *describe(struct mgm_context *ctx, const char *path, const struct mgm_safetensors *file)
{
    struct mgm_model *model = NULL;
    const int shards = mgm_safetensors_shard_count(file);
    size_t values = 0;
    for (int i = 0; i < mgm_safetensors_count(file); i++)
        values += mgm_safetensors_at(file, i)->count;
    cJSON *object = cJSON_CreateObject();
    report_add_text(object, "file", path);
    if (mgm_model_from_file(ctx, file, &model) == MGM_OK) {
        describe_model(model, object);
    } else {
        cJSON_AddNullToObject(object, "architecture");
        report_add_text(object, "why_not", mgm_context_error(ctx));
        cJSON_AddItemToObject(object, "first_names", describe_names(file));
    }
    cJSON_AddNumberToObject(object, "tensors", mgm_safetensors_count(file));
    cJSON_AddNumberToObject(object, "values", (double)values);
    cJSON_AddStringToObject(object, "dtype", dtype_name(main_dtype(file)));
    if (shards)
        cJSON_AddNumberToObject(object, "shards", shards);
    cJSON_AddNumberToObject(object, "bytes", (double)mgm_safetensors_bytes(file));
    cJSON_AddItemToObject(object, "metadata", describe_metadata(file));
    mgm_model_destroy(&model);
    return object;
}

/** "key  value" lines; nested objects indented. */
static void print_facts(const cJSON *object, int indent)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, object)
    {
        if (cJSON_IsObject(item)) {
            if (item->child)
                printf("%*s%s\n", indent, "", command_printable(item->string));
            print_facts(item, indent + 2);
        } else if (cJSON_IsString(item)) {
            char *text = command_printable(item->valuestring);
            printf("%*s%-*s%s\n", indent, "", item->string ? 15 : 0, item->string ? command_printable(item->string) : "",
                   text);
        } else if (cJSON_IsNumber(item)) {
            printf("%*s%-14s %.15g\n", indent, "", item->string ? item->string : "", item->valuedouble);
        } else if (cJSON_IsArray(item)) {
            printf("%*s%s\n", indent, "", item->string);
            print_facts(item, indent + 2);
        }
    }
}

/** @param json  an array of objects */
static int list_installed(bool json)
{
    struct model_names installed;
    cJSON *array = cJSON_CreateArray();
    char text[512];
    models_list(&installed);
    for (int i = 0; i < installed.count; i++) {
        const char *name = installed.names[i], *card = model_card_line(name, text, sizeof text);
        cJSON *object = cJSON_CreateObject();
        cJSON_AddStringToObject(object, "name", name);
        report_add_text(object, "card", card);
        cJSON_AddItemToArray(array, object);
        if (!json)
            printf("%-12s %s\n", name, card);
    }
    if (json)
        return report_print(array);
    cJSON_Delete(array);
    return report_finish();
}

static int run(int argc, char **argv)
{
    struct values values = {0};
    char path[PATH_MAX];
    struct operands operands;
    struct mgm_context *ctx = NULL;
    struct mgm_safetensors *file = NULL;
    int status = command_parse(&cmd_info, argc, argv, &values, &operands);
    if (status != COMMAND_GO_ON)
        return status;
    if (operands.count == 0)
        return list_installed(values.json);
    if (mgm_context_create(&ctx) != MGM_OK || model_find(ctx, operands.values[0], path, sizeof path) != MGM_OK ||
        mgm_weights_open(ctx, path, &file) != MGM_OK) {
        status = command_failed(&cmd_info, "%s", mgm_context_error(ctx));
    } else {
        cJSON *object = describe(ctx, path, file);
        bool is_network = !cJSON_IsNull(cJSON_GetObjectItem(object, "architecture"));
        if (!is_network && !values.json)
            puts("no network for mattes or colours");
        if (!values.json)
            print_facts(object, 0);
        status = values.json ? report_print(object) : report_finish();
        if (!values.json)
            cJSON_Delete(object);
    }
    mgm_safetensors_close(&file);
    mgm_context_destroy(&ctx);
    return status;
}
