/*
 * NCCL: sums between devices, in the order of everything else on the device's stream. The library is loaded when several
 * processes train together, and only then, so that the module works where it is not installed.
 */
#include "nn/backends/cuda/cuda_device.h"

#ifdef MGM_WITH_NCCL

#include <dlfcn.h>
#include <nccl.h>
#include <stdlib.h>

struct mgm_cuda_nccl {
    ncclComm_t comm;
    decltype(&ncclGetUniqueId) get_id;
    decltype(&ncclCommInitRank) init_rank;
    decltype(&ncclAllReduce) all_reduce;
    decltype(&ncclCommDestroy) destroy;
    decltype(&ncclGetErrorString) error_string;
};

template <typename F> static bool find(void *library, const char *name, F *function)
{
    *(void **)function = dlsym(library, name);
    return *function != NULL;
}

static bool load(struct mgm_cuda_nccl *nccl)
{
    void *library = dlopen("libnccl.so.2", RTLD_NOW | RTLD_LOCAL); /* stays loaded, as this module does */
    return library && find(library, "ncclGetUniqueId", &nccl->get_id) &&
           find(library, "ncclCommInitRank", &nccl->init_rank) && find(library, "ncclAllReduce", &nccl->all_reduce) &&
           find(library, "ncclCommDestroy", &nccl->destroy) && find(library, "ncclGetErrorString", &nccl->error_string);
}

/* At each step all go on, or none: a process that waits in NCCL for one that has given up would wait for ever. */
static bool connect(struct mgm_cuda *cuda, struct mgm_communicator *c, struct mgm_cuda_nccl *nccl)
{
    ncclUniqueId id;
    if (mgm_communicator_any(c, !load(nccl)))
        return false;
    memset(&id, 0, sizeof id);
    const bool got = c->rank > 0 || nccl->get_id(&id) == ncclSuccess;
    mgm_communicator_tell(c, &id, sizeof id);
    if (mgm_communicator_any(c, !got || !mgm_cuda_enter(cuda)))
        return false;
    /* Two processes with one device, for instance, are refused here, in all of them. */
    const ncclResult_t result = nccl->init_rank(&nccl->comm, c->size, id, c->rank);
    if (result != ncclSuccess)
        nccl->comm = NULL;
    return !mgm_communicator_any(c, result != ncclSuccess);
}

bool mgm_cuda_nccl_join(struct mgm_cuda *cuda, struct mgm_communicator *c)
{
    struct mgm_cuda_nccl *nccl = (struct mgm_cuda_nccl *)mgm_alloc_zeroed(1, sizeof *nccl);
    if (mgm_communicator_any(c, !nccl)) {
        mgm_free(nccl);
        return false;
    }
    cuda->device->nccl = nccl;
    if (connect(cuda, c, nccl) && !c->failed)
        return true;
    mgm_cuda_nccl_leave(cuda);
    return false;
}

void mgm_cuda_nccl_sum(struct mgm_cuda *cuda, void *values, size_t count, bool f64)
{
    struct mgm_cuda_nccl *nccl = cuda->device->nccl;
    if (!mgm_cuda_enter(cuda))
        return;
    const ncclResult_t result = nccl->all_reduce(values, values, count, f64 ? ncclDouble : ncclFloat, ncclSum, nccl->comm,
                                                 mgm_cuda_stream(cuda));
    if (result != ncclSuccess)
        mgm_cuda_keep(cuda, MGM_E_BACKEND, "NCCL could not sum up over the processes: %s", nccl->error_string(result));
}

void mgm_cuda_nccl_leave(struct mgm_cuda *cuda)
{
    struct mgm_cuda_nccl *nccl = cuda->device->nccl;
    if (nccl && nccl->comm)
        nccl->destroy(nccl->comm);
    mgm_free(nccl);
    cuda->device->nccl = NULL;
}

#else

bool mgm_cuda_nccl_join(struct mgm_cuda *, struct mgm_communicator *)
{
    return false;
}

void mgm_cuda_nccl_sum(struct mgm_cuda *, void *, size_t, bool)
{
}

void mgm_cuda_nccl_leave(struct mgm_cuda *)
{
}

#endif
