/** mgm export-onnx: the network as a file for other runtimes. */
#include "command.h"
#include "models.h"

#include "export/onnx.h"

#include <limits.h>
#include <stdio.h>

struct values {
    const char *model, *output, *size;
    int opset;
};

static const struct command_option options[] = {
    {"model", 0, OPTION_TEXT, offsetof(struct values, model), "MODEL",
     "an installed model's name, such as small, or a weights file, safetensors or .pth", .required = true,
     .takes = TAKES_MODEL},
    {"output", 'o', OPTION_TEXT, offsetof(struct values, output), "OUT", "ONNX file to write", .required = true},
    {"size", 0, OPTION_TEXT, offsetof(struct values, size), "HxW",
     "the only height and width that the network will take; without it, it takes any", .takes = TAKES_ANYTHING},
    {"opset", 0, OPTION_INT, offsetof(struct values, opset), "N", "version of the operator set to declare; without it, 13",
     .low = MGM_ONNX_OPSET_MIN, .high = MGM_ONNX_OPSET_MAX},
    {0},
};

static const struct command_example examples[] = {
    {"Take the network to another runtime:", "mgm export-onnx --model model.safetensors -o net.onnx"},
    {"For one that wants to know the size of its input:",
     "mgm export-onnx --model model.safetensors -o net-512.onnx --size 512x768"},
    {0},
};

static int run(int argc, char **argv);

const struct command cmd_export_onnx = {
    .name = "export-onnx",
    .summary = "writes the network as an ONNX file",
    .synopsis = "--model W -o OUT.onnx [--size HxW] [--opset N]",
    .details = "The file takes image [n, 3, h, w] (RGB in 0 … 1, normalised with ImageNet's mean and deviation) and\n"
               "guidance [n, 1, h, w] (0 … 1); h and w are multiples of 32. It gives, all [n, 1, h, w], alpha_os8,\n"
               "alpha_os4, alpha_os1 (what the three heads say) and alpha (the three fused by progressive refinement):\n"
               "what mgm forward computes. With --size, n is 1.\n"
               "\n"
               "Norms are folded into convolutions where that is exact; operators are standard ones. The file's metadata\n"
               "tell name, licence, width, and the mean and deviation to normalise with.",
    .options = options,
    .examples = examples,
    .min_operands = 0,
    .max_operands = 0,
    .run = run,
};

/** "HxW". */
static bool read_size(const char *text, struct mgm_onnx_settings *settings)
{
    int end = 0;
    return sscanf(text, "%6dx%6d%n", &settings->h, &settings->w, &end) == 2 && text[end] == 0 && settings->h > 0 &&
           settings->w > 0;
}

static enum mgm_status export_model(struct mgm_context *ctx, const struct values *values,
                                    const struct mgm_onnx_settings *settings)
{
    struct mgm_model *model = NULL;
    char path[PATH_MAX];
    TRY(mgm_onnx_settings_check(ctx, settings));
    TRY(model_find(ctx, values->model, path, sizeof path));
    TRY(mgm_model_load(ctx, path, &model));
    enum mgm_status status = mgm_onnx_export(ctx, model, settings, values->output);
    mgm_model_destroy(&model);
    return status;
}

static int run(int argc, char **argv)
{
    struct mgm_onnx_settings settings = mgm_onnx_settings_defaults();
    struct values values = {.opset = settings.opset};
    struct operands operands;
    struct mgm_context *ctx = NULL;
    int status = command_parse(&cmd_export_onnx, argc, argv, &values, &operands);
    if (status != COMMAND_GO_ON)
        return status;
    settings.opset = values.opset;
    if (values.size && !read_size(values.size, &settings))
        return command_misused(&cmd_export_onnx, "--size is '%s'; expected height and width, such as 512x768", values.size);
    status = STATUS_OK;
    if (mgm_context_create(&ctx) != MGM_OK)
        status = command_failed(&cmd_export_onnx, "not enough memory");
    else if (export_model(ctx, &values, &settings) != MGM_OK)
        status = command_failed(&cmd_export_onnx, "%s", mgm_context_error(ctx));
    mgm_context_destroy(&ctx);
    return status;
}
