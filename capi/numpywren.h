/*
 * numpywren.h: the C ABI of numpywren, written by hand. It is the contract: the Go side includes it, so that a
 * definition that differs does not compile, and a test holds the library's exported symbols against it.
 *
 * Threads     Every function may be called from any thread, the same handle from several at once.
 * Handles     npw_handle is an index into a checked table with its kind and generation. 0 is never valid. A handle that
 *             was freed, or is of another kind, is NPW_VALUE, never a crash.
 * Status      Every function that can fail returns an npw_status and, when `error` is not NULL, fills it. error->message
 *             is NULL on success; else it is UTF-8 text that the caller frees with npw_free.
 * Memory      Strings and arrays given to a function are read before it returns, except for the data of an npw_buffer,
 *             which belongs to the job until npw_job_free returns. Strings that come back (char **) are freed with npw_free.
 * Long work   Functions that give a job start it and return. Poll it with npw_job_wait and free it with npw_job_free,
 *             which cancels what still runs and waits until nothing touches the caller's buffers.
 * Fork        A forked child has none of its parent's threads. There every function returns NPW_CLOSED without entering
 *             Go (spawn and forkserver work).
 * Since       Everything here is since ABI 1, unless it says otherwise.
 */
#ifndef NUMPYWREN_H
#define NUMPYWREN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define NPW_ABI_VERSION 2

#if defined(__GNUC__)
#define NPW_API __attribute__((visibility("default")))
#else
#define NPW_API
#endif

/* The class of a failure; in brackets what Python raises. */
typedef enum npw_status {
  NPW_OK = 0,
  NPW_VALUE = 1,        /* a bad shape, a corrupt file, a program that does not check [ValueError] */
  NPW_TYPE = 2,         /* a dtype or an argument of the wrong type [TypeError] */
  NPW_INDEX = 3,        /* an axis or a position that is not there [IndexError, AxisError] */
  NPW_KEY = 4,          /* no matrix of that name [KeyError] */
  NPW_LINALG = 5,       /* not positive definite, singular [numpy.linalg.LinAlgError] */
  NPW_MEMORY = 6,       /* does not fit in the memory limit [MemoryError] */
  NPW_OS = 7,           /* a full disk, a read-only path [OSError, with os_errno] */
  NPW_NOT_FOUND = 8,    /* no such file [FileNotFoundError] */
  NPW_EXISTS = 9,       /* the name is taken [FileExistsError] */
  NPW_CLOSED = 10,      /* use after close, or in a forked child [RuntimeError] */
  NPW_CANCELLED = 11,   /* the job was cancelled */
  NPW_UNSUPPORTED = 12, /* not done by this version [NotImplementedError] */
  NPW_INTERNAL = 13,    /* a bug of numpywren [RuntimeError] */
  NPW_FUNCTION = 14     /* since ABI 2: a function of the caller's failed in its process; what it printed as a traceback
                         * follows in the message after an empty line [RuntimeError] */
} npw_status;

typedef uint64_t npw_handle;

typedef struct npw_error {
  int32_t os_errno; /* errno behind NPW_OS, NPW_NOT_FOUND and NPW_EXISTS where there is one, else 0 */
  char *message;    /* freed by the caller with npw_free; NULL on success */
} npw_error;

/* An array in the caller's memory. */
typedef struct npw_buffer {
  void *data;
  const char *dtype;      /* NumPy's name: "float64", "float32", "int64", "bool", … */
  int32_t ndim;           /* 0 to 32 */
  const int64_t *shape;   /* ndim of them; may be NULL when ndim is 0 */
  const int64_t *strides; /* as many, in bytes; may be negative or 0 */
} npw_buffer;

/* ---- The library ------------------------------------------------------------------------------------------------ */

/* NPW_ABI_VERSION of the library. Never fails. */
NPW_API int32_t npw_abi_version(void);
/* The library's version as a static string, not to be freed. Never fails. */
NPW_API const char *npw_version(void);
/* Frees what this library gave. NULL is allowed. */
NPW_API void npw_free(void *memory);

/* ---- Executors -------------------------------------------------------------------------------------------------- */

/* Opens an executor. config is a JSON object {"workers", "memory_limit", "path", "scratch", "retain",
 * "pipeline_width", "python"}, and for one whose programs run elsewhere {"storage", "queue", "region", "function",
 * "max_workers", "worker_memory", "factor", "budget"}: all optional, null or absent means the default, other keys are
 * NPW_VALUE. "python", since ABI 2, is the interpreter in which the caller's functions run; it has numpywren. AWS's
 * variables (AWS_*) are read from the environment as it is now. */
NPW_API npw_status npw_open(const char *config, npw_handle *executor, npw_error *error);
/* Cancels the executor's jobs, waits for them, removes its scratch files and frees the handle. Its arrays and jobs
 * remain handles to be freed; using them otherwise is NPW_CLOSED. */
