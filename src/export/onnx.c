#include "export/onnx.h"

#include "base/memory.h"
#include "export/onnx_build.h"
#include "matting/network.h"
#include "nn/graph_check.h"
#include "weights/output_file.h"

#include <stdio.h>

/* The format's version that came with opset 13; nothing of a later one is used. */
enum { IR_VERSION = 7 };

static const char description[] =
    "Mask guided matting. Feed 'image', RGB in 0 to 1 less image_mean, divided by image_deviation (see metadata_props), and "
    "'guidance', a rough mask in 0 to 1; heights and widths are multiples of 32. 'alpha' is the matte.";

static void describe_ends(struct mgm_onnx_build *b, const struct mgm_onnx_settings *s)
{
    const int n = s->h ? 1 : 0;
    mgm_onnx_graph_input(
        b, "image", n, 3, s->h, s->w,
        "RGB in 0 to 1, less the mean (0.485, 0.456, 0.406), divided by the deviation (0.229, 0.224, 0.225)");
    mgm_onnx_graph_input(b, "guidance", n, 1, s->h, s->w, "0 to 1, not normalised: mask, soft matte, or trimap with 0.5");
    mgm_onnx_graph_output(b, "alpha_os8", n, 1, s->h, s->w, "matte of the head at stride 8, up-sampled; 0 to 1");
    mgm_onnx_graph_output(b, "alpha_os4", n, 1, s->h, s->w, "matte of the head at stride 4, up-sampled; 0 to 1");
    mgm_onnx_graph_output(b, "alpha_os1", n, 1, s->h, s->w, "matte of the head at full resolution; 0 to 1");
    mgm_onnx_graph_output(b, "alpha", n, 1, s->h, s->w, "the matte: the three, fused by progressive refinement; 0 to 1");
}

static void add_metadata(struct mgm_onnx_build *b, Onnx__ModelProto *model, const char *key, char *value)
{
    Onnx__StringStringEntryProto *entry = mgm_onnx_alloc(b, 1, sizeof *entry);
    if (!entry)
        return;
    onnx__string_string_entry_proto__init(entry);
    entry->key = mgm_onnx_copy(b, key);
    entry->value = value;
    mgm_onnx_append(b, &model->metadata_props, &model->n_metadata_props, entry);
}

static char *list_of(struct mgm_onnx_build *b, const float values[3])
{
    return mgm_onnx_name(b, "[%g, %g, %g]", (double)values[0], (double)values[1], (double)values[2]);
}

static void describe_model(struct mgm_onnx_build *b, Onnx__ModelProto *proto, const struct mgm_model *model,
                           const struct mgm_onnx_settings *settings)
{
    Onnx__OperatorSetIdProto *opset = mgm_onnx_alloc(b, 1, sizeof *opset);
    if (!opset)
        return;
    onnx__operator_set_id_proto__init(opset);
    opset->domain = mgm_onnx_copy(b, "");
    opset->has_version = true;
    opset->version = settings->opset;
    onnx__model_proto__init(proto);
    mgm_onnx_append(b, &proto->opset_import, &proto->n_opset_import, opset);
    proto->has_ir_version = true;
    proto->ir_version = IR_VERSION;
    proto->producer_name = mgm_onnx_copy(b, "mgm");
    proto->producer_version = mgm_onnx_copy(b, MGM_VERSION);
    proto->doc_string = mgm_onnx_copy(b, description);
    proto->graph = &b->graph;
    b->graph.name = mgm_onnx_copy(b, MGM_ARCHITECTURE);
    add_metadata(b, proto, MGM_METADATA_ARCHITECTURE, mgm_onnx_copy(b, MGM_ARCHITECTURE));
    add_metadata(b, proto, MGM_METADATA_WIDTH, mgm_onnx_name(b, "%.10g", model->width));
    add_metadata(b, proto, MGM_METADATA_NAME, mgm_onnx_copy(b, model->name));
    if (model->license[0])
        add_metadata(b, proto, MGM_METADATA_LICENSE, mgm_onnx_copy(b, model->license));
    add_metadata(b, proto, "image_mean", list_of(b, mgm_network_mean));
    add_metadata(b, proto, "image_deviation", list_of(b, mgm_network_deviation));
    add_metadata(b, proto, "size_multiple", mgm_onnx_name(b, "%d", MGM_ONNX_SIZE_MULTIPLE));
}

/* The format's own limit is 2 GB; the widest network that a weights file can claim (8) may well be beyond it. */
static enum mgm_status write_model(struct mgm_context *ctx, const Onnx__ModelProto *proto, const char *path)
{
    const size_t size = onnx__model_proto__get_packed_size(proto);
    if (size > INT32_MAX)
        return mgm_fail(ctx, MGM_E_UNSUPPORTED, "%s: would have %.1f GB, and an ONNX file can have 2", path,
                        (double)size / 1e9);
    struct mgm_output_file file;
    TRY(mgm_output_file_open(ctx, path, &file));
    uint8_t *bytes = mgm_alloc(size, 1);
    enum mgm_status status = bytes ? MGM_OK : mgm_fail_nomem(ctx, path);
    if (bytes) {
        onnx__model_proto__pack(proto, bytes);
        status = mgm_output_file_write(&file, bytes, size);
    }
    mgm_free(bytes);
    if (status == MGM_OK)
        return mgm_output_file_finish(&file);
    mgm_output_file_discard(&file);
    return status;
}

enum mgm_status mgm_onnx_export(struct mgm_context *ctx, const struct mgm_model *model,
                                const struct mgm_onnx_settings *settings, const char *path)
{
    struct mgm_onnx_build build;
    Onnx__ModelProto proto;
    char *heads[MGM_HEAD_COUNT];
    TRY(mgm_onnx_settings_check(ctx, settings));
    if (model->fusion != MGM_FUSE_BY_REFINEMENT)
        return mgm_fail(ctx, MGM_E_UNSUPPORTED,
                        "the heads of '%s' are not fused by refinement (metadata 'fusion': '%s'); only such models can be "
                        "exported",
                        model->name, mgm_head_fusion_names[model->fusion]);
    TRY(mgm_graph_check_inference(ctx, &model->graph));
    mgm_onnx_begin(&build, ctx);
    describe_ends(&build, settings);
    describe_model(&build, &proto, model, settings);
    enum mgm_status status = mgm_model_hold_params(ctx, model);
    if (status == MGM_OK) {
        status = mgm_onnx_network(&build, &model->graph, &model->params, settings->h, settings->w, heads);
        mgm_model_drop_params(model);
    }
    if (status == MGM_OK)
        mgm_onnx_refinement(&build, heads, settings->dilate_os4, settings->dilate_os1);
    if (status == MGM_OK && build.failed)
        status = mgm_fail_nomem(ctx, path);
    if (status == MGM_OK)
        status = write_model(ctx, &proto, path);
    mgm_onnx_release(&build);
    return status;
}
