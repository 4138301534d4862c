/*
 * The header's functions. Each looks at one flag, which fork sets in the child, and goes on to its Go half: entering Go
 * in a forked child may wait for ever on threads that only the parent has.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "_cgo_export.h"
#include "numpywren.h"

static volatile int forked;

static void child(void) { forked = 1; }

__attribute__((constructor)) static void watch_fork(void) { pthread_atfork(NULL, NULL, child); }

static npw_status refuse(npw_error *error) {
  if (error != NULL) {
    error->os_errno = 0;
    error->message = strdup(
        "numpywren cannot be used in a forked child: its threads stayed in the parent; start the process with "
        "multiprocessing's \"spawn\" or \"forkserver\" method");
  }
  return NPW_CLOSED;
}

#define ENTER(call) return forked ? refuse(error) : (npw_status)(call)

int32_t npw_abi_version(void) { return NPW_ABI_VERSION; }

const char *npw_version(void) { return forked ? "" : goVersion(); }

void npw_free(void *memory) { free(memory); }

npw_status npw_open(const char *config, npw_handle *executor, npw_error *error) {
  ENTER(goOpen((char *)config, executor, error));
}

npw_status npw_close(npw_handle executor, npw_error *error) { ENTER(goClose(executor, error)); }

npw_status npw_describe(npw_handle executor, char **json, npw_error *error) {
  ENTER(goDescribe(executor, json, error));
}

npw_status npw_apply(npw_handle executor, const char *op, const char *operands, const char *params, npw_handle *arrays,
                     int32_t capacity, int32_t *n, npw_error *error) {
  ENTER(goApply(executor, (char *)op, (char *)operands, (char *)params, arrays, capacity, n, error));
}

npw_status npw_info(npw_handle array, char **json, npw_error *error) { ENTER(goInfo(array, json, error)); }

npw_status npw_explain(npw_handle executor, const npw_handle *arrays, int32_t n, int32_t max_blocks, char **text,
                       npw_error *error) {
  ENTER(goExplain(executor, (npw_handle *)arrays, n, max_blocks, text, error));
}

npw_status npw_array_free(npw_handle array, npw_error *error) { ENTER(goArrayFree(array, error)); }

npw_status npw_open_matrix(npw_handle executor, const char *name, npw_handle *array, npw_error *error) {
  ENTER(goOpenMatrix(executor, (char *)name, array, error));
}

npw_status npw_list(npw_handle executor, char **json, npw_error *error) { ENTER(goList(executor, json, error)); }

npw_status npw_delete(npw_handle executor, const char *name, npw_error *error) {
  ENTER(goDelete(executor, (char *)name, error));
}

npw_status npw_check_program(const char *filename, const char *source, char **json, npw_error *error) {
  ENTER(goCheckProgram((char *)filename, (char *)source, json, error));
}

npw_status npw_from_buffer(npw_handle executor, const npw_buffer *buffer, const char *name, const int64_t *block_shape,
                           int32_t nblock, npw_handle *job, npw_error *error) {
  ENTER(goFromBuffer(executor, (npw_buffer *)buffer, (char *)name, (int64_t *)block_shape, nblock, job, error));
}

npw_status npw_from_file(npw_handle executor, const char *format, const char *path, const char *name,
                         const int64_t *block_shape, int32_t nblock, npw_handle *job, npw_error *error) {
  ENTER(goFromFile(executor, (char *)format, (char *)path, (char *)name, (int64_t *)block_shape, nblock, job, error));
}

npw_status npw_submit(npw_handle executor, const npw_handle *arrays, const char *const *names, int32_t n,
                      npw_handle *job, npw_error *error) {
  ENTER(goSubmit(executor, (npw_handle *)arrays, (char **)names, n, job, error));
}

npw_status npw_read_into(npw_handle executor, const npw_handle *arrays, const npw_buffer *buffers, int32_t n,
                         npw_handle *job, npw_error *error) {
  ENTER(goReadInto(executor, (npw_handle *)arrays, (npw_buffer *)buffers, n, job, error));
}

npw_status npw_save(npw_handle executor, npw_handle array, const char *path, npw_handle *job, npw_error *error) {
  ENTER(goSave(executor, array, (char *)path, job, error));
}

npw_status npw_dispatch(npw_handle executor, const npw_handle *arrays, const char *const *names, int32_t n,
                        npw_handle *job, npw_error *error) {
  ENTER(goDispatch(executor, (npw_handle *)arrays, (char **)names, n, job, error));
}

npw_status npw_request(npw_handle executor, const char *request, npw_handle *job, npw_error *error) {
  ENTER(goRequest(executor, (char *)request, job, error));
}

npw_status npw_job_answer(npw_handle job, char **json, npw_error *error) { ENTER(goJobAnswer(job, json, error)); }

npw_status npw_job_wait(npw_handle job, int32_t timeout_ms, int32_t *done, npw_error *error) {
  ENTER(goJobWait(job, timeout_ms, done, error));
}

npw_status npw_job_result(npw_handle job, npw_handle *array, npw_error *error) {
  ENTER(goJobResult(job, array, error));
}

npw_status npw_job_cancel(npw_handle job, npw_error *error) { ENTER(goJobCancel(job, error)); }

npw_status npw_job_progress(npw_handle job, char **json, npw_error *error) {
  ENTER(goJobProgress(job, json, error));
}

npw_status npw_job_free(npw_handle job, npw_error *error) { ENTER(goJobFree(job, error)); }

npw_status npw_put_function(npw_handle executor, const char *key, const npw_bytes *pieces, int32_t n, npw_error *error) {
  ENTER(goPutFunction(executor, (char *)key, (npw_bytes *)pieces, n, error));
}

npw_status npw_call(npw_handle executor, const char *call, const npw_bytes *pieces, const int32_t *counts, int32_t n,
                    int64_t *first, npw_error *error) {
  ENTER(goCall(executor, (char *)call, (npw_bytes *)pieces, (int32_t *)counts, n, first, error));
}

npw_status npw_calls_ended(npw_handle executor, int32_t timeout_ms, void **records, int64_t *size, npw_error *error) {
  ENTER(goCallsEnded(executor, timeout_ms, records, size, error));
}

npw_status npw_call_read(npw_handle executor, int64_t number, void *data, int64_t size, npw_error *error) {
  ENTER(goCallRead(executor, number, data, size, error));
}

npw_status npw_call_running(npw_handle executor, int64_t number, int32_t *running, npw_error *error) {
  ENTER(goCallRunning(executor, number, running, error));
}

npw_status npw_call_cancel(npw_handle executor, int64_t number, int32_t *cancelled, npw_error *error) {
  ENTER(goCallCancel(executor, number, cancelled, error));
}

npw_status npw_call_forget(npw_handle executor, int64_t number, npw_error *error) {
  ENTER(goCallForget(executor, number, error));
}