NPW_API npw_status npw_close(npw_handle executor, npw_error *error);
/* The configuration in force and the memory in use, as a JSON object. */
NPW_API npw_status npw_describe(npw_handle executor, char **json, npw_error *error);

/* ---- Arrays: lazy expressions ----------------------------------------------------------------------------------- */

/* Applies the operation op. operands is a JSON list of {"h": handle}, {"f": number or "nan", "inf", "-inf"},
 * {"i": integer} or {"b": true/false}; params a JSON object (NULL: none), in which {"f": …} stands for a float too.
 * Writes the results' handles to arrays[0..*n). If there are more than capacity, none is given, *n is their
 * number, and the status is NPW_VALUE. Nothing is computed. */
NPW_API npw_status npw_apply(npw_handle executor, const char *op, const char *operands, const char *params,
                             npw_handle *arrays, int32_t capacity, int32_t *n, npw_error *error);
/* What is known of an array: a JSON object {"shape", "dtype", "block_shape", "blocks", "ntiles", "nbytes", "name",
 * "display", "computed", "where"}. */
NPW_API npw_status npw_info(npw_handle array, char **json, npw_error *error);
/* The program that computes the arrays: its text, the fused tasks, counts, flops, bytes, and at most max_blocks
 * instruction blocks (0: a default). */
NPW_API npw_status npw_explain(npw_handle executor, const npw_handle *arrays, int32_t n, int32_t max_blocks, char **text,
                               npw_error *error);
NPW_API npw_status npw_array_free(npw_handle array, npw_error *error);

/* ---- Matrices that have a name ---------------------------------------------------------------------------------- */

NPW_API npw_status npw_open_matrix(npw_handle executor, const char *name, npw_handle *array, npw_error *error);
/* A JSON list of what npw_info says of each. */
NPW_API npw_status npw_list(npw_handle executor, char **json, npw_error *error);
NPW_API npw_status npw_delete(npw_handle executor, const char *name, npw_error *error);

/* ---- Programs --------------------------------------------------------------------------------------------------- */

/* Parses and checks LAmbdaPACK text. Gives a JSON object {"programs": [{"name", "doc", "params": [{"name", "default"?}],
 * "outputs"}], "functions": [the names of those that they call]}; errors begin with "filename:line:column". */
NPW_API npw_status npw_check_program(const char *filename, const char *source, char **json, npw_error *error);

/* ---- Jobs ------------------------------------------------------------------------------------------------------- */

/* Sources: the job's result is an array. name may be NULL (no name); block_shape NULL means the default, else it has as
 * many entries as the array has dimensions (nblock). */
NPW_API npw_status npw_from_buffer(npw_handle executor, const npw_buffer *buffer, const char *name,
                                   const int64_t *block_shape, int32_t nblock, npw_handle *job, npw_error *error);
/* format is "npy" (a file, streamed) or "zarr" (a Zarr v3 array's folder); path may be a URL, s3://bucket/key. */
NPW_API npw_status npw_from_file(npw_handle executor, const char *format, const char *path, const char *name,
                                 const int64_t *block_shape, int32_t nblock, npw_handle *job, npw_error *error);
/* Computes the arrays as one program and keeps them; names has n entries, of which any may be NULL, or is NULL. */
NPW_API npw_status npw_submit(npw_handle executor, const npw_handle *arrays, const char *const *names, int32_t n,
                              npw_handle *job, npw_error *error);
/* Computes the arrays as one program and copies them into the buffers, which have their shapes and dtypes. */
NPW_API npw_status npw_read_into(npw_handle executor, const npw_handle *arrays, const npw_buffer *buffers, int32_t n,
                                 npw_handle *job, npw_error *error);
/* Computes the array and writes it to a .npy file, which appears whole or not at all; path may be a URL, s3://bucket/key. */
NPW_API npw_status npw_save(npw_handle executor, npw_handle array, const char *path, npw_handle *job, npw_error *error);

/* Has the arrays computed by workers elsewhere, and does not wait for them: npw_job_answer of the job is {"id": text}, by which
 * npw_request knows the work from then on, in any process. */
NPW_API npw_status npw_dispatch(npw_handle executor, const npw_handle *arrays, const char *const *names, int32_t n,
                                npw_handle *job, npw_error *error);
/* Asks about work that npw_dispatch began, whoever did. request is a JSON object {"op", "id"}: op is "jobs" (no id), "status",
 * "wait" (until it is done; the job then fails as the work did; freeing it leaves the work alone), "cancel", "resume",
 * "report", "logs", "matrices", or "provision" (no id; starts workers while any work runs, with {"forever": true} until it is
 * freed; the answer, {"from", "lines"}, grows while it does). npw_job_answer has what was asked for.
 * On an executor whose matrices outlive it, op may be "gc": {"dry_run": true} only tells, and "keep_days" is for how long the
 * records of work that ended stay.
 * On any executor, op may be "deploy", "check" or "delete": they make, check and remove a deployment on AWS, with
 * {"deployment": {"name", "storage", "region", "function", "role", "memory", "arch", "worker", "layers", "environment",
 * "event_source", "concurrency", "max_receive", "version"}, "dry_run", "contents"}; npw_job_answer is a list of lines that
 * tell what was done, also while the job runs and when it fails. */
