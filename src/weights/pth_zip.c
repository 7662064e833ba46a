/* Since PyTorch 1.6: an archive whose entries, none of them compressed, are NAME/data.pkl and NAME/data/KEY. */
#include "base/memory.h"
#include "weights/pth_file.h"

#include <stdio.h>
#include <string.h>
#include <zip.h>

static const char PICKLE_ENTRY[] = "data.pkl";

static enum mgm_status open_archive(struct pth_file *file)
{
    zip_error_t error;
    zip_error_init(&error);
    zip_source_t *source = zip_source_buffer_create(file->bytes, file->size, 0, &error);
    file->archive = source ? zip_open_from_source(source, ZIP_RDONLY, &error) : NULL;
    enum mgm_status status = MGM_OK;
    if (!file->archive) {
        zip_source_free(source);
        status = zip_error_code_zip(&error) == ZIP_ER_MEMORY
                     ? mgm_fail_nomem(file->ctx, file->name)
                     : mgm_fail(file->ctx, MGM_E_FORMAT, "%s: truncated or damaged: it begins as a zip archive, but: %s",
                                file->name, zip_error_strerror(&error));
    }
    zip_error_fini(&error);
    return status;
}

/* Fills in the prefix: "NAME/" before the pickle. */
static enum mgm_status find_pickle(struct pth_file *file, zip_uint64_t *index)
{
    zip_int64_t count = zip_get_num_entries(file->archive, 0);
    for (zip_int64_t i = 0; i < count; i++) {
        const char *name = zip_get_name(file->archive, (zip_uint64_t)i, ZIP_FL_ENC_RAW),
                   *slash = name ? strchr(name, '/') : NULL;
        if (!slash || strcmp(slash + 1, PICKLE_ENTRY) != 0 || (size_t)(slash + 1 - name) >= sizeof file->prefix)
            continue;
        snprintf(file->prefix, sizeof file->prefix, "%.*s", (int)(slash + 1 - name), name);
        *index = (zip_uint64_t)i;
        return MGM_OK;
    }
    return mgm_fail(file->ctx, MGM_E_FORMAT, "%s: a zip archive, but no checkpoint of PyTorch's: it has no '%s'", file->name,
                    PICKLE_ENTRY);
}

/* How many bytes an entry has, provided that they can be read. */
static enum mgm_status measure(struct pth_file *file, zip_uint64_t index, zip_uint64_t *size)
{
    zip_stat_t facts;
    if (zip_stat_index(file->archive, index, 0, &facts) != 0 || !(facts.valid & ZIP_STAT_SIZE) ||
        !(facts.valid & ZIP_STAT_COMP_METHOD) || !(facts.valid & ZIP_STAT_NAME))
        return mgm_fail(file->ctx, MGM_E_FORMAT, "%s: damaged: an entry of the archive has no size", file->name);
    if (facts.comp_method != ZIP_CM_STORE || ((facts.valid & ZIP_STAT_ENCRYPTION_METHOD) && facts.encryption_method))
        return mgm_fail(file->ctx, MGM_E_UNSUPPORTED,
                        "%s: '%.200s' in it is compressed or encrypted; expected plain data, as PyTorch writes them",
                        file->name, facts.name);
    if (facts.size > file->room)
        return mgm_fail(file->ctx, MGM_E_FORMAT, "%s: damaged: its entries have more bytes than the file", file->name);
    *size = facts.size;
    return MGM_OK;
}

/* What was read counts once, however many entries lie on top of each other. */
static enum mgm_status read_entry(struct pth_file *file, zip_uint64_t index, uint8_t *bytes, zip_uint64_t size)
{
    file->room -= (size_t)size;
    zip_file_t *entry = zip_fopen_index(file->archive, index, 0);
    zip_uint64_t done = 0;
    uint8_t beyond;
    bool whole = entry != NULL;
    while (whole && done < size) {
        zip_int64_t part = zip_fread(entry, bytes + done, size - done);
        whole = part > 0;
        done += part > 0 ? (zip_uint64_t)part : 0;
    }
    whole = whole && zip_fread(entry, &beyond, 1) == 0; /* reading on to the end has the checksum compared */
    const char *why = entry ? zip_file_strerror(entry) : zip_strerror(file->archive);
    const char *name = zip_get_name(file->archive, index, ZIP_FL_ENC_RAW);
    enum mgm_status status = MGM_OK;
    if (!whole)
        status = mgm_fail(file->ctx, MGM_E_FORMAT, "%s: truncated or damaged: '%.200s' in it cannot be read: %s", file->name,
                          name ? name : "?", why);
    if (entry)
        zip_fclose(entry);
    return status;
}

static enum mgm_status check_byte_order(struct pth_file *file)
{
    char name[sizeof file->prefix + 16], order[8] = "";
    snprintf(name, sizeof name, "%sbyteorder", file->prefix);
    zip_int64_t index = zip_name_locate(file->archive, name, ZIP_FL_ENC_RAW);
    zip_uint64_t size;
    if (index < 0)
        return MGM_OK; /* before PyTorch 2.1 */
    TRY(measure(file, (zip_uint64_t)index, &size));
    if (size >= sizeof order)
        return MGM_OK;
    TRY(read_entry(file, (zip_uint64_t)index, (uint8_t *)order, size));
    if (strcmp(order, "big") == 0)
        return mgm_fail(file->ctx, MGM_E_UNSUPPORTED, "%s: a checkpoint with big-endian data; expected little-endian ones",
                        file->name);
    return MGM_OK;
}

enum mgm_status pth_zip_open(struct pth_file *file)
{
    zip_uint64_t index = 0, size = 0;
    size_t used;
    TRY(open_archive(file));
    TRY(find_pickle(file, &index));
    TRY(check_byte_order(file));
    TRY(measure(file, index, &size));
    file->data_pickle = mgm_alloc(size, 1);
    if (!file->data_pickle)
        return mgm_fail_nomem(file->ctx, file->name);
    TRY(read_entry(file, index, file->data_pickle, size));
    TRY(mgm_pickle_read(file->ctx, file->name, file->data_pickle, size, &used, &file->pickle));
    return pth_list_storages(file);
}

enum mgm_status pth_zip_load(struct pth_file *file, struct pth_storage *storage)
{
    char name[sizeof file->prefix + 128];
    zip_uint64_t size;
    zip_int64_t index = -1;
    if (storage->key_length < 100) {
        snprintf(name, sizeof name, "%sdata/%.*s", file->prefix, (int)storage->key_length, storage->key);
        index = zip_name_locate(file->archive, name, ZIP_FL_ENC_RAW);
    }
    if (index < 0)
        return mgm_fail(file->ctx, MGM_E_FORMAT, "%s: damaged: storage '%.*s' is missing", file->name,
                        (int)(storage->key_length < 100 ? storage->key_length : 100), storage->key);
    TRY(measure(file, (zip_uint64_t)index, &size));
    if (size != pth_storage_bytes(storage))
        return mgm_fail(file->ctx, MGM_E_FORMAT, "%s: damaged: '%s' in it has %llu bytes; its tensors expect %zu",
                        file->name, name, (unsigned long long)size, pth_storage_bytes(storage));
    uint8_t *data = pth_keep(file, (size_t)size);
    if (!data)
        return mgm_fail_nomem(file->ctx, file->name);
    TRY(read_entry(file, (zip_uint64_t)index, data, size));
    storage->data = data;
    return MGM_OK;
}

void pth_zip_close(struct pth_file *file)
{
    if (file->archive)
        zip_discard(file->archive);
    mgm_free(file->data_pickle);
}