NPW_API npw_status npw_request(npw_handle executor, const char *request, npw_handle *job, npw_error *error);
/* What a finished job of npw_dispatch or npw_request answers: JSON; "" for others. */
NPW_API npw_status npw_job_answer(npw_handle job, char **json, npw_error *error);

/* Waits until the job is done, at most timeout_ms (0 to 60000). *done says whether it is; if so the status is the job's
 * own, on every call. */
NPW_API npw_status npw_job_wait(npw_handle job, int32_t timeout_ms, int32_t *done, npw_error *error);
/* The array that a finished source job made: once, later calls are NPW_VALUE. */
NPW_API npw_status npw_job_result(npw_handle job, npw_handle *array, npw_error *error);
/* Asks the job to stop; npw_job_wait then ends with NPW_CANCELLED within a fraction of a second. */
NPW_API npw_status npw_job_cancel(npw_handle job, npw_error *error);
/* A JSON object {"done", "total", "unit", "seconds", "flops", "kernel_seconds", "bytes_read", "bytes_written"}. */
NPW_API npw_status npw_job_progress(npw_handle job, char **json, npw_error *error);
NPW_API npw_status npw_job_free(npw_handle job, npw_error *error);

/* ---- Calls of Python functions, since ABI 2 ---------------------------------------------------------------------- */

/* Functions run in processes of the executor ("python" of npw_open), which are started when they are needed and reused.
 * What is pickled is opaque here: the caller and python/numpywren/_sidecar.py agree on it. */

/* Bytes in the caller's memory, read before the function that takes them returns. */
typedef struct npw_bytes {
  const void *data; /* may be NULL when size is 0 */
  int64_t size;
} npw_bytes;

/* Keeps a pickled function, given in n pieces, under a key, "name-hex digits", that names its bytes: a key that is there
 * already keeps what it has. npw_call and the operation "map_blocks" of npw_apply (params "function": key, "dtype") refer
 * to it. It is kept until npw_close. */
NPW_API npw_status npw_put_function(npw_handle executor, const char *key, const npw_bytes *pieces, int32_t n,
                                    npw_error *error);
/* Starts n calls. call is a JSON object {"function": key, "name": for messages, "time_limit": seconds, 0 or absent for
 * none}. pieces has the pickled arguments: counts[0] pieces for the first call, then counts[1], and so on. The calls have
 * the numbers *first, *first + 1, …, unique in the executor. */
NPW_API npw_status npw_call(npw_handle executor, const char *call, const npw_bytes *pieces, const int32_t *counts,
                            int32_t n, int64_t *first, npw_error *error);
/* Waits until calls ended, at most timeout_ms (0 to 60000), and tells of each once. *records is a block of *size bytes
 * that the caller frees with npw_free, NULL when nothing ended; it has for each call, little-endian and without padding,
 *   int64 number
 *   int32 state: 1 returned, 2 raised, 3 its process died, 4 its time limit was over, 5 it could not be run, 6 cancelled
 *   int32 kept
 *   int64 bytes of the log, int64 bytes of the payload
 *   the log: what it printed, UTF-8; of much, the end
 *   the payload: pickled for the states 1 and 2, else a message in UTF-8.
 * If kept is 1 the payload is not there, but can be read with npw_call_read until npw_call_forget; if it is 0 the call
 * is forgotten. NPW_CLOSED once the executor is closed. One thread may wait at a time. */
NPW_API npw_status npw_calls_ended(npw_handle executor, int32_t timeout_ms, void **records, int64_t *size,
                                   npw_error *error);
/* Reads the payload of a call that is kept into data, which has the size that npw_calls_ended said. */
NPW_API npw_status npw_call_read(npw_handle executor, int64_t number, void *data, int64_t size, npw_error *error);
/* *running says whether the call is being run now: neither waiting nor over. */
NPW_API npw_status npw_call_running(npw_handle executor, int64_t number, int32_t *running, npw_error *error);
/* Ends a call; the process of one that runs is killed. *cancelled is 0 when it was over already. npw_calls_ended tells of
 * it. */
NPW_API npw_status npw_call_cancel(npw_handle executor, int64_t number, int32_t *cancelled, npw_error *error);
/* Lets go of a call and its result. One that is not over is cancelled. A number that means nothing is no failure. */
NPW_API npw_status npw_call_forget(npw_handle executor, int64_t number, npw_error *error);

#ifdef __cplusplus
}
#endif
#endif /* NUMPYWREN_H */
